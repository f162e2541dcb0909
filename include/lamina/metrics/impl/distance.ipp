#include "lamina/metrics/distance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lamina/core/error.hpp"

namespace lamina::metrics {
namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();

/// The lower envelope of the parabolas (x - i)^2 + f[i], at x = 0, 1, ...: a line's squared distances.
class Envelope {
 public:
  explicit Envelope(std::size_t size) : roots_(size), from_(size + 1), f_(size) {}

  void replace(double* line, std::size_t size, std::size_t step) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < size; ++i) {
      f_[i] = line[i * step];
      if (f_[i] == kFar) continue;
      double at = -kFar;
      while (count > 0 && (at = meet(roots_[count - 1], i)) <= from_[count - 1]) --count;
      roots_[count] = i;
      from_[count] = count == 0 ? -kFar : at;
      from_[++count] = kFar;
    }
    if (count == 0) return;  // far everywhere
    for (std::size_t x = 0, k = 0; x < size; ++x) {
      while (from_[k + 1] < static_cast<double>(x)) ++k;
      const double d = static_cast<double>(x) - static_cast<double>(roots_[k]);
      line[x * step] = d * d + f_[roots_[k]];
    }
  }

 private:
  /// Where the parabolas of a < b are equal.
  double meet(std::size_t a, std::size_t b) const {
    const double p = static_cast<double>(a), q = static_cast<double>(b);
    return ((f_[b] + q * q) - (f_[a] + p * p)) / (2 * (q - p));
  }
  std::vector<std::size_t> roots_;
  std::vector<double> from_, f_;
};

}  // namespace

std::vector<double> distance_to(std::span<const std::uint8_t> mask, std::int64_t height, std::int64_t width) {
  require(height >= 0 && width >= 0 && std::ssize(mask) == height * width, "distance_to: ", mask.size(), " values for ", height, " x ",
          width, " pixels");
  std::vector<double> d(mask.size());
  std::transform(mask.begin(), mask.end(), d.begin(), [](std::uint8_t v) { return v ? 0 : kFar; });
  const auto h = static_cast<std::size_t>(height), w = static_cast<std::size_t>(width);
  Envelope envelope(std::max(h, w));
  for (std::size_t x = 0; x < w; ++x) envelope.replace(d.data() + x, h, w);
  for (std::size_t y = 0; y < h; ++y) envelope.replace(d.data() + y * w, w, 1);
  for (double& v : d) v = std::sqrt(v);
  return d;
}

std::vector<double> signed_distance(std::span<const std::uint8_t> mask, std::int64_t height, std::int64_t width) {
  std::vector<double> outside = distance_to(mask, height, width);
  std::vector<std::uint8_t> complement(mask.size());
  std::transform(mask.begin(), mask.end(), complement.begin(), [](std::uint8_t v) { return v == 0; });
  const std::vector<double> inside = distance_to(complement, height, width);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    double& d = outside[i];
    if (mask[i]) d = std::isinf(inside[i]) ? 0 : 1 - inside[i];
    if (std::isinf(d)) d = 0;
  }
  return outside;
}

}  // namespace lamina::metrics
