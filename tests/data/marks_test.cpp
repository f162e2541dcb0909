// What masks mark: some, or all, the other way round; fractions in place of labels.
#include <cmath>

#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "lamina/io/npy.hpp"
#include "support/data_folder.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {

/// A square of `inside` on `outside`, 16 x 12; at the border, where it is there.
LabelImage square(std::uint8_t outside, std::uint8_t inside, int left = 4, int size = 6) {
  LabelImage mask(16, 12, outside);
  for (int y = 2; y < 2 + size; ++y)
    for (int x = left; x < left + size; ++x) mask.at(x, y) = inside;
  return mask;
}
void write(const TempFolder& f, int i, const LabelImage& mask) {
  for (const char* sub : {"images", "masks"}) io::create_folders(f / sub);
  write_png(f / message("images/im", i, ".png"), Image(16, 12, 3, static_cast<std::uint8_t>(i)));
  write_png(f / message("masks/im", i, ".png"), mask);
}
int inverted(const TempFolder& f, const std::string& text = "some masks seem to be inverted") {
  const int n = told(check_dataset(f.path()).findings, text);
  CHECK(told(open_dataset(f.path()).findings, text) == n);
  return n;
}

}  // namespace

TEST_CASE("masks of which some are inverted are told, by count and name") {
  for (const std::uint8_t one : {1, 255}) {
    TempFolder f;
    for (int i = 0; i < 10; ++i) write(f, i, i < 3 ? square(one, 0) : square(0, one));
    const char* text = one == 255
                           ? "in 3 of 10 'foreground' has the border and 'background' lies inside (im0.png, im1.png, im2.png), in 7 it is"
                           : "in 3 of 10 'class 1' has the border and 'class 0' lies inside (im0.png, im1.png, im2.png), in 7 it is";
    CHECK(inverted(f, text) == 1);
    for (int i = 0; i < 3; ++i) write(f, i, square(0, one));
    CHECK(inverted(f) == 0);
    write(f, 0, square(one, one));  // full of it
    CHECK(inverted(f) == 0);
    for (int i = 0; i < 3; ++i) write(f, i, square(one, 0, 10));  // touches the border: such have any class there
    CHECK(inverted(f) == 0);
    for (int i = 0; i < 10; ++i) write(f, i, square(one, 0));
    CHECK(inverted(f) == 0);
    CHECK(inverted(f, "10 of 10 masks 'background' has") == 0);
    CHECK(inverted(f, message("and in none is it the other way round: if '", one == 1 ? "class 0" : "background",
                              "' is what is marked, say --background ", one == 1 ? "'class 1'" : "foreground")) == 1);
    CHECK(told(check_dataset(f.path(), {.background = one == 1 ? "class 1" : "foreground"}).findings, "the other way") == 0);
  }
  TempFolder three;  // classes say nothing of what is marked
  for (int i = 0; i < 10; ++i) write(three, i, i < 5 ? square(1, 2) : square(2, 1));
  CHECK(inverted(three) == 0);
}

TEST_CASE("inverted masks are told of each label's plane, and where the border is ignored") {
  TempFolder f;
  for (int i = 0; i < 6; ++i) {
    write(f, i, square(0, 255));
    std::filesystem::remove(f / message("masks/im", i, ".png"));
    for (const char* name : {"cat", "dog"}) {
      io::create_folders(f / message("masks/", name));
      const bool other = i < 2 && *name == 'd';
      write_png(f / message("masks/", name, "/im", i, ".png"), other ? square(255, 0) : square(0, 255));
    }
  }
  io::write_file_atomically(f / "dataset.json", R"({"task": "multilabel", "labels": {"cat": 0, "dog": 1}})");
  CHECK(inverted(f, "in 2 of 6 'dog' has the border and no 'dog' lies inside") == 1);
  CHECK(inverted(f) == 1);
  TempFolder ignored;
  const auto mask = [](bool other) {
    LabelImage m = other ? square(1, 0) : square(0, 1);
    for (int x = 0; x < 16; ++x) m.at(x, 0) = m.at(x, 11) = 255;
    for (int y = 0; y < 12; ++y) m.at(0, y) = m.at(15, y) = 255;
    return m;
  };
  for (int i = 0; i < 6; ++i) write(ignored, i, mask(i < 2));
  const DatasetOptions options{.ignore = 255};
  CHECK(told(check_dataset(ignored.path(), options).findings, "some masks seem to be inverted: in 2 of 6") == 1);
  for (int i = 0; i < 6; ++i) write(ignored, i, mask(false));
  CHECK(told(check_dataset(ignored.path(), options).findings, "seem to be inverted") == 0);
}

TEST_CASE("fractions in masks are told with a threshold that reads them, and what is no number with its place") {
  const auto told_of = [](const std::vector<float>& v, const DatasetOptions& options = {}) {
    DataFolder f;
    for (const char* stem : {"a", "b", "c", "d"})
      io::write_file_atomically(f / message("masks/", stem, ".npy"), io::format_npy(Tensor::from<float>(v, {1, 3})));
    const CheckReport report = check_dataset(f.path(), options);
    std::string text;
    for (const Finding& finding : report.findings)
      if (finding.is_error) text += finding.text;
    return report.errors() ? text : message(report.splits[0].counts.pixels[1]);
  };
  const auto has = [](const std::string& text, const char* part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  has(told_of({0, 0.25f, 1}), "the value 0.25 at (1, 0) is no whole number");
  has(told_of({0, 0.25f, 1}), "--mask-threshold 0.5 marks what is above 0.5;");
  CHECK(told_of({0, 0.25f, 1}, {.mask_threshold = 0.5}) == "3");
  has(told_of({0, 0, 0.5f}), "--mask-threshold 0.25 marks what is above 0.25;");
  CHECK(told_of({0, 0, 0.5f}, {.mask_threshold = 0.25}) == "3");
  has(told_of({0, 120.5f, 255}), "--mask-threshold 0.5 marks what is above 128;");
  CHECK(told_of({0, 120.5f, 255}, {.mask_threshold = 0.5}) == "3");
  CHECK(told_of({0, 120, 255}, {.mask_threshold = 0.5}) == "3");
  has(told_of({0, NAN, 1}), "the value nan at (1, 0) is NaN, no number. Give pixels without a label a value of their own");
  has(told_of({0, 1, INFINITY}), "the value inf at (2, 0) is infinite. Give");
  has(told_of({0, NAN, 0.5f}, {.mask_threshold = 0.25}), "is NaN, no number");
}
