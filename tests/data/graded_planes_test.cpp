// Sets of which several things are graded, each in a plane of its own.
#include <nlohmann/json.hpp>

#include "lamina/data/check.hpp"
#include "lamina/data/combinations.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/data/phantom.hpp"
#include "lamina/io/npy.hpp"
#include "support/data_folder.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {
const char* const kTwo = R"({"task": "ordinal", "labels": {"none": 0, "mild": 1, "severe": 2}, "planes": ["crack", "rust"], "ignore": 9})";

void two_folders(DataFolder& f) {
  f.text("dataset.json", kTwo);
  for (const char* plane : {"crack", "rust"}) io::create_folders(f / (std::string("masks/") + plane));
  for (const std::string stem : {"a", "b", "c", "d"}) {
    write_png(f / ("masks/crack/" + stem + ".png"), labels({0, 1, 9}));
    if (stem != "d") write_png(f / ("masks/rust/" + stem + ".png"), labels({2, 0, 2}));
  }
}
/// A report's lines of 100 letters, as one.
std::string unwrapped(std::string text) {
  for (std::size_t at; (at = text.find("\n  ")) != std::string::npos;) text.replace(at, 3, " ");
  return text;
}
}  // namespace

TEST_CASE("graded planes: a file a plane, its values the grades; counted by plane and grade") {
  DataFolder f;
  two_folders(f);
  const Dataset d = open_dataset(f.path(), {.validation_share = 0});
  CHECK(d.masks.planes() == 2);
  CHECK(d.schema.counted() ==
        std::vector<std::string>{"crack none", "crack mild", "crack severe", "rust none", "rust mild", "rust severe"});
  CHECK(told(d.findings, "rust has no file for 1 of 4 images, such as d") == 1);
  const Item& a = d.items(Split::train)[0];
  CHECK(a.pixels == std::vector<std::int64_t>{1, 1, 0, 1, 0, 2});
  CHECK(read_mask(a, d.masks).labels == Labels{0, 2, 1, 0, 255, 2});
  CHECK(read_mask(d.items(Split::train)[3], d.masks).labels == Labels{0, 0, 1, 0, 255, 0});
  Loader loader(d, Split::train, {.batch = 4, .width = 3, .height = 1, .threads = 0});
  loader.start(0);
  Batch batch;
  REQUIRE(loader.next(batch));
  CHECK(batch.at(kLabels).shape() == Shape{4, 1, 3, 2});

  const CheckReport report = check_dataset(f.path());
  CHECK(report.errors() == 0);
  CHECK(report.text().find("graded planes: crack, rust; each") != std::string::npos);
  CHECK(report.text().find("rust severe") != std::string::npos);
  CHECK(report.splits[0].counts.pixels[5] + report.splits[1].counts.pixels[5] == 6);
  // Of each photograph 2 cracks are known, and 3 pixels of rust.
  CHECK(report.splits[0].labelled[0] * 3 == report.splits[0].labelled[3] * 2);
}

TEST_CASE("classes that may overlap: check says which do, or that none does") {
  for (const bool overlap : {false, true}) {
    DataFolder f;
    f.text("dataset.json", R"({"task": "multilabel", "labels": {"hair": 0, "ruler": 1}})");
    for (const char* plane : {"hair", "ruler"}) io::create_folders(f / (std::string("masks/") + plane));
    for (const std::string stem : {"a", "b", "c", "d"}) {
      write_png(f / ("masks/hair/" + stem + ".png"), labels({1, 1, 0}));
      write_png(f / ("masks/ruler/" + stem + ".png"), labels({0, static_cast<std::uint8_t>(overlap), 0}));
    }
    f.text("train.txt", "a\nb\n");
    f.text("val.txt", "c\nd\n");
    const std::string text = unwrapped(check_dataset(f.path()).text());
    CHECK(text.find(message("combinations of classes: of 4 that are possible train has ", overlap ? 3 : 2, ", val ", overlap ? 3 : 2)) !=
          std::string::npos);
    CHECK((text.find("50 % of the training pixels that have a class have several: hair+ruler (50 %)") != std::string::npos) == overlap);
    CHECK((text.find("no training pixel has two of them: where they exclude each other, \"task\": \"multiclass\"") != std::string::npos) !=
          overlap);
    if (!overlap) continue;
    for (const std::string stem : {"a", "b"}) write_png(f / ("masks/ruler/" + stem + ".png"), labels({1, 1, 0}));
    CHECK(
        unwrapped(check_dataset(f.path()).text()).find("100 % of the training pixels that have a class have several: hair+ruler (100 %)") !=
        std::string::npos);
  }
}

TEST_CASE("graded planes: which combinations there are, and which training lacks") {
  DataFolder f;
  two_folders(f);
  f.text("train.txt", "a\nb\n");
  f.text("test.txt", "c\nd\n");
  const Dataset d = open_dataset(f.path());
  using Pixels = std::map<std::vector<std::uint8_t>, std::int64_t>;
  const auto pixels = [](const Combinations& c) {
    Pixels all;
    for (const auto& [grades, count] : c.counts()) all[grades] = count.pixels;
    return all;
  };
  // The third pixel's crack is not known.
  const auto train = combinations_in(d.items(Split::train), d.masks, d.schema),
             test = combinations_in(d.items(Split::test), d.masks, d.schema);
  REQUIRE(train.size() == 1);
  CHECK(pixels(train[0]) == Pixels{{{0, 2}, 2}, {{1, 0}, 2}});
  CHECK(pixels(test[0]) == Pixels{{{0, 0}, 1}, {{0, 2}, 1}, {{1, 0}, 2}});
  CHECK(test[0].pixels() == 4);
  CHECK(train[0].possible() == 9);
  CHECK(unseen(train[0], test[0]) == std::vector<Combinations::Grades>{{0, 0}});
  CHECK(train[0].name({1, 2}) == "crack1_rust2");
  // Decisions: all right, all wrong in one plane, all wrong in the other.
  Combinations decided = Combinations::of(d.schema)[0];
  decided.add(Labels{0, 2, 0, 2, 0, 1, 0, 2, 1, 255}, Labels{0, 2, 1, 2, 0, 1, 0, 0, 1, 0});
  CHECK(decided.counts().at({0, 2}).pixels == 3);
  CHECK(decided.counts().at({0, 2}).right == 1);
  CHECK(decided.counts().at({0, 1}).right == 1);
  CHECK(decided.pixels() == 4);
  const CheckReport report = check_dataset(f.path());
  const std::string text = unwrapped(report.text());
  CHECK(text.find("of 9 that are possible train has 2, test 3; not in train: crack0_rust0 (25 % of test)") != std::string::npos);
  CHECK(report.json().find("\"crack0_rust0\": 1") != std::string::npos);
  const nlohmann::json splits = nlohmann::json::parse(report.json()).at("splits");
  CHECK(splits.at("test").at("not_in_train") == nlohmann::json{"crack0_rust0"});
  CHECK_FALSE(splits.at("train").contains("not_in_train"));
  CHECK(train[0].overlaps().marked == 0);  // of grades there are none
  // Classes that may overlap.
  LabelSchema classes;
  classes.task = Task::multilabel, classes.names = {"hair", "ruler", "ink"}, classes.values = {0, 1, 2}, classes.colors.resize(3);
  Combinations marks = Combinations::of(classes).at(0);
  marks.add(Labels{0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 255, 0}, Labels{0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1});
  CHECK(marks.possible() == 8);
  CHECK(marks.name({1, 0, 1}) == "hair+ink");
  CHECK(marks.name({0, 1}, 1) == "ink");
  CHECK(marks.name({0, 0, 0}) == "(none)");
  CHECK(marks.counts().at({1, 1, 0}).right == 1);
  CHECK(marks.overlaps().marked == 4);
  CHECK(marks.overlaps().several == 3);
  CHECK(marks.overlaps().of == std::vector<Combinations::Grades>{{1, 1, 0}, {0, 1, 1}});
  // A plane alone has no combinations.
  LabelSchema one = d.schema;
  one.planes.resize(1);
  CHECK(Combinations::of(one).empty());
}

TEST_CASE("graded planes: a file a plane, and what is not known of one is not unknown of the other") {
  DataFolder f;
  two_folders(f);
  write_png(f / "masks/rust/b.png", labels({9, 0, 9}));
  const Dataset d = open_dataset(f.path(), {.validation_share = 0});
  CHECK(inspect_mask(d.items(Split::train)[0], d.schema).ignored == std::map<std::uint32_t, std::int64_t>{{0, 1}, {1, 1}, {2, 1}});
  CHECK(inspect_mask(d.items(Split::train)[1], d.schema).ignored ==
        std::map<std::uint32_t, std::int64_t>{{0, 1}, {1, 1}, {2, 1}, {3, 2}, {4, 2}, {5, 2}});
}

TEST_CASE("graded planes: an array of (height, width, planes); what the checkpoint keeps") {
  DataFolder f;
  f.text("dataset.json", kTwo);
  for (const char* stem : {"a", "b", "c", "d"})
    io::write_npy(
        f / (std::string("masks/") + stem + ".npy"),
        Tensor::from({std::uint8_t{0}, std::uint8_t{2}, std::uint8_t{1}, std::uint8_t{0}, std::uint8_t{9}, std::uint8_t{2}}, {1, 3, 2}));
  const Dataset d = open_dataset(f.path());
  CHECK(d.masks.read(f / "masks/a.npy").labels == Labels{0, 2, 1, 0, 255, 2});
  const LabelSchema again = parse_label_schema(to_json(d.schema), "it");
  CHECK(again.planes == d.schema.planes);
  CHECK(to_json(again) == to_json(d.schema));
  CHECK(d.schema.background == -1);
  CHECK(d.schema.background_text().find("background: 'none' of every plane, where nothing is") != std::string::npos);
  CHECK(d.schema.is_background(3));
  CHECK_FALSE(d.schema.is_background(1));
}

TEST_CASE("graded planes: what would be a guess is refused") {
  const auto schema = [](const char* json) { return parse_label_schema(json, "it"); };
  CHECK_THROWS_WITH_AS(schema(R"({"labels": {"a": 0, "b": 1}, "planes": ["x"]})"), doctest::Contains("has no \"planes\""), DataError);
  CHECK_THROWS_WITH_AS(schema(R"({"task": "ordinal", "labels": {"a": 0, "b": 1}, "planes": ["x", "x"]})"),
                       doctest::Contains("two planes are called 'x'"), DataError);
  CHECK_THROWS_WITH_AS(schema(R"({"task": "ordinal", "labels": {"a": 0, "b": 1}, "planes": []})"), doctest::Contains("no list of names"),
                       DataError);
  CHECK_THROWS_WITH_AS(schema(R"({"task": "ordinal", "labels": {"a": 0, "b": 1}, "planes": ["../x"]})"),
                       doctest::Contains("cannot name a folder"), DataError);
  std::string many = R"({"task": "ordinal", "labels": {"a": 0, "b": 1, "c": 2}, "planes": ["p0")";
  for (int k = 1; k < 86; ++k) many += ", \"p" + std::to_string(k) + '"';
  CHECK_THROWS_WITH_AS(schema((many + "]}").c_str()), doctest::Contains("86 planes of 258 labels"), DataError);
  DataFolder f;
  two_folders(f);
  refuses(f, "--background mild: graded planes have none", {.background = "mild"});
  write_png(f / "masks/crack/b.png", labels({0, 7, 0}));
  refuses(f, "b.png: the pixel at (1, 0) has the value 7, which is none of the grades 0 to 2");
  std::filesystem::remove_all(f / "masks/rust");
  refuses(f, "some planes have a folder, but not rust");
  DataFolder flat;
  flat.text("dataset.json", kTwo);
  flat.masks(labels({0, 1, 2}));
  refuses(flat, "has a channel for each of \"planes\"; this one has 1 channel for 2 planes");
}

TEST_CASE("graded planes are drawn in colors of their own, stronger with the grade; crops look for what is above the lowest") {
  DataFolder f;
  two_folders(f);
  const Dataset d = open_dataset(f.path());
  LabelImage mask(3, 1, 0, 2);
  mask.labels = {0, 0, 1, 0, 2, 0};
  const Image drawn = draw_labels(Image(3, 1, 3, 100), mask, d.schema, 1);
  CHECK(drawn.pixels[0] == 100);  // nothing
  const std::vector<Rgb> colors = d.schema.counted_colors();
  for (int c = 0; c < 3; ++c) {
    CHECK(drawn.at(2, 0)[c] == colors[2][static_cast<std::size_t>(c)]);  // the color itself
    CHECK(std::abs(2 * drawn.at(1, 0)[c] - 100 - drawn.at(2, 0)[c]) <= 1);
  }
  CHECK(colors[2] != colors[5]);
  for (const char* stem : {"a", "b", "c", "d"}) {
    write_png(f / (std::string("masks/crack/") + stem + ".png"), labels({0, 0, 1}));
    write_png(f / (std::string("masks/rust/") + stem + ".png"), labels({0, 0, 0}));
  }
  LoaderOptions options{.batch = 1, .width = 1, .height = 1, .resize = Resize::crop, .random_crop = true, .threads = 0};
  const Dataset marked = open_dataset(f.path(), {.validation_share = 0});
  options.foreground = 1;
  options.counted = marked.schema.counted_labels();
  Loader crops(marked, Split::train, options);
  for (int epoch = 0; epoch < 8; ++epoch) {
    crops.start(epoch);
    for (Batch b; crops.next(b);) CHECK(b.at(kLabels).to_vector<std::uint8_t>() == Labels{1, 0});
  }
  CHECK(colors[0] == Rgb{});
}

TEST_CASE("the phantom of several heads: all of its labels are there, and read back as they were drawn") {
  const TempFolder f;
  write_phantom(Phantom::several, f / "set", {.count = 24, .width = 48, .height = 40, .seed = 2});
  const Dataset d = open_dataset(f / "set");
  CHECK(d.schema.plane_names() == phantom_schema(Phantom::several).plane_names());
  CHECK(to_json(phantom_schema(Phantom::several)).find("\"unclear\"") != std::string::npos);
  std::vector<std::int64_t> pixels(d.schema.counted().size());
  std::int64_t unknown = 0;
  for (const Item& item : d.all_items()) {
    const LabelImage mask = read_mask(item, d.masks);
    for (std::size_t i = 0; i < mask.labels.size(); i += 7) {
      const bool ruler = mask.labels[i + 2] == 1, cloth = mask.labels[i] == 0;
      CHECK((mask.labels[i + 3] == kIgnoreLabel) == ruler);
      unknown += ruler;
      if (cloth && !ruler) CHECK(mask.labels[i + 3] + mask.labels[i + 4] + mask.labels[i + 5] + mask.labels[i + 6] == 0);
      if (mask.labels[i + 1]) CHECK_FALSE(ruler);
    }
    for (std::size_t k = 0; k < pixels.size(); ++k) pixels[k] += item.pixels[k];
  }
  CHECK(unknown > 0);
  for (std::size_t k = 0; k < pixels.size(); ++k) CHECK_MESSAGE(pixels[k] > 0, d.schema.counted()[k]);
  const CheckReport report = check_dataset(f / "set");
  CHECK(report.errors() == 0);
  CHECK(report.schema.background_text().find("marks: background: no class is, because it is where no plane is set") != std::string::npos);
}

TEST_CASE("phantoms of grades: combinations that only test pictures have") {
  const TempFolder f;
  const LabelSchema schema = phantom_schema(Phantom::rgb);
  CHECK(parse_combinations("r0g1b2,r2g3b0", schema) == std::vector<std::vector<int>>{{0, 1, 2}, {2, 3, 0}});
  CHECK(parse_combinations("A0_B1_C3_D0", phantom_schema(Phantom::severity)) == std::vector<std::vector<int>>{{0, 1, 3, 0}});
  for (const char* wrong : {"r0g1", "r0g1b4", "r0g1b2b3", "g0r1b2", "rgb"})
    CHECK_THROWS_WITH_AS(parse_combinations(wrong, schema), doctest::Contains("r0g1b2"), OptionError);
  CHECK_THROWS_WITH_AS(write_phantom(Phantom::skin, f / "skin", {.withhold = "r0g1b2"}), doctest::Contains("r0g1b2"), OptionError);
  const PhantomOptions options{.count = 12, .width = 24, .height = 24, .withhold = "r0g1b2,r2g3b0"};
  write_phantom(Phantom::rgb, f / "rgb", options);
  const Dataset d = open_dataset(f / "rgb");
  const auto withheld = parse_combinations(options.withhold, schema);
  for (const Split split : kSplits)
    for (const Item& item : d.items(split)) {
      const LabelImage mask = read_mask(item, d.masks);
      CHECK(holds_combination(mask, withheld) == (split == Split::test));
      const Image image = read_image(item.image);
      for (std::size_t i = 0; i < mask.labels.size(); ++i) CHECK(mask.labels[i] == image.pixels[i] / 64);
    }
  write_phantom(Phantom::severity, f / "severity", {.count = 4, .width = 32, .height = 32});
  const Dataset skin = open_dataset(f / "severity");
  CHECK(skin.masks.planes() == 4);
  std::vector<std::int64_t> pixels(16);
  for (const Item& item : skin.all_items())
    for (std::size_t k = 0; k < 16; ++k) pixels[k] += item.pixels[k];
  for (std::size_t k = 0; k < 16; k += 4) CHECK(pixels[k + 1] + pixels[k + 2] + pixels[k + 3] > 0);
}

TEST_CASE("planes that lie in each other, as grade >= 1 and >= 2 do, are told to be grades") {
  constexpr const char* kTold = "as steps of one scale do (grade >= 1, >= 2, ...)";
  DataFolder f;
  const auto write = [&](const std::vector<std::uint8_t>& three_by_three) {
    for (const std::string stem : {"a", "b", "c", "d"})
      io::write_npy(f / ("masks/" + stem + ".npy"), Tensor::from<std::uint8_t>(three_by_three, Shape{1, 3, 3}));
  };
  write({1, 0, 0, 1, 1, 0, 1, 1, 1});
  CHECK(told(check_dataset(f.path()).findings, kTold, true) == 1);
  refuses(f, "; or the planes lie in each other, as steps of one scale do");
  f.text("dataset.json", R"({"task": "multilabel", "labels": {"some": 0, "more": 1, "most": 2}})");
  const auto findings = check_dataset(f.path()).findings;
  CHECK(told(findings, "planes lie in each other, 'most' within 'more' within 'some', as steps") == 1);
  CHECK(told(findings, R"("labels": {"none": 0, "some": 1, "more": 2, "most": 3})") == 1);
  for (const std::vector<std::uint8_t>& apart : {std::vector<std::uint8_t>{1, 0, 0, 1, 1, 0, 0, 1, 1}, {1, 0, 0, 0, 1, 0, 1, 1, 1}}) {
    write(apart);
    CHECK(told(check_dataset(f.path()).findings, kTold) == 0);
  }
  std::filesystem::remove(f / "dataset.json");
  CHECK(told(check_dataset(f.path()).findings, kTold, true) == 0);
  for (const char* stem : {"a", "b", "c", "d"}) std::filesystem::remove(f / (std::string("masks/") + stem + ".npy"));
  f.masks(rgb({kBlack, kRed, {255, 255, 0}}));
  refuses(f, "Red, green and blue lie in each other, as steps of one scale do");
}
