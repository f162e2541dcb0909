#include "lamina/train/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/ops/resize.hpp"

namespace lamina::train {

Tensor decisions_at(const heads::Head& head, const Tensor& logits, std::int64_t height, std::int64_t width, ResizeGrid grid) {
  const bool same = logits.size(1) == height && logits.size(2) == width;
  return head.decide(same ? logits : resize_bilinear(logits, height, width, grid)).to(kCpu);
}

void Evaluation::add(const heads::Head& head, int item, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided,
                     std::int64_t height, std::int64_t width, const Looks& looks) {
  metrics::ConfusionMatrix of_image = head.confusion();
  head.count(of_image, truth, decided);
  if (looks.borders) border.add(metrics::border_counts(truth, decided, height, width, std::max(1, head.planes()), data::kIgnoreLabel));
  Scalars scores = head.image_summary(of_image);
  const double quality = head.quality(scores);
  images.push_back({item, std::move(scores), quality, of_image.cells()});
  if (looks.surfaces)
    images.back().surfaces = metrics::surface_scores(truth, decided, height, width, std::max(1, head.planes()), head.regions(),
                                                     data::kIgnoreLabel, *looks.surfaces);
  confusion.add(of_image);
  if (looks.combinations && combinations.empty()) combinations = data::Combinations::of(head.schema());
  for (data::Combinations& c : combinations) c.add(truth, decided);
}

namespace {

/// Of numbers that are not NaN.
struct Mean {
  double sum = 0;
  int count = 0;
  void add(double v) {
    if (!std::isnan(v)) sum += v, ++count;
  }
  double value() const { return count ? sum / count : metrics::kUndefined; }
};

/// Names of the regions.
std::vector<std::string> region_names(const heads::Head& head) {
  std::vector<std::string> names = head.outcomes();
  names.resize(head.regions().size());
  return names;
}

/// Rows of probabilities (rows, W, outputs), from `first` on, against an image's labels.
void count_rows(const heads::Head& head, metrics::ProbabilityCounts& into, const data::LabelImage& truth, std::int64_t first,
                const Tensor& p) {
  const std::size_t row = static_cast<std::size_t>(truth.width) * truth.values();
  head.count(into, std::span(truth.labels).subspan(static_cast<std::size_t>(first) * row, static_cast<std::size_t>(p.size(0)) * row),
             p.to_vector<float>());
}

}  // namespace

double undefined_score(const std::string& name) {
  constexpr Named<double> kScores[] = {{metrics::kUndefined, "n/a"}, {0, "0"}, {1, "1"}};
  return parse_name("value of 0 / 0", name, kScores);
}

Scalars image_columns(const heads::Head& head, const ImageScore& image, double undefined) {
  metrics::ConfusionMatrix counts = head.confusion();
  for (const metrics::Cell& cell : image.counts) counts.add(cell);
  Scalars columns = image.scores;
  const metrics::Scores scores = head.scores(counts, undefined);
  if (columns.find("dice")) columns["dice"] = scores.dice.macro_foreground;
  const std::vector<std::string> names = region_names(head);
  for (std::size_t k = 0; k < names.size(); ++k) columns.append({{"dice_" + names[k], scores.dice.per_class[k]}});
  columns.append({{"iou", scores.iou.macro_foreground},
                  {"precision", scores.precision.macro_foreground},
                  {"recall", scores.recall.macro_foreground},
                  {"specificity", scores.specificity.macro_foreground}});
  if (image.surfaces.empty()) return columns;
  const std::pair<const char*, double metrics::SurfaceScores::*> kinds[] = {{"hausdorff95", &metrics::SurfaceScores::hausdorff95},
                                                                            {"surface_dice", &metrics::SurfaceScores::surface_dice}};
  for (const auto& [kind, score] : kinds) {
    Mean mean;
    Scalars each;
    for (std::size_t k = 0; k < names.size(); ++k) {
      each.append({{std::string(kind) + "_" + names[k], image.surfaces[k].*score}});
      if (!head.is_neutral(static_cast<int>(k))) mean.add(image.surfaces[k].*score);
    }
    columns.append({{kind, mean.value()}});
    columns.append(each);
  }
  return columns;
}

Scalars image_means(const heads::Head& head, const std::vector<ImageScore>& images, double undefined) {
  std::vector<Mean> sums;
  Scalars columns;
  for (const ImageScore& image : images) {
    columns = image_columns(head, image, undefined);
    sums.resize(columns.size());
    std::size_t k = 0;
    for (const auto& [name, value] : columns) sums[k++].add(value);
  }
  Scalars means;
  for (const auto& [name, value] : columns) means.append({{name, sums[means.size()].value()}});
  return means;
}

SurfaceSummary surface_summary(const heads::Head& head, const std::vector<ImageScore>& images) {
  SurfaceSummary out;
  Mean all[2], foreground[2];
  for (const std::string& name : region_names(head)) {
    const std::size_t k = out.regions.size();
    SurfaceSummary::Row row{name};
    Mean distance, dice;
    for (const ImageScore& image : images) {
      if (image.surfaces.empty()) continue;
      distance.add(image.surfaces[k].hausdorff95), dice.add(image.surfaces[k].surface_dice);
      row.missed += image.surfaces[k].missed;
    }
    row.hausdorff95 = distance.value(), row.surface_dice = dice.value(), row.images = distance.count;
    all[0].add(row.hausdorff95), all[1].add(row.surface_dice);
    if (!head.is_neutral(static_cast<int>(k))) foreground[0].add(row.hausdorff95), foreground[1].add(row.surface_dice);
    out.regions.push_back(std::move(row));
  }
  out.macro.hausdorff95 = all[0].value(), out.macro.surface_dice = all[1].value();
  out.macro_foreground.hausdorff95 = foreground[0].value(), out.macro_foreground.surface_dice = foreground[1].value();
  return out;
}

Evaluation evaluate_at_original_size(const infer::Predictor& predictor, const data::Dataset& dataset, data::Split split, const Looks& looks,
                                     const std::function<void(int, const data::LabelImage&)>& each) {
  const heads::Head& head = predictor.head();
  Evaluation all{.confusion = head.confusion(), .probabilities = head.probability_counts()};
  const auto& items = dataset.items(split);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const data::Image photo = data::read_bands(items[i].image);
    predictor.require_fits(photo, items[i].image.string());
    const auto truth = data::read_mask(items[i], dataset.masks);
    require<DataError>(truth.width == photo.width && truth.height == photo.height, items[i].mask.string(),
                       ": the mask and its image differ in size");
    infer::PredictOptions options{.probabilities = false};
    if (looks.probabilities)
      options.rows = [&](std::int64_t first, const Tensor& p) { count_rows(head, all.probabilities, truth, first, p); };
    const auto labels = predictor.predict(photo, options).labels;
    all.add(head, static_cast<int>(i), truth.labels, labels.labels, truth.height, truth.width, looks);
    if (each) each(static_cast<int>(i), labels);
  }
  return all;
}

ScoreIntervals score_intervals(const heads::Head& head, const std::vector<ImageScore>& images, double undefined) {
  ScoreIntervals out{.images = images.size()};
  for (const auto& [name, value] : head.summary(head.confusion())) out.each.push_back({name, {}});
  const auto intervals = metrics::bootstrap(
      images.size(),
      [&](std::span<const int> times) {
        metrics::ConfusionMatrix sum = head.confusion();
        for (std::size_t i = 0; i < times.size(); ++i)
          for (metrics::Cell cell : images[i].counts) cell.count *= times[i], sum.add(cell);
        std::vector<double> numbers{head.selection(sum, undefined).value};
        for (const auto& [name, value] : head.summary(sum, undefined)) numbers.push_back(value);
        return numbers;
      },
      out.options);
  out.selection = intervals[0];
  for (std::size_t k = 0; k < out.each.size(); ++k) out.each[k].second = intervals[k + 1];
  const std::vector<std::string> classes = head.outcomes();
  std::vector<std::size_t> shown(classes.size());
  for (const ImageScore& image : images) {
    std::vector<bool> has(classes.size());
    for (const metrics::Cell& cell : image.counts)
      if (cell.count > 0) has[static_cast<std::size_t>(cell.truth)] = true;
    for (std::size_t c = 0; c < classes.size(); ++c) shown[c] += has[c];
  }
  for (auto& [name, interval] : out.each)
    for (std::size_t c = 0; c < classes.size(); ++c)
      for (const char* kind : {"dice", "iou", "precision", "recall", "specificity"})
        if (shown[c] < out.kFewest && name == message(kind, '_', classes[c])) out.few[name] = shown[c], interval = {};
  return out;
}

std::string score_text(const ScoreIntervals& s, const std::string& name, double value) {
  if (const auto few = s.few.find(name); few != s.few.end())
    return decimal(value) + " (n/a: " + counted(static_cast<std::int64_t>(few->second), "image") + ")";
  const auto it = std::find_if(s.each.begin(), s.each.end(), [&](const auto& one) { return one.first == name; });
  if (it == s.each.end() || std::isnan(it->second.low)) return decimal(value);
  return decimal(value) + " (" + decimal(it->second.low) + " to " + decimal(it->second.high) + ")";
}

std::string interval_text(const ScoreIntervals& s, const metrics::Interval& i) {
  if (std::isnan(i.low)) return "no interval: " + counted(static_cast<std::int64_t>(s.images), "image");
  return formatted("%g %% interval %.3f to %.3f, %d bootstrap resamples of %zu images", 100 * s.options.level, i.low, i.high,
                   s.options.resamples, s.images);
}

namespace {

/// Puts the windows of photographs together again, as Predictor does: what a head says, and the labels. Whole photographs are counted.
class WholePhotographs {
 public:
  WholePhotographs(const heads::Head& head, Evaluation& to, const Looks& looks) : head_(head), to_(to), looks_(looks) {}

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
    to_.add(head_, item, truth_.labels, decided_.labels, window.height, window.width, looks_);
  }

 private:
  void begin(const data::Window& window, int width, int height) {
    truth_ = data::LabelImage(window.width, window.height, data::kIgnoreLabel, head_.planes());
    decided_ = truth_;
    blend_.emplace(window, width, height, head_.outputs(), [this](std::int64_t first, const Tensor& p) {
      const auto decided = head_.decide(p, heads::Scale::probabilities).to_vector<std::uint8_t>();
      std::copy(decided.begin(), decided.end(), &decided_.at(0, static_cast<int>(first)));
      if (looks_.probabilities) count_rows(head_, to_.probabilities, truth_, first, p);
    });
  }

  const heads::Head& head_;
  Evaluation& to_;
  const Looks& looks_;
  data::LabelImage truth_, decided_;
  std::optional<infer::Blend> blend_;
};

}  // namespace

std::vector<Evaluation> evaluate(models::Network& model, data::Batches& batches, const Heads& heads, const losses::Criterion* criterion,
                                 const std::function<void(std::int64_t, std::int64_t)>& progress, const Looks& looks) {
  const NoGrad no_grad;
  const nn::RandomScope random(RandomKey{0, 0x6576616c});
  const nn::EvalScope eval(model);
  std::vector<Evaluation> results;
  for (const auto& head : heads) results.push_back({.confusion = head->confusion(), .probabilities = head->probability_counts()});
  std::vector<WholePhotographs> whole;
  for (std::size_t h = 0; h < heads.size(); ++h) whole.emplace_back(*heads[h], results[h], looks);
  batches.start(0);
  data::Batch batch;
  std::int64_t done = 0, seen = 0;
  for (; batches.next_of(batch, done, "the data that is evaluated", 0); ++done) {
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
      if (looks.probabilities)
        head.count(results[h].probabilities, truth,
                   infer::probabilities_at(head, logits, labels.size(1), labels.size(2), model.grid()).to(DType::f32).to_vector<float>());
      for (std::size_t i = 0; i < batch.indices.size(); ++i)
        results[h].add(head, batch.indices[i], labels_of(i), std::span(predicted).subspan(i * count, count), labels.size(1), labels.size(2),
                       looks);
    }
    seen += batch.size();
    if (progress) progress(done + 1, batches.batches());
  }
  for (Evaluation& e : results)
    if (seen > 0) e.losses = e.losses.divided_by(static_cast<double>(seen));
  return results;
}

}  // namespace lamina::train
