#pragma once
// What the samples of a raster are like.
#include <algorithm>
#include <set>

#include "lamina/data/impl/mask_values.hpp"

namespace lamina::data::raster_facts {

using mask_values::packed;

/// Whether the samples of channel `c` are not all equal.
inline bool varies(const Raster& r, int c) {
  for (std::size_t p = 1; p < r.pixel_count(); ++p)
    if (const auto n = static_cast<std::size_t>(r.channels), k = static_cast<std::size_t>(c); r.sample(p * n + k) != r.sample(k))
      return true;
  return false;
}

/// What a lossy file made of gray pixels, which have faint colors then, becomes gray again.
inline void drop_faint_colors(Raster& r) {
  constexpr unsigned kFaint = 12;
  const auto n = static_cast<std::size_t>(r.channels);
  if (!r.lossy || r.max_value > 255 || r.channels - r.has_alpha != 3) return;
  for (std::size_t i = 0; i < r.samples.size(); i += n) {
    const auto [least, most] = std::minmax({r.samples[i], r.samples[i + 1], r.samples[i + 2]});
    if (most - least > static_cast<int>(kFaint)) return;
  }
  for (std::size_t i = 0; i < r.samples.size(); i += n) r.samples[i] = r.samples[i + 2] = r.samples[i + 1];
}

/// Is at most one channel set at every pixel, and always to the same value?
inline bool is_one_hot(const Raster& r) {
  const auto n = static_cast<std::size_t>(r.channels);
  unsigned set = 0;
  for (std::size_t p = 0; p < r.pixel_count(); ++p) {
    int found = 0;
    for (std::size_t i = p * n; i < (p + 1) * n; ++i)
      if (const unsigned v = r.sample(i)) {
        if (set == 0) set = v;
        if (v != set || ++found > 1) return false;
      }
  }
  return true;
}

/// Of RGBA that may be four one-hot planes, as only all masks together can tell: pixels by the channel set. Empty: one with a color has
/// another channel set, or what is set is neither 1 nor full.
inline std::map<std::uint32_t, std::int64_t> pixels_by_channel(const Raster& r) {
  std::map<std::uint32_t, std::int64_t> pixels;
  unsigned set = 0;
  for (std::size_t p = 0; p < r.pixel_count(); ++p) {
    std::uint32_t plane = MaskContent::kNoPlane;
    for (std::uint32_t k = 0; k < 4; ++k)
      if (const unsigned v = r.sample(p * 4 + k)) {
        if (set == 0) set = v;
        if (plane != MaskContent::kNoPlane || v != set || (v != 1 && v != r.max_value)) return {};
        plane = k;
      }
    ++pixels[plane];
  }
  return pixels;
}

inline std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> pairs_of_planes(const Raster& r) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> pairs;
  const auto n = static_cast<std::uint32_t>(r.channels);
  for (std::size_t first = 0; first < r.pixel_count() * n; first += n)
    for (std::uint32_t a = 0; a < n; ++a)
      for (std::uint32_t b = a + 1; b < n && r.sample(first + a); ++b)
        if (r.sample(first + b)) ++pairs[{a, b}];
  return pairs;
}

/// Is every index that a palette picture has its own gray, as GIF has gray pictures?
inline bool is_gray_ramp(const Raster& r) {
  std::set<unsigned> used;
  for (std::size_t p = 0; p < r.pixel_count(); ++p) used.insert(r.sample(p));
  return *used.rbegin() == 255 &&
         std::all_of(used.begin(), used.end(), [&](unsigned v) { return v < r.palette.size() && packed(r.palette[v]) == packed(v, v, v); });
}

}  // namespace lamina::data::raster_facts
