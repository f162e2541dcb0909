#include "lamina/train/memory.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/text.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/reduce.hpp"

namespace lamina::train {
namespace {

std::string amount(double bytes) { return formatted(bytes < 1e8 ? "%.3g MB" : "%.2f GB", bytes / (bytes < 1e8 ? 1e6 : 1e9)); }

/// The most that is there in a forward and backward of so many images, gradients included.
double peak_of(models::Network& network, const TrainConfig& c, std::int64_t images) {
  const nn::RandomScope random(RandomKey{0, 0});
  const std::size_t before = memory_stats(kMeta).in_use;
  reset_peak_memory(kMeta);
  Tensor total;
  for (const auto& output : network.run(Tensor::empty({images, c.height, c.width, network.in_channels()}, {DType::f32, kMeta}))) {
    const Tensor one = sum(output.tensor);
    total = total ? add(total, one) : one;
  }
  total.backward();
  for (const Tensor& p : network.parameters()) p.zero_grad();
  return static_cast<double>(memory_stats(kMeta).peak - before);
}

}  // namespace

StepMemory step_memory(const TrainConfig& c, const heads::Head& head, int channels) {
  constexpr int kBatches = 3;  // in use, ready, being made
  const auto network = models::build_meta(model_config(c, &head, channels));
  network->to(parse_precision(c.precision));
  network->train();
  const double two = peak_of(*network, c, 2), four = peak_of(*network, c, 4);
  const double states = (c.optimizer == "sgd" ? (c.momentum > 0 ? 1 : 0) : 2) + (parse_precision(c.precision) == DType::bf16 ? 1 : 0);
  StepMemory m{.fixed = std::max(0.0, 2 * two - four), .per_image = (four - two) / 2};
  for (const nn::NamedTensor& t : network->state())
    m.fixed += static_cast<double>(t.tensor.numel()) * static_cast<double>(size_of(t.tensor.dtype()));
  double values = 0;
  for (const Tensor& p : network->parameters()) values += 4 * static_cast<double>(p.numel());
  m.fixed += states * values;
  if (parse_device(c.device).is_cuda()) return m;
  m.waiting = kBatches * static_cast<double>(c.batch) * c.accumulate * c.width * c.height * (4 * channels + std::max(1, head.planes()));
  m.saving = values * ((2 + states) + 2 * (1 + states) + 1);  // what training holds, two checkpoints, the network of the report
  return m;
}

void require_memory(const TrainConfig& c, const StepMemory& step, std::int64_t bytes, const std::string& limit) {
  const double needed = step.of(c.batch), there = static_cast<double>(bytes), room = there - step.fixed;
  if (needed <= there) return;
  // An update of fewer images has fewer that wait, too.
  const int images = c.batch * c.accumulate;
  const double of_an_update = step.per_image + step.waiting / images;
  const auto as_many = static_cast<int>(std::floor((room - step.waiting) / step.per_image)), fewer = static_cast<int>(room / of_an_update);
  const char* const alone = c.accumulate > 1 ? " --accumulate 1" : "";
  std::string cure = "the network alone does not: try a smaller --base or --depth";
  const bool saves = step.saving <= there;
  if (saves && as_many >= 1) {
    cure = message("--batch ", as_many, " fits; with --accumulate ", (images + as_many - 1) / as_many, " an update still sees as many");
  } else if (saves && fewer >= 1) {
    cure = message("--batch ", fewer, alone, " fits; an update then sees ", fewer, " instead of ", images);
  } else if (const double scale = std::sqrt(std::max(room / of_an_update, 0.0)); saves && std::min(c.width, c.height) * scale >= 16) {
    const auto side = [&](int pixels) { return static_cast<int>(pixels * scale / 16) * 16; };
    cure = message("not even one does: --batch 1", alone, " --size ", side(c.width), "x", side(c.height), " fits");
  }
  throw MemoryError(message("training on ", counted(c.batch, "image"), " of ", c.width, "x", c.height, " at once takes about ",
                            amount(needed), " of tensors at its peak, and ", amount(there), " of ", limit, " can be had for it; ", cure));
}

}  // namespace lamina::train
