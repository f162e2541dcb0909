#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "lamina/data/dataset.hpp"
#include "lamina/io/file.hpp"
#include "support/temp_folder.hpp"

// Small data folders for tests of data sets.
namespace lamina::test {

inline data::LabelImage labels(std::vector<std::uint8_t> v) {
  data::LabelImage m(static_cast<int>(v.size()), 1);
  m.labels = std::move(v);
  return m;
}
inline data::Image rgb(const std::vector<data::Rgb>& pixels) {
  data::Image image(static_cast<int>(pixels.size()), 1, 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) std::copy_n(pixels[i].data(), 3, image.pixels.data() + 3 * i);
  return image;
}
inline constexpr data::Rgb kBlack{0, 0, 0}, kRed{255, 0, 0}, kGreen{0, 255, 0}, kBlue{0, 0, 255}, kWhite{255, 255, 255};

/// A data folder with four images; the test writes the masks.
struct DataFolder : TempFolder {
  DataFolder() {
    for (const char* sub : {"images", "masks"}) io::create_folders(path() / sub);
    for (const char stem : {'a', 'b', 'c', 'd'})
      data::write_png(*this / ("images/" + std::string(1, stem) + ".png"), data::Image(3, 1, 3, static_cast<std::uint8_t>(stem)));
  }
  template <class Mask, class... More>
  void masks(const Mask& mask, const More&... palette) {
    for (const char* stem : {"a", "b", "c", "d"}) data::write_png(*this / ("masks/" + std::string(stem) + ".png"), mask, palette...);
  }
  void text(const std::string& name, const std::string& content) { io::write_file_atomically(*this / name, content); }
  std::vector<std::uint8_t> read(const std::string& stem, const data::DatasetOptions& options = {}) {
    return data::open_dataset(path(), options).masks.read(*this / ("masks/" + stem + ".png")).labels;
  }
};
using Labels = std::vector<std::uint8_t>;

inline void refuses(DataFolder& folder, const char* reason, const data::DatasetOptions& options = {}) {
  CAPTURE(reason);
  CHECK_THROWS_WITH_AS(data::open_dataset(folder.path(), options), doctest::Contains(reason), DataError);
}

/// How many findings hold a text.
inline int told(const std::vector<data::Finding>& findings, const std::string& text, bool is_error = false) {
  int n = 0;
  for (const data::Finding& f : findings) n += f.is_error == is_error && f.text.find(text) != std::string::npos;
  return n;
}

/// Six photographs of 32 x 24 whose upper right quarter is marked with `value`.
inline void write_quarters(const std::filesystem::path& out, std::uint8_t value, int count = 6) {
  for (const char* sub : {"images", "masks"}) io::create_folders(out / sub);
  for (int i = 0; i < count; ++i) {
    data::Image photo(32, 24, 3, static_cast<std::uint8_t>(10 * i));
    data::LabelImage mask(32, 24);
    for (int y = 0; y < 12; ++y)
      for (int x = 16; x < 32; ++x) photo.at(x, y)[0] = 200, mask.at(x, y) = value;
    data::write_png(out / "images" / ("im" + std::to_string(i) + ".png"), photo);
    data::write_png(out / "masks" / ("im" + std::to_string(i) + ".png"), mask);
  }
}

}  // namespace lamina::test
