// Eyes' backgrounds with lesions that may overlap, each kind a plane.
#include <cmath>

#include "lamina/data/check.hpp"
#include "lamina/data/phantom.hpp"
#include "support/data_folder.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

TEST_CASE("phantoms of retinas: a folder of white masks for each lesion, mostly nothing") {
  TempFolder f;
  write_phantom(Phantom::retina, f / "set", {.count = 20, .width = 80, .height = 64, .seed = 3});
  write_phantom(Phantom::retina, f / "again", {.count = 20, .width = 80, .height = 64, .seed = 3});
  const Dataset d = open_dataset(f / "set");
  CHECK(d.schema.task == Task::multilabel);
  CHECK(d.schema.names ==
        std::vector<std::string>{"hardexudates", "softexudates", "hemorrhages", "redsmalldots"});  // as DIARETDB1 is imported
  CHECK(d.schema.background == -1);
  CHECK(d.masks.planes() == 4);
  CHECK(d.items(Split::train).size() == 14);
  CHECK(check_dataset(f / "set").errors() == 0);
  std::vector<std::int64_t> marked(4);
  int hardly_any = 0;
  for (const Item& item : d.all_items()) {
    const std::string file = item.image.filename().string();
    CHECK(io::read_file(item.image) == io::read_file(f / ("again/images/" + file)));
    std::int64_t here = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const Image mask = read_image(f / ("set/masks/" + d.schema.names[k] + "/" + file));
      const auto white = std::count(mask.pixels.begin(), mask.pixels.end(), 255);
      CHECK(white + std::count(mask.pixels.begin(), mask.pixels.end(), 0) == std::ssize(mask.pixels));
      marked[k] += white / mask.channels, here += white / mask.channels;
    }
    hardly_any += here < 80 * 64 / 200;
  }
  for (const std::int64_t n : marked) CHECK(n > 0);
  const double share = static_cast<double>(marked[0] + marked[1] + marked[2] + marked[3]) / (20 * 80 * 64);
  CHECK(share > 0.005);
  CHECK(share < 0.06);
  CHECK(hardly_any >= 2);
  CHECK(hardly_any <= 12);
}

TEST_CASE("phantoms of retinas: what a mask marks looks like what it is called, within what the camera sees") {
  // Means of red and green over a lesion's pixels and over those that no mask marks, in the field; all pictures together.
  double sum[5][2] = {}, count[5] = {};
  for (std::uint64_t i = 0; i < 12; ++i) {
    const PhantomSample s = draw_phantom(Phantom::retina, 0, 96, 96, RandomKey{5, i});
    CHECK(s.labels.planes == 4);
    for (int y = 0; y < 96; ++y)
      for (int x = 0; x < 96; ++x) {
        const std::uint8_t *color = s.image.at(x, y), *label = &s.labels.at(x, y);
        const double off = std::hypot((x - 47.5) / 48, (y - 47.5) / 48);
        const bool any = label[0] || label[1] || label[2] || label[3];
        if (off > 1) CHECK(!any);
        if (off > 1) CHECK(color[0] < 16);
        if (off > 0.85) continue;
        for (int k = 0; k < 5; ++k)
          if (k < 4 ? label[k] == 1 : !any) sum[k][0] += color[0], sum[k][1] += color[1], ++count[k];
      }
  }
  const auto mean = [&](int k, int channel) { return sum[k][channel] / count[k]; };
  for (const int bright : {0, 1}) CHECK(mean(bright, 1) > mean(4, 1) + 25);
  for (const int red : {2, 3}) {
    CHECK(mean(red, 1) < mean(4, 1) - 15);
    CHECK(mean(red, 0) > 2 * mean(red, 1));
  }
  CHECK(count[2] > count[3]);  // hemorrhages are larger than small dots
}
