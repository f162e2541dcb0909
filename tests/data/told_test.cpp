// What was read silently as something else: now read right, or told with what to do.
#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "lamina/data/draw.hpp"
#include "lamina/data/photos.hpp"
#include "lamina/io/npy.hpp"
#include "support/data_folder.hpp"
#include "support/formats.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

std::string why(DataFolder& f, const DatasetOptions& options = {}) {
  try {
    open_dataset(f.path(), options);
  } catch (const DataError& e) {
    return e.what();
  }
  return "";
}

/// Photographs a to d, 3x1.
void photos(DataFolder& f, const std::string& before = "", const std::string& after = "") {
  for (const char* stem : {"0", "1", "2", "3"}) write_png(f / ("images/" + before + stem + after + ".png"), Image(3, 1, 3, 9));
}
void masks_called(DataFolder& f, const std::string& before, const std::string& after) {
  for (const char* stem : {"0", "1", "2", "3"}) write_png(f / ("masks/" + before + stem + after + ".png"), labels({0, 1, 1}));
}

}  // namespace

TEST_CASE("lists that are not called as those that are read are told") {
  for (const char* name : {"training.txt", "Val.txt", "valid.csv", "splits.json", "groups.csv", "holdout", "annotations/test.txt"}) {
    CAPTURE(name);
    DataFolder f;
    f.masks(labels({0, 1, 1}));
    fs::create_directory(f / "annotations");
    f.text(name, "a\nb\n");
    CHECK(told(check_dataset(f.path()).findings, message(name, "; photographs are split by chance")) == 1);
    f.text("train.txt", "a\nb\n");
    f.text("val.txt", "c\nd\n");
    CHECK(told(check_dataset(f.path()).findings, message("is not read: ", name, "; Lists are called")) == 1);
    fs::rename(f / name, f / "test_scores.csv");
    CHECK(told(check_dataset(f.path()).findings, "not read") == 0);
  }
}

TEST_CASE("tables that put photographs into splits, folds or groups are told, whatever they are called") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  const auto says = [&](const char* text, const char* name = "meta.csv") {
    f.text(name, text);
    const int count = told(check_dataset(f.path()).findings, message("seems to be a list, and is not read: ", name));
    fs::remove(f / name);
    return count;
  };
  CHECK(says("image,mask,split\nimages/a.png,masks/a.png,train\nimages/b.png,masks/b.png,test\n") == 1);
  CHECK(says("a.png\ttraining\nb.png\tvalidation\n", "partition.tsv") == 1);
  CHECK(says("id,Patient ID,age\na,17,40\nb,17,40\n") == 1);
  CHECK(says("image;fold\nimages/a.png;0\nimages/b.png;1\n") == 1);
  CHECK(says("image,age\na,40\nb,41\n") == 0);
  CHECK(says("split,Dice\ntrain,0.5\nval,0.4\n") == 0);
}

TEST_CASE("a list that names masks first is refused, not learned from") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  const auto refused = [&](const char* text) {
    f.text("list.txt", text);
    try {
      return find_photos({(f / "list.txt").string()}, 0, 1).training.size() == 0;
    } catch (const DataError& e) {
      return std::string(e.what()).find("the columns are exchanged: a line is IMAGE, or IMAGE MASK") != std::string::npos;
    }
  };
  CHECK(refused("masks/a.png,images/a.png\n"));
  CHECK(refused("masks/a.png \"images/a.png\"\n"));
  CHECK(!refused("images/a.png,masks/a.png\n"));
  CHECK(!refused("masks/a.png\n"));
}

TEST_CASE("lines of lists: other endings, composed names with an ending, whole paths into the set; near names are proposed") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  fs::copy_file(f / "images/a.png", f / "images/\xc3\x84.png");
  fs::copy_file(f / "masks/a.png", f / "masks/\xc3\x84.png");
  f.text("train.txt", "a.jpg\n" + (f / "images/b.png").string() + "\nA\xcc\x88.png\n");
  f.text("val.txt", "c\nd\n");
  const Dataset d = open_dataset(f.path());
  REQUIRE(d.items(Split::train).size() == 3);
  CHECK(d.items(Split::train)[2].name == "\xc3\x84");
  fs::rename(f / "images/a.png", f / "images/lesion_a.png");
  fs::rename(f / "masks/a.png", f / "masks/lesion_a.png");
  f.text("train.txt", "lesion_b\nb\n");
  CHECK(told(check_dataset(f.path()).findings, "did you mean 'lesion_a'?", true) == 1);
  CHECK(told(check_dataset(f.path()).findings, "no images") == 0);
}

TEST_CASE("photographs and masks whose names differ by a usual word, a number's zeros, or both") {
  const auto pairs = [](const std::string& photo, const std::string& photo_end, const std::string& mask, const std::string& mask_end) {
    DataFolder f;
    for (const char* sub : {"images", "masks"})
      for (const auto& entry : fs::directory_iterator(f / sub)) fs::remove(entry.path());
    photos(f, photo, photo_end), masks_called(f, mask, mask_end);
    std::size_t paired = 0;
    for (const Item& item : open_dataset(f.path()).all_items()) paired += !item.mask.empty();
    return paired;
  };
  CHECK(pairs("scan_000", "", "scan_", "") == 4);  // _0000 is no ending here
  CHECK(pairs("image_", "", "label_00", "") == 4);
  CHECK(pairs("", "_sat", "", "_mask") == 4);
  CHECK(pairs("2", "_training", "2", "_manual1") == 4);
}

TEST_CASE("index masks in lossy files make no classes of what is smeared") {
  DataFolder f;
  for (const char* stem : {"a", "b", "c", "d"}) {
    Image mask(16, 16, 3, 0);
    for (std::size_t i = 300; i < 600; ++i) mask.pixels[i] = 2;
    io::write_file_atomically(f / message("masks/", stem, ".jpg"), encode_jpeg(mask, 95));
    write_png(f / message("images/", stem, ".png"), Image(16, 16, 3, 9));
  }
  CHECK(why(f).find("a.jpg: a lossy file (JPEG, WebP), and nothing says which of its values") != std::string::npos);
}

TEST_CASE("an ignored value that is all that is marked is told") {
  DataFolder f;
  f.masks(labels({0, 255, 255}));
  CHECK(why(f, {.ignore = 255u}).find("every pixel of every mask is 0 or ignored (255): if 255 is what is marked") != std::string::npos);
  f.text("dataset.json", R"({"labels": {"skin": 0, "lesion": 1}, "ignore": 255})");
  CHECK(told(check_dataset(f.path()).findings, "every pixel of every mask is 0 or ignored (255)") == 1);
}

TEST_CASE("one-hot pictures of 0 and 1, with a plane for the background and without") {
  for (const bool background : {true, false}) {
    CAPTURE(background);
    DataFolder f;
    for (const char* stem : {"a", "b", "c", "d"}) {
      Image mask(3, 1, 3, 0);
      mask.pixels =
          background ? std::vector<std::uint8_t>{1, 0, 0, 0, 1, 0, 0, 0, 1} : std::vector<std::uint8_t>{0, 0, 0, 1, 0, 0, 0, 0, 1};
      write_png(f / message("masks/", stem, ".png"), mask);
    }
    const Dataset d = open_dataset(f.path());
    const Labels read = read_mask(d.items(Split::train)[0], d.masks).labels;
    CHECK(read == (background ? Labels{0, 1, 2} : Labels{0, 1, 3}));
    CHECK(d.schema.background == (background ? -1 : 0));
  }
}

TEST_CASE("channels that hold several values are no one-hot planes: grades are told what to write") {
  DataFolder f;
  for (const char* stem : {"a", "b", "c", "d"})
    io::write_npy(f / message("masks/", stem, ".npy"), Tensor::from<std::uint8_t>({1, 0, 3, 0, 0, 2}, {1, 3, 2}));
  const std::string reason = why(f);
  CHECK(reason.find("hold the values 1 and 3 beside 0") != std::string::npos);
  const std::size_t begin = reason.find('{');
  f.text("dataset.json", reason.substr(begin, reason.find('}', reason.find("planes\"")) + 1 - begin));
  const Dataset d = open_dataset(f.path());
  CHECK(d.schema.planes == std::vector<std::string>{"plane 1", "plane 2"});
  CHECK(read_mask(d.items(Split::train)[0], d.masks).labels == Labels{1, 0, 3, 0, 0, 2});
}

TEST_CASE("predictions of soft arrays are read as they were meant") {
  DataFolder f;
  for (const char* stem : {"a", "b", "c", "d"})
    io::write_npy(f / message("masks/", stem, ".npy"), Tensor::from<float>({.9f, .1f, .2f, .8f, .3f, .7f}, {1, 3, 2}));
  const DatasetOptions options{.mask_threshold = 0.5};
  const Dataset d = open_dataset(f.path(), options);
  const LabelImage mask = read_mask(d.items(Split::train)[0], d.masks);
  CHECK(mask.labels == Labels{0, 1, 1});
  write_mask(f / "masks/a.npy", mask, d.schema);
  const Dataset again = open_dataset(f.path(), options);
  CHECK(again.schema.names == d.schema.names);
  for (const Item& item : again.all_items()) CHECK(read_mask(item, again.masks).labels == Labels{0, 1, 1});
}

TEST_CASE("smoothed colors and grays: examples hold what many pixels have, and a threshold is named") {
  DataFolder f;
  for (const char* stem : {"a", "b", "c", "d"}) {
    Image mask(64, 8, 3, 0);
    for (std::size_t i = 0; i < 256; ++i) mask.pixels[3 * i] = 200;
    for (std::size_t i = 0; i < 20; ++i) mask.pixels[3 * i + 1] = static_cast<std::uint8_t>(i * 5);
    write_png(f / message("masks/", stem, ".png"), mask);
    write_png(f / message("images/", stem, ".png"), Image(64, 8, 3, 9));
  }
  CHECK(why(f).find("for example \"colors\": {\"class 0\": \"#000000\", \"class 1\": \"#c80000\"}") != std::string::npos);
  DataFolder g;
  g.masks(labels({0, 227, 255}));
  CHECK(why(g).find("--mask-threshold 0.5") != std::string::npos);
}

TEST_CASE("gray pictures with a palette, fields without a meaning, shapes in formats that are not read") {
  DataFolder f;
  std::vector<Rgb> ramp;
  for (int v = 0; v < 256; ++v) ramp.push_back({static_cast<std::uint8_t>(v), static_cast<std::uint8_t>(v), static_cast<std::uint8_t>(v)});
  f.masks(labels({0, 255, 0}), ramp);
  const Dataset d = open_dataset(f.path());
  CHECK(d.schema.background == 0);
  CHECK(read_mask(d.items(Split::train)[0], d.masks).labels == Labels{0, 1, 0});
  f.masks(labels({0, 1, 2}));
  f.text("dataset.json", R"({"labels": {"x": 0, "y": 1, "z": 2}, "unmarked": "y"})");
  CHECK(told(check_dataset(f.path()).findings, "\"unmarked\": \"y\" means nothing here") == 1);
  fs::remove_all(f / "masks");
  fs::create_directory(f / "Annotations");
  for (const char* stem : {"a", "b"}) f.text(message("Annotations/", stem, ".xml"), "<annotation/>");
  CHECK(why(f).find("2 .xml files may hold shapes") != std::string::npos);
  fs::remove_all(f / "Annotations");
  CHECK(why(f).find("may hold shapes") == std::string::npos);  // dataset.json holds none
  f.text("via_region_data.json", "{}");
  CHECK(why(f).find("1 .json file may hold shapes") != std::string::npos);
  fs::create_directory(f / "masks");
  for (const char* stem : {"a", "b", "c", "d"}) f.text(message("masks/", stem, ".nii.gz"), "");
  CHECK(told(check_dataset(f.path()).findings, "4 files are in a format that is not read", true) == 1);
}

TEST_CASE("labels without a name that can be shown, and planes of other tasks, are told with line and column") {
  for (const auto& [json, what] : {std::pair{R"({
  "labels": {"": 0, "x": 1}})",
                                             "line 2, column 14: a label has no name"},
                                   {R"({
  "labels": {"a\u0001": 0, "x": 1}})",
                                    "line 2, column 3: a label has a line break"},
                                   {R"({
  "labels": {"a": 0, "x": 1}, "planes": ["A"]})",
                                    "line 2, column 31: task 'multiclass' has no \"planes\""}}) {
    DataFolder f;
    f.masks(labels({0, 1, 1}));
    f.text("dataset.json", json);
    CHECK_MESSAGE(why(f).find(what) != std::string::npos, why(f));
  }
}
