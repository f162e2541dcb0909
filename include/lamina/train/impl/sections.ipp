#include "lamina/train/impl/sections.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lamina/core/text.hpp"
#include "lamina/train/impl/html.hpp"

namespace lamina::train {
namespace {

constexpr std::size_t kMostLines = 20;   // of a chart
constexpr std::size_t kMostRows = 1000;  // of a table of images

std::string line_color(const std::vector<std::string>& colors, std::size_t k) { return color_or_clear(k < colors.size() ? colors[k] : ""); }

/// 1 310 720.
std::string grouped(std::int64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ' ');
  return digits;
}

}  // namespace

std::string css(const data::Rgb& c) {
  if (c == data::Rgb{}) return {};
  return formatted("#%02x%02x%02x", c[0], c[1], c[2]);
}

ReportSection history_section(const RunState& state, const heads::Head& head, const std::vector<std::string>& colors) {
  if (state.history.empty()) return {};
  auto line = [&](std::string label, auto value) {
    Series s{std::move(label), {}};
    for (const EpochRecord& r : state.history)
      if (const double v = value(r); !std::isnan(v)) s.points.emplace_back(r.epoch, v);
    return s;
  };
  auto score = [&](std::string label, const std::string& name) {
    return line(std::move(label), [&](const EpochRecord& r) {
      const double* v = r.validation ? r.validation->scores.find(name) : nullptr;
      return v ? *v : std::nan("");
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
  const std::vector<std::string> outcomes = head.outcomes();
  const bool one_is_clear = std::count(colors.begin(), colors.end(), "") < 2;  // of several nobody tells the lines apart
  for (std::size_t k = 0; k < outcomes.size(); ++k)
    if (classes.size() < kMostLines && (one_is_clear || k >= colors.size() || !colors[k].empty())) {
      classes.push_back(score(outcomes[k], "dice_" + outcomes[k]));
      classes.back().color = line_color(colors, k);
    }
  const std::string which =
      classes.size() < outcomes.size() ? message("Dice of ", classes.size(), " of ", outcomes.size(), " classes") : "Dice of each class";
  const std::string per_class = line_chart_svg(classes, {.title = which, .x_label = "epoch", .y_label = "Dice", .unit_range = true});
  const std::string rate = line_chart_svg({line("learning rate", [](const EpochRecord& r) { return r.lr; })},
                                          {.title = "Learning rate at the end of the epoch", .x_label = "epoch", .y_label = "lr"});
  const bool measured = std::any_of(state.history.begin(), state.history.end(), [](const EpochRecord& r) { return !!r.validation; });
  ReportSection section{.title = "Curves", .charts = {{"loss", loss}}};
  if (measured) section.charts.insert(section.charts.end(), {{"scores", scores}, {"dice_per_class", per_class}});
  section.charts.push_back({"learning_rate", rate});
  return section;
}

namespace {

/// Of each class the share of a split's pixels that have a label in its plane; NaN where none has one.
std::vector<double> class_shares(const data::Dataset& dataset, data::Split split) {
  std::vector<std::int64_t> pixels(dataset.schema.counted().size()), labelled = pixels;
  for (const data::Item& item : dataset.items(split))
    for (std::size_t k = 0; k < std::min(pixels.size(), item.labelled.size()); ++k)
      pixels[k] += item.pixels[k], labelled[k] += item.labelled[k];
  std::vector<double> shares;
  for (std::size_t k = 0; k < pixels.size(); ++k)
    shares.push_back(labelled[k] ? static_cast<double>(pixels[k]) / static_cast<double>(labelled[k]) : std::nan(""));
  return shares;
}

/// How often each grade occurs in training, a line for each thing that is graded; without lines where nothing is.
std::vector<Series> grade_lines(const data::Dataset& dataset) {
  const std::vector<double> shares = class_shares(dataset, data::Split::train);
  std::vector<Series> lines;
  for (const data::LabelSchema::Scale& scale : dataset.schema.scales()) {
    Series& line = lines.emplace_back();
    line.name = scale.name;
    for (int grade = 0; grade < scale.grades; ++grade)
      if (const double share = shares[scale.first + static_cast<std::size_t>(grade)]; !std::isnan(share))
        line.points.emplace_back(grade, share);
  }
  return lines;
}

}  // namespace

ReportSection data_section(const data::Dataset& dataset, const std::vector<std::string>& colors) {
  const std::vector<std::string> classes = dataset.schema.counted();
  const char* plane = dataset.schema.plane_names().empty() ? "" : " in its plane";
  ReportSection section{.title = "Images and pixels of each split",
                        .rows = {{""}, {"images"}, {"pixels"}},
                        .notes = {message("A class's share is of the pixels that have a label", plane, ", at the size that masks have.")},
                        .colors = {"-", "-"}};
  for (std::size_t k = 0; k < classes.size(); ++k) section.rows.push_back({classes[k]}), section.colors.push_back(colors.at(k));
  for (const data::Split split : data::kSplits) {
    const std::vector<data::Item>& items = dataset.items(split);
    std::int64_t pixels = 0;
    for (const data::Item& item : items) pixels += std::int64_t{item.width} * item.height;
    section.rows[0].push_back(split == data::Split::train ? "training" : split == data::Split::val ? "validation" : "test");
    section.rows[1].push_back(grouped(std::ssize(items)));
    section.rows[2].push_back(grouped(pixels));
    const std::vector<double> shares = class_shares(dataset, split);
    for (std::size_t k = 0; k < classes.size(); ++k) section.rows[3 + k].push_back(std::isnan(shares[k]) ? "-" : percent(shares[k], 3));
  }
  if (const std::vector<Series> lines = grade_lines(dataset); !lines.empty())
    section.charts.push_back(
        {"grades",
         line_chart_svg(
             lines,
             {.title = "Grades in training", .x_label = "grade", .y_label = "share of the pixels", .unit_range = true, .dots = true})});
  return section;
}

ReportSection images_section(const heads::Head& head, const std::vector<ImageScore>& images, const std::vector<data::Item>& items) {
  ReportSection section{.title = "Scores of the images", .notes = {head.image_score_meaning()}};
  std::vector<double> values;  // ascending in quality
  for (auto s = images.rbegin(); s != images.rend(); ++s)
    if (const double v = s->scores.at(head.image_score()); !std::isnan(v)) values.push_back(v);
  if (values.empty()) return {};
  const auto statistics = [&](std::span<const int> times) {
    std::vector<double> drawn;
    for (std::size_t i = 0; i < values.size(); ++i) drawn.insert(drawn.end(), static_cast<std::size_t>(times[i]), values[i]);
    const std::size_t n = drawn.size();
    return std::vector{std::accumulate(drawn.begin(), drawn.end(), 0.0) / static_cast<double>(n), (drawn[(n - 1) / 2] + drawn[n / 2]) / 2};
  };
  const std::vector<double> now = statistics(std::vector<int>(values.size(), 1));
  const auto intervals = metrics::bootstrap(values.size(), statistics);
  const auto said = [&](std::size_t k) {
    const metrics::Interval& i = intervals[k];
    return decimal(now[k], 3) + (std::isnan(i.low) ? "" : " (" + decimal(i.low, 3) + " to " + decimal(i.high, 3) + ")");
  };
  const metrics::BootstrapOptions bootstrap;
  section.notes.push_back(message("Mean ", said(0), ", median ", said(1), ", worst ", decimal(values.front(), 3), ", best ",
                                  decimal(values.back(), 3), " of ", counted(std::ssize(values), "image"), "; in brackets the ",
                                  std::lround(100 * bootstrap.level), " % interval of ", bootstrap.resamples,
                                  " bootstrap resamples of the images."));
  if (const std::size_t none = images.size() - values.size(); none > 0)
    section.notes.push_back(counted(static_cast<std::int64_t>(none), "image has", "images have") + " no score.");
  const double high = std::max(1.0, std::ceil(2 * *std::max_element(values.begin(), values.end())) / 2);  // a tick
  section.charts.push_back({"image_scores", histogram_svg(values, 0, high,
                                                          {.title = "Scores of the images",
                                                           .x_label = head.image_score() == "dice" ? "Dice" : "grades off",
                                                           .y_label = "images"})});
  section.rows.push_back({"image"});
  for (const auto& [name, value] : images[0].scores) section.rows[0].push_back(name);
  for (auto s = images.rbegin(); s != images.rend() && section.rows.size() <= kMostRows; ++s) {
    section.rows.push_back({items[static_cast<std::size_t>(s->item)].name});
    for (const auto& [name, value] : s->scores) section.rows.back().push_back(decimal(value, 4));
  }
  const std::size_t shown = section.rows.size() - 1;
  section.folded = shown < images.size() ? message("The worst ", shown, " of ", images.size(), " images; per_image.csv has all")
                                         : message("All ", shown, " images, the worst first");
  return section;
}

namespace {

/// What is said of probabilities before they are drawn.
std::vector<std::string> probability_notes(const heads::Head& head, const metrics::ProbabilityCounts& counts) {
  return {
      message("Of ", grouped(counts.pixels(0)), " pixels that have a label: ", head.events_are(),
              ", decided from a threshold on; the average precision is that of ", metrics::ProbabilityCounts::kBins, " thresholds."),
      message("Calibration: of pixels whose probability is 0.8, four of five should be what was said; that is the diagonal. The expected "
              "calibration error (ECE) is the mean distance from it over ",
              metrics::ProbabilityCounts::kReliabilityParts, " equal parts, weighted by pixels; of decisions for ", head.decided(),
              " it is ", decimal(counts.calibration_error(counts.events()), 4), "."),
      message("The best threshold (by Dice) was chosen on these very pixels: others will score less; what is decided is still ",
              head.decided(), ".")};
}

}  // namespace

ReportSection probabilities_section(const heads::Head& head, const metrics::ProbabilityCounts& counts,
                                    const std::vector<std::string>& colors) {
  ReportSection section{.title = "Thresholds, precision and recall, calibration"};
  const std::vector<std::string> events = head.events();
  if (events.empty()) {
    section.notes = {"The head gives values, not probabilities: it has neither thresholds nor calibration."};
    return section;
  }
  section.notes = probability_notes(head, counts);
  section.rows = {{"", "average precision", "ECE", "Dice at 0.5", "best threshold", "Dice there", "precision", "recall"}};
  std::vector<Series> pr, thresholds, calibration;
  for (int event = 0; event < counts.events(); ++event) {
    const std::string& name = events[static_cast<std::size_t>(event)];
    const std::string color = line_color(colors, static_cast<std::size_t>(head.outcome_of(event)));
    const std::vector<metrics::OperatingPoint> curve = counts.curve(event);
    const metrics::OperatingPoint best = counts.best(event);
    section.rows.push_back({name, decimal(counts.average_precision(event), 3), decimal(counts.calibration_error(event)),
                            decimal(curve[curve.size() / 2].dice, 3), std::isnan(best.dice) ? "n/a" : decimal(best.threshold, 3),
                            decimal(best.dice, 3), decimal(std::isnan(best.dice) ? best.dice : best.precision, 3),
                            decimal(best.recall, 3)});
    section.colors.push_back(color);
    if (std::isnan(best.dice) || pr.size() == kMostLines) continue;
    for (auto* lines : {&pr, &thresholds, &calibration}) lines->push_back({.name = name, .points = {}, .color = color});
    for (const metrics::OperatingPoint& at : curve) {
      if (!std::isnan(at.precision)) pr.back().points.emplace_back(at.recall, at.precision);
      thresholds.back().points.emplace_back(at.threshold, at.dice);
    }
    for (const metrics::Reliability& at : counts.reliability(event))
      if (at.pixels > 0) calibration.back().points.emplace_back(at.probability, at.frequency);
  }
  if (pr.size() == kMostLines) section.notes.push_back(message("Lines of the first ", kMostLines, " that there are."));
  calibration.push_back({.name = "as it should be", .points = {{0, 0}, {1, 1}}, .color = "#aaaaaa"});
  section.notes.push_back("Lines have the colors of the table below; the gray diagonal of the calibration is as it should be.");
  const auto draw = [&](const char* name, const std::vector<Series>& lines, ChartOptions options) {
    options.unit_range = options.unit_domain = true;
    Chart& chart = section.charts.emplace_back(Chart{name, line_chart_svg(lines, options)});
    options.legend = false;
    chart.shown = line_chart_svg(lines, options);
  };
  draw("precision_recall", pr, {.title = "Precision and recall", .x_label = "recall", .y_label = "precision"});
  draw("thresholds", thresholds, {.title = "Dice by threshold", .x_label = "threshold", .y_label = "Dice"});
  draw("calibration", calibration, {.title = "Calibration", .x_label = "probability", .y_label = "how often it is so", .dots = true});
  return section;
}

ReportSection borders_section(const SurfaceSummary& s, const metrics::SurfaceOptions& options, const std::string& sizes,
                              const std::vector<std::string>& colors) {
  const std::string pixels = formatted("%.4g", options.tolerance);
  ReportSection section{
      .title = message("Borders: pixels off (95th percentile), share within ", pixels, " pixels"),
      .rows = {{"class", "Hausdorff 95", "surface Dice", "images", "missed or invented in"}},
      .notes = {message("A class's border in an image is those of its pixels that have one of their four neighbours outside of it; all is "
                        "in pixels of the images ",
                        sizes,
                        ". Hausdorff 95: the 95th percentile of the distances from the label's border to the prediction's, or back, which "
                        "is larger. Surface Dice: the share of both borders that is within ",
                        pixels,
                        " pixels of the other. "
                        "A class that only the label or only the prediction has (missed or invented) ",
                        options.missed_counts ? "counts as the image's diagonal and as 0" : "counts nowhere",
                        "; an image where neither has it is left out.")},
      .colors = colors};
  for (const SurfaceSummary::Row& row : s.regions)
    section.rows.push_back(
        {row.name, decimal(row.hausdorff95, 2), decimal(row.surface_dice), std::to_string(row.images), std::to_string(row.missed)});
  section.colors.resize(s.regions.size(), "");
  for (const auto* row : {&s.macro, &s.macro_foreground})
    section.rows.push_back({row->name, decimal(row->hausdorff95, 2), decimal(row->surface_dice), "", ""});
  return section;
}

}  // namespace lamina::train
