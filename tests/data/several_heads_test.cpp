// Sets that ask several things of every pixel, each with labels of its own.
#include "support/several_heads.hpp"

#include "lamina/data/check.hpp"
#include "lamina/data/draw.hpp"
#include "lamina/data/loader.hpp"
#include "support/data_folder.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {
/// Three pixels; "c" has no tissue, "d" no marks and no damage B.
void three_pixels(DataFolder& f) {
  f.text("dataset.json", kThreeHeads);
  for (const std::string& plane : kPlaneFolders) io::create_folders(f / ("masks/" + plane));
  for (const std::string stem : {"a", "b", "c", "d"}) {
    const auto write = [&](const char* plane, std::vector<std::uint8_t> values) {
      write_png(f / ("masks/" + std::string(plane) + "/" + stem + ".png"), labels(std::move(values)));
    };
    if (stem != "c") write("tissue", {0, 2, 9});
    if (stem != "d") write("marks/hair", {255, 0, 0}), write("marks/ruler", {255, 255, 0}), write("damage/B", {1, 0, 0});
    write("damage/A", {2, 2, 0});
  }
}
LabelSchema parsed(const std::string& json) { return parse_label_schema(json, "it"); }
}  // namespace

TEST_CASE("several heads: each reads its own masks; counted one after the other; what a file lacks is said") {
  DataFolder f;
  three_pixels(f);
  const Dataset d = open_dataset(f.path(), {.validation_share = 0});
  CHECK(d.schema.task == Task::several);
  CHECK(d.masks.planes() == 5);
  CHECK(d.schema.plane_names() == std::vector<std::string>(std::begin(kPlaneFolders), std::end(kPlaneFolders)));
  CHECK(d.schema.counted() == std::vector<std::string>{"tissue background", "tissue skin", "tissue nail", "marks no hair", "marks hair",
                                                       "marks no ruler", "marks ruler", "damage A none", "damage A mild", "damage A severe",
                                                       "damage B none", "damage B mild", "damage B severe"});
  CHECK(d.schema.counted_colors().size() == 13);
  std::vector<int> planes, values, none;
  for (const LabelSchema::Label& l : d.schema.counted_labels())
    planes.push_back(l.plane), values.push_back(l.label), none.push_back(l.background);
  CHECK(planes == std::vector<int>{0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4});
  CHECK(values == std::vector<int>{0, 1, 2, 0, 1, 0, 1, 0, 1, 2, 0, 1, 2});
  CHECK(none == std::vector<int>{1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0});
  CHECK(d.schema.no_finding() == std::vector<bool>(none.begin(), none.end()));
  const std::vector<Item>& items = d.items(Split::train);
  CHECK(items[0].pixels == std::vector<std::int64_t>{1, 0, 1, 2, 1, 1, 2, 1, 0, 2, 2, 1, 0});
  CHECK(read_mask(items[0], d.masks).labels == Labels{0, 1, 1, 2, 1, 2, 0, 1, 2, 0, 255, 0, 0, 0, 0});
  CHECK(items[2].pixels == std::vector<std::int64_t>{0, 0, 0, 2, 1, 1, 2, 1, 0, 2, 2, 1, 0});
  CHECK(read_mask(items[2], d.masks).labels == Labels{255, 1, 1, 2, 1, 255, 0, 1, 2, 0, 255, 0, 0, 0, 0});
  CHECK(items[3].pixels == std::vector<std::int64_t>{1, 0, 1, 3, 0, 3, 0, 1, 0, 2, 3, 0, 0});
  CHECK(read_mask(items[3], d.masks).labels == Labels{0, 0, 0, 2, 0, 2, 0, 0, 2, 0, 255, 0, 0, 0, 0});
  CHECK(told(d.findings, "tissue has no file for 1 of 4 images, such as c: nothing is known of it there") == 1);
  CHECK(told(d.findings, "marks/hair has no file for 1 of 4 images, such as d: it is taken to be nowhere") == 1);
  CHECK(d.schema.of_head(read_mask(items[0], d.masks), 1).labels == Labels{1, 1, 0, 1, 0, 0});
  CHECK(d.schema.of_head(read_mask(items[0], d.masks), 0).planes == 0);
  CHECK_THROWS_WITH_AS(encode_mask(read_mask(items[0], d.masks), d.schema),
                       doctest::Contains("write_mask(path, schema.of_head(labels, h), schema.heads[h])"), DataError);
  Loader loader(d, Split::train, {.batch = 4, .width = 3, .height = 1, .threads = 0});
  loader.start(0);
  Batch batch;
  REQUIRE(loader.next(batch));
  CHECK(batch.at(kLabels).shape() == Shape{4, 1, 3, 5});

  const CheckReport report = check_dataset(f.path());
  CHECK(report.errors() == 0);
  for (const char* word : {"tissue: gray index masks: 0 background, 1 skin, 2 nail; 9 ignored; marks: multilabel",
                           "tissue: background: 'background'", "each head's own score"})
    CHECK_MESSAGE(report.text().find(word) != std::string::npos, word << "\n" << report.text());
  std::int64_t known = 0, nails = 0;
  for (const SplitSummary& s : report.splits) known += s.labelled[2], nails += s.counts.pixels[2];
  CHECK(known == 6);  // of three photographs two pixels each
  CHECK(nails == 3);
}

TEST_CASE("nothing is there: the background, no plane, the lowest grade whatever it is called; or nothing says what does") {
  using None = std::vector<bool>;
  const std::string sky = R"({"labels": {"sky": 0, "red": 1, "green": 2})",
                    hair = R"({"task": "multilabel", "labels": {"hair": 0, "pen": 1}})",
                    grades = R"({"task": "ordinal", "labels": {"fine": 0, "bad": 1}})";
  CHECK(parsed(sky + "}").no_finding().empty());
  CHECK(parsed(sky + R"(, "roles": {"background": "red"}})").no_finding() == None{false, true, false});
  CHECK(parsed(hair).no_finding() == None{false, false});
  CHECK(parsed(grades).no_finding() == None{true, false});
  CHECK(parsed(R"({"task": "ordinal", "planes": ["a", "b"], "labels": {"fine": 0, "bad": 1}})").no_finding() ==
        None{true, false, true, false});
  CHECK(parsed(R"({"heads": {"h": )" + hair + R"(, "s": )" + sky + R"(}, "g": )" + grades + "}}").no_finding() ==
        None{true, false, true, false, false, false, false, true, false});
}

TEST_CASE("what is graded, each by itself: where its grades begin among what is counted") {
  const std::string planes = R"({"task": "ordinal", "planes": ["a", "b"], "labels": {"fine": 0, "bad": 1}})";
  CHECK(parsed(R"({"labels": {"sky": 0, "red": 1}})").scales().empty());
  const LabelSchema schema =
      parsed(R"({"heads": {"h": {"task": "multilabel", "labels": {"hair": 0}}, "g": {"task": "ordinal", "labels": {"x": 0, "y": 1, "z": 2}},
                 "p": )" +
             planes + "}}");
  REQUIRE(schema.scales().size() == 3);
  const std::vector<std::string> counted = schema.counted(), first{"g x", "p a fine", "p b fine"}, names{"g", "p a", "p b"};
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(schema.scales()[k].name == names[k]);
    CHECK(counted[schema.scales()[k].first] == first[k]);
    CHECK(schema.scales()[k].grades == (k ? 2 : 3));
  }
  CHECK(parsed(planes).scales()[1].name == "b");
  CHECK(parsed(planes).scales()[1].first == 2);
}

TEST_CASE("several heads: dataset.json and back; what fits no head is refused where it stands") {
  const LabelSchema schema = parsed(kThreeHeads);
  const LabelSchema again = parsed(to_json(schema));
  CHECK(to_json(again) == to_json(schema));
  CHECK(again.heads.size() == 3);
  CHECK(again.heads[0].ignore == 9u);
  CHECK(again.heads[2].planes == std::vector<std::string>{"A", "B"});
  std::vector<Rgb> shown;  // every label that is drawn has a color of its own
  for (const Rgb& c : schema.counted_colors())
    if (c != kBlack) shown.push_back(c);
  std::sort(shown.begin(), shown.end());
  CHECK(std::unique(shown.begin(), shown.end()) == shown.end());
  CHECK(shown.size() == 8);
  const auto fails = [](const std::string& json, const char* why) {
    CHECK_THROWS_WITH_AS(parsed(json), doctest::Contains(why), DataError);
  };
  fails(R"({"heads": {}})", "'heads' is not an object of names");
  fails(R"({"heads": {"a": {"labels": {"x": 0, "y": 1}}}, "labels": {"x": 0}})", "'labels' stands in each of \"heads\"");
  fails(R"({"heads": {"a": {"labels": {"x": 0, "y": 1}}}, "task": "ordinal"})", "'task' stands in each");
  fails(R"({"heads": {"a/b": {"labels": {"x": 0, "y": 1}}}})", "'a/b' cannot name a head");
  fails(R"({"heads": {"a": {"heads": {"b": {}}}}})", "a head has no \"heads\"");
  fails(R"({"heads": {"a": {"labels": {"x": 0, "y": 1}, "mask_frame": "stored"}}})", "'mask_frame' stands beside");
  fails("{\"heads\": {\"a\": {\"labels\": {\"x\": 0}},\n \"b\": {\"labels\": {\"x\": -1}}}}", "it line 2, column");
  fails(R"({"heads": {"a": {"task": "ordinal", "labels": {"x": 0, "y": 2}}}})", "head 'a': task 'ordinal' needs grades numbered");
  fails(R"({"task": "several", "labels": {"x": 0, "y": 1}})", "task 'several' is none of");

  DataFolder f;
  three_pixels(f);
  refuses(f, "--background skin: each of several heads has its own", {.background = "skin"});
  write_png(f / "masks/tissue/b.png", labels({0, 7, 0}));
  refuses(f, "tissue/b.png: 1 pixel has the value 7");
  write_png(f / "masks/tissue/b.png", labels({0, 1}));
  refuses(f, "marks/hair/b.png: 3x1 pixels, but");
  write_png(f / "masks/tissue/b.png", labels({0, 1, 0}));
  write_png(f / "masks/damage/B/b.png", labels({0, 3, 0}));
  refuses(f, "B/b.png: the pixel at (1, 0) has the value 3, which is none of the grades 0 to 2");
  std::filesystem::remove_all(f / "masks/tissue");
  refuses(f, "has a folder of masks, but not tissue");
}

TEST_CASE("several heads are drawn over each other; crops look for what any of them finds") {
  DataFolder f;
  three_pixels(f);
  const Dataset d = open_dataset(f.path(), {.validation_share = 0});
  LabelImage mask(4, 1, 0, 5);
  mask.labels = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2};
  const std::vector<Rgb> colors = d.schema.counted_colors();
  const Image drawn = draw_labels(Image(4, 1, 3, 100), mask, d.schema, 1);
  CHECK(drawn.pixels[0] == 100);
  for (int c = 0; c < 3; ++c) {
    const auto k = static_cast<std::size_t>(c);
    CHECK(drawn.at(1, 0)[c] == colors[1][k]);
    CHECK(drawn.at(2, 0)[c] == colors[6][k]);
    CHECK(drawn.at(3, 0)[c] == colors[12][k]);
  }
  LabelImage said = mask;
  said.labels = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  CHECK(errors_of(said, mask, d.schema).labels == Labels{0, 1, 1, 1});
  CHECK(errors_of(mask, said, d.schema).labels == Labels{0, 2, 2, 2});

  const auto share = [&](const std::vector<LabelSchema::Label>& counted) {
    LoaderOptions o{.batch = 1, .width = 1, .height = 1, .resize = Resize::crop, .random_crop = true, .crops = 50, .foreground = 1};
    o.counted = counted;
    Loader loader(std::vector<Item>{d.items(Split::train)[0]}, d.masks, o);
    loader.start(0);
    double nails = 0;
    for (Batch b; loader.next(b);) nails += b.at(kLabels).to_vector<std::uint8_t>()[0] == 2;
    return nails / 50;
  };
  std::vector<LabelSchema::Label> nail_alone = d.schema.counted_labels();
  for (LabelSchema::Label& l : nail_alone) l.background = !(l.plane == 0 && l.label == 2);
  CHECK(share(nail_alone) == 1);
  CHECK(share(d.schema.counted_labels()) < 0.9);
}
