// VOC's layout with names of one's own.
#include "lamina/core/text.hpp"
#include "support/imports.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

TEST_CASE("import voc: labelme2voc's class_names.txt") {
  Source s;
  const std::vector<Rgb> palette{kBlack, kRed, kGreen};
  for (const char* n : {"a", "b"}) {
    s.photo(message("JPEGImages/", n, ".jpg"));
    s.mask(message("SegmentationClass/", n, ".png"), {0, 1, 255, 2}, palette);
  }
  s.text("class_names.txt", "__ignore__\r\n_background_\r\nscar\nwound\n");
  const Import i("voc", s);
  CHECK(i.dataset.schema.names == Names{"_background_", "scar", "wound"});
  CHECK(i.dataset.schema.background == 0);
  CHECK(i.row("a") == Labels{0, 1, kIgnoreLabel, 2});
  s.text("class_names.txt", "_background_\nscar\nscar\n");
  CHECK_THROWS_WITH_AS(import_dataset("voc", s.path(), i.folder / "o"), doctest::Contains("class_names.txt line 3 names 'scar' twice"),
                       DataError);
}

TEST_CASE("import voc: CVAT's labelmap.txt, masks of colors, lists of other names") {
  Source s;
  Image mask(4, 3, 3);
  std::copy_n(kRed.data(), 3, mask.at(1, 0));
  std::copy_n(kWhite.data(), 3, mask.at(2, 0));
  io::create_folders(s / "SegmentationClass");
  for (const char* n : {"a 1", "b", "c", "d"}) {
    s.photo(message("JPEGImages/", n, ".jpg"));
    write_png(s / message("SegmentationClass/", n, ".png"), mask);
  }
  s.text("labelmap.txt", "# label:color_rgb:parts:actions\nscar: old:255,0,0::\nbackground:0,0,0::\nignored:255,255,255::\n");
  s.text("ImageSets/Segmentation/default.txt", "a 1\nb\n");
  s.text("ImageSets/Segmentation/Validation.txt", "c\n");
  s.text("ImageSets/Segmentation/trainval.txt", "a 1\nc\nd\n");
  const Import i("voc", s);
  CHECK(i.names(Split::train) == Names{"a 1", "b", "d"});
  CHECK(i.names(Split::val) == Names{"c"});
  CHECK(i.made.notes == Names{"2 lists without the name of a split, taken for training: default.txt, trainval.txt"});
  CHECK(i.dataset.schema.names == Names{"scar: old", "background"});
  CHECK(i.dataset.schema.background == 1);
  CHECK(i.row("b") == Labels{1, 0, kIgnoreLabel, 1});
  for (const char* line : {"scar", "scar:red", "scar:255,0,256"}) {
    s.text("labelmap.txt", line);
    CHECK_THROWS_WITH_AS(import_dataset("voc", s.path(), i.folder / "o"), doctest::Contains("is not NAME:R,G,B"), DataError);
  }
}

TEST_CASE("import voc: values that are none of the twenty classes need names") {
  Source s;
  s.photo("JPEGImages/a.jpg");
  const TempFolder out;
  const auto refuses_mask = [&](const char* what) {
    CHECK_THROWS_WITH_AS(import_dataset("voc", s.path(), out / "o"), doctest::Contains(what), DataError);
  };
  s.mask("SegmentationClass/a.png", {0, 21, 0, 0});
  refuses_mask("has the value 21, which is none of VOC's twenty classes");
  refuses_mask("write the names of yours into class_names.txt there, one a line, the background's first");
  write_png(s / "SegmentationClass/a.png", Image(4, 3, 3, 0));
  Image color(4, 3, 3);
  std::copy_n(kRed.data(), 3, color.at(1, 0));
  write_png(s / "SegmentationClass/a.png", color);
  refuses_mask("into labelmap.txt, NAME:R,G,B a line");
  s.mask("SegmentationClass/a.png", {0, 20, 255, 0});
  CHECK(import_dataset("voc", s.path(), out / "o").items[0] == 1);
}

TEST_CASE("import voc: lists with endings, folders and columns of a class") {
  Source s;
  const std::vector<Rgb> palette{kBlack, kRed};
  for (const char* n : {"a", "b", "c 1", "d.e", "f"}) {
    s.photo(message("JPEGImages/", n, ".jpg"));
    s.mask(message("SegmentationClass/", n, ".png"), {0, 1}, palette);
  }
  s.text("class_names.txt", "_background_\nscar\n");
  s.text("ImageSets/Segmentation/train.txt", "a.jpg\nb  1\nc 1\nJPEGImages/d.e.jpg 1\n");
  s.text("ImageSets/Segmentation/val.txt", "f -1\ngone.jpg\n");
  const Import i("voc", s);
  CHECK(i.names(Split::train) == Names{"a", "b", "c 1", "d.e"});
  CHECK(i.names(Split::val) == Names{"f"});
  CHECK(i.made.notes == Names{"1 listed photograph left out, not in JPEGImages: gone.jpg"});
}
