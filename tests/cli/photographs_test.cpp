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

  io::create_folders(w / "other");
  fs::copy_file(w / "set/images/im2.png", w / "other/im2.png");
  check_error(w.lamina("predict run set/images/im2.png other/im2.png --out out2"), 2,
              {"set/images/im2.png and other/im2.png have one name", "--out"});
  CHECK_FALSE(fs::exists(w / "out2"));
}
