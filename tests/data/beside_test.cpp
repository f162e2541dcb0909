// Masks beside their photographs, and what well-known data sets of that layout have besides.
#include "lamina/core/text.hpp"
#include "support/formats.hpp"
#include "support/imports.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

std::string first_error(const fs::path& folder) {
  for (const Finding& f : check_dataset(folder).findings)
    if (f.is_error) return f.text;
  return "";
}

}  // namespace

TEST_CASE("masks beside photographs in folders of patients: patients are groups") {
  Source s;
  for (int p = 1; p < 4; ++p)
    for (int i = 1; i < 4; ++i) {
      s.photo(message("set/P_", p, "/P_", p, '_', i, ".png"));
      s.mask(message("set/P_", p, "/P_", p, '_', i, "_mask.png"), {0, 255, 0, 0});
    }
  s.photo("set/P_1/P_1_9.png");
  CHECK(first_error(s.path()).find(message("import beside ", s.path().string())) != std::string::npos);
  const Import import("beside", s);
  CHECK(import.dataset.all_items().size() == 9);
  for (const Item& item : import.dataset.all_items()) CHECK(item.group == item.name.substr(0, 3));
  CHECK(import.names(Split::val).size() == 3);  // one patient
  CHECK(import.row("P_2_1") == Labels{0, 1, 0, 0});
  const std::string notes = message(import.made.notes[0], import.made.notes.back(), import.made.notes[1]);
  CHECK(notes.find("1 photograph left out, without a mask: set/P_1/P_1_9.png") != std::string::npos);
}

TEST_CASE("several masks of one photograph beside it are united") {
  Source s;
  for (const char* stem : {"x (1)", "x (2)"}) {
    s.photo(message("benign/", stem, ".png"));
    s.mask(message("benign/", stem, "_mask.png"), {0, 255, 0, 0});
  }
  s.mask("benign/x (1)_mask_1.png", {0, 0, 255, 0});
  s.mask("benign/x (1)_Mask (2).png", {0, 255, 255, 0});
  CHECK(layout_of(s / "benign") == "beside");
  const Import import("beside", s);
  CHECK(import.row("x (1)") == Labels{0, 1, 1, 0});
  CHECK(import.row("x (2)") == Labels{0, 1, 0, 0});
  s.mask("benign/x (1)_mask_1.png", {0, 128, 255, 0});
  CHECK(import_fault("beside", s).find("mark a pixel with different values") != std::string::npos);
  s.mask("benign/x (1)_mask_1.png", {0, 0, 255, 0});
  s.mask("benign/x (1)_seg.png", {0, 0, 255, 0});
  CHECK(import_fault("beside", s).find("whose names end otherwise") != std::string::npos);
  fs::remove(s / "benign/x (1)_seg.png");
  s.photo("benign/x (1).bmp");
  CHECK(import_fault("beside", s).find("may be the mask of") != std::string::npos);
}

TEST_CASE("splits of Roboflow: names of its table, copies of one photograph are one group") {
  Source s;
  for (const char* name : {"train/a_jpg.rf.01", "train/a_jpg.rf.02", "train/b_jpg.rf.03", "valid/c_jpg.rf.04"}) {
    s.photo(message(name, ".png"));
    s.mask(message(name, "_mask.png"), {0, 1, 2, 2});
  }
  const char* table = "Pixel Value, Class\r\n0, background\r\n1, crack\r\n2, spall\r\n";
  for (const char* split : {"train", "valid"}) s.text(message(split, "/_classes.csv"), table);
  const Import import("beside", s);
  CHECK(import.names(Split::val) == Names{"c_jpg.rf.04"});
  CHECK(import.dataset.schema.names == std::vector<std::string>{"background", "crack", "spall"});
  CHECK(import.dataset.items(Split::train)[0].group == "train/a_jpg");
  CHECK(import.dataset.items(Split::train)[1].group == "train/a_jpg");
  for (const char* split : {"train", "valid"})
    s.text(message(split, "/_classes.csv"), "Pixel Value, Class\n0, background\n1, \"crack, old; wet\"\n2,\"spall\"\n");
  CHECK(Import("beside", s).dataset.schema.names == std::vector<std::string>{"background", "crack, old; wet", "spall"});
  s.text("valid/_classes.csv", "Pixel Value, Class\n0, background\n1, spall\n2, crack\n");
  CHECK(import_fault("beside", s).find("_classes.csv differ; where a number, or a color, is another class there, export all") !=
        std::string::npos);
  for (const char* wrong : {"Pixel Value, Class\n0, a\n1, a\n", "Pixel Value, Class\n300, a\n", "name, r, g, b\na, 1, 2\n"}) {
    CAPTURE(wrong);
    for (const char* split : {"train", "valid"}) s.text(message(split, "/_classes.csv"), wrong);
    CHECK(import_fault("beside", s).find("_classes.csv line ") != std::string::npos);
  }
}

TEST_CASE("colors of class_dict.csv; image.png and mask.png in folders of cases; masks in a folder beside that of the photograph") {
  Source s;
  for (const char* stem : {"1", "2", "3"}) {
    s.photo(message("train/", stem, "_sat.png"));
    Image mask(4, 3, 3, 255);
    mask.at(0, 0)[0] = 0;
    write_png(s / message("train/", stem, "_mask.png"), mask);
  }
  s.text("class_dict.csv", "name,r,g,b\nurban,0,255,255\nforest,255,255,255\n");
  CHECK(layout_of(s / "train") == "beside");
  const Import colors("beside", s);
  CHECK(colors.row("1_sat") == Labels{0, 1, 1, 1});
  Source cases;
  for (const char* c : {"p1", "p2", "p3"}) {
    cases.photo(message(c, c == std::string("p3") ? "/scan.png" : "/image.png"));
    cases.mask(message(c, "/mask.png"), {0, 0, 255, 0});
  }
  CHECK(Import("beside", cases).names(Split::train).size() == 2);
  for (const char* c : {"p1", "p2", "p3"})
    cases.mask(message(c, "/mask.png"), {0, 0, 1, 0}), cases.text(message(c, "/label_names.txt"), "_background_\ncat\n");
  CHECK(Import("beside", cases).dataset.schema.names == std::vector<std::string>{"_background_", "cat"});
  cases.text("p2/label_names.txt", "_background_\ndog\n");
  CHECK(import_fault("beside", cases).find("the same number is another class there") != std::string::npos);
  Source two;
  for (const char* c : {"IMD002", "IMD003", "IMD004"}) {
    two.photo(message("set/", c, "/", c, "_Dermoscopic_Image/", c, ".png"));
    two.mask(message("set/", c, "/", c, "_lesion/", c, "_lesion.png"), {0, 0, 255, 0});
    two.mask(message("set/", c, "/", c, "_roi/", c, "_R1_Label3.png"), {0, 0, 255, 0});
  }
  const Import lesions("beside", two);
  CHECK(lesions.row("IMD003") == Labels{0, 0, 1, 0});
  CHECK(lesions.dataset.all_items().size() == 3);
}

TEST_CASE("two folders of other names, and layouts without their photographs: the command") {
  Source s;
  for (const char* stem : {"1", "2", "3"}) {
    s.photo(message("Original/", stem, ".png"));
    s.mask(message("Ground Truth/", stem, ".png"), {0, 0, 255, 0});
  }
  const std::string root = s.path().string();
  CHECK(first_error(s.path()).find(message("lamina check ", root, " --images Original --masks 'Ground Truth' (train")) !=
        std::string::npos);
  CHECK(check_dataset(s.path(), {.images = s / "Original", .masks = s / "Ground Truth"}).errors() == 0);
  for (const auto& [photos, masks] :
       {std::pair{"original_images", "label_images_semantic"}, {"images/images", "masks/masks"}, {"images", "masks/masks"}}) {
    Source other;
    for (const char* stem : {"1", "2", "3"}) {
      other.photo(message(photos, "/", stem, ".png"));
      other.mask(message(masks, "/", stem, ".png"), {0, 0, 255, 0});
    }
    const std::string text = first_error(other.path());
    CAPTURE(text);
    if (photos != std::string("images"))
      CHECK(text.find(message(" --images ", photos, " --masks ", masks, " (train takes these options, too)")) != std::string::npos);
    else  // one class a folder, as it may be
      CHECK(text.find("if each holds those of a class") != std::string::npos);
  }
  fs::rename(s / "Ground Truth", s / "drawn");  // what no name says, few values do
  Image many(17, 17, 3);
  for (std::size_t i = 0; i < many.pixels.size(); ++i) many.pixels[i] = static_cast<std::uint8_t>(i);
  for (const char* stem : {"1", "2", "3"}) write_png(s / message("Original/", stem, ".png"), many);
  CHECK(first_error(s.path()).find(message("lamina check ", root, " --images Original --masks drawn (train")) != std::string::npos);
  fs::rename(s / "Original", s / "images");
  for (const char* stem : {"1", "2", "3"}) io::create_folders(s / "previews"), write_png(s / message("previews/", stem, ".png"), many);
  fs::create_directory(s / "second");
  for (const char* stem : {"1", "2", "3"}) s.mask(message("second/", stem, ".png"), {0, 0, 255, 0});
  CHECK(first_error(s.path()).find(message("lamina check ", root, " --masks drawn or lamina check ", root, " --masks second (train")) !=
        std::string::npos);
  Source masks;
  masks.mask("SegmentationClass/a.png", {0, 1, 1, 0});
  CHECK(first_error(masks.path())
            .find(message("looks like voc without its photographs: put them into ", (masks / "JPEGImages").string(),
                          ", then lamina import voc")) != std::string::npos);
}

TEST_CASE("masks of two observers, and of classes by their endings: check names what import would") {
  for (const auto& [first, second, told_of] : {std::array<const char*, 3>{"1stHO", "2ndHO", "several people's masks"},
                                               {"reader_1", "reader_2", "several people's masks"},
                                               {"expert", "annotator", "several people's masks"},
                                               {"cat_1", "dog_1", "put the masks of each in a folder"}}) {
    CAPTURE(first);
    Source s, flat;
    for (const char* stem : {"im0", "im1", "im2"}) {
      s.photo(message("images/", stem, ".png")), flat.photo(message(stem, ".png"));
      for (const char* ending : {first, second}) {
        s.mask(message("masks/", stem, '_', ending, ".png"), {0, 1, 1, 0});
        flat.mask(message(stem, '_', ending, ".png"), {0, 1, 1, 0});
      }
    }
    for (const Source* source : {&s, &flat}) {
      const std::string error = first_error(source->path());
      CHECK(error.find(told_of) != std::string::npos);
      CHECK(error.find("import instances") == std::string::npos);
    }
  }
}
