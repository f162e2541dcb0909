// 32 classes, of which one has 99 % of the pixels: the settings of a question whose U-Net answers that class alone, and what helps.
// usage: rare_classes OUT [FIRST_SEED] [--paper]
//
// The phantoms `sparse`. First the question's network (preset keras32: no norm, spatial dropout) with cross-entropy as asked (adam at 1e-6,
// gradients clipped to 0.01) and at a usual rate; then a network with batch norm (preset bn) with cross-entropy, class weights, focal loss,
// Dice with and without the classes that a batch lacks, and crops around rare classes. By default pictures of 128x128 in color, 8 channels
// at the first level, 30 epochs of 56, two seeds: minutes; --paper: 256x256 gray, 64 channels. Settings were chosen on seed 100. Dice is
// the mean over the 31 classes that matter. Writes OUT/rare_classes.{csv,md,png}.
#include "experiment.hpp"

using namespace experiment;

namespace {

struct Arm {
  const char *name, *loss, *weights;
  bool crops = false;
  double rate = 5e-3;
  bool asked = false;  // the question's network
  const char* absent = "penalize";
};
constexpr Arm kArms[] = {{"cross-entropy, the question's network and settings", "ce", "none", false, 1e-6, true},
                         {"cross-entropy, the question's network", "ce", "none", false, 1e-3, true},
                         {"cross-entropy", "ce", "none"},
                         {"cross-entropy, weights by median frequency", "ce", "median"},
                         {"focal loss", "focal", "none"},
                         {"Dice", "dice", "none"},
                         {"Dice, classes that a batch lacks skipped", "dice", "none", false, 5e-3, false, "skip"},
                         {"cross-entropy, crops around rare classes", "ce", "none", true},
                         {"cross-entropy, such crops and enet's weights", "ce", "enet", true},
                         {"cross-entropy and Dice, such crops", "ce+dice", "none", true}};

train::TrainConfig config_of(const Arm& arm, const fs::path& data, const fs::path& run, const Arguments& a, int seed) {
  train::TrainConfig config{.data = data.string(), .base = a.paper ? 64 : 8, .augment = "hflip,vflip", .out = run.string()};
  config.preset = arm.asked ? "keras32" : "bn", config.depth = arm.asked || a.paper ? 4 : 3, config.channels = a.paper ? 1 : 0;
  config.width = config.height = a.paper ? 256 : 128;
  config.loss = arm.loss, config.class_weights = arm.weights, config.lr = arm.rate, config.absent_classes = arm.absent;
  config.batch = 1, config.epochs = a.paper ? 200 : 30, config.seed = static_cast<std::uint64_t>(seed);
  if (arm.rate < 1e-5) config.clip_value = 0.01, config.schedule = "constant";
  if (arm.crops) config.resize = "crop", config.crop_foreground = 0.8, config.width = config.height = 48, config.batch = 4;
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
  for (int seed = a.first_seed; seed < a.first_seed + a.seeds(); ++seed) {
    const fs::path here = a.out / ("seed" + std::to_string(seed));
    const int side = a.paper ? 256 : 128;
    draw(data::Phantom::sparse, here / "data",
         {.count = a.paper ? 400 : 80, .width = side, .height = side, .seed = static_cast<std::uint64_t>(seed)});
    const data::Dataset dataset = data::open_dataset(here / "data");
    const auto& test = dataset.items(data::Split::test);
    if (rows.empty())
      for (std::size_t i = 0; i < 2; ++i) {
        const data::Image photo = data::read_image(test[i].image);
        rows.push_back({photo, draw_labels(photo, data::read_mask(test[i], dataset.masks), dataset.schema, 0.9)});
      }
    for (std::size_t k = 0; k < std::size(kArms); ++k) {
      const fs::path run = here / ("run" + std::to_string(k));
      infer::Predictor predictor = trained(config_of(kArms[k], here / "data", run, a, seed));
      const metrics::ConfusionMatrix m = counted(predictor, dataset);
      if (k == 0) table.add("always the background", seed, scores_of(m.majority_baseline()));
      table.add(kArms[k].name, seed, scores_of(m), alarms_of(run));
      for (std::size_t i = 0; seed == a.first_seed && i < rows.size(); ++i) {
        const data::Image photo = data::read_image(test[i].image);
        rows[i].push_back(draw_labels(photo, said(predictor, photo), dataset.schema, 0.9));
      }
    }
  }
  data::write_png(a.out / "rare_classes.png", sheet(rows, 1));
  table.write(a.out, "rare_classes", "sentinels");
}

}  // namespace

int main(int argc, char** argv) { return run("rare_classes", argc, argv, experiment_of); }
