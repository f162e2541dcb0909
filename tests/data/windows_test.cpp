// Crops and windows of photographs: those that cover them, as many as pixels ask for, some of them on rare classes.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "lamina/data/loader.hpp"
#include "lamina/io/file.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {

/// A photograph whose red and green say where a pixel is, and a mask by `label_at`.
template <class LabelAt>
void write_places(const TempFolder& f, const std::string& name, int width, int height, LabelAt&& label_at) {
  for (const char* folder : {"images", "masks"}) io::create_folders(f / folder);
  Image image(width, height, 3, 7);
  LabelImage mask(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      image.at(x, y)[0] = static_cast<std::uint8_t>(x);
      image.at(x, y)[1] = static_cast<std::uint8_t>(y);
      mask.at(x, y) = static_cast<std::uint8_t>(label_at(x, y));
    }
  write_png(f / ("images/" + name + ".png"), image);
  write_png(f / ("masks/" + name + ".png"), mask);
}

struct Pixel {
  int x, y, blue, label;
};
struct SeenWindow {
  int item;
  std::vector<Pixel> pixels;
};

/// What an epoch shows, one after the other.
std::vector<SeenWindow> windows_of_epoch(Loader& loader, std::int64_t epoch = 0, std::vector<Window>* windows = nullptr) {
  std::vector<SeenWindow> all;
  Batch batch;
  loader.start(epoch);
  while (loader.next(batch)) {
    const auto values = batch.at(kImage).to_vector<float>();
    const auto labels = batch.at(kLabels).to_vector<std::uint8_t>();
    const std::size_t pixels = labels.size() / static_cast<std::size_t>(batch.size());
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (i % pixels == 0) all.push_back({batch.indices[i / pixels], {}});
      const auto sample = [&](std::size_t c) { return static_cast<int>(std::lround((values[3 * i + c] + 1) * 127.5f)); };
      all.back().pixels.push_back({sample(0), sample(1), sample(2), labels[i]});
    }
    if (windows) windows->insert(windows->end(), batch.windows.begin(), batch.windows.end());
  }
  return all;
}

}  // namespace

TEST_CASE("windows cover each photograph, row by row from its corner; beyond it is border without labels") {
  TempFolder f;
  const auto label = [](int x, int y) { return (x + 2 * y) % 3; };
  write_places(f, "a", 10, 7, label);
  write_places(f, "b", 3, 2, label);
  write_places(f, "c", 4, 6, label);
  io::write_file_atomically(f / "val.txt", "a\nb\nc\n");
  const Dataset set = open_dataset(f.path());
  const LoaderOptions o{.batch = 4,
                        .width = 4,
                        .height = 3,
                        .resize = Resize::crop,
                        .border = {{255, 255, 255}, kIgnoreLabel},
                        .windows = true,
                        .threads = 0,
                        .cache_bytes = 0};
  Loader loader(set, Split::val, o);
  // Steps of 3 columns and 2 rows: a quarter of a window, or more, is shared.
  std::vector<Window> expected;
  for (const int y : {0, 2, 4})
    for (const int x : {0, 3, 6}) expected.push_back({x, y, 10, 7});
  expected.push_back({0, 0, 3, 2});
  for (const int y : {0, 1, 3}) expected.push_back({0, y, 4, 6});
  CHECK(loader.size() == 13);
  CHECK(loader.batches() == 4);
  std::vector<Window> windows;
  const auto seen = windows_of_epoch(loader, 0, &windows);
  REQUIRE(windows == expected);
  REQUIRE(seen.size() == 13);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    CHECK(seen[i].item == (i < 9 ? 0 : i == 9 ? 1 : 2));
    for (int p = 0; p < 12; ++p) {
      const Pixel& at = seen[i].pixels[static_cast<std::size_t>(p)];
      const int x = windows[i].x + p % 4, y = windows[i].y + p / 4;
      const bool inside = x < windows[i].width && y < windows[i].height;
      CHECK((inside ? at.x == x && at.y == y : at.x == 255 && at.y == 255 && at.blue == 255));
      CHECK(at.label == (inside ? label(x, y) : kIgnoreLabel));
    }
  }
  // The windows of a photograph take it from the disk once, though none is kept.
  loader.start(0);
  Batch batch;
  REQUIRE(loader.next(batch));
  std::filesystem::remove(f / "images/a.png");
  CHECK(loader.next(batch));
  loader.start(0);
  CHECK_THROWS_AS((loader.next(batch), loader.next(batch), loader.next(batch), loader.start(0), loader.next(batch)), IoError);
  // Other modes have no windows; sizes come from opening.
  LoaderOptions stretched = o;
  stretched.resize = Resize::stretch;
  CHECK(Loader(set, Split::val, stretched).size() == 3);
  const DatasetFiles files = list_dataset(f.path());
  CHECK_THROWS_WITH_AS(Loader(files.items(Split::val), set.masks, o), doctest::Contains(": windows of it need its size"), OptionError);
}

TEST_CASE("an epoch has as many crops as the pixels fill, or as it is told, each another one") {
  TempFolder f;
  write_places(f, "a", 10, 7, [](int x, int) { return x % 2; });
  write_places(f, "b", 4, 3, [](int x, int) { return x % 2; });
  write_places(f, "c", 2, 2, [](int x, int) { return x % 2; });
  io::write_file_atomically(f / "train.txt", "a\nb\nc\n");
  const Dataset set = open_dataset(f.path());
  LoaderOptions o{.batch = 1, .width = 4, .height = 3, .resize = Resize::crop, .random_crop = true};
  CHECK(Loader(set, Split::train, o).size() == 3);
  o.crops = 0;
  CHECK(Loader(set, Split::train, o).size() == 6 + 1 + 1);  // 70, 12 and 4 of 12 pixels
  o.crops = 5;
  Loader loader(set, Split::train, o);
  CHECK(loader.size() == 15);
  CHECK(loader.batches() == 15);
  std::map<int, int> crops;
  std::set<std::pair<int, int>> corners, first;
  for (const std::int64_t epoch : {1, 2, 3, 4})
    for (const SeenWindow& s : windows_of_epoch(loader, epoch)) {
      ++crops[s.item];
      if (s.item == 0) corners.emplace(s.pixels[0].x, s.pixels[0].y);
      if (s.item == 0 && epoch == 1) first.emplace(s.pixels[0].x, s.pixels[0].y);
    }
  CHECK(crops == std::map<int, int>{{0, 20}, {1, 20}, {2, 20}});
  CHECK(first.size() > 2);     // of 5
  CHECK(corners.size() > 10);  // 20 draws from 35
  o.resize = Resize::stretch;
  CHECK(Loader(set, Split::train, o).size() == 3);
  for (const auto& [crops_asked, share] : {std::pair{-1, 0.0}, {1, -0.1}, {1, 1.1}}) {
    o.crops = crops_asked, o.foreground = share;
    CHECK_THROWS_AS(Loader(set, Split::train, o), OptionError);
  }
}

TEST_CASE("crops of the foreground: so many show a class other than the background in their middle, each class as often") {
  TempFolder f;
  // The left half is class 1; class 2 is four pixels on the right, one of class 3 in the corner.
  write_places(f, "a", 40, 40, [](int x, int y) { return x == 39 && y == 39 ? 3 : x < 20 ? 1 : x / 2 == 15 && y / 2 == 10 ? 2 : 0; });
  write_places(f, "b", 40, 40, [](int, int) { return 0; });
  io::write_file_atomically(f / "train.txt", "a\nb\n");
  const Dataset set = open_dataset(f.path());
  LoaderOptions o{.batch = 50,
                  .width = 9,
                  .height = 9,
                  .resize = Resize::crop,
                  .random_crop = true,
                  .crops = 600,
                  .counted = set.schema.counted_labels()};
  o.counted[0].background = true;
  /// How often a class is in the middle of a crop of the first photograph, and of class 3 anywhere in it.
  const auto middles = [&] {
    Loader loader(set, Split::train, o);
    std::map<int, double> share;
    for (const SeenWindow& s : windows_of_epoch(loader)) {
      if (s.item != 0) continue;
      const bool corner = s.pixels[80].label == 3;
      share[corner ? 3 : s.pixels[40].label] += 1 / 600.0;
      if (!o.center_anywhere) CHECK((s.pixels[0].x <= 31 && s.pixels[0].y <= 31));  // inside
    }
    return share;
  };
  const auto near = [](double got, double expected) { return std::abs(got - expected) < 0.06; };  // 3 standard deviations
  o.foreground = 1;
  auto share = middles();
  CHECK(share[0] == 0);
  for (const int c : {1, 2, 3}) CHECK(near(share[c], 1.0 / 3));
  o.foreground = 0.3;
  share = middles();
  CHECK(near(share[2], 0.1));
  CHECK(near(share[3], 0.1));
  CHECK(near(share[1], 0.1 + 0.7 * 16 / 32));  // of 32 columns of middles 16 are left of 20
  o.foreground = 0;
  share = middles();
  CHECK(share[2] < 0.03);
  CHECK(share[3] < 0.03);
  o.foreground = 1, o.counted[0].background = false;  // 0 is a class like others
  share = middles();
  for (const int c : {0, 1, 2, 3}) CHECK(near(share[c], 0.25));
  // Centers that may be anywhere are on the pixel itself, and every pixel of a class is drawn.
  o.counted[0].background = true, o.center_anywhere = true, o.augment = parse_augment("hflip,rotate=30");
  Loader loader(set, Split::train, o);
  std::set<std::pair<int, int>> of_two;
  int corners = 0;
  for (const SeenWindow& s : windows_of_epoch(loader)) {
    if (s.item != 0) continue;
    const Pixel& middle = s.pixels[40];
    CHECK((middle.label >= 1 && middle.label <= 3));
    if (middle.label == 2) of_two.emplace(middle.x, middle.y);
    corners += middle.label == 3;
  }
  CHECK(of_two.size() == 4);
  CHECK(near(corners / 600.0, 1.0 / 3));
}
