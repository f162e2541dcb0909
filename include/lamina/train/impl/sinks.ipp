// What a run writes while it trains: log.txt, metrics.csv, metrics.jsonl.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/sinks/alarms.hpp"
#include "lamina/train/sinks/log.hpp"
#include "lamina/train/sinks/metrics_files.hpp"

namespace lamina::train {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  if (!std::filesystem::exists(path)) return lines;
  std::istringstream in(io::read_file(path));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Rows of a CSV file from its lines: a line break inside quotes ends no row.
std::vector<std::string> joined_quotes(const std::vector<std::string>& lines) {
  std::vector<std::string> rows;
  bool open = false;
  for (const std::string& line : lines) {
    if (open)
      rows.back() += "\n" + line;
    else
      rows.push_back(line);
    open ^= std::count(line.begin(), line.end(), '"') % 2 == 1;
  }
  return rows;
}

void write_lines(const std::filesystem::path& path, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  io::write_file_atomically(path, text);
}

/// Keeps the first `headers` rows and those of the epochs 1 to `epoch`.
template <class EpochOf>
void keep_epochs(const std::filesystem::path& path, const std::vector<std::string>& rows, std::size_t headers, int epoch,
                 EpochOf&& epoch_of) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (const int of = i < headers ? 0 : epoch_of(rows[i]); i < headers || (of >= 1 && of <= epoch)) kept.push_back(rows[i]);
  if (kept.size() != rows.size()) write_lines(path, kept);
}

int epoch_of_object(const std::string& row) {
  const Json j = Json::parse(row, nullptr, false);
  return j.is_object() ? j.value("epoch", 0) : 0;
}

}  // namespace

std::string epoch_line(const EpochRecord& r, int epochs) {
  std::string line = formatted("epoch %d/%d", r.epoch, epochs);
  if (!r.text.empty()) line += "  " + r.text;
  if (r.validation) {
    if (const double* loss = r.validation->scores.find("val_loss")) line += "  val " + brief(*loss);
    if (!r.validation->text.empty()) line += "  " + r.validation->text;
  }
  return wrapped(line + formatted("  %.*f img/s", r.images_per_second < 10, r.images_per_second), 100, 2, "  ");
}

void LogFile::start(const RunStart& run) {
  path_ = run.folder / "log.txt";
  for (const std::string& note : run.notes) write(note);
}
void LogFile::epoch(const EpochRecord& record, int epochs) { write(epoch_line(record, epochs)); }
void LogFile::message(const std::string& text) { write(text); }
void LogFile::warning(const std::string& text) { write("warning: " + text); }
void LogFile::write(const std::string& text) const { io::append_to_file(path_, text + "\n"); }

void AlarmFile::start(const RunStart& run) {
  path_ = run.folder / "alarms.jsonl";
  keep_epochs(path_, lines_of(path_), 0, run.epoch, epoch_of_object);
}

void AlarmFile::alarm(const Alarm& a) {
  const Json j{{"epoch", a.epoch}, {"rule", a.rule}, {"seen", a.seen}, {"cause", a.cause}, {"next", a.next}};
  io::append_to_file(path_, j.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::vector<Alarm> read_alarms(const std::filesystem::path& folder) {
  std::vector<Alarm> all;
  for (const std::string& line : lines_of(folder / "alarms.jsonl"))
    if (const Json j = Json::parse(line, nullptr, false); j.is_object())
      all.push_back({j.value("rule", ""), j.value("epoch", 0), j.value("seen", ""), j.value("cause", ""), j.value("next", "")});
  return all;
}

std::string csv_field(const std::string& field) {
  const std::string text = valid_utf8(field);
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

void MetricsFiles::start(const RunStart& run) {
  csv_ = run.folder / "metrics.csv";
  jsonl_ = run.folder / "metrics.jsonl";
  score_names_ = run.score_names;
  keep_epochs(csv_, joined_quotes(lines_of(csv_)), 1, run.epoch, [](const std::string& row) { return std::atoi(row.c_str()); });
  keep_epochs(jsonl_, lines_of(jsonl_), 0, run.epoch, epoch_of_object);
}

void MetricsFiles::epoch(const EpochRecord& r, int) {
  Scalars columns{{"epoch", r.epoch}, {"step", static_cast<double>(r.step)}, {"lr", r.lr}};
  columns.append(r.train);
  columns.append({{"seconds", r.seconds}, {"images_per_second", r.images_per_second}});
  if (r.validation)
    columns.append(r.validation->scores);
  else
    for (const std::string& name : score_names_) columns.append({{name, std::numeric_limits<double>::quiet_NaN()}});
  const std::string undefined = r.validation ? "n/a" : "";
  std::string header, row;
  Json object;
  for (const auto& [name, value] : columns) {
    header += (header.empty() ? "" : ",") + csv_field(name);
    row += (row.empty() ? "" : ",") + (std::isnan(value) ? undefined : formatted("%.9g", value));
    object[name] = std::isnan(value) ? Json(nullptr) : Json(value);
  }
  if (!r.note.empty()) object["note"] = r.note;
  auto lines = lines_of(csv_);
  if (lines.empty()) lines.push_back(header);
  lines.push_back(row);
  write_lines(csv_, lines);
  auto objects = lines_of(jsonl_);
  objects.push_back(object.dump());
  write_lines(jsonl_, objects);
}

}  // namespace lamina::train
