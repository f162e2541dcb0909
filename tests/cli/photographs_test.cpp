// The photographs that predict is given: in lists, twice, of one name.
#include "support/data_folder.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

TEST_CASE("predict takes the lists of data sets, each photograph once, and no two of one name") {
  const Workshop w(1);
  write_quarters(w / "set", 1);
  REQUIRE(w.lamina("train set --out run --quiet" + kSmall).code == 0);
  fs::rename(w / "set/images/im1.png", w / "set/images/im 1.png");
  io::write_file_atomically(w / "set/train.txt",
                            "im0.png masks/im0.png\nimages/im 1.png\tmasks/im1.png\nimages/im 1.png masks/im1.png\nimages/im2.png\n");
  const Result listed = w.lamina("predict run set/train.txt set/images/im2.png --out out");
  REQUIRE_MESSAGE(listed.code == 0, listed.err);
  CHECK(listed.err.find("warning: 2 photographs named twice; each is taken once") != std::string::npos);
  for (const char* name : {"im0", "im 1", "im2"}) CHECK(fs::exists(w / "out/masks" / (std::string(name) + ".png")));
  CHECK(std::count(listed.out.begin(), listed.out.end(), '\n') == 3);
  io::write_file_atomically(w / "set/train.txt", "im9.png masks/im0.png\n");
  check_error(w.lamina("predict run set/train.txt --out out2"), 3, {"train.txt line 1", "im9.png", "IMAGE MASK"});
  io::write_file_atomically(w / "set/pairs.csv", "masks/im0.png,images/im0.png\n");  // each of them is there
  check_error(w.lamina("predict run set/pairs.csv --out out3"), 3, {"pairs.csv line 1", "a mask stands before the photograph"});

  io::create_folders(w / "other");
  fs::copy_file(w / "set/images/im2.png", w / "other/im2.png");
  check_error(w.lamina("predict run set/images/im2.png other/im2.png --out out2"), 2,
              {"set/images/im2.png and other/im2.png have one name", "--out"});
  CHECK_FALSE(fs::exists(w / "out2"));

  fs::copy_file(w / "set/masks/im2.png", w / "other/im2_mask.png");
  const Result beside = w.lamina("predict run other --out out2");
  CHECK(beside.err.find("other: left out, being called as the mask of another one: im2_mask.png") != std::string::npos);
  CHECK(std::count(beside.out.begin(), beside.out.end(), '\n') == 1);
  check_error(w.lamina("predict run set --out out3"), 3,
              {"set: the folder holds no image", "name the one with its photographs, set/images"});
  io::create_folders(w / "tree/deep");
  fs::copy_file(w / "set/images/im2.png", w / "tree/deep/im2.png");
  check_error(w.lamina("predict run tree --out out3"), 3, {"tree: the folder holds no image", "of its folders: 'tree/*/*'"});
  REQUIRE(w.lamina("predict run tree/*/* --out out3").code == 0);
  fs::copy_file(w / "set/images/im0.png", w / "tree/im0.png");
  CHECK(w.lamina("predict run tree --out out4").err.find("tree: left out, 1 folder; name what is in them: 'tree/*/*'") !=
        std::string::npos);
  check_error(w.lamina("predict run other --out run"), 2, {"--out run is a run", "such as run/predictions"});
  CHECK_FALSE(fs::exists(w / "run/masks"));
}
