#include "lamina/data/impl/marked_pixels.hpp"

#include <set>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/head_masks.hpp"

namespace lamina::data::detail {

namespace {

/// Of pixels between black and full intensity, how many have a neighbor of another level that is not black.
struct Blend {
  std::int64_t between = 0, blended = 0;
  std::set<unsigned> levels{};
  bool any_bright = false;

  void add(const Raster& r) {
    const auto w = static_cast<std::size_t>(r.width), channels = static_cast<std::size_t>(r.channels), n = r.pixel_count();
    const auto level = [&](std::size_t pixel) { return r.sample(pixel * channels); };
    for (std::size_t p = 0; p < n; ++p) {
      const unsigned v = level(p);
      any_bright |= 4 * std::uint64_t{v} >= 3 * std::uint64_t{r.max_value};
      if (v == 0 || v == r.max_value) continue;
      const auto differs = [&](std::size_t pixel) { return level(pixel) != 0 && level(pixel) != v; };
      ++between, levels.insert(v);
      blended +=
          (p % w > 0 && differs(p - 1)) || (p % w + 1 < w && differs(p + 1)) || (p >= w && differs(p - w)) || (p + w < n && differs(p + w));
    }
  }
};

bool any_marked(const Raster& r) {
  const auto channels = static_cast<std::size_t>(r.channels), colors = channels - (r.has_alpha ? 1 : 0);
  for (std::size_t i = 0; i < r.pixel_count() * channels; ++i)
    if (i % channels < colors && r.sample(i) > 0) return true;
  return false;
}

}  // namespace

bool are_smeared(const std::vector<std::filesystem::path>& masks) {
  constexpr std::size_t kFewest = 8;  // levels: numbers, too, may be side by side
  Blend blend;
  for (const std::filesystem::path& file : masks) {
    const Raster r = read_raster(file, DecodeLimits{}.of(FileRole::imported_mask));
    if (r.lossy) return true;
    if (r.palette.empty() && !MarkedPixels(r).in_alpha()) blend.add(r);
  }
  return blend.any_bright && blend.levels.size() >= kFewest && 4 * blend.blended >= 3 * blend.between;
}

Raster read_marks(const std::filesystem::path& file, bool smeared) {
  Raster whole = read_raster(file, DecodeLimits{}.of(FileRole::imported_mask));
  if (!smeared || !whole.palette.empty() || MarkedPixels(whole).in_alpha()) return whole;
  LabelSchema half;
  half.reading.threshold = 0.5;
  Raster halved = read_turned(file, 0, DecodeLimits{}, half);
  require<DataError>(
      any_marked(halved) || !any_marked(whole), file.string(),
      ": nothing of it is above half intensity, and the masks are lossy (JPEG, WebP) or smoothed: nothing says what its levels "
      "are; make masks of 0 and 255, as PNG, of what they were made of");
  return halved;
}

}  // namespace lamina::data::detail
