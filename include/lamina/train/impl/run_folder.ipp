#include "lamina/train/run_folder.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "lamina/config.hpp"
#include "lamina/core/versions.hpp"
#include "lamina/data/image.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/evaluate.hpp"

namespace lamina::train {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const metrics::ConfusionMatrix& m) {
  Json rows = Json::array();
  for (int t = 0; t < m.classes(); ++t) {
    Json row = Json::array();
    for (int p = 0; p < m.classes(); ++p) row.push_back(m.at(t, p));
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Without times: a checkpoint's bytes do not depend on them.
Json json_of(const EpochRecord& r) {
  Json j{{"epoch", r.epoch}, {"step", r.step}, {"lr", r.lr}, {"loss", r.loss}, {"ce", r.ce}, {"dice_loss", r.dice_loss}};
  if (r.val_loss) j["val_loss"] = *r.val_loss;
  if (r.confusion) j["confusion"] = json_of(*r.confusion);
  return j;
}

metrics::ConfusionMatrix confusion_from(const Json& rows) {
  std::vector<std::vector<std::int64_t>> counts = rows.get<std::vector<std::vector<std::int64_t>>>();
  return metrics::ConfusionMatrix::from_counts(counts);
}

EpochRecord record_from(const Json& j) {
  EpochRecord r;
  j.at("epoch").get_to(r.epoch);
  j.at("step").get_to(r.step);
  j.at("lr").get_to(r.lr);
  j.at("loss").get_to(r.loss);
  j.at("ce").get_to(r.ce);
  j.at("dice_loss").get_to(r.dice_loss);
  if (j.contains("val_loss")) r.val_loss = j.at("val_loss").get<double>();
  if (j.contains("confusion")) r.confusion = confusion_from(j.at("confusion"));
  return r;
}

std::string csv_number(double v) {
  if (std::isnan(v)) return "";
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", v);
  return text;
}

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

}  // namespace

std::string to_json(const TrainerState& s) {
  Json j{{"version", 1},
         {"epoch", s.epoch},
         {"batch", s.batch},
         {"step", s.step},
         {"sums", {s.loss_sum, s.ce_sum, s.dice_sum}},
         {"images", s.images},
         {"best_score", s.best_score},
         {"best_epoch", s.best_epoch},
         {"schedule", {{"best", s.schedule.best}, {"reduction", s.schedule.reduction}, {"bad", s.schedule.bad}}},
         {"class_weights", s.class_weights},
         {"items", s.items},
         {"history", Json::array()}};
  for (const EpochRecord& r : s.history) j["history"].push_back(json_of(r));
  return j.dump();
}

TrainerState trainer_state_from_json(const std::string& text) {
  try {
    const Json j = Json::parse(text);
    require<DataError>(j.at("version") == 1, "trainer state of version ", j.at("version").dump(), "; this build reads version 1");
    TrainerState s;
    j.at("epoch").get_to(s.epoch);
    j.at("batch").get_to(s.batch);
    j.at("step").get_to(s.step);
    const Json& sums = j.at("sums");
    s.loss_sum = sums.at(0), s.ce_sum = sums.at(1), s.dice_sum = sums.at(2);
    j.at("images").get_to(s.images);
    j.at("best_score").get_to(s.best_score);
    j.at("best_epoch").get_to(s.best_epoch);
    const Json& schedule = j.at("schedule");
    s.schedule = {schedule.at("best"), schedule.at("reduction"), schedule.at("bad")};
    j.at("class_weights").get_to(s.class_weights);
    j.at("items").get_to(s.items);
    for (const Json& r : j.at("history")) s.history.push_back(record_from(r));
    return s;
  } catch (const nlohmann::json::exception& e) {
    throw DataError(message("not a trainer state: ", e.what()));
  }
}

RunInfo run_info(const io::Metadata& metadata, const std::string& origin) {
  for (const char* key : {"config", "labels", "trainer"})
    require<DataError>(metadata.contains(key), origin, ": no training checkpoint: its metadata lacks \"", key, "\"");
  return {config_from_json(metadata.find("config")->second), data::parse_label_schema(metadata.find("labels")->second, origin),
          trainer_state_from_json(metadata.find("trainer")->second)};
}

std::optional<FoundCheckpoint> find_checkpoint(const RunFolder& folder) {
  std::string damage;
  for (const char* which : {"last", "prev"}) {
    const auto path = folder.weights(which);
    if (!std::filesystem::exists(path)) continue;
    try {
      io::Checkpoint c = io::load_checkpoint(path);
      (void)run_info(c.metadata, path.string());
      return FoundCheckpoint{std::move(c), path, damage};
    } catch (const DataError& e) {
      damage += (damage.empty() ? "" : "; ") + std::string(e.what());
    }
  }
  require<DataError>(damage.empty(), "no usable checkpoint in ", folder.root.string(), ": ", damage);
  return {};
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

void truncate_metrics(const RunFolder& folder, int epoch) {
  const auto keep = [&](const std::filesystem::path& path, const std::vector<std::string>& rows, std::size_t headers, auto&& epoch_of) {
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (const int of = i < headers ? 0 : epoch_of(rows[i]); i < headers || (of >= 1 && of <= epoch)) kept.push_back(rows[i]);
    if (kept.size() != rows.size()) write_lines(path, kept);
  };
  const auto csv = folder.file("metrics.csv"), jsonl = folder.file("metrics.jsonl");
  keep(csv, joined_quotes(lines_of(csv)), 1, [](const std::string& row) { return std::atoi(row.c_str()); });
  keep(jsonl, lines_of(jsonl), 0, [](const std::string& row) {
    const Json j = Json::parse(row, nullptr, false);
    return j.is_object() ? j.value("epoch", 0) : 0;
  });
}

void append_metrics(const RunFolder& folder, const EpochRecord& r, const data::LabelSchema& schema) {
  const std::vector<std::string> names = schema.outcomes();
  std::vector<std::pair<std::string, double>> columns{{"epoch", r.epoch},     {"step", static_cast<double>(r.step)},
                                                      {"lr", r.lr},           {"loss", r.loss},
                                                      {"ce", r.ce},           {"dice_loss", r.dice_loss},
                                                      {"seconds", r.seconds}, {"images_per_second", r.images_per_second}};
  const double none = std::numeric_limits<double>::quiet_NaN();
  columns.emplace_back("val_loss", r.val_loss.value_or(none));
  const metrics::ConfusionMatrix confusion = r.confusion.value_or(confusion_of(schema));
  const auto s = confusion.scores(schema.neutral_outcome());
  columns.emplace_back("accuracy", s.accuracy);
  if (schema.task == data::Task::ordinal) {
    const auto grades = confusion.ordinal_scores();
    columns.emplace_back("mean_absolute_error", grades.mean_absolute_error);
    columns.emplace_back("within_one", grades.within_one);
    columns.emplace_back("quadratic_kappa", grades.quadratic_kappa);
  }
  const std::pair<const char*, const metrics::ClassScores*> kinds[] = {
      {"dice", &s.dice}, {"iou", &s.iou}, {"precision", &s.precision}, {"recall", &s.recall}};
  for (const auto& [kind, scores] : kinds) {
    const std::string k = kind;
    columns.emplace_back(k + "_macro", scores->macro);
    columns.emplace_back(k + "_macro_foreground", scores->macro_foreground);
    columns.emplace_back(k + "_micro", scores->micro);
    for (std::size_t c = 0; c < names.size(); ++c) columns.emplace_back(k + "_" + names[c], scores->per_class[c]);
  }
  auto lines = lines_of(folder.file("metrics.csv"));
  std::string header, row;
  Json object;
  for (const auto& [name, value] : columns) {
    header += (header.empty() ? "" : ",") + csv_field(name);
    row += (row.empty() ? "" : ",") + csv_number(value);
    object[name] = std::isnan(value) ? Json(nullptr) : Json(value);
  }
  if (lines.empty()) lines.push_back(header);
  lines.push_back(row);
  write_lines(folder.file("metrics.csv"), lines);
  auto objects = lines_of(folder.file("metrics.jsonl"));
  objects.push_back(object.dump());
  write_lines(folder.file("metrics.jsonl"), objects);
}

namespace {
std::string cuda_summary() {
  if (!LAMINA_HAS_CUDA) return "not built in";
  try {
    const int count = cuda_device_count();
    if (count == 0) return "built in; no device found; " + cuda_versions();
    std::string names;
    for (int i = 0; i < count; ++i) names += (i ? ", " : "") + device_name({Device::Type::cuda, i});
    return names + "; " + cuda_versions();
  } catch (const Error& e) {
    return std::string("built in; not usable: ") + e.what();
  }
}
}  // namespace

std::vector<std::pair<std::string, std::string>> environment() {
  std::string cpu = "unknown";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      cpu = line.substr(line.find(':') + 2);
      break;
    }
  utsname system{};
  uname(&system);
  return {{"lamina", LAMINA_VERSION},
          {"compiler", __VERSION__},
          {"processor", cpu},
          {"instruction set", name_of(detected_isa())},
          {"hardware threads", std::to_string(std::thread::hardware_concurrency())},
          {"system", std::string(system.sysname) + " " + system.release + " " + system.machine},
          {"image formats", data::supported_formats()},
          {"decoders", data::decoder_versions()},
          {"CUDA", cuda_summary()}};
}

}  // namespace lamina::train
