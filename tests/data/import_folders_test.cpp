// Folders of splits, and what they become.
#include <array>

#include "lamina/core/text.hpp"
#include "support/imports.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

TEST_CASE("import splits: folders of a split with photographs and masks, or of these with splits") {
  const std::vector<std::array<const char*, 4>> layouts = {
      {"train/images", "train/masks", "val/images", "val/masks"},
      {"images/train", "masks/train", "images/val", "masks/val"},
      {"data/img_dir/train", "data/ann_dir/train", "data/img_dir/val", "data/ann_dir/val"},
      {"Training", "Training_labels", "Validation", "Validation_labels"},
      {"train2017/imgs", "train2017/gt", "valid2017/imgs", "valid2017/gt"},
      {"train", "trainannot", "val", "valannot"},
      {"trainimages", "trainmasks", "validimages", "validmasks"}};
  for (const auto& [train_photos, train_masks, val_photos, val_masks] : layouts) {
    CAPTURE(train_photos);
    Source s;
    for (const char* n : {"a", "b"}) {
      s.photo(message(train_photos, '/', n, ".png"));
      s.mask(message(train_masks, '/', n, ".png"), {0, 1, 2, 0});
    }
    for (const char* n : {"c", "d"}) s.photo(message(val_photos, '/', n, ".png"));
    s.mask(message(val_masks, "/c_mask.png"), {2, 1, 0, 0});
    s.text("dataset.json", R"({"labels": {"x": 0, "y": 1, "z": 2}})");
    const Import i("splits", s);
    CHECK(i.names(Split::train) == Names{"a", "b"});
    CHECK(i.names(Split::val) == Names{"c"});
    CHECK(i.row("c") == Labels{2, 1, 0, 0});
    CHECK(i.dataset.schema.names == Names{"x", "y", "z"});
    CHECK(fs::is_symlink(i.folder / "out/masks/a.png"));
    CHECK(i.made.notes.size() == 2);
    CHECK(i.made.notes[0].starts_with("1 mask belongs to its photograph by the ending of the name: c.png with "));
    CHECK(i.made.notes[1] == "1 photograph left out, without a mask: " + (s / message(val_photos, "/d.png")).string());
    const std::vector<Finding> told = check_dataset(s.path()).findings;
    CHECK(told.size() == 1);
    CHECK(told.at(0).text.find(message(" looks like splits; make a data set of it: lamina import splits ", s.path().string(), ' ')) !=
          std::string::npos);
  }
}

TEST_CASE("import splits: names of two splits, a folder a class, dataset.json of a split") {
  Source s;
  for (const char* split : {"train", "test"}) {
    for (const char* n : {"0001", "0002"}) {
      s.photo(message(split, "/images/", n, ".png"));
      s.mask(message(split, "/masks/scar/", n, ".png"), {255, 0, 0, 0});
      s.mask(message(split, "/masks/burn/", n, ".png"), {0, split[1] == 'r', 0, 0});
    }
    s.text(message(split, "/dataset.json"), R"({"labels": {"background": 0, "burn": 1, "scar": 2}})");
  }
  s.text("groups.txt", "0001.png the first one\n0002\tsecond patient\n");
  const Import i("splits", s);
  CHECK(i.names(Split::test) == Names{"test_0001", "test_0002"});
  CHECK(i.row("train_0002") == Labels{2, 1, 0, 0});
  CHECK(i.dataset.items(Split::test)[1].group == "second patient");
  CHECK(i.row("test_0002") == Labels{2, 0, 0, 0});
  CHECK(fs::canonical(i.folder / "out/images/test_0001.png") == fs::canonical(s / "test/images/0001.png"));
  CHECK(i.made.notes[0] == "2 names of several splits: all photographs are called by their split, too: 0001, 0002");
  const TempFolder out;
  s.text("test/dataset.json", R"({"labels": {"background": 0, "scar": 1, "burn": 2}})");
  CHECK_THROWS_WITH_AS(import_dataset("splits", s.path(), out / "o"), doctest::Contains("dataset.json differ; keep one of them"),
                       DataError);
}

TEST_CASE("folders of splits are not taken for what they are not") {
  Source two;  // which folder has the photographs?
  for (const char* folder : {"train/images", "train/edges", "train/masks"})
    for (const char* n : {"a", "b"}) two.photo(message(folder, '/', n, ".png"));
  CHECK(layout_of(two.path()).empty());
  const TempFolder out;
  CHECK_THROWS_WITH_AS(import_dataset("splits", two.path(), out / "o"), doctest::Contains("has no folders of splits"), DataError);
  Source plain;  // a class called as a split is
  plain.photo("images/a.png");
  plain.mask("masks/train/a.png", {0, 1, 0, 0});
  CHECK(layout_of(plain.path()).empty());
  Source other;  // no split, and several photographs: neither splits nor instances
  for (const char* n : {"a", "b"})
    for (const char* folder : {"left/images/", "left/masks/", "right/images/", "right/masks/"}) other.photo(message(folder, n, ".png"));
  CHECK(layout_of(other.path()).empty());
}
