#include "lamina/ops/segmentation_loss.hpp"

#include "support.hpp"

using namespace lamina;

/// Cross-entropy and Dice. Forward reads the logits and labels - the kernel alone: the op also reads its sums back, to name a bad label;
/// backward reads logits and labels and writes the gradient. Last, DeepLab's logits of 129 x 129 with the upsampling to 513 x 513 folded
/// in.
void bench::add_cases() {
  const auto with = [](const Maps& m, std::int64_t to) {
    const Shape pixels{m.n, to, to};
    Case c{.name = "segmentation_loss_forward",
           .arguments = m.arguments(),
           .inputs = {images(m.shape()), labels(pixels, m.c)},
           .op =
               [](const Tensors& in) {
                 const Tensor &logits = in[0], labels = in[1].view_as({in[1].size(0), in[1].size(1), in[1].size(2), 1});
                 const kernels::SegmentationLossState layout{logits.size(3), 1};
                 const Tensor state = Tensor::empty({layout.size()}, {DType::f64, logits.device()}),
                              loss = Tensor::empty({}, precise_like(logits));
                 dispatch(logits, [&]<class T>(auto& device) {
                   kernels::segmentation_loss_forward<T>(device, logits.view4<const T>(), labels.view4<const std::uint8_t>(),
                                                         kernels::LossWeights{}, state.data<double>(), loss.data<Precise<T>>(),
                                                         SegmentationLossParams{});
                 });
                 return loss;
               },
           .elements = m.numel(),
           .bytes = static_cast<double>(pixels.numel())};
    if (to != m.h) c.arguments.emplace_back("to", to);
    add(c);
    c.name = "segmentation_loss_backward";
    c.op = [](const Tensors& in) { return segmentation_loss(in[0], in[1], {.upsample = ResizeGrid::half_pixel}); };
    c.gradients = {0};
    c.elements = 2 * m.numel();
    add(c);
  };
  for (const Maps& m : kLogits) with(m, m.h);
  with({4, 129, 9}, 513);
}
