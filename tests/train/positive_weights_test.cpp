// How often a plane's yes counts beside its no: from settings to the loss, the checkpoint and the log.
#include "support/by_hand.hpp"
#include "support/heads.hpp"
#include "support/op_check.hpp"
#include "support/painted.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;
using data::Task;

namespace {

const std::vector<Picture> kOftenTrain{{"t0", "00000113", "01230123"}, {"t1", "00011222", "33210012"}, {"t2", "0000x023", "21012300"}};
const std::vector<Picture> kOftenVal{{"v0", "33332222", "12300123"}, {"v1", "1x123333", "20031122"}};

nlohmann::json stored_data(const std::string& run) {
  return nlohmann::json::parse(io::load_checkpoint(fs::path(run) / "weights/last.safetensors").metadata.at("data"));
}

}  // namespace

TEST_CASE("positive weights of planes and of grades: balanced, listed, in training, validation, checkpoint and log") {
  for (const auto& [task, head] : {std::pair{Task::multilabel, ""}, {Task::ordinal, ""}}) {
    CAPTURE(name_of(task));
    TempFolder f;
    write_pictures(f / "data", task, kOftenTrain, kOftenVal);
    const std::size_t outputs = task == Task::ordinal ? 3 : 2;
    std::vector<double> balanced, listed{3, 0.5, 8};
    listed.resize(outputs);
    for (std::size_t k = 0; k < outputs; ++k) {
      double yes = 0, no = 0;
      for (const Picture& p : kOftenTrain)
        for (const char c : p.label)
          if (c != 'x') (task == Task::ordinal ? c - '0' > static_cast<int>(k) : (c - '0') >> k & 1) ? ++yes : ++no;
      balanced.push_back(no / yes);  // scikit-learn: n / (2 yes) beside n / (2 no)
    }
    std::vector<double> losses;
    for (const auto& [setting, weights] : {std::pair{std::string("none"), std::vector<double>{}},
                                           {"balanced", balanced},
                                           {task == Task::ordinal ? "3,0.5,8" : "3,0.5", listed}}) {
      CAPTURE(setting);
      auto c = still(f / "data", f / setting.substr(0, 1), 2);
      c.seed = 7, c.class_weights = "none", c.positive_weights = setting;
      train_to(c, 1);
      const Values hand = by_hand(c, {.positives = weights}, 1);
      CHECK(column(c.out, "ce")[0] == doctest::Approx(hand.ce[0]).epsilon(1e-5));
      CHECK(column(c.out, "dice_loss")[0] == doctest::Approx(hand.dice_loss[0]).epsilon(1e-5));
      CHECK(column(c.out, "val_loss")[0] == doctest::Approx(hand.val_loss[0]).epsilon(1e-5));
      losses.push_back(hand.ce[0]);
      const auto kept = stored_data(c.out).value("positive_weights", std::vector<double>{});
      REQUIRE(kept.size() == weights.size());
      for (std::size_t k = 0; k < kept.size(); ++k) CHECK(kept[k] == doctest::Approx(weights[k]));
      const std::string log = io::read_file(fs::path(c.out) / "log.txt");
      CHECK((log.find("positive weights: " + std::string(task == Task::ordinal ? "mild or above" : "left")) != std::string::npos) ==
            !weights.empty());
      train_to(c);  // goes on with them
      CHECK(stored_data(c.out).value("positive_weights", std::vector<double>{}) == kept);
      CHECK(column(c.out, "ce")[1] == doctest::Approx(by_hand(c, {.positives = weights}, 2).ce[1]).epsilon(1e-5));
    }
    CHECK(std::abs(losses[0] - losses[1]) > 1e-3);
    CHECK(std::abs(losses[1] - losses[2]) > 1e-3);
  }
}

TEST_CASE("positive weights: balanced is of what each output learns from") {
  const auto weights = [](const heads::Head& head, std::vector<std::int64_t> pixels, std::vector<std::int64_t> labelled) {
    return heads::balanced_positives(head, {{.name = "a", .image = "a", .mask = "a", .pixels = pixels, .labelled = labelled}});
  };
  CHECK(weights(*head_of(Task::multilabel, 3), {10, 0, 80}, {100, 100, 80}) == std::vector<double>{9, 1, 1});
  CHECK(weights(*head_of(Task::ordinal, 4), {60, 20, 10, 10}, {100, 100, 100, 100}) == std::vector<double>{1.5, 4, 9});
  CHECK(weights(*head_of(Task::ordinal, 4, "corn"), {60, 20, 10, 10}, {100, 100, 100, 100}) == std::vector<double>{1.5, 1, 1});
  CHECK(weights(*head_of(Task::multiclass, 2), {10, 90}, {100, 100}) == std::vector<double>{1, 1});
  check_throws<DataError>([&] { weights(*head_of(Task::multilabel, 2), {1, 2}, {}); }, {"labelled"});
}

TEST_CASE("positive weights: of heads that have none, of losses without cross-entropy, and lists that do not fit are refused") {
  TempFolder f;
  write_pictures(f / "planes", Task::multilabel, kOftenTrain, kOftenVal);
  write_pictures(f / "classes", Task::multiclass, kOftenTrain, kOftenVal);
  const auto refused = [&](const char* data, const char* weights, const char* loss, std::initializer_list<const char*> words) {
    auto c = still(f / data, f / "run", 1);
    c.positive_weights = weights, c.loss = loss;
    check_throws<OptionError>([&] { train_to(c); }, words);
    CHECK_FALSE(fs::exists(f / "run"));
  };
  refused("planes", "balancd", "ce", {"--positive-weights", "balanced"});
  refused("planes", "enet", "ce", {"--positive-weights", "none", "balanced"});
  refused("planes", "1,2,3", "ce", {"--positive-weights has 3 numbers for 2"});
  refused("planes", "1,-2", "ce", {"--positive-weights", "\"-2\" is not a weight"});
  refused("planes", "balanced", "dice", {"no term of which is a cross-entropy", "--positive-weights none"});
  refused("classes", "balanced", "ce", {"--positive-weights", "planes and grades", "multiclass", "--class-weights"});
  check_throws<OptionError>(
      [] {
        losses::Criterion("ce", {.positive_weights = {1, 2}}).require_fits(*head_of(Task::multiclass, 2));
      },
      {"positive weights", "must be 1"});
  check_throws<OptionError>(
      [] {
        losses::Criterion("ce", {.positive_weights = {1, 2}}).require_fits(*head_of(Task::multilabel, 3));
      },
      {"positive weights: 2 numbers for 3"});
}
