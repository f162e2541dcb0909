// What `lamina check` recommends for training.
#include "lamina/train/advice.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/text.hpp"
#include "lamina/heads/head.hpp"

namespace lamina::train {
namespace {

constexpr int kLargestSide = 512;      // that a U-Net trains on in a few GB at a batch of 4
constexpr double kRareBelow = 0.05;    // of the even share: the rarest class then hardly moves an unweighted loss
constexpr double kFewPixels = 5;       // wide: not to be made any smaller
constexpr double kRareInCrops = 0.01;  // of its photographs: few windows would show it

std::string percent(double share) { return formatted(share < 0.001 ? "%.2g %%" : "%.2f %%", 100 * share); }

Recommendation class_weights(const data::CheckReport& report) {
  const data::SplitSummary& train = report.splits[0];
  std::size_t rarest = 0, classes = 0;
  double least = 1, most = 0, total = 0;
  for (const std::int64_t n : train.counts.pixels) total += static_cast<double>(n);
  for (std::size_t c = 0; c < train.counts.pixels.size(); ++c) {
    const double all = train.overlapping ? static_cast<double>(train.labelled[c]) : total;
    if (train.counts.pixels[c] == 0 || all == 0) continue;
    ++classes;
    const double share = static_cast<double>(train.counts.pixels[c]) / all;
    if (share < least) least = share, rarest = c;
    most = std::max(most, share);
  }
  const std::string what =
      message("'", report.schema.counted()[rarest], "', the rarest class, has ", percent(least), " of the training pixels");
  if (train.overlapping)
    return {"--class-weights", "enet",
            what + ": weights let it count like the others; that it is found among what has none of them is Dice's part"};
  if (classes > 1 && least * static_cast<double>(classes) < kRareBelow)
    return {"--class-weights", "enet", what + ": unweighted, it would hardly be learnt"};
  if (classes < 2) return {"--class-weights", "none", "no training pixel is anything else: there is nothing to weigh"};
  return {"--class-weights", "enet",
          what + (least > 0.5 * most ? ", little less than the others: the default weighs them nearly alike"
                                     : message(", the most frequent ", percent(most), ": weights let it count more, the rarer the more"))};
}

int rounded(double side) { return std::max(32, static_cast<int>(std::lround(side / 16)) * 16); }

/// --size and --resize crop, where objects of some class would be a few pixels wide at `size`, whose longer side is given; else none.
std::vector<Recommendation> windows(const data::CheckReport& report, int w, int h, const std::string& size, int longer) {
  std::size_t narrowest = 0;
  double least = kFewPixels;  // pixels: the width of the object in the middle
  for (std::size_t c = 0; c < report.objects.size(); ++c)
    if (const auto& widths = report.objects[c]; !widths.empty() && widths[widths.size() / 2] * longer < least)
      least = widths[widths.size() / 2] * longer, narrowest = c;
  if (least == kFewPixels) return {};
  const int side = std::min(kLargestSide, std::min(w, h) / 16 * 16);
  std::vector<Recommendation> crops{
      {"--size", message(side, "x", side), message("windows at the photographs' own scale, of ", w, "x", h, " pixels in the middle")},
      {"--resize", "crop",
       message("brought to ", size, ", half of the objects of '", report.schema.counted()[narrowest], "' would be less than ",
               formatted("%.1f", least), " pixels wide")}};
  const data::ClassCounts& counts = report.splits[0].counts;
  const double share = static_cast<double>(counts.pixels[narrowest]) / static_cast<double>(counts.pixels_of_images[narrowest]);
  if (share < kRareInCrops)
    crops.push_back(
        {"--crop-foreground", "0.33", "few crops would show what is rare: a third are centered on a class other than the background"});
  return crops;
}

/// --size and --resize.
std::vector<Recommendation> sizes(const data::CheckReport& report) {
  auto extents = report.extents;
  std::sort(extents.begin(), extents.end(),
            [](const auto& a, const auto& b) { return std::int64_t{a.first} * a.second < std::int64_t{b.first} * b.second; });
  const auto [w, h] = extents[extents.size() / 2];
  const auto proportion = [](const auto& e) { return static_cast<double>(e.first) / e.second; };
  const auto [flat, wide] =
      std::minmax_element(extents.begin(), extents.end(), [&](const auto& a, const auto& b) { return proportion(a) < proportion(b); });
  const bool alike = proportion(*wide) < 1.05 * proportion(*flat);
  const std::string median = message(w, "x", h, " pixels");
  const double scale = std::min(1.0, static_cast<double>(kLargestSide) / std::max(w, h));
  const std::string size = message(rounded(w * scale), "x", rounded(h * scale));
  if (scale < 1)
    if (auto crops = windows(report, w, h, size, std::max(rounded(w * scale), rounded(h * scale))); !crops.empty()) return crops;
  return {{"--size", size,
           scale < 1 ? message("the photographs, of ", median, " in the middle, brought to ", kLargestSide, " pixels on their longer side")
                     : "the photographs' own size, " + median + (alike ? "" : " in the middle") + ", by steps of 16"},
          alike ? Recommendation{"--resize", "stretch", "all photographs have nearly the same proportions"}
                : Recommendation{"--resize", "pad", "their proportions differ: pad keeps shapes as they are"}};
}

}  // namespace

std::vector<Recommendation> recommend(const data::CheckReport& report) {
  const auto& counts = report.splits[0].counts.pixels;
  if (report.extents.empty() || std::all_of(counts.begin(), counts.end(), [](std::int64_t n) { return n == 0; })) return {};
  std::vector<Recommendation> all = sizes(report);
  all.push_back({"--loss", "ce+dice", "cross-entropy learns every pixel, Dice every label alike however rare"});
  all.push_back(class_weights(report));
  return all;
}

std::map<std::string, std::vector<double>> weights_by_rule(const data::CheckReport& report) {
  std::map<std::string, std::vector<double>> weights;
  if (report.schema.counted().empty()) return weights;
  const auto head = heads::make_head(report.schema);
  std::vector<heads::MaskPixels> masks;
  for (std::size_t i = 0; i < report.splits[0].pixels.size(); ++i) masks.push_back({report.splits[0].pixels[i], report.splits[0].known[i]});
  const data::ClassCounts counts = heads::output_counts(*head, masks);
  if (std::all_of(counts.pixels.begin(), counts.pixels.end(), [](std::int64_t n) { return n == 0; })) return weights;
  for (const std::string_view rule : data::kWeightRules)
    weights.emplace(rule, heads::class_weights(*head, data::weight_rule_named(rule), masks));
  return weights;
}

}  // namespace lamina::train
