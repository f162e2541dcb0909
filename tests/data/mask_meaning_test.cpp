// What masks mean where it could be taken for something else: read as the data says, or told, with what to type.
#include <nlohmann/json.hpp>

#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "lamina/io/npy.hpp"
#include "support/data_folder.hpp"
#include "support/formats.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kStems[] = {"a", "b", "c", "d"};

/// Masks of one row of three pixels: .npy of (1, 3, planes), or of (planes, 1, 3).
void write_planes(DataFolder& f, const std::vector<std::uint8_t>& v, bool first) {
  const auto planes = static_cast<std::int64_t>(v.size() / 3);
  std::vector<std::uint8_t> samples = v;
  for (std::size_t p = 0; first && p < 3; ++p)
    for (std::size_t k = 0; k < v.size() / 3; ++k) samples[k * 3 + p] = v[p * (v.size() / 3) + k];
  for (const char* stem : kStems)
    io::write_npy(f / message("masks/", stem, ".npy"),
                  Tensor::from<std::uint8_t>(samples, first ? Shape{planes, 1, 3} : Shape{1, 3, planes}));
}

Labels labels_in(DataFolder& f, const DatasetOptions& options = {}, const char* name = "a") {
  const Dataset d = open_dataset(f.path(), options);
  for (const Item& item : d.all_items())
    if (item.name == name) return read_mask(item, d.masks).labels;
  return {};
}

/// The object that stands in a text, from the first brace that makes one.
nlohmann::json json_in(const std::string& text, const std::string& begin) {
  const std::size_t from = text.find(begin);
  REQUIRE_MESSAGE(from != std::string::npos, text);
  int depth = 0;
  for (std::size_t i = from; i < text.size(); ++i) {
    depth += (text[i] == '{') - (text[i] == '}');
    if (depth == 0) return nlohmann::json::parse(text.substr(from, i + 1 - from));
  }
  FAIL("no end: " << text);
  return {};
}

std::string reason_of(DataFolder& f) {
  try {
    open_dataset(f.path());
  } catch (const DataError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("one-hot planes without the background: they are the other labels in their order, wherever the background stands") {
  for (const bool first : {false, true}) {
    DataFolder f;
    write_planes(f, {1, 0, 0, 0, 0, 1}, first);  // lesion, nothing, vessel
    for (const char* json : {R"({"labels": {"lesion": 0, "vessel": 1, "background": 2}})",
                             R"({"labels": {"lesion": 0, "vessel": 1, "rest": 2}, "roles": {"background": "rest"}})",
                             R"({"labels": {"lesion": 3, "vessel": 5, "background": 9}})"}) {
      f.text("dataset.json", json);
      const Dataset d = open_dataset(f.path());
      CHECK(labels_in(f) == Labels{0, 2, 1});
      CHECK(d.schema.background == 2);
      CHECK(told(d.findings, "is taken to be") == 0);
      CHECK(d.masks.describe(d.schema).find("0 lesion, 1 vessel, none ") != std::string::npos);
      // A checkpoint says the same, and what is predicted stands beside the masks.
      const LabelSchema again = parse_label_schema(to_json(d.schema), "again");
      CHECK(read_mask(d.all_items()[0], MaskDecoder(*again.reading.encoding, again)).labels == Labels{0, 2, 1});
      CHECK(encode_mask(labels({0, 2, 1}), again) == encode_mask(labels({0, 2, 1}), d.schema));
      write_mask(f / "masks/d.npy", labels({1, 0, 2}), d.schema);
      CHECK(labels_in(f, {}, "d") == Labels{1, 0, 2});
      write_planes(f, {1, 0, 0, 0, 0, 1}, first);
    }
    f.text("dataset.json", R"({"labels": {"lesion": 0, "background": 1, "vessel": 2}})");
    CHECK(labels_in(f) == Labels{0, 1, 2});
    f.text("dataset.json", R"({"labels": {"background": 0, "lesion": 5, "vessel": 7}})");
    CHECK(labels_in(f) == Labels{1, 0, 2});
  }
}

TEST_CASE("one-hot planes and nothing that says which label has none: the value 0, and this is told; an option says it") {
  DataFolder f;
  write_planes(f, {1, 0, 0, 0, 0, 1}, false);
  f.text("dataset.json", R"({"labels": {"lesion": 0, "vessel": 1, "rest": 2}})");
  CHECK(labels_in(f) == Labels{1, 0, 2});
  CHECK(told(open_dataset(f.path()).findings, "'lesion' is taken to be where none of the 2 is set") == 1);
  CHECK(labels_in(f, {.background = "rest"}) == Labels{0, 2, 1});
  CHECK(told(open_dataset(f.path(), {.background = "rest"}).findings, "is taken to be") == 0);
  f.text("dataset.json", R"({"labels": {"lesion": 0, "vessel": 1, "background": 2}, "encoding": "foreground_planes"})");
  refuses(f, "the background is 'background': write \"unmarked\"");
  f.text("dataset.json",
         R"({"labels": {"lesion": 0, "vessel": 1, "background": 2}, "encoding": "foreground_planes", "unmarked": "background"})");
  CHECK(labels_in(f) == Labels{0, 2, 1});
  for (const unsigned ignored : {1, 2}) refuses(f, "2 planes, and 2 labels of which 'background' has none", {.ignore = ignored});
  f.text("dataset.json", R"({"labels": {"lesion": 0, "vessel": 1}, "unmarked": "skin"})");
  refuses(f, "'unmarked' names 'skin', which is not in 'labels'");
  f.text("dataset.json", R"({"labels": {"lesion": 0, "vessel": 1, "a": 2, "background": 3}})");
  refuses(f, "2 planes for 4 labels; there is a plane for every label, or for all but the background");
  f.text("dataset.json", R"({"task": "ordinal", "labels": {"none": 0, "mild": 1}})");  // no lower grade is made up
  refuses(f, "no plane, which is none of the labels");
}

TEST_CASE("two colors of a palette, the lighter first: no background is made up, and this is told") {
  DataFolder f;
  f.masks(labels({0, 1, 1}), std::vector<Rgb>{kWhite, kBlack});
  const Dataset d = open_dataset(f.path());
  CHECK(d.schema.background == -1);
  CHECK(told(d.findings, "makes the value 0 #ffffff and 1 #000000, the lighter one first") == 1);
  CHECK(told(check_dataset(f.path()).findings, "--background 1 (\"labels\": {\"marked\": 0, \"background\": 1}") == 1);
  const Dataset chosen = open_dataset(f.path(), {.background = "1"});
  CHECK(chosen.schema.background == 1);
  CHECK(chosen.findings.empty());
  f.text("dataset.json", R"({"labels": {"marked": 0, "background": 1}})");
  CHECK(open_dataset(f.path()).schema.background == 1);
  CHECK(open_dataset(f.path()).findings.empty());
  fs::remove(f / "dataset.json");
  f.masks(labels({0, 1, 1}), std::vector<Rgb>{kBlack, kWhite});
  CHECK(open_dataset(f.path()).schema.background == 0);
  CHECK(open_dataset(f.path()).findings.empty());
}

TEST_CASE("labels called as colors have these; an order that is guessed is told, with what to write") {
  DataFolder f;
  f.masks(rgb({kBlack, kRed, kBlue}));
  f.text("dataset.json", R"({"labels": {"background": 0, "blue": 1, "red": 2}})");
  CHECK(f.read("a") == Labels{0, 2, 1});
  CHECK(open_dataset(f.path()).findings.empty());
  f.text("dataset.json", R"({"labels": {"Blue": 0, "scar": 1, "background": 2}})");  // what is left
  CHECK(f.read("a") == Labels{2, 1, 0});
  f.text("dataset.json", R"({"labels": {"Blue": 0, "Red": 1}})");
  CHECK(f.read("a") == Labels{0, 2, 1});
  CHECK(open_dataset(f.path()).schema.names[0] == "background");
  f.text("dataset.json", R"({"labels": {"background": 0, "green": 1, "scar": 2}})");
  refuses(f, "nothing says which color is which class");
  f.text("dataset.json", R"({"labels": {"wound": 0, "scar": 1, "background": 2}})");
  CHECK(f.read("a") == Labels{2, 0, 1});
  const std::vector<Finding> findings = open_dataset(f.path()).findings;
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].text.find("in the order red, green, blue, as #ff0000 wound, #0000ff scar") != std::string::npos);
  const auto json = nlohmann::json::parse("{" + findings[0].text.substr(findings[0].text.find("\"colors\"")) + "}");
  f.text("dataset.json", R"({"labels": {"wound": 0, "scar": 1, "background": 2}, "colors": )" + json["colors"].dump() + "}");
  CHECK(f.read("a") == Labels{2, 0, 1});
  CHECK(open_dataset(f.path()).findings.empty());
  f.masks(rgb({kGreen, kRed, kBlue}));
  f.text("dataset.json", R"({"labels": {"blue": 0, "green": 1, "red": 2}})");
  CHECK(f.read("a") == Labels{1, 2, 0});
  f.text("dataset.json", R"({"labels": {"x": 0, "y": 1, "z": 2}})");
  CHECK(told(open_dataset(f.path()).findings, "as #ff0000 x, #00ff00 y, #0000ff z") == 1);
}

TEST_CASE("orientation that a mask has and its photograph has not: told, and an option that reads the pixels as they are stored") {
  DataFolder f;
  const auto write = [&](const char* kind, int orientation, auto image_of) {
    for (const char* stem : kStems)
      io::write_file_atomically(f / message(kind, '/', stem, ".png"), oriented(encode_png(image_of(*stem)), orientation));
  };
  const auto mask = [](char) { return labels({0, 1, 2}); };
  const auto photo = [](char stem) { return Image(3, 1, 3, static_cast<std::uint8_t>(stem)); };
  write("masks", 3, mask);
  const char* finding = "4 masks are turned by their own EXIF or TIFF orientation, which is not that of the photograph";
  CHECK(told(check_dataset(f.path()).findings, finding) == 1);
  CHECK(labels_in(f) == Labels{2, 1, 0});
  CHECK(labels_in(f, {.mask_frame = "stored"}) == Labels{0, 1, 2});
  CHECK(told(check_dataset(f.path(), {.mask_frame = "stored"}).findings, "orientation") == 0);
  write("images", 3, photo);  // alike: both are turned
  CHECK(told(check_dataset(f.path()).findings, "orientation") == 0);
  CHECK(labels_in(f) == Labels{2, 1, 0});
  CHECK(labels_in(f, {.mask_frame = "stored"}) == Labels{2, 1, 0});
  write("images", 2, photo);
  CHECK(told(check_dataset(f.path()).findings, finding) == 1);
  CHECK(labels_in(f, {.mask_frame = "stored"}) == Labels{2, 1, 0});
  write("images", 1, photo);
  write("masks", 6, mask);
  CHECK(told(check_dataset(f.path()).findings, "1x3 pixels after applying its EXIF orientation 6, its image", true) == 1);
  CHECK(told(check_dataset(f.path()).findings, "need --mask-frame stored", true) == 1);
  CHECK(labels_in(f, {.mask_frame = "stored"}) == Labels{0, 1, 2});
  CHECK(check_dataset(f.path(), {.mask_frame = "stored"}).errors() == 0);
}

TEST_CASE("--others ignore: pixels of a palette that are counted nowhere are told, too") {
  DataFolder f;
  f.text("dataset.json", R"({"labels": {"background": 0, "red": 1}})");
  f.masks(labels({0, 1, 2}), std::vector<Rgb>{kBlack, kRed, kGreen});
  const CheckReport r = check_dataset(f.path(), {.others = "ignore"});
  CHECK(r.errors() == 0);
  CHECK(told(r.findings, ") have the value 2: counted nowhere (--others ignore)") == 1);
}

TEST_CASE("values with gaps: the likely cause is told, and the labels to write") {
  DataFolder f;
  f.masks(labels({0, 7, 9}));
  const std::vector<Finding> findings = open_dataset(f.path()).findings;
  REQUIRE(told(findings, "the masks hold the values 0, 7, 9, and nothing says what they mean: all from 0 to 9 are classes") == 1);
  f.text("dataset.json", json_in(findings[0].text, "{\"labels\"").dump());
  CHECK(f.read("a") == Labels{0, 1, 2});
  CHECK(open_dataset(f.path()).findings.empty());

  DataFolder stray;
  LabelImage mask(200, 100, 1);
  for (std::size_t i = 0; i < 10000; ++i) mask.labels[i] = 0;
  stray.masks(mask);
  for (const char* stem : kStems) write_png(stray / message("images/", stem, ".png"), Image(200, 100, 3, static_cast<std::uint8_t>(*stem)));
  mask.labels[5] = 17;
  write_png(stray / "masks/c.png", mask);
  const std::vector<Finding> told_of = open_dataset(stray.path()).findings;
  REQUIRE(told(told_of, "1 pixel has the value 17, first in " + (stray / "masks/c.png").string() + " (a slip? correct it") == 1);
  CHECK(json_in(told_of[0].text, "{\"labels\"") == nlohmann::json::parse(R"({"labels": {"class 0": 0, "class 1": 1}})"));
}

TEST_CASE("gray levels that a lossy file smeared: a threshold, or labels and colors that can be copied") {
  const auto smeared = [](std::initializer_list<std::uint8_t> levels) {
    DataFolder f;
    LabelImage mask(100, 10);
    std::size_t at = 0;
    for (const std::uint8_t level : levels)
      for (const std::size_t end = at + 1000 / levels.size(); at < end; ++at)
        mask.labels[at] = static_cast<std::uint8_t>(at % 50 ? level : level > 128 ? level - at / 50 % 14 : level + at / 50 % 14);
    f.masks(mask);
    for (const char* stem : kStems) write_png(f / message("images/", stem, ".png"), Image(100, 10, 3, static_cast<std::uint8_t>(*stem)));
    return reason_of(f);
  };
  const std::string two = smeared({0, 255});
  CHECK(two.find("Most pixels are near 0, 255, ") != std::string::npos);
  CHECK(two.find("--mask-threshold 0.5 marks what is above") != std::string::npos);
  CHECK(json_in(two, "{\"labels\"")["colors"]["class 255"] == "#ffffff");
  DataFolder often;  // every twentieth pixel, with one value each
  LabelImage edges(100, 10);
  for (std::size_t i = 0; i < edges.labels.size(); ++i) edges.labels[i] = i % 20 ? (i < 500 ? 0 : 255) : i < 500 ? 4 : 250;
  for (const int extra : {8, 12, 240}) edges.labels[static_cast<std::size_t>(extra)] = static_cast<std::uint8_t>(extra);
  often.masks(edges);
  for (const char* stem : kStems) write_png(often / message("images/", stem, ".png"), Image(100, 10, 3, static_cast<std::uint8_t>(*stem)));
  CHECK(reason_of(often).find("Most pixels are near 0, 255, ") != std::string::npos);
  const std::string three = smeared({0, 127, 254});
  CHECK(three.find("--mask-threshold") == std::string::npos);
  CHECK(json_in(three, "{\"labels\"")["labels"].size() == 3);
  CHECK(json_in(three, "{\"labels\"")["colors"]["class 127"] == "#7f7f7f");

  DataFolder exact;
  exact.masks(labels({0, 128, 255}));
  const std::string text = reason_of(exact);
  CHECK(text.find("foreground") == std::string::npos);  // which would merge one
  CHECK(json_in(text, "{\"labels\"") == nlohmann::json::parse(R"({"labels": {"class 0": 0, "class 128": 128, "class 255": 255}})"));
}

TEST_CASE("fields that would have no effect, or drop a label: what is said names it") {
  const auto bad = [](const char* json, const char* reason) {
    CHECK_THROWS_WITH_AS(parse_label_schema(json, "d.json"), doctest::Contains(reason), DataError);
  };
  const LabelSchema without = parse_label_schema(R"({"labels": {"a": 0, "b": 1, "c": 2}, "ignore": 2})", "d.json");
  CHECK(without.field_note == "d.json: 'ignore' is 2, the value of the label 'c', which is no class therefore");
  CHECK(without.names == std::vector<std::string>{"a", "b"});
  bad(R"({"labels": {"a": 0, "b": 1}, "roles": {"foreground": ["a", "b"]}})", "write \"roles\": {\"background\": []}");
  CHECK(parse_label_schema(R"({"labels": {"a": 0, "b": 1, "ignore": 2}, "ignore": 2})", "d.json").ignore == 2);
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  f.text("groups.txt", "a one\nb one\n");
  CHECK(told(check_dataset(f.path()).findings, "2 photographs are in no group of groups.txt, and each is taken to be of nobody else's: ") ==
        1);
}

TEST_CASE("many files of one fault are one line, with examples and what to do") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  for (const char* stem : {"b", "c", "d"}) fs::rename(f / message("masks/", stem, ".png"), f / message("masks/", stem, "_color.png"));
  for (const char* stem : kStems) write_png(f / message("images/x", stem, ".png"), Image(3, 1, 3, static_cast<std::uint8_t>(*stem + 50)));
  for (const char* stem : {"b", "c", "d"}) fs::create_symlink(f / "gone", f / message("images/link_", stem, ".png"));
  f.text("train.txt", "a\nn1\nn2\nn3\nn4\n");
  std::vector<Finding> findings = check_dataset(f.path()).findings;
  CHECK(told(findings,
             "link_b.png cannot be read: it is a pipe, a device, or a link that leads nowhere (3 are so: link_b.png, link_c.png, "
             "link_d.png): if they are links of an import whose source was moved",
             true) == 1);
  CHECK(told(findings, "train.txt line 2: 'n1' is neither", true) == 1);
  CHECK(told(findings, "(4 are so: n1, n2, n3, n4): correct the names", true) == 1);
  CHECK(told(findings, "line 3", true) == 0);
  fs::remove(f / "train.txt");
  for (const char* stem : {"b", "c", "d"}) fs::remove(f / message("images/link_", stem, ".png"));
  for (const char* stem : {"b", "c", "d"}) fs::copy(f / message("masks/", stem, "_color.png"), f / message("masks/", stem, ".png"));
  findings = check_dataset(f.path()).findings;
  CHECK(told(findings, "xa.png has no mask " + (f / "masks/xa.*").string() + " (4 are so: xa.png, xb.png, xc.png, xd.png): draw them, list",
             true) == 1);
  CHECK(told(findings, "(3 are so: b_color.png, c_color.png, d_color.png, all of them with '_color' at the end): a mask is called", true) ==
        1);
  CHECK(std::count_if(findings.begin(), findings.end(), [](const Finding& x) { return x.is_error; }) == 2);
}

TEST_CASE("numbers with and without zeros in front are the same") {
  DataFolder f;
  for (const char* stem : kStems) {
    fs::rename(f / message("images/", stem, ".png"), f / message("images/", stem, *stem - 'a' + 1, ".png"));
    write_png(f / message("masks/", stem, "000", *stem - 'a' + 1, "_mask.png"), labels({0, 1, static_cast<std::uint8_t>(*stem == 'c')}));
  }
  const Dataset d = open_dataset(f.path());
  CHECK(told(d.findings, "4 masks belong to their photographs by the number without its zeros: a1.png with masks/a0001_mask.png") == 1);
  for (const Item& item : d.all_items()) CHECK(read_mask(item, d.masks).labels[2] == (item.name == "c3"));
}
