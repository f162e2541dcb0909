// Tensors, ops, gradients and how to check your own: the engine in one page.
#include <cstdio>

#include "lamina/lamina.hpp"

using namespace lamina;

int main() {
  // An image batch is (N, H, W, C); a weight is (Cout, Kh, Kw, Cin).
  const RandomKey key{42};
  const Tensor image = Tensor::normal({1, 8, 8, 3}, key.derive(0));
  Tensor weight = Tensor::normal({4, 3, 3, 3}, key.derive(1), 0, 0.2);
  weight.set_requires_grad();

  // Ops record themselves; backward() fills grad() of the leaves.
  const Tensor features = conv2d(image, weight, {}, {.padding = Padding::symmetric(1), .activation = Activation::relu()});
  const Tensor pooled = max_pool2d(features, {.kernel = 2, .stride = 2});
  mean(pooled).backward();
  std::printf("conv2d + relu + max_pool2d: %s -> %s -> %s\n", image.shape().str().c_str(), features.shape().str().c_str(),
              pooled.shape().str().c_str());
  std::printf("gradient of the weight:     %s, first element %.6f\n", weight.grad().shape().str().c_str(),
              weight.grad().to_vector<double>()[0]);

  // Memory that your program owns is wrapped, not copied.
  float pixels[4] = {1, 2, 3, 4};
  const Tensor mine = Tensor::from_blob(pixels, {1, 2, 2, 1}, DType::f32);
  const Tensor larger = resize_bilinear(mine, 4, 4, ResizeGrid::align_corners);
  std::printf("bilinear corners:           %.0f and %.0f\n", larger.to_vector<float>().front(), larger.to_vector<float>().back());

  // Gradients of any composition can be checked against finite differences, in double.
  Tensor x = Tensor::normal({1, 4, 5, 2}, key.derive(2), 0, 1, {DType::f64, kCpu});
  x.set_requires_grad();
  const GradcheckResult check = gradcheck([](const std::vector<Tensor>& in) { return mul(tanh(in[0]), sigmoid(in[0])); }, {x});
  std::printf("gradcheck of tanh * sigmoid: %s\n", check.ok ? "ok" : check.str().c_str());

  // Mistakes are exceptions that say what to do.
  try {
    add(image, weight);
  } catch (const ShapeError& e) {
    std::printf("ShapeError:                 %s\n", e.what());
  }
  return check.ok ? 0 : 1;
}
