#include "lamina/train/compare.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "lamina/core/text.hpp"

namespace lamina::train {
namespace {

namespace fs = std::filesystem;

std::string between(const metrics::Interval& i, bool sign = false) {
  return std::isnan(i.low) ? "n/a" : decimal(i.low, 4, sign) + " to " + decimal(i.high, 4, sign);
}

PairedDifference difference(const ComparedRun& run, const ComparedRun& first) {
  PairedDifference d;
  if (!run.scores || !first.scores || run.scores->split != first.scores->split || run.scores->score_name != first.scores->score_name)
    return d;
  std::map<std::string, const ScoredImage*> theirs;
  for (const ScoredImage& image : first.scores->images) theirs.emplace(image.name, &image);
  std::vector<double> gains;
  for (const ScoredImage& image : run.scores->images) {
    const auto it = theirs.find(image.name);
    if (it == theirs.end()) continue;
    const ScoredImage& other = *it->second;
    if (image.labels != 0 && other.labels != 0 && image.labels != other.labels)
      ++d.others;
    else if (!std::isnan(image.quality) && !std::isnan(other.quality))
      gains.push_back(image.quality - other.quality);
  }
  d.images = gains.size();
  if (gains.empty()) return d;
  const auto mean = [&](std::span<const int> times) {
    double sum = 0;
    for (std::size_t i = 0; i < gains.size(); ++i) sum += times[i] * gains[i];
    return std::vector{sum / static_cast<double>(gains.size())};
  };
  d.mean = mean(std::vector<int>(gains.size(), 1))[0];
  d.interval = metrics::bootstrap(gains.size(), mean)[0];
  return d;
}

ReportSection scores_of(const std::vector<ComparedRun>& runs) {
  ReportSection table{"Scores", {{"run", "epochs", "best", "split", "images", "score", "95 % interval", "of"}}};
  for (const ComparedRun& r : runs) {
    table.rows.push_back({r.name, std::to_string(r.state.epoch), std::to_string(r.state.best_epoch)});
    auto& row = table.rows.back();
    if (r.scores)
      row.insert(row.end(), {r.scores->split, std::to_string(r.scores->intervals.images), decimal(r.scores->score),
                             between(r.scores->intervals.selection), r.scores->score_name});
    else
      row.insert(row.end(), {"val", "", decimal(r.state.best_score), "n/a", program_word() + " report scores it"});
  }
  return table;
}

ReportSection settings_of_runs(const std::vector<ComparedRun>& runs) {
  ReportSection table{"Settings that differ", {{"setting"}}};
  std::vector<std::map<std::string, std::string>> values;
  std::vector<std::string> names;
  for (const ComparedRun& r : runs) {
    table.rows[0].push_back(r.name);
    auto& mine = values.emplace_back();
    for (const Setting& s : settings_of(r.config)) {
      mine[s.name] = to_string(s.value);
      if (std::find(names.begin(), names.end(), s.name) == names.end()) names.push_back(s.name);
    }
  }
  for (const std::string& name : names) {
    std::vector<std::string> row{name};
    for (auto& mine : values) row.push_back(mine[name]);
    if (std::any_of(row.begin() + 2, row.end(), [&](const std::string& v) { return v != row[1]; })) table.rows.push_back(std::move(row));
  }
  return table;
}

Series curve(const ComparedRun& run, const auto& value) {
  Series s{run.name, {}};
  for (const EpochRecord& r : run.state.history)
    if (const double* v = value(r); v && !std::isnan(*v)) s.points.emplace_back(r.epoch, *v);
  return s;
}

}  // namespace

Comparison compare_runs(const std::vector<fs::path>& folders) {
  require<OptionError>(folders.size() >= 2, "a comparison needs two runs or more");
  Comparison c;
  std::set<std::string> last_parts;
  std::vector<std::string> qualities;
  for (const fs::path& folder : folders) last_parts.insert((folder / "").parent_path().filename().string());
  for (const fs::path& folder : folders) {
    const RunFolder run{folder};
    RunInfo info = run_info(io::ModelFile(io::find_weights(folder, "last")));
    qualities.push_back(info.head->quality_is());
    const bool scored = fs::exists(run.file("scores.json"));
    const std::string name = last_parts.size() == folders.size() ? (folder / "").parent_path().filename().string() : folder.string();
    c.runs.push_back(
        {name, std::move(info.config), std::move(info.state), scored ? std::optional(read_scores(run.file("scores.json"))) : std::nullopt});
  }
  ReportSection paired{"Differences from " + c.runs[0].name + ", image by image",
                       {{"run", "images", "mean difference", "95 % interval", "of, larger is better"}}};
  for (std::size_t i = 1; i < c.runs.size(); ++i) {
    const PairedDifference d = difference(c.runs[i], c.runs[0]);
    c.differences.push_back(d);
    const std::string others = d.others ? counted(static_cast<std::int64_t>(d.others), "image") + " with other labels" : "";
    paired.rows.push_back({c.runs[i].name, std::to_string(d.images), d.images ? decimal(d.mean, 4, true) : "n/a",
                           d.images         ? between(d.interval, true) + (others.empty() ? "" : ", without " + others)
                           : others.empty() ? "no scored image in common"
                                            : others,
                           d.images ? qualities[i] : ""});
  }
  c.tables = {scores_of(c.runs), std::move(paired), settings_of_runs(c.runs)};
  return c;
}

std::string comparison_text(const Comparison& c) {
  std::string text;
  for (const ReportSection& table : c.tables) {
    if (table.rows.size() < 2) continue;
    std::vector<std::size_t> widths;
    for (const auto& row : table.rows)
      for (std::size_t k = 0; k < row.size(); ++k) {
        if (k == widths.size()) widths.push_back(0);
        widths[k] = std::max(widths[k], display_width(row[k]));
      }
    text += (text.empty() ? "" : "\n") + table.title + "\n";
    for (const auto& row : table.rows) {
      std::string line = " ";
      for (std::size_t k = 0; k < row.size(); ++k) line += " " + padded(row[k], widths[k] + 1);
      text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
  }
  return text;
}

std::string comparison_html(const Comparison& c) {
  ReportContent content;
  content.title = "Lamina: " + std::to_string(c.runs.size()) + " runs side by side";
  content.summary = {"Intervals: 95 %, 1000 bootstrap resamples of the images. A difference whose interval holds 0 may be chance."};
  content.sections = c.tables;
  for (std::size_t i = 0; i < c.runs.size(); ++i) content.sections[0].colors.push_back(chart_color(i));
  ReportSection& curves = content.sections.emplace_back();
  curves.title = "Curves";
  const auto chart = [&](const char* title, const char* y, const auto& value) {
    std::vector<Series> lines;
    for (const ComparedRun& r : c.runs) lines.push_back(curve(r, value));
    const bool first = curves.charts.empty();  // the others have the same legend
    curves.charts.push_back({title, line_chart_svg(lines, {.title = title, .x_label = "epoch", .y_label = y, .legend = first})});
  };
  const auto score = [](const char* name) {
    return [name](const EpochRecord& r) { return r.validation ? r.validation->scores.find(name) : nullptr; };
  };
  chart("Dice foreground on val", "Dice", score("dice_macro_foreground"));
  chart("Loss on val", "loss", score("val_loss"));
  chart("Loss in training", "loss", [](const EpochRecord& r) { return r.train.find("loss"); });
  chart("Learning rate at the end of the epoch", "lr", [](const EpochRecord& r) { return &r.lr; });
  return render_report(content);
}

}  // namespace lamina::train
