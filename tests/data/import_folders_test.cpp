// Folders of splits, and what they become.
#include <array>
#include <map>
#include <set>

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
  CHECK(i.made.notes[0] ==
        "4 photographs called by folder and name, as the name alone is another's, too: test_0001, test_0002, train_0001, train_0002");
  const TempFolder out;
  s.text("test/dataset.json", R"({"labels": {"background": 0, "scar": 1, "burn": 2}})");
  CHECK_THROWS_WITH_AS(import_dataset("splits", s.path(), out / "o"), doctest::Contains("dataset.json differ; keep one of them"),
                       DataError);
}

TEST_CASE("folders of splits are not taken for what they are not") {
  Source two;  // of the train split alone, which folder has the photographs?
  for (const char* folder : {"train/images", "train/edges", "train/masks"})
    for (const char* n : {"a", "b"}) two.photo(message(folder, '/', n, ".png"));
  CHECK(layout_of(two.path()) == "tree");  // whose words say it
  const TempFolder out;
  CHECK_THROWS_WITH_AS(import_dataset("splits", two.path(), out / "o"), doctest::Contains("train/edges and "), DataError);
  Source plain;  // a class called as a split is
  plain.photo("images/a.png");
  plain.mask("masks/train/a.png", {0, 1, 0, 0});
  CHECK(layout_of(plain.path()).empty());
  Source other;  // no split, and several photographs: neither splits nor instances
  for (const char* n : {"a", "b"})
    for (const char* folder : {"left/images/", "left/masks/", "right/images/", "right/masks/"}) other.photo(message(folder, n, ".png"));
  CHECK(layout_of(other.path()) == "tree");
}

TEST_CASE("import tree: folders of photographs that folders of masks mirror, at any level; a folder is a group") {
  const std::vector<std::array<const char*, 2>> layouts = {
      {"images/", "masks/"}, {"data/imgs/left/", "data/label/left/"}, {"a/b/c/d/e/images/", "a/b/c/d/e/masks/"}};
  for (const auto& [photos, masks] : layouts) {
    CAPTURE(photos);
    Source s;
    for (std::uint8_t patient = 0; patient < 5; ++patient)
      for (const char* slice : {"s1", "s2"}) {
        s.photo(message(photos, 'p', int{patient}, '/', slice, ".png"));
        s.mask(message(masks, 'p', int{patient}, '/', slice, "_mask.png"), {0, std::uint8_t(patient % 3), 2, 0});
      }
    s.photo(message(photos, "p2/alone.png"));
    s.mask(message(masks, "p2/alone.png"), {1, 1, 0, 2});
    s.photo(message(photos, "p1/bare.png"));
    s.mask(message(masks, "p1/lost.png"), {0, 1, 2, 0});
    s.text("dataset.json", R"({"labels": {"x": 0, "y": 1, "z": 2}})");
    const bool deep = std::string_view(photos).starts_with("a/b");  // deeper than check looks
    CHECK(layout_of(s.path()) == (deep ? "" : "tree"));
    const TempFolder folder;
    const Imported made = import_dataset("tree", s.path(), folder / "out");
    const Dataset d = open_dataset(folder / "out");
    std::map<std::string, std::string> group;
    for (const Item& item : d.all_items()) group[item.name] = item.group.substr(item.group.find('p'));
    CHECK(group == std::map<std::string, std::string>{{"alone", "p2"},
                                                      {"p0_s1", "p0"},
                                                      {"p0_s2", "p0"},
                                                      {"p1_s1", "p1"},
                                                      {"p1_s2", "p1"},
                                                      {"p2_s1", "p2"},
                                                      {"p2_s2", "p2"},
                                                      {"p3_s1", "p3"},
                                                      {"p3_s2", "p3"},
                                                      {"p4_s1", "p4"},
                                                      {"p4_s2", "p4"}});
    CHECK(d.items(Split::train).size() + d.items(Split::val).size() == 11);
    std::set<std::string> val;
    for (const Item& item : d.items(Split::val)) val.insert(item.group);
    for (const Item& item : d.items(Split::train)) CHECK(!val.contains(item.group));
    for (const Item& item : d.all_items())
      if (item.name == "p2_s1") CHECK(read_mask(item, d.masks).labels[1] == 2);
    const std::string told = message(made.notes[0], '\n', made.notes[1], '\n', made.notes[2], '\n', made.notes[3], '\n', made.notes[4]);
    for (const char* part : {"10 photographs called by folder and name", "2 masks belong to their photographs by the ending",
                             "; 4 notes more", "1 photograph left out, without a mask: ", "1 mask left out, without a photograph: "})
      CHECK_MESSAGE(told.find(part) != std::string::npos, told);
    if (!deep) CHECK(check_dataset(s.path()).findings.at(0).text.find("lamina import tree ") != std::string::npos);
  }
}

TEST_CASE("import tree: patients of splits; which folder is whose must be clear") {
  Source s;
  for (const char* place : {"train/p1", "train/p2", "val/p3"}) {
    s.photo(message("images/", place, "/a.png"));
    s.mask(message("masks/", place, "/a.png"), {0, 1, 1, 0});
  }
  const Import i("tree", s);
  CHECK(i.names(Split::train) == Names{"train_p1_a", "train_p2_a"});
  CHECK(i.names(Split::val) == Names{"val_p3_a"});
  s.mask("labels/train/p1/a.png", {0, 1, 1, 0});  // another folder of masks
  CHECK(layout_of(s.path()).empty());
  CHECK_THROWS_WITH_AS(import_dataset("tree", s.path(), i.folder / "o"),
                       doctest::Contains("no folders of photographs with folders of masks"), DataError);
}

namespace {

/// By name of the photograph, of a tree with photographs of the same name in each of the folders.
std::map<std::string, std::string> groups_of_tree(const std::vector<std::string>& folders, Imported* made = nullptr) {
  Source s;
  for (const std::string& folder : folders)
    for (const char* kind : {"images", "masks"}) {
      const std::string file = std::string(folder).replace(folder.find('*'), 1, kind) + "/a.png";
      kind[0] == 'i' ? s.photo(file) : s.mask(file, {0, 1, 1, 0});
    }
  const Import i("tree", s);
  if (made) *made = i.made;
  std::map<std::string, std::string> groups;
  for (const Item& item : i.dataset.all_items()) groups[item.name] = item.group;
  return groups;
}
const char* kTooFew = ": too few, and no numbers, to be patients; groups.txt (NAME GROUP a line) says what belongs together";

}  // namespace

TEST_CASE("import tree: a group is a patient, in whatever splits; of deeper folders the first, unless these are few; few are none") {
  using Groups = std::map<std::string, std::string>;
  CHECK(groups_of_tree({"*/train/p1", "*/train/p2", "*/train2017/p3", "*/val/p1", "*/test/p4", "*/test_p5"}) ==
        Groups{{"train_p1_a", "p1"},
               {"train_p2_a", "p2"},
               {"train2017_p3_a", "p3"},
               {"val_p1_a", "p1"},
               {"test_p4_a", "p4"},
               {"test_p5_a", "p5"}});
  std::vector<std::string> visits;
  for (const char* patient : {"p1", "p2", "p3", "p4", "p5"})
    for (const char* date : {"/d1/*", "/d2/*"}) visits.push_back(std::string(patient) + date);
  for (const auto& [name, group] : groups_of_tree(visits)) CHECK(group == name.substr(0, 2));
  visits.resize(6);
  for (const auto& [name, group] : groups_of_tree(visits)) CHECK(group == name.substr(0, 2));  // few, but numbered
  Imported made;
  for (const auto& [name, group] : groups_of_tree({"*/benign", "*/malignant", "*/normal"}, &made)) CHECK(group == "");
  CHECK(made.notes.at(1) == message("3 folders", kTooFew));
  Source s;
  for (const std::string place : {"train/p1", "train/p2", "train/p3", "test/p1", "test/p4", "test/p5"})
    s.photo("images/" + place + "/a.png"), s.mask("masks/" + place + "/a.png", {0, 1, 1, 0});
  const Import i("tree", s);
  std::string told;
  for (const Finding& f : check_dataset(i.folder / "out").findings) told += f.text;
  CHECK(told.find("the group 'p1' (groups.txt) are in train and test") != std::string::npos);
}

TEST_CASE("import tree: what is held out is a fifth of the photographs, in whole groups") {
  const auto held = [](const std::vector<int>& sizes) {
    Source s;
    for (std::size_t patient = 0; patient < sizes.size(); ++patient)
      for (int k = 0; k < sizes[patient]; ++k)
        for (const char* kind : {"images", "masks"}) {
          const std::string file = message(kind, "/p", patient, "/", patient, "_", k, ".png");
          kind[0] == 'i' ? s.photo(file) : s.mask(file, {0, 1, 1, 0});
        }
    const Import i("tree", s);
    std::map<std::string, int> of;
    for (const Item& item : i.dataset.items(Split::val)) ++of[item.group];
    return of;
  };
  using Held = std::map<std::string, int>;
  CHECK(held({2, 17, 2, 2, 2}) == Held{{"p2", 2}, {"p3", 2}});
  CHECK(held({1, 1, 1, 20, 17}) == Held{{"p0", 1}, {"p1", 1}, {"p2", 1}});
  CHECK(held({4, 3, 3, 3, 4}) == Held{{"p1", 3}});
  CHECK(held({2, 2, 2, 2, 2, 2, 2, 2, 2, 2}) == Held{{"p4", 2}, {"p9", 2}});
}

TEST_CASE("import tree: lists of the source say the splits") {
  Source s;
  for (const char* place : {"p0/0", "p0/1", "p1/0", "p1/2", "p2/0", "p2/7"})
    s.photo(message("images/", place, ".png")), s.mask(message("masks/", place, ".png"), {0, 1, 1, 0});
  s.photo("images/p1/bare.png");
  s.text("train.txt", "p0/0\n# a comment\nimages\\p0\\1.png\n2.png\nbare\n");
  s.text("val.txt", "p2/0.png\r\nimages/p1/0");
  const Import i("tree", s);
  CHECK(i.names(Split::train) == Names{"p0_0", "1", "2"});
  CHECK(i.names(Split::val) == Names{"p1_0", "p2_0"});
  for (const std::string note : {"1 photograph left out, in no list of a split: " + (s / "images/p2/7.png").string(),
                                 std::string("1 listed photograph left out, without labels: bare")})
    CHECK(std::count(i.made.notes.begin(), i.made.notes.end(), note) == 1);
  for (const auto& [line, fault] :
       {std::pair{"p9/0", "p9/0' names no photograph in "}, {"0", "0' may be "}, {"p0/1", "p0/1' is in train.txt, too"}}) {
    s.text("val.txt", message("p2/0\n", line));
    CHECK_THROWS_WITH_AS(import_dataset("tree", s.path(), i.folder / "o"), doctest::Contains(message("val.txt line 2: '", fault).c_str()),
                         DataError);
  }
}

TEST_CASE("what check names as a layout is accepted by its importer") {
  const std::vector<std::pair<const char*, std::vector<const char*>>> layouts = {
      {"instances", {"a/images/a.png", "a/masks/1.png", "a/masks/2.png"}},
      {"", {"a/images/a.png", "a/images/b.png", "a/masks/1.png", "a/masks/2.png"}},
      {"instances", {"images/a.png", "images/b.png", "masks/a/1.png"}},
      {"", {"images/a.png", "images/a.jpg", "masks/a/1.png"}},
      {"", {"p/images/a.png", "p/masks/1.png", "p/masks/2.png", "q/images/a.png", "q/masks/1.png", "q/masks/2.png"}},
      {"", {"images/a.png", "images/b.png", "masks/c/1.png"}},
      {"tree", {"images/p/a.png", "images/q/a.png", "masks/p/a.png", "masks/q/a.png"}},
      {"tree", {"p/images/a.png", "p/masks/a.png", "q/images/a.png", "q/masks/a.png"}},
      {"", {"images/p/a.png", "masks/p/a_mask.png", "masks/p/a_seg.png"}},
      {"splits", {"train/images/a.png", "train/masks/a.png", "val/images/a.png", "val/masks/a.png"}},
      {"", {"train/images/a.png", "train/images/b.png", "train/masks/a_mask.png", "train/masks/a_seg.png"}},
      {"isic", {"X_Training_Input/ISIC_0000001.jpg", "X_Training_GroundTruth/ISIC_0000001_attribute_streaks.png"}},
      {"isic", {"X_Training_Input/ISIC_0000001.jpg", "X_Training_GroundTruth/ISIC_0000001_segmentation.png"}},
      {"", {"X_GroundTruth/ISIC_0000001_segmentation.png"}},
      {"voc", {"VOC2012/JPEGImages/a.jpg", "VOC2012/SegmentationClass/a.png"}},
      {"", {"VOC2012/SegmentationClass/a.png"}},
      {"drive", {"training/images/21_training.tif", "training/1st_manual/21_manual1.gif"}},
      {"", {"training/1st_manual/21_manual1.gif"}},
      {"diaretdb1", {"ddb1_fundusimages/image001.png", "ddb1_groundtruth/hardexudates/image001.png"}},
      {"cityscapes", {"leftImg8bit/train/ulm/ulm_0_leftImg8bit.png", "gtFine/train/ulm/ulm_0_gtFine_labelIds.png"}},
      {"ade20k", {"images/training/a.jpg", "annotations/training/a.png"}},
      {"", {"annotations/training/a.png"}}};
  for (const auto& [kind, files] : layouts) {
    Source s;
    for (const std::string file : files)
      if (const bool is_photo = file.find("images") != std::string::npos || file.ends_with(".jpg"); is_photo)
        s.photo(file);
      else
        s.mask(file, {0, 1, 1, 0});
    CAPTURE(std::string(files[0]));
    CHECK(layout_of(s.path()) == kind);
    const TempFolder out;
    if (!layout_of(s.path()).empty()) CHECK(import_dataset(layout_of(s.path()), s.path(), out / "o").items[0] > 0);
  }
}
