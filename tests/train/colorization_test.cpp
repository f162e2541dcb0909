// Learning to color: validation by hand, what is said in words.
#include <filesystem>

#include "lamina/models/patch_discriminator.hpp"
#include "lamina/models/registry.hpp"
#include "lamina/ops/ops.hpp"
#include "lamina/train/colorize.hpp"
#include "support/op_check.hpp"
#include "support/runs.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// G that answers a constant at half the size, and D that scores every pixel.
class Constant : public models::Network {
 public:
  explicit Constant(std::vector<double> color) : color_(std::move(color)) { add_parameter("unused", Tensor::zeros({1})); }
  models::Outputs forward(const Tensor& x) override {
    Tensor y = Tensor::empty({x.size(0), (x.size(1) + 1) / 2, (x.size(2) + 1) / 2, static_cast<std::int64_t>(color_.size())});
    for (std::int64_t i = 0; i < y.numel(); ++i)
      y.data<float>()[i] = static_cast<float>(color_[static_cast<std::size_t>(i) % color_.size()]);
    return {{"color", y}};
  }
  int in_channels() const override { return 3; }
  std::vector<models::OutputSpec> outputs() const override { return {{"color", static_cast<int>(color_.size())}}; }
  int minimum_size() const override { return 1; }

 private:
  std::vector<double> color_;
};

/// One batch of one image.
class One : public data::Batches {
 public:
  explicit One(Tensor image) : image_(std::move(image)) {}
  std::int64_t batches() const override { return 1; }
  void start(std::int64_t, std::int64_t first) override { done_ = first > 0; }
  bool next(data::Batch& batch) override {
    if (done_) return false;
    batch = {};
    batch.indices = {0};
    batch.set(kImage, image_);
    return done_ = true;
  }

 private:
  Tensor image_;
  bool done_ = false;
};

std::unique_ptr<train::ColorizationTask> constant_task(std::vector<double> color, const Tensor& image, const infer::ColorizationConfig& how,
                                                       int channels, double lr_factor = 1, losses::GanOptions gan = {}) {
  nn::RandomStream random({1, 1});
  auto g = std::make_shared<Constant>(std::move(color));
  auto d = std::make_shared<models::PatchDiscriminator>(models::PatchDiscriminatorOptions{.in_channels = channels, .base = 2, .layers = 0},
                                                        random);
  auto gs = std::make_unique<optim::Adam>(g->named_parameters(), optim::AdamOptions{});
  auto ds = std::make_unique<optim::Adam>(d->named_parameters(), optim::AdamOptions{});
  return std::make_unique<train::ColorizationTask>(train::ColorizationTask::Parts{.generator = g,
                                                                                  .discriminator = d,
                                                                                  .generator_optimizer = std::move(gs),
                                                                                  .discriminator_optimizer = std::move(ds),
                                                                                  .loss = losses::GanLoss(gan),
                                                                                  .colorization = infer::Colorization(how),
                                                                                  .discriminator_lr_factor = lr_factor,
                                                                                  .training = std::make_shared<One>(image),
                                                                                  .validation = std::make_shared<One>(image)});
}

train::EpochRecord record(int epoch, double accuracy, double colorfulness, double passed_over = 0) {
  train::EpochRecord r{.epoch = epoch, .train = {{"d_accuracy", accuracy}, {"passed_over", passed_over}}};
  r.validation = train::Validation{.scores = {{"colorfulness", colorfulness}, {"colorfulness_photos", 40}}};
  return r;
}

}  // namespace

TEST_CASE("held-out photographs are compared at the size of G's output, on the grid that is asked for") {
  // 3 x 3 pixels; G makes 2 x 2. With corners aligned those are the corner pixels: all 0.5 but one that is -1.
  Tensor image = Tensor::zeros({1, 3, 3, 3});
  for (const int corner : {0, 2, 6}) std::fill_n(image.data<float>() + corner * 3, 3, 0.5f);
  std::fill_n(image.data<float>() + 8 * 3, 3, -1.0f);
  const auto task = constant_task({0.5, 0.5, 0.5}, image, {.activation = "none"}, 6);
  const train::Validation v = task->validate();
  CHECK(v.scores.at("val_l1") == doctest::Approx(1.5 / 4));
  CHECK(v.scores.at("val_l2") == doctest::Approx(2.25 / 4));
  CHECK(v.scores.at("val_l1_gray") == doctest::Approx(0).epsilon(1e-6));  // the photograph is gray
  CHECK(v.score == doctest::Approx(1 - 1.5 / 8));
  CHECK(v.scores.at("colorfulness") == doctest::Approx(0));
  // Half-pixel centers: at 0.25 and 1.75 of an axis.
  const double top_left = 0.75 * 0.75 * 0.5, top_right = 0.75 * 0.75 * 0.5, bottom_right = -0.75 * 0.75;
  const auto half = constant_task({0.5, 0.5, 0.5}, image, {.activation = "none", .shrink = "half_pixel"}, 6);
  CHECK(half->validate().scores.at("val_l1") ==
        doctest::Approx((2 * 0.5 - top_left - top_right + (0.5 - top_left) + (0.5 - bottom_right)) / 4));
  const auto tanh_too = constant_task({0.5, 0.5, 0.5}, image, {}, 6);
  CHECK(tanh_too->validate().scores.at("val_l1") == doctest::Approx((3 * (0.5 - std::tanh(0.5)) + std::tanh(0.5) + 1) / 4));
  // tanh, and a sheet of gray, generated and real, each pixel 64 times as wide and high.
  const auto squashed = constant_task({10, -10, -10}, image, {}, 6);
  const data::Image sheet = squashed->samples(4);
  CHECK(sheet.width == 3 * 128 + 2 * 4);
  CHECK(sheet.height == 128);
  const auto color = [&](int x, int y) { return std::vector<int>(sheet.at(x, y), sheet.at(x, y) + 3); };
  CHECK(color(132, 0) == std::vector<int>{255, 0, 0});
  CHECK(color(132 + 127, 127) == std::vector<int>{255, 0, 0});
  CHECK(color(264, 64) == std::vector<int>{191, 191, 191});
  CHECK(color(264 + 63, 127) == std::vector<int>{191, 191, 191});
  CHECK(color(264 + 64, 127) == std::vector<int>{0, 0, 0});
  CHECK(color(127, 64) == std::vector<int>{0, 0, 0});
  CHECK(squashed->validate().scores.at("colorfulness") == doctest::Approx(0.3 * std::sqrt(255 * 255 + 127.5 * 127.5)).epsilon(1e-4));
  // L and a, b: gray pictures have neither.
  const auto lab = constant_task({0, 0}, image, {.space = "lab"}, 5);
  CHECK(lab->validate().scores.at("val_l1") < 1e-3);
  CHECK(std::abs(lab->validate().scores.at("colorfulness")) < 0.1);
}

TEST_CASE("pictures are shown with running statistics or with those of the batch; neither changes the network") {
  const auto g = models::build_network({.model = "unet", .classes = 3, .options = {{"base", "2"}, {"depth", "1"}}}, 4);
  const Tensor gray = Tensor::normal({2, 8, 8, 3}, {1, 5}, 0.5, 2);
  const auto values = [&] {
    std::vector<std::vector<double>> all;
    for (const auto& t : g->state()) all.push_back(t.tensor.to(DType::f64).to_vector<double>());
    return all;
  };
  const auto before = values();
  const infer::Colorization running({.statistics = "running"}), batch({.statistics = "batch"});
  const Tensor by_running = running.show(*g, gray), by_batch = batch.show(*g, gray);
  CHECK(values() == before);
  CHECK(g->training());
  CHECK(relative_error(by_running, by_batch) > 0.01);
  CHECK(same_bytes(by_batch, batch.show(*g, gray)));
  g->eval();
  CHECK(relative_error(by_running, running(*g, gray)) < 1e-6);
  CHECK(same_bytes(by_batch, batch.show(*g, gray)));  // whatever mode it is in
  g->train();
  CHECK(relative_error(by_batch, batch(*g, gray)) < 1e-6);  // as in a step, which moves the running ones
  check_throws<OptionError>([] { infer::Colorization({.statistics = "moving"}); }, {"statistics", "running, batch"});
}

TEST_CASE("a pair that does not fit its color space is refused") {
  const Tensor image = Tensor::zeros({1, 4, 4, 3});
  check_throws<ShapeError>([&] { constant_task({0, 0}, image, {}, 6); }, {"one output of 3 channels"});
  check_throws<ShapeError>([&] { constant_task({0, 0}, image, {.space = "lab"}, 6); }, {"3 gray and 2 color channels", "not 6"});
  check_throws<OptionError>([&] { constant_task({0, 0}, image, {.space = "lba"}, 6); }, {"did you mean \"lab\""});
  check_throws<OptionError>([&] { constant_task({0, 0, 0}, image, {.activation = "tahn"}, 6); }, {"did you mean \"tanh\""});
}

TEST_CASE("a collapsed pair is said in words, once for each time it lasts") {
  const auto task = constant_task({0, 0, 0}, Tensor::zeros({1, 4, 4, 3}), {}, 6);
  std::vector<train::EpochRecord> history;
  const auto warnings = [&] {
    std::vector<std::string> all;
    for (std::size_t n = 1; n <= history.size(); ++n)
      for (const train::Alarm& a : train::alarms(task->sentinels(1), train::Records(history).first(n))) all.push_back(a.text());
    return all;
  };
  const auto said = [&](double accuracy, double colorfulness, int times = 1, double passed_over = 0) {
    for (int i = 0; i < times; ++i) history.push_back(record(static_cast<int>(history.size()) + 1, accuracy, colorfulness, passed_over));
    return warnings();
  };
  CHECK(said(0.8, 20, 20).empty());
  CHECK(said(1, 20, 4).empty());
  CHECK(said(0.8, 20).empty());  // eight in all, but not five in a row
  CHECK(said(1, 20, 4).empty());
  REQUIRE(said(0.995, 20).size() == 1);
  CHECK(warnings()[0].find("epoch 30") != std::string::npos);
  CHECK(warnings()[0].find("too strong") != std::string::npos);
  CHECK(said(1, 20, 10).size() == 1);
  CHECK(said(0.5, 20, 4).size() == 1);
  REQUIRE(said(0.495, 20).size() == 2);
  CHECK(warnings()[1].find("no better than guessing") != std::string::npos);
  CHECK(said(0.7, 5, 4).size() == 2);
  REQUIRE(said(0.7, 5).size() == 3);
  CHECK(warnings()[2].find("nearly gray") != std::string::npos);
  CHECK(said(0.7, 8, 1).size() == 3);
  REQUIRE(said(0.7, 20, 1, 0.25).size() == 4);
  CHECK(warnings()[3].find("0.25 for each") != std::string::npos);
  CHECK(said(0.7, 20, 1, 0.5).size() == 4);
}

TEST_CASE("pictures that stay further from the photographs than gray ones are said in words, unless they come nearer") {
  const auto alarms = [](const std::vector<double>& l1, double gan_weight = 1, double distance = 10) {
    const auto task =
        constant_task({0, 0, 0}, Tensor::zeros({1, 4, 4, 3}), {}, 6, 1, {.gan_weight = gan_weight, .reconstruction_weight = distance});
    std::vector<train::EpochRecord> history;
    for (const double v : l1) {
      history.push_back(record(static_cast<int>(history.size()) + 1, 0.7, 20));
      history.back().validation->scores.append({{"val_l1", v}, {"val_l1_gray", 0.2}});
    }
    history.push_back(record(static_cast<int>(history.size()) + 1, 0.7, 20));
    history.back().validation.reset();  // an epoch that is not validated says nothing
    return train::alarms(task->sentinels(0.01), history, false);
  };
  CHECK(alarms({0.3, 0.3, 0.3, 0.3}).empty());
  CHECK(alarms({0.3, 0.3, 0.3, 0.3, 0.19}).empty());
  CHECK(alarms({0.3, 0.3, 0.19, 0.3, 0.3}).empty());
  CHECK(alarms({0.9, 0.8, 0.7, 0.6, 0.5}).empty());
  const auto worse = alarms({0.19, 0.26, 0.25, 0.3, 0.24, 0.25});
  REQUIRE(worse.size() == 1);
  CHECK(worse[0].rule == "worse than gray");
  CHECK_MESSAGE(worse[0].seen.find("for 5 validations") != std::string::npos, worse[0].seen);
  CHECK_MESSAGE(worse[0].seen.find("(L1 0.25) than these in gray (0.2)") != std::string::npos, worse[0].seen);
  CHECK(worse[0].cause.find("too little weight on the distance") != std::string::npos);
  CHECK(worse[0].next == "--reconstruction-weight 20");
  CHECK(alarms({0.3, 0.3, 0.3, 0.3, 0.3}, 1, 0).at(0).next == "--reconstruction-weight 100");
  CHECK(alarms({0.3, 0.3, 0.3, 0.3, 0.3}, 0).at(0).next == "--lr 0.001");
}

TEST_CASE("what a collapsed pair is told goes from what it has") {
  const auto next = [](double lr_factor, double gan_weight, double accuracy) {
    const auto task = constant_task({0, 0, 0}, Tensor::zeros({1, 4, 4, 3}), {}, 6, lr_factor, {.gan_weight = gan_weight});
    std::vector<train::EpochRecord> history;
    for (int i = 1; i <= 5; ++i) history.push_back(record(i, accuracy, accuracy == 0.7 ? 1 : 20));
    return train::alarms(task->sentinels(1), history).at(0).next;
  };
  CHECK(next(0.25, 1, 1) == "--discriminator-lr-factor 0.125");
  CHECK(next(2, 1, 0.5) == "--discriminator-lr-factor 4");
  CHECK(next(1, 3, 0.7) == "--gan-weight 6");
  CHECK(next(1, 0, 0.7) == "--gan-weight 1");
}

TEST_CASE("an epoch's line has losses beside their equilibrium") {
  const auto task = constant_task({0, 0, 0}, Tensor::zeros({1, 4, 4, 3}), {}, 6);
  const std::string line = task->text({{"g_gan", 0.3},
                                       {"g_l1", 0.12},
                                       {"d_loss", 0.2},
                                       {"d_accuracy", 0.75},
                                       {"g_gradient", 3},
                                       {"d_gradient", 2},
                                       {"colorfulness", 12.34}});
  CHECK(
      line ==
      "G 0.300 (equilibrium 0.250) + l1 0.120  D 0.200 (equilibrium 0.250)  D right 0.75 (guessing 0.5)  |gG|/|gD| 1.5  colorfulness 12.3");
}
