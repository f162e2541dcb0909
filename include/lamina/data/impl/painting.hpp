#pragma once
// Masks that shapes are painted on, and the numbers of their labels.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lamina/data/impl/importing.hpp"

namespace lamina::data::detail {

using Points = std::vector<std::pair<double, double>>;

/// How many pixels have the first label because its shape lies over the second's.
using Hidden = std::map<std::pair<std::uint8_t, std::uint8_t>, std::int64_t>;

/// A mask that shapes are painted on.
struct Canvas : LabelImage {
  Hidden& hidden;
  Canvas(LabelImage blank, Hidden& count) : LabelImage(std::move(blank)), hidden(count) {}
  void set(int x, int y, std::uint8_t value) {
    std::uint8_t& pixel = at(x, y);
    if (pixel != 0 && pixel != value && value != 0 && pixel != kIgnoreLabel && value != kIgnoreLabel) ++hidden[{value, pixel}];
    pixel = value;
  }
};

/// What labels are written as: 0 of the background, the others numbered from 1 in their order, each name once.
class Numbers {
 public:
  /// Throws DataError where they are more than a mask has values for.
  Numbers(const std::vector<std::string>& labels, const fs::path& source);
  const std::vector<std::string>& names() const { return names_; }
  std::uint8_t operator[](const std::string& label) const;
  /// Says which shapes hid others, and which one a pixel of two has.
  void tell(const Hidden& hidden, const char* kept, Target& target) const;

 private:
  std::vector<std::string> names_;
};

/// As large as a JSON says, or else as its photograph is.
LabelImage blank(const Json& image, const char* width, const char* height, const std::string& origin, const fs::path& photo);
/// Sets the pixels whose centers are inside the polygon (by the even-odd rule).
void fill(Canvas& mask, const Points& polygon, std::uint8_t value);
/// COCO's run lengths, down the columns: zeros, ones, zeros ... A list, or text of 5-bit groups with the difference to the run before last.
void fill_runs(Canvas& mask, const Json& rle, std::uint8_t value, const std::string& origin);
/// The bytes that a text stands for. Throws DataError naming `origin`.
std::string from_base64(const std::string& text, const std::string& origin);
/// labelme's shape that is a picture, a PNG in base64, whose first corner is the first of its points.
void paste(Canvas& mask, const Json& shape, std::uint8_t value, const std::string& origin);

}  // namespace lamina::data::detail
