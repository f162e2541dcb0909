// What alarms do to a run, steps that are taken again, and cross-validation, from the command line.
#include <set>

#include "lamina/train/sentinels/rules.hpp"
#include "lamina/train/trainer.hpp"
#include "support/op_check.hpp"
#include "support/several_heads.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const std::string kSgd = "train data --base 2 --depth 2 --size 32 --batch 2 --optimizer sgd --schedule constant --quiet --epochs 4 --out ";

using History = std::vector<train::EpochRecord>;

/// Epochs of which every rule about a network or a loss says something, and of each decision that it is always the same, or never.
std::vector<History> troubled(const heads::Head& head) {
  const auto epochs = [](const Scalars& signals) {
    return History(20, train::EpochRecord{.lr = 1e-3, .train = {{"loss", 1.0}}, .signals = signals});
  };
  std::vector<History> all{epochs({}), epochs({{"movement", 1e-3}}), epochs({{"movement", 1}, {"still/a", 1}, {"dead/b", 0.75}}),
                           epochs({{"gradient", 1}})};
  all[0].back().train["loss"] = 9;
  all.push_back(epochs({}));
  all[3].back().signals["gradient"] = 900;
  const metrics::ConfusionMatrix none = head.confusion();
  const int outcomes = none.classes();
  for (int missed = 0; missed <= outcomes; ++missed)
    for (const bool always : {false, true}) {
      History history = epochs({{"border_error/labels", 0.3}, {"inner_error/labels", 0.01}});
      metrics::ConfusionMatrix counts = none;
      for (int first = 0; const metrics::ConfusionMatrix& own : head.decisions(none)) {
        for (int c = first, last = first + own.classes() - 1; c <= last; ++c) {
          counts.add({c, c == missed || always ? first : c, 20});
          if (!always) counts.add({c, c == last ? first : c + 1, 2});
        }
        first += own.classes();
      }
      for (train::EpochRecord& r : history) r.validation = train::Validation{.counts = {{kLabels, counts}}};
      all.push_back(std::move(history));
    }
  return all;
}

}  // namespace

TEST_CASE("every command that an alarm advises can be typed, and none goes on with another's run") {
  const Workshop w(8);
  small_grades(w / "grades", 6);
  write_three_heads(w / "heads", 6);
  struct Arm {
    const char *data, *head, *loss, *model;
  };
  int typed = 0;
  for (const Arm& arm : {Arm{"data", "", "ce+dice", "unet"},
                         {"data", "", "lovasz", "unet"},
                         {"data", "", "dice", "deeplabv3plus"},
                         {"grades", "corn", "dice", "unet"},
                         {"grades", "", "wasserstein", "unet"},
                         {"grades", "regression", "mae", "unet"},
                         {"heads", "damage=regression", "tissue=ce+dice,marks=dice,damage=mae", "unet"}}) {
    CAPTURE(arm.loss);
    const bool small = std::string(arm.model) == "unet";
    train::TrainConfig c{.data = (w / arm.data).string(),
                         .model = arm.model,
                         .width = 32,
                         .height = 32,
                         .head = arm.head,
                         .loss = arm.loss,
                         .class_weights = "none",
                         .epochs = 1,
                         .out = (w / "out").string()};
    if (small)
      c.base = 2, c.depth = 2;
    else
      c.preset = "small", c.width = c.height = 64;
    c = train::resolved(c);
    const data::Dataset dataset = data::open_dataset(c.data);
    const auto task = train::make_task(c, dataset);
    std::vector<train::Sentinel> rules = task->sentinels(c.lr);
    for (train::Sentinel& s : train::network_sentinels(c.lr)) rules.push_back(std::move(s));
    std::set<std::string> commands, folders, said;
    for (const History& history : troubled(*task->heads()[0]))
      for (const train::Alarm& a : train::alarms(rules, history, false)) said.insert(a.rule), commands.insert(task->command_for(a));
    for (const train::Sentinel& s : rules) CHECK_MESSAGE((said.contains(s.name) || std::string(s.name) == "leak"), s.name);
    commands.erase("lamina check " + c.data);
    CHECK(commands.size() > 3);
    for (const std::string& command : commands) {
      CHECK_MESSAGE(folders.insert(command.substr(command.find(" --out "))).second, command);
      CHECK((small || command.find("preset-bn") == std::string::npos));  // which its family does not have
      if (!small) continue;
      const Result done = Program("/bin/sh", {"-c", command + " --quiet"}, w.path()).wait();
      CHECK_MESSAGE(done.code == 0, command << "\n" << done.err);
      ++typed;
    }
    for (const auto& entry : fs::directory_iterator(w.path()))
      if (entry.path().filename().string().starts_with("out-")) fs::remove_all(entry.path());
  }
  CHECK(typed > 25);
}

TEST_CASE("a run that fails leaves a step that replay takes again, in words and in JSON") {
  const Workshop w(8);
  const Result failed = w.lamina(kSgd + "run --lr 1e30");
  check_error(failed, 4, {"first not finite: ", "lamina replay run takes the step again"});
  const std::string first = failed.err.substr(failed.err.find("first not finite: ") + 18);
  fs::rename(w / "data", w / "gone");
  const Result words = w.lamina("replay run");
  CHECK_MESSAGE(words.code == 0, words.err);
  for (const char* part : {"epoch 1, step 1, images skin_", "first not finite: ", "likely cause: a learning rate that is too high, 1e+30",
                           "next: lamina train data"})
    CHECK_MESSAGE(words.out.find(part) != std::string::npos, words.out);
  const json said = json::parse(w.lamina("replay run/failed_step.safetensors --json").out);
  CHECK(said.at("reproduced") == true);
  CHECK(first.starts_with(said.at("first").get<std::string>()));
  CHECK(said.at("items").size() == 2);
  check_error(w.lamina("replay gone"), 3, {"gone holds no failed step"});
  check_error(w.lamina("replay nowhere"), 3, {"nowhere does not exist"});
  check_error(w.lamina("replay gone/dataset.json"), 3, {"dataset.json"});
}

TEST_CASE("--sentinels stop ends with 7 and a report; reload goes back three times and no more") {
  const Workshop w(8);
  const Result stopped = w.lamina(kSgd + "run --lr 30 --sentinels stop");
  CHECK_MESSAGE(stopped.code == 7, stopped.err);
  CHECK(w.read("run/log.txt").find("by a sentinel (rising loss") != std::string::npos);
  CHECK(fs::exists(w / "run/report.html"));
  CHECK(w.read("run/report.html").find("the loss rose") != std::string::npos);
  const Result goes_on = w.lamina(kSgd + "run --lr 30 --sentinels warn");
  CHECK_MESSAGE(goes_on.code == 0, goes_on.err);
  check_error(w.lamina(kSgd + "hopeless --lr 1e30 --sentinels reload"), 4, {"the learning rate"});
  const std::string log = w.read("hopeless/log.txt");
  CHECK(log.find("at 1e+29 as the learning rate (reload 1 of at most 3)") != std::string::npos);
  CHECK(log.find("at 1e+27 as the learning rate (reload 3 of at most 3)") != std::string::npos);
  CHECK(log.find("reload 4") == std::string::npos);
  check_error(w.lamina(kSgd + "x --sentinels shout"), 2, {"--sentinels", "shout", "stop"});
}

TEST_CASE("--folds: runs, a table, masks of images that were not seen, and the ensemble of the runs") {
  const Workshop w(8);
  const std::string command = "train data --quiet --base 2 --depth 1 --size 16 --batch 2 --epochs 1 --out cv --folds ";
  const Result made = w.lamina(command + "2");
  REQUIRE_MESSAGE(made.code == 0, made.err);
  for (const char* part : {"images, each decided by the run that had not seen it: foreground Dice", "folds.csv",
                           "lamina predict cv/fold_1 cv/fold_2 PHOTO.jpg --weights last"})
    CHECK_MESSAGE(made.out.find(part) != std::string::npos, made.out);
  const json again = json::parse(w.lamina(command + "2 --json").out);
  CHECK(again.at("folds") == 2);
  const auto masks = std::distance(fs::directory_iterator(w / "cv/out_of_fold"), fs::directory_iterator());
  CHECK(again.at("images") == masks);
  CHECK(again.at("scores").at("dice_macro").at("folds").size() == 2);
  const Result ensemble = w.lamina("predict cv/fold_1 cv/fold_2 data/images/skin_0001.png --weights last --out p --json --quiet");
  CHECK_MESSAGE(ensemble.code == 0, ensemble.err);
  CHECK(json::parse(ensemble.out).at(0).at("uncertainty").at("mean").get<double>() > 0);
  check_error(w.lamina(command + "99"), 2, {"--folds 99", "val"});
  check_error(w.lamina(command + "3"), 2, {"has the runs of --folds 2", "another --out for 3"});
}
