// Several things graded at once, from the command line.
#include <algorithm>
#include <map>

#include "lamina/core/text.hpp"
#include "lamina/data/dataset.hpp"
#include "lamina/io/npy.hpp"
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
    const std::string loss = head == "regression" ? " --loss mae" : " --class-weights balanced --positive-weights balanced";
    const Result trained =
        w.lamina("train set --out " + head + " --quiet --base 3 --depth 1 --size 16 --batch 4 --lr 1e-2 --epochs 2 --head " + head + loss);
    REQUIRE_MESSAGE(trained.code == 0, trained.err);
    CHECK((w.read(head + "/log.txt").find("positive weights: r 1 or above ") != std::string::npos) == (head != "regression"));
    const json scores = json::parse(w.lamina("evaluate " + head + " set --json --quiet").out);
    CHECK(scores.at("classes").size() == 12);
    CHECK(scores.at("confusion").at(0).at(4) == 0);  // grades of two planes never meet
    CHECK(scores.at("baseline").at("confusion").at(0).at(4) == 0);
    for (const std::string rule : {"worst", "area", "median"}) {
      const json said =
          json::parse(w.lamina("predict " + head + " set/images/rgb_0001.png --out out --json --quiet --probabilities --grade " + rule).out)
              .at(0);
      const Tensor all = io::read_npy(w / "out/probabilities/rgb_0001.npy");
      const std::vector<float> p = all.to_vector<float>();
      CHECK(said.at("mask").size() == 3);
      std::size_t first = 0;
      const auto own = static_cast<std::size_t>(all.size(-1)) / 3;  // outputs of a plane
      for (const char* plane : {"r", "g", "b"}) {
        // By hand, from the written mask, whose values are the grades, and from what was expected where something is: the sum of what is
        // likely of "this bad or worse?", or the number itself.
        const data::Image mask = data::read_image(w / (std::string("out/masks/") + plane + "/rgb_0001.png"));
        std::vector<double> found;
        std::int64_t severest = 0;
        for (std::size_t i = 0; i < mask.pixels.size(); ++i) {
          const std::uint8_t v = mask.pixels[i];
          severest += v == 3;
          double expected = 0;
          for (std::size_t k = 0; k < own; ++k) expected += static_cast<double>(p[i * 3 * own + first + k]);
          if (v > 0) found.push_back(rule == "worst" ? v : std::clamp(expected, 0.0, 3.0));
        }
        first += own;
        std::sort(found.begin(), found.end());
        double sum = 0;
        for (const double v : found) sum += v;
        const double hand = found.empty()      ? 0
                            : rule == "worst"  ? found.back()
                            : rule == "median" ? found[found.size() / 2]
                                               : sum / static_cast<double>(found.size());
        CHECK(said.at("grades").at(plane).get<double>() == doctest::Approx(hand));
        const double severe = static_cast<double>(severest) / static_cast<double>(mask.pixels.size());
        CHECK(said.at("shares").at(std::string(plane) + " 3").get<double>() == doctest::Approx(severe));
      }
    }
  }
  // The report's scores are those of scores.json: of each plane by itself, the lowest grade of each no foreground.
  const std::string html = w.read("ordinal/report.html");
  const json scores = json::parse(w.read("ordinal/scores.json")).at("scores");
  const auto row = [&](const std::string& name) {
    const std::size_t at = html.rfind("<tr class=", html.find(name + "</th><td", html.find("<table class=scores>")));
    return html.substr(at, html.find("</tr>", at) - at);
  };
  for (const auto& [name, key] :
       {std::pair{"r 0", "specificity_r 0"}, {"b 3", "specificity_b 3"}, {"macro foreground", "specificity_macro_foreground"}})
    CHECK_MESSAGE(row(name).ends_with(decimal(scores.at(key).get<double>(), 3) + "</td>"), name);
  CHECK(scores.at("dice_macro_foreground") != scores.at("dice_macro"));
  CHECK(w.lamina("report ordinal corn").out.find("minus the grades it is off") != std::string::npos);
  const std::string photo = "set/images/rgb_0001.png";
  REQUIRE(w.lamina("predict ordinal ordinal " + photo + " --out two --tta flips --quiet").code == 0);
  check_error(w.lamina("predict ordinal ordinal --out none"), 2, {"no photographs"});
  const json several =
      json::parse(w.lamina("predict ordinal --tta flips --with ordinal set/images/rgb_0001.png --out several --json --quiet").out).at(0);
  CHECK(several.at("uncertainty").at("mean").get<double>() > 0);
  CHECK(w.read("two/uncertainty/rgb_0001.png") == w.read("several/uncertainty/rgb_0001.png"));
  const data::Image map = data::read_image(w / several.at("uncertainty").at("map").get<std::string>());
  double gray = 0;
  for (const std::uint8_t v : map.pixels) gray += v / 510.0 / static_cast<double>(map.pixels.size());
  CHECK(gray == doctest::Approx(several.at("uncertainty").at("mean").get<double>()).epsilon(0.05).scale(0));
  check_error(w.lamina("predict ordinal set/images/rgb_0001.png --out drawn --mc 3 --quiet"), 2, {"no dropout"});
  CHECK(!std::filesystem::exists(w / "drawn"));
  check_error(w.lamina("predict ordinal set/images/rgb_0001.png --out out --with corn --quiet"), 3, {"corn", "kind of head"});
  check_error(w.lamina("train set --out x --background r"), 3, {"--background r", "graded planes"});
  check_error(w.lamina("train set --out x --head multiclass"), 2, {"multiclass", "ordinal"});
}

TEST_CASE("graded planes: combinations that training lacks are told apart; thresholds of numbers are fitted to val") {
  const Workshop w(1);
  REQUIRE(w.lamina("phantom rgb set --count 20 --size 16 --withhold r0g1b2 --quiet").code == 0);
  const std::string train = "train set --quiet --base 3 --depth 1 --size 16 --batch 4 --lr 1e-2 --epochs 2 --out ";
  REQUIRE(w.lamina(train + "ordinal --class-weights balanced").code == 0);
  REQUIRE(w.lamina(train + "regression --head regression --loss mae").code == 0);
  // Combinations: those that only test pictures have, and how they are answered, by hand from the masks.
  const json checked = json::parse(w.lamina("check set --json").out).at("splits");
  CHECK_FALSE(checked.at("train").at("combinations").contains("r0_g1_b2"));
  CHECK(checked.at("test").at("combinations").contains("r0_g1_b2"));
  const json scored = json::parse(w.lamina("evaluate ordinal set --split test --json --quiet").out).at("combinations");
  REQUIRE(w.lamina("predict ordinal set/images --out all --quiet").code == 0);
  std::map<bool, std::pair<int, int>> hand;  // by whether training has it: pixels, right
  for (const std::string& name : lines(w / "set/test.txt")) {
    data::Image truth[3], said[3];
    for (int k = 0; k < 3; ++k) {
      const std::string file = std::string("masks/") + "rgb"[k] + "/" + name + ".png";
      truth[k] = data::read_image(w / ("set/" + file)), said[k] = data::read_image(w / ("all/" + file));
    }
    for (std::size_t i = 0; i < truth[0].pixels.size(); ++i) {
      std::string combination;
      bool right = true;
      for (int k = 0; k < 3; ++k) {
        combination += (k ? "_" : "") + std::string(1, "rgb"[k]) + std::to_string(truth[k].pixels[i]);
        right &= truth[k].pixels[i] == said[k].pixels[i];
      }
      auto& count = hand[checked.at("train").at("combinations").contains(combination)];
      ++count.first, count.second += right;
    }
  }
  for (const auto& [name, seen] : {std::pair("seen", true), std::pair("unseen", false)}) {
    CHECK(scored.at(name).at("pixels") == hand[seen].first);
    CHECK(scored.at(name).at("right") == hand[seen].second);
    CHECK(hand[seen].first > 0);
  }
  CHECK(w.read("ordinal/evaluate-test/report.html").find("that training never shows") != std::string::npos);
  CHECK(w.lamina("evaluate ordinal set --split test").out.find("combinations of grades: training has") != std::string::npos);
  // Thresholds of numbers, fitted to val.
  const std::string kappa = "quadratic_kappa";
  const json before = json::parse(w.lamina("evaluate regression set --original-size --json --quiet").out).at("ordinal");
  const Result fitted = w.lamina("evaluate regression set --original-size --json --fit-thresholds");
  REQUIRE_MESSAGE(fitted.code == 0, fitted.err);
  for (const char* part : {"r thresholds", "g thresholds", "b thresholds", "instead of 0.5 1.5 2.5"})
    CHECK(fitted.err.find(part) != std::string::npos);
  CHECK(json::parse(fitted.out).at("ordinal").at(kappa).get<double>() >= before.at(kappa).get<double>());
  check_error(w.lamina("evaluate regression set --fit-thresholds --weights last"), 2, {"--fit-thresholds", "last"});
  check_error(w.lamina("evaluate ordinal set --fit-thresholds"), 2, {"regression head", "ordinal"});
}
