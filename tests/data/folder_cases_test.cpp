// Data sets that users of segmentation tools reported, in small: their folders, lists and names.
#include <doctest/doctest.h>

#include <cstring>
#include <fstream>

#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "lamina/data/import.hpp"
#include "lamina/data/loader.hpp"
#include "support/data_folder.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

TEST_CASE("case leak_train_val: opening for training warns as check does") {
  DataFolder f;
  for (int i = 0; i < 4; ++i)
    write_png(f / ("images/" + std::string(1, "abcd"[i]) + ".png"), Image(3, 1, 3, static_cast<std::uint8_t>(i == 3 ? 0 : i)));
  f.masks(labels({0, 1, 1}));
  f.text("train.txt", "a\nb\n");
  f.text("val.txt", "c\nd\n");
  CHECK(told(check_dataset(f.path()).findings, "d.png (val) are the same file", true) == 1);
  CHECK(told(open_dataset(f.path(), {.compare_photos = true}).findings, "d.png (val) are the same file") == 1);
}

TEST_CASE("case list_utf16: lists as PowerShell writes them; other text is one clear line") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  const auto utf16 = [](const std::string& ascii, bool little) {
    std::string out = little ? "\xff\xfe" : "\xfe\xff";
    for (const char c : ascii) out += little ? std::string{c, '\0'} : std::string{'\0', c};
    return out;
  };
  for (const bool little : {true, false}) {
    f.text("train.txt", utf16("a\r\nb\r\nc\r\n", little));
    f.text("val.txt",
           "\xef\xbb\xbf"
           "d\n");
    f.text("dataset.json", utf16(R"({"labels": {"x": 0, "y": 1}})", little));
    const Dataset d = open_dataset(f.path());
    CHECK(d.items(Split::train).size() == 3);
    CHECK(d.items(Split::val)[0].name == "d");
    CHECK(d.schema.names == std::vector<std::string>{"x", "y"});
  }
  // Above the Basic Multilingual Plane: U+1F600.
  f.text("train.txt", std::string("\xff\xfe\x3d\xd8\x00\xde", 6));
  CHECK(io::read_text(f / "train.txt") == "\xf0\x9f\x98\x80");
  f.text("train.txt", utf16("a\n", true).substr(2));
  CHECK_THROWS_WITH_AS(list_dataset(f.path()), doctest::Contains("train.txt: the text holds zero bytes; save it as UTF-8"), DataError);
  CHECK(told(check_dataset(f.path()).findings, "save it as UTF-8", true) == 1);
}

TEST_CASE("case nfc_nfd_names: names that differ in composition belong together") {
  // u + U+0308, e + U+0301 twice composed in Vietnamese, Hangul: against what Python's unicodedata gives.
  CHECK(composed("Mu\xcc\x88ller") == "M\xc3\xbcller");
  CHECK(composed("e\xcc\x82\xcc\x81") == "\xe1\xba\xbf");
  CHECK(composed("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab") == "\xed\x95\x9c");
  CHECK(composed("\xe3\x81\x8b\xe3\x82\x99") == "\xe3\x81\x8c");
  CHECK(composed("plain \xff\xc3") == "plain \xff\xc3");
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  write_png(f / "images/Wunde_M\xc3\xbcller.png", Image(3, 1, 3, 5));
  write_png(f / "masks/Wunde_Mu\xcc\x88ller.png", labels({0, 1, 0}));
  f.text("train.txt", "a\nb\nWunde_Mu\xcc\x88ller\n");
  f.text("val.txt", "c\nd\n");
  const Dataset d = open_dataset(f.path());
  const Item& item = d.items(Split::train)[2];
  CHECK(item.image.filename() == "Wunde_M\xc3\xbcller.png");
  CHECK(read_mask(item, d.masks).labels == Labels{0, 1, 0});
  // Twice in one folder is still an error.
  write_png(f / "masks/Wunde_M\xc3\xbcller.png", labels({0, 1, 0}));
  refuses(f, "have the same stem");
}

TEST_CASE("case suffixed_masks: usual endings of names, of masks and of photographs") {
  const std::pair<const char*, const char*> names[] = {{"a", "a_mask"},         {"a", "a_label"},
                                                       {"a", "a_seg"},          {"a", "a_gt"},
                                                       {"a_0000", "a"},         {"a_leftImg8bit", "a_gtFine_labelIds"},
                                                       {"a.b", "a.b_labelIds"}, {"ISIC_1", "ISIC_1_segmentation"}};
  for (const auto& [image, mask] : names) {
    CAPTURE(mask);
    TempFolder f;
    for (const char* sub : {"images", "masks"}) io::create_folders(f / sub);
    for (int i = 0; i < 3; ++i) {
      const std::string n = std::to_string(i);
      write_png(f / ("images/" + n + image + ".png"), Image(3, 1, 3, static_cast<std::uint8_t>(i)));
      write_png(f / ("masks/" + n + mask + ".png"), labels({0, 1, static_cast<std::uint8_t>(i % 2)}));
    }
    const Dataset d = open_dataset(f.path());
    REQUIRE(d.all_items().size() == 3);
    for (const Item& item : d.all_items()) CHECK(item.mask.filename() == item.name.substr(0, 1) + mask + ".png");
    CHECK(told(d.findings, "3 masks belong to their photographs by the ending of the name") == 1);
    CHECK(check_dataset(f.path()).errors() == 0);
    write_png(f / ("masks/0" + std::string(mask) + "_GT.png"), labels({0, 0, 0}));  // which one?
    if (std::string(mask) != "a") CHECK(check_dataset(f.path()).errors() > 0);
  }
  TempFolder together;  // photographs and masks in one folder
  for (int i = 0; i < 3; ++i) {
    write_png(together / (std::to_string(i) + ".png"), Image(3, 1, 3));
    write_png(together / (std::to_string(i) + "_mask.png"), labels({0, 1, 1}));
  }
  const Dataset d = open_dataset(together.path(), {.images = together.path(), .masks = together.path()});
  CHECK(d.all_items().size() == 3);
  CHECK(d.masks.read(d.all_items()[0].mask).labels == Labels{0, 1, 1});
}

TEST_CASE("case empty_train_list: the list is named") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  f.text("train.txt", "# none\n\n");
  f.text("val.txt", "a\nb\n");
  CHECK(told(check_dataset(f.path()).findings, "the train split is empty: " + (f / "train.txt").string() + " lists nothing", true) == 1);
  CHECK(told(check_dataset(f.path()).findings, "that is there", true) == 0);
  f.text("train.txt", "z\n");
  CHECK(told(check_dataset(f.path()).findings, "train.txt lists nothing that is there", true) == 1);
  std::filesystem::remove(f / "train.txt");
  CHECK(told(check_dataset(f.path()).findings, "train.txt is missing, while there are other lists", true) == 1);
}

TEST_CASE("faults of dataset.json are told by line and column") {
  const auto bad = [](const char* json, const char* reason) {
    CHECK_THROWS_WITH_AS(parse_label_schema(json, "d.json"), doctest::Contains(reason), DataError);
  };
  bad("{\n  \"labels\": {\"a\": 0,}\n}", "d.json line 2, column 21: this is no JSON");
  bad("{\n  \"labels\": {\"a\": 0},\n  \"ignore\": -1\n}", "d.json line 3, column 3: 'ignore' is not a whole number");
  bad("{\"labels\": {\"a\": 0,\n \"a\": 1}}", "d.json line 2, column 2: \"a\" stands twice");
  bad("{\"labels\": {\"a\": 0, \"b\": 1}, \"encoding\": \"pallete\"}", "did you mean \"palette\"?");
  bad("{\"labels\": {\n \"a\": 0,\n \"b\": -1}}", "d.json line 3, column 2: 'b' is not a whole number");
  bad("{\"labels\": {\"a\": 0,\n \"b\": \"1\"}}",
      "d.json line 2, column 2: label 'b' has the text \"1\" for a value: write 1 without quotes");
  bad("{\"labels\": [\"a\", \"b\"]}", "'labels' is not an object of names and values, such as {\"background\": 0");
  const std::string labels = "{\"labels\": {\"a\": 0, \"b\": 1},\n \"roles\": {\"uncertain\": \"b\",\n  ";
  bad((labels + "\"background\": 0}}").c_str(),
      "d.json line 3, column 3: role 'background' is given to 0, not to the name of a label, such as \"a\"");
  bad((labels + "\"background\": null}}").c_str(), "role 'background' is given to null");
  bad((labels + "\"foreground\": [\"a\",\n \"c\"]}}").c_str(), "d.json line 4, column 2: 'roles' names 'c'");
}

TEST_CASE("results stay out of data sets") {
  namespace fs = std::filesystem;
  DataFolder f;
  for (const std::filesystem::path& out : {f.path(), f / "images", f / "masks/run", f / "images/../masks", f / "run", f / "run/a.html"})
    CHECK_THROWS_AS(require_no_dataset("--out", out), OptionError);
  const std::string outside = (f.path().parent_path() / "ev").string();
  CHECK_THROWS_WITH_AS(require_no_dataset("--out", f / "images/ev"),
                       message("--out ", (f / "images/ev").string(), " is in the data set ", f.path().string(),
                               ", where results would land among data; choose another place, such as --out ", outside)
                           .c_str(),
                       OptionError);
  CHECK_THROWS_WITH_AS(require_no_dataset("OUT", f / "masks"), doctest::Contains(("such as " + f.path().string() + "_results").c_str()),
                       OptionError);
  CHECK_NOTHROW(require_no_dataset("--out", outside));
  fs::rename(f / "masks", f / "labels");
  CHECK_NOTHROW(require_no_dataset("--out", f / "run"));
  CHECK_NOTHROW(require_no_dataset("--out", f / "elsewhere/masks"));
  io::write_file_atomically(f / "dataset.json", "{}");
  CHECK_THROWS_AS(require_no_dataset("--out", f / "run"), OptionError);
  fs::remove(f / "dataset.json");
  io::create_folders(f / "photos");
  CHECK_THROWS_AS(require_no_dataset("--out", f / "photos", {f / "photos"}), OptionError);
  CHECK_THROWS_AS(require_no_dataset("--out", f / "photos/runs/new", {f / "photos"}), OptionError);
  CHECK_THROWS_AS(require_no_dataset("--out", f.path().parent_path(), {f / "photos"}), OptionError);
  CHECK_THROWS_AS(require_no_dataset("--out", f / "photos/../photos/new", {f / "elsewhere/../photos"}), OptionError);
  CHECK_NOTHROW(require_no_dataset("--out", f / "photos2", {f / "photos"}));
}

TEST_CASE("a last batch of one item joins the one before it") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  write_png(f / "images/e.png", Image(3, 1, 3));
  write_png(f / "masks/e.png", labels({0, 1, 1}));
  const Dataset d = open_dataset(f.path(), {.validation_share = 0});
  const auto sizes = [&](int batch, bool merge) {
    Loader loader(d, Split::train, {.batch = batch, .width = 3, .height = 1, .merge_single = merge, .threads = 0});
    std::vector<std::int64_t> all;
    Batch b;
    loader.start(1);
    while (loader.next(b)) all.push_back(b.at(kImage).size(0));
    CHECK(loader.batches() == static_cast<std::int64_t>(all.size()));
    return all;
  };
  CHECK(sizes(4, false) == std::vector<std::int64_t>{4, 1});
  CHECK(sizes(4, true) == std::vector<std::int64_t>{5});
  CHECK(sizes(2, true) == std::vector<std::int64_t>{2, 3});
  CHECK(sizes(3, true) == std::vector<std::int64_t>{3, 2});
  CHECK(sizes(5, true) == std::vector<std::int64_t>{5});
}

TEST_CASE("photographs and masks beside each other: check and import name the command that reads them") {
  for (const char* ending : {"_mask", "_cells"}) {
    TempFolder f;
    for (const char* stem : {"a", "b_0000", "a_b"}) {
      write_png(f / message(stem, ".png"), Image(3, 1, 3, static_cast<std::uint8_t>(stem[0] + std::strlen(stem))));
      write_png(f / message(stem, ending, ".png"), labels({0, 1, 1}));
    }
    if (ending == std::string("_cells")) fs::remove(f / "a_b.png"), fs::remove(f / "a_b_cells.png");
    const std::string root = f.path().string(), cure = message("lamina check ", root, " --images . --masks .");
    CHECK(told(check_dataset(f.path()).findings, cure, true) == 1);
    CHECK_THROWS_WITH_AS(import_dataset("instances", f.path(), f.path().string() + "-out"), doctest::Contains(cure.c_str()), DataError);
    const CheckReport report = check_dataset(f.path(), {.images = f.path(), .masks = f.path()});
    CHECK(report.errors() == 0);
    CHECK(report.splits[0].items + report.splits[1].items == (ending == std::string("_mask") ? 3 : 2));
  }
  TempFolder same;  // names
  for (const char* stem : {"a", "b"}) {
    io::write_file_atomically(same / message(stem, ".jpg"), "");
    write_png(same / message(stem, ".png"), labels({0, 1, 1}));
  }
  const std::string root = same.path().string();
  CHECK(told(check_dataset(same.path()).findings,
             message("mkdir ", root, "/images ", root, "/masks && mv ", root, "/*.jpg ", root, "/images && mv ", root, "/*.png ", root,
                     "/masks"),
             true) == 1);
}
