// Photographs of many bands and of 16 bits, from the file to the network's input.
#include <doctest/doctest.h>

#include <cmath>

#include "lamina/data/check.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/io/npy.hpp"
#include "support/band_tiff.hpp"
#include "support/data_folder.hpp"
#include "support/formats.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {

/// Of n channels and 16 bits: samples i * step.
Image wide(int w, int h, int n, unsigned step) {
  Image image(w, h, n);
  image.max_value = 65535;
  image.pixels.resize(2 * image.pixels.size());
  for (std::size_t i = 0; i < image.samples(); ++i) image.set_sample(i, static_cast<unsigned>(i) * step);
  return image;
}

}  // namespace

TEST_CASE("bands: a file's bits and bands are kept, to 16 of each" * doctest::skip(!reads_tiff())) {
  for (const int bands : {1, 2, 5, -5, 16}) {  // negative: each in a plane of its own
    CAPTURE(bands);
    const bool planar = bands < 0;
    const int n = std::abs(bands);
    std::vector<unsigned> samples;
    for (int i = 0; i < 6 * n; ++i) samples.push_back(static_cast<unsigned>(i * 600));
    const Image image = to_image(decode_raster(band_tiff(3, 2, n, samples, planar), "b.tif"), "b.tif");
    CHECK(image.channels == n);
    CHECK(image.max_value == 65535);
    REQUIRE(image.samples() == samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i) CHECK(image.sample(i) == samples[i]);
  }
  const std::string many = band_tiff(1, 1, 17, std::vector<unsigned>(17, 1));
  CHECK_THROWS_WITH_AS(to_image(decode_raster(many, "b.tif"), "b.tif"), doctest::Contains("17 bands; photographs have 1 to 16"), DataError);
  CHECK_THROWS_WITH_AS(to_photo(decode_raster(band_tiff(1, 1, 5, {1, 2, 3, 4, 5}), "b.tif"), "b.tif"), doctest::Contains("5 bands"),
                       DataError);
  const Image gray = to_image(decode_raster(encode_png(std::vector<std::uint16_t>{0, 65535, 300}, 3, 1), "g.png"), "g.png");
  CHECK(gray.sample(2) == 300);  // not 1 of 255
  CHECK(to_photo(decode_raster(encode_png(std::vector<std::uint16_t>{0, 65535, 300}, 3, 1), "g.png"), "g.png").pixels ==
        std::vector<std::uint8_t>{0, 255, 1});
}

TEST_CASE("bands: alpha is none; 12 bits fill 16; a palette is RGB") {
  Raster r;
  r.width = 2, r.height = 1, r.channels = 2, r.has_alpha = true, r.samples = {10, 1, 20, 2};
  CHECK(to_image(r, "ga.png").pixels == std::vector<std::uint8_t>{10, 20});
  r.channels = 4, r.width = 1;
  CHECK(to_image(r, "rgba.png").pixels == std::vector<std::uint8_t>{10, 1, 20});
  r.has_alpha = false;
  CHECK(to_image(r, "four.tif").pixels == std::vector<std::uint8_t>{10, 1, 20, 2});
  r.channels = 1, r.max_value = 4095, r.samples = {0xff, 0x0f};  // 4095
  CHECK(to_image(r, "12.tif").sample(0) == 65535);
  r.max_value = 255, r.samples = {1}, r.palette = {Rgb{1, 2, 3}, Rgb{4, 5, 6}};
  CHECK(to_image(r, "p.png").pixels == std::vector<std::uint8_t>{4, 5, 6});
}

TEST_CASE("bands: arrays whose type tells full intensity are photographs") {
  TempFolder f;
  const auto raster_of = [&](const Tensor& t) {
    io::write_npy(f / "a.npy", t);
    return read_raster(f / "a.npy");
  };
  const Image image = to_image(raster_of(Tensor::from<std::uint8_t>({1, 2, 3, 4, 5, 250}, {1, 2, 3})), "a.npy");
  CHECK(image.channels == 3);
  CHECK(image.max_value == 255);
  CHECK(image.pixels == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 250});
  CHECK_THROWS_WITH_AS(to_image(raster_of(Tensor::zeros({4, 4})), "a.npy"), doctest::Contains("a.npy: an array of f4"), DataError);
}

TEST_CASE("bands: sampling is (x / full - mean) / sd of each channel, whatever the bits") {
  const Normalization n{2, {0.25f, 0.5f}, {0.5f, 2.0f}};
  const Image image = wide(2, 1, 2, 65535 / 3);  // 0, 1/3 | 2/3, 1
  const Tensor t = to_tensor(image, n);
  const std::vector<float> expected{-0.5f, (1 / 3.0f - 0.5f) / 2, (2 / 3.0f - 0.25f) / 0.5f, 0.25f};
  REQUIRE(t.shape() == Shape{1, 1, 2, 2});
  for (std::size_t i = 0; i < 4; ++i) CHECK(t.to_vector<float>()[i] == doctest::Approx(expected[i]).epsilon(1e-5));
  // 8 bits: the default is x * 2/255 - 1, to the bit.
  Image photo(256, 1, 1);
  for (int v = 0; v < 256; ++v) photo.pixels[static_cast<std::size_t>(v)] = static_cast<std::uint8_t>(v);
  const auto plain = to_tensor(photo).to_vector<float>();
  for (std::size_t v = 0; v < 256; ++v)
    for (std::size_t c = 0; c < 3; ++c) CHECK(plain[3 * v + c] == static_cast<float>(v) * (2.0f / 255.0f) - 1.0f);
  // Halfway between two pixels; outside: the border, 0 in every channel.
  Transform shifted = center_window({2, 1, 2, 1});
  shifted.geometry.x += 0.5;
  float out[4];
  sample(image, shifted, {}, 2, 1, out, n);
  CHECK(out[0] == doctest::Approx((1 / 3.0 - 0.25) / 0.5).epsilon(1e-5));
  shifted.geometry.x = 100;
  sample(image, shifted, {}, 2, 1, out, n);
  CHECK(out[0] == doctest::Approx(-0.5));
  CHECK(out[1] == doctest::Approx(-0.25));
  CHECK_THROWS_AS(sample(wide(2, 1, 5, 1), shifted, {}, 2, 1, out, n), DataError);
  CHECK_THROWS_AS(to_tensor(image, {2, {0.5f}, {0.5f}}), OptionError);
}

TEST_CASE("bands: resizing and padding keep the depth") {
  const Image image = wide(4, 2, 5, 1000);
  const Image half = resized(image, 2, 1);
  CHECK(half.max_value == 65535);
  // Of a reduction by two: weights 1/8 3/8 3/8 1/8 across (at the edges 3/7 3/7 1/7), rows alike.
  const double across = (3 * 0 + 3 * 5 + 10) / 7.0, down = 0.5 * 20;
  CHECK(half.sample(0) == doctest::Approx(1000 * (across + down)).epsilon(1e-4));
  const Image padded = fitted(image, 4, 4, Resize::pad);
  CHECK(padded.sample(0) == 0);
  CHECK(padded.sample(static_cast<std::size_t>(4 * 5 + 1)) == 1000);
  CHECK(padded.sample(static_cast<std::size_t>(4 * 5 + 19)) == 19000);  // and the row's last
  CHECK(mean_gray(image) == doctest::Approx(19.5 * 1000 / 257));
}

TEST_CASE("bands: gray and RGB go together, others do not" * doctest::skip(!reads_tiff())) {
  Image rgb(1, 1, 3);
  rgb.pixels = {200, 100, 50};
  CHECK(with_channels(rgb, 1, "p").pixels == std::vector<std::uint8_t>{124});  // 0.299 200 + 0.587 100 + 0.114 50 = 124.2
  CHECK(with_channels(Image(1, 1, 1, 7), 3, "p").channels == 1);               // repeated where it is sampled
  CHECK_THROWS_WITH_AS(with_channels(Image(1, 1, 5), 3, "p.tif"), doctest::Contains("p.tif: 5 bands, not 3"), DataError);
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  CHECK(open_dataset(f.path(), {.compare_photos = true}).photos.channels == 3);
  std::filesystem::remove(f / "images/b.png");
  io::write_file_atomically(f / "images/b.tif", band_tiff(3, 1, 5, std::vector<unsigned>(15, 9)));
  int errors = 0;
  for (const Finding& x : check_dataset(f.path()).findings)
    errors += x.is_error && x.text.find("b.tif has 5 bands, but ") != std::string::npos;
  CHECK(errors == 1);
  CHECK_THROWS_AS(open_dataset(f.path(), {.compare_photos = true}), DataError);
}

TEST_CASE("bands: mean and deviation are those of the training photographs" * doctest::skip(!reads_tiff())) {
  TempFolder f;
  for (const char* sub : {"images", "masks"}) io::create_folders(f / sub);
  const auto put = [&](const char* stem, const std::vector<unsigned>& samples) {
    io::write_file_atomically(f / ("images/" + std::string(stem) + ".tif"), band_tiff(2, 1, 2, samples));
    write_png(f / ("masks/" + std::string(stem) + ".png"), labels({0, 1}));
  };
  put("a", {0, 65535, 13107, 65535});
  put("b", {0, 0, 13107, 0});
  put("c", {65535, 65535, 65535, 65535});
  io::write_file_atomically(f / "train.txt", "a\nb\n");
  io::write_file_atomically(f / "val.txt", "c\n");
  const PhotoStatistics s = open_dataset(f.path(), {.compare_photos = true}).photos;
  CHECK(s.channels == 2);
  CHECK(s.bits == 16);
  CHECK(s.mean[0] == doctest::Approx(0.1));
  CHECK(s.sd[0] == doctest::Approx(0.1));
  CHECK(s.mean[1] == doctest::Approx(0.5));
  CHECK(s.sd[1] == doctest::Approx(0.5));
  CHECK(check_dataset(f.path()).text().find("2 of 16 bits") != std::string::npos);
}
