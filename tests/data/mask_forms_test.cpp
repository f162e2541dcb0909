// Planes in the channels, or pages, of one file: told apart, and written as they were read.
#include <doctest/doctest.h>

#include "lamina/data/check.hpp"
#include "lamina/data/impl/decoders.hpp"
#include "lamina/io/npy.hpp"
#include "support/data_folder.hpp"
#include "support/formats.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

/// A picture of 3 x 1 pixels of `channels`.
std::string png(const Labels& samples, int channels) {
  Image image(3, 1, channels);
  image.pixels = samples;
  return data::detail::encode_png_channels(image);
}
std::string npy(const Labels& samples, const Shape& shape) { return io::format_npy(Tensor::from<std::uint8_t>(samples, shape)); }

/// Masks of the photograph "a" and of the others, both of the same ending.
void write(DataFolder& f, const std::string& ending, const std::string& a, const std::string& others) {
  for (const char* stem : {"a", "b", "c", "d"}) f.text("masks/" + std::string(stem) + ending, *stem == 'a' ? a : others);
}
Labels labels_of(const Dataset& d, const std::string& name) {
  for (const Item& item : d.all_items())
    if (item.name == name) return read_mask(item, d.masks).labels;
  return {};
}

/// What is decided, put in the place of the masks by what a checkpoint keeps, is read as the same again.
void comes_back(DataFolder& f, const std::string& ending, const Labels& a, bool beside = true) {
  const Dataset d = open_dataset(f.path());
  CHECK(labels_of(d, "a") == a);
  const LabelSchema kept = parse_label_schema(to_json(d.schema), "kept");
  CHECK(to_json(kept) == to_json(d.schema));
  REQUIRE(kept.has_one_file());
  CHECK(mask_ending(kept) == ending);
  for (const Item& item : d.all_items()) {
    const LabelImage mask = read_mask(item, d.masks);
    if (beside && item.name == "b") continue;
    fs::remove(item.mask);
    write_mask(f / ("masks/" + item.name + mask_ending(kept)), mask, kept);
  }
  CHECK(check_dataset(f.path()).errors() == 0);
  const Dataset again = open_dataset(f.path());
  for (const Item& item : d.all_items()) CHECK(labels_of(again, item.name).size() == a.size());
  CHECK(labels_of(again, "a") == a);
  CHECK(again.schema.names == d.schema.names);
}

/// A little-endian TIFF of gray 8-bit pages in one row, each with its SUBFILETYPE.
std::string pages(const std::vector<std::pair<Labels, unsigned>>& all) {
  const auto number = [](std::size_t v, int size) {
    std::string s;
    for (int i = 0; i < size; ++i) s += static_cast<char>(v >> 8 * i);
    return s;
  };
  std::string file = "II*" + std::string(1, '\0') + number(0, 4);
  std::size_t link = 4;
  for (const auto& [row, kind] : all) {
    const std::size_t strip = file.size();
    file.append(row.begin(), row.end());
    if (file.size() % 2) file += '\0';
    file.replace(link, 4, number(file.size(), 4));
    const std::vector<std::pair<unsigned, std::size_t>> tags{{254, kind}, {256, row.size()}, {257, 1}, {258, 8}, {259, 1},
                                                             {262, 1},    {273, strip},      {277, 1}, {278, 1}, {279, row.size()}};
    file += number(tags.size(), 2);
    for (const auto& [tag, value] : tags) file += number(tag, 2) + number(4, 2) + number(1, 4) + number(value, 4);
    link = file.size();
    file += number(0, 4);
  }
  return file;
}

}  // namespace

TEST_CASE("planes in the channels of one file are written so, as arrays or pictures, and read the same beside the others") {
  const auto json = [](int count) {
    std::string text;
    for (int k = 0; k < count; ++k) text += (k ? ", \"" : "\"") + std::string(1, static_cast<char>('p' + k)) + "\": " + std::to_string(k);
    return R"({"task": "multilabel", "labels": {)" + text + "}}";
  };
  const auto times = [](Labels samples, int factor) {
    for (std::uint8_t& v : samples) v = static_cast<std::uint8_t>(v * factor);
    return samples;
  };
  for (const int planes : {1, 2, 3, 4, 5})
    for (const int full : {1, 255})
      for (const bool array : {true, false}) {
        if (!array && planes > 4) continue;
        CAPTURE(planes);
        CAPTURE(full);
        CAPTURE(array);
        Labels a(static_cast<std::size_t>(3 * planes), 0), others = a;
        for (std::size_t i = 0; i < a.size(); ++i) a[i] = i % 4 != 1, others[i] = i % 5 == 0;
        const auto file = [&](const Labels& values) {
          const Labels samples = times(values, full);
          return array ? npy(samples, {1, 3, planes}) : png(samples, planes);
        };
        DataFolder f;
        f.text("dataset.json", json(planes));
        write(f, array ? ".npy" : ".png", file(a), file(others));
        CHECK(check_dataset(f.path()).mask_formats == std::map<std::string, int>{{array ? "npy" : "png", 4}});
        comes_back(f, array ? ".npy" : ".png", a);
      }
  DataFolder lead;
  lead.text("dataset.json", json(2));
  write(lead, ".npy", npy({1, 0, 1, 0, 0, 1}, {2, 1, 3}), npy({0, 0, 1, 1, 0, 1}, {2, 1, 3}));
  comes_back(lead, ".npy", {1, 0, 0, 0, 1, 1});
  for (const bool array : {true, false}) {
    DataFolder graded;
    graded.text("dataset.json", R"({"task": "ordinal", "planes": ["A", "B", "C"], "labels": {"none": 0, "mild": 1, "severe": 2}})");
    const Labels a{0, 1, 2, 2, 1, 0, 0, 0, 1}, others{0, 0, 2, 1, 1, 0, 2, 0, 1};
    write(graded, array ? ".npy" : ".png", array ? npy(a, {1, 3, 3}) : png(a, 3), array ? npy(others, {1, 3, 3}) : png(others, 3));
    comes_back(graded, array ? ".npy" : ".png", a);
  }
}

TEST_CASE("RGBA with one of four channels set is one-hot of four, also where a mask alone would not tell") {
  for (const std::uint8_t set : {std::uint8_t{255}, std::uint8_t{1}}) {
    CAPTURE(set);
    DataFolder f;
    write(f, ".png", png({0, set, 0, 0, 0, 0, 0, set, set, 0, 0, 0}, 4), png({0, 0, set, 0, 0, 0, 0, set, 0, set, 0, 0}, 4));
    f.text("masks/c.png", png({0, 0, 0, set, 0, 0, 0, set, 0, 0, 0, set}, 4));  // opaque and black
    f.text("masks/d.png", png({set, 0, 0, 0, 0, 0, set, 0, 0, 0, set, 0}, 4));  // clear
    const CheckReport report = check_dataset(f.path());
    CHECK(report.errors() == 0);
    CHECK(told(report.findings, "alpha channel") == 0);
    CHECK(told(report.findings, "one-hot planes, red, green, blue and alpha") == 1);
    CHECK(told(report.findings, R"("encoding": "colors")") == 1);
    const Dataset d = open_dataset(f.path());
    CHECK(d.masks.encoding() == MaskEncoding::planes);
    CHECK(d.schema.names.size() == 4);
    CHECK(labels_of(d, "c") == Labels{3, 3, 3});
    CHECK(labels_of(d, "d") == Labels{0, 2, 2});
    for (const Item& item : d.all_items()) {
      std::vector<std::int64_t> pixels(4);
      for (const std::uint8_t label : labels_of(d, item.name)) ++pixels[label];
      CHECK(item.pixels == pixels);
    }
    comes_back(f, ".png", {1, 3, 0});
  }
  DataFolder bare;  // without a plane for the background
  write(bare, ".png", png({0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255}, 4), png({0, 0, 255, 0, 0, 0, 0, 0, 255, 0, 0, 0}, 4));
  const Dataset five = open_dataset(bare.path());
  CHECK(five.masks.encoding() == MaskEncoding::foreground_planes);
  CHECK(five.schema.names[0] == "background");
  CHECK(labels_of(five, "b") == Labels{3, 0, 1});
  CHECK(told(five.findings, "red, green, blue and alpha") == 1);
  CHECK(five.all_items()[0].pixels == std::vector<std::int64_t>{1, 0, 1, 0, 1});
  comes_back(bare, ".png", {2, 0, 4});
  bare.text("dataset.json", R"({"labels": {"background": 0, "w": 1, "x": 2, "y": 3, "z": 4}})");
  CHECK(told(check_dataset(bare.path()).findings, "RGBA") == 0);
  DataFolder opaque;  // RGBA of colors: black masks are no fourth class
  write(opaque, ".png", png({255, 0, 0, 255, 0, 0, 0, 255, 0, 0, 255, 255}, 4), png({0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255}, 4));
  const Dataset d = open_dataset(opaque.path());
  CHECK(d.schema.names.size() == 3);
  CHECK(labels_of(d, "a") == Labels{1, 0, 2});
  CHECK(labels_of(d, "b") == Labels{0, 0, 0});
}

TEST_CASE("RGBA of colors whose alpha is what they leave are colors: a class that no mask has is none") {
  DataFolder two;
  write(two, ".png", png({255, 0, 0, 0, 0, 0, 0, 255, 0, 255, 0, 0}, 4), png({0, 0, 0, 255, 0, 0, 0, 255, 255, 0, 0, 0}, 4));
  const Dataset d = open_dataset(two.path());
  CHECK(d.schema.names.size() == 3);
  CHECK(labels_of(d, "a") == Labels{1, 0, 2});
  CHECK(labels_of(d, "b") == Labels{0, 0, 1});
  CHECK(d.all_items()[0].pixels == std::vector<std::int64_t>{1, 1, 1});
  CHECK(told(d.findings, R"("encoding": "planes" and a label for each of R, G, B and A)") == 1);
  two.text("dataset.json", R"({"labels": {"w": 0, "x": 1, "y": 2, "z": 3}, "encoding": "planes"})");
  CHECK(labels_of(open_dataset(two.path()), "a") == Labels{0, 3, 1});
  DataFolder one;  // of one color
  write(one, ".png", png({255, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 255}, 4), png({0, 0, 0, 255, 0, 0, 0, 255, 255, 0, 0, 0}, 4));
  refuses(one, "nothing says which color is which class");
  DataFolder mixed;  // one pixel says that alpha is none
  write(mixed, ".png", png({255, 0, 0, 0, 0, 0, 0, 255, 0, 255, 0, 0}, 4), png({0, 0, 255, 255, 0, 0, 0, 255, 0, 0, 255, 0}, 4));
  CHECK(open_dataset(mixed.path()).schema.names.size() == 4);
  CHECK(labels_of(open_dataset(mixed.path()), "b") == Labels{3, 0, 3});
  CHECK(told(open_dataset(mixed.path()).findings, "one-hot planes, red") == 0);
  DataFolder shades;  // neither 1 nor full
  write(shades, ".png", png({9, 0, 0, 0, 0, 0, 0, 9, 0, 9, 0, 0}, 4), png({0, 0, 9, 0, 0, 0, 0, 9, 9, 0, 0, 0}, 4));
  refuses(shades, "nothing says which color is which class");
}

TEST_CASE("pages of a mask are one-hot planes, planes that may overlap, or an error; smaller copies are none" *
          doctest::skip(!reads_tiff())) {
  DataFolder f;
  const auto page = [](const Labels& row, unsigned kind = 0) { return std::pair{row, kind}; };
  write(f, ".tif", pages({page({9, 0, 0}), page({0, 9, 0}), page({0, 0, 9})}), pages({page({9, 9, 9}), page({0, 0, 0}), page({0, 0, 0})}));
  comes_back(f, ".npy", {0, 1, 2});
  DataFolder unmarked;  // the background has no page
  write(unmarked, ".tif", pages({page({9, 0, 0}), page({0, 9, 0})}), pages({page({0, 0, 0}), page({0, 0, 0})}));
  comes_back(unmarked, ".npy", {1, 2, 0});
  const auto none = std::string("3 pages, which are not one-hot planes");
  for (const auto& mask :
       {pages({page({1, 0, 0}), page({0, 1, 0}), page({0, 0, 2})}), pages({page({1, 0, 0}), page({1, 1, 0}), page({0, 0, 1})}),
        pages({page({1, 0, 0}), page({0, 1, 0}), page({0, 0})})}) {
    DataFolder other;
    write(other, ".tif", mask, mask);
    CHECK(told(check_dataset(other.path()).findings, none, true) == 1);
    refuses(other, "tiffcp");
  }
  DataFolder overlapping;
  overlapping.text("dataset.json", R"({"task": "multilabel", "labels": {"x": 0, "y": 1}})");
  write(overlapping, ".tif", pages({page({1, 0, 1}), page({1, 1, 0})}), pages({page({0, 0, 1}), page({1, 0, 0})}));
  comes_back(overlapping, ".npy", {1, 1, 0, 1, 1, 0});
  DataFolder pyramid;
  write(pyramid, ".tif", pages({page({0, 1, 2}), page({0}, 1)}), pages({page({2, 1, 2}), page({0}, 1)}));
  CHECK(labels_of(open_dataset(pyramid.path()), "a") == Labels{0, 1, 2});
}

TEST_CASE("a fault of at least half of the files is told once; others by file") {
  DataFolder f;
  write(f, ".npy", io::format_npy(Tensor::from<float>(std::vector<float>{0.25f, 0, 1}, {1, 3})),
        io::format_npy(Tensor::from<float>(std::vector<float>{0, 0.3f, 1}, {1, 3})));
  const CheckReport all = check_dataset(f.path());
  CHECK(all.errors() == 1);
  CHECK(told(all.findings, "4 of 4 masks are so: ", true) == 1);
  refuses(f, "1 error");
  for (const char* stem : {"c", "d"}) {
    fs::remove(f / ("masks/" + std::string(stem) + ".npy"));
    write_png(f / ("masks/" + std::string(stem) + ".png"), labels({0, 1, 2}));
  }
  CHECK(told(check_dataset(f.path()).findings, "is no whole number", true) == 2);
}

TEST_CASE("a bitmap's mask says how it is read; a photograph's bitmap not") {
  DataFolder f;
  write(f, ".pbm", "P1 3 1 0 1 0", "P1 3 1 1 1 0");
  CHECK(told(check_dataset(f.path()).findings, "its 1, which is black, is read as 0") == 1);
  CHECK(decode_raster("P1 3 1 0 1 0", "photo").notes.empty());
}
