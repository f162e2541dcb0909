// What the experiments share: arguments, a network trained by settings, counts on test pictures, tables over seeds, sheets of pictures.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "lamina/core/text.hpp"
#include "lamina/data/phantom.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/sinks/alarms.hpp"
#include "lamina/train/trainer.hpp"

namespace experiment {

using namespace lamina;
namespace fs = std::filesystem;

struct Arguments {
  fs::path out{};
  int first_seed = 0;
  bool paper = false, variant = false;
  int seeds() const { return paper ? 1 : 2; }
};

/// main() of an experiment: OUT [FIRST_SEED] [VARIANT] [--paper]. `variant` is the flag of another one by the same program.
inline int run(const char* name, int argc, char** argv, void (*experiment)(const Arguments&), const char* variant = "") try {
  Arguments a;
  int given = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--paper" || (*variant && word == variant))
      (word == variant ? a.variant : a.paper) = true;
    else if (++given == 1 && !word.starts_with("--"))
      a.out = word;
    else if (given == 2 && word.find_first_not_of("0123456789") == std::string::npos)
      a.first_seed = std::stoi(word);
    else
      given = 3;
  }
  if (given < 1 || given > 2)
    return std::fprintf(stderr, "usage: %s OUT [FIRST_SEED] [--paper]%s%s\n", name, *variant ? " " : "", variant), 2;
  if (a.paper) std::fprintf(stderr, "%s: at the source's own sizes, one seed; each network says after an epoch how long it takes\n", name);
  io::create_folders(a.out);
  experiment(a);
  return 0;
} catch (const lamina::Error& e) {
  return std::fprintf(stderr, "%s: %s\n", name, e.what()), 1;
}

/// Draws a data set unless it is there already.
inline void draw(data::Phantom kind, const fs::path& folder, const data::PhantomOptions& options) {
  if (!fs::exists(folder / "dataset.json")) data::write_phantom(kind, folder, options);
}

/// A data set of the photographs and lists of `from`, which are linked, with other masks, which `write` puts below the folder that it gets.
template <class Write>
void relabel(const fs::path& from, const fs::path& to, const data::LabelSchema& schema, Write&& write) {
  io::create_folders(to / "masks");
  if (!fs::exists(to / "images")) fs::create_directory_symlink(fs::absolute(from / "images"), to / "images");
  for (const std::string& plane : schema.plane_names()) io::create_folders(to / "masks" / plane);
  io::write_file_atomically(to / "dataset.json", data::to_json(schema));
  for (const char* list : {"train.txt", "val.txt", "test.txt"}) io::write_file_atomically(to / list, io::read_file(from / list));
  const data::Dataset dataset = data::open_dataset(from);
  for (const data::Item& item : dataset.all_items()) write(to / "masks", item.name, data::read_mask(item, dataset.masks));
}

/// The network of a run that is trained, or gone on with; says after an epoch what all of them take.
inline infer::Predictor trained(const train::TrainConfig& config, const data::Dataset& dataset) {
  train::TrainEvents events;
  events.epoch = [&](const train::EpochRecord& r) {
    if (r.epoch == 1)
      std::fprintf(stderr, "%s: %d epochs of %.1f s, %.1f minutes\n", config.out.c_str(), config.epochs, r.seconds,
                   config.epochs * r.seconds / 60);
  };
  train::train(train::resolved(config), dataset, true, events);
  return infer::Predictor(config.out);
}
inline infer::Predictor trained(const train::TrainConfig& config) { return trained(config, data::open_dataset(config.data)); }

inline data::LabelImage said(infer::Predictor& predictor, const data::Image& image) {
  return predictor.predict(image, {.probabilities = false}).labels;
}

/// Counts over the pictures of a data set that has the predictor's labels.
inline metrics::ConfusionMatrix counted(infer::Predictor& predictor, const data::Dataset& dataset, data::Split split = data::Split::test) {
  metrics::ConfusionMatrix all = predictor.head().confusion();
  for (const data::Item& item : dataset.items(split))
    predictor.head().count(all, data::read_mask(item, dataset.masks).labels, said(predictor, data::read_image(item.image)).labels);
  return all;
}

/// What the sentinels said of a run, each once: "collapse, small steps".
inline std::string alarms_of(const fs::path& run) {
  std::string all;
  for (const train::Alarm& a : train::read_alarms(run))
    if (all.find(a.rule) == std::string::npos) all += (all.empty() ? "" : ", ") + a.rule;
  return all;
}

/// Scores of what is compared, for several seeds.
class Table {
 public:
  explicit Table(std::vector<std::string> scores) : scores_(std::move(scores)) {}
  /// A line, printed too. `note` is text of its own column.
  void add(const std::string& arm, int seed, const std::vector<double>& values, const std::string& note = "") {
    if (std::none_of(arms_.begin(), arms_.end(), [&](const Arm& a) { return a.name == arm; })) arms_.push_back({arm, {}, note});
    Arm& to = *std::find_if(arms_.begin(), arms_.end(), [&](const Arm& a) { return a.name == arm; });
    to.runs.emplace_back(seed, values);
    std::printf("seed %d  %-44s", seed, arm.c_str());
    for (std::size_t k = 0; k < scores_.size(); ++k) std::printf("  %s %s", scores_[k].c_str(), decimal(values[k], 3).c_str());
    std::printf("%s%s\n", note.empty() ? "" : "  ", note.c_str());
    std::fflush(stdout);
  }
  /// NAME.csv with every seed, NAME.md with their means; `notes` is what the column of notes is called.
  void write(const fs::path& folder, const std::string& name, const std::string& notes = "") const {
    std::string csv = "arm,seed", markdown = "| |", line = "\n|---|";
    for (const std::string& score : scores_) csv += ',' + score, markdown += ' ' + score + " |", line += "---|";
    markdown += (notes.empty() ? "" : ' ' + notes + " |") + line + (notes.empty() ? "\n" : "---|\n");
    csv += (notes.empty() ? "" : ',' + notes) + '\n';
    for (const Arm& arm : arms_) {
      std::vector<double> means(scores_.size());
      for (const auto& [seed, values] : arm.runs) {
        csv += '"' + arm.name + "\"," + std::to_string(seed);
        for (std::size_t k = 0; k < values.size(); ++k)
          csv += ',' + decimal(values[k], 3), means[k] += values[k] / static_cast<double>(arm.runs.size());
        csv += (notes.empty() ? "" : ",\"" + arm.note + '"') + '\n';
      }
      markdown += "| " + arm.name + " |";
      for (const double v : means) markdown += ' ' + decimal(v, 3) + " |";
      markdown += (notes.empty() ? "" : ' ' + arm.note + " |") + '\n';
    }
    io::write_file_atomically(folder / (name + ".csv"), csv);
    io::write_file_atomically(folder / (name + ".md"), markdown);
    std::printf("\n%s", markdown.c_str());
  }

 private:
  struct Arm {
    std::string name;
    std::vector<std::pair<int, std::vector<double>>> runs;
    std::string note;
  };
  std::vector<std::string> scores_;
  std::vector<Arm> arms_;
};

/// Pictures of one size, row after row, each pixel `times` as wide and high.
inline data::Image sheet(const std::vector<std::vector<data::Image>>& rows, int times) {
  constexpr int kGap = 4;
  const int w = rows[0][0].width * times + kGap, h = rows[0][0].height * times + kGap;
  data::Image all(static_cast<int>(rows[0].size()) * w + kGap, static_cast<int>(rows.size()) * h + kGap, 3, 255);
  for (std::size_t row = 0; row < rows.size(); ++row)
    for (std::size_t column = 0; column < rows[row].size(); ++column)
      for (int y = 0; y < h - kGap; ++y)
        for (int x = 0; x < w - kGap; ++x)
          std::copy_n(rows[row][column].at(x / times, y / times), 3,
                      all.at(kGap + static_cast<int>(column) * w + x, kGap + static_cast<int>(row) * h + y));
  return all;
}

}  // namespace experiment
