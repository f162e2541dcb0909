// Names of labels as people and annotation tools spell them.
#include "lamina/core/text.hpp"
#include "support/imports.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {
std::string shapes_of(const std::string& photo, const std::string& shapes) {
  return R"({"imagePath": ")" + photo + R"(", "imageWidth": 4, "imageHeight": 3, "shapes": [)" + shapes + "]}";
}
}  // namespace

TEST_CASE("blanks around a label of coco, labelme or voc make no other one, and are told; capitals are told") {
  Source s;
  for (const char* photo : {"a.png", "b.png"}) s.photo(photo);
  const auto shape = [](const std::string& label) {
    return R"({"label": ")" + label + R"(", "points": [[0, 0], [1, 0], [1, 1], [0, 1]]})";
  };
  s.text("a.json", shapes_of("a.png", shape("cat") + ", " + shape("\\u00a0cat \\t")));
  s.text("b.json", shapes_of("b.png", shape("cat ") + ", " + shape("Cat")));
  const Import i("labelme", s);
  CHECK(i.dataset.schema.names == Names{"background", "Cat", "cat"});
  CHECK(i.made.notes.at(0).starts_with("2 labels taken without blanks around"));
  CHECK(i.made.notes.at(1).starts_with("1 pair of labels that differ in capitals alone, and are two classes"));
  CHECK(i.made.notes.at(1).find("'Cat' and 'cat'") != std::string::npos);
  for (const char* label : {" ", ""}) {
    s.text("b.json", shapes_of("b.png", shape(label)));
    CHECK(import_fault("labelme", s).find("b.json: shape 1: a label has no name") != std::string::npos);
  }
  s.text("b.json", shapes_of("b.png", shape(std::string(300, 'x'))));
  CHECK(import_fault("labelme", s).find("b.json: shape 1: a label has 300 bytes in its name") != std::string::npos);
  Source c;
  c.photo("a.png");
  c.text("c.json", R"({"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 3, "name": "car"}, {"id": 4, "name": " car"}],
    "annotations": [{"image_id": 1, "category_id": 4, "segmentation": [[0, 0, 2, 0, 1, 2]]}]})");
  CHECK(Import("coco", c).dataset.schema.names == Names{"background", "car"});
  Source v;
  for (const char* stem : {"1", "2"})
    v.photo(message("JPEGImages/", stem, ".png")),
        v.mask(message("SegmentationClass/", stem, ".png"), {0, 1, 0, 0}, {{0, 0, 0}, {255, 0, 0}});
  v.text("labelmap.txt", "background :0,0,0::\nwound : 255,0,0::\n");
  CHECK(Import("voc", v).dataset.schema.names == Names{"background", "wound"});
}

TEST_CASE("names of labels: blanks around them, capitals, lengths") {
  DataFolder f;
  f.masks(labels({0, 1, 2}));
  f.text("dataset.json", R"({"labels": {"a": 0, "cat": 1, "cat ": 2}})");
  refuses(f, "two labels are called 'cat ' but for blanks around");
  f.text("dataset.json", "{\"labels\": {\"a\": 0, \"" + std::string(300, 'x') + "\": 1, \"b\": 2}}");
  refuses(f, "a label has 300 bytes in its name, 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..', and 200 are the most");
  f.text("dataset.json", "{\"labels\": {\"" + std::string(150, 'y') + "\": 0, \"" + std::string(200, 'x') + "\": 1, \"b\": 2}}");
  const std::string text = check_dataset(f.path()).text();
  for (std::size_t begin = text.find('\n') + 1, end; begin < text.size() && text.compare(begin, 10, "  warning ") != 0; begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    CHECK_MESSAGE(end - begin <= 100, text.substr(begin, end - begin));
  }
}
