// What says the split of a photograph that is imported, and what is left out: told, never silent.
#include <set>

#include "lamina/core/text.hpp"
#include "support/imports.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

bool noted(const Imported& made, const std::string& note) {
  return std::any_of(made.notes.begin(), made.notes.end(), [&](const std::string& n) { return n.find(note) != std::string::npos; });
}

/// One photograph with an annotation of its first pixel; `id` as JSON has it.
std::string coco_of(const std::string& photo, const std::string& id = "1", const std::string& image_id = "1") {
  return message(R"({"images": [{"id": )", id, R"(, "file_name": ")", photo, R"("}], "categories": [{"id": "3", "name": "car"}],
    "annotations": [{"id": 1, "image_id": )",
                 image_id, R"(, "category_id": 3, "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]}]})");
}

const std::string kShapes = R"("shapes": [{"label": "wound", "points": [[0, 0], [1, 0], [1, 1], [0, 1]]}]})";
const char* kFive[] = {"im0", "im1", "im2", "im3", "im4"};

/// Adds five photographs without folders of splits.
void add_five(Source& s, const std::string& kind) {
  std::string images, annotations;
  for (int k = 0; k < 5; ++k) {
    const std::string name = kFive[k];
    s.photo(kind == "isic"  ? message("Input/ISIC_", name, ".jpg")
            : kind == "voc" ? message("JPEGImages/", name, ".png")
                            : message("images/", name, ".png"));
    if (kind == "instances") s.mask(message("masks/", name, "_1.png"), {255, 0, 0, 0}), s.mask(message("masks/", name, "_2.png"), {0, 255});
    if (kind == "voc") s.mask(message("SegmentationClass/", name, ".png"), {1, 0, 0, 0});
    if (kind == "isic") s.mask(message("GroundTruth/ISIC_", name, "_segmentation.png"), {255, 0, 0, 0});
    if (kind == "labelme") s.text(message("images/", name, ".json"), message(R"({"imagePath": ")", name, R"(.png", )", kShapes));
    const std::string comma = k ? ", " : "";
    images += message(comma, R"({"id": )", k, R"(, "file_name": ")", name, R"(.png"})");
    annotations += message(comma, R"({"image_id": )", k, R"(, "category_id": 3, "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]})");
  }
  if (kind == "coco")
    s.text("annotations.json",
           message(R"({"images": [)", images, R"(], "categories": [{"id": 3, "name": "car"}], "annotations": [)", annotations, "]}"));
}

}  // namespace

TEST_CASE("lists of a source say the splits, groups.txt the groups, unlabelled.txt what has no labels, whatever the kind") {
  for (const char* kind : {"instances", "labelme", "coco", "voc", "isic"}) {
    CAPTURE(kind);
    Source s;
    add_five(s, kind);
    const bool isic = std::string_view(kind) == "isic";
    const std::string begin = isic ? "ISIC_" : "";
    s.text("train.txt", begin + "im0\n" + begin + "im4" + (isic ? ".jpg\n" : ".png\n"));
    s.text("val.txt", begin + "im1\n");
    s.text("unlabelled.txt", message(isic                              ? "Input/"
                                     : std::string_view(kind) == "voc" ? "JPEGImages/"
                                                                       : "images/",
                                     begin, "im3", isic ? ".jpg" : ".png"));
    s.text("groups.txt", begin + "im0 p0\n" + begin + "im1 p1\n" + begin + "im4 p0\n");
    const Import i(kind, s);
    CHECK(i.names(Split::train) == Names{begin + "im0", begin + "im4"});
    CHECK(i.names(Split::val) == Names{begin + "im1"});
    CHECK(i.dataset.items(Split::train)[1].group == "p0");
    CHECK(i.dataset.items(Split::val)[0].group == "p1");
    CHECK(!noted(i.made, "it has no validation split"));
    CHECK(noted(i.made, "1 photograph left out, in no list of a split: "));
    CHECK(noted(i.made, "1 photograph of unlabelled.txt"));
    std::set<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(i.folder / "out"))
      if (entry.is_regular_file()) files.insert(entry.path().stem().string());
    CHECK(files.contains(begin + "im3"));
    CHECK(fs::is_directory(i.folder / "out/unlabelled"));
    CHECK(!fs::exists(i.folder / ("out/masks/" + begin + "im3.png")));
    CHECK(!files.contains(begin + "im2"));  // in no list
  }
}

TEST_CASE("lists of a source count over its folders, which is told; those that cannot be read leave these to say it") {
  Source s;
  for (const char* n : {"a", "b", "c"})
    s.photo(message("train/images/", n, ".png")), s.mask(message("train/masks/", n, ".png"), {0, 1, 0, 0});
  s.text("train.txt", "a\nb\n");
  s.text("val.txt", "train/images/c.png train/masks/c.png\n");
  const Import i("splits", s);
  CHECK(i.names(Split::train) == Names{"a", "b"});
  CHECK(i.names(Split::val) == Names{"c"});
  CHECK(noted(i.made, "1 photograph in another split by the lists of the source than by the folder; the lists count: c"));
  s.text("val.txt", "elsewhere\n");
  const TempFolder out;
  const Imported made = import_dataset("splits", s.path(), out / "o");
  CHECK(noted(made, "2 lists not read, so folders alone say the splits; "));
  CHECK(made.items[0] == 3 - made.items[1]);
  Source none;
  add_five(none, "instances");
  none.text("val.txt", "elsewhere\n");
  CHECK(import_fault("instances", none).find("val.txt line 1: 'elsewhere' names no photograph in ") != std::string::npos);
  none.text("val.txt", "masks/im0_1.png\n");
  CHECK(import_fault("instances", none).find("its lists name none of the photographs that have labels") != std::string::npos);
}

TEST_CASE("import splits: other words of splits; two folders of one split are named") {
  Source s;
  const auto add = [&](const char* split, const char* name) {
    s.photo(message(split, "/images/", name, ".png")), s.mask(message(split, "/masks/", name, ".png"), {0, 1, 0, 0});
  };
  add("train", "a"), add("dev", "b"), add("holdout", "c"), add("extra", "d");
  s.photo("overview/d.png");
  const Import i("splits", s);
  CHECK(i.names(Split::val) == Names{"b"});
  CHECK(i.names(Split::test) == Names{"c"});
  CHECK(noted(i.made, "2 folders of photographs left out, whose names say no split (train, val, test): extra/images (1), overview (1)"));
  add("val", "e");
  const std::string fault = import_fault("splits", s);
  CHECK_MESSAGE(
      fault.find(message((s / "dev/images").string(), " and ", (s / "val/images").string(), " are both of val")) != std::string::npos,
      fault);
}

TEST_CASE("import: folders of photographs that are not read are told, by name and count") {
  Source ade;
  for (const char* n : {"training/a", "validation/b", "held/c", "held/d"})
    ade.photo(message("images/", n, ".jpg")), ade.mask(message("annotations/", n, ".png"), {1, 2, 0, 0});
  CHECK(noted(Import("ade20k", ade).made,
              "1 folder of photographs left out, in none of the folders that are read (training, validation): images/held (2)"));
  Source city;
  for (const char* n : {"train/ulm/a", "val/ulm/b", "extra/ulm/c"})
    city.photo(message("leftImg8bit/", n, "_leftImg8bit.png")), city.mask(message("gtFine/", n, "_gtFine_labelIds.png"), {7, 0, 0, 0});
  const Import i("cityscapes", city);
  CHECK(noted(i.made, "leftImg8bit/extra/ulm (1)"));
  CHECK(!noted(i.made, "test photographs"));
  city.photo("leftImg8bit/test/bonn/d_leftImg8bit.png");
  CHECK(noted(Import("cityscapes", city).made, "the test photographs have no public labels and are left out"));
  Source tree;
  for (const char* n : {"p1/a", "p2/b"}) tree.photo(message("images/", n, ".png")), tree.mask(message("masks/", n, ".png"), {0, 1, 0, 0});
  tree.photo("more/c.png");
  CHECK(noted(Import("tree", tree).made, "more (1)"));
}

TEST_CASE("coco: a JSON without the name of a split is taken for training, and told; one beside instances_train.json is read") {
  Source s;
  for (const char* n : {"a", "b", "c"}) s.photo(message(n, ".png"));
  s.text("instances_train.json", coco_of("a.png"));
  s.text("dev.json", coco_of("b.png"));
  s.text("mytest.json", coco_of("c.png"));
  s.text("keypoints.json", coco_of("a.png"));
  const Import i("coco", s);
  CHECK(i.names(Split::train) == Names{"a", "c"});
  CHECK(i.names(Split::val) == Names{"b"});
  CHECK(noted(i.made, "1 JSON file without the name of a split, taken for training: mytest.json"));
  CHECK(noted(i.made, "1 JSON file left out, of photographs that instances*.json have: keypoints.json"));
  CHECK(!noted(i.made, "without an annotation"));
}

TEST_CASE("one photograph in two splits is told as such, with both lists") {
  Source s;
  s.photo("a.png");
  s.text("train.json", coco_of("a.png"));
  s.text("val.json", coco_of("a.png"));
  const auto fault = [&](const char* first, const char* second) {
    return message(" is in ", (s / first).string(), " and in ", (s / second).string(),
                   ": one photograph in two splits; take it out of one of them");
  };
  CHECK_MESSAGE(import_fault("coco", s).find(fault("train.json", "val.json")) != std::string::npos, import_fault("coco", s));
  fs::remove(s / "train.json"), fs::remove(s / "val.json");
  s.photo("JPEGImages/a.png"), s.mask("SegmentationClass/a.png", {1, 0, 0, 0});
  for (const char* split : {"train", "val"}) s.text(message("ImageSets/Segmentation/", split, ".txt"), "a\n");
  CHECK(import_fault("voc", s).find(fault("ImageSets/Segmentation/train.txt", "ImageSets/Segmentation/val.txt")) != std::string::npos);
  s.text("ImageSets/Segmentation/val.txt", "");
  s.text("ImageSets/Segmentation/train.txt", "a\na\n");
  CHECK(import_fault("voc", s).find(" stands twice in ") != std::string::npos);
}

TEST_CASE("coco: ids that are text are read") {
  Source s;
  for (const char* n : {"a", "b", "c"}) s.photo(message(n, ".png"));
  s.text("train.json", coco_of("a.png", "\"one\"", "\"one\""));
  s.text("val.json", coco_of("b.png", "\"1\"", "1"));
  s.text("test.json", coco_of("c.png", "7.0", "\"7\""));
  const Import i("coco", s);
  for (const char* n : {"a", "b", "c"}) CHECK(i.row(n) == Labels{1, 0, 0, 0});
}

TEST_CASE("import: photographs in no list of VOC's or DIARETDB1's own are told") {
  Source voc;
  add_five(voc, "voc");
  voc.text("ImageSets/Segmentation/train.txt", "im0\nim1\n");
  voc.text("ImageSets/Segmentation/val.txt", "im2\nim3\n");
  voc.text("train.txt", "im4\n");
  const Import i("voc", voc);
  CHECK(noted(i.made, "1 photograph left out, in no list of ImageSets/Segmentation: im4.png"));
  CHECK(noted(i.made, "1 list of " + voc.path().string() + " not read, as "));
  Source d;
  for (const char* n : {"001", "002", "003", "004"}) {
    d.photo(message("ddb1_fundusimages/image", n, ".png"));
    d.mask(message("ddb1_groundtruth/hardexudates/image", n, ".png"), {0, 255, 0, 0});
  }
  d.text("trainset.txt", "image001.png\nimage002.png\n");
  d.text("testset.txt", "image003.png\n");
  const Import j("diaretdb1", d);
  CHECK(noted(j.made, "1 photograph left out, in no list of a split: image004.png"));
  CHECK(j.names(Split::test) == Names{"image003"});
  d.text("testset.txt", "image002.png\n");
  CHECK(import_fault("diaretdb1", d).find("one photograph in two splits") != std::string::npos);
}

TEST_CASE("instances: what lacks masks, or a photograph, is told") {
  Source s;
  for (int k = 0; k < 5; ++k) {
    if (k != 2) s.photo(message("id", k, "/images/id", k, ".png"));
    if (k != 1) s.mask(message("id", k, "/masks/0.png"), {255, 0, 0, 0});
  }
  fs::create_directory(s / "id2/images");
  const Import i("instances", s);
  CHECK(i.made.items[0] + i.made.items[1] == 3);
  CHECK(noted(i.made, "1 folder left out, without masks beside images: id1"));
  CHECK(noted(i.made, "1 folder left out, without images beside masks: id2"));
  Source flat;
  flat.photo("images/a.png"), flat.photo("images/b.png");
  for (const char* n : {"a", "b", "c"}) flat.mask(message("masks/", n, "/1.png"), {255, 0, 0, 0});
  CHECK(noted(Import("instances", flat).made, "1 folder of masks left out, without a photograph: c"));
}

TEST_CASE("instances: endings that are words, and recur, are classes or observers, and are not merged") {
  const auto fault = [](const std::vector<std::string>& endings, const char* between = "_") {
    Source s;
    for (const char* photo : {"im0", "im1", "im2"}) {
      s.photo(message("images/", photo, ".png"));
      for (const std::string& ending : endings)
        s.mask(message("masks/", *between == '/' ? message(photo, '/') : message(photo, between), ending, ".png"), {255, 0, 0, 0});
    }
    return import_fault("instances", s);
  };
  for (const std::string& text : {fault({"cat", "dog"}, "/"), fault({"cat_0", "cat_1", "dog_0"})}) {
    CAPTURE(text);
    CHECK(text.find("the endings of masks (cat, dog) recur over photographs, such as masks/im0") != std::string::npos);
    CHECK(text.find("masks/cat/im0.png") != std::string::npos);
    CHECK(text.find(R"("labels": {"background": 0, "cat": 1, "dog": 2}})") != std::string::npos);
  }
  for (const auto& endings : std::vector<std::vector<std::string>>{{"1stHO", "2ndHO"}, {"reader1", "reader2"}, {"expert_1", "expert_2"}}) {
    const std::string text = fault(endings);
    CAPTURE(text);
    CHECK(text.find("several people's masks of one photograph") != std::string::npos);
    CHECK(text.find("such as *" + endings[0] + ".*") != std::string::npos);
  }
  for (const auto& endings : std::vector<std::vector<std::string>>{
           {"1", "2"}, {"cell_1", "cell_2", "cell_3"}, {"obj1", "obj2"}, {"mask_1", "mask_2"}, {"0_mask", "1_seg"}})
    CHECK(fault(endings) == "");
}

TEST_CASE("import: only what an import made is told how to be removed; what it is made of stays apart") {
  const auto fault = [](const Source& s, const fs::path& out) -> std::string {
    try {
      import_dataset("instances", s.path(), out);
    } catch (const OptionError& e) {
      return e.what();
    }
    return "";
  };
  Source s;
  add_five(s, "instances");
  const TempFolder out;
  const std::string path = (out / "o").string(), remove = message(" or, to import it again, remove this one first: rm -r ", path),
                    there = path + " is there already and not empty; choose another folder for the imported data set";
  (void)import_dataset("instances", s.path(), path);
  CHECK(fault(s, path) == there + remove);
  io::write_file_atomically(out / "o/notes.txt", "mine");  // would be lost
  CHECK(fault(s, path) == there);
  fs::remove(out / "o/notes.txt"), fs::remove(out / "o/.imported");
  CHECK(fault(s, path) == there);
  fs::remove_all(path);
  io::write_file_atomically(path, "a file");
  CHECK(fault(s, path) == path + " is a file; choose another name for the imported data set");

  const std::string source = s.path().string(), other = "; choose another folder, such as " + fs::canonical(source).string() + "-imported";
  for (const auto& [place, where] : {std::pair<fs::path, const char*>{s.path(), " is SOURCE "},
                                     {s / "masks/..", " is SOURCE "},
                                     {s / "new", " is in SOURCE "},
                                     {s / "masks", " is in SOURCE "},
                                     {s.path().parent_path(), " is around SOURCE "}}) {
    const std::string text = fault(s, place);
    CAPTURE(text);
    CHECK(text.starts_with(message("OUT ", place.string(), where, source)));
    CHECK(text.ends_with(other));
    CHECK(text.find("rm -r") == std::string::npos);
  }
}
