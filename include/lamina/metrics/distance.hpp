#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace lamina::metrics {

/// The distance in pixels of each pixel of a (height, width) mask to the nearest one that is set, 0 there; infinite when none is. Exact
/// (Felzenszwalb & Huttenlocher 2012), in time linear in the pixels. Throws ShapeError when the sizes do not match.
std::vector<double> distance_to(std::span<const std::uint8_t> mask, std::int64_t height, std::int64_t width);

/// Outside the mask the distance to it, inside minus the distance to its complement, plus 1: 0 on its inner border. 0 everywhere when the
/// mask is empty; where it is full, the complement lies beyond nothing and the distance is 0, too. Throws ShapeError.
std::vector<double> signed_distance(std::span<const std::uint8_t> mask, std::int64_t height, std::int64_t width);

}  // namespace lamina::metrics
