// A photograph and its mask show the same thing at the same place, whatever is done to them; the order of images.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "lamina/data/loader.hpp"
#include "lamina/io/file.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::data;

namespace {

/// Background, and patches of foreground that look like themselves nowhere else.
LabelImage patches(int width, int height) {
  LabelImage m(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) m.at(x, y) = (x / 3 * 7 + y / 4 * 5 + x / 3 * (y / 4)) % 11 < 5;
  m.at(0, 0) = m.at(width - 1, height - 1) = 1;
  return m;
}
/// The photograph that is its own mask: foreground is white.
Image photo_of(const LabelImage& m, int channels = 3) {
  Image image(m.width, m.height, channels);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = m.labels[i / static_cast<std::size_t>(channels)] ? 255 : 0;
  return image;
}

constexpr Border kRedBorder{{255, 0, 0}, 250};

/// What is seen of a pixel (r, g, b) in [-1, 1]: 0, 1, or the border's label.
std::uint8_t label_of(const float* v) {
  if (v[0] == 1 && v[1] == -1) return kRedBorder.label;
  return v[0] > 0;
}

/// Sets of a photograph's labels that agree with its mask moved by (-1..1, -1..1): the share of the pixels, [3 * dy + dx + 4].
std::array<double, 9> agreement(const std::vector<std::uint8_t>& seen, const std::vector<std::uint8_t>& mask, int width, int height) {
  std::array<double, 9> shares{};
  for (int dy = -1; dy <= 1; ++dy)
    for (int dx = -1; dx <= 1; ++dx) {
      int same = 0, all = 0;
      for (int y = 1; y < height - 1; ++y)
        for (int x = 1; x < width - 1; ++x, ++all)
          same += seen[static_cast<std::size_t>(y * width + x)] == mask[static_cast<std::size_t>((y + dy) * width + x + dx)];
      shares[static_cast<std::size_t>(3 * dy + dx + 4)] = static_cast<double>(same) / all;
    }
  return shares;
}
/// The mask lies on the photograph: they agree nearly everywhere, and better than when either moves by a pixel.
void lies_on(const std::vector<std::uint8_t>& seen, const std::vector<std::uint8_t>& mask, int width, int height, double least,
             bool sharp_border = true) {
  const auto shares = agreement(seen, mask, width, height);
  CHECK(shares[4] >= least);
  for (std::size_t i = 0; i < 9; ++i)
    if (i != 4) CHECK(shares[i] < shares[4] - 0.03);
  for (std::size_t i = 0; sharp_border && i < seen.size(); ++i) REQUIRE((seen[i] == kRedBorder.label) == (mask[i] == kRedBorder.label));
}

/// Photographs that are their own masks, of these sizes, in this order.
struct PaintedFolder : test::TempFolder {
  explicit PaintedFolder(const std::vector<std::pair<int, int>>& sizes) {
    for (const char* sub : {"images", "masks"}) io::create_folders(path() / sub);
    std::string list;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const LabelImage mask = patches(sizes[i].first, sizes[i].second);
      const std::string name = std::to_string(10 + i);
      write_png(*this / ("images/" + name + ".png"), photo_of(mask));
      LabelImage file = mask;
      for (auto& v : file.labels) v = v ? 255 : 0;
      write_png(*this / ("masks/" + name + ".png"), file);
      list += name + '\n';
    }
    io::write_file_atomically(*this / "train.txt", list);
  }
};

struct Seen {
  std::vector<std::uint8_t> photo, mask;
};
/// What a loader gives of each item in an epoch, by item.
std::vector<Seen> epoch_of(Loader& loader, std::int64_t epoch, int width, int height) {
  const auto pixels = static_cast<std::size_t>(width * height);
  std::vector<Seen> items(loader.items().size());
  loader.start(epoch);
  for (Batch b; loader.next(b);) {
    const auto images = b.at(kImage).to_vector<float>();
    const auto labels = b.at(kLabels).to_vector<std::uint8_t>();
    for (std::size_t i = 0; i < b.indices.size(); ++i) {
      Seen& item = items[static_cast<std::size_t>(b.indices[i])];
      for (std::size_t p = i * pixels; p < (i + 1) * pixels; ++p) item.photo.push_back(label_of(&images[3 * p]));
      item.mask.assign(labels.begin() + static_cast<std::ptrdiff_t>(i * pixels),
                       labels.begin() + static_cast<std::ptrdiff_t>((i + 1) * pixels));
    }
  }
  return items;
}

}  // namespace

TEST_CASE("pad: photograph and mask lie in the middle, the odd pixel of a margin on the right and below") {
  struct Case {
    int width, height, to_width, to_height, left, top;  // of a size that needs no scaling
  };
  for (const Case& c : {Case{21, 16, 32, 16, 5, 0}, Case{20, 16, 32, 16, 6, 0}, Case{16, 21, 16, 32, 0, 5}, Case{17, 9, 17, 24, 0, 7},
                        Case{31, 16, 32, 16, 0, 0}, Case{16, 29, 16, 32, 0, 1}, Case{13, 13, 13, 13, 0, 0}})
    for (const int channels : {1, 3}) {
      CAPTURE(c.width);
      CAPTURE(c.height);
      const LabelImage mask = patches(c.width, c.height);
      const Image photo = photo_of(mask, channels);
      const Border border{{9, 8, 7}, 250};
      const Image image = fitted(photo, c.to_width, c.to_height, Resize::pad, border);
      const LabelImage labels = fitted(mask, c.to_width, c.to_height, Resize::pad, border);
      REQUIRE(image.width == c.to_width);
      REQUIRE(labels.width == c.to_width);
      REQUIRE(image.height == c.to_height);
      REQUIRE(labels.height == c.to_height);
      for (int y = 0; y < c.to_height; ++y)
        for (int x = 0; x < c.to_width; ++x) {
          const int u = x - c.left, v = y - c.top;
          const bool inside = u >= 0 && u < c.width && v >= 0 && v < c.height;
          REQUIRE(labels.at(x, y) == (inside ? mask.at(u, v) : 250));
          for (int k = 0; k < channels; ++k) REQUIRE(image.at(x, y)[k] == (inside ? photo.at(u, v)[k] : 9 - k));
        }
    }
  CHECK(fit_inside(45, 37, 32, 24) == std::pair(29, 24));  // 29.19
  CHECK(fit_inside(64, 41, 32, 24) == std::pair(32, 21));  // 20.5
  CHECK(fit_inside(50, 20, 24, 32) == std::pair(24, 10));  // 9.6
  CHECK(fit_inside(7, 6, 32, 24) == std::pair(28, 24));
  CHECK(fit_inside(1000, 1, 10, 10) == std::pair(10, 1));
}

TEST_CASE("a photograph twice as large is its mask twice as large, pixel by pixel") {
  const LabelImage mask = patches(19, 14);
  for (const Resize mode : {Resize::stretch, Resize::pad}) {
    const bool pad = mode == Resize::pad;  // 38x28 in 45x35
    const int width = pad ? 45 : 38, height = pad ? 28 : 28;
    const Image image = fitted(photo_of(mask), width, height, mode, kRedBorder);
    const LabelImage labels = fitted(mask, width, height, mode, kRedBorder);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const bool border = image.at(x, y)[0] == 255 && image.at(x, y)[1] == 0;
        REQUIRE(labels.at(x, y) == (border ? 250 : image.at(x, y)[0] > 127));
      }
  }
}

TEST_CASE("resized masks take the pixel under the middle of each new one") {
  for (const int from : {1, 2, 5, 7, 12, 255})
    for (const int to : {1, 2, 3, 7, 11, 24, 200}) {
      LabelImage row(from, 1), column(1, from);
      for (int i = 0; i < from; ++i) row.at(i, 0) = column.at(0, i) = static_cast<std::uint8_t>(i);
      const LabelImage a = resized(row, to, 1), b = resized(column, 1, to);
      for (int i = 0; i < to; ++i) {
        const int middle = static_cast<int>(std::floor((i + 0.5) * from / to));
        REQUIRE(a.at(i, 0) == middle);
        REQUIRE(b.at(0, i) == middle);
      }
    }
}

TEST_CASE("through the loader the mask stays on the photograph: stretch, pad, crop, whatever the sizes") {
  const PaintedFolder folder({{45, 37}, {70, 50}, {37, 61}, {24, 24}, {23, 19}, {19, 23}, {33, 12}, {64, 41}});
  const Dataset dataset = open_dataset(folder.path());
  const int width = 31, height = 24;
  for (const Resize mode : {Resize::stretch, Resize::pad, Resize::crop})
    for (const bool random : {false, true}) {
      CAPTURE(name_of(mode));
      Loader loader(
          dataset, Split::train,
          {.batch = 3, .width = width, .height = height, .resize = mode, .border = kRedBorder, .random_crop = random, .threads = 0});
      const auto items = epoch_of(loader, 0, width, height);
      for (std::size_t i = 0; i < items.size(); ++i) {
        CAPTURE(i);
        lies_on(items[i].photo, items[i].mask, width, height, mode == Resize::crop ? 1 : 0.8);
        const bool border = std::count(items[i].mask.begin(), items[i].mask.end(), kRedBorder.label) > 0;
        if (mode == Resize::stretch) CHECK_FALSE(border);
        if (mode == Resize::pad) CHECK(border);
      }
    }
}

TEST_CASE("what lies beyond the photograph is left out of loss and scores unless said otherwise") {
  CHECK(Border{}.label == kIgnoreLabel);
  CHECK(Border{}.image == Rgb{0, 0, 0});
  const PaintedFolder folder({{12, 20}, {30, 9}});
  const Dataset dataset = open_dataset(folder.path());
  for (const Resize mode : {Resize::pad, Resize::crop})
    for (const char* list : {"none", "rotate=5"}) {
      LoaderOptions options{.batch = 2, .width = 24, .height = 24, .resize = mode, .threads = 0};
      options.augment = parse_augment(list);
      Loader loader(dataset, Split::train, options);
      loader.start(0);
      Batch b;
      REQUIRE(loader.next(b));
      const auto images = b.at(kImage).to_vector<float>();
      const auto labels = b.at(kLabels).to_vector<std::uint8_t>();
      for (std::size_t i = 0; i < 2; ++i) {  // the corners are beyond both
        CHECK(labels[i * 24 * 24] == kIgnoreLabel);
        CHECK(images[3 * i * 24 * 24] == -1);
        CHECK(labels[(i + 1) * 24 * 24 - 1] == kIgnoreLabel);
        CHECK(images[3 * ((i + 1) * 24 * 24 - 1)] == -1);
      }
      if (list != std::string("none")) continue;
      // 12x20 becomes 14x24, or stays and has margins of 6 and 2.
      const std::int64_t inside = mode == Resize::pad ? 14 * 24 : 12 * 20;
      CHECK(24 * 24 - std::count(labels.begin(), labels.begin() + 24 * 24, kIgnoreLabel) == inside);
    }
}

TEST_CASE("flips take photograph and mask along, as do turns and moves") {
  const PaintedFolder folder({{31, 24}, {31, 21}, {31, 24}, {24, 24}});
  const Dataset dataset = open_dataset(folder.path());
  const int width = 31, height = 24;
  for (const char* list : {"hflip=1", "vflip=1", "hflip=1,vflip=1", "hflip,vflip", "shift=0.3", "rotate=90", "shear=25", "zoom=0.3",
                           "hflip,vflip,rotate=30,zoom=0.1,shift=0.1,shear=5"})
    for (const Resize mode : {Resize::stretch, Resize::pad, Resize::crop}) {
      CAPTURE(list);
      CAPTURE(name_of(mode));
      LoaderOptions options{.batch = 4, .width = width, .height = height, .resize = mode, .border = kRedBorder, .seed = 8, .threads = 0};
      Loader plain(dataset, Split::train, options);
      options.augment = parse_augment(list);
      Loader loader(dataset, Split::train, options);
      const auto before = epoch_of(plain, 0, width, height);
      for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
        const auto items = epoch_of(loader, epoch, width, height);
        for (std::size_t i = 0; i < items.size(); ++i) {
          const std::string all = list;
          const bool blended = all.find("rotate") + all.find("shear") + all.find("zoom") != 3 * std::string::npos;
          lies_on(items[i].photo, items[i].mask, width, height, mode == Resize::crop ? 0.85 : 0.75, mode != Resize::pad || !blended);
          if (all != "hflip=1" && all != "vflip=1" && all != "hflip=1,vflip=1") continue;
          for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x) {
              const int u = all[0] == 'h' ? width - 1 - x : x, v = all == "hflip=1" ? y : height - 1 - y;
              // Where the margins of a crop or pad are odd, the mirror image is a pixel off; items 0 and 2 have none.
              if (i % 2 == 0 || mode == Resize::stretch)
                REQUIRE(items[i].mask[static_cast<std::size_t>(y * width + x)] == before[i].mask[static_cast<std::size_t>(v * width + u)]);
            }
        }
      }
    }
}

TEST_CASE("contrast through the loader keeps the mean of a photograph") {
  const PaintedFolder folder({{30, 20}, {41, 33}});
  const Dataset dataset = open_dataset(folder.path());
  // Bright enough apart from black and white that nothing is cut off.
  for (const char* name : {"10", "11"}) {
    Image image = read_image(folder / ("images/" + std::string(name) + ".png"));
    for (auto& v : image.pixels) v = static_cast<std::uint8_t>(90 + v / 8);
    write_png(folder / ("images/" + std::string(name) + ".png"), image);
  }
  LoaderOptions options{.batch = 2, .width = 24, .height = 16, .threads = 0};
  const auto means = [&](const char* list) {
    options.augment = parse_augment(list);
    Loader loader(dataset, Split::train, options);
    loader.start(1);
    Batch b;
    REQUIRE(loader.next(b));
    const auto v = b.at(kImage).to_vector<float>();
    std::array<double, 2> sums{};
    for (std::size_t i = 0; i < v.size(); ++i) sums[i / (v.size() / 2)] += static_cast<double>(v[i]) / static_cast<double>(v.size() / 2);
    return sums;
  };
  const auto plain = means("none"), contrast = means("contrast=0.5"), bright = means("brightness=0.5");
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(contrast[i] == doctest::Approx(plain[i]).epsilon(1e-3).scale(0));
    CHECK(std::abs(bright[i] - plain[i]) > 0.02);
  }
}

TEST_CASE("the order of images: another one each epoch, all of them, the seed's") {
  const PaintedFolder folder(std::vector<std::pair<int, int>>(9, {4, 3}));
  const Dataset dataset = open_dataset(folder.path());
  LoaderOptions options{.batch = 4, .width = 4, .height = 3, .shuffle = true, .seed = 21, .threads = 0};
  using Order = std::vector<int>;
  const auto order = [&](Loader& loader, std::int64_t epoch) {
    Order all;
    loader.start(epoch);
    for (Batch b; loader.next(b);) all.insert(all.end(), b.indices.begin(), b.indices.end());
    return all;
  };
  const auto orders = [&](std::uint64_t seed) {
    options.seed = seed;
    Loader loader(dataset, Split::train, options);
    std::vector<Order> all;
    for (std::int64_t epoch = 1; epoch <= 120; ++epoch) all.push_back(order(loader, epoch));
    return all;
  };
  const auto all = orders(21), other = orders(22);
  CHECK(orders(21) == all);
  CHECK(std::set<Order>(all.begin(), all.end()).size() == all.size());  // of 362880
  std::vector<std::set<int>> places(9);
  for (std::size_t epoch = 0; epoch < all.size(); ++epoch) {
    REQUIRE(all[epoch] != other[epoch]);
    REQUIRE(std::set<int>(all[epoch].begin(), all[epoch].end()).size() == 9);
    REQUIRE(all[epoch].size() == 9);
    for (std::size_t i = 0; i < 9; ++i) places[i].insert(all[epoch][i]);
  }
  for (const auto& items : places) CHECK(items.size() == 9);  // any image comes at any place
  // An epoch's order does not depend on which one was before it, nor on the augmentations, batches and threads.
  options = {.batch = 2, .width = 4, .height = 3, .augment = parse_augment("hflip,rotate=10"), .shuffle = true, .seed = 21, .threads = 2};
  Loader later(dataset, Split::train, options);
  CHECK(order(later, 7) == all[6]);
  CHECK(order(later, 2) == all[1]);
  options.shuffle = false;
  Loader plain(dataset, Split::train, options);
  for (const std::int64_t epoch : {0, 1, 2}) CHECK(order(plain, epoch) == Order{0, 1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("a loader reads the split that it was asked for") {
  const PaintedFolder folder(std::vector<std::pair<int, int>>(5, {4, 3}));
  io::write_file_atomically(folder / "train.txt", "10\n13\n");
  io::write_file_atomically(folder / "val.txt", "11\n");
  io::write_file_atomically(folder / "test.txt", "12\n14\n");
  const Dataset dataset = open_dataset(folder.path());
  const auto names = [&](Split split) {
    const Loader loader(dataset, split, {.batch = 1, .width = 4, .height = 3});
    std::vector<std::string> all;
    for (int i = 0; i < static_cast<int>(loader.items().size()); ++i) all.push_back(loader.name(i));
    return all;
  };
  CHECK(names(Split::train) == std::vector<std::string>{"10", "13"});
  CHECK(names(Split::val) == std::vector<std::string>{"11"});
  CHECK(names(Split::test) == std::vector<std::string>{"12", "14"});
  for (const Split split : kSplits) CHECK(split_named(name_of(split)) == split);
}
