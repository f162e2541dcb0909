// 32 classes, of which one has 99 % of the pixels: the settings of a question whose U-Net answers that class alone, and what helps.
// usage: rare_classes OUT [FIRST_SEED] [--whole] [--paper]
//
// The phantoms `sparse`. First the question's network (preset keras32: no norm, spatial dropout) with cross-entropy as asked (adam at 1e-6,
// gradients clipped to 0.01); then a network with batch norm (preset bn) with cross-entropy, class weights, focal loss, Dice, crops around
// rare classes, and these together. By default pictures of 256x256 in color, of which networks with 8 channels at the first level see
// windows of 64x64, 4 a picture and epoch, 40 epochs of 84 pictures, one seed: minutes; --paper: whole pictures, gray, 64 channels. At 1e-6
// a network of 8 channels does not get anywhere in that time: the question's has 32, and 5376 updates of one window of 48x48 each. Settings
// were chosen on seed 100. --whole: what a run is like that somebody wants, 200 whole pictures and 16 channels, 1540 updates of 2 pictures:
// cross-entropy, and the default settings. Dice is the mean over the 31 classes that matter. Writes OUT/rare_classes.{csv,md,png}, or
// OUT/rare_classes_whole.
#include "experiment.hpp"
#include "lamina/io/checkpoint.hpp"

using namespace experiment;

namespace {

struct Arm {
  const char *name, *loss, *weights;
  double rare = 0;     // share of the windows that are centered on a rare class
  bool asked = false;  // the question's network and settings
  bool whole = false;  // whole pictures
};
constexpr Arm kArms[] = {{"cross-entropy, the question's network and settings", "ce", "none", 0, true},
                         {"cross-entropy", "ce", "none"},
                         {"cross-entropy, enet's weights", "ce", "enet"},
                         {"focal loss", "focal", "none"},
                         {"Dice", "dice", "none"},
                         {"cross-entropy, windows around rare classes", "ce", "none", 0.8},
                         {"cross-entropy, such windows and enet's weights", "ce", "enet", 0.8},
                         {"cross-entropy and Dice, such windows and enet's weights", "ce+dice", "enet", 0.8},
                         {"cross-entropy, whole pictures", "ce", "none", 0, false, true},
                         {"the default settings, whole pictures", "", "", 0, false, true}};

train::TrainConfig whole_of(const Arm& arm, const fs::path& data, const fs::path& run, int seed) {
  train::TrainConfig config{.data = data.string(), .preset = "bn", .base = 16, .depth = 4, .lr = 2e-3, .epochs = 22, .batch = 2};
  if (*arm.loss) config.loss = arm.loss, config.class_weights = arm.weights;
  config.out = run.string(), config.seed = static_cast<std::uint64_t>(seed), config.val_every = 2;
  return config;
}

train::TrainConfig config_of(const Arm& arm, const fs::path& data, const fs::path& run, const Arguments& a, int seed) {
  if (arm.whole) return whole_of(arm, data, run, seed);
  train::TrainConfig config{.data = data.string(), .base = a.paper ? 64 : 8, .augment = "hflip,vflip", .out = run.string()};
  config.preset = arm.asked ? "keras32" : "bn", config.depth = arm.asked || a.paper ? 4 : 3, config.channels = a.paper ? 1 : 0;
  config.loss = arm.loss, config.class_weights = arm.weights, config.lr = 5e-3;
  config.epochs = a.paper ? 200 : 40, config.val_every = 4, config.seed = static_cast<std::uint64_t>(seed);
  config.width = config.height = a.paper ? 256 : 64, config.batch = a.paper ? 1 : 4;
  if (!a.paper || arm.rare > 0) config.resize = "crop", config.width = config.height = 64, config.batch = 4, config.crops = 4;
  config.crop_foreground = arm.rare;
  if (arm.asked) config.lr = 1e-6, config.clip_value = 0.01, config.schedule = "constant";
  if (arm.asked && !a.paper)
    config.base = 32, config.batch = 1, config.width = config.height = 48, config.epochs = 16, config.val_every = 1;
  return config;
}

/// Dice and recall of the classes that matter, accuracy, how many classes were found at all.
std::vector<double> scores_of(const metrics::ConfusionMatrix& m) {
  const metrics::Scores s = m.scores(0);
  double found = 0;
  for (int c = 1; c < m.classes(); ++c) found += m.at(c, c) > 0;
  return {s.dice.macro_foreground, s.recall.macro_foreground, s.accuracy, found};
}

void experiment_of(const Arguments& a) {
  Table table({"Dice", "recall", "accuracy", "classes found"});
  std::vector<std::vector<data::Image>> rows;
  const int seed = a.first_seed;
  const fs::path here = a.out / ((a.variant ? "whole" : "seed") + std::to_string(seed));
  draw(data::Phantom::sparse, here / "data", {.count = a.paper ? 400 : a.variant ? 200 : 120, .seed = static_cast<std::uint64_t>(seed)});
  const data::Dataset dataset = data::open_dataset(here / "data");
  const auto& test = dataset.items(data::Split::test);
  for (std::size_t i = 0; i < 2; ++i) {
    const data::Image photo = data::read_image(test[i].image);
    rows.push_back({photo, draw_labels(photo, data::read_mask(test[i], dataset.masks), dataset.schema, 0.9)});
  }
  std::vector<Arm> arms;
  std::copy_if(std::begin(kArms), std::end(kArms), std::back_inserter(arms), [&](const Arm& arm) { return arm.whole == a.variant; });
  for (std::size_t k = 0; k < arms.size(); ++k) {
    const fs::path run = here / ("run" + std::to_string(k));
    infer::Predictor predictor = trained(config_of(arms[k], here / "data", run, a, seed));
    if (arms[k].asked) predictor = infer::Predictor(io::find_weights(run, "last"));  // a best epoch is chance: none finds anything
    const metrics::ConfusionMatrix m = counted(predictor, dataset);
    if (k == 0) table.add("always the background", seed, scores_of(m.majority_baseline()));
    table.add(arms[k].name, seed, scores_of(m), alarms_of(run));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const data::Image photo = data::read_image(test[i].image);
      rows[i].push_back(draw_labels(photo, said(predictor, photo), dataset.schema, 0.9));
    }
  }
  const std::string name = a.variant ? "rare_classes_whole" : "rare_classes";
  data::write_png(a.out / (name + ".png"), sheet(rows, 1));
  table.write(a.out, name, "sentinels");
}

}  // namespace

int main(int argc, char** argv) { return run("rare_classes", argc, argv, experiment_of, "--whole"); }
