// Public layouts, made up in small: what they become.
#include "lamina/data/import.hpp"

#include <doctest/doctest.h>

#include "lamina/core/text.hpp"
#include "support/imports.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

TEST_CASE("import drive: pixels outside of the field of view are ignored") {
  Source s;
  for (const char* n : {"21", "22", "23", "24", "25"}) {
    s.photo(std::string("DRIVE/training/images/") + n + "_training.tif");
    s.mask(std::string("DRIVE/training/1st_manual/") + n + "_manual1.gif", {0, 255, 255, 0, 255});
    s.mask(std::string("DRIVE/training/mask/") + n + "_training_mask.gif", {255, 255, 0, 0});
  }
  s.photo("DRIVE/test/images/01_test.tif");
  s.photo("DRIVE/test/images/02_test.tif");
  s.mask("DRIVE/test/1st_manual/01_manual1.gif", {255, 0, 0, 0});
  const Import i("drive", s);
  CHECK(i.names(Split::train) == Names{"21_training", "22_training", "23_training", "24_training"});
  CHECK(i.names(Split::val) == Names{"25_training"});
  CHECK(i.names(Split::test) == Names{"01_test"});
  CHECK(i.row("21_training", 5) == Labels{0, 1, kIgnoreLabel, kIgnoreLabel, kIgnoreLabel});
  CHECK(i.row("01_test", 5) == Labels{1, 0, 0, 0, 0});  // without a mask of its field of view
  CHECK(i.dataset.schema.names == Names{"background", "vessel"});
  CHECK(i.dataset.schema.background == 0);
  CHECK(fs::is_symlink(i.folder / "out/images/21_training.tif"));  // no photograph is copied
  CHECK(i.made.notes[0] == "1 photograph left out, without 1st_manual/NN_manual1.gif: 02_test.tif");
  CHECK(i.made.notes[1] == "5 photographs: pixels outside of the field of view are ignored (255)");
  CHECK(i.made.notes[2].starts_with("1 photograph has no mask of the field of view"));
}

TEST_CASE("import diaretdb1: planes of lesions, where three of four experts agree") {
  Source s;
  for (const char* n : {"001", "002", "003"}) {
    s.photo(std::string("images/ddb1_fundusimages/image") + n + ".png");
    s.mask(std::string("images/ddb1_groundtruth/hardexudates/image") + n + ".png", {0, 127, 191, 255});
    if (n != std::string("002")) s.mask(std::string("images/ddb1_groundtruth/redsmalldots/image") + n + ".PNG", {255, 255, 0, 0});
  }
  s.text("testset.txt", "image003.png");
  const Import i("diaretdb1", s);
  CHECK(i.dataset.schema.names == Names{"hardexudates", "softexudates", "hemorrhages", "redsmalldots"});
  CHECK(i.names(Split::test) == Names{"image003"});
  const std::string none = ", taken to show none: ";
  CHECK(i.made.notes ==
        Names{"3 photographs without a file of ddb1_groundtruth/hemorrhages" + none + "image001.png, image002.png, image003.png",
              "1 photograph without a file of ddb1_groundtruth/redsmalldots" + none + "image002.png",
              "3 photographs without a file of ddb1_groundtruth/softexudates" + none + "image001.png, image002.png, image003.png",
              "a lesion is where three of four experts saw it, masks above 0.7 of white; for others, mask_threshold in dataset.json or "
              "--mask-threshold",
              i.made.notes.back()});
  CHECK(i.row("image001", 16) == Labels{0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0});
  CHECK(fs::is_symlink(i.folder / "out/masks/hardexudates/image001.png"));
  // The source's own question: where any expert saw one.
  const Dataset any = open_dataset(i.folder / "out", {.mask_threshold = 0.1});
  CHECK(read_mask(any.items(Split::train)[0], any.masks).labels[4] == 1);
}

TEST_CASE("import isic: three years' names") {
  Source s;
  s.photo("ISIC2018_Task1-2_Training_Input/ISIC_0000001.jpg");
  s.mask("ISIC2018_Task1_Training_GroundTruth/ISIC_0000001_segmentation.png", {0, 255, 0, 0});
  s.photo("ISBI2016_ISIC_Part1_Training_Data/ISIC_0000002.jpg");
  s.mask("ISBI2016_ISIC_Part1_Training_GroundTruth/ISIC_0000002_Segmentation.png", {255, 0, 0, 0});
  s.photo("ISIC-2017_Validation_Data/ISIC_0000003.jpg");
  s.photo("ISIC-2017_Validation_Data/ISIC_0000003_superpixels.png");
  s.mask("ISIC-2017_Validation_Part1_GroundTruth/ISIC_0000003_segmentation.png", {0, 0, 0, 255});
  s.photo("ISIC-2017_Test_v2_Data/ISIC_0000004.jpg");
  s.mask("ISIC-2017_Test_v2_Part1_GroundTruth/ISIC_0000004_segmentation.png", {0, 0, 255, 255});
  s.photo("ISIC-2017_Test_v2_Data/ISIC_0000005.PNG");
  s.mask("ISIC-2017_Test_v2_Part1_GroundTruth/ISIC_0000005_segmentation.PNG", {255, 255, 255, 255});
  s.photo("ISIC-2017_Test_v2_Data/ISIC_0000006.JPG");
  const Import i("isic", s);
  CHECK(i.made.notes[0] == "1 photograph left out, without *_segmentation.png: ISIC_0000006.JPG");
  CHECK(i.names(Split::train) == Names{"ISIC_0000002", "ISIC_0000001"});
  CHECK(i.names(Split::val) == Names{"ISIC_0000003"});
  CHECK(i.names(Split::test) == Names{"ISIC_0000004", "ISIC_0000005"});  // in whatever format
  CHECK(i.row("ISIC_0000005") == Labels{1, 1, 1, 1});
  CHECK(i.row("ISIC_0000002") == Labels{1, 0, 0, 0});
}

TEST_CASE("import isic: attributes are planes") {
  Source s;
  for (const char* n : {"0000001", "0000002", "0000003"}) s.photo(message("ISIC2018_Task1-2_Training_Input/ISIC_", n, ".jpg"));
  const std::string attribute = "ISIC2018_Task2_Training_GroundTruth_v3/ISIC_0000001_attribute_";
  s.mask(attribute + "streaks.png", {255, 0, 0, 255});
  s.mask(attribute + "globules.png", {0, 0, 255, 255});
  s.mask("ISIC2018_Task2_Training_GroundTruth_v3/ISIC_0000002_attribute_streaks.png", {0, 255, 0, 0});
  const Import i("isic", s);
  CHECK(i.dataset.schema.names == Names{"globules", "streaks"});
  CHECK(i.row("ISIC_0000001", 8) == Labels{0, 1, 0, 0, 1, 0, 1, 1});
  CHECK(i.row("ISIC_0000002", 4) == Labels{0, 0, 0, 1});
  CHECK(i.made.notes[0] == "1 photograph left out, without *_attribute_*.png: ISIC_0000003.jpg");
  CHECK(i.made.notes[1] == "1 photograph without *_attribute_globules.png, taken to show none: ISIC_0000002.jpg");
  s.mask("ISIC2018_Task1_Training_GroundTruth/ISIC_0000003_segmentation.png", {255, 0, 0, 0});
  const Import both("isic", s);
  CHECK(both.names(Split::train) == Names{"ISIC_0000003"});
  CHECK(both.made.notes[0].starts_with("the attributes (ISIC_N_attribute_*.png) are left out"));
}

TEST_CASE("import cityscapes: nineteen classes, the others ignored") {
  Source s;
  for (const char* x : {"train/aachen/aachen_000000_000019", "val/ulm/ulm_000001_000019"}) {
    s.photo(std::string("leftImg8bit/") + x + "_leftImg8bit.png");
    s.mask(std::string("gtFine/") + x + "_gtFine_labelIds.png", {7, 0, 33, 24});
    s.mask(std::string("gtFine/") + x + "_gtFine_color.png", {1, 1, 1, 1});
  }
  s.photo("leftImg8bit/test/bonn/bonn_000002_000019_leftImg8bit.png");
  s.photo("leftImg8bit/val/ulm/ulm_000007_000019_leftImg8bit.png");
  const Import i("cityscapes", s);
  CHECK(i.made.notes[0] == "1 photograph left out, without *_gtFine_labelIds.png: ulm_000007_000019_leftImg8bit.png");
  CHECK(i.names(Split::train) == Names{"aachen_000000_000019"});
  CHECK(i.names(Split::val) == Names{"ulm_000001_000019"});
  CHECK(i.row("ulm_000001_000019") == Labels{0, kIgnoreLabel, 18, 11});
  CHECK(i.dataset.schema.names[0] == "road");
  CHECK(i.dataset.schema.names[18] == "bicycle");
  CHECK(i.dataset.schema.background == -1);
}

TEST_CASE("import cityscapes: masks of training ids alone") {
  Source s;
  for (const char* x : {"train/aachen/aachen_000000_000019", "val/ulm/ulm_000001_000019"}) {
    s.photo(std::string("leftImg8bit/") + x + "_leftImg8bit.png");
    s.mask(std::string("gtFine/") + x + "_gtFine_labelTrainIds.png", {0, 255, 18, 11});
  }
  const Import i("cityscapes", s);
  CHECK(i.row("ulm_000001_000019") == Labels{0, kIgnoreLabel, 18, 11});
  CHECK(i.dataset.schema.names[11] == "person");
}

TEST_CASE("import voc: palette masks, 255 ignored") {
  Source s;
  std::vector<Rgb> palette(256);
  for (int k = 1; k < 256; ++k) palette[static_cast<std::size_t>(k)] = {static_cast<std::uint8_t>(k), 9, 9};
  for (const char* n : {"2007_000032", "2007_000033"}) {
    s.photo(std::string("VOCdevkit/VOC2012/JPEGImages/") + n + (n[10] == '2' ? ".jpg" : ".JPG"));
    s.mask(std::string("VOCdevkit/VOC2012/SegmentationClass/") + n + ".png", {0, 1, 255, 20}, palette);
  }
  s.text("VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt", "2007_000032\n");
  s.text("VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt", "2007_000033\r\n2007_000034\r\n2007_000035\r\n");
  s.photo("VOCdevkit/VOC2012/JPEGImages/2007_000034.jpg");
  const Import i("voc", s);
  CHECK(i.made.notes == Names{"1 listed photograph left out, not in JPEGImages: 2007_000035",
                              "1 listed photograph left out, without a mask in SegmentationClass: 2007_000034", i.made.notes.back()});
  CHECK(i.made.notes.back().starts_with("the classes are called as VOC's twenty; if they are others, write the names of yours into "));
  CHECK(i.names(Split::train) == Names{"2007_000032"});
  CHECK(i.names(Split::val) == Names{"2007_000033"});
  CHECK(i.row("2007_000033") == Labels{0, 1, kIgnoreLabel, 20});
  CHECK(i.dataset.schema.names[20] == "tvmonitor");
  CHECK(i.dataset.schema.colors[20] == Rgb{20, 9, 9});
  fs::copy(s / "VOCdevkit/VOC2012", s / "VOCdevkit/VOC2007", fs::copy_options::recursive);
  const std::string first = (s / "VOCdevkit/VOC2007").string();
  for (const std::string from : {"VOCdevkit/", ""}) {
    const fs::path source = from.empty() ? s / "VOCdevkit" : s.path();
    const std::string two =
        message(" holds 2 data sets laid out as VOC (", from, "VOC2007, ", from, "VOC2012): import one at a time, such as ");
    CHECK_THROWS_WITH_AS(import_dataset("voc", source, i.folder / "two"), doctest::Contains((two + first).c_str()), DataError);
    // check's command is one that works.
    CHECK(check_dataset(source).findings[0].text.find(message(
              " holds 2 data sets that look like voc; make one at a time of them: lamina import voc ", first, ' ', first, "-imported")) !=
          std::string::npos);
  }
  CHECK(import_dataset("voc", s / "VOCdevkit/VOC2007", i.folder / "one").items[0] == 1);
  fs::remove_all(s / "VOCdevkit/VOC2007/ImageSets");
  const Imported unlisted = import_dataset("voc", s / "VOCdevkit/VOC2007", i.folder / "unlisted");
  CHECK(unlisted.items[0] + unlisted.items[1] == 2);
  CHECK(unlisted.notes[0].starts_with("there are no lists in ImageSets/Segmentation"));
}

TEST_CASE("import ade20k: names of objectInfo150, 0 ignored") {
  Source s;
  s.photo("ADEChallengeData2016/images/training/ADE_train_00000001.jpg");
  s.mask("ADEChallengeData2016/annotations/training/ADE_train_00000001.png", {0, 1, 150, 2});
  s.photo("ADEChallengeData2016/images/validation/ADE_val_00000001.jpg");
  s.mask("ADEChallengeData2016/annotations/validation/ADE_val_00000001.png", {1, 1, 1, 0});
  s.text("ADEChallengeData2016/objectInfo150.txt",
         "Idx\tRatio\tTrain\tVal\tStuff\tName\n1\t0.1576\t11664\t1172\t1\twall\n2\t0.1072\t6046\t612\t1\tbuilding, "
         "edifice\n150\t0.0001\t5\t6\t0\tflag\n");
  s.photo("ADEChallengeData2016/images/validation/ADE_val_00000002.jpg");
  const Import i("ade20k", s);
  CHECK(i.made.notes[0] == "1 photograph left out, without a mask in annotations: ADE_val_00000002.jpg");
  CHECK(i.dataset.schema.classes() == 150);
  CHECK(i.dataset.schema.names[0] == "wall");
  CHECK(i.dataset.schema.names[1] == "building");
  CHECK(i.dataset.schema.names[149] == "flag");
  CHECK(i.row("ADE_train_00000001") == Labels{kIgnoreLabel, 0, 149, 1});
  CHECK(i.names(Split::val) == Names{"ADE_val_00000001"});
}

TEST_CASE("import coco: polygons and run lengths become masks, the small above the large") {
  Source s;
  s.photo("train2017/a.jpg");
  s.photo("val2017/b.jpg");
  // Polygon: the centers of columns 1 and 2 in the first two rows. RLE down the columns of 3: 3 zeros, 1 one, 8 zeros: column 1, row 0.
  s.text(
      "annotations/instances_train2017.json",
      R"({"images": [{"id": 7, "file_name": "a.jpg", "width": 4, "height": 3}, {"id": 8, "file_name": "gone.jpg", "width": 4, "height": 3}],
             "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}],
             "annotations": [{"image_id": 7, "category_id": 18, "area": 1, "segmentation": {"size": [3, 4], "counts": [3, 1, 8]}},
                             {"image_id": 9, "category_id": 18, "segmentation": [[0, 0, 1, 0, 1, 1]]},
                             {"image_id": 7, "category_id": 18, "area": 0, "iscrowd": 1, "segmentation": {"size": [3, 4], "counts": [0, 4, 8]}},
                             {"image_id": 7, "category_id": 3, "area": 4, "segmentation": [[1.2, 0.1, 2.8, 0.1, 2.8, 1.9, 1.2, 1.9]]},
                             {"image_id": 7, "category_id": 3, "bbox": [0, 0, 1, 1]}]})");
  // The same run lengths as pycocotools compresses them: 3, 1, 8.
  s.text("annotations/instances_val2017.json",
         R"({"images": [{"id": 1, "file_name": "b.jpg", "width": 4, "height": 3}], "categories": [{"id": 3, "name": "car"}],
             "annotations": [{"image_id": 1, "category_id": 3, "area": 1, "segmentation": {"size": [3, 4], "counts": "318"}}]})");
  const Import i("coco", s);
  CHECK(i.dataset.schema.names == Names{"background", "car", "dog"});
  CHECK(i.row("a", 12) == Labels{kIgnoreLabel, 2, 1, 0, kIgnoreLabel, 1, 1, 0, kIgnoreLabel, 0, 0, 0});
  CHECK(i.row("b", 12) == Labels{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(i.names(Split::train) == Names{"a"});
  CHECK(i.names(Split::val) == Names{"b"});
  CHECK(i.made.notes ==
        Names{"1 photograph of the JSON left out, not there: gone.jpg", "1 annotation left out, with an image_id that no image has: 9",
              "1 region is a crowd (iscrowd), which COCO's evaluation ignores, as 255 here",
              "1 annotation has a box (\"bbox\") or points but no shape (\"segmentation\"): left out, so that what they show is "
              "background; draw them, or export polygons or masks (instance segmentation), not boxes (detection)",
              i.made.notes.back()});
  CHECK(i.made.notes.back().find("'dog' over 'car' (1); to keep both") != std::string::npos);
}

TEST_CASE("import labelme: polygons, rectangles, circles; its own words for background and ignored") {
  Source s;
  s.photo("a.jpg");
  s.photo("b.png");
  s.text("a.json", R"({"imagePath": "a.jpg", "imageWidth": 4, "imageHeight": 3, "imageData": null, "shapes": [
    {"label": "wound", "shape_type": "rectangle", "points": [[0, 0], [2, 1]]},
    {"label": "scar", "points": [[2, 0], [4, 0], [4, 3], [2, 3]]},
    {"label": "_background_", "points": [[3, 0], [4, 0], [4, 1], [3, 1]]},
    {"label": "__ignore__", "points": [[0, 2], [1, 2], [1, 3], [0, 3]]}, {"label": "wound", "shape_type": "line", "points": [[0, 0], [4, 3]]}]})");
  s.text("b.json", R"({"imagePath": "..\\elsewhere\\b.png", "imageWidth": 4, "imageHeight": 3, "shapes": [
    {"label": "wound", "shape_type": "circle", "points": [[1.5, 1.5], [2.1, 1.5]]}]})");
  const Import i("labelme", s);
  CHECK(i.dataset.schema.names == Names{"background", "scar", "wound"});
  CHECK(i.row("a", 12) == Labels{2, 2, 1, 0, 0, 0, 1, 1, kIgnoreLabel, 0, 1, 1});
  CHECK(i.row("b", 12) == Labels{0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0});
  CHECK(i.made.notes[0] == "1 shape is a point or a line, which covers no pixel: left out");
}

TEST_CASE("import instances: one file each, merged") {
  Source s;
  for (const char* id : {"a", "b", "c"}) {
    s.photo(std::string(id) + "/images/" + id + ".png");
    s.mask(std::string(id) + "/masks/1.png", {255, 0, 0, 0});
    s.mask(std::string(id) + "/masks/2.png", {0, 0, 255, 0});
  }
  const Import i("instances", s);
  CHECK(i.row("b") == Labels{1, 0, 1, 0});
  s.photo("b/images/another.png");
  CHECK_THROWS_WITH_AS(import_dataset("instances", s.path(), i.folder / "more"),
                       doctest::Contains("b/images holds 2 photographs: of instances each has a folder of its own"), DataError);
  CHECK(layout_of(s.path()).empty());
  Source flat;
  for (const char* id : {"a", "b", "c"}) {
    flat.photo(std::string("images/") + id + ".png");
    flat.mask(std::string("masks/") + id + "_0.png", {255, 0, 0, 0});
    flat.mask(std::string("masks/") + id + "_1.png", {0, 255, 0, 0});
  }
  CHECK(Import("instances", flat).row("c") == Labels{1, 1, 0, 0});
}

TEST_CASE("import: what fails leaves nothing") {
  Source s;
  for (const char* year : {"2017", "2018"}) {
    s.photo(message("ISIC-", year, "_Training_Data/ISIC_0000001.jpg"));
    s.mask(message("ISIC-", year, "_Training_GroundTruth/ISIC_0000001_segmentation.png"), {0, 255, 0, 0});
  }
  const TempFolder out;
  fs::create_directory(out / "empty");
  for (const char* folder : {"new", "empty"})
    CHECK_THROWS_WITH_AS(import_dataset("isic", s.path(), out / folder), doctest::Contains("two photographs are called"), DataError);
  CHECK(!fs::exists(out / "new"));
  CHECK(fs::is_empty(out / "empty"));
  fs::remove_all(s / "ISIC-2018_Training_Data");
  for (const char* folder : {"new", "empty"}) {
    CHECK(import_dataset("isic", s.path(), out / folder).items[0] == 1);
    for (const auto& entry : fs::directory_iterator(out / folder)) CHECK(entry.path().filename() != ".unfinished");
  }
}

TEST_CASE("import: what was stopped half way is done again, in its own folder alone") {
  Source s;
  for (const char* split : {"train", "val"}) {
    s.photo(message(split, "/images/", split, ".png"));
    s.mask(message(split, "/masks/", split, ".png"), {0, 1, 0, 0});
  }
  const TempFolder out;
  (void)import_dataset("splits", s.path(), out / "o");
  const auto stop = [&] {  // as a process that is killed while it moves its parts leaves it
    fs::create_directory(out / "o/.unfinished");
    fs::rename(out / "o/images", out / "o/.unfinished/images");
  };
  stop();
  CHECK(import_dataset("splits", s.path(), out / "o").items[0] == 1);
  CHECK(!fs::exists(out / "o/.unfinished"));
  fs::create_directory(out / "o/.unfinished");  // stopped when all was in place: it is a data set, and may have been worked on
  CHECK_THROWS_WITH_AS(import_dataset("splits", s.path(), out / "o"), doctest::Contains("not empty"), OptionError);
  CHECK(fs::exists(out / "o/masks/val.png"));
  stop();
  io::write_file_atomically(out / "o/notes.txt", "mine");
  CHECK_THROWS_WITH_AS(import_dataset("splits", s.path(), out / "o"), doctest::Contains("not empty"), OptionError);
  CHECK(fs::exists(out / "o/masks"));
}

TEST_CASE("import: what is asked for, and where it goes, is checked") {
  Source s;
  s.photo("x/y.png");
  const TempFolder out;
  CHECK_THROWS_WITH_AS(import_dataset("voc2012", s.path(), out / "o"), doctest::Contains("did you mean \"voc\"?"), OptionError);
  for (const ImportKind& kind : import_kinds()) {
    CAPTURE(std::string(kind.name));
    CHECK_THROWS_AS(import_dataset(kind.name, s.path(), out / std::string(kind.name)), DataError);
    CHECK_THROWS_AS(import_dataset(kind.name, s / "nowhere", out / "n"), DataError);
    CHECK_THROWS_WITH_AS(import_dataset(kind.name, s.path(), s.path()), doctest::Contains("is SOURCE"), OptionError);
  }
}
