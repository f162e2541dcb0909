// Masks of one class each: in a folder a class, or told from each other by their names.
#include <array>

#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "support/data_folder.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {

/// DataFolder's photographs with masks/CLASS/STEM + ending, one class a pixel.
struct ClassFolders : DataFolder {
  ClassFolders(const std::vector<std::array<std::string, 2>>& classes_and_endings) {
    std::size_t k = 0;
    for (const auto& [folder, ending] : classes_and_endings) {
      std::vector<std::uint8_t> row(3);
      row[k++] = 255;
      io::create_folders(*this / ("masks/" + folder));
      for (const char* stem : {"a", "b", "c", "d"}) write_png(*this / message("masks/", folder, '/', stem, ending, ".png"), labels(row));
    }
  }
};

std::vector<std::string> errors_of(const std::filesystem::path& folder) {
  std::vector<std::string> errors;
  for (const Finding& f : check_dataset(folder).findings)
    if (f.is_error) errors.push_back(f.text);
  return errors;
}

}  // namespace

TEST_CASE("class folders: masks belong to photographs by their endings, each folder's own") {
  for (const auto& [first, second] : {std::array{"_mask", "_mask"}, std::array{"", "_gt"}, std::array{"_MA", "_HE"}}) {
    CAPTURE(second);
    ClassFolders f({{"1. Aneurysms", first}, {"2. Haemorrhages", second}});
    f.text("dataset.json", R"({"labels": {"background": 0, "1. Aneurysms": 1, "2. Haemorrhages": 2}})");
    const Dataset d = open_dataset(f.path());
    for (const Item& item : d.all_items()) CHECK(read_mask(item, d.masks).labels == Labels{1, 2, 0});
    CHECK(told(d.findings, "has no file for") == 0);
    CHECK(told(d.findings, message("a.png with 2. Haemorrhages/a", second, ".png")) == 1);
    CHECK(errors_of(f.path()).empty());
  }
}

TEST_CASE("class folders: one that no label names is an error") {
  ClassFolders f({{"burn", ""}, {"scar", ""}, {"necrosis", ""}});
  for (const char* schema :
       {R"({"labels": {"background": 0, "burn": 1, "scar": 2}})", R"({"task": "multilabel", "labels": {"burn": 0, "scar": 1}})"}) {
    f.text("dataset.json", schema);
    refuses(f, "masks/necrosis has masks of no label of dataset.json (folders of labels: burn, scar); add necrosis to the labels");
  }
  std::filesystem::create_directory(f / "masks/.cache");
  std::filesystem::rename(f / "masks/necrosis", f / "masks/scar/more");
  refuses(f, "masks/scar/more has masks of no label");
  std::filesystem::remove_all(f / "masks/scar/more");
  CHECK_NOTHROW(open_dataset(f.path()));
  f.text("dataset.json", R"({"labels": {"background": 0, "scars": 1, "burns": 2}})");
  const auto errors = errors_of(f.path());
  CHECK(errors.size() == 1);
  CHECK(errors.at(0).find("has no masks but folders (burn, scar), and none is called as a label of ") != std::string::npos);
}

TEST_CASE("class folders of one of several heads are refused, with what is read there") {
  ClassFolders f({{"tissue/skin", ""}, {"tissue/wound", ""}, {"marks/hair", ""}});
  f.text("dataset.json", R"({"heads": {"tissue": {"labels": {"background": 0, "skin": 1, "wound": 2}},
                                       "marks": {"task": "multilabel", "labels": {"hair": 0}}}})");
  const std::vector<std::string> errors = errors_of(f.path());
  REQUIRE(!errors.empty());
  CHECK_MESSAGE(
      errors[0].find("masks/tissue/skin: the classes of the head 'tissue' exclude each other, and of several heads such a one has one "
                     "file a photograph, in ") != std::string::npos,
      errors[0]);
  CHECK_MESSAGE(errors[0].find("masks/tissue, with the values 0 background, 1 skin, 2 wound; ") != std::string::npos, errors[0]);
}

TEST_CASE("class folders without dataset.json: what to write is the one error, and works") {
  ClassFolders f({{"burn", ""}, {"Background", ""}, {"scar", ""}});
  const auto errors = errors_of(f.path());
  REQUIRE(errors.size() == 1);
  const std::string exclusive = R"({"labels": {"Background": 0, "burn": 1, "scar": 2}})",
                    overlapping = R"({"task": "multilabel", "labels": {"Background": 0, "burn": 1, "scar": 2}})";
  CHECK(errors[0].find("dataset.json: " + exclusive + ", or, if the classes overlap, " + overlapping) != std::string::npos);
  for (const std::string& schema : {exclusive, overlapping}) {
    f.text("dataset.json", schema);
    CHECK(errors_of(f.path()).empty());
  }
}

TEST_CASE("masks of classes beside each other: the cure is one error, and works") {
  DataFolder f;
  for (const char* stem : {"a", "b", "c", "d"})
    for (const char* ending : {"_burn", "_scar"}) write_png(f / message("masks/", stem, ending, ".png"), labels({0, 255, 0}));
  const auto errors = errors_of(f.path());
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].find("(burn, scar) recur over photographs, such as masks/a_burn.png, masks/a_scar.png: if they are classes, put the ") !=
        std::string::npos);
  CHECK(errors[0].find("(masks/burn/a.png), and write " + (f / "dataset.json").string() +
                       R"(: {"labels": {"background": 0, "burn": 1, )") != std::string::npos);
  for (const std::string ending : {"burn", "scar"}) {
    io::create_folders(f / ("masks/" + ending));
    for (const char* stem : {"a", "b", "c", "d"})
      std::filesystem::rename(f / message("masks/", stem, '_', ending, ".png"),
                              f / message("masks/", ending, '/', stem, '_', ending, ".png"));
  }
  f.text("dataset.json", R"({"task": "multilabel", "labels": {"burn": 0, "scar": 1}})");
  CHECK(errors_of(f.path()).empty());
}

TEST_CASE("names that differ in capitals, or in a usual beginning, belong together, and it is told") {
  const std::array<const char*, 3> cases[] = {{"IMG_", "img_", "by the name without regard to capitals: IMG_0.png with masks/img_0.png"},
                                              {"image_", "mask_", "by the name after its beginning: image_0.png with masks/mask_0.png"},
                                              {"Image", "Mask_", "by the name after its beginning: Image0.png with masks/Mask_0.png"}};
  for (const auto& [photo, mask, how] : cases) {
    CAPTURE(photo);
    TempFolder f;
    for (const char* sub : {"images", "masks"}) io::create_folders(f / sub);
    for (int i = 0; i < 3; ++i) {
      write_png(f / message("images/", photo, i, ".png"), Image(3, 1, 3, static_cast<std::uint8_t>(i)));
      write_png(f / message("masks/", mask, i, ".png"), labels({0, 1, static_cast<std::uint8_t>(i == 1)}));
    }
    const Dataset d = open_dataset(f.path());
    CHECK(told(d.findings, message("3 masks belong to their photographs ", how)) == 1);
    for (const Item& item : d.all_items()) CHECK(item.mask.stem().string().back() == item.name.back());
  }
}

TEST_CASE("photographs or masks in a format that is not read: one error says which are read") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  for (const char* stem : {"a", "b"}) std::filesystem::rename(f / message("images/", stem, ".png"), f / message("images/", stem, ".jp2"));
  f.text("images/readme.txt", "x");
  auto errors = errors_of(f.path());
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].starts_with("2 files are in a format that is not read (" + (f / "images/a.jp2").string()));
  CHECK(errors[0].find("): make PNG, JPEG, TIFF, WebP, BMP, GIF, TGA, PNM or .npy files of them") != std::string::npos);
  CHECK(told(check_dataset(f.path()).findings, "readme.txt is no image file; it is left out") == 1);
  for (const char* stem : {"c", "d"}) std::filesystem::rename(f / message("images/", stem, ".png"), f / message("images/", stem, ".jp2"));
  errors = errors_of(f.path());
  CHECK(errors.size() == 1);  // nothing of splits that are empty
}

TEST_CASE("photographs of one group: why there is no val split") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  f.text("groups.txt", "a P\nb P\nc P\nd P\n");
  CHECK(told(check_dataset(f.path()).findings,
             "there is no val split, and nothing will be measured while training: the val split is empty: all "
             "photographs are of the group 'P' (groups.txt), which stays together") == 1);
}
