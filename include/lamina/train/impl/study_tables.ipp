// What a study found: a table of its runs, one of means and paired differences, plots, a report.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/report.hpp"
#include "lamina/train/session.hpp"
#include "lamina/train/study.hpp"

namespace lamina::train {
namespace {

using Json = nlohmann::ordered_json;

/// A score of an arm at a fraction, and how far it is from scratch with the same images and seeds.
struct Row {
  double fraction;
  int images;
  std::string arm, score;
  Estimate value, difference;
};

std::vector<Row> rows_of(const std::vector<StudyRun>& runs) {
  std::vector<Row> rows;
  for (const char* score : kStudyScores)
    for (const StudyRun& first : runs) {
      const auto same = [&](const Row& r) { return r.fraction == first.fraction && r.arm == first.arm && r.score == score; };
      if (std::any_of(rows.begin(), rows.end(), same)) continue;
      std::vector<double> values, differences;
      for (const StudyRun& r : runs) {
        if (r.fraction != first.fraction || r.arm != first.arm || std::isnan(r.scores.at(score))) continue;
        values.push_back(r.scores.at(score));
        for (const StudyRun& s : runs)
          if (first.arm != "scratch" && s.arm == "scratch" && s.fraction == r.fraction && s.seed == r.seed)
            differences.push_back(r.scores.at(score) - s.scores.at(score));
      }
      rows.push_back({first.fraction, first.images, first.arm, score, estimate(values), estimate(differences)});
    }
  return rows;
}

std::string cell(double v) {
  if (std::isnan(v)) return "";
  return formatted("%.6f", v);
}

std::string plot(const std::vector<Row>& rows, const char* score, const char* title) {
  std::vector<Series> lines;
  for (const Row& r : rows) {
    if (r.score != score || std::isnan(r.value.mean)) continue;
    auto line = std::find_if(lines.begin(), lines.end(), [&](const Series& s) { return s.name == r.arm; });
    if (line == lines.end()) line = lines.insert(line, {r.arm, {}});
    line->points.emplace_back(100 * r.fraction, r.value.mean);
    line->half_widths.push_back(r.value.half_width);
  }
  return line_chart_svg(lines, {.title = title, .x_label = "labelled images used (%)", .y_label = "average Dice"});
}

/// One row in words.
std::string sentence(const Row& r) {
  std::string out = formatted("%.4g %% of the labels (%d images), %s: Dice %.4f", 100 * r.fraction, r.images, r.arm.c_str(), r.value.mean);
  if (!std::isnan(r.value.half_width)) out += formatted(" +- %.4f over %d seeds", r.value.half_width, r.value.n);
  if (r.difference.n > 1) {
    const double least = r.difference.mean - r.difference.half_width, most = r.difference.mean + r.difference.half_width;
    out += formatted("; against scratch %+.4f [%+.4f, %+.4f]", r.difference.mean, least, most);
    out += least > 0 ? ": better" : most < 0 ? ": worse" : ": no difference that these seeds can show";
  }
  return out + ".";
}

}  // namespace

data::Split Study::scored() const { return dataset_.items(data::Split::test).empty() ? data::Split::val : data::Split::test; }

std::string Study::scored_text() const {
  const bool test = scored() == data::Split::test;
  return message("scored on the ", test ? "test" : "val", " list, ", counted(std::ssize(dataset_.items(scored())), "image"),
                 test ? "" : ", as there is no test list");
}

std::vector<std::string> Study::notes() const {
  std::vector<std::string> all = photos_.notes;
  all.push_back(scored_text());
  if (!advice_.empty()) all.push_back(config_.pretrained + ": " + advice_);
  if (config_.segmentation.normalize != "half")
    all.push_back("warning: --normalize " + config_.segmentation.normalize +
                  ": the arm \"colorization\" sees photographs otherwise than its generator did; --normalize half shows them the same");
  return all;
}

void Study::write_tables() const {
  const std::filesystem::path out = config_.out;
  std::string csv = "arm,fraction,images,seed";
  for (const char* score : kStudyScores) csv += std::string(",") + score;
  for (const StudyRun& r : runs_) {
    const std::string text = formatted("\n%s,%.6g,%d,%llu", r.arm.c_str(), r.fraction, r.images, static_cast<unsigned long long>(r.seed));
    csv += text;
    for (const char* score : kStudyScores) csv += "," + cell(r.scores.at(score));
  }
  io::write_file_atomically(out / "runs.csv", csv + "\n");

  const std::vector<Row> rows = rows_of(runs_);
  csv = "score,fraction,images,arm,seeds,mean,half_width_95,difference_to_scratch,difference_half_width_95";
  Json table = Json::array();
  for (const Row& r : rows) {
    const std::string text = formatted("\n%s,%.6g,%d,%s,%d,", r.score.c_str(), r.fraction, r.images, r.arm.c_str(), r.value.n);
    csv += text + cell(r.value.mean) + "," + cell(r.value.half_width) + "," + cell(r.difference.mean) + "," + cell(r.difference.half_width);
    table.push_back({{"score", r.score},
                     {"fraction", r.fraction},
                     {"images", r.images},
                     {"arm", r.arm},
                     {"seeds", r.value.n},
                     {"mean", r.value.mean},
                     {"half_width_95", r.value.half_width},
                     {"difference_to_scratch", r.difference.mean},
                     {"difference_half_width_95", r.difference.half_width}});
  }
  io::write_file_atomically(out / "table.csv", csv + "\n");
  io::write_file_atomically(out / "table.json", table.dump(2) + "\n");

  io::create_folders(out / "plots");
  ReportContent report;
  report.sections.push_back({.title = "Curves",
                             .charts = {{"all_classes", plot(rows, "dice_all", "All classes")},
                                        {"background_skin", plot(rows, "dice_binary", "Background against the rest")}}});
  write_charts(report.sections[0], out / "plots");
  report.title =
      "Lamina: what pretraining by colorization does for segmentation, on " + std::filesystem::path(config_.data).filename().string();
  report.summary.push_back("Each run is " + scored_text() + ".");
  for (const Row& r : rows)
    if (r.score == "dice_all") report.summary.push_back("All classes, " + sentence(r));
  for (const Row& r : rows)
    if (r.score == "dice_binary" && !std::isnan(r.value.mean)) report.summary.push_back("Background against the rest, " + sentence(r));
  if (config_.pretrained.empty())
    report.warnings.push_back("The arm \"pretrained\" was skipped: it needs a file of weights (--pretrained FILE.safetensors).");
  for (const Setting& s : settings_of(config_)) report.settings.emplace_back(s.name, to_string(s.value));
  report.environment = environment();
  report.next_steps = {
      {"See how well the generator colors:",
       program_word() + " colorize predict " + shell_path(colorization_folder(config_.first_seed).string()) + " PHOTO.jpg --out colored"}};
  io::write_file_atomically(out / "report.html", render_report(report));
}

}  // namespace lamina::train
