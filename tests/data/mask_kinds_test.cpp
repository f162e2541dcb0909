// What masks say by the files that they are in, and what is asked of those that say it not.
#include <doctest/doctest.h>

#include "lamina/data/check.hpp"
#include "lamina/io/npy.hpp"
#include "support/data_folder.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

TEST_CASE("a folder a class belongs to the class of its name, wherever the one without a folder stands") {
  for (const char* labels :
       {R"("none": 0, "scar": 1, "burn": 2)", R"("scar": 0, "none": 1, "burn": 2)", R"("burn": 0, "scar": 5, "none": 7)"}) {
    CAPTURE(labels);
    DataFolder f;
    std::filesystem::create_directories(f / "masks/scar");
    std::filesystem::create_directories(f / "masks/burn");
    for (const char* stem : {"a", "b", "c", "d"}) {
      write_png(f / ("images/" + std::string(stem) + ".png"), Image(4, 1, 3, static_cast<std::uint8_t>(*stem)));
      for (const auto& [name, marked] : {std::pair{"scar", Labels{255, 0, 0, 0}}, {"burn", Labels{0, 255, 255, 0}}}) {
        LabelImage mask(4, 1);
        mask.labels = marked;
        write_png(f / ("masks/" + std::string(name) + "/" + stem + ".png"), mask);
      }
    }
    f.text("dataset.json", std::string(R"({"labels": {)") + labels + R"(}, "roles": {"background": "none"}})");
    const auto names_of = [](const Dataset& d) {
      std::vector<std::string> names;
      for (const std::uint8_t label : read_mask(d.items(Split::train)[0], d.masks).labels) names.push_back(d.schema.names[label]);
      return names;
    };
    const Dataset d = open_dataset(f.path());
    CHECK(names_of(d) == std::vector<std::string>{"scar", "burn", "burn", "none"});
    CHECK(d.items(Split::train)[0].pixels[static_cast<std::size_t>(d.schema.class_named("burn"))] == 2);
    CHECK(names_of(open_dataset(f.path(), {.background = "scar"})) == names_of(d));  // which class scores leave out is another matter
    // What a checkpoint keeps of it.
    const LabelSchema kept = parse_label_schema(to_json(d.schema), "it");
    CHECK(to_json(kept) == to_json(d.schema));
    const MaskDecoder decoder(*kept.reading.encoding, kept);
    CHECK(read_mask(d.items(Split::train)[0], decoder).labels == read_mask(d.items(Split::train)[0], d.masks).labels);
  }
}

TEST_CASE("one-hot arrays of three planes, and pictures: what is predicted is written as they are") {
  for (const bool array : {true, false}) {
    LabelSchema schema;
    Raster raster;
    raster.width = 4, raster.height = 1, raster.channels = 3, raster.format = array ? FileFormat::npy : FileFormat::png;
    raster.samples = {0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255};
    const MaskDecoder decoder = resolve_masks({inspect_mask(raster, "m", schema)}, schema);
    const LabelImage mask = decoder.decode(raster, "m");
    CHECK(mask.labels == Labels{0, 1, 2, 3});
    CHECK(mask_ending(schema) == std::string(array ? ".npy" : ".png"));
    const Raster again = decode_raster(encode_mask(mask, schema), "again");
    CHECK(again.format == raster.format);
    LabelSchema both;
    CHECK(resolve_masks({inspect_mask(raster, "m", both), inspect_mask(again, "again", both)}, both).decode(again, "again").labels ==
          mask.labels);
  }
}

TEST_CASE("the axes of a one-hot array are told apart by its photograph's size") {
  struct Case {
    int width, height, planes;
  };
  for (const auto& [width, height, planes] : {Case{12, 5, 7}, Case{4, 4, 3}, Case{64, 16, 20}, Case{20, 40, 36}, Case{5, 12, 2}})
    for (const bool lead : {true, false})
      for (const bool compare : {true, false}) {
        CAPTURE(width);
        CAPTURE(lead);
        CAPTURE(compare);
        DataFolder f;
        const auto label = [planes = planes](int x, int y, int stem) { return (3 * x + 5 * y + stem) % planes; };
        for (const char* stem : {"a", "b", "c", "d"}) {
          write_png(f / ("images/" + std::string(stem) + ".png"), Image(width, height, 3, static_cast<std::uint8_t>(*stem)));
          const auto h = static_cast<std::size_t>(height), w = static_cast<std::size_t>(width), c = static_cast<std::size_t>(planes);
          std::vector<std::uint8_t> values(h * w * c);
          for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x) {
              const auto at = static_cast<std::size_t>(y) * w + static_cast<std::size_t>(x);
              const auto k = static_cast<std::size_t>(label(x, y, *stem));
              values[lead ? k * h * w + at : at * c + k] = 1;
            }
          io::write_npy(f / ("masks/" + std::string(stem) + ".npy"),
                        Tensor::from<std::uint8_t>(std::span<const std::uint8_t>(values),
                                                   lead ? Shape{planes, height, width} : Shape{height, width, planes}));
        }
        const Dataset d = open_dataset(f.path(), {.compare_photos = compare});
        const Item& item = d.items(Split::train)[0];
        const LabelImage mask = read_mask(item, d.masks);
        REQUIRE(mask.width == width);
        REQUIRE(mask.height == height);
        bool same = true;
        for (int y = 0; y < height; ++y)
          for (int x = 0; x < width; ++x) same &= mask.at(x, y) == label(x, y, item.name[0]);
        CHECK(same);
      }
}

TEST_CASE("255 beside 0 alone is what is marked: nobody is told to leave it out; labels to write are values that are there") {
  const auto refused = [](std::vector<std::pair<Labels, unsigned>> masks, std::initializer_list<const char*> words, bool ignore) {
    std::vector<MaskContent> contents;
    LabelSchema schema;
    for (const auto& [values, most] : masks) {
      Raster raster;
      raster.width = static_cast<int>(values.size()), raster.height = 1, raster.max_value = most;
      for (const std::uint8_t v : values) {
        raster.samples.push_back(v);
        if (most > 255) raster.samples.push_back(0);
      }
      contents.push_back(inspect_mask(raster, "m" + std::to_string(contents.size()), schema));
    }
    try {
      (void)resolve_masks(contents, schema);
      FAIL_CHECK("read");
    } catch (const DataError& e) {
      for (const char* word : words) CHECK_MESSAGE(std::string(e.what()).find(word) != std::string::npos, e.what());
      CHECK((std::string(e.what()).find("--ignore 255") != std::string::npos) == ignore);
    }
  };
  refused({{{0, 255, 0}, 65535}}, {R"({"labels": {"class 0": 0, "class 255": 255}})"}, false);
  refused({{{0, 255}, 255}, {{0, 2}, 255}}, {"255 stands beside 0 alone", "the value 2", "first in m1"}, false);
  refused({{{0, 1, 255}, 255}}, {R"({"labels": {"class 0": 0, "class 1": 1, "class 255": 255}})"}, true);
  refused({{{0, 100}, 255}}, {R"(Write dataset.json, with names of your own: {"labels": {"class 0": 0, "class 100": 100}})"}, false);
}

TEST_CASE("check tells of masks that teach nothing") {
  const auto check_of = [](const Labels& values, const char* json) {
    DataFolder f;
    f.masks(labels(values));
    f.text("dataset.json", json);
    return check_dataset(f.path());
  };
  const CheckReport nothing = check_of({9, 9, 9}, R"({"labels": {"a": 1, "b": 2}, "ignore": 9})");
  CHECK(nothing.errors() == 1);
  CHECK(told(nothing.findings, "no training pixel has a label", true) == 1);
  const CheckReport one = check_of({1, 9, 1}, R"({"labels": {"a": 1, "b": 2}, "ignore": 9})");
  CHECK(one.errors() == 0);
  CHECK(told(one.findings, "every training pixel with a label is 'a': there is nothing to tell apart") == 1);
  CHECK(told(check_of({1, 2, 9}, R"({"labels": {"a": 1, "b": 2}, "ignore": 9})").findings, "nothing to") == 0);
}

TEST_CASE("a label has a name that can be shown") {
  for (const char* name : {"", "a\\nb", "a\\u0000"})
    check_throws<DataError>([&] { (void)parse_label_schema(std::string(R"({"labels": {"ok": 0, ")") + name + R"(": 1}})", "it"); },
                            {"it", "a label has"});
}

TEST_CASE("photographs in folders beside others are told, with what reads them") {
  DataFolder f;
  f.masks(labels({0, 1, 0}));
  CHECK(told(check_dataset(f.path()).findings, "left out") == 0);
  std::filesystem::create_directories(f / "images/p2");
  std::filesystem::copy_file(f / "images/a.png", f / "images/p2/z.png");
  CHECK(told(check_dataset(f.path()).findings, "1 folder of photographs inside " + (f / "images").string() + " left out: ") == 1);
  CHECK(told(open_dataset(f.path()).findings, " import tree ") == 1);
}

TEST_CASE("a mask threshold marks what is above a share of full intensity") {
  DataFolder f;
  f.masks(labels({20, 60, 255}));
  const auto read = [&](const DatasetOptions& options) {
    const Dataset d = open_dataset(f.path(), options);
    CHECK(d.schema.names.size() == 2);
    CHECK(to_json(parse_label_schema(to_json(d.schema), "it")) == to_json(d.schema));
    return read_mask(d.items(Split::train)[0], d.masks).labels;
  };
  CHECK(read({.mask_threshold = 0.1}) == Labels{0, 1, 1});
  CHECK(read({.mask_threshold = 0.5}) == Labels{0, 0, 1});
  f.text("dataset.json", R"({"mask_threshold": 0.1})");
  CHECK(read({}) == Labels{0, 1, 1});
  CHECK(read({.mask_threshold = 0.5}) == Labels{0, 0, 1});
  f.text("dataset.json", R"({"mask_threshold": 1.5})");
  refuses(f, "'mask_threshold' is no share");
  std::filesystem::remove(f / "dataset.json");
  CHECK_THROWS_WITH_AS(read({.mask_threshold = 1}), doctest::Contains("is no share of full intensity below 1"), OptionError);
  f.masks(labels({0, 1, 0}), std::array{kBlack, kRed});
  refuses(f, "a palette mask has labels, not intensities", {.mask_threshold = 0.5});
  // Numbers of arrays are shares of 1; a folder a class says which class is marked.
  for (const char* stem : {"a", "b", "c", "d"}) {
    std::filesystem::remove(f / ("masks/" + std::string(stem) + ".png"));
    io::write_npy(f / ("masks/" + std::string(stem) + ".npy"), Tensor::from({0.05f, 0.4f, 1.f}, {1, 3}));
  }
  refuses(f, "no whole number");
  CHECK(read({.mask_threshold = 0.1}) == Labels{0, 1, 1});
  for (const char* stem : {"a", "b", "c", "d"}) {
    std::filesystem::remove(f / ("masks/" + std::string(stem) + ".npy"));
    std::filesystem::create_directories(f / "masks/scar");
    write_png(f / ("masks/scar/" + std::string(stem) + ".png"), labels({20, 60, 255}));
  }
  f.text("dataset.json", R"({"labels": {"background": 0, "scar": 1}, "task": "multilabel", "roles": {"background": []}})");
  std::filesystem::create_directories(f / "masks/background");
  const Dataset planes = open_dataset(f.path(), {.mask_threshold = 0.1});
  CHECK(read_mask(planes.items(Split::train)[0], planes.masks).labels == Labels{0, 0, 0, 1, 0, 1});
  f.text("dataset.json", R"({"labels": {"background": 0, "scar": 1}})");
  std::filesystem::remove(f / "masks/background");
  CHECK(read({.mask_threshold = 0.1}) == Labels{0, 1, 1});
}

TEST_CASE("smeared colors are sent to --nearest-color, whether labels are known or not") {
  DataFolder f;
  Image many(40, 40, 3), few(40, 40, 3);
  for (int i = 0; i < 1600; ++i) {
    for (int c = 0; c < 3; ++c) many.pixels[static_cast<std::size_t>(3 * i + c)] = static_cast<std::uint8_t>(i * (7 + c) % 251);
    few.pixels[static_cast<std::size_t>(3 * i)] = static_cast<std::uint8_t>(240 + i % 16);
  }
  for (const char* stem : {"a", "b", "c", "d"})
    write_png(f / ("images/" + std::string(stem) + ".png"), Image(40, 40, 3, static_cast<std::uint8_t>(*stem)));
  f.masks(many);
  refuses(f, "--nearest-color");
  f.masks(few);
  refuses(f, "--nearest-color");
  f.text("dataset.json", R"({"labels": {"x": 0, "y": 1}, "colors": {"x": "#000000", "y": "#ff0000"}})");
  refuses(f, "--nearest-color");
  CHECK(open_dataset(f.path(), {.others = "nearest"}).schema.names.size() == 2);
}
