// Runs whose every prediction is known: a network made by hand reads the class of a pixel from its colour.
#pragma once
#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lamina/io/checkpoint.hpp"
#include "lamina/train/trainer.hpp"
#include "support/runs.hpp"

namespace lamina::test {

inline constexpr int kPaintedWidth = 4, kPaintedHeight = 2;

/// Eight pixels: a digit each, in `label` also x (ignored). `answer` is what the hand-made network says of the photograph. A digit is the
/// class, the grade, or of two planes the sum of 1 and 2.
struct Picture {
  std::string name, label, answer;
};

/// What is pure in the colour of a pixel: red 1, green 2, blue 4.
inline int paint(data::Task task, char digit) {
  const int d = digit - '0';
  return task == data::Task::multilabel ? d : task == data::Task::ordinal ? (1 << d) - 1 : d ? 1 << (d - 1) : 0;
}

inline data::Image photograph(const Picture& p, data::Task task) {
  data::Image image(kPaintedWidth, kPaintedHeight, 3);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = paint(task, p.answer.at(i / 3)) >> i % 3 & 1 ? 255 : 0;
  return image;
}

/// A data set of pictures. Classes that exclude each other: sky, red, green (the background, drawn clear) and blue.
inline void write_pictures(const std::filesystem::path& out, data::Task task, const std::vector<Picture>& train,
                           const std::vector<Picture>& val, const std::vector<Picture>& test = {}) {
  const bool planes = task == data::Task::multilabel;
  io::create_folders(out / "images");
  io::create_folders(out / "masks");
  const auto put = [](const std::filesystem::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; };
  put(out / "dataset.json",
      planes ? R"({"task": "multilabel", "labels": {"left": 0, "right": 1}, "ignore": 255, "colors": {"left": [200, 100, 0],
                   "right": [0, 120, 60]}})"
      : task == data::Task::ordinal
          ? R"({"task": "ordinal", "labels": {"none": 0, "mild": 1, "moderate": 2, "severe": 3}, "ignore": 255})"
          : R"({"labels": {"sky": 0, "red": 1, "green": 2, "blue": 3}, "roles": {"background": "green"}, "ignore": 255,
                "colors": {"sky": [200, 100, 0], "red": [0, 120, 60], "green": [0, 0, 0], "blue": [40, 0, 220]}})");
  const auto write = [&](const char* list, const std::vector<Picture>& pictures) {
    std::string names;
    for (const Picture& p : pictures) {
      names += p.name + "\n";
      put(out / "images" / (p.name + ".png"), data::encode_png(photograph(p, task)));
      for (const int k : planes ? std::vector{0, 1} : std::vector{-1}) {
        data::LabelImage mask(kPaintedWidth, kPaintedHeight);
        for (std::size_t i = 0; i < mask.labels.size(); ++i) {
          const char c = p.label.at(i);
          const int label = c - '0';
          mask.labels[i] = static_cast<std::uint8_t>(c == 'x' ? 255 : k < 0 ? label : label >> k & 1);
        }
        const std::filesystem::path folder = k < 0 ? out / "masks" : out / "masks" / (k ? "right" : "left");
        io::create_folders(folder);
        put(folder / (p.name + ".png"), data::encode_png(mask));
      }
    }
    if (!pictures.empty()) put(out / list, names);
  };
  write("train.txt", train);
  write("val.txt", val);
  write("test.txt", test);
}

/// Settings of a run in which nothing is learnt.
inline train::TrainConfig still(const std::filesystem::path& data, const std::filesystem::path& out, int epochs = 1) {
  return {.data = data.string(),
          .base = 3,
          .depth = 1,
          .width = kPaintedWidth,
          .height = kPaintedHeight,
          .augment = "none",
          .optimizer = "sgd",
          .lr = 1e-20,
          .momentum = 0,
          .schedule = "constant",
          .epochs = epochs,
          .batch = 2,
          .out = out.string()};
}

/// Trains until `epochs` epochs of the run are over; 0: to its end.
inline void train_to(const train::TrainConfig& config, int epochs = 0) {
  std::atomic<bool> stop{false};
  train::TrainEvents events;
  events.epoch = [&](const train::EpochRecord& r) { stop = r.epoch == epochs; };
  train::train(train::resolved(config), data::open_dataset(config.data), true, events, &stop);
}

/// Puts the hand-made network into a checkpoint of `still`. Where the photograph says class k it answers answers[k]; of planes and grades
/// what the photograph says. `scale`: of its logits, so that one can tell which network a file holds.
inline void paint_network(const std::filesystem::path& checkpoint, data::Task task, const std::string& answers = "0123", float scale = 2) {
  io::Checkpoint c = io::load_checkpoint(checkpoint);
  for (const auto& [name, tensor] : c.model) {
    if (tensor.dtype() != DType::f32) continue;
    std::vector<float> v(static_cast<std::size_t>(tensor.numel()));
    const bool first = name.starts_with("down.0."), below = name.starts_with("down.1."), norm = name.find(".norm") != std::string::npos;
    const auto outputs = static_cast<std::size_t>(tensor.size(0)), inputs = static_cast<std::size_t>(tensor.size(-1));
    if (norm && (name.ends_with("running_var") || (name.ends_with("weight") && !below))) v.assign(v.size(), 1);
    if (first && name.ends_with("norm1.bias")) v.assign(v.size(), 1);  // colours from [-1, 1] to [0, 2]
    if (name.find(".conv") != std::string::npos && !below)
      for (std::size_t k = 0; k < outputs; ++k) v[((3 * k + 1) * 3 + 1) * inputs + k] = 1;
    if (name == "head.weight")
      for (std::size_t channel = 0; channel < 3; ++channel) {
        const std::size_t k = task == data::Task::multiclass ? static_cast<std::size_t>(answers[channel + 1] - '0') : channel;
        if (k < outputs) v[k * inputs + channel] += scale;
      }
    if (name == "head.bias" && task != data::Task::multiclass) v.assign(v.size(), -scale);
    if (name == "head.bias" && task == data::Task::multiclass) v[static_cast<std::size_t>(answers[0] - '0')] = scale / 2;
    tensor.copy_from(Tensor::from<float>(v, tensor.shape()));
  }
  io::save_checkpoint(checkpoint, c);
}

/// A run of settings like `still`, whose weights/best is the hand-made network and whose report shows it; so does the last of two epochs.
/// weights/last answers red only.
inline void painted_run(train::TrainConfig config, data::Task task) {
  const std::filesystem::path weights = std::filesystem::path(config.out) / "weights";
  config.epochs = 2;
  train_to(config, 1);
  paint_network(weights / "last.safetensors", task);
  train_to(config);
  paint_network(weights / "best.safetensors", task);
  paint_network(weights / "last.safetensors", task, "1111");
  train_to(config);  // finished: only the report
}

/// A column of a run's metrics.csv by its name; NaN where it is empty.
inline std::vector<double> column(const std::filesystem::path& run, const std::string& name) {
  const auto rows = csv_records(io::read_file(run / "metrics.csv"));
  const auto at = std::find(rows[0].begin(), rows[0].end(), name) - rows[0].begin();
  REQUIRE_MESSAGE(at < std::ssize(rows[0]), name);
  std::vector<double> values;
  for (std::size_t r = 1; r < rows.size(); ++r) values.push_back(csv_number(rows[r].at(static_cast<std::size_t>(at))));
  return values;
}

/// What a checkpoint says about the training so far.
inline nlohmann::json trainer_state(const std::filesystem::path& checkpoint) {
  return nlohmann::json::parse(io::load_checkpoint(checkpoint).metadata.at("trainer"));
}

/// The class weights that a checkpoint holds.
inline nlohmann::json stored_class_weights(const std::filesystem::path& checkpoint) {
  return nlohmann::json::parse(io::load_checkpoint(checkpoint).metadata.at("data")).at("class_weights");
}

/// Counts of pictures by hand, [truth][answer], and the scores that follow from them. Planes are counted as decisions between their class
/// and none, which comes last.
struct Counts {
  std::vector<std::vector<double>> n;
  std::vector<double> negatives;  // of planes: where neither is

  Counts(data::Task task, const std::vector<Picture>& pictures) {
    const bool planes = task == data::Task::multilabel;
    const std::size_t classes = planes ? 3 : 4;
    n.assign(classes, std::vector<double>(classes));
    negatives.assign(planes ? 2 : 0, 0);
    for (const Picture& p : pictures)
      for (std::size_t i = 0; i < p.label.size(); ++i) {
        if (p.label[i] == 'x') continue;
        const auto t = static_cast<std::size_t>(p.label[i] - '0'), a = static_cast<std::size_t>(p.answer[i] - '0');
        if (!planes) ++n[t][a];
        for (std::size_t k = 0; planes && k < 2; ++k) {
          ++n[t >> k & 1 ? k : 2][a >> k & 1 ? k : 2];
          negatives[k] += !((t | a) >> k & 1);
        }
      }
  }
  double hits(std::size_t c) const { return n[c][c]; }
  double labelled(std::size_t c) const {
    double sum = 0;
    for (const double v : n[c]) sum += v;
    return sum;
  }
  double answered(std::size_t c) const {
    double sum = 0;
    for (const auto& row : n) sum += row[c];
    return sum;
  }
  double total() const {
    double sum = 0;
    for (std::size_t c = 0; c < n.size(); ++c) sum += labelled(c);
    return sum;
  }
  double accuracy() const {
    double sum = 0;
    for (std::size_t c = 0; c < n.size(); ++c) sum += hits(c);
    return sum / total();
  }
  double rejected(std::size_t c) const { return c < negatives.size() ? negatives[c] : total() - labelled(c) - answered(c) + hits(c); }
  /// dice, iou, precision, recall or specificity of a class; NaN where there is none.
  double score(const std::string& kind, std::size_t c) const {
    const double t = labelled(c), a = answered(c), h = hits(c);
    return kind == "dice"        ? 2 * h / (t + a)
           : kind == "iou"       ? h / (t + a - h)
           : kind == "precision" ? h / a
           : kind == "recall"    ? h / t
                                 : rejected(c) / (rejected(c) + a - h);
  }
  /// Of the classes that have one, without class `but`.
  double mean(const std::string& kind, std::size_t but = 99) const {
    double sum = 0, classes = 0;
    for (std::size_t c = 0; c < n.size(); ++c)
      if (const double v = score(kind, c); c != but && !std::isnan(v)) sum += v, ++classes;
    return sum / classes;
  }
  /// Of the sums of all classes: a pixel that is wrong is missing in one and too many in another.
  double micro(const std::string& kind, std::size_t but = 99) const {
    double t = 0, a = 0, h = 0, tn = 0;
    for (std::size_t c = 0; c < n.size(); ++c)
      if (c != but) t += labelled(c), a += answered(c), h += hits(c), tn += rejected(c);
    if (but == 99 && kind != "specificity") return kind == "iou" ? accuracy() / (2 - accuracy()) : accuracy();
    return kind == "dice"        ? 2 * h / (t + a)
           : kind == "iou"       ? h / (t + a - h)
           : kind == "precision" ? h / a
           : kind == "recall"    ? h / t
                                 : tn / (tn + a - h);
  }
  /// The sum of the Dice of all classes but one.
  double additive(std::size_t but) const {
    double sum = 0;
    for (std::size_t c = 0; c < n.size(); ++c)
      if (const double v = score("dice", c); c != but && !std::isnan(v)) sum += v;
    return sum;
  }
};

}  // namespace lamina::test
