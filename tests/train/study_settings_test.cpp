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
  const std::set<std::string> own{"images",   "masks", "from",  "seed",     "epochs", "epoch_steps", "val_every",
                                  "patience", "head",  "crops", "channels", "space",  "aux",         "aux_weight"};
  const std::set<std::string> study = names_in(train::StudyConfig{}), segmentation = names_in(train::TrainConfig{});
  for (const std::string& name : segmentation) CHECK_MESSAGE(study.contains(name) != own.contains(name), name);
  for (const std::string& name : names_in(train::ColorizeConfig{})) CHECK_MESSAGE(study.contains(name) != own.contains(name), name);
  for (const char* name : {"pretrain_size", "pretrain_resize", "pretrain_crop_center", "pretrain_augment", "pretrain_batch",
                           "pretrain_weight_decay", "pretrain_epoch_steps", "pretrain_val_every", "pretrain_schedule", "pretrain_beta1",
                           "pretrain_decay_on", "padding", "discriminator_lr_factor"})
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
  CHECK(usual_pair.at("held_out") == 8);
  CHECK(usual_pair.at("epoch_steps") == 1);
  for (const char* name : {"size", "resize", "crop_center", "augment", "batch", "weight_decay", "init"})
    CHECK_MESSAGE(usual_pair.at(name) == usual.at(name), name);

  c.out = (f / "b").string();
  c.segmentation.border_label = "background", c.segmentation.border = 7, c.segmentation.clip_norm = 2, c.segmentation.beta1 = 0.75;
  c.segmentation.weight_decay = 0, c.weight_decay = 0.125, c.init = "kaiming_normal";
  c.pretraining.weight_decay = 0.25, c.pretraining.batch = 3, c.pretraining.width = c.pretraining.height = 24;
  c.pretraining.augment = "none", c.pretraining.resize = "stretch", c.pretraining.epoch_steps = 2, c.pretraining.held_out = 3;
  c.pretraining.padding = 128, c.pretraining.schedule = "cosine", c.pretraining.beta1 = 0.25;
  c.undefined = "1";
  CHECK(run_told(c) == train::Outcome::finished);
  for (const char* arm : {"scratch", "colorization"}) {
    const auto run = stored_settings(f / "b/runs" / (std::string("100pct_seed0_") + arm));
    CHECK(run.at("border_label") == "background");
    CHECK(run.at("border") == 7);
    CHECK(run.at("clip_norm") == 2);
    CHECK(run.at("beta1") == 0.75);
    CHECK(run.at("weight_decay") == 0.125);
    CHECK(run.at("batch") == 2);
    CHECK(run.at("size") == "16x16");
    CHECK(run.at("init") == "kaiming_normal");
  }
  const auto pair = stored_settings(f / "b/colorization_0");
  CHECK(pair.at("padding") == 128);
  CHECK(pair.at("weight_decay") == 0.25);
  CHECK(pair.at("batch") == 3);
  CHECK(pair.at("size") == "24x24");
  CHECK(pair.at("augment") == "none");
  CHECK(pair.at("resize") == "stretch");
  CHECK(pair.at("epoch_steps") == 2);
  CHECK(pair.at("held_out") == 3);
  CHECK(pair.at("init") == "kaiming_normal");
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

TEST_CASE("a study's preset gives way to what is typed") {
  train::StudyConfig c;
  c.out = "out", c.preset = "smoke";
  const train::StudyConfig own = train::resolved(c);
  CHECK(own.base == 4);
  CHECK(own.depth == 2);
  c.model = "unet", c.model_preset = "smp";  // whose sizes are fixed
  const train::StudyConfig smp = train::resolved(c);
  CHECK(smp.base == 0);
  CHECK(smp.depth == 0);
  CHECK(smp.width == own.width);
  c.model_preset = "bn", c.base = 6;
  CHECK(train::resolved(c).base == 6);
  CHECK(train::resolved(c).depth == 2);
  c = {};
  c.out = "out", c.preset = "paper";  // crops with their center anywhere
  for (const char* resize : {"stretch", "pad"}) {
    c.resize = resize;
    CHECK(train::resolved(c).crop_center == "inside");
  }
  CHECK(train::resolved(c).discriminator == "surrogate");
  c.discriminator_layers = 1;  // of the other kind
  CHECK(train::resolved(c).discriminator == "patchgan");
  CHECK(train::resolved(c).discriminator_base == 0);
  c.crop_center = "anywhere";
  check_throws<OptionError>([&] { train::resolved(c); }, {"--crop-center anywhere needs --resize crop"});
  c.crop_center = "", c.init = "w.safetensors";
  check_throws<OptionError>([&] { train::resolved(c); }, {"--init w.safetensors", "--pretrained"});
  c.init = "", c.pretrained_normalize = "imagenet";
  check_throws<OptionError>([&] { train::resolved(c); }, {"--pretrained-normalize imagenet", "--pretrained"});
}

TEST_CASE("a study says once, before it starts, how each arm sees photographs, and that with which a file's network learned") {
  TempFolder f;
  small_phantom(f / "data", 8);
  train::StudyConfig c = told_study(f / "data", f / "first");
  c.segmentation.normalize = "imagenet";
  const data::Dataset dataset = data::open_dataset(c.data);
  const auto told = [](const train::Study& study) {
    std::string all;
    for (const std::string& note : study.notes()) all += note + "\n";
    return all;
  };
  {
    train::Study study(c, dataset);
    CHECK(study.plan().normalization == "all arms see them by the mean 0.485,0.456,0.406");
    CHECK(told(study).find("--normalize imagenet: the arm \"colorization\" sees photographs otherwise") != std::string::npos);
    CHECK(study.run({}, [](const std::string&) {}) == train::Outcome::finished);
  }
  c.pretrained = (f / "first/runs/100pct_seed0_scratch").string();  // whose network saw them so
  c.segmentation.normalize = "half", c.out = (f / "second").string();
  const auto mean_of = [&](const std::string& run) {
    const auto saved = io::load_checkpoint(fs::path(c.out) / "runs" / run / "weights/last.safetensors");
    return nlohmann::json::parse(saved.metadata.at("input")).value("mean", std::string());
  };
  train::Study second(c, dataset);
  const std::string plan = second.plan().text().at(1);
  CHECK(plan ==
        "photographs: scratch sees them as x * 2 - 1; colorization sees them as x * 2 - 1; pretrained sees them by the mean "
        "0.485,0.456,0.406");
  CHECK(told(second).find("normalize") == std::string::npos);
  std::atomic<bool> stop = false;
  train::TrainEvents events;
  int steps = 0;
  events.step = [&](const train::StepEvent&) { stop = ++steps == 2 + 2 + 2 + 1; };  // within the arm of the file
  CHECK(second.run(
            events, [](const std::string&) {}, &stop) == train::Outcome::interrupted);
  CHECK(run_told(c) == train::Outcome::finished);  // goes on with it
  CHECK(mean_of("100pct_seed0_scratch").empty());
  CHECK(mean_of("100pct_seed0_colorization").empty());
  CHECK(mean_of("100pct_seed0_pretrained") == "0.485,0.456,0.406");

  c.pretrained_normalize = "half", c.out = (f / "third").string();
  train::Study third(c, dataset);
  CHECK(third.plan().normalization == "all arms see them as x * 2 - 1");
  CHECK(told(third).find("it saw photographs by the mean 0.485,0.456,0.406, and now sees them as x * 2 - 1; --pretrained-normalize auto") !=
        std::string::npos);
}
