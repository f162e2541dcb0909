// Pairs and studies: photographs held out that are of no use, folders of others, advice that is so already.
#include <nlohmann/json.hpp>

#include "lamina/train/folds.hpp"
#include "lamina/train/session.hpp"
#include "lamina/train/study.hpp"
#include "lamina/train/trainer.hpp"
#include "support/op_check.hpp"
#include "support/runs.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

train::ColorizeConfig tiny_pair(const fs::path& photos, const fs::path& out) {
  train::ColorizeConfig c;
  c.photos = {photos.string()};
  c.base = 2, c.depth = 1, c.discriminator_base = 2, c.discriminator_layers = 1;
  c.width = c.height = 16, c.epochs = 2, c.epoch_steps = 1, c.batch = 2;
  c.out = out.string();
  return train::resolved(c);
}

train::StudyConfig tiny_study(const fs::path& data, const fs::path& out) {
  train::StudyConfig c;
  c.data = data.string(), c.preset = "smoke", c.fractions = "1:1";
  c.base = 2, c.depth = 1, c.width = c.height = 16, c.batch = 2, c.pretrain_steps = 2, c.steps = 1;
  c.discriminator = "patchgan", c.discriminator_base = 2, c.discriminator_layers = 1;
  c.out = out.string();
  return c;
}

/// What is heard of a run: "step" once, epochs with or without a validation, warnings.
struct Heard {
  std::vector<std::string> all;
  train::TrainEvents events() {
    return {.step =
                [this](const auto&) {
                  if (all.empty() || all.back() != "step") all.emplace_back("step");
                },
            .epoch = [this](const train::EpochRecord& r) { all.emplace_back(r.validation ? "validated" : "epoch"); },
            .warning = [this](const std::string& text) { all.push_back(text); }};
  }
};

/// Gray ones in place of the first `count` photographs of the val list, of which there are two.
void make_gray(const fs::path& data, std::size_t count) {
  const auto items = data::open_dataset(data).items(data::Split::val);
  REQUIRE(items.size() == 2);
  for (std::size_t i = 0; i < count; ++i) data::write_png(items[i].image, data::Image(32, 32, 1, 90));
}

}  // namespace

TEST_CASE("photographs held out that are gray are said before the first step and passed over; where all are, nothing is validated with") {
  TempFolder f;
  small_phantom(f / "data", 12);
  const auto train = [&](const char* out) {
    const train::ColorizeConfig c = tiny_pair(f / "data", f / out);
    Heard heard;
    CHECK(train::train_colorization(c, data::find_photos(c.photos, 16, 0), true, heard.events()) == train::Outcome::finished);
    CHECK(fs::exists(f / out / "weights/last.safetensors"));
    CHECK(fs::exists(f / out / "report.html"));
    return heard.all;
  };
  CHECK(train("all") == std::vector<std::string>{"step", "validated", "step", "validated"});
  make_gray(f / "data", 1);
  auto heard = train("one");
  REQUIRE(heard.size() == 5);
  CHECK_MESSAGE(heard[0].find("not validated with: 1 of the 2 photographs held out") == 0, heard[0]);
  CHECK_MESSAGE(heard[0].find("the photograph is gray") != std::string::npos, heard[0]);
  CHECK(heard[2] == "validated");
  make_gray(f / "data", 2);
  heard = train("none");
  REQUIRE(heard.size() == 5);
  CHECK_MESSAGE(heard[0].find("nothing is validated with: all 2 photographs held out") == 0, heard[0]);
  CHECK(std::vector<std::string>(heard.begin() + 1, heard.end()) == std::vector<std::string>{"step", "epoch", "step", "epoch"});
  CHECK(io::read_file(f / "none/log.txt").find("nothing is validated with") != std::string::npos);
  train::ColorizeConfig strict = tiny_pair(f / "data", f / "stop");
  strict.unusable = "stop";
  check_throws<DataError>([&] { train::train_colorization(strict, data::find_photos(strict.photos, 16, 0), true, {}); },
                          {"the photograph is gray", "--unusable skip"});
  CHECK_FALSE(fs::exists(f / "stop"));

  const data::Dataset dataset = data::open_dataset(f / "data");
  train::Study study(tiny_study(f / "data", f / "study"), dataset);
  Heard of_study;
  CHECK(study.run(of_study.events(), [](const std::string&) {}) == train::Outcome::finished);
  CHECK(of_study.all[0].find("nothing is validated with") == 0);
}

TEST_CASE("runs and folds and studies do not write over each other") {
  TempFolder f;
  small_phantom(f / "data", 12);
  const data::Dataset dataset = data::open_dataset(f / "data");
  const auto pair = [&](const char* out) {
    const train::ColorizeConfig c = tiny_pair(f / "data", f / out);
    train::train_colorization(c, data::find_photos(c.photos, 2, 0), true, {});
  };
  const auto study = [&](const char* out) { train::Study s(tiny_study(f / "data", f / out), dataset); };
  pair("run");
  const std::string before = io::read_file(f / "run/report.html");
  check_throws<OptionError>([&] { study("run"); }, {"--out", "run holds a run", "another --out"});
  CHECK(io::read_file(f / "run/report.html") == before);
  io::create_folders(f / "study");
  io::write_file_atomically(f / "study/study.json", "{}");
  check_throws<OptionError>([&] { pair("study"); }, {"study holds a study", "another --out"});
  CHECK_FALSE(fs::exists(f / "study/weights"));
  io::create_folders(f / "folds");
  io::write_file_atomically(f / "folds/folds.json", R"({"folds": 3})");
  check_throws<OptionError>([&] { study("folds"); }, {"folds holds the runs of --folds", "another --out"});
  check_throws<OptionError>([&] { pair("folds"); }, {"folds holds the runs of --folds"});
  train::TrainConfig c;
  c.data = (f / "data").string(), c.out = (f / "study").string();
  c.base = 2, c.depth = 1, c.width = c.height = 16, c.steps = 1;
  train::CrossValidation result;
  check_throws<OptionError>([&] { train::cross_validate(train::resolved(c), dataset, 3, true, {}, result); }, {"study holds a study"});
  io::create_folders(f / "mine");
  io::write_file_atomically(f / "mine/table.csv", "a,b");
  check_throws<OptionError>([&] { study("mine"); }, {"mine holds table.csv, which no study wrote", "another --out"});
  CHECK(io::read_file(f / "mine/table.csv") == "a,b");
  io::write_file_atomically(f / "study/table.csv", "a,b");
  study("study");  // its own
}

TEST_CASE("advice that a run has taken already, or that its network does not know, is not given again") {
  train::ColorizeConfig c;
  c.photos = {"pool"}, c.out = "g", c.discriminator_lr_factor = 2;
  c = train::resolved(c);
  const std::string other = train::command_with(c, "--discriminator-lr-factor 4");
  CHECK_MESSAGE(
      other.find("lamina colorize train pool --discriminator-lr-factor 4.0 --out g-discriminator-lr-factor-4") != std::string::npos, other);
  CHECK_MESSAGE(
      train::command_with(c, "--discriminator-lr-factor 1").find("train pool --out g-discriminator-lr-factor-1") != std::string::npos,
      other);
  for (const char* same : {"--discriminator-lr-factor 2", "--discriminator-lr-factor 2.0", "--preset bn"})
    CHECK_MESSAGE(train::command_with(c, same).find("look at the pictures in") == 0, train::command_with(c, same));
  c.model = "deeplabv3plus", c.preset = "", c.base = c.depth = 0, c.init = "", c.options = {};
  CHECK(train::command_with(train::resolved(c), "--preset bn").find("look at the pictures in") == 0);
  train::TrainConfig t;
  t.data = "lab", t.out = "r", t.lr = 2;
  t = train::resolved(t);
  CHECK(train::command_with(t, "--lr 2") == "lamina check lab");
  CHECK(train::command_with(t, "--lr 0.5").find("train lab --lr 0.5 --out r-lr-0.5") != std::string::npos);
}

TEST_CASE("a study learns to color photographs of three bands, and says where it was interrupted") {
  TempFolder f;
  small_phantom(f / "data", 12);
  data::Dataset dataset = data::open_dataset(f / "data");
  train::Study study(tiny_study(f / "data", f / "study"), dataset);
  std::vector<std::string> said;
  std::atomic<bool> stop = true;
  CHECK(study.run(
            {}, [&](const std::string& line) { said.push_back(line); }, &stop) == train::Outcome::interrupted);
  REQUIRE(said.size() == 1);
  CHECK_MESSAGE(said[0].find("interrupted in " + (f / "study/colorization_0").string()) == 0, said[0]);
  CHECK(said[0].find("the same command goes on") != std::string::npos);
  dataset.photos.channels = 4;
  check_throws<DataError>([&] { train::Study(tiny_study(f / "data", f / "bands"), dataset); }, {"data", "4 bands", "colors are of three"});
}

TEST_CASE("a study's settings of before, with width, height and aux, open") {
  train::StudyConfig c;
  c.data = "lab", c.out = "s", c.width = 129, c.height = 97;
  c = train::resolved(c);
  auto old = nlohmann::ordered_json::parse(train::to_json(c));
  CHECK(old.at("size") == "129x97");
  CHECK_FALSE(old.contains("width"));
  old.erase("size");
  old["format"] = 1, old["width"] = 129, old["height"] = 97, old["aux"] = "no";
  CHECK(train::to_json(train::study_config_from_json(old.dump())) == train::to_json(c));
  auto pair = nlohmann::ordered_json::parse(train::to_json(train::resolved(train::ColorizeConfig{})));
  pair["aux"] = "no";
  CHECK(train::to_json(train::colorize_config_from_json(pair.dump())) == train::to_json(train::resolved(train::ColorizeConfig{})));
}
