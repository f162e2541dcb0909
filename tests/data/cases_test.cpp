// Data sets that users of segmentation tools reported, in small: each mask is read right, or refused with the cure.
#include <doctest/doctest.h>

#include <fstream>

#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "lamina/data/loader.hpp"
#include "support/data_folder.hpp"
#include "support/formats.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {}  // namespace

TEST_CASE("case masks_0_255: what is written is what the data set has, and is read beside it") {
  const auto check_round_trip = [](DataFolder& f, const std::vector<std::uint8_t>& truth) {
    const Dataset d = open_dataset(f.path());
    CHECK(d.masks.read(f / "masks/a.png").labels == truth);
    const std::string original = io::read_file(f / "masks/a.png");
    const Raster before = read_raster(f / "masks/a.png");
    write_mask(f / "masks/b.png", labels(truth), d.schema);
    const Raster after = read_raster(f / "masks/b.png");
    CHECK(after.samples == before.samples);
    CHECK(after.channels == before.channels);
    CHECK(after.max_value == before.max_value);
    for (const std::uint8_t v : after.palette.empty() ? std::vector<std::uint8_t>{} : after.samples)
      CHECK(after.palette[v] == before.palette[v]);
    const CheckReport r = check_dataset(f.path());
    CHECK(r.errors() == 0);
    CHECK(open_dataset(f.path()).masks.read(f / "masks/b.png").labels == truth);
    // A checkpoint says the same.
    const LabelSchema again = parse_label_schema(to_json(d.schema), "checkpoint");
    CHECK(encode_mask(labels(truth), again) == encode_mask(labels(truth), d.schema));
  };
  DataFolder gray;
  gray.masks(labels({0, 255, 255}));
  check_round_trip(gray, {0, 1, 1});
  DataFolder index;
  index.masks(labels({0, 2, 1}));
  check_round_trip(index, {0, 2, 1});
  DataFolder palette;
  palette.masks(labels({1, 0, 2}), std::vector<Rgb>{{10, 20, 30}, {200, 100, 0}, {1, 2, 3}});
  CHECK(open_dataset(palette.path()).schema.colors == std::vector<Rgb>{{10, 20, 30}, {200, 100, 0}, {1, 2, 3}});
  check_round_trip(palette, {1, 0, 2});
  DataFolder same;  // a palette that tells nothing apart: its indices
  same.masks(labels({1, 0, 2}), std::vector<Rgb>{{0, 0, 0}, {9, 9, 9}, {9, 9, 9}});
  const Dataset d = open_dataset(same.path());
  write_mask(same / "masks/b.png", labels({1, 0, 2}), d.schema);
  CHECK(check_dataset(same.path()).errors() == 0);
  DataFolder color;
  color.text("dataset.json", R"({"labels": {"bg": 0, "skin": 4}, "colors": {"bg": "#102030", "skin": "#ff8000"}})");
  color.masks(rgb({{255, 128, 0}, {16, 32, 48}, {16, 32, 48}}));
  check_round_trip(color, {1, 0, 0});
  DataFolder wide;
  wide.text("dataset.json", R"({"labels": {"bg": 0, "far": 600}})");
  for (const char* stem : {"a", "b", "c", "d"})
    io::write_file_atomically(wide / ("masks/" + std::string(stem) + ".png"), encode_png(std::vector<std::uint16_t>{600, 0, 600}, 3, 1));
  check_round_trip(wide, {1, 0, 1});
  DataFolder one_hot;
  one_hot.masks(rgb({kRed, kBlue, kGreen}));
  check_round_trip(one_hot, {0, 2, 1});
}

TEST_CASE("case mixed_0_1_and_0_255: marked is marked, and this is said") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  write_png(f / "masks/c.png", labels({255, 0, 0}));
  write_png(f / "masks/d.png", labels({0, 0, 0}));
  const CheckReport r = check_dataset(f.path());
  CHECK(r.errors() == 0);
  CHECK(r.encoding == MaskEncoding::binary);
  CHECK(told(r.findings, "2 masks hold 0 and 1, 1 holds 0 and full intensity") == 1);
  CHECK(told(r.findings, "ignore") == 0);
  CHECK(f.read("a") == Labels{0, 1, 1});
  CHECK(f.read("c") == Labels{1, 0, 0});
  // Both in one mask: 255 is something else.
  write_png(f / "masks/d.png", labels({0, 1, 255}));
  refuses(f, "--ignore 255");
  CHECK(f.read("a", {.ignore = 255}) == Labels{0, 1, 1});
  CHECK(f.read("c", {.ignore = 255}) == Labels{kIgnoreLabel, 0, 0});
}

TEST_CASE("case mask_in_alpha: refused with the option that reads it") {
  DataFolder f;
  const auto masks = [&](std::array<unsigned, 4> x, std::array<unsigned, 4> y) {
    for (const char* stem : {"a", "b", "c", "d"})
      io::write_file_atomically(f / ("masks/" + std::string(stem) + ".png"), rgba_png({x, y, x}));
  };
  masks({255, 255, 255, 0}, {255, 255, 255, 255});
  refuses(f, "--mask-channel alpha");
  CHECK(told(check_dataset(f.path()).findings, "--mask-channel alpha", true) == 1);
  CHECK(f.read("a", {.mask_channel = "alpha"}) == Labels{0, 1, 0});
  f.text("dataset.json", R"({"labels": {"skin": 0, "wound": 9}, "mask_channel": "alpha"})");
  masks({255, 255, 255, 9}, {255, 255, 255, 0});
  CHECK(f.read("a") == Labels{1, 0, 1});
  const LabelSchema schema = open_dataset(f.path()).schema;
  write_mask(f / "masks/b.png", labels({0, 1, 1}), schema);  // in alpha again
  CHECK(f.read("b") == Labels{0, 1, 1});
  CHECK(read_raster(f / "masks/b.png").samples == std::vector<std::uint8_t>{255, 255, 255, 0, 255, 255, 255, 9, 255, 255, 255, 9});
  // Where the colour says something, alpha is left alone, and that is said.
  f.text("dataset.json", "{}");
  masks({0, 0, 0, 7}, {255, 255, 255, 255});
  CHECK(f.read("a") == Labels{0, 1, 0});
  CHECK(told(open_dataset(f.path()).findings, "4 masks have an alpha channel that varies and is not read") == 1);
}

TEST_CASE("case exif3_unrotated_masks: a warning, and an option that turns the masks") {
  DataFolder f;
  const auto photographs = [&](int orientation) {
    for (const char* stem : {"a", "b", "c", "d"})
      io::write_file_atomically(f / ("images/" + std::string(stem) + ".png"),
                                oriented(encode_png(Image(3, 1, 3, static_cast<std::uint8_t>(*stem))), orientation));
  };
  photographs(3);
  f.masks(labels({0, 1, 2}));
  CHECK(told(check_dataset(f.path()).findings, "4 photographs are turned by their EXIF orientation") == 1);
  CHECK(told(open_dataset(f.path(), {.compare_photos = true}).findings, "--mask-frame stored") == 1);
  const auto read = [&](const DatasetOptions& options) {
    const Dataset d = open_dataset(f.path(), options);
    const Item& item = d.items(Split::train)[0];
    return read_mask(item, d.masks).labels;
  };
  CHECK(read({}) == Labels{0, 1, 2});
  CHECK(read({.mask_frame = "stored"}) == Labels{2, 1, 0});
  CHECK(told(check_dataset(f.path(), {.mask_frame = "stored"}).findings, "EXIF") == 0);
  f.text("dataset.json", R"({"mask_frame": "stored"})");
  CHECK(read({}) == Labels{2, 1, 0});
  CHECK(read({.mask_frame = "shown"}) == Labels{0, 1, 2});
  const Dataset d = open_dataset(f.path());
  Loader loader(d, Split::train, {.batch = 1, .width = 3, .height = 1, .threads = 0});
  Batch batch;
  loader.start(0);
  REQUIRE(loader.next(batch));
  CHECK(batch.at(kLabels).to_vector<std::uint8_t>() == Labels{2, 1, 0});
  // A quarter turn: the sizes show it, and the error names the option.
  photographs(6);
  CHECK(told(check_dataset(f.path(), {.mask_frame = "shown"}).findings, "need --mask-frame stored", true) == 1);
  CHECK(check_dataset(f.path()).errors() == 0);
  CHECK_THROWS_AS(open_dataset(f.path(), {.mask_frame = "sideways"}), OptionError);
}

TEST_CASE("case one_label: nothing to tell apart") {
  DataFolder f;
  f.text("dataset.json", R"({"labels": {"only": 0}})");
  f.masks(labels({0, 0, 0}));
  refuses(f, "there is one label, 'only'");
  CHECK(told(check_dataset(f.path()).findings, "there is one label, 'only'", true) == 1);
  f.text("dataset.json", R"({"labels": {"only": 0, "other": 1}})");
  refuses(f, "there is one label, 'only'", {.ignore = 1});
}

TEST_CASE("values that are nobody's: ignored, or the nearest color") {
  DataFolder f;
  f.text("dataset.json", R"({"labels": {"bg": 0, "a": 1}})");
  f.masks(labels({0, 1, 7}));
  refuses(f, "--others ignore");
  CHECK(f.read("a", {.others = "ignore"}) == Labels{0, 1, kIgnoreLabel});
  refuses(f, "needs \"labels\" and \"colors\"", {.others = "nearest"});
  CHECK_THROWS_AS(open_dataset(f.path(), {.others = "nearby"}), OptionError);
  f.text("dataset.json", R"({"labels": {"bg": 0, "a": 1}, "colors": {"bg": [0, 0, 0], "a": [250, 0, 0]}, "others": "nearest"})");
  f.masks(rgb({{30, 10, 0}, {200, 40, 10}, {250, 0, 0}}));
  CHECK(f.read("a") == Labels{0, 1, 1});
  CHECK(f.read("a", {.others = "ignore"}) == Labels{kIgnoreLabel, kIgnoreLabel, 1});
  refuses(f, "the color #1e0a00", {.others = "error"});
  refuses(f, "--nearest-color takes each for the nearest label", {.others = "error"});
  f.masks(rgb({{1, 0, 0}, {2, 0, 0}, {2, 0, 0}}));
  const auto findings = check_dataset(f.path(), {.others = "error"}).findings;
  CHECK(std::count_if(findings.begin(), findings.end(), [](const Finding& x) { return x.is_error; }) == 1);  // one line
  CHECK(told(findings, " have 2 values, most often the color #020000 (", true) == 1);
  CHECK(told(findings, "--nearest-color takes each", true) == 1);

  DataFolder g;  // black and white that a lossy format went over: 255 is the foreground here
  g.masks(labels({1, 254, 255}));
  try {
    open_dataset(g.path());
    FAIL("nothing says what 254 is");
  } catch (const DataError& e) {
    CHECK(std::string(e.what()).find("--ignore 255") == std::string::npos);
    CHECK(std::string(e.what()).find("--nearest-color") != std::string::npos);
  }
  g.text("dataset.json",
         R"({"labels": {"background": 0, "foreground": 255}, "colors": {"background": "#000000", "foreground": "#ffffff"}})");
  CHECK(g.read("a", {.others = "nearest"}) == Labels{0, 1, 1});
  // More colors than a mask of labels has.
  Image noisy(40, 20, 3);
  for (std::size_t i = 0; i < 800; ++i)
    noisy.pixels[3 * i] = static_cast<std::uint8_t>(i < 400 ? i / 8 : 250 - i % 40),
                     noisy.pixels[3 * i + 1] = static_cast<std::uint8_t>(i % 20);
  f.masks(noisy);
  for (const char* stem : {"a", "b", "c", "d"})
    write_png(f / ("images/" + std::string(stem) + ".png"), Image(40, 20, 3, static_cast<std::uint8_t>(*stem)));
  const CheckReport r = check_dataset(f.path());
  CHECK(r.errors() == 0);
  CHECK(r.splits[0].counts.pixels == std::vector<std::int64_t>{400 * r.splits[0].items, 400 * r.splits[0].items});
  TempFolder unnamed;
  f.text("dataset.json", "{}");
  f.masks(labels({0, 1, 1}));
  refuses(f, "--others needs \"labels\"", {.others = "ignore"});
}

TEST_CASE("the background: named, given a role, chosen, or by convention of masks with two values; otherwise no class is") {
  const auto schema_of = [](const std::string& json) { return parse_label_schema(json, "d.json"); };
  for (const char* name : {"background", "Background", "bg", "_background_", "__background__"}) {
    const LabelSchema s = schema_of(message(R"({"labels": {"sky": 0, ")", name, "\": 1}}"));
    CHECK(s.background == 1);
    CHECK(s.colors[1] == Rgb{});
    CHECK(s.colors[0] != Rgb{});
  }
  LabelSchema sky = schema_of(R"({"labels": {"Sky": 0, "Road": 1}})");
  CHECK(sky.background == -1);
  CHECK(sky.colors[0] != Rgb{});  // drawn like the others
  sky.set_background("");
  CHECK(sky.background_text() ==
        "background: no class is, because nothing says which one is (--background NAME does): all classes count in the score");
  sky.set_background("Road");
  CHECK(sky.background == 1);
  CHECK(sky.background_text() == "background: 'Road', because --background says so");
  sky.set_background("0");
  CHECK(sky.background == 0);
  sky.set_background("none");
  CHECK(sky.background == -1);
  CHECK_THROWS_WITH_AS(sky.set_background("Raod"), doctest::Contains("is no label; known: none, Sky, Road"), DataError);

  CHECK(schema_of(R"({"labels": {"a": 0, "b": 1}, "roles": {"foreground": "b"}})").background == 0);
  CHECK(schema_of(R"({"labels": {"background": 0, "b": 1}, "roles": {"background": []}})").background == -1);
  const auto bad = [&](const std::string& roles, const char* reason) {
    CAPTURE(reason);
    CHECK_THROWS_WITH_AS(schema_of(R"({"labels": {"a": 0, "b": 1, "c": 2}, "roles": )" + roles + "}"), doctest::Contains(reason),
                         DataError);
  };
  bad(R"({"foreground": ["a", "b", "c"]})", "role 'foreground' is given to every label and means nothing: leave it out");
  bad(R"({"foreground": "c"})", "leaves out a, b, of which at most one can be the background");
  bad(R"({"background": "a", "foreground": ["b"]})", "leaves out c: give it a role");
  bad(R"({"background": "a", "uncertain": ["a"]})", "'a' has two roles");
  bad(R"({"uncertain": []})", "given to no label");
  bad(R"({"uncertain": ["a", "b", "c"]})", "'uncertain' is given to every label, and none is left to be foreground");
  bad(R"({"background": "a", "uncertain": ["b", "c"]})", "'uncertain' is given to every label but the background, and none is left");
  bad(R"({"void": "a"})", "none of background");
  CHECK_THROWS_WITH_AS(schema_of(R"({"task": "ordinal", "labels": {"a": 0, "b": 1, "c": 2}, "roles": {"uncertain": "c"}})"),
                       doctest::Contains("'uncertain' means nothing where labels are grades"), DataError);
  CHECK_THROWS_WITH_AS(schema_of(R"({"task": "multilabel", "labels": {"a": 0, "b": 1}, "roles": {"foreground": "a"}})"),
                       doctest::Contains("means nothing"), DataError);
  CHECK_THROWS_WITH_AS(schema_of(R"({"labels": {"background": 0, "bg": 1}})"), doctest::Contains("rename one"), DataError);

  DataFolder f;
  const auto background = [&](const LabelImage& mask, const DatasetOptions& o = {}) {
    f.masks(mask);
    return open_dataset(f.path(), o).schema.background;
  };
  CHECK(background(labels({0, 1, 2})) == -1);
  CHECK(background(labels({0, 1, 2}), {.background = "class 1"}) == 1);
  CHECK(background(labels({0, 1, 1})) == 0);
  CHECK(background(labels({0, 255, 255})) == 0);
  CHECK(background(labels({0, 255, 255}), {.background = "none"}) == -1);
  f.text("dataset.json", R"({"labels": {"skin": 0, "wound": 1}})");
  CHECK(background(labels({0, 255, 255})) == -1);
  const CheckReport r = check_dataset(f.path());
  CHECK(r.text().find("background: no class is") != std::string::npos);
  CHECK(r.splits[0].without_foreground == 0);
}
