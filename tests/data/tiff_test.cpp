// Gray TIFF files, byte by byte: what white is, as a photograph and as a mask.
#include <doctest/doctest.h>

#include <algorithm>

#include "lamina/data/mask.hpp"
#include "support/formats.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {

/// A little-endian TIFF of one strip. `photometric` 0: sample 0 is white; 1: sample 0 is black.
std::string tiff(int width, int height, int bits, int photometric, const std::vector<unsigned>& samples) {
  std::string pixels;
  for (int y = 0; y < height; ++y) {
    std::string row(static_cast<std::size_t>((width * bits + 7) / 8), '\0');
    for (int x = 0; x < width; ++x) {
      const unsigned v = samples[static_cast<std::size_t>(y * width + x)];
      const auto at = static_cast<std::size_t>(x * bits / 8);
      if (bits == 16)
        row[at] = static_cast<char>(v), row[at + 1] = static_cast<char>(v >> 8);
      else
        row[at] = static_cast<char>(static_cast<unsigned char>(row[at]) | v << (8 - bits - x * bits % 8));  // the first in the highest bits
    }
    pixels += row;
  }
  const auto number = [](unsigned v, int size) {
    std::string s;
    for (int i = 0; i < size; ++i) s += static_cast<char>(v >> 8 * i);
    return s;
  };
  const unsigned data = 8 + 2 + 9 * 12 + 4, shorts = 3, longs = 4;
  const auto entry = [&](unsigned tag, unsigned type, unsigned value) {
    return number(tag, 2) + number(type, 2) + number(1, 4) + number(value, 4);
  };
  return "II*" + std::string(1, '\0') + number(8, 4) + number(9, 2) + entry(256, longs, static_cast<unsigned>(width)) +
         entry(257, longs, static_cast<unsigned>(height)) + entry(258, shorts, static_cast<unsigned>(bits)) + entry(259, shorts, 1) +
         entry(262, shorts, static_cast<unsigned>(photometric)) + entry(273, longs, data) + entry(277, shorts, 1) +
         entry(278, longs, static_cast<unsigned>(height)) + entry(279, longs, static_cast<unsigned>(pixels.size())) + number(0, 4) + pixels;
}

}  // namespace

TEST_CASE("gray TIFF: the largest sample of a raster is white, whichever way the file counts" * doctest::skip(!reads_tiff())) {
  for (const int bits : {1, 2, 4, 8, 16})
    for (const int photometric : {0, 1}) {
      CAPTURE(bits);
      CAPTURE(photometric);
      const unsigned most = (1u << bits) - 1;
      const std::vector<unsigned> stored{0, most, most / 3, most, 0, most / 2 + 1};  // 3x2
      const Raster raster = decode_raster(tiff(3, 2, bits, photometric, stored), "gray.tif");
      REQUIRE(raster.width == 3);
      REQUIRE(raster.height == 2);
      REQUIRE(raster.channels == 1);
      REQUIRE(raster.max_value == most);
      const Image photo = to_photo(raster, "gray.tif");
      for (std::size_t i = 0; i < stored.size(); ++i) {
        const unsigned bright = photometric == 0 ? most - stored[i] : stored[i];
        REQUIRE(raster.sample(i) == bright);
        REQUIRE(photo.pixels[i] == (bright * 255 + most / 2) / most);
      }
    }
}

TEST_CASE("gray TIFF as a binary mask: what is white in the picture is foreground" * doctest::skip(!reads_tiff())) {
  for (const int bits : {1, 8, 16})
    for (const int photometric : {0, 1}) {
      CAPTURE(bits);
      CAPTURE(photometric);
      const unsigned most = (1u << bits) - 1, white = photometric == 0 ? 0 : most, black = most - white;
      const Raster raster = decode_raster(tiff(4, 1, bits, photometric, {black, white, white, black}), "m.tif");
      LabelSchema schema;
      const MaskDecoder decoder = resolve_masks({inspect_mask(raster, "m.tif")}, schema);
      CHECK(decoder.decode(raster, "m.tif").labels == std::vector<std::uint8_t>{0, 1, 1, 0});
      CHECK(schema.background == 0);
      const auto notes = [&](FileRole role) {
        return decode_raster(tiff(4, 1, bits, photometric, {0, 0, 1, 1}), "m.tif", DecodeLimits{}.of(role)).notes.size();
      };
      CHECK(notes(FileRole::mask) == (photometric == 0));
      CHECK(notes(FileRole::photograph) == (photometric == 0 && bits > 1));
    }
}

TEST_CASE("gray TIFF as an index mask: values count from black; counted from white they are refused" * doctest::skip(!reads_tiff())) {
  for (const int bits : {8, 16}) {
    CAPTURE(bits);
    const unsigned most = (1u << bits) - 1;
    LabelSchema schema = parse_label_schema(R"({"labels": {"background": 0, "a": 1, "b": 2}})", "s");
    const MaskDecoder decoder(MaskEncoding::index, schema);
    const std::vector<std::uint8_t> expected{2, 0, 1};
    CHECK(decoder.decode(decode_raster(tiff(3, 1, bits, 1, {2, 0, 1}), "m.tif"), "m.tif").labels == expected);
    CHECK(decoder.decode(decode_raster(tiff(3, 1, bits, 0, {most - 2, most, most - 1}), "m.tif"), "m.tif").labels == expected);
    CHECK_THROWS_WITH_AS(decoder.decode(decode_raster(tiff(3, 1, bits, 0, {2, 0, 1}), "m.tif"), "m.tif"),
                         doctest::Contains("which is none of the labels"), DataError);
  }
}

TEST_CASE("a TIFF that is cut off is named once, and why" * doctest::skip(!reads_tiff())) {
  const std::string whole = tiff(4, 1, 8, 1, {0, 0, 1, 1});
  for (const std::string& bytes : {std::string("II*\0\0\0\0\0", 8), whole.substr(0, 8), whole.substr(0, 30)}) try {
      (void)decode_raster(bytes, "cut.tif");
      FAIL_CHECK("read");
    } catch (const DataError& e) {
      const std::string said = e.what();
      CHECK_MESSAGE(said.size() > std::string("cut.tif: ").size(), said);
      CHECK_MESSAGE(said.find("cut.tif") == said.rfind("cut.tif"), said);
    }
}
