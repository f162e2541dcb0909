#include "lamina/ops/resize.hpp"

#include "support.hpp"

using namespace lamina;

/// Maps (n, h, h, c) to (n, to, to, c): a U-Net's decoder doubles, DeepLab's goes from 33 to 129 and its logits from 129 to 513. Reads x
/// and writes y, backward reads dy and writes dx.
void bench::add_cases() {
  struct Enlargement {
    Maps from;
    std::int64_t to;
  };
  for (const auto& [m, to] :
       {Enlargement{{4, 128, 32}, 256}, {{4, 32, 128}, 64}, {{8, 128, 128}, 256}, {{4, 33, 256}, 129}, {{4, 129, 9}, 513}}) {
    const double moved = m.numel() + static_cast<double>(m.n * to * to * m.c);
    const auto with = [&](const char* name, auto op) {
      Case c{.name = name, .arguments = m.arguments(), .inputs = {images(m.shape())}, .op = op, .elements = moved};
      c.arguments.emplace_back("to", to);
      add_both(c, {0}, moved);
    };
    with("resize_nearest", [to = to](const Tensors& in) { return resize_nearest(in[0], to, to); });
    with("resize_bilinear", [to = to](const Tensors& in) { return resize_bilinear(in[0], to, to, ResizeGrid::half_pixel); });
    with("resize_bilinear_corners", [to = to](const Tensors& in) { return resize_bilinear(in[0], to, to, ResizeGrid::align_corners); });
  }
}
