// Which loss, class weights and sampling a run should begin with, and what that is worth on photographs.
// usage: recipes DATA OUT [--device cuda] [--search | --compare] [wound_fuseg|camvid_small|skin|sparse ...]
//
// DATA holds the folders wound_fuseg and camvid_small (foot ulcers of the FUSeg challenge, 2021; street scenes of CamVid, 2008), which are
// not part of Lamina; the phantoms `skin` and `sparse` are drawn. First each recipe on each set by two folds of the train split alone, on
// seed 100: the pooled score that a run chooses its epoch by (Dice, of the foreground where there is one); a recipe's rank is its mean
// share of each set's best. Then plain cross-entropy, cross-entropy and Dice, the recipe ranked first, and Dice alone, which was first on
// either set of photographs, on the whole train splits of these, scored on their val splits, seeds 0 to 2. Preset bn, 16 channels at the
// first level, depth 4, 128x128 pixels, batches of 4, 600 updates, about as many as a default run has on 60 photographs (sparse, which is
// not learnt in so few: 256x256, batches of 2, rate 2e-3, 1500 updates), a crop a photograph where there are crops: every recipe of a set
// has as many updates. Writes OUT/recipes.{csv,md}, OUT/real_data.{csv,md}, OUT/real_data_SET.svg and OUT/recipes_SET.png; with --search
// the first two alone; with --compare the others alone, with the default for the recipe ranked first. Runs that are there are gone on with,
// so sets can be searched by several programs side by side.
#include "experiment.hpp"
#include "lamina/train/charts.hpp"
#include "lamina/train/folds.hpp"

using namespace experiment;

namespace {

struct Recipe {
  const char *loss, *weights;
  const char* absent = "penalize";
  double crops = 0;  ///< share of crops around classes other than the background; 0: no crops
  std::string name() const {
    return message("--loss ", loss, std::strcmp(weights, "none") ? message(" --class-weights ", weights) : "",
                   std::strcmp(absent, "penalize") ? message(" --absent-classes ", absent) : "",
                   crops > 0 ? message(" --resize crop --crop-foreground ", decimal(crops, 1)) : "");
  }
};
constexpr Recipe kPlain{"ce", "none"}, kBoth{"ce+dice", "none"}, kDice{"dice", "none"},
    kDefault{"ce+dice", "enet", "skip"};  // what a run begins with
constexpr Recipe kRecipes[] = {
    {"ce+dice", "enet"}, {"ce", "enet"}, kDefault, {"dice", "none", "skip"}, kDice, kBoth, kPlain, {"ce+dice", "none", "penalize", 0.5}};
constexpr int kSide = 128, kSparseSide = 256;

const std::vector<std::string> kSets{"wound_fuseg", "camvid_small", "skin", "sparse"};

struct Set {
  std::string name;
  fs::path folder;
  data::Dataset dataset;
  Device device = kCpu;
  int side() const { return name == "sparse" ? kSparseSide : kSide; }
  bool is_drawn() const { return name == "sparse" || name == "skin"; }
};

Set open(const std::string& name, const fs::path& photographs, const fs::path& out, Device device) {
  Set set{name, photographs / name, {}, device};
  if (set.is_drawn()) {
    set.folder = out / name / "data";
    const int side = set.side();
    draw(data::phantom_named(name), set.folder, {.count = name == "sparse" ? 400 : 100, .width = side, .height = side, .seed = 100});
  }
  data::DatasetOptions options;
  if (name == "wound_fuseg") options.background = "0";  // its masks have 0 and 255, and no names
  if (name == "camvid_small") options.ignore = 11;      // void
  set.dataset = data::open_dataset(set.folder, options);
  return set;
}

/// For a run that trains on `images`.
train::TrainConfig config_of(const Recipe& recipe, const Set& set, const fs::path& run, int seed, std::size_t images) {
  train::TrainConfig config{.data = set.folder.string(), .preset = "bn", .base = 16, .depth = 4, .width = set.side(), .height = set.side()};
  config.loss = recipe.loss, config.class_weights = recipe.weights, config.absent_classes = recipe.absent, config.out = run.string();
  config.seed = static_cast<std::uint64_t>(seed), config.device = set.device.str(), config.batch = 4;
  int updates = 600;
  if (set.name == "sparse") config.batch = 2, config.lr = 2e-3, updates = 1500;
  config.epochs = config.val_every = static_cast<int>(std::ceil(updates * config.batch / static_cast<double>(images)));
  if (recipe.crops > 0)
    config.resize = "crop", config.crop_foreground = recipe.crops, config.crops = 1, config.width = config.height = kSide;
  return config;
}

/// The score of networks that did not see what they are scored on, all of it from the train split.
double cross_validated(const Recipe& recipe, const Set& set, const fs::path& run) {
  data::Dataset train_only = set.dataset;
  for (const data::Split split : {data::Split::val, data::Split::test}) train_only.splits[static_cast<int>(split)].clear();
  train::CrossValidation result;
  const std::size_t images = train_only.items(data::Split::train).size() / 2;
  train::cross_validate(train::resolved(config_of(recipe, set, run, 100, images)), train_only, 2, true, {}, result);
  return infer::Predictor(result.runs[0]).head().selection(result.all.confusion).value;
}

/// The recipe with the greatest mean share of each set's best score.
Recipe searched(const std::vector<Set>& sets, const fs::path& out) {
  std::vector<std::string> columns;
  for (const Set& set : sets) columns.push_back(set.name);
  std::vector<std::vector<double>> scores(std::size(kRecipes));
  std::vector<double> best(sets.size());
  for (std::size_t s = 0; s < sets.size(); ++s)
    for (std::size_t r = 0; r < scores.size(); ++r) {
      scores[r].push_back(cross_validated(kRecipes[r], sets[s], out / sets[s].name / message("recipe", r + 1)));
      best[s] = std::max(best[s], scores[r][s]);
      std::printf("%s, %s: %s\n", sets[s].name.c_str(), kRecipes[r].name().c_str(), decimal(scores[r][s], 3).c_str());
      std::fflush(stdout);
    }
  columns.insert(columns.end(), {"mean share of the best", "least share"});
  Table table(columns);
  std::size_t first = 0;
  double most = 0;
  for (std::size_t r = 0; r < scores.size(); ++r) {
    double sum = 0, least = 1;
    for (std::size_t s = 0; s < sets.size(); ++s) sum += scores[r][s] / best[s], least = std::min(least, scores[r][s] / best[s]);
    const double mean = sum / static_cast<double>(sets.size());
    if (mean > most) most = mean, first = r;
    scores[r].insert(scores[r].end(), {mean, least});
    table.add("`" + kRecipes[r].name() + "`", 100, scores[r]);
  }
  table.write(out, "recipes");
  return kRecipes[first];
}

/// The recipes on val splits, which nothing was chosen on, in photographs' own pixels; a sheet of pictures for each set.
void compare(const std::vector<Set>& sets, const std::vector<Recipe>& recipes, const fs::path& out) {
  Table table({"Dice", "IoU", "precision", "recall", "accuracy"});
  for (const Set& set : sets) {
    const auto& val = set.dataset.items(data::Split::val);
    std::vector<std::vector<data::Image>> rows;
    const auto drawn = [&](const data::Image& photo, const data::LabelImage& labels) {
      return data::resized(draw_labels(photo, labels, set.dataset.schema, 0.7), photo.width / 2, photo.height / 2);
    };
    std::vector<data::Image> photos;
    for (const std::size_t i : {val.size() / 4, val.size() / 2, 3 * val.size() / 4}) {
      photos.push_back(data::read_image(val[i].image));
      rows.push_back({data::resized(photos.back(), photos.back().width / 2, photos.back().height / 2),
                      drawn(photos.back(), data::read_mask(val[i], set.dataset.masks))});
    }
    std::vector<train::Series> scores;
    for (std::size_t r = 0; r < recipes.size(); ++r) {
      scores.push_back({.name = recipes[r].name(), .points = {}});
      for (int seed = 0; seed < 3; ++seed) {
        const fs::path run = out / set.name / message("final", r, "_seed", seed);
        infer::Predictor predictor =
            trained(config_of(recipes[r], set, run, seed, set.dataset.items(data::Split::train).size()), set.dataset);
        const metrics::Scores s = counted(predictor, set.dataset, data::Split::val).scores(set.dataset.schema.background);
        table.add(set.name + ", `" + recipes[r].name() + "`", seed,
                  {s.dice.macro_foreground, s.iou.macro_foreground, s.precision.macro_foreground, s.recall.macro_foreground, s.accuracy});
        scores.back().points.emplace_back(seed, s.dice.macro_foreground);
        for (std::size_t i = 0; seed == 0 && i < rows.size(); ++i) rows[i].push_back(drawn(photos[i], said(predictor, photos[i])));
      }
    }
    io::write_file_atomically(
        out / ("real_data_" + set.name + ".svg"),
        train::line_chart_svg(
            scores,
            {.title = "Dice of the val split: " + set.name, .x_label = "seed", .y_label = "Dice", .unit_range = true, .dots = true}));
    data::write_png(out / ("recipes_" + set.name + ".png"), sheet(rows, 1));
  }
  table.write(out, "real_data");
}

struct Search {
  std::vector<std::string> words;  ///< DATA, OUT, and the sets
  Device device = kCpu;
  bool search = false, compare = false;
};

void experiment_of(const Search& a) {
  const fs::path photographs = a.words[0], out = a.words[1];
  io::create_folders(out);
  std::vector<Set> sets, real;
  for (std::size_t i = 2; i < a.words.size(); ++i) sets.push_back(open(a.words[i], photographs, out, a.device));
  for (std::size_t i = 0; a.words.size() == 2 && i < kSets.size(); ++i) sets.push_back(open(kSets[i], photographs, out, a.device));
  const Recipe chosen = a.compare ? kDefault : searched(sets, out);
  if (a.search) return;
  for (const Set& set : sets)
    if (!set.is_drawn()) real.push_back(set);
  std::vector<Recipe> recipes;
  for (const Recipe& recipe : {kPlain, kBoth, chosen, kDice})
    if (std::none_of(recipes.begin(), recipes.end(), [&](const Recipe& r) { return r.name() == recipe.name(); })) recipes.push_back(recipe);
  compare(real, recipes, out);
}

}  // namespace

int main(int argc, char** argv) try {
  Search a;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--search")
      a.search = true;
    else if (word == "--compare")
      a.compare = true;
    else if (word == "--device" && i + 1 < argc)
      a.device = parse_device(argv[++i]);
    else
      a.words.push_back(word);
  }
  if (a.words.size() < 2) return std::fprintf(stderr, "usage: recipes DATA OUT [--device cuda] [--search | --compare] [SET ...]\n"), 2;
  experiment_of(a);
  return 0;
} catch (const lamina::Error& e) {
  return std::fprintf(stderr, "recipes: %s\n", e.what()), 1;
}
