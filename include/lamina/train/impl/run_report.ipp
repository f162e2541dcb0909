#include "lamina/train/run_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "lamina/data/loader.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/report.hpp"
#include "lamina/train/sinks/metrics_files.hpp"
#include "lamina/train/trainer.hpp"

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

std::vector<std::string> charts(const RunState& state, const heads::Head& head, const RunFolder& folder) {
  auto line = [&](std::string label, auto value) {
    Series s{std::move(label), {}};
    for (const EpochRecord& r : state.history)
      if (const double v = value(r); !std::isnan(v)) s.points.emplace_back(r.epoch, v);
    return s;
  };
  auto score = [&](std::string label, const std::string& name) {
    return line(std::move(label), [&](const EpochRecord& r) {
      const double* v = r.validation ? r.validation->scores.find(name) : nullptr;
      return v ? *v : std::numeric_limits<double>::quiet_NaN();
    });
  };
  const std::string loss =
      line_chart_svg({line("training", [](const EpochRecord& r) { return r.train.at("loss"); }), score("validation", "val_loss")},
                     {.title = "Loss", .x_label = "epoch", .y_label = "loss"});
  std::vector<Series> lines{score("Dice foreground", "dice_macro_foreground"), score("Dice macro", "dice_macro"),
                            score("IoU macro", "iou_macro"), score("accuracy", "accuracy")};
  const Scalars known = head.summary(head.confusion());
  for (const auto& [label, name] : {std::pair("quadratic kappa", "quadratic_kappa"), std::pair("within one grade", "within_one")})
    if (known.find(name)) lines.push_back(score(label, name));
  const std::string scores =
      line_chart_svg(lines, {.title = "Validation scores", .x_label = "epoch", .y_label = "score", .unit_range = true});
  std::vector<Series> classes;
  for (const std::string& outcome : head.outcomes())
    if (classes.size() < 20) classes.push_back(score(outcome, "dice_" + outcome));
  const std::string per_class =
      line_chart_svg(classes, {.title = "Dice of each class", .x_label = "epoch", .y_label = "Dice", .unit_range = true});
  const std::string rate = line_chart_svg({line("learning rate", [](const EpochRecord& r) { return r.lr; })},
                                          {.title = "Learning rate at the end of the epoch", .x_label = "epoch", .y_label = "lr"});
  const std::pair<const char*, const std::string*> files[] = {
      {"loss", &loss}, {"scores", &scores}, {"dice_per_class", &per_class}, {"learning_rate", &rate}};
  for (const auto& [name, svg] : files) io::write_file_atomically(folder.root / "plots" / (std::string(name) + ".svg"), *svg);
  const bool measured = std::any_of(state.history.begin(), state.history.end(), [](const EpochRecord& r) { return !!r.validation; });
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

void write_run_report(const RunFolder& folder, const data::Dataset& dataset) {
  for (const char* name : {"plots", "overlays"}) io::create_folders(folder.root / name);
  const io::Checkpoint best = io::load_checkpoint(folder.weights("best"));
  const RunInfo info = run_info(best, folder.weights("best").string());
  const RunState last = run_info(io::load_checkpoint(folder.weights("last")), folder.weights("last").string()).state;
  const TrainConfig& config = info.config;
  const data::LabelSchema& schema = info.schema;
  const heads::Head& head = *info.head;
  const auto model = load_network(best, info);
  model->to(parse_device(config.device));
  model->to(parse_precision(config.precision));

  ReportContent content;
  content.title = "Lamina: " + config.model + " (" + config.preset + ") on " + std::filesystem::path(config.data).filename().string();
  content.class_names = head.outcomes();
  for (const data::Rgb& c : schema.colors)
    content.class_colors.push_back(c == data::Rgb{} ? "" : message("rgb(", int{c[0]}, ",", int{c[1]}, ",", int{c[2]}, ")"));
  content.background = head.neutral_outcome();
  for (const data::Finding& f : dataset.findings) content.warnings.push_back(f.text);
  for (const std::string& w : collapse_warnings(last.history, head)) content.warnings.push_back(w);
  const auto& items = dataset.items(data::Split::val);
  data::Loader loader(dataset, data::Split::val, loader_options(config));
  Evaluation e = std::move(evaluate(*model, loader, {info.head}, nullptr)[0]);
  content.confusion = e.confusion;
  content.grades = head.note(e.confusion);
  // Best first; images without a score last.
  std::stable_sort(e.images.begin(), e.images.end(), [](const ImageScore& a, const ImageScore& b) {
    return !std::isnan(a.quality) && (std::isnan(b.quality) || a.quality > b.quality);
  });
  std::string per_image = "image";
  for (const auto& [name, value] : head.image_summary(head.confusion())) per_image += "," + name;
  for (const ImageScore& s : e.images) {
    per_image += "\n" + csv_field(items[static_cast<std::size_t>(s.item)].name);
    for (const auto& [name, value] : s.scores) per_image += "," + decimal(value, 6);
  }
  io::write_file_atomically(folder.file("per_image.csv"), per_image + "\n");
  io::write_file_atomically(folder.file("confusion.csv"), confusion_csv(e.confusion, content.class_names));

  const auto scored =
      static_cast<std::size_t>(std::count_if(e.images.begin(), e.images.end(), [](const ImageScore& s) { return !std::isnan(s.quality); }));
  const std::size_t shown = std::min<std::size_t>(4, (scored + 1) / 2);
  auto figure = [&](const ImageScore& s, const std::string& kind, std::size_t rank) {
    loader.start(0, s.item / config.batch);
    data::Batch batch;
    loader.next(batch);
    const auto in_batch = static_cast<std::int64_t>(s.item % config.batch);
    const NoGrad no_grad;
    const Tensor x = batch.at(kImage).rows(in_batch, 1).clone();
    data::Image photo(config.width, config.height, 3);
    const auto values = x.to_vector<float>();
    for (std::size_t i = 0; i < photo.pixels.size(); ++i)
      photo.pixels[i] = static_cast<std::uint8_t>(std::lround(std::clamp((values[i] + 1) * 127.5f, 0.0f, 255.0f)));
    data::LabelImage truth(config.width, config.height, 0, dataset.masks.planes()), prediction = truth;
    truth.labels = batch.at(kLabels).rows(in_batch, 1).clone().to_vector<std::uint8_t>();
    prediction.labels = decisions_at(head, (*model)(x), config.height, config.width).to_vector<std::uint8_t>();
    Figure f{data::encode_png(triptych(photo, truth, prediction, schema.colors)),
             items[static_cast<std::size_t>(s.item)].name + ": " + head.quality_text(s.scores)};
    io::write_file_atomically(folder.root / "overlays" / (kind + "_" + std::to_string(rank + 1) + ".png"), f.png);
    return f;
  };
  for (std::size_t i = 0; i < shown; ++i) content.best.push_back(figure(e.images[i], "best", i));
  for (std::size_t i = 0; i < std::min(shown, scored - shown); ++i) content.worst.push_back(figure(e.images[scored - 1 - i], "worst", i));

  const metrics::ConfusionMatrix baseline = e.confusion.majority_baseline();
  const heads::Selection chosen = head.selection(e.confusion);
  if (items.empty())
    content.summary.push_back("There is no val split: nothing was measured, and the weights are those of the last epoch.");
  else
    content.summary.push_back("Best epoch " + std::to_string(info.state.epoch) + " of " + std::to_string(last.epoch) + ": " + chosen.name +
                              " (" + chosen.meaning + ") " + decimal(chosen.value, 3) + " on " + std::to_string(items.size()) +
                              " validation images. Always answering the most frequent class scores " +
                              decimal(head.selection(baseline).value, 3) + ", at a pixel accuracy of " +
                              decimal(baseline.scores().accuracy, 3) + ": accuracy alone says little here.");
  content.charts = charts(last, head, folder);
  for (const Setting& s : settings_of(config)) content.settings.emplace_back(s.name, to_string(s.value));
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
