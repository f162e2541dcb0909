#include "lamina/data/dataset.hpp"

#include <set>

#include "support/data_folder.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

TEST_CASE("pairs: what is missing or double is named") {
  DataFolder f;
  f.masks(labels({0, 1, 0}));
  fs::remove(f / "masks/b.png");
  refuses(f, "b.png has no mask");
  f.text("masks/b.png", "not an image");
  CHECK_THROWS_WITH_AS(open_dataset(f.path()), doctest::Contains("b.png: not an image of a known format"), DataError);
  write_png(f / "masks/b.png", labels({0, 1, 0}));
  write_png(f / "masks/e.png", labels({0, 1, 0}));
  refuses(f, "e.png has no image");
  fs::remove(f / "masks/e.png");
  write_png(f / "images/a.bmp.png", Image(3, 1, 3));
  refuses(f, "a.bmp.png has no mask");
  fs::remove(f / "images/a.bmp.png");
  f.text("images/a.ppm", "P6 1 1 255\n123");
  refuses(f, "have the same stem");
  fs::remove(f / "images/a.ppm");
  f.text("images/notes.txt", "hello");
  f.text("images/.hidden", "");
  const Dataset d = open_dataset(f.path());
  CHECK(d.findings.size() == 1);
  CHECK_FALSE(d.findings[0].is_error);
  CHECK_THROWS_WITH_AS(open_dataset(f / "nowhere"), doctest::Contains("there is no folder"), DataError);
  fs::rename(f / "masks", f / "annotations");
  CHECK_THROWS_WITH_AS(open_dataset(f.path()), doctest::Contains("--masks annotations (train takes"), DataError);
  CHECK(open_dataset(f.path(), {.masks = f / "annotations"}).all_items().size() == 4);
  CHECK(list_dataset(f.path(), {.need_masks = false}).findings.size() == 1);
}

TEST_CASE("lists: stems, paths, two columns, comments; nothing outside the folder") {
  DataFolder f;
  f.masks(labels({0, 1, 0}));
  write_png(f / "images/with space.png", Image(3, 1, 3));
  write_png(f / "masks/with space.png", labels({1, 1, 1}));
  f.text("train.txt", "\xef\xbb\xbf# comment\r\na\r\n\nimages/b.png masks/c.png\nwith space\n");
  f.text("val.txt", "./images/c.png\nimages/with space.png\tmasks/with space.png\nimages/with space.png masks/with space.png");
  const Dataset d = open_dataset(f.path());
  CHECK(d.splits_from_lists);
  REQUIRE(d.items(Split::train).size() == 3);
  CHECK(d.items(Split::train)[0].mask == f / "masks/a.png");
  CHECK(d.items(Split::train)[1].mask == f / "masks/c.png");
  CHECK(d.items(Split::train)[2].image == f / "images/with space.png");
  CHECK(d.items(Split::val)[0].mask == f / "masks/c.png");
  REQUIRE(d.items(Split::val).size() == 3);
  for (const int tab_or_space : {1, 2}) {
    CHECK(d.items(Split::val)[static_cast<std::size_t>(tab_or_space)].image == f / "images/with space.png");
    CHECK(d.items(Split::val)[static_cast<std::size_t>(tab_or_space)].mask == f / "masks/with space.png");
  }
  CHECK(d.items(Split::test).empty());
  REQUIRE(d.findings.size() == 2);
  CHECK(told(d.findings, "listed with the mask that is another one's by its name") == 1);
  CHECK(told(d.findings, "3 images and masks are in no list and left out, such as " + (f / "images/d.png").string()) == 1);
  f.text("val.txt", "nobody\n");
  refuses(f, "val.txt line 1: 'nobody' is neither");
  for (const char* line : {"../x.png", "/etc/passwd", "images/../../x.png", "images/a.png /etc/passwd"}) {
    f.text("val.txt", line);
    refuses(f, "leaves the data folder");
  }
  f.text("val.txt", "images/a.png masks/none.png");
  refuses(f, "there is no file");
}

TEST_CASE("lists: names of files in the folders of photographs and masks, also as Windows writes paths") {
  DataFolder f;
  f.masks(labels({0, 1, 0}));
  f.text("train.txt", "a.png\nimages\\b.png\nc.png d.png\n");
  const Dataset d = open_dataset(f.path());
  REQUIRE(d.items(Split::train).size() == 3);
  CHECK(d.items(Split::train)[0].mask == f / "masks/a.png");
  CHECK(d.items(Split::train)[1].image == f / "images/b.png");
  CHECK(d.items(Split::train)[1].mask == f / "masks/b.png");
  CHECK(d.items(Split::train)[2].image == f / "images/c.png");
  CHECK(d.items(Split::train)[2].mask == f / "masks/d.png");
  f.text("train.txt", "a.png\nnobody.png\n");  // one fault is told once
  const DatasetFiles files = list_dataset(f.path());
  CHECK(std::count_if(files.findings.begin(), files.findings.end(), [](const Finding& x) { return x.is_error; }) == 1);
  refuses(f, "train.txt line 2: 'nobody.png' is neither the name of a photograph in");
}

TEST_CASE("the seeded split: complete, disjoint, repeatable, and nearly the same when files are added") {
  test::TempFolder folder;
  for (const char* sub : {"images", "masks"}) io::create_folders(folder / sub);
  const auto add = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      write_png(folder / ("images/" + std::to_string(i) + ".png"), Image(1, 1, 1));
      write_png(folder / ("masks/" + std::to_string(i) + ".png"), labels({static_cast<std::uint8_t>(i % 2)}));
    }
  };
  const auto names = [&](Split split, std::uint64_t seed) {
    std::vector<std::string> s;
    const DatasetFiles files = list_dataset(folder.path(), {.seed = seed});
    for (const Item& item : files.items(split)) s.push_back(item.name);
    return s;
  };
  add(0, 50);
  const auto val = names(Split::val, 3);
  CHECK(val.size() == 10);
  CHECK(names(Split::train, 3).size() == 40);
  CHECK(names(Split::val, 3) == val);
  CHECK(names(Split::val, 4) != val);
  add(50, 55);
  int kept = 0;
  for (const auto& name : names(Split::val, 3)) kept += std::count(val.begin(), val.end(), name) > 0;
  CHECK(kept >= 8);
}

TEST_CASE("dataset.json: read, checked, written") {
  const LabelSchema s = parse_label_schema(R"({
    "channel_names": {"0": "R"}, "name": "faces", "test": [], "labels": {"background": 0, "face": 3, "uncertain": 1, "ignore": 9}, "file_ending": ".bmp",
    "roles": {"uncertain": ["uncertain"], "foreground": ["face"]}, "colors": {"background": "#000000", "face": [1, 2, 3], "uncertain": [9, 9, 9]}})",
                                           "d.json");
  CHECK(s.names == std::vector<std::string>{"background", "uncertain", "face"});
  CHECK(s.values == std::vector<unsigned>{0, 1, 3});
  CHECK(s.ignore == 9u);
  CHECK(s.uncertain == std::vector<int>{1});
  CHECK(s.colors[2] == Rgb{1, 2, 3});
  CHECK(s.file_ending == ".bmp");
  CHECK(to_json(parse_label_schema(to_json(s, 5), "again"), 5) == to_json(s, 5));
  CHECK(parse_label_schema(R"({"labels": {"0": "bg", "1": "x"}})", "v1").names == std::vector<std::string>{"bg", "x"});
  CHECK(parse_label_schema("{}", "empty").classes() == 0);

  CHECK(s.field_note.empty());
  CHECK(parse_label_schema(R"({"labels": {"a": 0, "b": 1}, "author": "me"})", "d.json")
            .field_note.starts_with("d.json: nobody reads 'author'; known: labels, task,"));
  const auto bad = [](const char* json, const char* reason) {
    CAPTURE(json);
    CHECK_THROWS_WITH_AS(parse_label_schema(json, "d.json"), doctest::Contains("d.json line 1, column "), DataError);
    CHECK_THROWS_WITH_AS(parse_label_schema(json, "d.json"), doctest::Contains(reason), DataError);
  };
  bad("", "this is no JSON");
  for (const char* role : {"background", "foreground", "uncertain"})
    bad((R"({"labels": {"a": 0, "b": 1}, ")" + std::string(role) + R"(": "a"})").c_str(),
        ("'" + std::string(role) + "' is a role, and stands in \"roles\": write \"roles\": {\"" + role + "\": \"a\"}").c_str());
  bad(R"({"labels": {"a": 0, "b": 1}, "roles": {"ignore": "b"}})", "'ignore' is no role");

  CHECK_THROWS_WITH_AS(parse_label_schema("[1]", "d.json"), doctest::Contains("not a JSON object"), DataError);
  bad(R"({"lables": {"a": 0}})", "unknown field 'lables'; did you mean 'labels'?");
  bad(R"({"labels": {"a": 0}, "colours": {}})", "did you mean 'colors'?");
  bad(R"({"labels": {"a": 0}, "ignored": 255})", "did you mean 'ignore'?");
  bad(R"({"labels": []})", "not an object");
  bad(R"({"labels": {}})", "empty");
  bad(R"({"labels": {"a": 0, "b": 0}})", "share the value 0");
  bad(R"({"labels": {"a": -1}})", "whole number");
  bad(R"({"labels": {"a": 0.5}})", "whole number");
  bad(R"({"labels": {"a": [1, 2]}})", "regions");
  bad(R"({"labels": {"a": "b"}})", "write a number without quotes");
  bad(R"({"labels": {"a": 0}, "ignore": "x"})", "'ignore' is a value of the masks, such as 255");
  bad(R"({"labels": {"a": 0}, "ignore": -1})", "whole number");
  bad(R"({"labels": {"a": 0}, "task": "detection"})", "none of multiclass");
  bad(R"({"labels": {"a": 0}, "colors": {"b": [0, 0, 0]}})", "not in 'labels'");
  bad(R"({"labels": {"a": 0, "b": 1}, "colors": {"b": [0, 0, 0]}})", "no entry for 'a'");
  bad(R"({"labels": {"a": 0, "b": 1}, "colors": {"b": [0, 0, 0], "a": [0, 0, 0]}})", "the same color");
  bad(R"({"labels": {"a": 0}, "colors": {"a": [0, 0]}})", "not like");
  bad(R"({"labels": {"a": 0}, "colors": {"a": [0, 0, 256]}})", "0..255");
  bad(R"({"labels": {"a": 0}, "colors": {"a": "red"}})", "not like");
  bad(R"({"labels": {"a": 0}, "roles": {"noise": "a"}})", "none of background");
  bad(R"({"labels": {"a": 0}, "roles": {"background": "z"}})", "not in 'labels'");
  CHECK_THROWS_WITH_AS(split_named("vall"), doctest::Contains("did you mean \"val\""), OptionError);
}

TEST_CASE("groups: who belongs together stays together, and is told where lists part them") {
  DataFolder f;
  for (const char* stem : {"e", "f", "g h", "i"}) data::write_png(f / message("images/", stem, ".png"), data::Image(3, 1, 3));
  for (const char* stem : {"e", "f", "g h", "i"}) data::write_png(f / message("masks/", stem, ".png"), labels({0, 1, 1}));
  f.masks(labels({0, 1, 1}));
  f.text("groups.txt", "# patients\na one\nb.png\tone\r\nc two\nd two\ne two\ng h\tthree of them\ni\tthree of them\n");
  const auto groups = [&](const Dataset& d, Split split) {
    std::set<std::string> all;
    for (const Item& item : d.items(split)) all.insert(item.group.empty() ? item.name : item.group);
    return all;
  };
  std::set<std::size_t> sizes;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Dataset d = open_dataset(f.path(), {.seed = seed, .validation_share = 0.3});
    const auto train = groups(d, Split::train), val = groups(d, Split::val);
    CHECK(d.items(Split::train).size() + d.items(Split::val).size() == 8);
    CHECK(!train.empty());
    CHECK(d.items(Split::val).size() >= 2);
    sizes.insert(d.items(Split::val).size());
    for (const std::string& group : val) CHECK(!train.contains(group));
    CHECK((train.contains("three of them") || val.contains("three of them")));
  }
  CHECK(sizes.size() > 1);
  CHECK(told(open_dataset(f.path()).findings, "the photographs of the group") == 0);
  CHECK(told(open_dataset(f.path()).findings, "1 photograph is in no group of groups.txt, and each is taken to be of nobody else's: f;") ==
        1);
  f.text("train.txt", "a\nc\nd\nf\n");
  f.text("val.txt", "b\ne\ng h\n");
  const Dataset d = open_dataset(f.path());
  CHECK(told(d.findings, "the photographs of the group 'one' (groups.txt) are in train and val") == 1);
  CHECK(told(d.findings, "the photographs of the group 'two' (groups.txt) are in train and val") == 1);
  CHECK(told(d.findings, "three of them") == 0);
  CHECK(std::count_if(d.findings.begin(), d.findings.end(), [](const Finding& x) { return x.leak; }) == 2);
  const auto wrong = [&](const char* text, const char* reason) {
    f.text("groups.txt", text);
    refuses(f, reason);
  };
  wrong("a one\nb\n", "groups.txt line 2: 'b' names a photograph without a group");
  wrong("z one\n", "groups.txt line 1: 'z' is no photograph");
  wrong("a one\na.png two\n", "groups.txt line 2: 'a.png' belongs to 'one' by a line before, and here to 'two'");
}
