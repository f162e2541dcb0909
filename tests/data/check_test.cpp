#include "lamina/data/check.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "lamina/data/phantom.hpp"
#include "lamina/heads/head.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/advice.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::data;
namespace fs = std::filesystem;

namespace {

Image photo(int seed, int side = 8) {
  Image image(side, side, 3);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(i * 3 + static_cast<std::size_t>(seed) * 17);
  return image;
}
LabelImage mask_of(std::uint8_t half, int side = 8) {
  LabelImage m(side, side);
  std::fill_n(m.labels.begin(), side * side / 4, half);
  return m;
}
/// Four training and two validation pairs of two classes.
struct CheckedFolder : test::TempFolder {
  CheckedFolder() {
    for (const char* sub : {"images", "masks"}) io::create_folders(path() / sub);
    for (int i = 0; i < 6; ++i) pair(std::to_string(i), photo(i), mask_of(1));
    io::write_file_atomically(*this / "train.txt", "0\n1\n2\n3\n");
    io::write_file_atomically(*this / "val.txt", "4\n5\n");
  }
  void pair(const std::string& stem, const Image& image, const LabelImage& mask) {
    write_png(*this / ("images/" + stem + ".png"), image);
    write_png(*this / ("masks/" + stem + ".png"), mask);
  }
  CheckReport check(const DatasetOptions& options = {}) { return check_dataset(path(), options); }
};

int count(const CheckReport& report, bool is_error, const std::string& text) {
  int n = 0;
  for (const Finding& f : report.findings) n += f.is_error == is_error && f.text.find(text) != std::string::npos;
  return n;
}

}  // namespace

TEST_CASE("a mask of another size than its photograph: the rule, or that its axes are exchanged") {
  CheckedFolder f;
  write_png(f / "images/1.png", Image(8, 6, 3));
  write_png(f / "masks/1.png", LabelImage(6, 8));
  write_png(f / "masks/2.png", LabelImage(16, 16));
  const CheckReport r = f.check();
  CHECK(count(r, true, "1.png 8x6; its axes are exchanged: rows come first, as (height, width)") == 1);
  CHECK(count(r, true, "2.png 8x8; it must be as large: resize it with nearest neighbors") == 1);
}

TEST_CASE("a sound data set: counts, shares, encoding, no findings") {
  CheckedFolder f;
  const CheckReport r = f.check();
  CHECK(r.findings.empty());
  CHECK(r.encoding == MaskEncoding::index);
  CHECK(r.splits[0].items == 4);
  CHECK(r.splits[0].counts.pixels == std::vector<std::int64_t>{4 * 48, 4 * 16});
  CHECK(r.splits[1].counts.images == std::vector<std::int64_t>{2, 2});
  CHECK(r.splits[0].majority_share() == 0.75);
  CHECK(r.sizes.at("8x8") == 6);
  CHECK(train::weights_by_rule(r).at("balanced") == std::vector<double>{2.0 / 3, 2});
  CHECK(train::weights_by_rule(r).at("median") == std::vector<double>{2.0 / 3, 2});
  CHECK(r.text().find("0 errors, 0 warnings") != std::string::npos);
  CHECK(r.text().find("75.00 %") != std::string::npos);
  const auto j = nlohmann::json::parse(r.json());
  CHECK(j["ok"] == true);
  CHECK(j["splits"]["train"]["pixels"] == std::vector<int>{192, 64});
  CHECK(train::weights_by_rule(r).at("enet")[1] == doctest::Approx(1 / std::log(1.27)));
  CHECK(j["background"] == "class 0");
}

TEST_CASE("grades: weights are those of the outputs, each saying yes from a grade on") {
  CheckedFolder f;
  io::write_file_atomically(f / "dataset.json", R"({"task": "ordinal", "labels": {"none": 0, "mild": 1, "severe": 2}})");
  f.pair("0", photo(0), mask_of(2));
  f.pair("4", photo(4), mask_of(2));
  const CheckReport r = f.check();
  CHECK(r.findings.empty());
  CHECK(r.splits[0].counts.pixels == std::vector<std::int64_t>{4 * 48, 3 * 16, 16});
  const Dataset opened = open_dataset(f.path());
  for (std::size_t i = 0; i < 4; ++i) CHECK(opened.items(Split::train)[i].pixels == r.splits[0].pixels[i]);
  const ClassCounts outputs = heads::output_counts(*heads::make_head(opened.schema), opened.items(Split::train));
  CHECK(outputs.pixels == std::vector<std::int64_t>{4 * 16, 16});
  CHECK(outputs.images == std::vector<std::int64_t>{4, 1});
  CHECK(outputs.labelled == std::vector<std::int64_t>{256, 256});
  CHECK(train::weights_by_rule(r).at("balanced") == std::vector<double>{256 / (2 * 64.0), 256 / (2 * 16.0)});
  CHECK(train::weights_by_rule(r).at("enet")[0] == doctest::Approx(1 / std::log(1.02 + 0.25)));
  CHECK(train::weights_by_rule(r).at("enet")[1] == doctest::Approx(1 / std::log(1.02 + 0.0625)));
  const auto j = nlohmann::json::parse(r.json());
  CHECK(j["task"] == "ordinal");
  CHECK(j["splits"]["train"]["pixels"] == std::vector<int>{192, 48, 16});
}

TEST_CASE("overlapping labels: shares are those of all pixels") {
  CheckedFolder f;
  io::write_file_atomically(f / "dataset.json", R"({"task": "multilabel", "labels": {"red": 0, "bright": 1}})");
  for (int i = 0; i < 6; ++i) {  // red covers a quarter, bright half of that
    const std::string file = std::to_string(i) + ".png";
    fs::remove(f / ("masks/" + file));
    for (const auto& [folder, pixels] : {std::pair{"masks/red/", 16}, {"masks/bright/", 8}}) {
      LabelImage plane(8, 8);
      std::fill_n(plane.labels.begin(), pixels, std::uint8_t{255});
      io::create_folders(f / folder);
      write_png(f / (folder + file), plane);
    }
  }
  const CheckReport r = f.check();
  CHECK(r.errors() == 0);
  CHECK(r.splits[0].majority_share() == 1 - (0.25 + 0.125) / 2);
  const std::string text = r.text(), red = text.substr(text.find("\n  red ") + 1);
  CHECK(red.substr(0, red.find('\n')).find(" 25.0000    25.0000 ") != std::string::npos);
  CHECK(text.find("Always answering none is right for 81.25 %") != std::string::npos);
}

TEST_CASE("overlapping labels: what is ignored is no decision, and everything may be set") {
  CheckedFolder f;
  io::write_file_atomically(f / "dataset.json", R"({"task": "multilabel", "labels": {"red": 0, "bright": 1}, "ignore": 7})");
  for (int i = 0; i < 6; ++i) {
    const std::string file = std::to_string(i) + ".png";
    fs::remove(f / ("masks/" + file));
    for (const char* folder : {"masks/red/", "masks/bright/"}) {
      const bool red = folder[6] == 'r';
      LabelImage plane(8, 8);
      std::fill_n(plane.labels.begin(), i < 4 ? 16 : 64, std::uint8_t{255});  // the training images: a quarter is red, the rest ignored
      if (red && i < 4) std::fill(plane.labels.begin() + 16, plane.labels.end(), std::uint8_t{7});
      io::create_folders(f / folder);
      write_png(f / (folder + file), plane);
    }
  }
  const CheckReport r = f.check();
  CHECK(r.splits[0].labelled == std::vector<std::int64_t>{4 * 16, 4 * 64});
  CHECK(r.splits[0].majority_share() == 4 * 48.0 / (4 * 80));
  CHECK(r.splits[1].majority_share() == 0);
  const std::string text = r.text(), red = text.substr(text.find("\n  red ") + 1), bright = text.substr(text.find("\n  bright ") + 1);
  CHECK(red.substr(0, red.find('\n')).find("100.0000   100.0000 ") != std::string::npos);
  CHECK(bright.substr(0, bright.find('\n')).find(" 25.0000   100.0000 ") != std::string::npos);
}

TEST_CASE("every kind of defect is found, and one does not hide another") {
  CheckedFolder f;
  const std::string whole = io::read_file(f / "images/0.png");
  io::write_file_atomically(f / "images/0.png", whole.substr(0, whole.size() / 2));
  write_png(f / "masks/1.png", mask_of(1, 6));
  write_png(f / "masks/2.png", mask_of(0));
  io::write_file_atomically(f / "masks/3.png", "no image");
  write_png(f / "images/5.png", photo(4));
  io::write_file_atomically(f / "images/readme.md", "");
  const CheckReport r = f.check();
  CHECK(count(r, true, "images/0.png: the file is truncated") == 1);
  CHECK(count(r, true, "masks/1.png: the mask has 6x6 pixels, its image") == 1);
  CHECK(count(r, true, "it must be as large: resize it with nearest neighbors") == 1);
  CHECK(count(r, true, "masks/3.png: not an image") == 1);
  CHECK(count(r, false, "1 of 4 train images have no foreground: 2.png") == 1);
  CHECK(count(r, false, "4.png (val) and") == 1);
  CHECK(count(r, false, "readme.md is no image file") == 1);
  CHECK(r.errors() == 3);
  CHECK(nlohmann::json::parse(r.json())["errors"].size() == 3);
}

TEST_CASE("duplicates across splits are errors: same bytes, same pixels, same file") {
  CheckedFolder f;
  fs::copy_file(f / "images/1.png", f / "images/4.png", fs::copy_options::overwrite_existing);
  CHECK(count(f.check(), true, "1.png (train) and " + (f / "images/4.png").string() + " (val) are the same file") == 1);
  fs::remove(f / "images/4.png");
  std::string ppm = "P6 8 8 255\n";
  for (const auto v : photo(1).pixels) ppm += static_cast<char>(v);
  io::write_file_atomically(f / "images/4.ppm", ppm);
  CHECK(count(f.check(), true, "show the same pixels") == 1);
  io::write_file_atomically(f / "val.txt", "1\n5\n");
  CHECK(count(f.check(), true, "are one file") == 1);
}

TEST_CASE("labels: values outside, absent classes, ambiguous encodings") {
  CheckedFolder f;
  io::write_file_atomically(f / "dataset.json", R"({"labels": {"background": 0, "wound": 1, "scar": 2}})");
  write_png(f / "masks/5.png", mask_of(9));
  CheckReport r = f.check();
  CHECK(count(r, true, "16 pixels in 1 mask (5.png) have the value 9, which is none of the labels") == 1);
  CHECK(count(r, false, "the train split has no pixel of: scar") == 1);
  CHECK(train::weights_by_rule(r).at("balanced")[2] == 0);
  r = f.check({.ignore = 9});
  CHECK(r.errors() == 0);
  fs::remove(f / "dataset.json");
  LabelImage both = mask_of(255);
  both.labels.back() = 1;
  write_png(f / "masks/5.png", both);
  r = f.check();
  CHECK(count(r, true, "--ignore 255") == 1);
  CHECK_FALSE(r.has_encoding);
  CHECK(r.text().find("1 error,") != std::string::npos);
  CHECK(nlohmann::json::parse(r.json())["ok"] == false);
}

TEST_CASE("what cannot even be listed is a finding too") {
  CheckedFolder f;
  CHECK(count(check_dataset(f / "nothing"), true, "there is no folder") == 1);
  io::write_file_atomically(f / "dataset.json", "{");
  CHECK(count(f.check(), true, "line 1, column 2: this is no JSON") == 1);
}

TEST_CASE("class weights: closed forms") {
  // Two images of 100 labelled pixels: class 0 has 90 + 100, class 1 has 10 in the first only, class 2 never occurs.
  const ClassCounts counts{{190, 10, 0}, {2, 1, 0}, {200, 100, 0}};
  const auto weights = [&](const char* rule) { return class_weights(weight_rule_named(rule), counts); };
  const auto check = [&](const char* rule, double a, double b) {
    CAPTURE(rule);
    CHECK(weights(rule)[0] == doctest::Approx(a).epsilon(1e-12));
    CHECK(weights(rule)[1] == doctest::Approx(b).epsilon(1e-12));
    CHECK(weights(rule)[2] == 0);
  };
  check("none", 1, 1);
  check("balanced", 200.0 / (2 * 190), 200.0 / (2 * 10));
  check("inverse", 2 * (200.0 / 190) / (200.0 / 190 + 20), 2 * 20 / (200.0 / 190 + 20));
  for (const char* name : {"median", "median_freq"}) check(name, (0.95 + 0.1) / 2 / 0.95, (0.95 + 0.1) / 2 / 0.1);
  check("enet", 1 / std::log(1.02 + 0.95), 1 / std::log(1.02 + 0.05));
  const double a = 0.01 / (1 - std::pow(0.99, 190)), b = 0.01 / (1 - std::pow(0.99, 10));
  for (const char* name : {"effective", "effective_number"}) check(name, 2 * a / (a + b), 2 * b / (a + b));
  check("dice-volume", 2 * 1.0 / (1 + 19 * 19), 2 * 19.0 * 19 / (1 + 19 * 19));  // 190 pixels against 10
  CHECK_THROWS_WITH_AS(weight_rule_named("medians"), doctest::Contains("did you mean"), OptionError);
  CHECK_THROWS_AS(class_weights(WeightRule::balanced, {{0, 0}, {0, 0}, {0, 0}}), DataError);
  // The weights SegNet's authors publish for CamVid follow the median: a class at the median frequency gets 1.
  CHECK(class_weights(WeightRule::median, {{30, 20, 10}, {1, 1, 1}, {60, 60, 60}})[1] == 1);
}

TEST_CASE("phantoms: complete, exact, repeatable data sets") {
  test::TempFolder folder;
  for (const Phantom kind : {Phantom::skin, Phantom::sparse}) {
    CAPTURE(name_of(kind));
    const PhantomOptions options{.count = 27, .width = 72, .height = 64, .seed = 3};
    const fs::path a = folder / (std::string(name_of(kind)) + "_a"), b = folder / (std::string(name_of(kind)) + "_b");
    write_phantom(kind, a, options);
    write_phantom(kind, b, options);
    for (const char* sub : {"images", "masks"})
      for (const auto& entry : fs::directory_iterator(a / sub))
        CHECK(io::read_file(entry.path()) == io::read_file(b / sub / entry.path().filename()));
    const CheckReport r = check_dataset(a);
    CHECK(r.errors() == 0);
    CHECK(r.encoding == MaskEncoding::palette);
    CHECK(r.schema.background == 0);
    CHECK(r.schema.classes() == (kind == Phantom::skin ? 9 : 32));
    CHECK(r.splits[0].items == 19);
    CHECK(r.splits[1].items == 4);
    CHECK(r.splits[2].items == 4);
    if (kind == Phantom::skin) {
      for (const auto n : r.splits[0].counts.pixels) CHECK(n > 0);
    } else {
      CHECK(r.splits[0].majority_class() == 0);
      CHECK(r.splits[0].majority_share() > 0.975);
      CHECK(r.splits[0].majority_share() < 0.997);
    }
    CHECK(draw_phantom(kind, 0, 64, 64, {1, 0}).image.pixels != draw_phantom(kind, 0, 64, 64, {2, 0}).image.pixels);
  }
  CHECK_THROWS_WITH_AS(phantom_named("skins"), doctest::Contains("did you mean \"skin\""), OptionError);
  CHECK_THROWS_AS(draw_phantom(Phantom::skin, 0, 8, 64, {}), OptionError);
  CHECK_THROWS_AS(write_phantom(Phantom::skin, folder / "x", {.count = 0}), OptionError);
  CHECK_THROWS_AS(write_phantom(Phantom::skin, folder / "x", {.width = 8}), OptionError);
  CHECK_FALSE(fs::exists(folder / "x"));
  CheckedFolder mine;  // photographs and lists of one's own: nothing of them is replaced
  CHECK_THROWS_AS(write_phantom(Phantom::skin, mine.path(), {.count = 3, .width = 16, .height = 16}), OptionError);
  CHECK(io::read_file(mine / "train.txt") == "0\n1\n2\n3\n");
  io::write_file_atomically(folder / "file", "");
  CHECK_THROWS_AS(write_phantom(Phantom::skin, folder / "file", {.count = 3, .width = 16, .height = 16}), IoError);
  io::create_folders(folder / "lists");
  io::write_file_atomically(folder / "lists/train.txt", "mine");
  CHECK_THROWS_WITH_AS(write_phantom(Phantom::skin, folder / "lists", {.count = 3, .width = 16, .height = 16}),
                       doctest::Contains("lists is not empty (it has train.txt)"), OptionError);
  CHECK(io::read_file(folder / "lists/train.txt") == "mine");
  io::create_folders(folder / "stopped/images");  // as a kill leaves it
  io::write_file_atomically(folder / "stopped/.unfinished_phantom", "");
  io::write_file_atomically(folder / "stopped/images/.lamina-1-1.tmp", "half");
  write_phantom(Phantom::skin, folder / "stopped", {.count = 3, .width = 16, .height = 16});
  CHECK_FALSE(fs::exists(folder / "stopped/.unfinished_phantom"));
  CHECK(check_dataset(folder / "stopped").errors() == 0);
  CHECK_FALSE(fs::exists(folder / "stopped/images/.lamina-1-1.tmp"));
  write_phantom(Phantom::skin, folder / "y", {.count = 3, .width = 16, .height = 16});
  CHECK_THROWS_AS(write_phantom(Phantom::skin, folder / "y", {.count = 3, .width = 16, .height = 16}), OptionError);
}

TEST_CASE("an uncertain band separates skin from what is behind it") {
  for (int scene = 0; scene < phantom_scenes(Phantom::skin); ++scene) {
    const LabelImage m = draw_phantom(Phantom::skin, scene, 128, 128, {11, static_cast<std::uint64_t>(scene)}).labels;
    int touching = 0, skin = 0;
    for (int y = 0; y < 127; ++y)
      for (int x = 0; x < 127; ++x) {
        skin += m.at(x, y) >= 2;
        for (const std::uint8_t other : {m.at(x + 1, y), m.at(x, y + 1)})
          touching += (m.at(x, y) == 0) != (other == 0) && m.at(x, y) != 1 && other != 1;
      }
    CAPTURE(scene);
    CHECK(skin > 500);
    CHECK(touching <= 4);
  }
}

TEST_CASE("crops are advised where objects are small, not where their class is") {
  const auto set = [](int side, int count) {
    const TempFolder w;
    for (const char* sub : {"images", "masks"}) io::create_folders(w / sub);
    for (const char* stem : {"a.png", "b.png"}) {
      LabelImage mask(1200, 1000);
      for (int k = 0; k < count; ++k)
        for (int p = 0; p < side * side; ++p) mask.at(20 + k % 20 * 50 + p % side, 20 + k / 20 * 50 + p / side) = 1;
      write_png(w / "images" / stem, Image(1200, 1000, 3, static_cast<std::uint8_t>(*stem)));
      write_png(w / "masks" / stem, mask);
    }
    std::map<std::string, std::string> options;
    for (const train::Recommendation& r : train::recommend(check_dataset(w.path()))) options[r.option] = r.value + ": " + r.reason;
    return options;
  };
  auto one = set(20, 1);  // 0.03 % of the pixels, and 8 pixels wide when brought to 512
  CHECK(one["--resize"].starts_with("stretch"));
  CHECK(one["--size"].starts_with("512x432"));
  auto many = set(9, 300);  // 2 %, and 4 pixels wide
  CHECK(many["--resize"].starts_with("crop: brought to 512x432, half of the objects of 'class 1' would be less than 3.8 pixels wide"));
  CHECK(many["--size"].starts_with("512x512"));
  CHECK_FALSE(many.contains("--crop-foreground"));
  CHECK(set(9, 30).contains("--crop-foreground"));
}
