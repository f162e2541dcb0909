#include "lamina/kernels/copy.hpp"

#include "lamina/core/dispatch.hpp"
#include "support.hpp"

using namespace lamina;

/// Reads x and writes y: packed, out of a wider tensor, and from the row's type to the other one.
void bench::add_cases() {
  const auto op = [](const Tensors& in) {
    Tensor y = Tensor::empty(in[0].shape(), like(in[0]));
    dispatch(in[0], [&]<class T>(auto& device) { kernels::copy<T>(device, in[0].view2<const T>(), y.view2<T>()); });
    return y;
  };
  for (const Maps& m : kFeatureMaps) {
    const Input x = images(m.shape());
    add({.name = "copy", .arguments = m.arguments(), .inputs = {x}, .op = op, .elements = 2 * m.numel()});
    add({.name = "copy_slice", .arguments = m.arguments(), .inputs = {sliced(x)}, .op = op, .elements = 2 * m.numel()});
    add({.name = "convert",
         .arguments = m.arguments(),
         .inputs = {x},
         .op = [](const Tensors& in) { return in[0].to(in[0].dtype() == DType::bf16 ? DType::f32 : DType::bf16); },
         .bytes = 6 * m.numel()});
  }
}
