#include "lamina/data/impl/painting.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/data/impl/survey.hpp"

namespace lamina::data::detail {
namespace {

std::vector<std::int64_t> run_lengths(const Json& counts) {
  if (counts.is_array()) return counts.get<std::vector<std::int64_t>>();
  std::vector<std::int64_t> runs;
  const std::string text = counts.get<std::string>();
  for (std::size_t i = 0; i < text.size();) {
    std::int64_t v = 0;
    int shift = 0;
    for (bool more = true; more && i < text.size() && shift < 60; shift += 5) {
      const int group = text[i++] - 48;
      v |= static_cast<std::int64_t>(group & 31) << shift;
      more = (group & 32) != 0;
      if (!more && (group & 16)) v -= std::int64_t{1} << (shift + 5);
    }
    runs.push_back(runs.size() > 2 ? v + runs[runs.size() - 2] : v);
  }
  return runs;
}

}  // namespace

std::string from_base64(const std::string& text, const std::string& origin) {
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  std::size_t digits = 0, padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const int digit = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    require<DataError>(digit >= 0 && padding == 0, origin, ": this is no base64, the text that files are kept in: it is damaged");
    ++digits;
    bits = bits << 6 | static_cast<unsigned>(digit);
    if ((count += 6) >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 255);
  }
  require<DataError>((digits + padding) % 4 == 0 && padding <= 2, origin, ": base64 that is cut off");
  return bytes;
}

Numbers::Numbers(const std::vector<std::string>& labels, const fs::path& source) {
  for (const std::string& label : labels)
    if (!schema_names::names_background(label) && std::find(names_.begin(), names_.end(), label) == names_.end()) names_.push_back(label);
  require<DataError>(names_.size() <= 254, source.string(), ": ", names_.size(), " classes; at most 254 and the background fit a mask");
}

std::uint8_t Numbers::operator[](const std::string& label) const {
  const auto at = std::find(names_.begin(), names_.end(), label);
  return static_cast<std::uint8_t>(at == names_.end() ? 0 : at - names_.begin() + 1);
}

void Numbers::tell(const Hidden& hidden, const char* kept, Target& target) const {
  std::int64_t sum = 0;
  std::vector<std::string> pairs;
  for (const auto& [which, pixels] : hidden) {
    sum += pixels;
    pairs.push_back(message("'", names_[which.first - 1u], "' over '", names_[which.second - 1u], "' (", pixels, ")"));
  }
  if (sum > 0)
    target.note(message(counted(sum, "pixel lies", "pixels lie"), " in shapes of two labels, and ", sum == 1 ? "has" : "have",
                        " one: ", kept, " is kept, ", examples(pairs),
                        "; to keep both, draw masks in a folder a label, with \"task\": \"multilabel\" in dataset.json"));
}

void fill(Canvas& mask, const Points& polygon, std::uint8_t value) {
  for (int y = 0; y < mask.height; ++y) {
    std::vector<double> crossings;
    const double at = y + 0.5;
    for (std::size_t i = 0, j = polygon.size() - 1; i < polygon.size(); j = i++) {
      const auto [from_x, from_y] = polygon[j];
      const auto [to_x, to_y] = polygon[i];
      if ((from_y <= at) != (to_y <= at)) crossings.push_back(from_x + (at - from_y) / (to_y - from_y) * (to_x - from_x));
    }
    std::sort(crossings.begin(), crossings.end());
    for (std::size_t k = 0; k + 1 < crossings.size(); k += 2) {
      const auto column = [&](double x) { return static_cast<int>(std::clamp(std::ceil(x - 0.5), 0.0, static_cast<double>(mask.width))); };
      for (int x = column(crossings[k]); x < column(crossings[k + 1]); ++x) mask.set(x, y, value);
    }
  }
}

void fill_runs(Canvas& mask, const Json& rle, std::uint8_t value, const std::string& origin) {
  const auto size = rle.find("size");
  require<DataError>(size == rle.end() || *size == Json::array({mask.height, mask.width}), origin, ": run lengths of ",
                     size == rle.end() ? "" : size->dump(), " pixels in a photograph of [", mask.height, ", ", mask.width, "]");
  std::int64_t at = 0;
  bool set = false;
  for (const std::int64_t run : run_lengths(rle.at("counts"))) {
    require<DataError>(run >= 0 && run <= static_cast<std::int64_t>(mask.labels.size()) - at, origin, ": run lengths leave the photograph");
    for (std::int64_t i = 0; i < run; ++i, ++at)
      if (set) mask.set(static_cast<int>(at / mask.height), static_cast<int>(at % mask.height), value);
    set = !set;
  }
}

void paste(Canvas& mask, const Json& shape, std::uint8_t value, const std::string& origin) {
  const Raster picture = decode_raster(from_base64(shape.at("mask").get<std::string>(), origin), origin);
  const auto left = shape.at("points").at(0).at(0).get<double>(), top = shape.at("points").at(0).at(1).get<double>();
  require<DataError>(std::abs(left) < 1e6 && std::abs(top) < 1e6, origin, ": a shape is at (", left, ", ", top, ")");
  for (std::size_t i = 0; i < picture.pixel_count(); ++i) {
    const auto width = static_cast<std::size_t>(picture.width);
    const int x = static_cast<int>(left) + static_cast<int>(i % width), y = static_cast<int>(top) + static_cast<int>(i / width);
    if (picture.sample(i * static_cast<std::size_t>(picture.channels)) && x >= 0 && y >= 0 && x < mask.width && y < mask.height)
      mask.set(x, y, value);
  }
}

}  // namespace lamina::data::detail
