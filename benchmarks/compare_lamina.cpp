// Lamina's side of compare_pytorch.py: times one case and prints JSON.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "lamina/lamina.hpp"
#include "lamina/train/colorize.hpp"

using namespace lamina;

namespace {

constexpr const char* kUsage =
    "usage: compare_lamina unet train|infer BATCH SIZE BASE DEPTH CLASSES REPEATS THREADS [DEVICE [f32|bf16]]\n"
    "       compare_lamina deeplab train|infer BATCH SIZE PRESET CLASSES REPEATS THREADS [DEVICE [f32|bf16]]\n"
    "       compare_lamina pair step BATCH SIZE GENERATOR DISCRIMINATOR REPEATS THREADS\n"
    "       compare_lamina conv forward|backward BATCH SIZE CIN COUT KERNEL STRIDE DILATION GROUPS REPEATS THREADS\n";

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

/// The most memory that this process has had, in MB (a parent's that it was forked from does not count).
double peak_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  return 0;
}

int print(double seconds, double check, Device device = kCpu) {
  std::printf("{\"seconds\": %.6g, \"peak_mb\": %.1f, \"tensor_mb\": %.1f, \"check\": %.9g}\n", seconds, peak_mb(),
              static_cast<double>(memory_stats(device).peak) / 1e6, check);
  return std::isfinite(check) ? 0 : 1;
}

/// Logits, or a training step of cross-entropy and Dice at the images' size.
int network(models::Network& net, bool train, std::int64_t batch, std::int64_t size, int classes, int repeats, Device device, DType dtype) {
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
        repeats, [&] { y = net(x); }, device);
    return print(seconds, y.to(kCpu).to(DType::f32).data<float>()[0], device);
  }
  optim::Adam adam(net.named_parameters(), {.lr = 1e-3});
  Tensor loss;
  const double seconds = median_seconds(
      repeats,
      [&] {
        loss = segmentation_loss(net(x), labels, {.empty_class = EmptyClass::penalize, .upsample = net.grid()});
        adam.zero_grad();
        loss.backward();
        adam.step();
      },
      device);
  return print(seconds, loss.item(), device);
}

/// A step of the colorization pair on photographs of noise: both updates, by the settings' defaults.
int pair(std::int64_t batch, int size, const std::string& generator, const std::string& discriminator, int repeats) {
  const train::ColorizeConfig config{.model = generator == "unet" ? "unet" : "deeplabv3plus",
                                     .preset = generator == "unet" ? "bn" : generator,
                                     .discriminator = discriminator,
                                     .width = size,
                                     .height = size,
                                     .out = "none"};
  data::PhotoSets photos;
  photos.training.add("noise");  // never read
  const auto task = train::make_colorization_task(config, photos);
  data::Batch noise;
  noise.indices.assign(static_cast<std::size_t>(batch), 0);
  noise.set(kImage, Tensor::uniform({batch, size, size, 3}, {1, 2}, -1, 1));
  double loss = 0;
  const double seconds = median_seconds(repeats, [&] { loss = task->step(noise).at("g_loss"); });
  return print(seconds, loss);
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
  const double seconds = median_seconds(std::atoi(a[9]), [&] {
    if (!backward) {
      check = conv2d(x, w, {}, p).data<float>()[0];
      return;
    }
    x.zero_grad();
    w.zero_grad();
    y.backward(dy, true);
    check = w.grad().data<float>()[0];
  });
  return print(seconds, check);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  const int last = kind == "unet" ? 9 : kind == "deeplab" || kind == "pair" ? 8 : kind == "conv" ? 12 : 0;  // THREADS
  const bool on_device = kind == "unet" || kind == "deeplab";
  if (last == 0 || argc <= last || argc > last + (on_device ? 3 : 1)) return std::fputs(kUsage, stderr), 2;
  ThreadPool pool(std::atoi(argv[last]));
  const ExecutorScope scope(pool);
  const auto number = [&](int i) { return std::atoi(argv[i]); };
  if (kind == "conv") return conv(argv + 2);
  if (kind == "pair") return pair(number(3), number(4), argv[5], argv[6], number(7));
  const bool train = std::strcmp(argv[2], "train") == 0;
  const Device device = parse_device(argc > last + 1 ? argv[last + 1] : "cpu");
  const DType dtype = train::parse_precision(argc > last + 2 ? argv[last + 2] : "f32");
  const int classes = number(last - 2);
  const auto net = models::build_network(
      kind == "unet" ? models::ModelConfig{.preset = "bn", .classes = classes, .options = {{"base", argv[5]}, {"depth", argv[6]}}}
                     : models::ModelConfig{.model = "deeplabv3plus", .preset = argv[5], .classes = classes},
      1);
  return network(*net, train, number(3), number(4), classes, number(last - 1), device, dtype);
}
