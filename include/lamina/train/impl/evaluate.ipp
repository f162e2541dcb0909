#include "lamina/train/evaluate.hpp"

#include <cmath>
#include <cstdio>
#include <optional>

#include "lamina/infer/predictor.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/ops/resize.hpp"

namespace lamina::train {

Tensor decisions_at(const heads::Head& head, const Tensor& logits, std::int64_t height, std::int64_t width, ResizeGrid grid) {
  const bool same = logits.size(1) == height && logits.size(2) == width;
  return head.decide(same ? logits : resize_bilinear(logits, height, width, grid)).to(kCpu);
}

void Evaluation::add(const heads::Head& head, int item, const metrics::ConfusionMatrix& of_image) {
  Scalars scores = head.image_summary(of_image);
  const double quality = head.quality(scores);
  images.push_back({item, std::move(scores), quality, of_image.cells()});
  confusion.add(of_image);
}

ScoreIntervals score_intervals(const heads::Head& head, const std::vector<ImageScore>& images) {
  ScoreIntervals out{.images = images.size()};
  for (const auto& [name, value] : head.summary(head.confusion())) out.each.push_back({name, {}});
  const auto intervals = metrics::bootstrap(
      images.size(),
      [&](std::span<const int> times) {
        metrics::ConfusionMatrix sum = head.confusion();
        for (std::size_t i = 0; i < times.size(); ++i)
          for (metrics::Cell cell : images[i].counts) cell.count *= times[i], sum.add(cell);
        std::vector<double> numbers{head.selection(sum).value};
        for (const auto& [name, value] : head.summary(sum)) numbers.push_back(value);
        return numbers;
      },
      out.options);
  out.selection = intervals[0];
  for (std::size_t k = 0; k < out.each.size(); ++k) out.each[k].second = intervals[k + 1];
  return out;
}

std::string interval_text(const ScoreIntervals& s, const metrics::Interval& i) {
  if (std::isnan(i.low)) return message("no interval: ", s.images, s.images == 1 ? " image" : " images");
  char text[128];
  std::snprintf(text, sizeof text, "%g %% interval %.3f to %.3f, %d bootstrap resamples of %zu images", 100 * s.options.level, i.low,
                i.high, s.options.resamples, s.images);
  return text;
}

namespace {

/// Puts the windows of photographs together again, as Predictor does: what a head says, and the labels. Whole photographs are counted.
class WholePhotographs {
 public:
  WholePhotographs(const heads::Head& head, Evaluation& to) : head_(head), to_(to), counts_(head.confusion()) {}

  /// The windows of an item in their order; probabilities (1, height, width, outputs).
  void add(int item, const data::Window& window, const Tensor& probabilities, std::span<const std::uint8_t> labels) {
    const auto height = static_cast<int>(probabilities.size(1)), width = static_cast<int>(probabilities.size(2));
    if (window.x == 0 && window.y == 0) begin(window, width, height);
    for (int y = 0; y < std::min(height, window.height - window.y); ++y) {
      const std::size_t values = truth_.values(), row = static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * values;
      std::copy_n(labels.begin() + static_cast<std::ptrdiff_t>(row),
                  static_cast<std::size_t>(std::min(width, window.width - window.x)) * values, &truth_.at(window.x, window.y + y));
    }
    blend_->add(window, probabilities.data<float>());
    if (window.x + width < window.width || window.y + height < window.height) return;
    blend_->finish();
    to_.add(head_, item, counts_);
  }

 private:
  void begin(const data::Window& window, int width, int height) {
    truth_ = data::LabelImage(window.width, window.height, data::kIgnoreLabel, head_.planes());
    counts_ = head_.confusion();
    blend_.emplace(window, width, height, head_.outputs(), [this](std::int64_t first, const Tensor& p) {
      const auto decided = head_.decide(p, heads::Scale::probabilities).to_vector<std::uint8_t>();
      head_.count(counts_, std::span(&truth_.at(0, static_cast<int>(first)), decided.size()), decided);
    });
  }

  const heads::Head& head_;
  Evaluation& to_;
  metrics::ConfusionMatrix counts_;
  data::LabelImage truth_;
  std::optional<infer::Blend> blend_;
};

}  // namespace

std::vector<Evaluation> evaluate(models::Network& model, data::Batches& batches, const Heads& heads, const losses::Criterion* criterion,
                                 const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const NoGrad no_grad;
  const nn::RandomScope random(RandomKey{0, 0x6576616c});
  const nn::EvalScope eval(model);
  std::vector<Evaluation> results;
  for (const auto& head : heads) results.push_back({head->confusion(), {}, {}});
  std::vector<WholePhotographs> whole;
  for (std::size_t h = 0; h < heads.size(); ++h) whole.emplace_back(*heads[h], results[h]);
  batches.start(0);
  data::Batch batch;
  std::int64_t done = 0, seen = 0;
  while (batches.next(batch)) {
    const models::Outputs outputs = model.run(batch.at(kImage));
    for (std::size_t h = 0; h < heads.size(); ++h) {
      const heads::Head& head = *heads[h];
      const Tensor &logits = models::named(outputs, head.name()), &labels = batch.at(head.name());
      if (criterion) {
        Scalars values;
        (void)(*criterion)(head, logits, labels, &values, batch.pixel_weights(), model.grid());
        results[h].losses.add(values, static_cast<double>(batch.size()));
      }
      const auto truth = labels.to_vector<std::uint8_t>();
      const std::size_t count = truth.size() / static_cast<std::size_t>(batch.size());
      const auto labels_of = [&](std::size_t i) { return std::span(truth).subspan(i * count, count); };
      if (!batch.windows.empty()) {
        const Tensor p = infer::probabilities_at(head, logits, labels.size(1), labels.size(2), model.grid()).to(DType::f32).packed();
        for (std::size_t i = 0; i < batch.indices.size(); ++i)
          whole[h].add(batch.indices[i], batch.windows[i], p.rows(static_cast<std::int64_t>(i), 1), labels_of(i));
        continue;
      }
      const auto predicted = decisions_at(head, logits, labels.size(1), labels.size(2), model.grid()).to_vector<std::uint8_t>();
      for (std::size_t i = 0; i < batch.indices.size(); ++i) {
        metrics::ConfusionMatrix one = head.confusion();
        head.count(one, labels_of(i), std::span(predicted).subspan(i * count, count));
        results[h].add(head, batch.indices[i], one);
      }
    }
    seen += batch.size();
    if (progress) progress(++done, batches.batches());
  }
  for (Evaluation& e : results)
    if (seen > 0) e.losses = e.losses.divided_by(static_cast<double>(seen));
  return results;
}

}  // namespace lamina::train
