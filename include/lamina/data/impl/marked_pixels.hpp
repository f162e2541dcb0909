#pragma once
// Masks of which several are united: what they mark.
#include <algorithm>
#include <filesystem>
#include <vector>

#include "lamina/data/image.hpp"

namespace lamina::data::detail {

/// What of a mask says something: all, or, where all colors are alike, its alpha.
class MarkedPixels {
 public:
  explicit MarkedPixels(const Raster& r) : r_(r), channels_(static_cast<std::size_t>(r.channels)), alpha_(channels_ - r.has_alpha) {
    for (std::size_t i = 0; i < r.pixel_count() * channels_; ++i)
      (i % channels_ < alpha_ ? one_color_ : one_alpha_) &= r.sample(i) == r.sample(i % channels_);
  }
  /// Whether alpha alone says what is marked.
  bool in_alpha() const { return one_color_ && !one_alpha_; }
  bool clear(std::size_t pixel) const { return !one_alpha_ && r_.sample(pixel * channels_ + alpha_) == 0; }
  bool black(std::size_t pixel) const { return is(pixel, 0); }
  bool white(std::size_t pixel) const { return is(pixel, r_.palette.empty() ? r_.max_value : 255); }
  /// Of masks of one channel: a number.
  bool numbers() const { return r_.channels == 1; }
  unsigned number(std::size_t pixel) const { return r_.sample(pixel); }
  unsigned full() const { return r_.palette.empty() ? r_.max_value : 255; }

 private:
  bool is(std::size_t pixel, unsigned level) const {
    if (!r_.palette.empty())
      return r_.sample(pixel) < r_.palette.size() &&
             std::all_of(r_.palette[r_.sample(pixel)].begin(), r_.palette[r_.sample(pixel)].end(), [&](unsigned v) { return v == level; });
    for (std::size_t c = 0; c < alpha_; ++c)
      if (r_.sample(pixel * channels_ + c) != level) return false;
    return true;
  }

  const Raster& r_;
  std::size_t channels_, alpha_;
  bool one_color_ = true, one_alpha_ = true;
};

/// Whether masks, of all together, hold what a lossy file or a smoothed border makes of black and full intensity.
bool are_smeared(const std::vector<std::filesystem::path>& masks);
/// A mask; of smeared ones, what is above half intensity is full and all else black. Throws DataError where that leaves nothing of it.
Raster read_marks(const std::filesystem::path& file, bool smeared);
inline constexpr const char* kToldOfHalves =
    "the masks are lossy (JPEG, WebP) or smoothed: what is above half intensity is marked; if their levels are labels, or numbers, make "
    "PNG "
    "files of what they were made of";

}  // namespace lamina::data::detail
