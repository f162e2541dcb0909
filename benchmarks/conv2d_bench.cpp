#include "lamina/ops/conv2d.hpp"

#include "support.hpp"

using namespace lamina;

namespace {

/// (n, h, h, cin) -> (n, h, h, cout) with a k x k kernel, SAME size.
struct Layer {
  std::int64_t n, h, cin, cout, k = 3, dilation = 1, groups = 1;
  Conv2dAlgorithm algorithm = Conv2dAlgorithm::automatic;
};

/// The three passes of a layer; each reads two of x, w and y and writes the third.
void add_layer(const Layer& l) {
  const Shape x{l.n, l.h, l.h, l.cin}, w{l.cout, l.k, l.k, l.cin / l.groups}, y{l.n, l.h, l.h, l.cout};
  const Conv2dParams p{.padding = Padding::tf_same(), .dilation = static_cast<int>(l.dilation), .groups = static_cast<int>(l.groups)};
  bench::Case c{
      .name = "conv2d",
      .arguments = {{"n", l.n}, {"h", l.h}, {"cin", l.cin}, {"cout", l.cout}, {"k", l.k}, {"d", l.dilation}, {"groups", l.groups}},
      .inputs = {bench::images(x), bench::weights(w)},
      .op =
          [p, a = l.algorithm](const bench::Tensors& in) {
            const Conv2dPlanScope scope(Conv2dPlan::all(a));
            return conv2d(in[0], in[1], {}, p);
          },
      .elements = static_cast<double>(x.numel() + w.numel() + y.numel()),
      .flops = 2.0 * static_cast<double>(y.numel() * l.k * l.k * (l.cin / l.groups))};
  if (l.algorithm != Conv2dAlgorithm::automatic) c.arguments.emplace_back(name_of(l.algorithm), 1);
  if (!kernels::conv2d_supports(Device::Type::cuda, l.algorithm, w[0], w[1], w[2], w[3], p)) c.cuda = {};
  add_passes(c);
}

}  // namespace

void bench::add_cases() {
  // U-Nets of base 16 (the encoder's two layers and the decoder's first of each level, two heads) and base 64.
  for (const Layer& l : {Layer{4, 256, 3, 16},
                         {4, 256, 16, 16},
                         {4, 256, 48, 16},
                         {4, 128, 16, 32},
                         {4, 128, 32, 32},
                         {4, 128, 96, 32},
                         {4, 64, 32, 64},
                         {4, 64, 64, 64},
                         {4, 64, 192, 64},
                         {4, 32, 64, 128},
                         {4, 32, 128, 128},
                         {4, 32, 384, 128},
                         {4, 16, 128, 256},
                         {4, 16, 256, 256},
                         {4, 256, 16, 2, 1},
                         {4, 256, 16, 11, 1},
                         {4, 256, 64, 11, 1},
                         {4, 32, 256, 64, 1}})
    add_layer(l);
  for (const Layer& l :
       {Layer{8, 256, 3, 64}, {8, 256, 64, 64}, {8, 128, 128, 128}, {8, 64, 256, 256}, {8, 32, 512, 512}, {8, 16, 1024, 1024}})
    add_layer(l);
  // DeepLab: ASPP's branches on 33 x 33, depthwise ones too, its projection, the last block's units, and the decoder on 129 x 129.
  for (const Layer& l : {Layer{4, 33, 2048, 256, 1},
                         {4, 33, 2048, 256, 3, 6},
                         {4, 33, 2048, 256, 3, 12},
                         {4, 33, 2048, 256, 3, 18},
                         {4, 33, 2048, 2048, 3, 6, 2048},
                         {4, 33, 2048, 2048, 3, 12, 2048},
                         {4, 33, 2048, 2048, 3, 18, 2048},
                         {4, 33, 1280, 256, 1},
                         {4, 33, 512, 512, 3, 2},
                         {4, 33, 512, 512, 3, 4},
                         {4, 33, 512, 512, 3, 8},
                         {4, 129, 256, 48, 1},
                         {4, 129, 304, 256},
                         {4, 129, 304, 304, 3, 1, 304}})
    add_layer(l);
  for (auto algorithm : {Conv2dAlgorithm::implicit_gemm, Conv2dAlgorithm::direct, Conv2dAlgorithm::winograd2, Conv2dAlgorithm::winograd3,
                         Conv2dAlgorithm::winograd4})
    add_layer({4, 128, 32, 32, 3, 1, 1, algorithm});
}
