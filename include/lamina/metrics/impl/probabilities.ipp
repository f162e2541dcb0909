#include "lamina/metrics/probabilities.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/error.hpp"

namespace lamina::metrics {
namespace {

constexpr double kNoRatio = std::numeric_limits<double>::quiet_NaN();

double ratio(double a, double b) { return b == 0 ? kNoRatio : a / b; }

}  // namespace

void ProbabilityCounts::count(std::size_t event, float probability, bool is_so) {
  if (std::isnan(probability)) return;
  const int bin = std::clamp(static_cast<int>(probability * kBins), 0, kBins - 1);
  Bin& b = bins_[event * kBins + static_cast<std::size_t>(bin)];
  ++b.all, b.hits += is_so, b.sum += probability;
}

void ProbabilityCounts::add(std::span<const float> p, std::span<const std::uint8_t> truth, std::optional<int> ignore) {
  const auto all = static_cast<std::size_t>(events());
  require(p.size() == truth.size() * all, "probability counts: ", truth.size(), " labels and ", p.size(), " probabilities of ", all,
          " classes");
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (ignore && truth[i] == *ignore) continue;
    require<DataError>(truth[i] < all, "probability counts: the label ", int{truth[i]}, " is none of ", all, " classes");
    const float* of_pixel = &p[i * all];
    std::size_t decided = 0;
    for (std::size_t k = 0; k < all; ++k) {
      count(k, of_pixel[k], truth[i] == k);
      if (of_pixel[k] > of_pixel[decided]) decided = k;
    }
    count(all, of_pixel[decided], truth[i] == decided);
  }
}

void ProbabilityCounts::add_planes(std::span<const float> p, std::span<const std::uint8_t> truth, std::optional<int> ignore) {
  const auto all = static_cast<std::size_t>(events());
  require(p.size() == truth.size() && all > 0 && p.size() % all == 0, "probability counts: ", truth.size(), " labels and ", p.size(),
          " probabilities of ", all, " planes");
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (ignore && truth[i] == *ignore) continue;
    require<DataError>(truth[i] <= 1, "probability counts: a plane holds 0 and 1, not the label ", int{truth[i]});
    count(i % all, p[i], truth[i] == 1);
    count(all, std::max(p[i], 1 - p[i]), truth[i] == (p[i] > 0.5f));
  }
}

void ProbabilityCounts::add(const ProbabilityCounts& other, int first) {
  require(first >= 0 && first + other.events() <= events(), "probability counts of ", events(), " events and of ", other.events(),
          " from the ", first, "th on");
  for (int event = 0; event <= other.events(); ++event) {
    Bin* to = &bins_[static_cast<std::size_t>((event < other.events() ? first + event : events()) * kBins)];
    for (const Bin& bin : other.bins(event)) to->all += bin.all, to->hits += bin.hits, to->sum += bin.sum, ++to;
  }
}

std::int64_t ProbabilityCounts::pixels(int event) const {
  std::int64_t n = 0;
  for (const Bin& b : bins(event)) n += b.all;
  return n;
}

std::vector<OperatingPoint> ProbabilityCounts::curve(int event) const {
  double positives = 0, said = 0, right = 0;
  for (const Bin& b : bins(event)) positives += static_cast<double>(b.hits);
  std::vector<OperatingPoint> points(kBins);
  for (int k = kBins; k-- > 0;) {
    const Bin& b = bins(event)[static_cast<std::size_t>(k)];
    said += static_cast<double>(b.all), right += static_cast<double>(b.hits);
    OperatingPoint& point = points[static_cast<std::size_t>(k)];
    point = {static_cast<double>(k) / kBins, ratio(right, said), ratio(right, positives), kNoRatio};
    if (positives > 0) point.dice = 2 * right / (said + positives);
  }
  return points;
}

double ProbabilityCounts::average_precision(int event) const {
  const std::vector<OperatingPoint> points = curve(event);
  if (std::isnan(points[0].recall)) return kNoRatio;
  double sum = 0, recall = 0;
  for (auto point = points.rbegin(); point != points.rend(); ++point)
    if (point->recall > recall) sum += (point->recall - recall) * point->precision, recall = point->recall;
  return sum;
}

OperatingPoint ProbabilityCounts::best(int event) const {
  const std::vector<OperatingPoint> points = curve(event);
  return *std::max_element(points.begin(), points.end(), [](const OperatingPoint& a, const OperatingPoint& b) { return a.dice < b.dice; });
}

std::vector<Reliability> ProbabilityCounts::reliability(int event, int parts) const {
  require<OptionError>(parts >= 1 && kBins % parts == 0, "reliability: ", parts, " parts do not divide ", kBins, " bins");
  std::vector<Reliability> out;
  const std::span<const Bin> all = bins(event);
  for (std::size_t first = 0; first < all.size(); first += all.size() / static_cast<std::size_t>(parts)) {
    Bin sum;
    for (const Bin& b : all.subspan(first, all.size() / static_cast<std::size_t>(parts)))
      sum.all += b.all, sum.hits += b.hits, sum.sum += b.sum;
    const auto n = static_cast<double>(sum.all);
    out.push_back({ratio(sum.sum, n), ratio(static_cast<double>(sum.hits), n), sum.all});
  }
  return out;
}

double ProbabilityCounts::calibration_error(int event, int parts) const {
  double sum = 0;
  for (const Reliability& r : reliability(event, parts))
    if (r.pixels > 0) sum += static_cast<double>(r.pixels) * std::abs(r.probability - r.frequency);
  return ratio(sum, static_cast<double>(pixels(event)));
}

}  // namespace lamina::metrics
