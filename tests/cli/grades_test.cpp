// Several things graded at once, from the command line.
#include <algorithm>

#include "lamina/data/dataset.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;

TEST_CASE("graded planes are checked, trained on, scored and predicted: a mask and a grade each") {
  const Workshop w(1);
  REQUIRE(w.lamina("phantom rgb set --count 20 --size 16 --withhold r0g1b2 --quiet").code == 0);
  check_error(w.lamina("phantom rgb other --withhold r0g1"), 2, {"--withhold", "r0g1", "r0g1b2"});
  CHECK(json::parse(w.lamina("check set --json").out).at("planes") == json{"r", "g", "b"});
  for (const std::string head : {"ordinal", "corn", "coral", "regression"}) {
    CAPTURE(head);
    const std::string loss = head == "regression" ? " --loss mae" : " --class-weights balanced";
    const Result trained =
        w.lamina("train set --out " + head + " --quiet --base 3 --depth 1 --size 16 --batch 4 --lr 1e-2 --epochs 2 --head " + head + loss);
    REQUIRE_MESSAGE(trained.code == 0, trained.err);
    const json scores = json::parse(w.lamina("evaluate " + head + " set --json --quiet").out);
    CHECK(scores.at("classes").size() == 12);
    CHECK(scores.at("confusion").at(0).at(4) == 0);  // grades of two planes never meet
    CHECK(scores.at("baseline").at("confusion").at(0).at(4) == 0);
    for (const std::string rule : {"worst", "area", "median"}) {
      const json said =
          json::parse(w.lamina("predict " + head + " set/images/rgb_0001.png --out out --json --quiet --grade " + rule).out).at(0);
      CHECK(said.at("mask").size() == 3);
      for (const char* plane : {"r", "g", "b"}) {
        // By hand, from the written mask, whose values are the grades.
        const data::Image mask = data::read_image(w / (std::string("out/masks/") + plane + "/rgb_0001.png"));
        std::vector<double> found;
        for (const std::uint8_t v : mask.pixels)
          if (v > 0) found.push_back(v);
        std::sort(found.begin(), found.end());
        double sum = 0;
        for (const double v : found) sum += v;
        const double hand = found.empty()      ? 0
                            : rule == "worst"  ? found.back()
                            : rule == "median" ? found[found.size() / 2]
                                               : sum / static_cast<double>(found.size());
        CHECK(said.at("grades").at(plane).get<double>() == doctest::Approx(hand));
        const double severe = static_cast<double>(std::count(found.begin(), found.end(), 3)) / static_cast<double>(mask.pixels.size());
        CHECK(said.at("shares").at(std::string(plane) + " 3").get<double>() == doctest::Approx(severe));
      }
    }
  }
  const json several =
      json::parse(w.lamina("predict ordinal set/images/rgb_0001.png --out several --tta flips --with ordinal --json --quiet").out).at(0);
  CHECK(several.at("uncertainty").at("mean").get<double>() > 0);
  const data::Image map = data::read_image(w / several.at("uncertainty").at("map").get<std::string>());
  double gray = 0;
  for (const std::uint8_t v : map.pixels) gray += v / 510.0 / static_cast<double>(map.pixels.size());
  CHECK(gray == doctest::Approx(several.at("uncertainty").at("mean").get<double>()).epsilon(0.05).scale(0));
  check_error(w.lamina("predict ordinal set/images/rgb_0001.png --out out --mc 3 --quiet"), 2, {"no dropout"});
  check_error(w.lamina("predict ordinal set/images/rgb_0001.png --out out --with corn --quiet"), 3, {"corn", "kind of head"});
  check_error(w.lamina("train set --out x --background r"), 3, {"--background r", "graded planes"});
  check_error(w.lamina("train set --out x --head multiclass"), 2, {"multiclass", "ordinal"});
}
