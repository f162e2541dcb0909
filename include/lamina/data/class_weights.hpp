#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lamina/core/error.hpp"
#include "lamina/core/names.hpp"

namespace lamina::data {

/// How often each class occurs in a list of masks; ignored pixels are left out everywhere. Classes that are each yes or no (planes, grades)
/// have labelled pixels of their own; of classes that exclude each other all have the same.
struct ClassCounts {
  std::vector<std::int64_t> pixels;            ///< of the class
  std::vector<std::int64_t> images;            ///< that hold the class
  std::vector<std::int64_t> pixels_of_images;  ///< labelled pixels of the images that hold the class
  std::vector<std::int64_t> labelled{};        ///< all labelled pixels; none: as many as have one of the classes

  static ClassCounts zeros(std::size_t classes) {
    const std::vector<std::int64_t> none(classes);
    return {none, none, none, none};
  }
  /// Counts one mask; `mask` holds its pixels of each class, `known` those that have it or are known not to.
  void add(const std::vector<std::int64_t>& mask, const std::vector<std::int64_t>& known) {
    for (std::size_t c = 0; c < mask.size(); ++c) {
      pixels[c] += mask[c];
      images[c] += mask[c] > 0;
      pixels_of_images[c] += mask[c] > 0 ? known[c] : 0;
      labelled[c] += known[c];
    }
  }
};

/// Rules that make loss weights from class counts.
enum class WeightRule : std::uint8_t { none, balanced, inverse, median, enet, effective, dice_volume };
inline constexpr std::string_view kWeightRules[] = {"none", "balanced", "inverse", "median", "enet", "effective", "dice-volume"};
inline const char* name_of(WeightRule rule) { return kWeightRules[static_cast<int>(rule)].data(); }

inline bool is_weight_rule(std::string_view name) {
  return name == "median_freq" || name == "effective_number" ||
         std::find(std::begin(kWeightRules), std::end(kWeightRules), name) != std::end(kWeightRules);
}
/// Also by the name that version 0.1 had for it. Throws OptionError naming the nearest.
inline WeightRule weight_rule_named(std::string_view name) {
  if (name == "median_freq") return WeightRule::median;
  if (name == "effective_number") return WeightRule::effective;
  const auto* it = std::find(std::begin(kWeightRules), std::end(kWeightRules), name);
  if (it == std::end(kWeightRules)) throw_unknown_name("class weight rule", name, kWeightRules);
  return static_cast<WeightRule>(it - std::begin(kWeightRules));
}

/// Loss weights of the classes. With p = a class's share of the labelled pixels, of a plane or a grade those of its own plane, over the k
/// classes that occur:
///   none         1
///   balanced     1 / (k * p), scikit-learn's "balanced"
///   inverse      1/p, scaled to a mean of 1 over the classes
///   median       median(f) / f with f = pixels / pixels_of_images (Eigen & Fergus 2015; SegNet)
///   enet         1 / ln(1.02 + p) (Paszke et al. 2016)
///   effective    (1 - b) / (1 - b^pixels), b = 1 - k/n with n = the pixels of all classes, scaled to a mean of 1 (Cui et al. 2019, whose b
///                is a constant: with millions of pixels a class every constant in use gives equal weights, so b is tied to the mean class
///                here)
///   dice-volume  1/p^2, scaled to a mean of 1: those of the generalized Dice, counted once over the set (Sudre et al. 2017)
/// What is not scaled need not be: losses divide by the sum of the weights. A class without pixels gets 0. Throws DataError when no class
/// has any.
inline std::vector<double> class_weights(WeightRule rule, const ClassCounts& counts) {
  const std::size_t classes = counts.pixels.size();
  double total = 0, present = 0;
  std::vector<double> frequencies;
  for (std::size_t c = 0; c < classes; ++c) {
    if (counts.pixels[c] == 0) continue;
    total += static_cast<double>(counts.pixels[c]);
    present += 1;
    frequencies.push_back(static_cast<double>(counts.pixels[c]) / static_cast<double>(counts.pixels_of_images[c]));
  }
  require<DataError>(present > 0,
                     "class weights: no training pixel has a label that is weighed (of grades: one above the lowest); --class-weights none "
                     "trains without");
  std::sort(frequencies.begin(), frequencies.end());
  const std::size_t half = frequencies.size() / 2;
  const double median = frequencies.size() % 2 ? frequencies[half] : (frequencies[half - 1] + frequencies[half]) / 2;

  std::vector<double> weights(classes, 0);
  double sum = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    const double pixels = static_cast<double>(counts.pixels[c]);
    const double labelled = counts.labelled.empty() ? total : static_cast<double>(counts.labelled[c]), share = pixels / labelled;
    if (pixels == 0) continue;
    switch (rule) {
      case WeightRule::none: weights[c] = 1; break;
      case WeightRule::balanced: weights[c] = labelled / (present * pixels); break;
      case WeightRule::inverse: weights[c] = 1 / share; break;
      case WeightRule::median: weights[c] = median * static_cast<double>(counts.pixels_of_images[c]) / pixels; break;
      case WeightRule::enet: weights[c] = 1 / std::log(1.02 + share); break;
      case WeightRule::dice_volume: weights[c] = 1 / (share * share); break;
      // 1 - b^pixels, without losing the digits of b so near to 1.
      case WeightRule::effective:
        weights[c] = present / total / -std::expm1(pixels * std::log1p(-std::min(present / total, 1 - 1e-12)));
        break;
    }
    sum += weights[c];
  }
  if (rule == WeightRule::inverse || rule == WeightRule::effective || rule == WeightRule::dice_volume)
    for (double& w : weights) w *= present / sum;
  return weights;
}

}  // namespace lamina::data
