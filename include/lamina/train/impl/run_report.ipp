#include "lamina/train/run_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "lamina/data/augment.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/report.hpp"

namespace lamina::train {
namespace {

std::string decimal(double v, int digits = 4) {
  if (std::isnan(v)) return "n/a";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

/// Photograph, label and prediction side by side, at the network's size.
data::Image triptych(const data::Image& photo, const data::LabelImage& truth, const data::LabelImage& prediction,
                     std::span<const data::Rgb> colors) {
  const data::Image parts[] = {photo, data::overlay(photo, truth, colors), data::overlay(photo, prediction, colors)};
  data::Image out(3 * photo.width + 8, photo.height, 3, 255);
  for (int k = 0; k < 3; ++k)
    for (int y = 0; y < photo.height; ++y) std::copy_n(parts[k].at(0, y), 3 * photo.width, out.at(k * (photo.width + 4), y));
  return out;
}

std::vector<std::string> charts(const TrainerState& state, const data::LabelSchema& schema, const RunFolder& folder) {
  const std::vector<std::string> names = schema.outcomes();
  auto line = [&](std::string name, auto value) {
    Series s{std::move(name), {}};
    for (const EpochRecord& r : state.history)
      if (const double v = value(r); !std::isnan(v)) s.points.emplace_back(r.epoch, v);
    return s;
  };
  const double none = std::numeric_limits<double>::quiet_NaN();
  auto dice = [&](auto pick) {
    return [=, &schema](const EpochRecord& r) { return r.confusion ? pick(r.confusion->scores(schema.neutral_outcome())) : none; };
  };
  const std::string loss = line_chart_svg({line("training", [](const EpochRecord& r) { return r.loss; }),
                                           line("validation", [&](const EpochRecord& r) { return r.val_loss.value_or(none); })},
                                          {.title = "Loss", .x_label = "epoch", .y_label = "loss"});
  std::vector<Series> lines{line("Dice foreground", dice([](const metrics::Scores& s) { return s.dice.macro_foreground; })),
                            line("Dice macro", dice([](const metrics::Scores& s) { return s.dice.macro; })),
                            line("IoU macro", dice([](const metrics::Scores& s) { return s.iou.macro; })),
                            line("accuracy", dice([](const metrics::Scores& s) { return s.accuracy; }))};
  if (schema.task == data::Task::ordinal) {
    auto grades = [&](auto member) {
      return [=](const EpochRecord& r) { return r.confusion ? r.confusion->ordinal_scores().*member : none; };
    };
    lines.push_back(line("quadratic kappa", grades(&metrics::OrdinalScores::quadratic_kappa)));
    lines.push_back(line("within one grade", grades(&metrics::OrdinalScores::within_one)));
  }
  const std::string scores =
      line_chart_svg(lines, {.title = "Validation scores", .x_label = "epoch", .y_label = "score", .unit_range = true});
  std::vector<Series> classes;
  for (std::size_t c = 0; c < names.size() && c < 20; ++c)
    classes.push_back(line(names[c], dice([c](const metrics::Scores& s) { return s.dice.per_class[c]; })));
  const std::string per_class =
      line_chart_svg(classes, {.title = "Dice of each class", .x_label = "epoch", .y_label = "Dice", .unit_range = true});
  const std::string rate = line_chart_svg({line("learning rate", [](const EpochRecord& r) { return r.lr; })},
                                          {.title = "Learning rate at the end of the epoch", .x_label = "epoch", .y_label = "lr"});
  const std::pair<const char*, const std::string*> files[] = {
      {"loss", &loss}, {"scores", &scores}, {"dice_per_class", &per_class}, {"learning_rate", &rate}};
  for (const auto& [name, svg] : files) io::write_file_atomically(folder.root / "plots" / (std::string(name) + ".svg"), *svg);
  const bool measured = std::any_of(state.history.begin(), state.history.end(), [](const EpochRecord& r) { return !!r.confusion; });
  return measured ? std::vector{loss, scores, per_class, rate} : std::vector{loss, rate};
}

std::string confusion_csv(const metrics::ConfusionMatrix& m, const std::vector<std::string>& names) {
  std::string text = "true\\predicted";
  for (const std::string& n : names) text += "," + csv_field(n);
  for (int t = 0; t < m.classes(); ++t) {
    text += "\n" + csv_field(names[static_cast<std::size_t>(t)]);
    for (int p = 0; p < m.classes(); ++p) text += "," + std::to_string(m.at(t, p));
  }
  return text + "\n";
}

/// A path as one word of a shell command.
std::string quoted(const std::string& path) {
  if (path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=") == std::string::npos && !path.empty())
    return path;
  std::string out = "'";
  for (char c : path) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string json_object(const std::vector<std::pair<std::string, std::string>>& items) {
  nlohmann::ordered_json j = nlohmann::ordered_json::object();
  for (const auto& [key, value] : items) j[key] = value;
  return j.dump(2) + "\n";
}

void write_run_report(const RunFolder& folder, const data::Dataset& dataset) {
  for (const char* name : {"plots", "overlays"}) io::create_folders(folder.root / name);
  const io::ModelFile best(folder.weights("best"));
  const RunInfo info = run_info(best);
  const TrainerState last = run_info(io::ModelFile(folder.weights("last"))).state;
  const TrainConfig& config = info.config;
  const data::LabelSchema& schema = info.schema;
  const auto model = best.network();
  model->to(parse_device(config.device));
  model->to(parse_precision(config.precision));
  const auto mode = data::resize_named(config.resize);

  ReportContent content;
  content.title = "Lamina: " + config.model + " (" + config.preset + ") on " + std::filesystem::path(config.data).filename().string();
  content.class_names = schema.outcomes();
  for (const data::Rgb& c : schema.colors)
    content.class_colors.push_back(c == data::Rgb{} ? "" : message("rgb(", int{c[0]}, ",", int{c[1]}, ",", int{c[2]}, ")"));
  content.background = schema.neutral_outcome();
  for (const data::Finding& f : dataset.findings) content.warnings.push_back(f.text);
  for (const std::string& w : history_warnings(last.history, content.class_names)) content.warnings.push_back(w);
  const auto& items = dataset.items(data::Split::val);
  data::Loader loader(dataset, data::Split::val,
                      {.batch = config.batch, .width = config.width, .height = config.height, .resize = mode, .seed = config.seed});
  Evaluation e = evaluate(*model, loader, schema, {.ignore_label = data::kIgnoreLabel});
  content.confusion = e.confusion;
  content.grades = grades_text(e.confusion, schema);
  // Best first: by Dice, grades by how far off they are; images without a score last.
  const bool graded = schema.task == data::Task::ordinal;
  auto quality = [&](const ImageScore& s) { return graded ? -s.absolute_error : s.dice; };
  std::stable_sort(e.images.begin(), e.images.end(), [&](const ImageScore& a, const ImageScore& b) {
    return !std::isnan(quality(a)) && (std::isnan(quality(b)) || quality(a) > quality(b));
  });
  std::string per_image = graded ? "image,dice,accuracy,absolute_error\n" : "image,dice,accuracy\n";
  for (const ImageScore& s : e.images)
    per_image += csv_field(items[static_cast<std::size_t>(s.item)].name) + "," + decimal(s.dice, 6) + "," + decimal(s.accuracy, 6) +
                 (graded ? "," + decimal(s.absolute_error, 6) : "") + "\n";
  io::write_file_atomically(folder.file("per_image.csv"), per_image);
  io::write_file_atomically(folder.file("confusion.csv"), confusion_csv(e.confusion, content.class_names));

  const auto scored = static_cast<std::size_t>(
      std::count_if(e.images.begin(), e.images.end(), [&](const ImageScore& s) { return !std::isnan(quality(s)); }));
  const std::size_t shown = std::min<std::size_t>(4, (scored + 1) / 2);
  auto figure = [&](const ImageScore& s, const std::string& kind, std::size_t rank) {
    loader.start(0, s.item / config.batch);
    data::Batch batch;
    loader.next(batch);
    const auto in_batch = static_cast<std::int64_t>(s.item % config.batch);
    const NoGrad no_grad;
    const Tensor x = batch.images.rows(in_batch, 1).clone();
    data::Image photo(config.width, config.height, 3);
    const auto values = x.to_vector<float>();
    for (std::size_t i = 0; i < photo.pixels.size(); ++i)
      photo.pixels[i] = static_cast<std::uint8_t>(std::lround(std::clamp((values[i] + 1) * 127.5f, 0.0f, 255.0f)));
    data::LabelImage truth(config.width, config.height, 0, dataset.masks.planes()), prediction = truth;
    truth.labels = batch.labels.rows(in_batch, 1).clone().to_vector<std::uint8_t>();
    prediction.labels = infer::decisions((*model)(x), schema.task);
    Figure f{data::encode_png(triptych(photo, truth, prediction, schema.colors)),
             items[static_cast<std::size_t>(s.item)].name +
                 (graded ? ": off by " + decimal(s.absolute_error, 3) + " grades on average" : ": Dice " + decimal(s.dice, 3))};
    io::write_file_atomically(folder.root / "overlays" / (kind + "_" + std::to_string(rank + 1) + ".png"), f.png);
    return f;
  };
  for (std::size_t i = 0; i < shown; ++i) content.best.push_back(figure(e.images[i], "best", i));
  for (std::size_t i = 0; i < std::min(shown, scored - shown); ++i) content.worst.push_back(figure(e.images[scored - 1 - i], "worst", i));

  const metrics::ConfusionMatrix baseline = e.confusion.majority_baseline();
  const char* meaning = graded                          ? "1 perfect, 0 as by chance"
                        : schema.neutral_outcome() >= 0 ? "mean over the classes that are not background"
                                                        : "mean over the classes";
  if (items.empty())
    content.summary.push_back("There is no val split: nothing was measured, and the weights are those of the last epoch.");
  else
    content.summary.push_back("Best epoch " + std::to_string(info.state.epoch) + " of " + std::to_string(last.epoch) + ": " +
                              selection_name(schema) + " (" + meaning + ") " + decimal(selection_score(e.confusion, schema), 3) + " on " +
                              std::to_string(items.size()) + " validation images. Always answering the most frequent class scores " +
                              decimal(selection_score(baseline, schema), 3) + ", at a pixel accuracy of " +
                              decimal(baseline.scores().accuracy, 3) + ": accuracy alone says little here.");
  content.charts = charts(last, schema, folder);
  for (const Setting& s : settings(config)) content.settings.emplace_back(s.name, s.value);
  content.settings.emplace_back("parameters", std::to_string(model->parameter_count()));
  content.environment = environment();
  const std::string run = quoted(folder.root.string()), data = quoted(config.data);
  content.next_steps = {{"Score the run again, as JSON:",
                         "lamina evaluate " + run + " " + data + (items.empty() ? " --split train" : " --split val") + " --json"},
                        {"Segment your own photographs:", "lamina predict " + run + " PHOTO.jpg --out predictions"},
                        {"See what the network is:", "lamina info " + run}};
  std::string steps;
  for (const auto& [why, command] : content.next_steps) steps += "# " + why + "\n" + command + "\n";
  io::write_file_atomically(folder.file("next_steps.txt"), steps);
  io::write_file_atomically(folder.file("report.html"), render_report(content));
}

}  // namespace lamina::train
