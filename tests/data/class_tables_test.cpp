// Tables of classes beside images/ and masks/, where no dataset.json says what the masks hold.
#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "support/imports.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {

constexpr const char* kAndSaid = " says the classes, as there is no dataset.json: ";

LabelSchema schema_in(DataFolder& f, const DatasetOptions& options = {}) { return open_dataset(f.path(), options).schema; }
std::string note_of(DataFolder& f) { return schema_in(f).reading_note; }

}  // namespace

TEST_CASE("class_dict.csv: its colors, whether masks are of colors or gray; as numbers its rows, said") {
  DataFolder f;
  f.text("class_dict.csv", "name,r,g,b\nSky, 128,128,128\nRoad, 255, 0, 0\nVoid, 0,0,0\n");
  f.masks(rgb({{128, 128, 128}, kRed, kBlack}));
  CHECK(f.read("a") == Labels{0, 1, 2});
  CHECK(schema_in(f).names == std::vector<std::string>{"Sky", "Road", "Void"});
  CHECK(note_of(f).find(kAndSaid + std::string("its colors are those of the masks")) != std::string::npos);
  CHECK(told(check_dataset(f.path()).findings, "class_dict.csv says the classes") == 1);
  f.masks(labels({128, 0, 0}));  // gray ones
  CHECK(f.read("a") == Labels{0, 2, 2});
  f.masks(labels({0, 1, 2}));
  CHECK(f.read("a") == Labels{0, 1, 2});
  CHECK(note_of(f).find("its rows are the values from 0, as the masks do not have its colors") != std::string::npos);
  f.masks(rgb({{128, 128, 128}, kRed, kGreen}));
  refuses(f, "the color #00ff00");
  f.text("class_dict.csv", "name,r,g,b\nfigure,255,255,255\nground,0,0,0\n");
  f.masks(labels({0, 255, 0}));
  CHECK(f.read("a") == Labels{1, 0, 1});  // white is the first
  f.text("dataset.json", R"({"labels": {"no": 0, "yes": 1}})");
  CHECK(schema_in(f).names == std::vector<std::string>{"no", "yes"});
  CHECK(note_of(f).empty());
}

TEST_CASE("lists of names: from 0, or from 1 where the masks hold one value more, which is the background; what fits neither is refused") {
  DataFolder f;
  const auto names = [&] { return schema_in(f).names; };
  for (const char* name : {"classes.txt", "labels.txt", "label_names.csv", "masks/class_names.txt"}) {
    CAPTURE(name);
    f.text(name, "background\ncat\ntraffic light\n");
    f.masks(labels({0, 1, 2}));
    CHECK(names() == std::vector<std::string>{"background", "cat", "traffic light"});
    CHECK(schema_in(f).background == 0);
    CHECK(note_of(f).find("its rows are the values from 0. If that is not right, write dataset.json") != std::string::npos);
    CHECK(told(list_dataset(f.path()).findings, "no image file") == 0);
    f.masks(labels({0, 1, 3}));
    refuses(f, "names 3 classes, and the masks hold 0, 1, 3: which is which has to be written into dataset.json");
    f.text(name,
           "\xef\xbb\xbf"
           "cat\r\n dog\xc2\xa0\r\n");
    f.masks(labels({0, 1, 2}));
    CHECK(names() == std::vector<std::string>{"background", "cat", "dog"});
    CHECK(f.read("a") == Labels{0, 1, 2});
    CHECK(note_of(f).find("its rows are the values from 1, and 0, which it does not name, is the background") != std::string::npos);
    f.masks(labels({1, 1, 2}));
    CHECK(names() == std::vector<std::string>{"cat", "dog"});
    f.masks(labels({0, 1, 1}));
    CHECK(note_of(f).find("its rows are the values from 0.") != std::string::npos);
    f.masks(labels({0, 255, 255}));
    refuses(f, "names 2 classes, none of them the background, and the masks hold 0 and full intensity");
    f.masks(labels({0, 1, 255}));
    refuses(f, "if 255 marks pixels to leave out, say so with --ignore 255");
    CHECK(open_dataset(f.path(), {.ignore = 255}).schema.names == std::vector<std::string>{"cat", "dog"});
    f.text(name, "wound\n");
    f.masks(labels({0, 255, 255}));
    CHECK(names() == std::vector<std::string>{"background", "wound"});
    CHECK(f.read("a") == Labels{0, 1, 1});
    std::filesystem::remove(f / name);
  }
}

TEST_CASE("class tables in other spellings; several of them; files that are none") {
  DataFolder f;
  f.masks(labels({0, 1, 2}));
  const std::vector<std::string> wanted{"sky", "road", "old car"};
  for (const auto& [name, text] :
       {std::pair("_classes.csv", "Pixel Value, Class\n2, old car\n0, sky\n1, road\n"),
        std::pair("labels.csv", "id;name;r;g;b\n0;sky;1;1;1\n1;road;2;2;2\n2;old car;3;3;3\n"),
        std::pair("classes.txt", "0 sky\n1 road\n2 old car\n"), std::pair("classes.txt", "0: sky\n1: road\n2: old car\n"),
        std::pair("label_map.txt", "sky,0\nroad,1\nold car,2\n"),
        std::pair("label_colors.txt", "128 128 128\tsky\n64 0 128\troad\n255 0 0\told car\n"),
        std::pair("labelmap.txt", "# label:color_rgb:parts:actions\nsky:1,1,1::\nroad:2,2,2::\nold car:3,3,3::\n"),
        std::pair("class_dict.tsv", "name\tcolor\nsky\t#80c0ff\nroad\t#102030\nold car\t\"9, 9, 9\"\n"),
        std::pair("classes.csv", "class_name,rgb\nsky,\"(1, 2, 3)\"\nroad,\"(4, 2, 3)\"\n\"old car\",7 8 9\n"),
        std::pair("obj.names", "sky\nroad\nold car\n"), std::pair("classes.json", R"(["sky", "road", " old car"])"),
        std::pair("id2label.json", R"({"2": "old car", "0": "sky", "1": "road"})"),
        std::pair("label2id.json", R"({"sky": 0, "road": 1, "old car": 2})"),
        std::pair("labels.json", R"({"id2label": {"0": "sky", "1": "road", "2": "old car"}})"),
        std::pair("label_colors.json", R"({"sky": [1, 2, 3], "road": "#040506", "old car": [7, 8, 9]})"),
        std::pair("categories.json", R"({"categories": [{"id": 2, "name": "old car", "supercategory": "x"},
                                         {"id": 0, "name": "sky"}, {"id": 1, "name": "road"}]})"),
        std::pair("classes.json", R"([{"title": "sky", "color": "#010203"}, {"title": "road", "color": [4, 5, 6]},
                                      {"title": "old car", "color": "#070809"}])")}) {
    CAPTURE(text);
    f.text(name, text);
    CHECK(schema_in(f).names == wanted);
    std::filesystem::remove(f / name);
  }
  f.text("labels.txt", "images/a.png cat\nimages/b.png dog\n");  // of photographs
  CHECK(told(list_dataset(f.path()).findings, "labels.txt") == 0);
  f.text("labels.txt", "cat, 1\nnothing else\n");
  CHECK(told(list_dataset(f.path()).findings, "labels.txt is called as a table of classes, is not read, and is no table") == 1);
  CHECK(schema_in(f).names[1] == "class 1");
  for (const auto& [name, text, why] : {std::tuple("classes.json", R"({"a": {"b": 1}})", "is no table of classes: it is [NAME, "),
                                        std::tuple("labels.json", R"({"a": "cat", "b": "dog"})", "is no table of classes: it is [NAME, "),
                                        std::tuple("data.yaml", "nc: 2\nnames: [a, b]\n", "is YAML: write the names into classes.txt")}) {
    f.text(name, text);
    CHECK(told(list_dataset(f.path()).findings, message("/", name, " is called as a table of classes, is not read, and ", why)) == 1);
    std::filesystem::remove(f / name);
  }
  f.text("labels.json", R"({"a.png": "cat", "b.png": "dog"})");  // of photographs
  CHECK(told(list_dataset(f.path()).findings, "labels.json") == 0);
  std::filesystem::remove(f / "labels.json");
  f.text("classes.json", "[\"sky\",\n \"road\"");
  refuses(f, "classes.json line 2");
  std::filesystem::remove(f / "classes.json");
  f.text("labels.txt", "sky\nroad\ncar\n");
  f.text("classes.csv", "id,name\n0,sky\n1,road\n2,old car\n");
  CHECK(schema_in(f).names == wanted);
  CHECK(told(list_dataset(f.path()).findings, "labels.txt names other classes than ") == 1);
  for (const char* wrong : {"id,name\n0,a\n0,b\n", "id,name\n0,a\n1,a\n", "name,r,g,b\na,1,2,3\nb,1,2,3\n", "name,r,g,b\na,1,2,300\n"}) {
    CAPTURE(wrong);
    f.text("classes.csv", wrong);
    refuses(f, "classes.csv line ");
  }
}

TEST_CASE("an import takes names without values along, and the masks say which they are") {
  Source s;
  for (const char* split : {"train", "val"})
    for (const char* stem : {"1", "2"}) {
      s.photo(message(split, "/images/", split, stem, ".png"));
      s.mask(message(split, "/masks/", split, stem, ".png"), {0, 1, 2, 2});
    }
  s.text("classes.txt", "cat\ndog\n");
  const Import import("splits", s);
  CHECK(import.dataset.schema.names == std::vector<std::string>{"background", "cat", "dog"});
  CHECK_THROWS_WITH_AS(import_dataset("splits", s.path(), import.folder / "out"), doctest::Contains("rm -r"), OptionError);
}
