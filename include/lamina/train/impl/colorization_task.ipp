#include "lamina/train/colorization_task.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/text.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/concat.hpp"
#include "lamina/ops/regression_loss.hpp"

namespace lamina::train {
namespace {

/// A network whose parameters take no gradients while it lives; they flow through it.
class Frozen {
 public:
  explicit Frozen(const nn::Module& module) : parameters_(module.parameters()) { set(false); }
  ~Frozen() { set(true); }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

 private:
  void set(bool on) {
    for (Tensor& p : parameters_) p.set_requires_grad(on);
  }
  std::vector<Tensor> parameters_;
};

void update(optim::Optimizer& optimizer, const Tensor& loss) {
  optimizer.zero_grad();
  loss.backward();
  optimizer.step();
}

/// RGB samples 0..255 of pictures in [-1, 1], f32 on the host.
std::vector<float> samples_of(const Tensor& pictures) {
  std::vector<float> samples = pictures.to_vector<float>();
  for (float& v : samples) v = (v + 1) * 127.5f;
  return samples;
}

/// Sum of the pictures' colorfulness.
double colorfulness_of(const Tensor& pictures) {
  const std::vector<float> all = samples_of(pictures);
  const std::size_t each = all.size() / static_cast<std::size_t>(pictures.size(0));
  double sum = 0;
  for (std::size_t i = 0; i < all.size(); i += each) sum += data::colorfulness(std::span(all).subspan(i, each));
  return sum;
}

}  // namespace

double gradient_ratio(const Scalars& s) { return s.at("g_gradient") / std::max(s.at("d_gradient"), 1e-12); }

ColorizationTask::ColorizationTask(Parts parts) : parts_(std::move(parts)) {
  const int colors = data::color_channels(parts_.colorization.space);
  const auto outputs = parts_.generator->outputs();
  require(parts_.generator->in_channels() == 3, "colorization: G must read 3 channels (gray, three times), not ",
          parts_.generator->in_channels());
  require(outputs.size() == 1 && outputs[0].channels == colors, "colorization: G must have one output of ", colors, " channels");
  require(parts_.condition_channels == 1 || parts_.condition_channels == 3, "colorization: D sees 1 or 3 gray channels, not ",
          parts_.condition_channels);
  require(parts_.discriminator->in_channels() == parts_.condition_channels + colors, "colorization: D must read ",
          parts_.condition_channels, " gray and ", colors, " color channels, not ", parts_.discriminator->in_channels());
}

std::vector<Component> ColorizationTask::components() {
  return {{"generator", parts_.generator.get(), parts_.generator_optimizer.get()},
          {"discriminator", parts_.discriminator.get(), parts_.discriminator_optimizer.get()}};
}

Tensor ColorizationTask::score(const Tensor& condition, const Tensor& picture) {
  return (*parts_.discriminator)(concat({condition, picture}));
}

template <class F>
void ColorizationTask::show(F&& f) {
  const infer::Colorization& how = parts_.colorization;
  parts_.validation->start(0);
  data::Batch batch;
  for (std::int64_t given = 0; parts_.validation->next_of(batch, given, "the validation data", 0); ++given) {
    const data::Colors photographs = data::split_colors(how.space, batch.at(kImage));
    const Tensor made = how.show(*parts_.generator, photographs.gray).to(kCpu).to(DType::f32);
    const Tensor gray = how.beside(photographs.gray, made), real = how.beside(photographs.color, made);
    const bool rgb = how.space == data::ColorSpace::rgb;
    if (!f(Shown{gray, rgb ? gray : Tensor::zeros(real.shape()), made, real})) return;
  }
}

Scalars ColorizationTask::step(const data::Batch& batch) {
  const infer::Colorization& how = parts_.colorization;
  const data::Colors photographs = data::split_colors(how.space, batch.at(kImage));
  const losses::GanOptions& weights = parts_.loss.options();

  const Tensor fake = how(*parts_.generator, photographs.gray);                                         // G(x), (N, h, w, colors)
  const Tensor x = how.beside(photographs.gray, fake).channels(0, parts_.condition_channels).packed();  // (N, h, w, 1 or 3)
  const Tensor real = how.beside(photographs.color, fake);                                              // (N, h, w, colors)

  const Tensor picture = fake.detach();
  const Tensor fake_scores = score(x, picture), real_scores = score(x, real);  // D(x, G(x)), D(x, y)
  const Tensor d_loss = parts_.loss.discriminator(real_scores, fake_scores, real, picture);
  update(*parts_.discriminator_optimizer, d_loss);

  Tensor adversarial, distance, g_loss;
  {
    const Frozen frozen(*parts_.discriminator);
    adversarial = parts_.loss.generator(score(x, fake));
    distance = parts_.loss.reconstruction(fake, real);
    g_loss = add(scale(adversarial, weights.gan_weight), scale(distance, weights.reconstruction_weight));
    update(*parts_.generator_optimizer, g_loss);
  }
  const double of_d = parts_.discriminator_optimizer->gradient_norm(), of_g = parts_.generator_optimizer->gradient_norm();
  Scalars values{{"g_loss", g_loss.item()},
                 {"g_gan", adversarial.item()},
                 {"g_" + weights.reconstruction, distance.item()},
                 {"d_loss", d_loss.item()},
                 {"d_accuracy", parts_.loss.accuracy(real_scores, fake_scores)},
                 {"g_gradient", of_g},
                 {"d_gradient", of_d},
                 {"colorfulness", colorfulness_of(data::join_colors(how.space, x, picture)) / static_cast<double>(batch.size())}};
  if (batch.contains("passed_over")) {
    double passed_over = 0;
    for (const float v : batch.at("passed_over").to_vector<float>()) passed_over += double{v};
    values["passed_over"] = passed_over / static_cast<double>(batch.size());
  }
  return values;
}

Validation ColorizationTask::validate() {
  Scalars sums{{"val_l1", 0}, {"val_l2", 0}, {"val_l1_gray", 0}, {"colorfulness", 0}, {"colorfulness_photos", 0}};
  std::int64_t pictures = 0;
  show([&](const Shown& s) {
    const auto n = static_cast<double>(s.made.size(0));
    sums.add({{"val_l1", l1_loss(s.made, s.real).item()},
              {"val_l2", mse_loss(s.made, s.real).item()},
              {"val_l1_gray", l1_loss(s.colorless, s.real).item()}},
             n);
    sums["colorfulness"] += colorfulness_of(data::join_colors(parts_.colorization.space, s.gray, s.made));
    sums["colorfulness_photos"] += colorfulness_of(data::join_colors(parts_.colorization.space, s.gray, s.real));
    pictures += s.made.size(0);
    return true;
  });
  Validation v{.scores = sums.divided_by(static_cast<double>(std::max<std::int64_t>(pictures, 1)))};
  const Scalars& s = v.scores;
  v.score = 1 - s.at("val_l1") / 2;
  v.text = formatted("val L1 %.4f (gray %.4f)  colorfulness %.1f (photographs %.1f)", s.at("val_l1"), s.at("val_l1_gray"),
                     s.at("colorfulness"), s.at("colorfulness_photos"));
  return v;
}

std::vector<std::string> ColorizationTask::score_names() const {
  return {"val_l1", "val_l2", "val_l1_gray", "colorfulness", "colorfulness_photos"};
}

std::string ColorizationTask::text(const Scalars& s) const {
  const auto beside_equilibrium = [](double value, double equilibrium) {
    return decimal(value, 3) + (std::isnan(equilibrium) ? "" : " (equilibrium " + decimal(equilibrium, 3) + ")");
  };
  const std::string& distance = parts_.loss.options().reconstruction;
  return "G " + beside_equilibrium(s.at("g_gan"), parts_.loss.generator_equilibrium()) + " + " + distance + " " +
         decimal(s.at("g_" + distance), 3) + "  D " + beside_equilibrium(s.at("d_loss"), parts_.loss.discriminator_equilibrium()) +
         formatted("  D right %.2f (guessing 0.5)  |gG|/|gD| %.2g  colorfulness %.1f", s.at("d_accuracy"), gradient_ratio(s),
                   s.at("colorfulness"));
}

std::vector<Sentinel> ColorizationTask::sentinels(double lr) const {
  constexpr std::size_t kPatience = 5;
  // The newest kPatience epochs that count are all as `now` says.
  const auto lasts = [](Records history, auto&& counts, auto&& now) {
    std::size_t streak = 0;
    for (auto r = history.rbegin(); r != history.rend() && streak < kPatience; ++r)
      if (counts(*r) && (++streak, !now(*r))) return false;
    return streak == kPatience;
  };
  const auto every = [](const EpochRecord&) { return true; };
  const double weight = parts_.loss.options().gan_weight;
  const auto rate = [factor = parts_.discriminator_lr_factor](double times) {
    return formatted("--discriminator-lr-factor %.3g", factor * times);
  };
  const auto sure = [=](Records history) -> std::optional<Alarm> {
    if (!lasts(history, every, [](const EpochRecord& r) { return r.train.at("d_accuracy") >= 0.99; })) return {};
    return Alarm{.seen = message("for ", kPatience, " epochs D told nearly all real and generated pictures apart"),
                 .cause = "it is too strong, and G learns little from it",
                 .next = rate(0.5)};
  };
  const auto guessing = [=](Records history) -> std::optional<Alarm> {
    if (!lasts(history, every, [](const EpochRecord& r) { return std::abs(r.train.at("d_accuracy") - 0.5) <= 0.01; })) return {};
    return Alarm{.seen = message("for ", kPatience, " epochs D did no better than guessing"),
                 .cause = "either G's pictures have become as good as real ones (look at the samples), or D has stopped learning",
                 .next = rate(2)};
  };
  const auto gray = [=](Records history) -> std::optional<Alarm> {
    const auto judged = [](const EpochRecord& r) { return r.validation && r.validation->scores.find("colorfulness"); };
    if (!lasts(history, judged, [](const EpochRecord& r) {
          return r.validation->scores.at("colorfulness") < 0.15 * r.validation->scores.at("colorfulness_photos");
        }))
      return {};
    return Alarm{.seen = message("for ", kPatience, " validations the generated pictures were nearly gray"),
                 .cause = "G answers with the mean of what it does not know: too few steps, or too little weight on what D says",
                 .next = formatted("--gan-weight %.3g", weight > 0 ? 2 * weight : 1)};
  };
  const auto worse_than_gray = [=, distance = parts_.loss.options().reconstruction_weight](Records history) -> std::optional<Alarm> {
    const auto judged = [](const EpochRecord& r) { return r.validation && r.validation->scores.find("val_l1_gray"); };
    Scalars newest;
    double before = 0;
    const auto above = [&](const EpochRecord& r) {
      const Scalars& s = r.validation->scores;
      if (newest.empty()) newest = s;
      before = s.at("val_l1");
      return before > s.at("val_l1_gray");
    };
    constexpr double kFalls = 0.05;
    if (!lasts(history, judged, above) || newest.at("val_l1") < (1 - kFalls) * before) return {};
    return Alarm{
        .seen = formatted("for %zu validations G's pictures were further from the photographs (L1 %.3g) than these in gray (%.3g), and "
                          "they come no nearer",
                          kPatience, newest.at("val_l1"), newest.at("val_l1_gray")),
        .cause = weight > 0 ? "colors are guessed that photographs do not have: too little weight on the distance beside what D says"
                            : "steps that are too long",
        .next = weight > 0 ? formatted("--reconstruction-weight %.3g", distance > 0 ? 2 * distance : 100)
                           : formatted("--lr %.3g", slower_than(lr))};
  };
  const auto passed_over = [](Records history) -> std::optional<Alarm> {
    for (const EpochRecord& r : history)
      if (const double* skipped = r.train.find("passed_over"); skipped && *skipped > 0)
        return Alarm{.seen = formatted("photographs were passed over, %.2g for each that was used", *skipped),
                     .cause = "they are gray or cannot be read",
                     .next = "--unusable stop"};
    return {};
  };
  return {{"sure discriminator", sure},
          {"guessing discriminator", guessing},
          {"gray pictures", gray},
          {"worse than gray", worse_than_gray},
          {"passed over", passed_over}};
}

data::Image ColorizationTask::samples(int count) {
  if (!validates()) return {};
  constexpr int kGap = 4, kShown = 128;  // pixels of a side at least, without smoothing
  data::Image sheet;
  int row = 0;
  show([&](const Shown& s) {
    const int across = static_cast<int>(s.made.size(2)), down = static_cast<int>(s.made.size(1));
    const int times = (kShown + std::max(across, down) - 1) / std::max(across, down), width = across * times, height = down * times;
    const int rows = static_cast<int>(std::min<std::int64_t>(s.made.size(0), count - row));
    data::Image taller(3 * width + 2 * kGap, (row + rows) * (height + kGap) - kGap, 3, 255);
    std::copy(sheet.pixels.begin(), sheet.pixels.end(), taller.pixels.begin());
    sheet = std::move(taller);
    int column = 0;
    for (const Tensor& color : {s.colorless, s.made, s.real}) {
      const std::vector<float> values = samples_of(data::join_colors(parts_.colorization.space, s.gray, color));
      for (int i = 0; i < rows * height; ++i)
        for (int x = 0; x < width; ++x)
          std::transform(values.begin() + (std::ptrdiff_t{i / times} * across + x / times) * 3,
                         values.begin() + (std::ptrdiff_t{i / times} * across + x / times + 1) * 3,
                         sheet.at(column * (width + kGap) + x, (row + i / height) * (height + kGap) + i % height),
                         [](float v) { return static_cast<std::uint8_t>(std::lround(std::clamp(v, 0.0f, 255.0f))); });
      ++column;
    }
    return (row += rows) < count;
  });
  return sheet;
}

}  // namespace lamina::train
