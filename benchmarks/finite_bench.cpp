#include "lamina/kernels/finite.hpp"

#include "lamina/core/dispatch.hpp"
#include "support.hpp"

using namespace lamina;

/// Are all elements finite? Reads x; the answer is waited for.
void bench::add_cases() {
  for (const Maps& m : kFeatureMaps)
    add({.name = "all_finite",
         .arguments = m.arguments(),
         .inputs = {images(m.shape())},
         .op =
             [](const Tensors& in) {
               bool finite = false;
               dispatch(in[0], [&]<class T>(auto& device) { kernels::all_finite<T>(device, in[0].view2<const T>(), &finite); });
               return Tensor::scalar(finite);
             },
         .elements = m.numel()});
}
