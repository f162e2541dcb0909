#include "lamina/data/loader.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "lamina/io/file.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::data;
namespace fs = std::filesystem;

namespace {

/// Eleven images of different sizes with binary masks.
struct LoadedFolder : test::TempFolder {
  LoadedFolder() {
    for (const char* sub : {"images", "masks"}) io::create_folders(path() / sub);
    for (int i = 0; i < 11; ++i) {
      const int w = 20 + i, h = 16 + 2 * i;
      Image image(w, h, 3);
      LabelImage mask(w, h);
      for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) {
          mask.at(x, y) = (x * y + i) % 7 < 3;
          for (int c = 0; c < 3; ++c) image.at(x, y)[c] = static_cast<std::uint8_t>(x * 9 + y * 5 * c + 20 * i);
        }
      const std::string name = std::to_string(10 + i) + ".png";
      write_png(*this / ("images/" + name), image);
      write_png(*this / ("masks/" + name), mask);
    }
    std::string list;
    for (int i = 0; i < 11; ++i) list += std::to_string(10 + i) + '\n';
    io::write_file_atomically(*this / "train.txt", list);
  }
};

struct Epoch {
  std::vector<float> images;
  std::vector<std::uint8_t> labels;
  std::vector<int> indices;
  bool operator==(const Epoch&) const = default;
};
Epoch run(Loader& loader, std::int64_t epoch, std::int64_t first_batch = 0) {
  loader.start(epoch, first_batch);
  Epoch e;
  for (Batch b; loader.next(b);) {
    const auto images = b.at(kImage).to_vector<float>();
    const auto labels = b.at(kLabels).to_vector<std::uint8_t>();
    e.images.insert(e.images.end(), images.begin(), images.end());
    e.labels.insert(e.labels.end(), labels.begin(), labels.end());
    e.indices.insert(e.indices.end(), b.indices.begin(), b.indices.end());
  }
  return e;
}
LoaderOptions training(int threads, Resize resize = Resize::stretch) {
  return {.batch = 3,
          .width = 24,
          .height = 16,
          .resize = resize,
          .augment = parse_augment("hflip,rotate=20,jitter=0.3"),
          .shuffle = true,
          .random_crop = true,
          .seed = 5,
          .threads = threads};
}

}  // namespace

TEST_CASE("threads and the cache change nothing; epochs and seeds do") {
  const LoadedFolder folder;
  const Dataset dataset = open_dataset(folder.path());
  for (const Resize resize : {Resize::stretch, Resize::crop, Resize::pad}) {
    CAPTURE(name_of(resize));
    Loader reference(dataset, Split::train, training(0, resize));
    const Epoch first = run(reference, 1), second = run(reference, 2);
    CHECK_FALSE(first == second);
    CHECK(run(reference, 1) == first);  // now from the cache
    for (const int threads : {1, 3}) {
      LoaderOptions options = training(threads, resize);
      options.cache_bytes = threads == 3 ? 0 : 4000;
      Loader loader(dataset, Split::train, options);
      CHECK(run(loader, 1) == first);
      CHECK(run(loader, 2) == second);
    }
    LoaderOptions other = training(1, resize);
    other.seed = 6;
    Loader loader(dataset, Split::train, other);
    CHECK_FALSE(run(loader, 1) == first);
  }
}

TEST_CASE("augmentation differs from epoch to epoch and from item to item, in order or not") {
  const LoadedFolder folder;
  const Dataset dataset = open_dataset(folder.path());
  LoaderOptions options = training(1);
  const std::size_t pixels = 24 * 16;
  options.shuffle = false;
  Loader ordered(dataset, Split::train, options);
  const Epoch first = run(ordered, 1), second = run(ordered, 2);
  CHECK(first.indices == second.indices);
  for (std::size_t i = 0; i < 11; ++i)
    CHECK_FALSE(std::equal(first.images.begin() + static_cast<std::ptrdiff_t>(3 * pixels * i),
                           first.images.begin() + static_cast<std::ptrdiff_t>(3 * pixels * (i + 1)),
                           second.images.begin() + static_cast<std::ptrdiff_t>(3 * pixels * i)));
  // An item is changed in the same way wherever it stands in the order.
  options.shuffle = true;
  Loader shuffled(dataset, Split::train, options);
  const Epoch other = run(shuffled, 1);
  CHECK(other.indices != first.indices);
  for (std::size_t k = 0; k < 11; ++k) {
    const auto i = static_cast<std::size_t>(other.indices[k]);
    CHECK(std::equal(other.labels.begin() + static_cast<std::ptrdiff_t>(pixels * k),
                     other.labels.begin() + static_cast<std::ptrdiff_t>(pixels * (k + 1)),
                     first.labels.begin() + static_cast<std::ptrdiff_t>(pixels * i)));
  }
}

TEST_CASE("an epoch visits every item once; it can begin anywhere") {
  const LoadedFolder folder;
  const Dataset dataset = open_dataset(folder.path());
  Loader loader(dataset, Split::train, training(2));
  const Epoch whole = run(loader, 4);
  CHECK(loader.batches() == 4);
  auto sorted = whole.indices;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  const Epoch rest = run(loader, 4, 2);
  CHECK(rest.indices == std::vector<int>(whole.indices.begin() + 6, whole.indices.end()));
  CHECK(rest.labels == std::vector<std::uint8_t>(whole.labels.begin() + 6 * 24 * 16, whole.labels.end()));

  LoaderOptions options = training(2);
  options.drop_last = true;
  Loader dropping(dataset, Split::train, options);
  CHECK(dropping.batches() == 3);
  CHECK(run(dropping, 0).indices.size() == 9);
  options.batch = 12;
  CHECK_THROWS_WITH_AS(Loader(dataset, Split::train, options), doctest::Contains("12 is more than the 11 images"), OptionError);
}

TEST_CASE("without augmentation a batch is the resized files") {
  const LoadedFolder folder;
  const Dataset dataset = open_dataset(folder.path());
  Loader loader(dataset, Split::train, {.batch = 2, .width = 24, .height = 16});
  loader.start(0);
  Batch b;
  REQUIRE(loader.next(b));
  CHECK(b.at(kImage).shape() == Shape{2, 16, 24, 3});
  CHECK(b.at(kLabels).shape() == Shape{2, 16, 24});
  CHECK(b.at(kLabels).dtype() == DType::u8);
  const Image second = resized(read_image(folder / "images/11.png"), 24, 16);
  CHECK(b.at(kImage).rows(1, 1).to_vector<float>() == to_tensor(second).to_vector<float>());
  CHECK(b.at(kLabels).rows(1, 1).to_vector<std::uint8_t>() == resized(dataset.masks.read(folder / "masks/11.png"), 24, 16).labels);
  CHECK_THROWS_AS(Loader(dataset, Split::train, {.batch = 0}), OptionError);
}

TEST_CASE("what goes wrong in a worker comes out of next, with the file's name") {
  const LoadedFolder folder;
  const Dataset dataset = open_dataset(folder.path());
  for (const int threads : {0, 2}) {
    write_png(folder / "images/13.png", Image(5, 5, 3));
    Loader loader(dataset, Split::train, {.batch = 2, .width = 8, .height = 8, .threads = threads});
    loader.start(0);
    Batch b;
    REQUIRE(loader.next(b));
    CHECK_THROWS_WITH_AS(loader.next(b), doctest::Contains("masks/13.png: the mask has 23x22 pixels, its image"), DataError);
    CHECK(loader.next(b));
    CHECK(b.indices == std::vector<int>{4, 5});
    fs::remove(folder / "images/13.png");
    loader.start(0, 1);
    CHECK_THROWS_WITH_AS(loader.next(b), doctest::Contains("images/13.png: No such file"), IoError);
  }
}

TEST_CASE("a loader can be dropped, restarted and moved while its threads work") {
  const LoadedFolder folder;
  const Dataset dataset = open_dataset(folder.path());
  for (int round = 0; round < 20; ++round) {
    Loader loader(dataset, Split::train, training(3));
    CHECK_THROWS_AS(
        [&] {
          Batch b;
          return loader.next(b);
        }(),
        OptionError);
    loader.start(round);
    Batch b;
    if (round % 2) CHECK(loader.next(b));
    loader.start(round, 1);
    Loader moved = std::move(loader);
    CHECK(moved.next(b));
  }
}

TEST_CASE("items without masks give batches without labels") {
  const LoadedFolder folder;
  fs::remove_all(folder / "masks");
  const Dataset dataset = open_dataset(folder.path(), {.need_masks = false});
  Loader loader(dataset, Split::train, {.batch = 4, .width = 8, .height = 8});
  loader.start(0);
  Batch b;
  REQUIRE(loader.next(b));
  CHECK_FALSE(b.contains(kLabels));
}

TEST_CASE("a crop for training whose center is anywhere: ignored white outside, the mask on the photograph; validation in the middle") {
  const test::TempFolder f;
  for (const char* sub : {"images", "masks"}) io::create_folders(f / sub);
  Image image(40, 30, 3);
  LabelImage mask(40, 30);
  const auto label = [](int x, int y) { return static_cast<std::uint8_t>((x / 3 + y / 2) % 4); };
  for (int y = 0; y < 30; ++y)
    for (int x = 0; x < 40; ++x) {
      image.at(x, y)[0] = static_cast<std::uint8_t>(x), image.at(x, y)[1] = static_cast<std::uint8_t>(y), image.at(x, y)[2] = 7;
      mask.at(x, y) = label(x, y);
    }
  write_png(f / "images/a.png", image);
  write_png(f / "masks/a.png", mask);
  io::write_file_atomically(f / "train.txt", "a\n");
  const Dataset dataset = open_dataset(f.path());
  for (const bool random : {true, false}) {
    Loader loader(dataset, Split::train,
                  {.batch = 1,
                   .width = 16,
                   .height = 12,
                   .resize = Resize::crop,
                   .border = {{255, 255, 255}, kIgnoreLabel},
                   .random_crop = random,
                   .center_anywhere = true,
                   .threads = 0});
    int least_x = 100, most_x = -100, least_y = 100, most_y = -100;
    for (int number = 1; number <= 400; ++number) {
      const Epoch e = run(loader, number);
      int left = -1000, top = -1000;  // of the window in the photograph
      const auto sample = [&](int i, int c) {
        return static_cast<int>(std::lround((e.images[static_cast<std::size_t>(3 * i + c)] + 1) * 127.5f));
      };
      for (int i = 0; i < 16 * 12; ++i)
        if (sample(i, 2) == 7) left = sample(i, 0) - i % 16, top = sample(i, 1) - i / 16;
      for (int i = 0; i < 16 * 12; ++i) {
        const int x = left + i % 16, y = top + i / 16;
        const bool inside = x >= 0 && x < 40 && y >= 0 && y < 30;
        REQUIRE((inside ? sample(i, 0) == x && sample(i, 1) == y : sample(i, 0) == 255 && sample(i, 1) == 255 && sample(i, 2) == 255));
        REQUIRE(e.labels[static_cast<std::size_t>(i)] == (inside ? label(x, y) : kIgnoreLabel));
      }
      least_x = std::min(least_x, left), most_x = std::max(most_x, left);
      least_y = std::min(least_y, top), most_y = std::max(most_y, top);
    }
    // The window's corner: the center from 0 to 40 and 30, or 20 and 15.
    CHECK(std::abs(least_x - (random ? -8 : 12)) <= (random ? 1 : 0));
    CHECK(std::abs(most_x - (random ? 32 : 12)) <= (random ? 1 : 0));
    CHECK(std::abs(least_y - (random ? -6 : 9)) <= (random ? 1 : 0));
    CHECK(std::abs(most_y - (random ? 24 : 9)) <= (random ? 1 : 0));
  }
}
