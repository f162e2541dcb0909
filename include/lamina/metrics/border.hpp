#pragma once
#include <cstdint>
#include <optional>
#include <span>

namespace lamina::metrics {

/// Pixels near borders between labels, and the others: how many there are, and how many of them were decided otherwise.
struct BorderCounts {
  std::int64_t near = 0, near_wrong = 0, far = 0, far_wrong = 0;
  std::int64_t band = 0, band_wrong = 0;  ///< of the far ones: those next to the near ones, as far away again
  void add(const BorderCounts& other);
  /// Shares that were decided otherwise, `deep` ones being the far ones beyond the band; NaN without such pixels.
  double near_error() const;
  double far_error() const;
  double band_error() const;
  double deep_error() const;
};

/// Counts of a (height, width, planes) image, each plane by itself: near is what has another label within `reach` rows and columns
/// (Chebyshev distance), the band what has one within twice as many. Pixels whose label is `ignore` neither count nor make borders. Throws
/// ShapeError when the sizes do not match.
BorderCounts border_counts(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided, std::int64_t height,
                           std::int64_t width, std::int64_t planes = 1, std::optional<int> ignore = {}, std::int64_t reach = 2);

}  // namespace lamina::metrics
