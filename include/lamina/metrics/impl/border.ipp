#include "lamina/metrics/border.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "lamina/core/error.hpp"
#include "lamina/core/text.hpp"

namespace lamina::metrics {
namespace {

double share(std::int64_t part, std::int64_t all) {
  return all == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(part) / static_cast<double>(all);
}

using Labels = std::vector<std::uint8_t>;

/// Each of `labels` becomes the pick of those up to `reach` away in the image of rows of `width`: first along rows, then along columns.
template <class Pick>
void widen(Labels& labels, std::int64_t width, std::int64_t reach, Pick&& pick) {
  const auto join = [&](std::uint8_t* to, const std::uint8_t* from, std::int64_t count, std::int64_t distance) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = pick(to[i], from[i + distance]);
    for (std::int64_t i = 0; i < count; ++i) to[i + distance] = pick(to[i + distance], from[i]);
  };
  const std::int64_t count = std::ssize(labels);
  Labels before = labels;
  for (std::int64_t row = 0; row < count; row += width)
    for (std::int64_t k = 1; k <= std::min(reach, width - 1); ++k) join(labels.data() + row, before.data() + row, width - k, k);
  before = labels;
  for (std::int64_t k = width; k <= std::min(reach * width, count - width); k += width) join(labels.data(), before.data(), count - k, k);
}

}  // namespace

void BorderCounts::add(const BorderCounts& o) {
  near += o.near, near_wrong += o.near_wrong, far += o.far, far_wrong += o.far_wrong;
  band += o.band, band_wrong += o.band_wrong;
}
double BorderCounts::near_error() const { return share(near_wrong, near); }
double BorderCounts::far_error() const { return share(far_wrong, far); }
double BorderCounts::band_error() const { return share(band_wrong, band); }
double BorderCounts::deep_error() const { return share(far_wrong - band_wrong, far - band); }

BorderCounts border_counts(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided, std::int64_t height,
                           std::int64_t width, std::int64_t planes, std::optional<int> ignore, std::int64_t reach) {
  require(std::ssize(truth) == height * width * planes && decided.size() == truth.size(), "border_counts: ", truth.size(), " labels and ",
          decided.size(), " decisions for ", height, " x ", width, " pixels of ", counted(planes, "plane"));
  BorderCounts counts;
  Labels own(static_cast<std::size_t>(height * width)), low, high;
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    const auto at = [&](std::size_t i) { return i * static_cast<std::size_t>(planes) + static_cast<std::size_t>(plane); };
    const auto ignored = [&](std::uint8_t label) { return ignore && label == *ignore; };
    for (std::size_t i = 0; i < own.size(); ++i) own[i] = truth[at(i)];
    low = high = own;
    if (ignore)  // neither smaller nor larger than any other
      for (std::size_t i = 0; i < own.size(); ++i)
        if (ignored(own[i])) low[i] = 255, high[i] = 0;
    const auto wider = [&] {
      widen(low, width, reach, [](std::uint8_t a, std::uint8_t b) { return std::min(a, b); });
      widen(high, width, reach, [](std::uint8_t a, std::uint8_t b) { return std::max(a, b); });
    };
    const auto count_within = [&](std::int64_t& all, std::int64_t& all_wrong) {
      for (std::size_t i = 0; i < own.size(); ++i) {
        const bool here = !ignored(own[i]) && low[i] < high[i];
        all += here, all_wrong += here && own[i] != decided[at(i)];
      }
    };
    std::int64_t near = 0, near_wrong = 0, within = 0, within_wrong = 0;
    wider(), count_within(near, near_wrong);
    wider(), count_within(within, within_wrong);
    counts.near += near, counts.near_wrong += near_wrong;
    counts.band += within - near, counts.band_wrong += within_wrong - near_wrong;
    for (std::size_t i = 0; i < own.size(); ++i)
      counts.far += !ignored(own[i]), counts.far_wrong += !ignored(own[i]) && own[i] != decided[at(i)];
    counts.far -= near, counts.far_wrong -= near_wrong;
  }
  return counts;
}

}  // namespace lamina::metrics
