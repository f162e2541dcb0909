// The real program on data sets whose masks are not one class a pixel.
#include "lamina/core/text.hpp"
#include "lamina/data/image.hpp"
#include "lamina/io/npy.hpp"
#include "support/op_check.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;
namespace fs = std::filesystem;

TEST_CASE("multilabel: every verb; predicted masks are a data set's") {
  const Workshop w;
  for (const char* label : {"skin", "lesion"}) fs::create_directories(w / "data/masks" / label);
  for (const auto& entry : fs::directory_iterator(w / "data/images")) {
    data::LabelImage mask(32, 32);
    for (std::size_t i = 0; i < mask.labels.size(); ++i) mask.labels[i] = i % 32 > 8 ? 255 : 0;
    data::write_png(w / "data/masks/skin" / entry.path().filename(), mask);
    for (std::size_t i = 0; i < mask.labels.size(); ++i) mask.labels[i] = i / 32 > 20 ? 255 : 0;
    data::write_png(w / "data/masks/lesion" / entry.path().filename(), mask);
    fs::remove(w / "data/masks" / entry.path().filename());
  }
  io::write_file_atomically(w / "data/dataset.json", R"({"task": "multilabel", "labels": {"skin": 0, "lesion": 1}})");
  CHECK(json::parse(w.lamina("check data --json").out).at("encoding") == "multilabel");
  const Result trained = w.lamina("train data --out run --json --quiet" + kSmall);
  CHECK_MESSAGE(trained.code == 0, trained.err);
  const json scores = json::parse(w.lamina("evaluate run data --json --quiet").out);
  CHECK(scores.at("classes") == json{"skin", "lesion", "(none)"});
  for (const char* share : {"71.88 %", "71.875 %", "34.38 %", "34.375 %"})  // of a plane's own pixels, in both tables of the report
    CHECK_MESSAGE(w.read("run/report.html").find(share) != std::string::npos, share);
  CHECK(scores.at("dice").at("per_class").size() == 3);
  CHECK(scores.at("dice").at("macro_foreground").get<double>() == doctest::Approx(json::parse(trained.out).at("best_score").get<double>()));
  CHECK(json::parse(w.lamina("evaluate run data --json --original-size").out).at("confusion") == scores.at("confusion"));
  const json done = json::parse(w.lamina("predict run data/images --out p --probabilities --json --quiet").out);
  CHECK(done.size() == 10);
  CHECK(done[0].at("mask") == json{"p/masks/skin/skin_0000.png", "p/masks/lesion/skin_0000.png"});
  // The predictions as the truth: all right.
  fs::rename(w / "data/masks", w / "truth");
  fs::copy(w / "p/masks", w / "data/masks", fs::copy_options::recursive);
  const json perfect = json::parse(w.lamina("evaluate run data --json").out);
  CHECK(perfect.at("accuracy") == 1);
}

TEST_CASE("multilabel masks of one file: predictions are such files, and may stand beside the originals") {
  const Workshop w;
  for (const auto& entry : fs::directory_iterator(w / "data/images")) {
    std::vector<std::uint8_t> planes;
    for (std::uint8_t i = 0; i < 32; ++i)
      for (std::uint8_t j = 0; j < 32; ++j) planes.insert(planes.end(), {j > 8, i > 20});
    io::write_npy(w / "data/masks" / entry.path().stem().concat(".npy"), Tensor::from<std::uint8_t>(planes, {32, 32, 2}));
    fs::remove(w / "data/masks" / entry.path().filename());
  }
  io::write_file_atomically(w / "data/dataset.json", R"({"task": "multilabel", "labels": {"skin": 0, "lesion": 1}})");
  REQUIRE(w.lamina("train data --out run --json --quiet" + kSmall).code == 0);
  const json done = json::parse(w.lamina("predict run data/images --out p --json --quiet").out);
  CHECK(done[0].at("mask") == "p/masks/skin_0000.npy");
  fs::rename(w / "p/masks/skin_0001.npy", w / "last.npy");  // its original stays
  fs::copy(w / "p/masks", w / "data/masks", fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const json checked = json::parse(w.lamina("check data --json").out);
  CHECK(checked.at("ok") == true);
  CHECK(checked.at("mask_formats").at("npy") == 10);
  fs::rename(w / "last.npy", w / "data/masks/skin_0001.npy");
  CHECK(json::parse(w.lamina("evaluate run data --json").out).at("accuracy") == 1);
}

TEST_CASE("ordinal: every verb; predicted masks are a data set's") {
  const Workshop w(1);
  small_grades(w / "grades", 15);
  CHECK(w.lamina("check grades").out.find("0 none < 1 mild < 2 moderate < 3 severe") != std::string::npos);
  CHECK(json::parse(w.lamina("check grades --json").out).at("task") == "ordinal");
  const std::string command = "train grades --out run --json --quiet --base 4 --depth 2 --size 32 --batch 2 --lr 2e-2 --epochs ";
  check_error(w.lamina(command + "1 --class-weights 1,2,3,4"), 2, {"4 numbers for 3 grades above the lowest"});
  const Result trained = w.lamina(command + "24 --class-weights balanced");
  CHECK_MESSAGE(trained.code == 0, trained.err);
  CHECK(w.lamina(command + "24 --class-weights balanced").code == 0);  // finished: nothing to do
  const json scores = json::parse(w.lamina("evaluate run grades --json --quiet").out), grades = scores.at("ordinal");
  CHECK(scores.at("classes") == json{"none", "mild", "moderate", "severe"});
  CHECK(scores.at("confusion").size() == 4);
  CHECK(grades.at("quadratic_kappa").get<double>() == doctest::Approx(json::parse(trained.out).at("best_score").get<double>()));
  const json baseline = scores.at("baseline").at("ordinal");
  CHECK(grades.at("mean_absolute_error").get<double>() < 0.5 * baseline.at("mean_absolute_error").get<double>());
  CHECK(grades.at("within_one").get<double>() > baseline.at("within_one").get<double>());
  CHECK(baseline.at("quadratic_kappa") == 0);
  CHECK(json::parse(w.lamina("evaluate run grades --json --original-size").out).at("confusion") == scores.at("confusion"));
  const std::string table = w.lamina("evaluate run grades").out;
  CHECK(table.find("quadratic kappa") != std::string::npos);
  const double sum = scores.at("additive_dice").get<double>(), mean = scores.at("dice").at("macro_foreground").get<double>();
  CHECK(table.find("additive Dice " + decimal(sum) + ": the sum of the foreground") != std::string::npos);
  CHECK(mean == doctest::Approx(sum / 3));  // the lowest grade is no foreground, as of planes
  CHECK(table.find("\nmacro foreground" + std::string(24, ' ') + formatted(" %11s", decimal(mean).c_str())) != std::string::npos);
  CHECK(w.lamina("info run").code == 0);
  const json done = json::parse(w.lamina("predict run grades/images --out p --probabilities --json --quiet").out);
  CHECK(done.size() == 15);
  CHECK(done[0].at("shares").size() == 4);
  CHECK(io::read_npy(w / "p/probabilities/0.npy").shape() == Shape{32, 32, 3});
  const data::Raster mask = data::read_raster(w / "p/masks/0.png");
  CHECK(*std::max_element(mask.samples.begin(), mask.samples.end()) == 3);
  // The predictions as the truth: all right.
  fs::rename(w / "grades/masks", w / "truth");
  fs::copy(w / "p/masks", w / "grades/masks");
  const json perfect = json::parse(w.lamina("evaluate run grades --json").out).at("ordinal");
  CHECK(perfect.at("mean_absolute_error") == 0);
  CHECK(perfect.at("quadratic_kappa") == 1);
}
