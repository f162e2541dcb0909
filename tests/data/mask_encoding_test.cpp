#include "lamina/data/check.hpp"
#include "lamina/io/npy.hpp"
#include "support/data_folder.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

TEST_CASE("index masks: classes are the values that occur") {
  DataFolder f;
  f.masks(labels({0, 1, 2}));
  const Dataset d = open_dataset(f.path());
  CHECK(d.masks.encoding() == MaskEncoding::index);
  CHECK(d.schema.names == std::vector<std::string>{"class 0", "class 1", "class 2"});
  CHECK(d.masks.describe(d.schema) == "gray index masks: 0 class 0, 1 class 1, 2 class 2");
  CHECK(f.read("a") == Labels{0, 1, 2});
  CHECK(f.read("a", {.ignore = 2}) == Labels{0, 1, kIgnoreLabel});
  CHECK(open_dataset(f.path(), {.ignore = 2}).schema.classes() == 2);
  CHECK(f.read("a", {.ignore = 0}) == Labels{kIgnoreLabel, 0, 1});
  CHECK(open_dataset(f.path(), {.ignore = 0}).schema.values == std::vector<unsigned>{1, 2});
  CHECK(open_dataset(f.path(), {.ignore = 0}).schema.background == -1);
}

TEST_CASE("0/255 masks are binary, also with three equal channels, also beside 1-bit ones") {
  DataFolder f;
  f.masks(labels({0, 255, 0}));
  Dataset d = open_dataset(f.path());
  CHECK(d.masks.encoding() == MaskEncoding::binary);
  CHECK(d.schema.names == std::vector<std::string>{"background", "foreground"});
  CHECK(f.read("a") == Labels{0, 1, 0});
  write_png(f / "masks/b.png", rgb({kBlack, kBlack, kWhite}));
  CHECK(f.read("b") == Labels{0, 0, 1});
  f.text("masks/c.pbm", "P1 3 1 0 1 0");
  fs::remove(f / "masks/c.png");
  d = open_dataset(f.path());
  CHECK(d.masks.read(f / "masks/c.pbm").labels == Labels{1, 0, 1});
  f.text("dataset.json", R"({"labels": {"background": 0, "wound": 1}})");
  CHECK(open_dataset(f.path()).schema.names[1] == "wound");
  CHECK(f.read("a") == Labels{0, 1, 0});
}

TEST_CASE("palette masks keep their indices; palettes that disagree are refused or read by color") {
  DataFolder f;
  f.masks(labels({0, 2, 1}), std::vector<Rgb>{kBlack, kRed, kGreen});
  CHECK(open_dataset(f.path()).masks.encoding() == MaskEncoding::palette);
  CHECK(f.read("a") == Labels{0, 2, 1});
  write_png(f / "masks/b.png", labels({0, 1, 2}), std::vector<Rgb>{kBlack, kGreen, kRed});
  refuses(f, "do not mean the same");
  f.text("dataset.json", R"({"labels": {"bg": 0, "x": 1, "y": 2}, "colors": {"bg": [0, 0, 0], "x": "#ff0000", "y": [0, 255, 0]}})");
  CHECK(open_dataset(f.path()).masks.encoding() == MaskEncoding::colors);
  CHECK(f.read("a") == Labels{0, 2, 1});
  CHECK(f.read("b") == Labels{0, 2, 1});
}

TEST_CASE("RGB-coloured masks need colors in dataset.json") {
  DataFolder f;
  f.masks(rgb({kBlack, kRed, {10, 20, 30}}));
  refuses(f, "nothing says which color is which class");
  refuses(f, "#0a141e");
  f.text("dataset.json",
         R"({"labels": {"bg": 0, "skin": 4, "void": 9}, "colors": {"bg": [0, 0, 0], "skin": [255, 0, 0], "void": [10, 20, 30]}})");
  CHECK(f.read("a") == Labels{0, 1, 2});
  CHECK(f.read("a", {.ignore = 9}) == Labels{0, 1, kIgnoreLabel});
  f.text("dataset.json", R"({"labels": {"bg": 0, "skin": 4}, "colors": {"bg": [0, 0, 0], "skin": [255, 0, 0], "ignore": [10, 20, 30]}})");
  CHECK(f.read("a") == Labels{0, 1, kIgnoreLabel});
  f.text("dataset.json", R"({"labels": {"bg": 0, "skin": 4}, "colors": {"bg": [0, 0, 0], "skin": [255, 0, 0]}})");
  refuses(f, "#0a141e");
}

TEST_CASE("one-hot planes") {
  DataFolder f;
  f.masks(rgb({kRed, kBlue, kGreen}));
  CHECK(open_dataset(f.path()).masks.encoding() == MaskEncoding::planes);
  CHECK(f.read("a") == Labels{0, 2, 1});

  DataFolder g;
  const auto planes = [&](const std::vector<std::uint8_t>& v) {
    for (const char* stem : {"a", "b", "c", "d"})
      io::write_npy(g / ("masks/" + std::string(stem) + ".npy"), Tensor::from<std::uint8_t>(std::span<const std::uint8_t>(v), {1, 3, 5}));
  };
  planes({1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0});
  const Dataset d = open_dataset(g.path());
  CHECK(d.schema.classes() == 5);
  CHECK(d.masks.read(g / "masks/a.npy").labels == Labels{0, 4, 1});
  planes({1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0});
  refuses(g, "1 pixel has several planes ('class 1' and 'class 2' at 1);");
  planes({1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0});  // nothing in the middle: that is the background
  const Dataset open = open_dataset(g.path());
  CHECK(open.masks.encoding() == MaskEncoding::foreground_planes);
  CHECK(open.schema.names == std::vector<std::string>{"background", "class 1", "class 2", "class 3", "class 4", "class 5"});
  CHECK(open.schema.background == 0);
  CHECK(open.masks.read(g / "masks/a.npy").labels == Labels{1, 0, 2});
  for (const auto& [json, background] : {std::pair{R"({"labels": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4}})", "background"},
                                         {R"({"labels": {"floor": 0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5}})", ""}}) {
    g.text("dataset.json", json);
    const Dataset named = open_dataset(g.path());
    CHECK(named.schema.classes() == 6);
    CHECK(named.schema.class_named("b") == 2);
    CHECK(named.schema.background == named.schema.class_named(background));
    CHECK(named.masks.read(g / "masks/a.npy").labels == Labels{1, 0, 2});
    // What predict writes is read back beside them.
    write_mask(g / "masks/b.npy", labels({0, 5, 1}), named.schema);
    CHECK(open_dataset(g.path()).masks.read(g / "masks/b.npy").labels == Labels{0, 5, 1});
  }
  g.text("dataset.json", R"({"labels": {"background": 0, "a": 1, "b": 2, "c": 3, "d": 4}})");
  refuses(g, "no plane, which is none of the labels");
  g.text("dataset.json", R"({"labels": {"a": 0, "b": 1}})");
  refuses(g, "5 planes for 2 labels");

  DataFolder black;  // an RGB file with a channel each
  black.masks(rgb({kBlack, kBlue, kGreen, kRed}));
  CHECK(open_dataset(black.path()).masks.encoding() == MaskEncoding::foreground_planes);
  CHECK(black.read("a") == Labels{0, 3, 2, 1});
}

TEST_CASE("two pure colors are two classes, and no third is made up") {
  DataFolder f;
  f.masks(rgb({kBlack, kGreen, kRed}));
  const Dataset d = open_dataset(f.path());
  CHECK(d.schema.names == std::vector<std::string>{"background", "class 1", "class 2"});
  CHECK(d.schema.background == 0);
  CHECK(f.read("a") == Labels{0, 2, 1});
  write_mask(f / "masks/b.png", labels({2, 0, 1}), d.schema);  // what predict writes is read back beside them
  CHECK(f.read("b") == Labels{2, 0, 1});
  f.text("dataset.json", R"({"labels": {"background": 0, "wound": 1, "scar": 2}})");
  CHECK(f.read("a") == Labels{0, 2, 1});
  f.text("dataset.json", R"({"labels": {"background": 0, "wound": 1, "scar": 2, "slough": 3}})");  // of which none is in these masks
  CHECK(f.read("a") == Labels{0, 2, 1});
  f.text("dataset.json", R"({"labels": {"wound": 0, "scar": 1, "slough": 2}})");
  CHECK(open_dataset(f.path()).schema.names[0] == "background");
  CHECK(f.read("a") == Labels{0, 2, 1});
  fs::remove(f / "dataset.json");
  f.masks(rgb({kGreen, kRed, kRed}));
  CHECK(open_dataset(f.path()).schema.names == std::vector<std::string>{"class 0", "class 1"});
  CHECK(open_dataset(f.path()).schema.background == -1);
  CHECK(f.read("a") == Labels{1, 0, 0});
  f.masks(rgb({kBlack, kGreen, {255, 255, 0}}));
  refuses(f, "labels that overlap, write {\"task\": \"multilabel\"");
}

TEST_CASE("nothing is guessed: ambiguous values are refused with the fix") {
  DataFolder f;
  f.masks(labels({0, 1, 255}));
  refuses(f, "--ignore 255");
  CHECK(f.read("a", {.ignore = 255}) == Labels{0, 1, kIgnoreLabel});
  f.masks(labels({0, 128, 255}));
  refuses(f, "\"labels\"");
  f.text("dataset.json", R"({"labels": {"background": 0, "edge": 128, "core": 255}})");
  CHECK(f.read("a") == Labels{0, 1, 2});
  write_png(f / "masks/c.png", labels({0, 32, 255}));
  refuses(f, "c.png: 1 pixel has the value 32, which is none of the labels");
  CHECK_THROWS_WITH_AS(open_dataset(f.path(), {.ignore = 32}).masks.decode(decode_raster(encode_png(labels({0, 7, 0})), "m.png"), "m.png"),
                       doctest::Contains("m.png: the pixel at (1, 0) has the value 7"), DataError);
  DataFolder g;
  g.masks(labels({0, 0, 0}));
  refuses(g, "nothing to learn");
  Image noise(40, 40, 3);
  for (std::size_t i = 0; i < noise.pixels.size(); ++i) noise.pixels[i] = static_cast<std::uint8_t>(i * 7919 >> 3);
  g.masks(noise);
  refuses(g, "no mask of labels");
}

TEST_CASE("multilabel sets: a file with a channel a class, or a file a class; planes may overlap") {
  DataFolder f;
  f.text("dataset.json", R"({"task": "multilabel", "labels": {"vessel": 0, "red": 1, "bright": 2}})");
  f.masks(rgb({kBlack, {255, 255, 0}, kBlue}));
  Dataset d = open_dataset(f.path());
  CHECK(d.masks.encoding() == MaskEncoding::multilabel);
  CHECK(d.masks.planes() == 3);
  CHECK(d.schema.background == -1);
  const Labels expected{0, 0, 0, 1, 1, 0, 0, 0, 1};
  const Item& item = d.items(Split::train)[0];
  LabelImage mask = read_mask(item, d.masks);
  CHECK(mask.planes == 3);
  CHECK(mask.labels == expected);
  CHECK(mask.plane(1).labels == Labels{0, 1, 0});
  CHECK(to_json(parse_label_schema(to_json(d.schema), "again")) == to_json(d.schema));
  for (const char* stem : {"a", "b", "c", "d"}) {
    fs::remove(f / ("masks/" + std::string(stem) + ".png"));
    io::write_npy(f / ("masks/" + std::string(stem) + ".npy"),
                  Tensor::from<std::uint8_t>(std::span<const std::uint8_t>(expected), {1, 3, 3}));
  }
  d = open_dataset(f.path());
  CHECK(read_mask(d.items(Split::train)[0], d.masks).labels == expected);

  // A file a class: gray, palette or three equal channels; where there is none, the class is nowhere.
  for (const char* stem : {"a", "b", "c", "d"}) fs::remove(f / ("masks/" + std::string(stem) + ".npy"));
  for (const char* label : {"vessel", "red", "bright"}) io::create_folders(f / ("masks/" + std::string(label)));
  for (const char* stem : {"a", "b", "c", "d"}) {
    const std::string file = std::string(stem) + ".png";
    write_png(f / ("masks/vessel/" + file), labels({0, 255, 0}));
    write_png(f / ("masks/red/" + file), labels({0, 1, 0}), std::vector<Rgb>{kBlack, kRed});
    if (*stem != 'd') write_png(f / ("masks/bright/" + file), rgb({kBlack, kBlack, kWhite}));
  }
  d = open_dataset(f.path());
  int without = 0;
  for (const Item& i : d.all_items()) {
    CHECK(read_mask(i, d.masks).labels == (i.name == "d" ? Labels{0, 0, 0, 1, 1, 0, 0, 0, 0} : expected));
    without += i.planes[2].empty();
  }
  CHECK(without == 1);
  REQUIRE(d.findings.size() == 1);
  CHECK_FALSE(d.findings[0].is_error);
  CHECK(d.findings[0].text.find("bright has no file for 1 of 4 images, such as d") != std::string::npos);
  write_png(f / "masks/red/c.png", labels({0, 128, 255}));
  d = open_dataset(f.path(), {.ignore = 128});
  for (const Item& i : d.all_items())
    if (i.name == "c") CHECK(read_mask(i, d.masks).plane(1).labels == Labels{0, kIgnoreLabel, 1});
}

TEST_CASE("multilabel sets: what would be a guess is refused") {
  DataFolder f;
  const char* two = R"({"task": "multilabel", "labels": {"red": 0, "bright": 1}})";
  f.text("dataset.json", two);
  f.masks(rgb({kRed, kGreen, kBlue}));
  refuses(f, "a.png: a multilabel mask has a channel for each label, numbered from 0 in \"labels\"; this one has 3 channels for 2 labels");
  f.text("dataset.json", R"({"task": "multilabel", "labels": {"x": 0, "y": 1, "z": 3}})");
  refuses(f, "numbered from 0");
  f.text("dataset.json", R"({"task": "multilabel", "labels": {"x": 0, "y": 1, "z": 2}})");
  write_png(f / "masks/b.png", rgb({kRed, {0, 7, 0}, kBlue}));
  refuses(f, "b.png: the pixel at (1, 0) has the value 7 beside 255");
  f.text("dataset.json", R"({"task": "multilabel"})");
  refuses(f, "needs \"labels\"");
  f.text("dataset.json", R"({"task": "multilabel", "labels": {"../x": 0, "y": 1}})");
  refuses(f, "cannot name a folder");
  f.text("dataset.json", R"({"task": "multilabel", "labels": {"x": 0, "y": 1}, "roles": {"background": "x"}})");
  refuses(f, "has no background");
  f.text("dataset.json", two);
  io::create_folders(f / "masks/red");
  refuses(f, "some planes have a folder, but not bright");
  io::create_folders(f / "masks/bright");
  refuses(f, "there are files beside them");
  for (const char* stem : {"a", "b", "c", "d"}) {
    fs::remove(f / ("masks/" + std::string(stem) + ".png"));
    write_png(f / ("masks/red/" + std::string(stem) + ".png"), labels({0, 1, 0}));
  }
  CHECK(open_dataset(f.path()).all_items().size() == 4);
  write_png(f / "masks/bright/a.png", labels({0, 1}));
  refuses(f, "bright/a.png: 2x1 pixels, but ");
  write_png(f / "masks/bright/a.png", rgb({kRed, kRed, kBlack}));
  refuses(f, "the mask of one plane is gray");
  fs::remove(f / "masks/bright/a.png");
  fs::remove(f / "masks/red/a.png");
  refuses(f, "a.png has no mask");
}

TEST_CASE("ordinal sets: index masks of grades; a network says one thing less than there are grades") {
  DataFolder f;
  f.text("dataset.json", R"({"task": "ordinal", "labels": {"severe": 2, "none": 0, "mild": 1, "ignore": 9}})");
  f.masks(labels({2, 9, 1}));
  const Dataset d = open_dataset(f.path());
  CHECK(d.masks.describe(d.schema) == "gray index masks: 0 none < 1 mild < 2 severe; 9 ignored");
  CHECK(f.read("a") == Labels{2, kIgnoreLabel, 1});
  CHECK(d.masks.planes() == 0);
  CHECK(d.schema.classes() == 3);
  CHECK(d.schema.background == -1);
  CHECK(d.schema.colors == grade_colors(3));
  const LabelSchema again = parse_label_schema(to_json(d.schema), "again");
  CHECK(again.task == Task::ordinal);
  CHECK(to_json(again) == to_json(d.schema));
  write_png(f / "masks/b.png", labels({0, 3, 1}));
  refuses(f, "b.png: 1 pixel has the value 3, which is none of the labels");
  // The highest grade may be left out.
  f.masks(labels({0, 2, 1}));
  CHECK(open_dataset(f.path(), {.ignore = 2}).schema.classes() == 2);
  CHECK(f.read("a", {.ignore = 2}) == Labels{0, kIgnoreLabel, 1});
}

TEST_CASE("ordinal sets: labels that are no grades are refused") {
  DataFolder f;
  f.masks(labels({0, 1, 2}));
  const auto refuses_labels = [&](const std::string& more, const char* reason) {
    f.text("dataset.json", R"({"task": "ordinal")" + more + "}");
    refuses(f, reason);
    CHECK_THROWS_AS(parse_label_schema(R"({"task": "ordinal")" + more + "}", "text"), DataError);
  };
  refuses_labels("", "dataset.json: task 'ordinal' needs \"labels\": a name for each grade");
  refuses_labels(R"(, "labels": {"none": 0, "mild": 1, "severe": 3})", "no label has the value 2 and 'severe' has 3; number the labels");
  refuses_labels(R"(, "labels": {"mild": 1, "severe": 2})", "no label has the value 0 and 'mild' has 1");
  refuses_labels(R"(, "labels": {"none": 0, "mild": 1, "severe": 2}, "ignore": 1)", "no label has the value 1");
  refuses_labels(R"(, "labels": {"none": 0})", "at least two grades; 'none' is the only label");
  refuses_labels(R"(, "labels": {"none": 0, "mild": 1, "background": 2})", "puts the background above 'none'");
  std::string many = R"(, "labels": {)";
  for (int g = 0; g < 256; ++g) many += message(g ? ", " : "", '"', "grade ", g, "\": ", g);
  refuses_labels(many + "}", "more than 255 labels");
  f.text("dataset.json", R"({"task": "ordinal", "labels": {"none": 0, "mild": 1, "severe": 2}})");
  CHECK(open_dataset(f.path()).schema.classes() == 3);
  refuses(f, "no label has the value 1 and 'severe' has 2", {.ignore = 1});
}

TEST_CASE("a file a class, of classes that exclude each other: the background is where none is; overlaps are counted and refused") {
  DataFolder f;
  f.text("dataset.json", R"({"labels": {"background": 0, "red": 1, "bright": 2}})");
  for (const char* name : {"red", "bright"}) io::create_folders(f / (std::string("masks/") + name));
  for (const std::string stem : {"a", "b", "c", "d"}) {
    write_png(f / ("masks/red/" + stem + ".png"), labels({255, 0, 0}));
    if (stem != "d") write_png(f / ("masks/bright/" + stem + ".png"), labels({0, 0, 255}));
  }
  const Dataset d = open_dataset(f.path(), {.validation_share = 0});
  CHECK(d.schema.names == std::vector<std::string>{"background", "red", "bright"});
  CHECK(d.schema.background == 0);
  CHECK(d.masks.planes() == 0);
  CHECK(read_mask(d.items(Split::train)[0], d.masks).labels == Labels{1, 0, 2});
  CHECK(read_mask(d.items(Split::train)[3], d.masks).labels == Labels{1, 0, 0});
  CHECK(d.items(Split::train)[0].pixels == std::vector<std::int64_t>{1, 1, 1});
  CHECK(told(d.findings, "bright has no file for 1 of 4 images, such as d: it is taken to be nowhere") == 1);
  CHECK(check_dataset(f.path()).errors() == 0);
  // Without a background in dataset.json it is made.
  f.text("dataset.json", R"({"labels": {"red": 0, "bright": 1}})");
  const Dataset made = open_dataset(f.path(), {.validation_share = 0});
  CHECK(made.schema.names == std::vector<std::string>{"background", "red", "bright"});
  CHECK(read_mask(made.items(Split::train)[0], made.masks).labels == Labels{1, 0, 2});
  // Overlaps, folders that are missing, files beside them, folders that nothing explains.
  write_png(f / "masks/bright/b.png", labels({255, 0, 255}));
  CHECK(told(check_dataset(f.path()).findings,
             "1 pixel in 1 mask (b.png) has several planes ('red' and 'bright' at 1); classes that overlap need", true) == 1);
  for (const char* part : {"1 pixel has several planes ('red' and 'bright' at 1);", "\"multilabel\"", "--others ignore"})
    CHECK_THROWS_WITH_AS(open_dataset(f.path()), doctest::Contains(part), DataError);
  CHECK(told(check_dataset(f.path(), {.others = "ignore"}).findings,
             "1 pixel in 1 mask (b.png) has several planes ('red' and 'bright' at 1): counted nowhere (--others ignore)") == 1);
  f.text("dataset.json", R"({"labels": {"background": 0, "red": 1, "bright": 2, "dark": 3}})");
  CHECK(told(check_dataset(f.path()).findings, "some planes have a folder, but not dark", true) == 1);
  f.text("dataset.json", R"({"labels": {"../images": 0, "..": 1, "/": 2}})");  // no folders of masks
  CHECK(told(check_dataset(f.path()).findings, "some planes have a folder", true) == 0);
  std::filesystem::remove(f / "dataset.json");
  CHECK(told(check_dataset(f.path()).findings,
             R"(write )" + (f / "dataset.json").string() + R"(: {"labels": {"background": 0, "bright": 1, "red": 2}})", true) == 1);
}
