// Lists of photographs, as data sets have them.
#include "lamina/data/image.hpp"
#include "lamina/data/photos.hpp"
#include "lamina/io/file.hpp"
#include "support/data_folder.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

TEST_CASE("lists of data sets name photographs by path, by name or by stem in images/, with a mask or without") {
  TempFolder f;
  for (const char* folder : {"images", "images/deep", "masks"}) io::create_folders(f / folder);
  for (const char* name :
       {"images/a.png", "images/b c.png", "images/d.png", "images/deep/e.png", "images/g.v2.png", "h.png", "masks/a.png"})
    write_png(f / name, Image(2, 2, 3));
  io::write_file_atomically(
      f / "train.txt",
      "images/a.png masks/a.png\nb c.png\tmasks/a.png\nd,masks/a.png\n\"deep/e\";1\ng.v2 a\nh.png\nnowhere.png masks/a.png\n");
  const PhotoSets sets = find_photos({(f / "train.txt").string()}, 0, 1);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sets.training.size(); ++i)
    names.push_back(std::string(sets.training[i]).substr(f.path().string().size() + 1));
  CHECK(names == std::vector<std::string>{"images/a.png", "images/b c.png", "images/d.png", "images/deep/e.png", "images/g.v2.png", "h.png",
                                          "nowhere.png masks/a.png"});
}

TEST_CASE("masks beside photographs of a folder are left out, and said; of other folders, or without a photograph, they are photographs") {
  TempFolder f;
  for (const char* folder : {"all/1", "all/2"}) io::create_folders(f / folder);
  for (const char* name : {"all/1/a.png", "all/1/a_mask.png", "all/1/b_mask.png", "all/2/a.png", "all/2/c_2.png", "all/2/c.png"})
    write_png(f / name, Image(2, 2, 3));
  const PhotoSets sets = find_photos({(f / "all").string()}, 0, 1);
  CHECK(sets.training.size() == 5);
  CHECK(sets.notes[0].ends_with("a folder of 5 photographs; 1 file left out, called as the mask of one beside it"));
}

TEST_CASE("names of masks: one rule for capitals, numbers, endings of photographs and whole words") {
  const auto masks_of = [](std::vector<std::filesystem::path> files) {
    std::string names;
    for (const auto& mask : take_masks(files)) names += mask.filename().string() + ' ';
    return names;
  };
  CHECK(masks_of({"a.png", "a_MASK.png", "A_Mask_2.png", "a_mask (3).png", "b_mask.png"}) == "a_MASK.png A_Mask_2.png a_mask (3).png ");
  CHECK(masks_of({"1_sat.jpg", "1_mask.png", "IM.PNG", "im_gtFine_LabelIds.png", "c_L.png", "c.jpg"}) ==
        "1_mask.png im_gtFine_LabelIds.png c_L.png ");
  CHECK(masks_of({"p/image.png", "p/mask.png", "q/mask.png", "q/other.png"}) == "mask.png ");
  CHECK(masks_of({"a_1.png", "a_2.png", "a (1).png", "a.png", "mask.png"}).empty());
  const TempFolder f;
  for (const char* folder : {"images", "masks"}) io::create_folders(f / folder);
  for (const char* stem : {"A", "B"}) {
    write_png(f / message("images/", stem, ".png"), Image(2, 2, 3));
    write_png(f / message("masks/", stem, stem[0] == 'A' ? "_MASK.png" : "_Segmentation.png"), LabelImage(2, 2));
  }
  CHECK(told(list_dataset(f.path()).findings, "", true) == 0);
}
