// What a study can be told of its runs.
#include <nlohmann/json.hpp>
#include <set>

#include "lamina/train/study.hpp"
#include "lamina/train/trainer.hpp"
#include "support/op_check.hpp"
#include "support/runs.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

train::StudyConfig told_study(const fs::path& data, const fs::path& out) {
  train::StudyConfig c;
  c.data = data.string(), c.out = out.string();
  c.preset = "smoke", c.fractions = "1:1";
  c.base = 2, c.depth = 1, c.width = c.height = 16, c.batch = 2;
  c.pretrain_steps = 2, c.steps = 2;
  c.discriminator = "patchgan", c.discriminator_base = 2, c.discriminator_layers = 1;
  return c;
}

train::Outcome run_told(const train::StudyConfig& config) {
  const data::Dataset dataset = data::open_dataset(config.data);
  train::Study study(config, dataset);
  return study.run({}, [](const std::string&) {});
}

nlohmann::json stored_settings(const fs::path& run) {
  return nlohmann::json::parse(io::load_checkpoint(run / "weights/last.safetensors").metadata.at("config"));
}

template <class Config>
std::set<std::string> names_in(Config config) {
  std::set<std::string> names;
  describe(config, [&](const Field& field, const auto&) {
    if (field.stored && !field.positional) CHECK_MESSAGE(names.insert(field.name).second, field.name);
  });
  return names;
}

}  // namespace

TEST_CASE("a study takes every setting that its runs can share, under its name there, and keeps it") {
  // All but those that it makes itself, and the network's preset and the colors, which it calls otherwise.
  const std::set<std::string> own{"images",   "masks", "init",  "from",     "seed",     "epochs", "epoch_steps", "val_every",
                                  "patience", "head",  "crops", "channels", "held_out", "space",  "aux",         "aux_weight"};
  const std::set<std::string> study = names_in(train::StudyConfig{}), segmentation = names_in(train::TrainConfig{});
  for (const std::string& name : segmentation) CHECK_MESSAGE(study.contains(name) != own.contains(name), name);
  for (const std::string& name : names_in(train::ColorizeConfig{})) CHECK_MESSAGE(study.contains(name) != own.contains(name), name);
  for (const char* name : {"pretrain_schedule", "pretrain_beta1", "pretrain_decay_on", "padding", "discriminator_lr_factor"})
    CHECK_MESSAGE(study.contains(name), name);

  TempFolder f;
  small_phantom(f / "data", 8);
  train::StudyConfig c = told_study(f / "data", f / "a");
  CHECK(run_told(c) == train::Outcome::finished);
  const auto usual = stored_settings(f / "a/runs/100pct_seed0_scratch"), usual_pair = stored_settings(f / "a/colorization_0");
  CHECK(usual.at("beta1") == 0.5);
  CHECK(usual.at("schedule") == "poly");
  CHECK(usual.at("absent_classes") == "penalize");
  CHECK(usual.at("border_label") == "ignore");
  CHECK(usual.at("normalize") == "half");
  CHECK(usual_pair.at("padding") == 255);
  CHECK(usual_pair.at("schedule") == "constant");

  c.out = (f / "b").string();
  c.segmentation.border_label = "background", c.segmentation.border = 7, c.segmentation.clip_norm = 2, c.segmentation.beta1 = 0.75;
  c.pretraining.padding = 128, c.pretraining.schedule = "cosine", c.pretraining.beta1 = 0.25;
  c.undefined = "1";
  CHECK(run_told(c) == train::Outcome::finished);
  for (const char* arm : {"scratch", "colorization"}) {
    const auto run = stored_settings(f / "b/runs" / (std::string("100pct_seed0_") + arm));
    CHECK(run.at("border_label") == "background");
    CHECK(run.at("border") == 7);
    CHECK(run.at("clip_norm") == 2);
    CHECK(run.at("beta1") == 0.75);
  }
  const auto pair = stored_settings(f / "b/colorization_0");
  CHECK(pair.at("padding") == 128);
  CHECK(pair.at("schedule") == "cosine");
  CHECK(pair.at("beta1") == 0.25);
  CHECK(train::to_json(train::study_config_from_json(train::to_json(c))) == train::to_json(c));
  const auto dice = [](const fs::path& out) { return std::stod(csv_records(io::read_file(out / "runs.csv")).at(1).at(4)); };
  train::StudyConfig other = c;
  other.out = (f / "c").string(), other.undefined = "n/a";
  CHECK(run_told(other) == train::Outcome::finished);
  CHECK(dice(f / "b") > dice(f / "c"));  // classes that none of the test images and predictions have count as right

  other = c;
  other.pretraining.padding = 255;
  check_throws<OptionError>([&] { run_told(other); }, {"other settings", "padding: 255 here, 128 there"});
  other = c;
  other.pretraining.schedule = "poly";
  check_throws<OptionError>([&] { run_told(other); }, {"pretrain_schedule: \"poly\" here, \"cosine\" there"});
  other.segmentation.schedule = "plateau";
  check_throws<OptionError>([&] { run_told(other); }, {"--schedule plateau", "validations", "poly, cosine"});
  other.segmentation.schedule = "poly", other.segmentation.crop_foreground = 2;
  check_throws<OptionError>([&] { run_told(other); }, {"--crop-foreground"});
}
