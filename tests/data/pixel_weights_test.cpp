// How often each pixel counts: maps beside the masks, from their files to batches.
#include "lamina/data/pixel_weights.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "lamina/data/loader.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"
#include "support/op_check.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

constexpr int kWidth = 8, kHeight = 6;

/// Four photographs whose red is 10 x + y, binary masks, and a weight of 0.25 x + 0.5 y for each pixel.
struct Weighted : TempFolder {
  Weighted() {
    for (const char* sub : {"images", "masks", "weights"}) io::create_folders(path() / sub);
    for (const char* name : {"a", "b", "c", "d"}) {
      Image image(kWidth, kHeight, 3);
      LabelImage mask(kWidth, kHeight);
      std::vector<float> weights;
      for (int y = 0; y < kHeight; ++y)
        for (int x = 0; x < kWidth; ++x) {
          image.at(x, y)[0] = static_cast<std::uint8_t>(10 * x + y);
          mask.at(x, y) = (x + y) % 2;
          weights.push_back(weight(x, y));
        }
      write_png(*this / ("images/" + std::string(name) + ".png"), image);
      write_png(*this / ("masks/" + std::string(name) + ".png"), mask);
      write(name, Tensor::from<float>(weights, {kHeight, kWidth}));
    }
  }
  static float weight(int x, int y) { return 0.25f * static_cast<float>(x) + 0.5f * static_cast<float>(y); }
  void write(const std::string& name, const Tensor& weights) const { io::write_npy(*this / ("weights/" + name + ".npy"), weights); }
  Dataset open() const { return open_dataset(path(), {.pixel_weights = path() / "weights"}); }
  void refuses(std::initializer_list<const char*> words) const {
    check_throws<DataError>([&] { (void)open(); }, words);
  }
};

}  // namespace

TEST_CASE("weights of pixels lie on the pixels of their photograph, however it is moved") {
  const Weighted f;
  for (const Resize resize : {Resize::stretch, Resize::crop}) {
    Loader loader(f.open(), Split::train,
                  {.batch = 3,
                   .width = resize == Resize::crop ? 4 : kWidth,
                   .height = resize == Resize::crop ? 4 : kHeight,
                   .resize = resize,
                   .augment = parse_augment("hflip,vflip"),
                   .shuffle = true,
                   .random_crop = resize == Resize::crop,
                   .threads = 0});
    for (int epoch = 0; epoch < 4; ++epoch) {
      loader.start(epoch);
      for (Batch batch; loader.next(batch);) {
        const std::vector<float> photo = batch.at(kImage).to_vector<float>(), weights = batch.pixel_weights().to_vector<float>();
        REQUIRE(batch.pixel_weights().shape() == Shape(batch.at(kLabels).shape()));
        for (std::size_t i = 0; i < weights.size(); ++i) {
          const int red = static_cast<int>(std::lround((photo[3 * i] + 1) * 127.5f));
          CHECK(weights[i] == doctest::Approx(Weighted::weight(red / 10, red % 10)).epsilon(1e-4).scale(1));
        }
      }
    }
  }
}

TEST_CASE("weights of pixels: a gray image holds shares of its full intensity; outside of a photograph they are 0") {
  const Weighted f;
  for (const char* name : {"a", "b", "c", "d"}) fs::remove(f / ("weights/" + std::string(name) + ".npy"));
  Image gray(kWidth, kHeight, 1);
  std::fill(gray.pixels.begin(), gray.pixels.end(), std::uint8_t{51});
  for (const char* name : {"a", "b", "c", "d"}) write_png(f / ("weights/" + std::string(name) + ".png"), gray);
  Loader loader(f.open(), Split::train, {.batch = 1, .width = 16, .height = 16, .resize = Resize::pad, .threads = 0});
  loader.start(0);
  Batch batch;
  REQUIRE(loader.next(batch));
  const auto weights = batch.pixel_weights().to_vector<float>();
  const auto labels = batch.at(kLabels).to_vector<std::uint8_t>();
  for (std::size_t i = 0; i < weights.size(); ++i)
    CHECK(weights[i] == doctest::Approx(labels[i] == kIgnoreLabel ? 0 : 0.2).epsilon(1e-6).scale(1));
  CHECK(std::count(labels.begin(), labels.end(), kIgnoreLabel) == 16 * 4);
}

TEST_CASE("weights of pixels that are none are told of before anything is trained") {
  const Weighted f;
  f.write("b", Tensor::zeros({kHeight, kWidth}));  // nothing of a photograph counts
  CHECK(f.open().items(Split::train).size() + f.open().items(Split::val).size() == 4);
  f.write("b", Tensor::zeros({kWidth, kHeight}));
  f.refuses({"b.npy", "6x8", "the mask", "8x6"});
  f.write("b", Tensor::full({kHeight, kWidth}, -1));
  f.refuses({"b.npy", "the weight -1", "at (0, 0) is negative or no number"});
  f.write("b", Tensor::full({kHeight, kWidth}, NAN));
  f.refuses({"b.npy", "negative or no number"});
  f.write("b", Tensor::full({kHeight, kWidth, 2}, 1));
  f.refuses({"b.npy", "(height, width)", "3 axes"});
  fs::remove(f / "weights/b.npy");
  f.refuses({"weights has no weights of the pixels of 1 photograph, such as b.*"});
  fs::copy_file(f / "images/b.png", f / "weights/b.png");
  f.refuses({"b.png", "weights of pixels are gray", "3 channels"});
  check_throws<DataError>([&] { (void)open_dataset(f.path(), {.pixel_weights = "nowhere"}); }, {"nowhere", "--pixel-weights"});
}
