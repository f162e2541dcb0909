#include "lamina/kernels/optimizer.hpp"

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
                    .decay = true});
    at += place_of(n);
  }
  return list;
}

}  // namespace

/// All parameters of a U-Net in one launch. Adam reads four tensors and writes three, SGD with momentum reads three and writes two.
void bench::add_cases() {
  for (std::int64_t base : {16, 64}) {
    const std::vector<std::int64_t> sizes = unet_sizes(base);
    std::int64_t total = 0, room = 0;
    for (std::int64_t n : sizes) total += n, room += place_of(n);
    const auto with = [&](const char* name, double passes, auto update) {
      add({.name = name,
           .arguments = {{"base", base}, {"tensors", static_cast<std::int64_t>(sizes.size())}},
           .inputs = {normal({room}), normal({room}, 0, 0.1), constant({room}, 0), constant({room}, 0.01)},
           .op =
               [sizes, update](const Tensors& in) {
                 dispatch(in[0], [&]<class T>(auto& device) {
                   const auto list = updates<T>(sizes, in);
                   update(device, list.data(), static_cast<std::int64_t>(list.size()));
                 });
                 return in[0];
               },
           .elements = passes * static_cast<double>(total),
           .on_bf16 = false});  // weights and moments are f32
    };
    with("adam", 7, []<class T>(auto& device, const UpdateTensor<T>* list, std::int64_t count) {
      kernels::adam_update<T>(
          device, list, count,
          AdamUpdate{
              .gradient = {}, .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .step = 10, .epsilon_inside_correction = true});
    });
    with("sgd", 5, []<class T>(auto& device, const UpdateTensor<T>* list, std::int64_t count) {
      kernels::sgd_update<T>(device, list, count,
                             SgdUpdate{.gradient = {}, .lr = 1e-3, .momentum = 0.9, .nesterov = false, .first = false});
    });
  }
}
