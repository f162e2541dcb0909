// What the op benchmarks share. A benchmark file states its cases - shapes, op, traffic, arithmetic - in `add_cases`; everything else is
// here: on each device and type the result of the first two images is checked against the CPU's in f64 from the same values, then the op
// is timed over sets of tensors that no cache holds together, and reported as GFLOP/s, GB/s and the share of what the device can do
// (ceilings.hpp).
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lamina/core/tensor.hpp"

namespace lamina::bench {

/// A tensor that a case works on.
struct Input {
  std::function<Tensor()> make;  ///< on the CPU: f32, or a type that stays as it is (labels)
  bool images = false;           ///< the first axis is the batch: the check takes two of them
  bool precise = false;          ///< f32 beside bf16: parameters of channels, statistics
  bool sliced = false;           ///< a channel range in the middle of a tensor twice as wide
};
/// Normal values: a batch of images, or what belongs to all of them.
Input images(const Shape& shape, double mean = 0);
Input weights(const Shape& shape, double sd = 0.1);
Input constant(const Shape& shape, double value);
/// u8 images, any of `classes`.
Input labels(const Shape& shape, std::int64_t classes);
inline Input precise(Input input) { return input.precise = true, input; }
inline Input sliced(Input input) { return input.sliced = true, input; }

using Tensors = std::vector<Tensor>;

/// One op at one shape: rows NAME/ARGUMENT:VALUE/.../DEVICE/TYPE, for the CPU in f32 and CUDA in f32 and bf16.
struct Case {
  std::string name = {};
  std::vector<std::pair<const char*, std::int64_t>> arguments = {};
  std::vector<Input> inputs = {};
  std::function<Tensor(const Tensors& inputs)> op = {};
  std::vector<std::size_t> gradients = {};              ///< empty: the op is timed; else its backward, to the gradients of these inputs
  double elements = 0;                                  ///< read and written, of the row's type
  double bytes = 0;                                     ///< read and written, of types that do not change
  double flops = 0;                                     ///< of the defining sum, 2 a multiply-add, whatever is run
  std::vector<DType> cuda = {DType::f32, DType::bf16};  ///< the types of its rows on CUDA
};
void add(Case c);
/// NAME_forward, and NAME_backward to the gradients of `gradients`, which moves `elements`.
void add_both(Case c, std::vector<std::size_t> gradients, double elements);
/// The three passes of a convolution of inputs x and w: NAME_forward, NAME_backward_data, NAME_backward_weights.
void add_passes(const Case& c);

/// What each benchmark file defines: calls `add` (or Google Benchmark's own registration).
void add_cases();

/// Feature maps (n, h, h, c) that our models spend their time on: of U-Nets of base 16 and 64 at 256 x 256, and of DeepLab at 513 x 513.
struct Maps {
  std::int64_t n, h, c;
  Shape shape() const { return {n, h, h, c}; }
  double numel() const { return static_cast<double>(shape().numel()); }
  std::vector<std::pair<const char*, std::int64_t>> arguments() const { return {{"n", n}, {"h", h}, {"c", c}}; }
};
inline constexpr Maps kFeatureMaps[] = {{4, 256, 16}, {8, 256, 64}, {8, 64, 256}, {4, 129, 256}, {4, 33, 2048}};
/// Logits of those models.
inline constexpr Maps kLogits[] = {{4, 256, 2}, {4, 256, 12}, {8, 256, 32}, {4, 513, 9}};

}  // namespace lamina::bench
