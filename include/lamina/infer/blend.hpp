#pragma once
#include <functional>
#include <vector>

#include "lamina/core/tensor.hpp"
#include "lamina/data/windows.hpp"

namespace lamina::infer {

/// Makes of what a network says of a photograph's windows what it says of the photograph: means, weighted so that the middle of a window,
/// where the network sees most, decides. Holds as many rows as a window has.
class Blend {
 public:
  /// Called with the first row and probabilities (rows, W, outputs) f32 of strips, from the top.
  using Rows = std::function<void(std::int64_t, const Tensor&)>;
  Blend(const data::Window& photograph, int window_width, int window_height, std::int64_t outputs, Rows rows);

  /// The windows in the order of data::windows_of: probabilities (window_height, window_width, outputs).
  void add(const data::Window& window, const float* probabilities);
  /// After the last window.
  void finish() { finish(height_); }

 private:
  /// Calls rows_ with the means of the rows above `row`, where the strip then begins.
  void finish(std::int64_t row);

  std::int64_t first_ = 0, height_, width_, outputs_, window_width_;
  std::vector<float> vertical_, horizontal_;
  Tensor sums_, weights_;  // (rows, W, outputs), (rows, W)
  Rows rows_;
};

}  // namespace lamina::infer
