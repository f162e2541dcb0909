// Masks of two classes, one-hot, and none for the background: is it needed, how are the weights of the loss computed where pixels are
// classified, and what do Dice and cross-entropy do together? Questions of a forum on segmentation.
// usage: missing_background OUT [FIRST_SEED] [--paper]
//
// Phantoms of retinas with their red and bright lesions as the two classes. Without a background what is unmarked is ignored, so that the
// network cannot answer "neither"; a plane a class needs no background; or it is made: the complement of the stacked classes. Then weighted
// Dice, cross-entropy, both, and both with the weights of every rule. By default 96x96 pixels, two seeds: minutes; --paper: 256x256, four
// times the channels. Settings were chosen on seed 100. Every score counts all pixels of the test pictures.
// Writes OUT/missing_background.{csv,md,png} and OUT/missing_background_weights.{csv,md}.
#include "experiment.hpp"

using namespace experiment;

namespace {

enum Class { background, red, bright };

/// The masks of the question: of each class a plane, of which those pixels that have both are counted.
struct Stacked {
  std::int64_t both = 0, marked = 0;
  /// 0, 1 and 2: the complement of both is the background, what is both is the later class.
  data::LabelImage operator()(const data::LabelImage& lesions) {
    data::LabelImage stacked(lesions.width, lesions.height);
    for (std::size_t i = 0; i < stacked.labels.size(); ++i) {
      const std::uint8_t* here = &lesions.labels[4 * i];  // hard and soft exudates, hemorrhages, small red dots
      const bool is_bright = here[0] || here[1], is_red = here[2] || here[3];
      both += is_bright && is_red, marked += is_bright || is_red;
      stacked.labels[i] = is_bright ? bright : is_red ? red : background;
    }
    return stacked;
  }
};

data::LabelSchema schema_of(const std::string& kind) {
  data::LabelSchema s;
  s.names = {"red", "bright"}, s.values = {red, bright}, s.colors = {{255, 60, 60}, {60, 230, 60}}, s.has_colors = true;
  if (kind == "without") s.ignore = background;
  if (kind == "planes") s.task = data::Task::multilabel, s.values = {0, 1};
  if (kind == "with") {
    s.names.insert(s.names.begin(), "background"), s.values = {background, red, bright}, s.background = 0;
    s.colors.insert(s.colors.begin(), data::Rgb{});
  }
  return s;
}

/// What a network says as background, red and bright, whatever its labels are.
data::LabelImage said_as_classes(infer::Predictor& predictor, const data::Image& photo) {
  const data::LabelImage labels = said(predictor, photo);
  data::LabelImage classes(labels.width, labels.height);
  for (std::size_t i = 0; i < classes.labels.size(); ++i) {
    if (labels.planes)
      classes.labels[i] = labels.labels[2 * i + 1] ? bright : labels.labels[2 * i] ? red : background;
    else
      classes.labels[i] = static_cast<std::uint8_t>(labels.labels[i] + (predictor.head().outputs() == 2));
  }
  return classes;
}

struct Arm {
  std::string name, data, loss, weights;
};
std::vector<Arm> arms() {
  std::vector<Arm> all{{"no background: the unmarked is ignored", "without", "ce+dice", "none"},
                       {"no background: a plane a class", "planes", "ce+dice", "none"},
                       {"made background, weighted Dice", "with", "dice", "median"},
                       {"made background, cross-entropy", "with", "ce", "none"},
                       {"made background, weighted cross-entropy", "with", "ce", "median"}};
  for (const std::string_view rule : data::kWeightRules)
    all.push_back({"made background, both, weights: " + std::string(rule), "with", "ce+dice", std::string(rule)});
  return all;
}

void experiment_of(const Arguments& a) {
  Table table({"Dice red", "Dice bright", "mean", "accuracy", "marked"}), weights({"background", "red", "bright"});
  std::vector<std::vector<data::Image>> rows;
  for (int seed = a.first_seed; seed < a.first_seed + a.seeds(); ++seed) {
    const fs::path here = a.out / ("seed" + std::to_string(seed));
    const int side = a.paper ? 256 : 96;
    draw(data::Phantom::retina, here / "lesions", {.count = 80, .width = side, .height = side, .seed = static_cast<std::uint64_t>(seed)});
    Stacked stacked;
    for (const char* kind : {"with", "without", "planes"})
      relabel(here / "lesions", here / kind, schema_of(kind),
              [&](const fs::path& masks, const std::string& name, const data::LabelImage& lesions) {
                const data::LabelImage mask = stacked(lesions);
                if (kind != std::string("planes")) return data::write_png(masks / (name + ".png"), mask);
                for (const Class c : {red, bright}) {
                  data::LabelImage plane(mask.width, mask.height);
                  for (std::size_t i = 0; i < plane.labels.size(); ++i) plane.labels[i] = mask.labels[i] == c;
                  data::write_png(masks / (c == red ? "red" : "bright") / (name + ".png"), plane);
                }
              });
    std::printf("seed %d  of the marked pixels %.1f %% are both red and bright\n", seed,
                100 * static_cast<double>(stacked.both) / static_cast<double>(stacked.marked));
    const data::Dataset truth = data::open_dataset(here / "with");
    const auto counts = heads::output_counts(*heads::make_head(truth.schema), truth.items(data::Split::train));
    for (const std::string_view rule : data::kWeightRules)
      weights.add(std::string(rule), seed, data::class_weights(data::weight_rule_named(rule), counts));
    int k = 0;
    for (const Arm& arm : arms()) {
      train::TrainConfig config{
          .data = (here / arm.data).string(), .base = a.paper ? 32 : 8, .depth = a.paper ? 4 : 3, .augment = "hflip,vflip"};
      config.width = config.height = side, config.loss = arm.loss, config.class_weights = arm.weights, config.lr = 3e-3;
      config.absent_classes = "penalize";
      config.epochs = a.paper ? 100 : 30, config.seed = static_cast<std::uint64_t>(seed),
      config.out = (here / message("run", k++)).string();
      infer::Predictor predictor = trained(config);
      metrics::ConfusionMatrix m(3);
      std::size_t row = 0;
      for (const data::Item& item : truth.items(data::Split::test)) {
        const data::Image photo = data::read_image(item.image);
        const data::LabelImage mask = data::read_mask(item, truth.masks), given = said_as_classes(predictor, photo);
        m.add(mask.labels, given.labels);
        if (seed > a.first_seed || (item.pixels[red] + item.pixels[bright]) * 30 < std::int64_t{side} * side || row == 2) continue;
        if (k == 1) rows.push_back({photo, draw_labels(photo, mask, truth.schema, 0.7)});
        if (k <= 4 || arm.weights == "median") rows[row].push_back(draw_labels(photo, given, truth.schema, 0.7));
        ++row;
      }
      const metrics::Scores s = m.scores(background);
      table.add(arm.name, seed,
                {s.dice.per_class[red], s.dice.per_class[bright], s.dice.macro_foreground, s.accuracy,
                 static_cast<double>(m.prediction_count(red) + m.prediction_count(bright)) / static_cast<double>(m.total())});
    }
  }
  data::write_png(a.out / "missing_background.png", sheet(rows, a.paper ? 1 : 2));
  weights.write(a.out, "missing_background_weights");
  table.write(a.out, "missing_background");
}

}  // namespace

int main(int argc, char** argv) { return run("missing_background", argc, argv, experiment_of); }
