// A program's own network, loss and data in the library's training loop, with its run folder: checkpoints, metrics, resuming.
// usage: train_own RUN [EPOCHS]
#include <cstdio>
#include <cstdlib>

#include "lamina/lamina.hpp"
#include "lamina/train/loop.hpp"
#include "lamina/train/segmentation_task.hpp"
#include "lamina/train/sinks/log.hpp"
#include "lamina/train/sinks/metrics_files.hpp"

using namespace lamina;

namespace {

/// Logits at half the images' size: the loss interpolates them.
class SmallNet : public models::Network {
 public:
  explicit SmallNet(nn::RandomStream& random)
      : first_(add<nn::Conv2d>(
            "first", nn::Conv2dOptions{.in = 3, .out = 8, .stride = 2, .padding = Padding::symmetric(1), .activation = Activation::relu()},
            random)),
        last_(add<nn::Conv2d>("last", nn::Conv2dOptions{.in = 8, .out = 2, .padding = Padding::symmetric(1)}, random)) {}
  models::Outputs forward(const Tensor& x) override { return {{kLabels, last_(first_(x))}}; }  // (N, H/2, W/2, 2)
  int in_channels() const override { return 3; }
  std::vector<models::OutputSpec> outputs() const override { return {{kLabels, 2}}; }
  int minimum_size() const override { return 2; }

 private:
  nn::Conv2d &first_, &last_;
};

/// Bright discs on a noisy ground, drawn when they are asked for: a function of epoch and batch, so that a resumed run sees the same ones.
class Discs : public data::Batches {
 public:
  std::int64_t batches() const override { return 8; }
  void start(std::int64_t epoch, std::int64_t first_batch) override { epoch_ = epoch, batch_ = first_batch; }
  bool next(data::Batch& batch) override {
    if (batch_ >= batches()) return false;
    Random random(RandomKey{1}.derive(static_cast<std::uint64_t>(epoch_)).derive(static_cast<std::uint64_t>(batch_)));
    const Tensor image = Tensor::empty({kItems, kSize, kSize, 3}), labels = Tensor::empty({kItems, kSize, kSize}, {DType::u8, kCpu});
    batch.indices.clear();
    for (int n = 0; n < kItems; ++n) {
      const double x = random.uniform(8, kSize - 8), y = random.uniform(8, kSize - 8), radius = random.uniform(4, 8);
      for (int i = 0; i < kSize * kSize; ++i) {
        const bool inside = std::hypot(i % kSize - x, i / kSize - y) < radius;
        labels.data<std::uint8_t>()[n * kSize * kSize + i] = inside;
        for (int c = 0; c < 3; ++c)
          image.data<float>()[(n * kSize * kSize + i) * 3 + c] =
              static_cast<float>(inside ? 0.5 : -0.5) + static_cast<float>(random.uniform(-1, 1));
      }
      batch.indices.push_back(static_cast<int>(batch_) * kItems + n);
    }
    batch.set(kImage, image);
    batch.set(kLabels, labels);
    ++batch_;
    return true;
  }

 private:
  static constexpr int kItems = 4, kSize = 32;
  std::int64_t epoch_ = 0, batch_ = 0;
};

/// Who is told what happens; a file, a window or a server would be one, too.
class Terminal : public train::Sink {
 public:
  void epoch(const train::EpochRecord& r, int epochs) override { std::printf("%s\n", train::epoch_line(r, epochs).c_str()); }
  void message(const std::string& text) override { std::printf("%s\n", text.c_str()); }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: train_own RUN [EPOCHS]\n");
    return 2;
  }
  try {
    // A term of our own: how far the predicted area is from the labelled one.
    losses::register_term(
        {.name = "area", .scalar = "area", .help = "squared error of the share of disc", .own = [](const losses::TermInput& in, auto) {
           const Tensor disc = slice_channels(softmax(in.logits), 1, 1);
           const Tensor truth = in.labels.view_as(disc.shape()).to(disc.dtype());
           const Tensor difference = mean(sub(disc, truth));
           return mul(difference, difference);
         }});
    data::LabelSchema labels;
    labels.names = {"ground", "disc"};
    labels.values = {0, 1};
    labels.colors = data::default_colors(2);

    nn::RandomStream random(RandomKey{1});
    auto net = std::make_shared<SmallNet>(random);
    auto adam = std::make_unique<optim::Adam>(net->named_parameters(), optim::AdamOptions{});
    train::SegmentationTask task({.network = net,
                                  .heads = {heads::make_head(labels)},
                                  .criterion = losses::Criterion("ce+dice+0.5*area"),
                                  .optimizer = std::move(adam),
                                  .training = std::make_shared<Discs>(),
                                  .validation = std::make_shared<Discs>()});

    train::LogFile log;
    train::MetricsFiles metrics;
    const int epochs = argc > 2 ? std::atoi(argv[2]) : 10;
    Terminal show;
    train::Session session(argv[1], task, true);
    train::run_loop(task, session, {.epochs = epochs, .schedule = {.lr = 1e-2}}, {&log, &metrics, &show});
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "train_own: %s\n", e.what());
    return 1;
  }
}
