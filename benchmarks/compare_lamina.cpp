// Lamina's side of compare_pytorch.py: times one case and prints JSON.
// usage: compare_lamina unet train|infer BATCH SIZE BASE DEPTH CLASSES REPEATS THREADS [DEVICE [f32|bf16]]
//        compare_lamina conv forward|backward BATCH SIZE CIN COUT KERNEL STRIDE DILATION GROUPS REPEATS THREADS
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "lamina/lamina.hpp"
#include "lamina/train/config.hpp"

using namespace lamina;

namespace {

/// The median of `repeats` measurements of f(): one call each on the CPU; ten on a CUDA device, whose queue must not run empty.
double median_seconds(int repeats, const std::function<void()>& f, Device device = kCpu) {
  const int calls = device.is_cpu() ? 1 : 10;
  Stopwatch watch(device);
  std::vector<double> times;
  for (int i = -2; i < repeats; ++i) {  // two that do not count
    watch.start();
    for (int k = 0; k < calls; ++k) f();
    const double seconds = watch.seconds() / calls;
    if (i >= 0) times.push_back(seconds);
  }
  std::nth_element(times.begin(), times.begin() + repeats / 2, times.end());
  return times[static_cast<std::size_t>(repeats / 2)];
}

void print(double seconds, double check, Device device = kCpu) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"seconds\": %.6g, \"peak_mb\": %.1f, \"tensor_mb\": %.1f, \"check\": %.9g}\n", seconds,
              static_cast<double>(usage.ru_maxrss) / 1024, static_cast<double>(memory_stats(device).peak) / 1e6, check);
}

int unet(char** a, Device device, DType dtype) {
  const bool train = std::strcmp(a[0], "train") == 0;
  const int batch = std::atoi(a[1]), size = std::atoi(a[2]), base = std::atoi(a[3]), depth = std::atoi(a[4]), classes = std::atoi(a[5]);
  nn::RandomStream random(RandomKey{1});
  models::UNet net({.in_channels = 3, .classes = classes, .base = base, .depth = depth}, random);
  const Tensor x = Tensor::normal({batch, size, size, 3}, {1, 2}).to(device).to(dtype);
  Tensor labels = Tensor::empty({batch, size, size}, {DType::u8, kCpu});
  for (std::int64_t i = 0; i < labels.numel(); ++i) labels.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i / 64 % classes);
  labels = labels.to(device);
  net.to(device);
  net.to(dtype);
  if (!train) {
    net.eval();
    const NoGrad no_grad;
    Tensor y;
    const double seconds = median_seconds(
        std::atoi(a[6]), [&] { y = net(x); }, device);
    const double first = y.to(kCpu).to(DType::f32).data<float>()[0];
    print(seconds, first, device);
    return std::isfinite(first) ? 0 : 1;
  }
  optim::Adam adam(net.named_parameters(), {.lr = 1e-3});
  Tensor loss;
  const double seconds = median_seconds(
      std::atoi(a[6]),
      [&] {
        loss = segmentation_loss(net(x), labels, {.empty_class = EmptyClass::penalize});
        adam.zero_grad();
        loss.backward();
        adam.step();
      },
      device);
  print(seconds, loss.item(), device);
  return std::isfinite(loss.item()) ? 0 : 1;
}

int conv(char** a) {
  const bool backward = std::strcmp(a[0], "backward") == 0;
  const int batch = std::atoi(a[1]), size = std::atoi(a[2]), cin = std::atoi(a[3]), cout = std::atoi(a[4]), k = std::atoi(a[5]),
            stride = std::atoi(a[6]), dilation = std::atoi(a[7]), groups = std::atoi(a[8]);
  Tensor x = Tensor::normal({batch, size, size, cin}, {1, 2}), w = Tensor::normal({cout, k, k, cin / groups}, {1, 3}, 0, 0.05);
  const Conv2dParams p{.stride = stride, .padding = Padding::symmetric(dilation * (k / 2)), .dilation = dilation, .groups = groups};
  x.set_requires_grad(backward);
  w.set_requires_grad(backward);
  double check = 0;
  const Tensor dy = Tensor::normal(conv2d(x.detach(), w.detach(), {}, p).shape(), {1, 4});
  Tensor y;
  // The backward pass alone: dx and dw of one recorded forward.
  if (backward) y = conv2d(x, w, {}, p);
  print(median_seconds(std::atoi(a[9]),
                       [&] {
                         if (!backward) {
                           check = conv2d(x, w, {}, p).data<float>()[0];
                           return;
                         }
                         x.zero_grad();
                         w.zero_grad();
                         y.backward(dy, true);
                         check = w.grad().data<float>()[0];
                       }),
        check);
  return std::isfinite(check) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_unet = argc >= 10 && argc <= 12 && std::strcmp(argv[1], "unet") == 0,
             is_conv = argc == 13 && std::strcmp(argv[1], "conv") == 0;
  if (!is_unet && !is_conv) {
    std::fprintf(stderr,
                 "usage: compare_lamina unet train|infer BATCH SIZE BASE DEPTH CLASSES REPEATS THREADS [DEVICE [f32|bf16]]\n"
                 "       compare_lamina conv forward|backward BATCH SIZE CIN COUT KERNEL STRIDE DILATION GROUPS REPEATS THREADS\n");
    return 2;
  }
  ThreadPool pool(std::atoi(argv[is_unet ? 9 : 12]));
  const ExecutorScope scope(pool);
  if (is_conv) return conv(argv + 2);
  return unet(argv + 2, parse_device(argc > 10 ? argv[10] : "cpu"), train::parse_precision(argc > 11 ? argv[11] : "f32"));
}
