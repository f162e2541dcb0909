#include "lamina/train/thresholds.hpp"

#include <cstdio>

#include "lamina/core/text.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/io/checkpoint.hpp"
#include "lamina/metrics/thresholds.hpp"

namespace lamina::train {
namespace {

/// A plane that a head regresses, and what was said of its pixels.
struct RegressedPlane {
  std::size_t output, label;  // of the network's outputs, of a mask's planes
  metrics::ValueCounts said;
};

std::string spaced(const std::vector<float>& numbers) {
  std::string text;
  for (const float v : numbers) {
    char number[24];
    std::snprintf(number, sizeof number, " %.3g", static_cast<double>(v));
    text += number;
  }
  return text;
}

}  // namespace

std::vector<std::string> fit_thresholds(const std::filesystem::path& weights, const data::Dataset& dataset, Device device) {
  const infer::Predictor predictor(weights, device);
  const std::vector<heads::Part> parts = predictor.head().parts();
  std::vector<RegressedPlane> planes;
  for (const heads::Part& part : parts)
    for (std::size_t k = 0; k < part.head->thresholds().size(); ++k)
      planes.push_back({static_cast<std::size_t>(part.output) + k, static_cast<std::size_t>(part.plane) + k,
                        metrics::ValueCounts(part.head->schema().classes())});
  require<OptionError>(!planes.empty(), weights.string(), ": thresholds are fitted between the numbers of a regression head, and this is ",
                       predictor.head().kind());
  const auto& items = dataset.items(data::Split::val);
  require<DataError>(!items.empty(), items.empty() ? dataset.why_empty(data::Split::val) : "");
  for (const data::Item& item : items) {
    const data::Image photo = data::read_bands(item.image);
    predictor.require_fits(photo, item.image.string());
    const data::LabelImage truth = data::read_mask(item, dataset.masks);
    require<DataError>(truth.width == photo.width && truth.height == photo.height, item.mask.string(),
                       ": the mask and its image differ in size");
    infer::PredictOptions options{.probabilities = false};
    options.rows = [&](std::int64_t first, const Tensor& values) {
      const std::vector<float> v = values.to_vector<float>();
      const auto outputs = static_cast<std::size_t>(values.size(2));
      const std::size_t begin = static_cast<std::size_t>(first) * static_cast<std::size_t>(truth.width);
      for (std::size_t i = 0; i < v.size() / outputs; ++i)
        for (RegressedPlane& plane : planes)
          if (const std::uint8_t grade = truth.labels[(begin + i) * truth.values() + plane.label]; grade != data::kIgnoreLabel)
            plane.said.add(grade, v[i * outputs + plane.output]);
    };
    (void)predictor.predict(photo, options);
  }
  std::vector<std::string> lines;
  std::string kinds;
  auto plane = planes.begin();
  for (const heads::Part& part : parts) {
    const heads::Head& head = *part.head;
    std::vector<std::vector<float>> all = head.thresholds();
    for (std::size_t k = 0; k < all.size(); ++k, ++plane) {
      const std::vector<float> before = std::exchange(all[k], plane->said.fitted(all[k]));
      const auto kappa = [&](const std::vector<float>& t) { return decimal(plane->said.decided(t).ordinal_scores().quadratic_kappa, 4); };
      const std::vector<std::string>& names = head.schema().planes;
      lines.push_back((part.whole ? "" : head.name() + " ") + (names.empty() ? "" : names[k] + " ") + "thresholds" + spaced(all[k]) +
                      " instead of" + spaced(before) + ": quadratic kappa " + kappa(all[k]) + " instead of " + kappa(before));
    }
    const std::string kind = all.empty() ? head.kind() : head.with_thresholds(std::move(all))->kind();
    kinds += (kinds.empty() ? "" : ",") + (part.whole ? kind : head.name() + "=" + kind);
  }
  io::Checkpoint checkpoint = io::load_checkpoint(weights);
  checkpoint.metadata["head"] = kinds;
  io::save_checkpoint(weights, checkpoint);
  return lines;
}

}  // namespace lamina::train
