// Files that were once read wrongly without a word, made here byte by byte.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>

#include "lamina/data/check.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"
#include "support/data_folder.hpp"
#include "support/formats.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {

std::string number(std::uint64_t v, int size, bool little = true) {
  std::string s;
  for (int i = 0; i < size; ++i) s += static_cast<char>(v >> 8 * (little ? i : size - 1 - i));
  return s;
}

/// A TIFF, uncompressed; `blocks` are its strips (a row each) or tiles.
struct Tiff {
  unsigned width = 4, height = 1, bits = 16, channels = 1, format = 1, photometric = 1, planar = 1, tile = 0, pages = 1;
  bool little = true;
  std::vector<std::string> blocks;

  std::string bytes() const {
    const auto n = [&](std::uint64_t v, int size) { return number(v, size, little); };
    std::string file = (little ? "II" : "MM") + n(42, 2) + n(0, 4), sizes, offsets;
    for (const std::string& block : blocks) offsets += n(file.size(), 4), sizes += n(block.size(), 4), file += block;
    const std::size_t all_offsets = file.size(), count = blocks.size();
    file += offsets;
    const std::size_t all_sizes = file.size();
    file += sizes;
    const std::size_t all_bits = file.size();
    for (unsigned c = 0; c < channels; ++c) file += n(bits, 2);
    std::size_t link = 4;
    for (unsigned page = 0; page < pages; ++page) {
      file.replace(link, 4, n(file.size(), 4));
      std::string entries;
      unsigned entry_count = 0;
      const auto entry = [&](unsigned tag, unsigned type, std::size_t c, std::uint64_t v) {
        ++entry_count;
        entries += n(tag, 2) + n(type, 2) + n(c, 4) + (type == 3 && c == 1 ? n(v, 2) + n(0, 2) : n(v, 4));
      };
      entry(256, 4, 1, width);
      entry(257, 4, 1, height);
      entry(258, 3, channels, channels == 1 ? bits : channels == 2 ? (std::uint64_t{bits} << 16 | bits) : all_bits);
      entry(259, 3, 1, 1);
      entry(262, 3, 1, photometric);
      const auto where = [&](std::size_t at, const std::string& one) { return count == 1 ? detail_first(one) : at; };
      if (!tile) entry(273, 4, count, where(all_offsets, offsets));
      entry(277, 3, 1, channels);
      if (!tile) entry(278, 4, 1, 1), entry(279, 4, count, where(all_sizes, sizes));
      entry(284, 3, 1, planar);
      if (tile) {
        entry(322, 4, 1, tile);
        entry(323, 4, 1, tile);
        entry(324, 4, count, where(all_offsets, offsets));
        entry(325, 4, count, where(all_sizes, sizes));
      }
      entry(339, 3, 1, format);
      file += n(entry_count, 2) + entries;
      link = file.size();
      file += n(0, 4);
    }
    return file;
  }

 private:
  std::uint64_t detail_first(const std::string& four) const {
    std::uint64_t v = 0;
    for (int i = 0; i < 4; ++i)
      v |= std::uint64_t{static_cast<unsigned char>(four[static_cast<std::size_t>(i)])} << 8 * (little ? i : 3 - i);
    return v;
  }
};

std::string numbers(const std::vector<std::int64_t>& values, int size, bool little = true) {
  std::string s;
  for (const std::int64_t v : values) s += number(static_cast<std::uint64_t>(v), size, little);
  return s;
}
std::string floats(const std::vector<float>& values) {
  std::string s(values.size() * 4, '\0');
  std::memcpy(s.data(), values.data(), s.size());
  return s;
}
std::vector<unsigned> samples(const Raster& r) {
  std::vector<unsigned> v;
  for (std::size_t i = 0; i < r.pixel_count() * static_cast<std::size_t>(r.channels); ++i) v.push_back(r.sample(i));
  return v;
}
using Values = std::vector<unsigned>;

void refused(const std::string& bytes, const std::string& name, std::initializer_list<const char*> reasons, bool as_photo = false) {
  for (const char* reason : reasons) {
    CAPTURE(reason);
    if (as_photo)
      CHECK_THROWS_WITH_AS(decode_image(bytes, name), doctest::Contains(reason), DataError);
    else
      CHECK_THROWS_WITH_AS(decode_raster(bytes, name), doctest::Contains(reason), DataError);
  }
}

/// zlib's form of 1 + 258 * `repeats` letters a, in about 13 bits each 258 (RFC 1951, fixed codes).
std::string deflated_letters(std::uint64_t repeats) {
  std::string out = "\x78\x9c";
  unsigned bits = 0, held = 0;
  const auto put = [&](unsigned code, unsigned size) {  // the first bit in the highest place of `code`
    for (; size-- > 0;) {
      held |= (code >> size & 1) << bits;
      if (++bits == 8) out += static_cast<char>(held), bits = held = 0;
    }
  };
  put(0b110, 3);                                                          // the last block; fixed codes
  put(0b10010001, 8);                                                     // an a
  for (std::uint64_t i = 0; i < repeats; ++i) put(0b11000101'00000, 13);  // 258 bytes more, from one back
  put(0, 7);
  if (bits) put(0, 8 - bits);
  const std::uint64_t n = 1 + 258 * repeats, sum = 1 + 97 * n, sums = n + 97 * (n * (n + 1) / 2);  // Adler-32
  return out + number(sums % 65521 << 16 | sum % 65521, 4, false);
}

}  // namespace

TEST_CASE("TIFF samples are read as they are stored: signed, wide, floating-point, either byte order" * doctest::skip(!reads_tiff())) {
  for (const bool little : {true, false}) {
    CAPTURE(little);
    CHECK(samples(decode_raster(Tiff{.little = little, .blocks = {numbers({0, 1, 300, 600}, 2, little)}}.bytes(), "m.tif")) ==
          Values{0, 1, 300, 600});
    for (const unsigned format : {1u, 2u}) {
      CHECK(samples(decode_raster(Tiff{.format = format, .little = little, .blocks = {numbers({0, 1, 300, 2}, 2, little)}}.bytes(),
                                  "m.tif")) == Values{0, 1, 300, 2});
      CHECK(samples(decode_raster(
                Tiff{.bits = 32, .format = format, .little = little, .blocks = {numbers({0, 1, 65535, 2}, 4, little)}}.bytes(), "m.tif")) ==
            Values{0, 1, 65535, 2});
      CHECK(samples(decode_raster(Tiff{.bits = 8, .format = format, .little = little, .blocks = {numbers({0, 1, 100, 2}, 1)}}.bytes(),
                                  "m.tif")) == Values{0, 1, 100, 2});
    }
  }
  CHECK(samples(decode_raster(Tiff{.bits = 32, .format = 3, .blocks = {floats({0, 1, 300, 2})}}.bytes(), "m.tif")) == Values{0, 1, 300, 2});
  refused(Tiff{.format = 2, .blocks = {numbers({0, 1, -1, 0}, 2)}}.bytes(), "m.tif",
          {"m.tif: the pixel at (2, 0) has the value -1 (", "--ignore 255"});
  refused(Tiff{.bits = 8, .format = 2, .blocks = {numbers({0, -128, 0, 0}, 1)}}.bytes(), "m.tif", {"(1, 0) has the value -128 "});
  refused(Tiff{.bits = 32, .blocks = {numbers({0, 0, 0, 70000}, 4)}}.bytes(), "m.tif", {"(3, 0) has the value 70000 "});
  refused(Tiff{.bits = 32, .format = 3, .blocks = {floats({0, 0.5f, 0, 0})}}.bytes(), "m.tif", {"(1, 0) has the value 0.5 "});
  DecodeLimits shares;
  shares.shares = true;
  for (const float full : {1.0f, 255.0f})
    CHECK(samples(decode_raster(Tiff{.bits = 32, .format = 3, .blocks = {floats({0, 0.25f * full, 0, full})}}.bytes(), "m.tif", shares)) ==
          Values{0, 16384, 0, 65535});
  CHECK(decode_raster(Tiff{.bits = 32, .format = 3, .blocks = {floats({0, 255, 0, 1})}}.bytes(), "m.tif").max_value == 255);
  refused(Tiff{.bits = 32, .format = 3, .blocks = {floats({0, NAN, 0, 0})}}.bytes(), "m.tif", {"(1, 0) has the value nan ", "is NaN"});
  // Numbers without a full intensity are labels, but no photograph.
  refused(Tiff{.bits = 32, .format = 3, .blocks = {floats({0, 1, 2, 3})}}.bytes(), "p.tif", {"say nothing of their full intensity"}, true);
  refused(Tiff{.format = 2, .blocks = {numbers({0, 1, 2, 3}, 2)}}.bytes(), "p.tif", {"16-bit signed samples say nothing"}, true);
}

TEST_CASE("samples that are none: what is known to be a photograph or a mask is told of that alone") {
  const DataFolder f;
  std::vector<std::pair<std::string, std::string>> files{{"half.npy", io::format_npy(Tensor::full({2, 2}, 0.5))}};
  if (reads_tiff()) files.emplace_back("half.tif", Tiff{.bits = 32, .format = 3, .blocks = {floats({0, 0.5f, 0, 0})}}.bytes());
  for (const auto& [name, bytes] : files) {
    CAPTURE(name);
    const auto path = f / name;
    io::write_file_atomically(path, bytes);
    const auto told = [&](auto&& read) {
      try {
        read();
      } catch (const DataError& e) {
        return std::pair(std::string(e.what()).find(" mask ") != std::string::npos,
                         std::string(e.what()).find(" photograph ") != std::string::npos);
      }
      return std::pair(false, false);
    };
    const std::pair both(true, true), photograph(false, true), mask(true, false);
    CHECK(told([&] { read_raster(path); }) == both);
    CHECK(told([&] { read_image(path); }) == photograph);
    CHECK(told([&] { read_bands(path); }) == photograph);
    CHECK(told([&] { decode_image(bytes, name); }) == photograph);
    Loader loader({{.image = path}}, {}, {.batch = 1, .threads = 0});
    loader.start(0);
    Batch batch;
    CHECK(told([&] { loader.next(batch); }) == photograph);
    CHECK(told([&] { MaskDecoder(MaskEncoding::index, LabelSchema{}).read(path); }) == mask);
  }
}

TEST_CASE("TIFF tiles, planes and pages" * doctest::skip(!reads_tiff())) {
  std::vector<std::int64_t> left(256), right(256);  // tiles of 16x16; the page is 18x2
  for (std::size_t i = 0; i < 256; ++i) left[i] = i % 16 + 300 * (i / 16 % 2), right[i] = i % 16 < 2 ? 16 + i % 16 + 300 * (i / 16 % 2) : 9;
  const Raster tiled =
      decode_raster(Tiff{.width = 18, .height = 2, .tile = 16, .blocks = {numbers(left, 2), numbers(right, 2)}}.bytes(), "t.tif");
  for (unsigned i = 0; i < 36; ++i) CHECK(tiled.sample(i) == i % 18 + 300 * (i / 18));
  const Raster planes = decode_raster(Tiff{.width = 2,
                                           .bits = 8,
                                           .channels = 3,
                                           .photometric = 2,
                                           .planar = 2,
                                           .blocks = {numbers({1, 2}, 1), numbers({3, 4}, 1), numbers({5, 6}, 1)}}
                                          .bytes(),
                                      "t.tif");
  CHECK(samples(planes) == Values{1, 3, 5, 2, 4, 6});
  const Raster bands = decode_raster(Tiff{.width = 1, .bits = 8, .channels = 5, .blocks = {numbers({1, 2, 3, 4, 5}, 1)}}.bytes(), "t.tif");
  CHECK(samples(bands) == Values{1, 2, 3, 4, 5});
  refused(Tiff{.width = 1, .bits = 8, .channels = 5, .blocks = {numbers({1, 2, 3, 4, 5}, 1)}}.bytes(), "t.tif",
          {"t.tif: 5 bands are not a photograph", "gdal_translate"}, true);
  refused(Tiff{.width = 1, .bits = 8, .channels = 4, .photometric = 2, .blocks = {numbers({1, 2, 3, 4}, 1)}}.bytes(), "t.tif", {"4 bands"},
          true);
  CHECK(decode_raster(Tiff{.pages = 4, .blocks = {numbers({0, 1, 2, 3}, 2)}}.bytes(), "t.tif").notes ==
        std::vector<std::string>{"4 pages; only the first is read"});
  CHECK(decode_raster(Tiff{.blocks = {numbers({0, 1, 2, 3}, 2)}}.bytes(), "t.tif").notes.empty());
}

TEST_CASE("GIF, TGA and WebP") {
  // 2x2, four colors, the third transparent; minimum code size 2: clear, 0 1 2 3, end.
  const std::string head =
      "GIF89a" + number(2, 2) + number(2, 2) + std::string("\x81\0\0", 3) + std::string("\0\0\0\x0a\x14\x1e\xff\0\0\0\xff\0", 12);
  const std::string control = std::string("\x21\xf9\x04\x01\0\0\x02\0", 8);
  const std::string picture =
      "," + number(0, 4) + number(2, 2) + number(2, 2) + std::string("\0\x02\x03\x44\x34\x05\0", 7);  // codes of 3 bits
  const Raster gif = decode_raster(head + control + picture + ";", "m.gif");
  CHECK(samples(gif) == Values{0, 1, 2, 3});
  REQUIRE(gif.palette.size() == 4);
  CHECK(gif.palette[1] == Rgb{10, 20, 30});
  CHECK(gif.notes.empty());
  CHECK(decode_raster(head + picture + picture + ";", "m.gif").notes.size() == 1);
  for (std::size_t n = 6; n < head.size() + picture.size(); ++n) refused((head + picture).substr(0, n), "m.gif", {"m.gif: "});
  // A GIF whose codes end early.
  refused(head + "," + number(0, 4) + number(2, 2) + number(2, 2) + std::string("\0\x02\x02\x44\x0a\0;", 7), "m.gif", {"missing"});

  const auto tga = [](int kind, int bits, const std::string& rest, int descriptor = 0x20) {
    return std::string(1, '\0') + number(kind == 1, 1) + number(static_cast<unsigned>(kind), 1) + number(0, 2) +
           number(kind == 1 ? 2 : 0, 2) + number(kind == 1 ? 24 : 0, 1) + number(0, 4) + number(2, 2) + number(1, 2) +
           number(static_cast<unsigned>(bits), 1) + number(static_cast<unsigned>(descriptor), 1) + rest;
  };
  CHECK(samples(decode_raster(tga(2, 24, "\1\2\3\4\5\6"), "x.TGA")) == Values{3, 2, 1, 6, 5, 4});
  CHECK(samples(decode_raster(tga(3, 8, "\7\x08"), "x.tga")) == Values{7, 8});
  const Raster indexed = decode_raster(tga(1, 8, std::string("\1\2\3\4\5\6\1\0", 8)), "x.tga");
  CHECK(samples(indexed) == Values{1, 0});
  CHECK(indexed.palette == std::vector<Rgb>{{3, 2, 1}, {6, 5, 4}});
  refused(tga(2, 24, "\1\2\3\4\5\6", 0x30), "x.tga", {"right to left"});
  // What stb_image may allocate counts, and is enough for a picture of more than the room that does not depend on its size.
  CHECK_THROWS_WITH_AS(decode_raster(head + control + picture + ";", "m.gif", {.max_decoded_bytes = 1 << 20}),
                       doctest::Contains("bytes to decode them"), DataError);
  std::string large = tga(2, 24, std::string(3 * 700 * 700, '\7'));
  large.replace(12, 4, number(700, 2) + number(700, 2));
  CHECK(decode_raster(large, "x.tga").samples.size() == 3 * 700 * 700);
  refused(tga(2, 24, "\1\2\3\4\5"), "x.tga", {"truncated"});
  refused(tga(10, 24, "\x81\1\2"), "x.tga", {"truncated"});  // run-length coded
  refused("RIFF" + number(4, 4) + "WEBP", "x.webp", {"x.webp: "});
  refused(std::string(4, '\0') + "ftypheic", "x.heic", {"HEIC", "convert it to PNG"});
}

TEST_CASE("arrays pass the limits before memory is taken, and keep their values in every layout") {
  const std::string head = "\x93NUMPY" + std::string("\1\0", 2);
  const auto array = [&](const std::string& type, bool fortran, const std::string& shape, const std::string& data) {
    const std::string dict = "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + "}\n";
    return head + number(dict.size(), 2) + dict + data;
  };
  CHECK(samples(decode_raster(array("<i2", false, "(2, 2)", numbers({0, 1, 300, 3}, 2)), "m.npy")) == Values{0, 1, 300, 3});
  CHECK(samples(decode_raster(array(">u2", true, "(2, 2)", numbers({0, 300, 1, 3}, 2, false)), "m.npy")) == Values{0, 1, 300, 3});
  CHECK(samples(decode_raster(array("|b1", true, "(1, 2, 2)", numbers({1, 0, 0, 1}, 1)), "m.npy")) == Values{1, 0, 0, 1});
  refused(array("<i2", false, "(1, 2)", numbers({0, -1}, 2)), "m.npy", {"the value -1 at (1, 0) is outside", "--ignore 255"});
  refused(array("<u8", false, "(1, 1)", std::string(8, '\xff')), "m.npy", {"outside"});
  const std::string wide = array("|u1", false, "(100, 100, 30)", std::string(300000, '\0'));
  CHECK_THROWS_WITH_AS(decode_raster(wide, "m.npy", {.max_pixels = 9999}), doctest::Contains("over the limit"), DataError);
  CHECK_THROWS_WITH_AS(decode_raster(wide, "m.npy", {.max_decoded_bytes = 299999}), doctest::Contains("300000 bytes of pixels"), DataError);
  CHECK(decode_raster(wide, "m.npy", {.max_pixels = 10000, .max_decoded_bytes = 300000}).channels == 30);
  const std::string floats = array("<f2", false, "(100, 100, 3)", std::string(60000, '\0'));  // each becomes two numbers of 8 bytes
  CHECK_THROWS_WITH_AS(decode_raster(floats, "m.npy", {.max_decoded_bytes = 479999}), doctest::Contains("480000 bytes to decode"),
                       DataError);
  CHECK(decode_raster(floats, "m.npy", {.max_decoded_bytes = 480000}).channels == 3);
}

TEST_CASE("a header cannot ask for more than its file can hold") {
  std::string png = encode_png(Image(64, 64, 3));
  png.replace(16, 8, number(8000, 4, false) + number(8000, 4, false));
  png.replace(29, 4, number(crc32(png.substr(12, 17)), 4, false));
  refused(png, "x.png", {"x.png: the file is truncated: 8000x8000 pixels need at least"});
  if (reads_tiff())
    refused(Tiff{.width = 8000, .height = 8000, .tile = 8000, .blocks = {"short"}}.bytes(), "x.tif",
            {"x.tif: the file is truncated: 8000x8000"});
}

TEST_CASE("texts in a PNG take no memory") {
  const std::string whole = encode_png(Image(8, 8, 3, 7));
  std::string text;
  for (int k = 0; k < 20; ++k) {  // 30 MB each
    const std::string body = "zTXt" + std::string(1, static_cast<char>('a' + k)) + std::string(2, '\0') + deflated_letters(116'000);
    text += number(body.size() - 4, 4, false) + body + number(crc32(body), 4, false);
  }
  const std::string png = whole.substr(0, 33) + text + whole.substr(33);
  const auto peak = [] {
    ::rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;  // KB
  };
  const auto before = peak();
  CHECK(decode_image(png, "x.png").pixels == std::vector<std::uint8_t>(8 * 8 * 3, 7));
  CHECK(peak() - before < 100'000);
}

TEST_CASE("what is no file is told at once: pipes, and links that lead nowhere") {
  DataFolder f;
  f.masks(labels({0, 1, 0}));
  for (const char* folder : {"images", "masks"}) {
    const std::string pipe = std::string(folder) + "/pipe.png", link = std::string(folder) + "/link.png";
    REQUIRE(::mkfifo((f / pipe).c_str(), 0600) == 0);
    std::filesystem::create_symlink("link.png", f / link);
    CHECK_THROWS_WITH_AS(read_raster(f / pipe), doctest::Contains("pipe"), IoError);
    CHECK_THROWS_AS(read_raster(f / link), IoError);
    CHECK_THROWS_WITH_AS(open_dataset(f.path()), doctest::Contains((pipe + " cannot be read").c_str()), DataError);
    CHECK_THROWS_WITH_AS(open_dataset(f.path()), doctest::Contains((link + " cannot be read").c_str()), DataError);
    std::filesystem::remove(f / pipe);
    std::filesystem::remove(f / link);
  }
}

TEST_CASE("pages that are left out are a warning of check, and of opening" * doctest::skip(!reads_tiff())) {
  DataFolder f;
  f.masks(labels({0, 1, 0}));
  std::filesystem::remove(f / "images/b.png");
  f.text("images/b.tif", Tiff{.width = 3, .bits = 8, .pages = 3, .blocks = {numbers({0, 1, 1}, 1)}}.bytes());
  const auto warned = [&](const std::vector<Finding>& findings) {
    for (const Finding& finding : findings)
      if (!finding.is_error && finding.text.find("3 pages; only the first is read") != std::string::npos)
        return finding.text.find("b.tif") != std::string::npos;
    return false;
  };
  CHECK(warned(check_dataset(f.path()).findings));
  CHECK(warned(open_dataset(f.path(), {.compare_photos = true}).findings));
}
