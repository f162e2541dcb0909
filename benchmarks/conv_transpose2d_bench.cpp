#include "lamina/ops/conv_transpose2d.hpp"

#include "support.hpp"

using namespace lamina;

/// Upsampling (n, h, h, c) -> (n, 2h, 2h, c / 2) with a k x k kernel and stride 2; each pass reads two of x, w and y and writes the third.
void bench::add_cases() {
  struct Layer {
    std::int64_t n, h, c, k;
  };
  for (const Layer& l :
       {Layer{4, 16, 256, 2}, {4, 32, 128, 2}, {4, 64, 64, 2}, {4, 128, 32, 2}, {4, 64, 64, 4}, {8, 16, 1024, 2}, {8, 128, 128, 2}}) {
    const Shape x{l.n, l.h, l.h, l.c}, w{l.c, l.k, l.k, l.c / 2};
    add_passes({.name = "conv_transpose2d",
                .arguments = {{"n", l.n}, {"h", l.h}, {"c", l.c}, {"k", l.k}},
                .inputs = {images(x), weights(w)},
                .op = [](const Tensors& in) { return conv_transpose2d(in[0], in[1], {}, {.stride = 2, .padding = Padding::tf_same()}); },
                .elements = static_cast<double>(3 * x.numel() + w.numel()),
                .flops = 2.0 * static_cast<double>(x.numel() * l.k * l.k * (l.c / 2))});
  }
}
