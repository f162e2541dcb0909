// From one kind of lesion to several: a tutorial's U-Nets for eyes' backgrounds (depth 4 and 3), first for hemorrhages alone, then for
// four kinds of lesions, a plane each, from scratch and from the weights that know hemorrhages; and how much its accuracy says.
// usage: binary_to_multiclass OUT [FIRST_SEED] [--paper]
//
// 89 phantoms of retinas, of which 27 with a large hemorrhage are trained on and all others tested, as there. Negative Dice (of all planes
// of a picture at once, smooth 1) and, beside it, cross-entropy and Dice of each plane; batches of 3, presets retina and retina-shallow. By
// default 96x96 pixels, an eighth and a quarter of the channels, 540 steps, two seeds: minutes; --paper: 256x256, all channels, 2000
// steps at 1e-4. Settings were chosen on seed 100. Scores are of lesions' pixels: macro is the mean over the kinds, micro of the
// sums over all. Writes OUT/binary_to_multiclass.{csv,md,png}.
#include "experiment.hpp"

using namespace experiment;

namespace {

constexpr const char* kFirst = "hemorrhages";

/// The lists of the source: what is trained on has much of the first lesion; nothing is validated with.
void write_lists(const fs::path& folder) {
  const data::Dataset dataset = data::open_dataset(folder);
  const auto first = static_cast<std::size_t>(dataset.schema.class_named(kFirst));
  std::string train, test;
  int trained = 0;
  for (const data::Item& item : dataset.all_items()) {
    const bool large = item.pixels[first] * 200 > std::int64_t{item.width} * item.height;
    (large && trained < 27 ? train : test) += item.name + '\n', trained += large;
  }
  io::write_file_atomically(folder / "train.txt", train);
  io::write_file_atomically(folder / "val.txt", "");
  io::write_file_atomically(folder / "test.txt", test);
}

/// The first lesion as the only plane.
void write_first(const fs::path& from, const fs::path& to) {
  data::LabelSchema schema = data::phantom_schema(data::Phantom::retina);
  const int first = schema.class_named(kFirst);
  schema.names = {kFirst}, schema.values = {0}, schema.colors = {schema.colors[static_cast<std::size_t>(first)]};
  relabel(from, to, schema, [&](const fs::path& masks, const std::string& name, const data::LabelImage& labels) {
    data::write_png(masks / kFirst / (name + ".png"), labels.plane(first));
  });
}

/// Accuracy over all planes, then macro and micro scores of the lesions.
std::vector<double> scores_of(const metrics::ConfusionMatrix& m) {
  const int none = m.classes() - 1;
  const metrics::Scores s = m.scores(none);
  const double first = s.dice.per_class[none == 1 ? 0 : 2];
  return {s.accuracy,
          s.precision.macro_foreground,
          s.recall.macro_foreground,
          s.iou.macro_foreground,
          s.dice.macro_foreground,
          s.precision.micro_foreground,
          s.recall.micro_foreground,
          s.iou.micro_foreground,
          s.dice.micro_foreground,
          first};
}

constexpr const char *kNegativeDice = "gdice:rarity=0:smooth=1:image=1", *kEach = "ce+dice";

/// A network of `data`, trained in its own folder `run`; `from`: the run whose weights it begins with.
infer::Predictor network(const fs::path& here, const char* data, int depth, const char* loss, const std::string& run,
                         const std::string& from, const Arguments& a, int seed) {
  train::TrainConfig config{.data = (here / data).string(),
                            .preset = depth == 4 ? "retina" : "retina-shallow",
                            .base = a.paper ? 0 : 8,
                            .from = from.empty() ? "" : (here / from).string(),
                            .augment = "hflip,vflip,shift=0.1,zoom=0.2,rotate=10",
                            .out = (here / run).string()};
  config.width = config.height = a.paper ? 256 : 96;
  config.loss = loss, config.class_weights = "none", config.batch = 3, config.seed = static_cast<std::uint64_t>(seed);
  config.lr = a.paper ? 1e-4 : 1e-3, config.schedule = a.paper ? "constant" : "onecycle", config.steps = a.paper ? 2000 : 540;
  return trained(config);
}

/// Pictures with something to see: photograph, lesions, and what each network says of them.
data::Image pictures(const data::Dataset& four, std::vector<infer::Predictor>& networks, int times) {
  std::vector<std::vector<data::Image>> rows;
  for (const data::Item& item : four.items(data::Split::test)) {
    std::int64_t marked = 0;
    for (const std::int64_t n : item.pixels) marked += n;
    if (marked * 40 < std::int64_t{item.width} * item.height || rows.size() == 2) continue;
    const data::Image photo = data::read_image(item.image);
    rows.push_back({photo, draw_labels(photo, data::read_mask(item, four.masks), four.schema, 0.7)});
    for (infer::Predictor& p : networks) rows.back().push_back(draw_labels(photo, said(p, photo), p.schema(), 0.7));
  }
  return sheet(rows, times);
}

void experiment_of(const Arguments& a) {
  Table table(
      {"accuracy", "precision", "recall", "IoU", "F1", "micro precision", "micro recall", "micro IoU", "micro F1", "hemorrhages' F1"});
  for (int seed = a.first_seed; seed < a.first_seed + a.seeds(); ++seed) {
    const fs::path here = a.out / ("seed" + std::to_string(seed));
    const int side = a.paper ? 256 : 96;
    if (!fs::exists(here / "four/dataset.json")) {
      draw(data::Phantom::retina, here / "four", {.count = 89, .width = side, .height = side, .seed = static_cast<std::uint64_t>(seed)});
      write_lists(here / "four");
    }
    write_first(here / "four", here / "one");
    const data::Dataset one = data::open_dataset(here / "one"), four = data::open_dataset(here / "four");
    for (const int depth : {3, 4}) {
      const std::string at = message(", depth ", depth), binary = message("run_one", depth);
      std::vector<infer::Predictor> networks;
      networks.push_back(network(here, "one", depth, kNegativeDice, binary, "", a, seed));
      const metrics::ConfusionMatrix of_one = counted(networks[0], one);
      if (depth == 3) table.add("hemorrhages, never marked", seed, scores_of(of_one.majority_baseline()));
      table.add("hemorrhages" + at, seed, scores_of(of_one));
      for (const bool each : {false, true})
        for (const bool warm : {false, true}) {
          networks.push_back(network(here, "four", depth, each ? kEach : kNegativeDice,
                                     message("run_four", depth, each ? "e" : "", warm ? "w" : ""), warm ? binary : "", a, seed));
          const metrics::ConfusionMatrix of_four = counted(networks.back(), four);
          if (networks.size() == 2 && depth == 3) table.add("four lesions, never marked", seed, scores_of(of_four.majority_baseline()));
          table.add(
              message("four lesions, ", each ? "cross-entropy and Dice of each" : "Dice of all at once", warm ? ", warm start" : "", at),
              seed, scores_of(of_four));
        }
      if (seed == a.first_seed && depth == 4)
        data::write_png(a.out / "binary_to_multiclass.png", pictures(four, networks, a.paper ? 1 : 2));
    }
  }
  table.write(a.out, "binary_to_multiclass");
}

}  // namespace

int main(int argc, char** argv) { return run("binary_to_multiclass", argc, argv, experiment_of); }
