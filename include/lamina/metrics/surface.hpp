#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace lamina::metrics {

struct SurfaceOptions {
  double tolerance = 2;       ///< pixels, of surface_dice
  bool missed_counts = true;  ///< where only one of the two masks is empty; false: no value
};

/// How far two masks' borders are apart. Both are NaN where both masks are empty.
struct SurfaceScores {
  /// Of the distances of each border's pixels to the other border the 95th percentile (linear between values), the larger of both
  /// directions, in pixels; of a mask that only one has, the diagonal of the image.
  double hausdorff95 = std::numeric_limits<double>::quiet_NaN();
  /// Share of both borders' pixels that are within the tolerance of the other border; 0 where only one has a border.
  double surface_dice = std::numeric_limits<double>::quiet_NaN();
  bool missed = false;  ///< only one of the two masks is empty
};

/// Where a (height, width, planes) image shows something: the pixels of a plane that have a value.
struct Region {
  int plane = 0, value = 0;
};

/// Scores of each region, in the semantics of MONAI's compute_hausdorff_distance and compute_surface_dice: a mask's border is its pixels
/// with one of four neighbours outside of it, as what is beyond the image is; distances are Euclidean, pixel to pixel. Pixels that are
/// labelled `ignore` are in neither mask. Time grows with the boxes around the regions. Throws ShapeError when the sizes do not match,
/// OptionError on a negative tolerance.
std::vector<SurfaceScores> surface_scores(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided, std::int64_t height,
                                          std::int64_t width, std::int64_t planes, std::span<const Region> regions, int ignore,
                                          const SurfaceOptions& options = {});

}  // namespace lamina::metrics
