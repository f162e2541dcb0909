#include "lamina/kernels/optimizer.hpp"

#include <iterator>

#include "lamina/core/dispatch.hpp"
#include "support.hpp"

using namespace lamina;

namespace {

/// The tensors of a U-Net of depth 4: kernels, and gammas and betas, of two convolutions on each side of each level.
std::vector<std::int64_t> unet_sizes(std::int64_t base) {
  std::vector<std::int64_t> sizes;
  const auto conv = [&](std::int64_t cin, std::int64_t cout) { sizes.insert(sizes.end(), {9 * cin * cout, cout, cout}); };
  for (std::int64_t level = 0, cin = 3; level <= 4; ++level) {
    const std::int64_t c = base << level;
    conv(cin, c);
    conv(c, c);
    if (level < 4) conv(3 * c, c), conv(c, c);
    cin = c;
  }
  return sizes;
}

/// Weights, gradients and moments are one tensor each; a parameter is a range of it that starts at a multiple of 16 elements.
constexpr std::int64_t kAlign = 16;
std::int64_t place_of(std::int64_t size) { return (size + kAlign - 1) / kAlign * kAlign; }

template <class T>
std::vector<UpdateTensor<T>> updates(const std::vector<std::int64_t>& sizes, const bench::Tensors& in) {
  std::vector<UpdateTensor<T>> list;
  std::int64_t at = 0;
  for (std::int64_t n : sizes) {
    list.push_back({.w = in[0].data<T>() + at,
                    .g = in[1].data<const T>() + at,
                    .m = in[2].data<T>() + at,
                    .v = in[3].data<T>() + at,
                    .n = n,
                    .decay = true,
                    .copy = in.size() > 4 ? in[4].data<BFloat16>() + at : nullptr});
    at += place_of(n);
  }
  return list;
}

}  // namespace

/// All parameters of a U-Net in one launch. Adam reads four tensors and writes three, SGD with momentum reads three and writes two, their
/// gradients' norm reads one. With a copy, the new weights are written once more, as bf16.
void bench::add_cases() {
  for (std::int64_t base : {16, 64}) {
    const std::vector<std::int64_t> sizes = unet_sizes(base);
    std::int64_t total = 0, room = 0;
    for (std::int64_t n : sizes) total += n, room += place_of(n);
    Case c{.arguments = {{"base", base}, {"tensors", static_cast<std::int64_t>(sizes.size())}},
           .inputs = {weights({room}), weights({room}), constant({room}, 0), constant({room}, 0.01)},
           .cuda = {DType::f32}};
    const auto with = [&](const char* name, double weights, double moments, auto update) {
      c.name = name;
      c.elements = weights * static_cast<double>(total);
      c.bytes = 4 * moments * static_cast<double>(total) + (c.inputs.size() > 4 ? 2 * static_cast<double>(total) : 0);
      c.op = [sizes, update](const Tensors& in) {
        Tensor result;
        dispatch(in[0], [&]<class T>(auto& device) { result = update(device, in[0], updates<Precise<T>>(sizes, in)); });
        return result;
      };
      add(c);
    };
    const auto adam = []<class T>(auto& device, const Tensor& w, const std::vector<UpdateTensor<T>>& list) {
      const AdamUpdate update{
          .gradient = {}, .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .step = 10, .epsilon_inside_correction = true};
      kernels::adam_update<T>(device, list.data(), std::ssize(list), update);
      return w;
    };
    with("adam", 3, 4, adam);
    with("sgd", 3, 2, []<class T>(auto& device, const Tensor& w, const std::vector<UpdateTensor<T>>& list) {
      const SgdUpdate update{.gradient = {}, .lr = 1e-3, .momentum = 0.9, .nesterov = false, .first = false};
      kernels::sgd_update<T>(device, list.data(), std::ssize(list), update);
      return w;
    });
    with("gradient_square_sum", 1, 0, []<class T>(auto& device, const Tensor&, const std::vector<UpdateTensor<T>>& list) {
      double sum = 0;
      kernels::gradient_square_sum<T>(device, list.data(), std::ssize(list), &sum);
      return Tensor::scalar(sum);
    });
    c.inputs.push_back({.make = [room] { return Tensor::zeros({room}, {DType::bf16, kCpu}); }});
    with("adam_bf16_copy", 3, 4, adam);
  }
}
