#include "lamina/data/image.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include <functional>

#include "lamina/data/augment.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/data/mask.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"
#include "lamina/io/safetensors.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::data;

namespace {
const io::TensorArchive& files() {
  static const io::TensorArchive archive = io::read_safetensors(test::golden("images.safetensors"));
  return archive;
}
std::string bytes_of(const std::string& name) {
  const auto v = files().at(name).to_vector<std::uint8_t>();
  return {v.begin(), v.end()};
}
template <class F>
void for_each_file(F&& f) {
  for (const auto& [name, tensor] : files().tensors) {
    if (name.find('/') != std::string::npos) continue;
    if (name.ends_with(".tif") && supported_formats().find("tiff") == std::string::npos) continue;
    CAPTURE(name);
    f(name, bytes_of(name));
  }
}
void rejects(const std::string& bytes, const char* reason) {
  CAPTURE(reason);
  CHECK_THROWS_WITH_AS(decode_image(bytes, "bad.img"), doctest::Contains("bad.img: "), DataError);
  CHECK_THROWS_WITH_AS(decode_image(bytes, "bad.img"), doctest::Contains(reason), DataError);
}
std::string le(std::uint32_t v, int size) {
  std::string s;
  for (int i = 0; i < size; ++i) s += static_cast<char>(v >> 8 * i);
  return s;
}
std::string bmp_header(std::uint32_t width, std::uint32_t height, std::uint32_t bits) {
  return "BM" + le(0, 4) + le(0, 4) + le(54, 4) + le(40, 4) + le(width, 4) + le(height, 4) + le(1, 2) + le(bits, 2) + std::string(24, '\0');
}
}  // namespace

TEST_CASE("every kind of file decodes to the photograph that its format defines") {
  int count = 0;
  for_each_file([&](const std::string& name, const std::string& bytes) {
    ++count;
    const Image image = decode_image(bytes, name);
    const Tensor& photo = files().at(name + "/photo");
    REQUIRE(Shape{image.height, image.width, image.channels} == photo.shape());
    // Pillow's JPEG decoder may be another version than ours; every other format is exact.
    const int tolerance = name.ends_with(".jpg") || name == "jpeg.tif" ? 2 : 0;
    const auto want = photo.to_vector<std::uint8_t>();
    int worst = 0;
    for (std::size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(want[i] - image.pixels[i]));
    CHECK(worst <= tolerance);
  });
  CHECK(count >= 40);
}

TEST_CASE("stored samples stay as they are: bit depths are not scaled, palettes stay indices") {
  int count = 0;
  for_each_file([&](const std::string& name, const std::string& bytes) {
    if (!files().contains(name + "/raw")) return;
    ++count;
    const auto want = files().at(name + "/raw").to_vector<std::int32_t>();
    const Raster raster = decode_raster(bytes, name);
    REQUIRE(want.size() == raster.pixel_count() * static_cast<std::size_t>(raster.channels));
    bool same = true;
    for (std::size_t i = 0; i < want.size(); ++i) same = same && raster.sample(i) == static_cast<unsigned>(want[i]);
    CHECK(same);
    CHECK(raster.palette.empty() == (name.find("palette") == std::string::npos));
  });
  CHECK(count >= 20);
}

TEST_CASE("an array is a mask") {
  const Raster index = decode_raster(io::format_npy(Tensor::from<std::int64_t>({0, 300, 2, 1}, {2, 2})), "m.npy");
  CHECK(index.sample(1) == 300);
  const Raster planes = decode_raster(io::format_npy(Tensor::from<std::uint8_t>({1, 0, 0, 0, 1, 0}, {1, 2, 3})), "m.npy");
  CHECK(planes.channels == 3);
  CHECK(planes.sample(4) == 1);
  CHECK(decode_raster(io::format_npy(Tensor::full({2, 2}, 3)), "m.npy").samples == std::vector<std::uint8_t>{3, 3, 3, 3});
  std::vector<std::uint8_t> chw(2 * 3 * 40);  // two planes of 40 x 3: the second is set at (39, 1)
  chw[1 * 120 + 1 * 40 + 39] = 1;
  const Raster first = decode_raster(io::format_npy(Tensor::from<std::uint8_t>(chw, {2, 3, 40})), "m.npy");
  CHECK(first.channels == 2);
  CHECK(first.width == 40);
  CHECK(first.height == 3);
  CHECK(first.sample((1 * 40 + 39) * 2 + 1) == 1);
  CHECK(std::count(first.samples.begin(), first.samples.end(), 1) == 1);
  const auto channels = [](const Shape& shape) {
    const std::vector<std::uint8_t> none(static_cast<std::size_t>(shape.numel()));
    return decode_raster(io::format_npy(Tensor::from<std::uint8_t>(none, shape)), "m.npy").channels;
  };
  CHECK(channels({4, 32, 32}) == 4);  // no picture is 4 pixels high and 32 bands deep
  CHECK(channels({32, 32, 4}) == 4);
  CHECK(channels({20, 32, 32}) == 32);
  CHECK_THROWS_WITH_AS(decode_raster(io::format_npy(Tensor::full({2, 2}, 0.5)), "m.npy"),
                       doctest::Contains("0.5 at (0, 0) is no whole number"), DataError);
  CHECK_THROWS_WITH_AS(decode_raster(io::format_npy(Tensor::from<std::int32_t>({-1}, {1, 1})), "m.npy"), doctest::Contains("outside"),
                       DataError);
}

TEST_CASE("a file cut anywhere is an error, never half an image") {
  for_each_file([&](const std::string& name, const std::string& bytes) {
    // A text file cut inside its last number is a valid file of another image.
    const std::size_t slack = name.starts_with("text") ? 5 : 1;
    const Image whole = decode_image(bytes, name);
    const std::size_t step = bytes.size() > 4000 ? 37 : 7;
    for (std::size_t n = 0; n + slack <= bytes.size(); n += n < 100 ? 1 : step) {
      CAPTURE(n);
      try {
        const Image cut = decode_image(std::string_view(bytes).substr(0, n), "cut");
        CHECK(cut.pixels == whole.pixels);
      } catch (const DataError& error) {
        CHECK(std::string(error.what()).starts_with("cut: "));
      }
    }
  });
}

TEST_CASE("damaged files end in a DataError or an image, nothing else") {
  for_each_file([&](const std::string& name, const std::string& bytes) {
    std::uint32_t state = 12345;
    for (int round = 0; round < 150; ++round) {
      std::string bad = bytes;
      for (int k = 0; k < 3; ++k) {
        state = state * 1664525 + 1013904223;
        bad[(state >> 8) % bad.size()] = static_cast<char>(state >> 3);
      }
      try {
        const Image image = decode_image(bad, name, {.max_pixels = 1 << 20, .max_decoded_bytes = 1 << 23});
        CHECK(image.pixels.size() ==
              static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.channels));
      } catch (const DataError&) {
      }
    }
  });
}

TEST_CASE("hostile headers are refused before anything is allocated") {
  rejects("", "empty");
  rejects("GIF89a", "truncated");
  rejects("RIFFabcd", "not an image of a known format");
  rejects("P6 100 100 255\n", "truncated");
  rejects("P6 20000 20000 255\n", "truncated");
  rejects("P5 3 1 0\nabc", "largest PNM value is 0");
  rejects("P5 99999999999 1 255\n", "above");
  rejects("P2 2 1 255 7 300", "above");
  rejects("P2 -2 1 255 7 3", "not a number");
  rejects("P1 2 1\n02", "not 0 and 1");
  rejects(bmp_header(10000, 10000, 24), "over the limit");
  rejects(bmp_header(1000, 1000, 24), "truncated");
  rejects(bmp_header(2147483647, 1073741823, 24), "overflow");
  rejects(bmp_header(0, 5, 24), "0x5");
  rejects(bmp_header(5, 0x80000000u, 24), "BMP of");
  rejects(bmp_header(5, 5, 2), "not supported");
  std::string png = bytes_of("rgb8.png");
  png.replace(16, 8, std::string("\0\0\x4e\x20\0\0\x4e\x20", 8));  // 20000 x 20000, with a checksum that no longer fits
  rejects(png, "");
  CHECK_THROWS_WITH_AS(decode_image(bytes_of("rgb8.png"), "big", {.max_pixels = 100}),
                       doctest::Contains("13x9 pixels are over the limit of 100"), DataError);
  CHECK_THROWS_WITH_AS(decode_image(bytes_of("rgb.jpg"), "big", {.max_pixels = 100}), doctest::Contains("over the limit"), DataError);
  CHECK_THROWS_WITH_AS(decode_image(bytes_of("rgb.bmp"), "big", {.max_decoded_bytes = 100}), doctest::Contains("351 bytes of pixels"),
                       DataError);
}

TEST_CASE("a palette index without a color is an error for a photograph, not for a mask") {
  std::string bmp = bytes_of("palette.bmp");
  bmp.replace(46, 4, le(2, 4));  // says the palette has two colors
  bool wrong = false;
  try {
    (void)decode_image(bmp, "p.bmp");
  } catch (const DataError& error) {
    wrong = std::string(error.what()).find("palette") != std::string::npos;
  }
  CHECK(wrong);
}

TEST_CASE("PNG files written are read back") {
  test::TempFolder folder;
  Image photo(5, 3, 3);
  for (std::size_t i = 0; i < photo.pixels.size(); ++i) photo.pixels[i] = static_cast<std::uint8_t>(i * 5);
  write_png(folder / "photo.png", photo);
  CHECK(read_image(folder / "photo.png").pixels == photo.pixels);
  Image gray(2, 2, 1, 9);
  CHECK(decode_image(encode_png(gray), "g").channels == 1);

  LabelImage mask(3, 2);
  mask.labels = {0, 1, 2, 3, 255, 0};
  const std::vector<Rgb> colors{{0, 0, 0}, {255, 0, 0}};
  const Raster raster = decode_raster(encode_png(mask, colors), "m");
  CHECK(raster.samples == mask.labels);
  CHECK(raster.palette.at(1) == Rgb{255, 0, 0});
  CHECK(raster.palette.size() == 256);
  const Raster plain = decode_raster(encode_png(mask), "m");
  CHECK(plain.palette.empty());
  CHECK(plain.samples == mask.labels);
  CHECK_THROWS_WITH_AS(encode_png(Image()), doctest::Contains("0x0"), DataError);
  CHECK_THROWS_WITH_AS(write_png(folder / "none/x.png", photo), doctest::Contains("none/x.png"), IoError);
}

TEST_CASE("an image or a mask whose values do not match its size is refused wherever it is read") {
  const std::vector<std::function<void(Image&)>> damages{
      [](Image& i) { i.pixels.pop_back(); }, [](Image& i) { i.pixels.clear(); }, [](Image& i) { i.width = 0; },
      [](Image& i) { i.height = -2; },       [](Image& i) { i.channels = 2; },   [](Image& i) { i.channels = 17, i.pixels.resize(102); },
      [](Image& i) { i.channels = 0; },      [](Image& i) { i.height = 100; }};
  const std::vector<std::function<void(const Image&)>> readers{[](const Image& i) { encode_png(i); },
                                                               [](const Image& i) { resized(i, 5, 5); },
                                                               [](const Image& i) { resized(i, i.width, i.height); },
                                                               [](const Image& i) { fitted(i, 4, 4, Resize::pad); },
                                                               [](const Image& i) { mean_gray(i); },
                                                               [](const Image& i) { overlay(i, LabelImage(3, 2), default_colors(2)); },
                                                               [](const Image& i) {
                                                                 std::vector<float> out(12);
                                                                 sample(i, Transform{}, {}, 2, 2, out.data());
                                                               },
                                                               [](const Image& i) { to_tensor(i); }};
  for (const auto& read : readers) {
    CHECK_NOTHROW(read(Image(3, 2, 3)));
    for (const auto& damage : damages) {
      Image image(3, 2, 3);
      damage(image);
      CHECK_THROWS_AS(read(image), Error);
      if (image.width > 0 && image.height > 0) CHECK_THROWS_AS(read(image), DataError);
    }
  }
  const auto read_mask = [](const LabelImage& m) {
    CHECK_THROWS_AS(encode_png(m), DataError);
    CHECK_THROWS_AS(resized(m, 5, 5), DataError);
    CHECK_THROWS_AS(overlay(Image(3, 2, 1), m, default_colors(2)), DataError);
    std::vector<std::uint8_t> out(100);
    CHECK_THROWS_AS(sample(m, Transform{}, {}, 2, 2, out.data()), DataError);
  };
  for (const int damage : {0, 1, 2}) {
    LabelImage mask(3, 2, 0, damage == 2 ? 2 : 0);
    if (damage == 0) mask.labels.pop_back();
    if (damage == 1) mask.height = 1000;
    if (damage == 2) mask.planes = 3;
    read_mask(mask);
  }
  CHECK_THROWS_WITH_AS(encode_png(LabelImage(3, 2, 0, 2)), doctest::Contains("2 planes"), DataError);
  CHECK_THROWS_AS(Image(-1, 2, 3), DataError);
  CHECK_THROWS_AS(LabelImage(2, -1), DataError);
}

TEST_CASE("masks are written with the values of their data set") {
  LabelSchema schema = parse_label_schema(R"({"labels": {"skin": 3, "wound": 7}, "colors": {"skin": "#010203", "wound": "#040506"}})", "s");
  LabelImage mask(3, 1);
  mask.labels = {1, 0, 1};
  const Raster palette = decode_raster(encode_mask(mask, schema), "m");
  CHECK(palette.samples == std::vector<std::uint8_t>{7, 3, 7});
  CHECK(palette.palette.at(3) == Rgb{1, 2, 3});
  CHECK(palette.palette.at(7) == Rgb{4, 5, 6});
  schema.values[1] = 1000;
  const Raster gray = decode_raster(encode_mask(mask, schema), "m");
  CHECK(gray.max_value == 65535);
  CHECK(gray.sample(0) == 1000);
  CHECK(gray.sample(1) == 3);
  mask.labels[0] = 2;
  CHECK_THROWS_WITH_AS(encode_mask(mask, schema), doctest::Contains("2 classes holds the label 2"), DataError);
}

TEST_CASE("overlays color the labels and leave black ones clear") {
  const Image image(2, 1, 1, 100);
  LabelImage mask(2, 1);
  mask.labels = {0, 1};
  const Image out = overlay(image, mask, std::vector<Rgb>{{0, 0, 0}, {200, 0, 100}}, 0.5);
  CHECK(out.pixels == std::vector<std::uint8_t>{100, 100, 100, 150, 50, 100});
  CHECK_THROWS_AS(overlay(image, LabelImage(1, 1), {}), DataError);
  for (const auto& colors : {default_colors(32), grade_colors(32), grade_colors(2)})
    for (std::size_t i = 0; i < colors.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) CHECK(colors[i] != colors[j]);
}
