#include "lamina/ops/segmentation_loss.hpp"

#include "support.hpp"

using namespace lamina;

/// Cross-entropy and Dice. Forward reads the logits and labels - the kernel alone: the op also reads its sums back, to name a bad label;
/// backward reads logits and labels and writes the gradient.
void bench::add_cases() {
  for (const Maps& m : kLogits) {
    const Shape pixels{m.n, m.h, m.h};
    Case c{.name = "segmentation_loss_forward",
           .arguments = m.arguments(),
           .inputs = {images(m.shape()), labels(pixels, m.c)},
           .op =
               [](const Tensors& in) {
                 const Tensor& logits = in[0];
                 const kernels::SegmentationLossState layout{logits.size(3), 1};
                 const Tensor state = Tensor::empty({layout.size()}, {DType::f64, logits.device()}),
                              loss = Tensor::empty({}, precise_like(logits));
                 dispatch(logits, [&]<class T>(auto& device) {
                   kernels::segmentation_loss_forward<T>(device, logits.view4<const T>(), in[1].data<const std::uint8_t>(), nullptr,
                                                         state.data<double>(), loss.data<Precise<T>>(), SegmentationLossParams{});
                 });
                 return loss;
               },
           .elements = m.numel(),
           .bytes = static_cast<double>(pixels.numel())};
    add(c);
    c.name = "segmentation_loss_backward";
    c.op = [](const Tensors& in) { return segmentation_loss(in[0], in[1]); };
    c.gradients = {0};
    c.elements = 2 * m.numel();
    add(c);
  }
}
