// The real program on a set that asks several things of every pixel.
#include "support/several_heads.hpp"

#include "lamina/io/npy.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;
namespace fs = std::filesystem;

TEST_CASE("several heads: every verb; what is predicted is a data set, and perfect against itself") {
  const Workshop w(1);
  write_three_heads(w / "heads", 12);
  const json checked = json::parse(w.lamina("check heads --json").out);
  CHECK(checked.at("task") == "several");
  CHECK(checked.at("classes").size() == 13);
  CHECK(w.lamina("check heads --write-dataset-json").code != 0);  // there is one
  const std::string train = "train heads --out run --quiet --json --base 4 --depth 2 --size 32 --batch 4 --lr 2e-2 --epochs 4 ";
  check_error(w.lamina(train + "--loss tissue=ce"), 2, {"no term for the head marks"});
  check_error(w.lamina(train + "--background skin"), 3, {"each of several heads has its own"});
  const std::string chosen = "--loss tissue=ce+dice,marks=ce,damage=mae --head damage=regression --class-weights enet";
  const Result trained = w.lamina(train + chosen);
  REQUIRE_MESSAGE(trained.code == 0, trained.err);
  CHECK(w.lamina(train + chosen).code == 0);  // finished: nothing to do
  CHECK(json::parse(w.lamina("info run --json").out).at("classes").size() == 13);
  const json scores = json::parse(w.lamina("evaluate run heads --json --quiet").out);
  CHECK(scores.at("heads").at("tissue").at("confusion").size() == 3);
  CHECK(scores.at("heads").at("marks").at("classes") == json{"hair", "ruler", "(none)"});
  CHECK(scores.at("heads").at("damage").at("ordinal").contains("quadratic_kappa"));
  CHECK(scores.at("confusion").size() == 13);
  const std::string table = w.lamina("evaluate run heads").out;
  for (const char* word : {"tissue skin", "damage B severe", "tissue: foreground Dice", "mean of the heads"})
    CHECK_MESSAGE(table.find(word) != std::string::npos, table);
  for (const char* word : {"damage B severe", "tissue/dice_macro_foreground", "tissue skin"})
    CHECK(w.read("run/report.html").find(word) != std::string::npos);
  for (const char* line : {">damage A<", ">damage B<"}) CHECK(w.read("run/plots/grades.svg").find(line) != std::string::npos);
  CHECK(json::parse(w.lamina("evaluate run heads --json --original-size").out).at("confusion") == scores.at("confusion"));
  const json done = json::parse(w.lamina("predict run heads/images --out p --json --quiet").out);
  REQUIRE(done.size() == 12);
  CHECK(done[0].at("mask").size() == 5);
  CHECK(done[0].at("mask")[4] == "p/masks/damage/B/p10.png");
  CHECK(done[0].at("grades").at("damage").size() == 2);
  CHECK(done[0].at("shares").at("marks no hair").get<double>() + done[0].at("shares").at("marks hair").get<double>() == doctest::Approx(1));
  CHECK(w.lamina("predict run heads/images --out p --quiet").code == 0);  // over those of an earlier predict
  // The predictions as the truth: all right.
  fs::rename(w / "heads/masks", w / "truth");
  fs::copy(w / "p/masks", w / "heads/masks", fs::copy_options::recursive);
  CHECK(json::parse(w.lamina("evaluate run heads --json").out).at("accuracy") == 1);
  REQUIRE(w.lamina("augment heads more --copies 2 --size 32 --quiet").code == 0);
  CHECK(fs::exists(w / "more/masks/damage/B/p10_2.npy"));
  CHECK(json::parse(w.lamina("check more --json").out).at("ok") == true);
  const Result folds = w.lamina("train heads --folds 2 --out cv --head damage=coral --base 2 --depth 2 --size 32 --batch 4 --epochs 1");
  CHECK_MESSAGE(folds.code == 0, folds.err);
  for (const char* words : {"  loss ", " (tissue ", ", marks ", " damage "})  // a short line, the sum first
    CHECK_MESSAGE(folds.err.find(words) != std::string::npos, folds.err);
  CHECK_MESSAGE(folds.err.find(", tissue ") == std::string::npos, folds.err);
  CHECK(fs::exists(w / "cv/out_of_fold/tissue/p10.png"));
}
