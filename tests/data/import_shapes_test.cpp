// JSON of annotation tools as people have it: where photographs are, what a shape is, which layout it is.
#include "lamina/core/text.hpp"
#include "support/imports.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

std::string labelme(const std::string& photo, const std::string& shapes) {
  return R"({"imagePath": ")" + photo + R"(", "imageWidth": 4, "imageHeight": 3, "shapes": [)" + shapes + "]}";
}
const std::string kFirstPixel = R"({"label": "wound", "points": [[0, 0], [1, 0], [1, 1], [0, 1]]})";

std::string coco(const std::string& images, const std::string& annotations) {
  return R"({"images": [)" + images + R"(], "categories": [{"id": 3, "name": "car"}], "annotations": [)" + annotations + "]}";
}

}  // namespace

TEST_CASE("annotations find their photographs: in another folder, by their folders, by their split") {
  Source s;
  for (const char* photo : {"images/a.png", "x/b.png", "y/b.png"}) s.photo(photo);
  s.text("annotations/a.json", labelme(R"(..\\images\\a.png)", kFirstPixel));
  s.text("y/elsewhere.json", labelme("b.png", kFirstPixel));  // the one beside it
  const Import i("labelme", s);
  CHECK(i.row("a") == Labels{1, 0, 0, 0});
  CHECK(fs::canonical(i.folder / "out/images/b.png") == fs::canonical(s / "y/b.png"));
  s.text("z/b.json", labelme("b.png", kFirstPixel));
  CHECK(import_fault("labelme", s).find("\"b.png\" may be " + (s / "x/b.png").string() + " or " + (s / "y/b.png").string()) !=
        std::string::npos);
  s.text("z/b.json", labelme("gone.png", kFirstPixel));
  CHECK(import_fault("labelme", s).find("there is no photograph gone.png") != std::string::npos);

  Source splits;
  for (const char* photo : {"train2017/1.png", "val2017/1.png", "val2017/2.png"}) splits.photo(photo);
  splits.text("annotations/val.json", coco(R"({"id": 1, "file_name": "1.png", "width": 4, "height": 3}, {"id": 2, "file_name": "2.png"})",
                                           R"({"image_id": 2, "category_id": 3, "segmentation": [0, 0, 4, 0, 4, 1, 0, 1]})"));
  const Import j("coco", splits);
  CHECK(fs::canonical(j.folder / "out/images/1.png") == fs::canonical(splits / "val2017/1.png"));
  CHECK(j.row("2") == Labels{1, 1, 1, 1});  // one flat polygon; the size is the photograph's
  CHECK(j.row("1") == Labels{0, 0, 0, 0});
}

TEST_CASE("coco, labelme: photographs that no annotation names are told") {
  Source s, t;
  for (const char* photo : {"a.png", "b.png", "c.png"}) s.photo(photo), t.photo(photo);
  s.text("x.json",
         coco(R"({"id": 1, "file_name": "a.png", "width": 4, "height": 3}, {"id": 2, "file_name": "b.png", "width": 4, "height": 3})",
              R"({"image_id": 1, "category_id": 3, "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]})"));
  for (const char* name : {"a", "b"}) t.text(message(name, ".json"), labelme(message(name, ".png"), name[0] == 'a' ? kFirstPixel : ""));
  for (const auto& [kind, source] : {std::pair<const char*, const Source*>{"coco", &s}, {"labelme", &t}}) {
    const Import i(kind, *source);
    CHECK(i.row("b") == Labels{0, 0, 0, 0});
    CHECK(i.made.notes[0] == "1 photograph left out, without an annotation: " + (*source / "c.png").string());
  }
}

TEST_CASE("coco, labelme: photographs of one name are called by their folders, too") {
  Source s, t;
  const char* images[] = {"s0/1.png", "s1/1.png", "s1/2.png"};
  std::string listed;
  for (int k = 0; k < 3; ++k) {
    s.photo(message("images/", images[k]));
    listed += message(k ? ", " : "", R"({"id": )", k, R"(, "file_name": ")", images[k], R"(", "width": 4, "height": 3})");
    t.photo(images[k]);
    t.text(fs::path(images[k]).replace_extension(".json").string(), labelme(fs::path(images[k]).filename().string(), k ? kFirstPixel : ""));
  }
  s.text("x.json", coco(listed, R"({"image_id": 1, "category_id": 3, "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]})"));
  for (const auto& [kind, source] : {std::pair<const char*, const Source*>{"coco", &s}, {"labelme", &t}}) {
    const Import i(kind, *source);
    CHECK(i.row("s0_1") == Labels{0, 0, 0, 0});
    CHECK(i.row("s1_1") == Labels{1, 0, 0, 0});
    CHECK(i.row("2").size() == 4);
    CHECK(i.made.notes[0] == "2 photographs called by folder and name, as the name alone is another's, too: s0_1, s1_1");
  }
}

TEST_CASE("labelme: a photograph that is in the JSON alone is taken out of it; one that is damaged is named") {
  // gray PNGs of 4 x 3 pixels
  const std::string first = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAADCAAAAACRn/EaAAAADklEQVR42mNgBwIGOAEAAoUAVcbaREEAAAAASUVORK5CYII=";
  const std::string second = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAADCAAAAACRn/EaAAAADklEQVR42mOIAgIGOAEAH7MEOR/4M/AAAAAASUVORK5CYII=";
  const auto with = [](const std::string& data) {
    return R"({"imagePath": "gone.png", "imageData": ")" + data + R"(", "shapes": [)" + kFirstPixel + "]}";
  };
  Source s;
  s.text("a.json", with(first));
  s.text("b.json", with(second));
  const Import i("labelme", s);
  CHECK(read_image(i.folder / "out/images/a.png").pixels[0] == 7);
  CHECK(i.row("a") == Labels{1, 0, 0, 0});
  REQUIRE(i.made.notes.size() > 0);
  CHECK(i.made.notes[0].starts_with("2 photographs taken out of the JSON (imageData)"));
  for (const auto& [data, words] : {std::pair{std::string(first).replace(8, 1, "?"), "b.json: imageData: this is no base64"},
                                    {first.substr(0, 41), "b.json: imageData: base64 that is cut off"},
                                    {std::string("SGVsbG8="), "b.json: imageData: not an image"}}) {
    s.text("b.json", with(data));
    CHECK_MESSAGE(import_fault("labelme", s).find(words) != std::string::npos, import_fault("labelme", s));
  }
}

TEST_CASE("coco: key points and captions of the same photographs are left alone; what means nothing is told") {
  Source s;
  for (const char* photo : {"a.png", "b.png"}) s.photo(photo);
  const std::string images =
      R"({"id": 1, "file_name": "a.png", "width": 4, "height": 3}, {"id": 2, "file_name": "b.png", "width": 4, "height": 3})";
  s.text("instances_train.json", coco(images, R"({"image_id": 1, "category_id": 3, "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]})"));
  s.text("person_keypoints_train.json", coco(images, R"({"image_id": 1, "category_id": 3, "segmentation": [[0, 0, 4, 0, 4, 3, 0, 3]]})"));
  CHECK(Import("coco", s).row("a") == Labels{1, 0, 0, 0});
  const auto told = [&](const std::string& annotation) {
    s.text("instances_train.json", coco(images, annotation));
    return import_fault("coco", s);
  };
  CHECK(told(R"({"image_id": 1, "category_id": 9, "segmentation": []})").find("category 9, which has no name") != std::string::npos);
  CHECK(told(R"({"image_id": 1, "category_id": 3, "segmentation": {"size": [4, 3], "counts": [3, 9]}})").find("photograph of [3, 4]") !=
        std::string::npos);
  CHECK(told(R"({"id": 71, "image_id": 1, "category_id": 3, "segmentation": {"size": [3, 4], "counts": [3, 99]}})")
            .find("annotation 71 of " + (s / "a.png").string() + ": run lengths leave the photograph") != std::string::npos);
  CHECK(told(R"({"image_id": 1, "category_id": 3, "segmentation": [["x", 0, 1, 0, 1, 1]]})").find("annotation \"without id\" of ") !=
        std::string::npos);
  CHECK(told(R"({"image_id": 1e999, "category_id": 3})").find("line 1, column ") != std::string::npos);
  const fs::path both = s / "instances_train.json";
  s.text("instances_train.json",
         R"({"images": [], "annotations": [], "categories": [{"id": 3, "name": "car"}, {"id": 3, "name": "dog"}]})");
  CHECK(import_fault("coco", s).find(both.string() + ": the category 3 is called 'car' and 'dog'") != std::string::npos);
  for (const auto& [annotation, fault] :
       {std::pair{R"({"id": 5, "image_id": null, "category_id": 3})", "annotation 5: \"image_id\" is null"},
        {R"({"id": 5, "image_id": 1, "category_id": [3]})", "\"category_id\" is [3]; write the number or name"},
        {R"({"id": 5, "image_id": 1, "category_id": 3, "area": "1.5"})", "\"area\" is \"1.5\", not a number; write it without quotes"},
        {R"({"id": 5, "image_id": 1, "category_id": 3, "segmentation": [["0", 0, 1, 0, 1, 1]]})",
         "\"segmentation\" holds \"0\", not a number"}})
    CHECK_MESSAGE(told(annotation).find(fault) != std::string::npos, told(annotation));
}

TEST_CASE("coco: categories of one name, of each file, and of the background; shapes that hide others") {
  Source s;
  for (const char* photo : {"train/a.png", "val/b.png"}) s.photo(photo);
  const auto file = [](const char* photo, const char* categories, const std::string& annotations) {
    return message(R"({"images": [{"id": 1, "file_name": ")", photo, R"(", "width": 4, "height": 3}], "categories": [)", categories,
                   R"(], "annotations": [)", annotations, "]}");
  };
  const auto box = [](int category, int from, int to) {
    return message(R"({"image_id": 1, "category_id": )", category, R"(, "area": )", to - from, R"(, "segmentation": [[)", from, ", 0, ", to,
                   ", 0, ", to, ", 1, ", from, ", 1]]}");
  };
  s.text("train.json",
         file("a.png", R"({"id": 1, "name": "Background"}, {"id": 2, "name": "car"}, {"id": 5, "name": "dog"}, {"id": 9, "name": "car"})",
              box(2, 0, 3) + ',' + box(5, 1, 3) + ',' + box(9, 2, 3) + ',' + box(1, 0, 1)));
  s.text("val.json", file("b.png", R"({"id": 2, "name": "dog"}, {"id": 5, "name": "car"})", box(2, 0, 2) + ',' + box(5, 2, 4)));
  const Import i("coco", s);
  CHECK(i.dataset.schema.names == Names{"background", "car", "dog"});
  CHECK(i.row("a") == Labels{0, 2, 1, 0});
  CHECK(i.row("b") == Labels{2, 2, 1, 1});  // an id means what its own file says
  CHECK(i.made.notes ==
        Names{"every shape is an upright rectangle, as a box is: a network learns boxes from it, not outlines",
              "the category 'Background' is the background (0)", "the categories 2, 5, 9 are all called 'car' and are one label",
              "the categories 2, 5 are all called 'dog' and are one label",
              "3 pixels lie in shapes of two labels, and have one: the shape of the smaller area, or else the later one, is kept, 'car' "
              "over 'dog' (1), 'dog' over 'car' (2); to keep both, draw masks in a folder a label, with \"task\": \"multilabel\" in "
              "dataset.json"});
  Source shapes;
  for (const char* photo : {"a.png", "b.png"}) shapes.photo(photo);
  shapes.text("a.json", labelme("a.png", kFirstPixel + R"(, {"label": "mole", "points": [[0, 0], [2, 0], [2, 1], [0, 1]]})"));
  shapes.text("b.json", labelme("b.png", kFirstPixel));
  const Import j("labelme", shapes);
  CHECK(j.row("a") == Labels{1, 1, 0, 0});
  CHECK(
      j.made.notes[0].starts_with("1 pixel lies in shapes of two labels, and has one: the later shape is kept, 'mole' over 'wound' (1); "));
}

TEST_CASE("labelme: shapes that are pictures") {
  Source s;
  for (const char* photo : {"a.png", "b.png"}) s.photo(photo);
  // A PNG of [[1, 0], [1, 1]] by Python's zlib.
  const char* picture = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNgZGBgZAQAAA4ABGrO+qIAAAAASUVORK5CYII=";
  s.text("a.json",
         labelme("a.png", message(R"({"label": "wound", "shape_type": "mask", "points": [[2, 1], [3, 2]], "mask": ")", picture, "\"}")));
  s.text("b.json", labelme("", kFirstPixel));
  const Import i("labelme", s);
  CHECK(i.row("a", 12) == Labels{0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1});
  CHECK(i.row("b") == Labels{1, 0, 0, 0});
  CHECK(i.made.notes.size() == 1);  // of the split alone: nothing was left out
  s.text(
      "b.json",
      labelme("b.png", kFirstPixel + R"(, {"label": "wound", "shape_type": "mask", "points": [[2, 1], [3, 2]], "mask": "iVBORw0KGgo="})"));
  CHECK(import_fault("labelme", s).find((s / "b.json").string() + ": the picture of shape 2: ") != std::string::npos);
}

TEST_CASE("labelme: a label that only points have is no class; a broken shape is told by its number") {
  Source s;
  for (const char* photo : {"a.png", "b.png"}) s.photo(photo);
  s.text("a.json", labelme("a.png", kFirstPixel + R"(, {"label": "mole", "shape_type": "point", "points": [[2, 1]]})"));
  s.text("b.json", labelme("b.png", kFirstPixel));
  const Import i("labelme", s);
  CHECK(open_dataset(i.folder / "out").schema.names == std::vector<std::string>{"background", "wound"});
  CHECK(i.row("a") == Labels{1, 0, 0, 0});
  s.text("b.json", labelme("b.png", kFirstPixel + R"(, {"label": "wound", "points": [[0, 0], ["1", 0], [1, 1]]})"));
  CHECK(import_fault("labelme", s).find((s / "b.json").string() + ": shape 2: ") != std::string::npos);
}

TEST_CASE("instances: each file belongs to the photograph with the longest name that fits") {
  Source s;
  for (const char* photo : {"images/a.png", "images/a_1.png", "images/b.png"}) s.photo(photo);
  s.mask("masks/a_2.png", {255, 0, 0, 0});
  s.mask("masks/a-cell-03.png", {0, 255, 0, 0});
  s.mask("masks/a_1_0.png", {0, 0, 255, 0});
  s.mask("masks/a_1.1.png", {0, 0, 0, 255});
  s.mask("masks/b.png", {255, 0, 0, 255});
  const Import i("instances", s);
  CHECK(i.row("a") == Labels{1, 1, 0, 0});
  CHECK(i.row("a_1") == Labels{0, 0, 1, 1});
  CHECK(i.row("b") == Labels{1, 0, 0, 1});
}

TEST_CASE("a folder in another layout: check names the command that makes a data set of it") {
  const auto advice = [](const Source& s) {
    const CheckReport report = check_dataset(s.path());
    return report.findings.empty() ? std::string() : report.findings[0].text;
  };
  const auto command = [](const Source& s, const char* kind) {
    return message("lamina import ", kind, ' ', s.path().string(), ' ', s.path().string(), "-imported");
  };
  const auto mentions = [](const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; };
  Source polygons;  // beside the photographs, without masks; then in the place of masks
  for (const char* photo : {"images/a.png", "images/b.png"}) polygons.photo(photo);
  polygons.text("images/a.json", labelme("a.png", kFirstPixel));
  CHECK(mentions(advice(polygons), command(polygons, "labelme")));
  polygons.text("masks/a.json", labelme("a.png", kFirstPixel));
  CHECK(mentions(advice(polygons), command(polygons, "labelme")));
  Source annotated;
  for (const char* photo : {"images/a.png", "images/b.png"}) annotated.photo(photo);
  const std::string filler(200000, ' ');  // the file's end says it, too
  annotated.text("_annotations.json",
                 R"({"images": [{"id": 1, "file_name": "a.png"}],)" + filler + R"("annotations": [], "categories": []})");
  CHECK(mentions(advice(annotated), command(annotated, "coco")));
  Source voc;
  voc.photo("VOC2012/JPEGImages/a.png");
  voc.mask("VOC2012/SegmentationClass/a.png", {0, 1, 0, 0});
  CHECK(mentions(advice(voc), command(voc, "voc")));
  Source cells;
  for (const char* id : {"a", "b", "c"}) {
    cells.photo(std::string("images/") + id + ".png");
    for (const char* n : {"_1", "_2"}) cells.mask(std::string("masks/") + id + n + ".png", {255, 0, 0, 0});
  }
  CHECK(mentions(advice(cells), command(cells, "instances")));
  for (const Finding& f : list_dataset(cells.path()).findings) CHECK_MESSAGE((!f.is_error || mentions(f.text, "looks like")), f.text);
  DataFolder plain;  // unpaired, but in no other layout
  plain.masks(labels({0, 1, 1}));
  fs::remove(plain / "masks/a.png");
  CHECK(layout_of(plain.path()).empty());
  CHECK(mentions(check_dataset(plain.path()).findings[0].text, "has no mask"));
}

TEST_CASE("labelme: rectangles of four points and rotated ones are polygons; a shape that is not read is named, never left out") {
  Source s;
  s.photo("a.jpg");
  const auto shape = [](const char* type, const char* points) {
    return message(R"({"label": "wound", "shape_type": )", type, R"(, "points": )", points, "}");
  };
  const char* first = "[[0, 0], [1, 0], [1, 1], [0, 1]]";
  const char* third = "[[2, 0], [3, 0], [3, 1], [2, 1]]";
  for (const char* type : {R"("rectangle")", R"("rotation")", R"("oriented_rectangle")"}) {
    s.text("a.json", labelme("a.jpg", shape(type, first) + ", " + shape(R"("rectangle")", third) + ", " +
                                          shape(R"("linestrip")", "[[0, 0], [4, 3], [1, 1]]")));
    const Import i("labelme", s);
    CHECK(i.row("a") == Labels{1, 0, 1, 0});
    CHECK(i.made.notes[0] == "1 shape is a point or a line, which covers no pixel: left out");
  }
  s.text("a.json", labelme("a.jpg", shape(R"("polygon")", first) + ", " + shape(R"("cuboid")", first)));
  CHECK(import_fault("labelme", s).find("a.json: shape 2: the shape is a 'cuboid' of 4 points, which is not read; make a polygon of it") !=
        std::string::npos);
  s.text("a.json", labelme("a.jpg", shape(R"("circle")", first)));
  CHECK(import_fault("labelme", s).find("a 'circle' of 4 points") != std::string::npos);
  s.text("a.json", labelme("a.jpg", shape("null", first)));
  CHECK(import_fault("labelme", s).find("a.json: shape 1: \"shape_type\" is null, not a word such as \"polygon\"") != std::string::npos);
}

TEST_CASE("coco: two images of one id are refused by name") {
  Source s;
  for (const char* photo : {"p0.png", "p1.png"}) s.photo(photo);
  const std::string shape = R"({"id": 1, "image_id": 1, "category_id": 3, "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]})";
  const auto images = [](const char* second) {
    return message(R"({"id": 1, "file_name": "p0.png", "width": 4, "height": 3}, {"id": )", second,
                   R"(, "file_name": "p1.png", "width": 4, "height": 3})");
  };
  for (const char* same : {"1", "\"1\""}) {
    s.text("x.json", coco(images(same), shape));
    CHECK(import_fault("coco", s).find((s / "x.json").string() + ": the images p0.png and p1.png have one id, 1, and nothing says whose") !=
          std::string::npos);
  }
  s.text("x.json", coco(images("2"), shape + ", " + shape));  // ids of annotations mean nothing
  CHECK(Import("coco", s).row("p1") == Labels{0, 0, 0, 0});
}

TEST_CASE("coco: boxes without shapes are refused, or told by category; shapes that all are boxes are told") {
  Source s;
  for (const char* photo : {"a.png", "b.png"}) s.photo(photo);
  const std::string images = R"({"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"})";
  const auto set = [&](const std::string& annotations) {
    s.text("c.json", R"({"images": [)" + images +
                         R"(], "categories": [{"id": 3, "name": "car"}, {"id": 4, "name": "dog"}], "annotations": [)" + annotations + "]}");
  };
  for (const char* shape : {"", R"(, "segmentation": [])", R"(, "segmentation": [[]])", R"(, "segmentation": null)"}) {
    CAPTURE(shape);
    set(message(R"({"image_id": 1, "category_id": 3, "bbox": [0, 0, 2, 2])", shape,
                R"(}, {"image_id": 2, "category_id": 4, "bbox": [0, 0, 2, 2]})"));
    CHECK(import_fault("coco", s).find("none of its 2 annotations has a shape (\"segmentation\"), only boxes (\"bbox\")") !=
          std::string::npos);
  }
  set(R"({"image_id": 1, "category_id": 3, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]}, {"image_id": 2, "category_id": 4, "bbox": [0, 0, 2, 2]})");
  const Import boxes("coco", s);
  CHECK(boxes.made.notes.at(0).find("; no annotation of 'dog' has a shape; draw them") != std::string::npos);
  CHECK(boxes.made.notes.at(1).starts_with("every shape is an upright rectangle"));
  set(R"({"image_id": 1, "category_id": 3, "segmentation": [[0, 0, 2, 0, 1, 2, 0, 2]]})");
  for (const std::string& note : Import("coco", s).made.notes) CHECK(note.find("rectangle") == std::string::npos);
  Source points;
  points.photo("a.png");
  points.text("a.json", labelme("a.png", R"({"label": "x", "shape_type": "point", "points": [[0, 0]]})"));
  CHECK(import_fault("labelme", points).find("all shapes are points or lines (1), which cover no pixel") != std::string::npos);
}
