// A run folder: its state, its lock, its checkpoints.
#include "lamina/train/session.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"

namespace lamina::train {
namespace {

using Json = nlohmann::ordered_json;

/// Undefined numbers are null.
Json json_number(double v) { return std::isnan(v) ? Json(nullptr) : Json(v); }
double number_or_nan(const Json& j) { return j.is_null() ? NAN : j.get<double>(); }

Json json_of(const Scalars& scalars) {
  Json j = Json::object();
  for (const auto& [name, value] : scalars) j[name] = json_number(value);
  return j;
}

Scalars scalars_from(const Json& j) {
  Scalars scalars;
  for (const auto& [name, value] : j.items()) scalars[name] = number_or_nan(value);
  return scalars;
}

Json json_of(const metrics::ConfusionMatrix& m) {
  Json rows = Json::array();
  for (int t = 0; t < m.classes(); ++t) {
    Json row = Json::array();
    for (int p = 0; p < m.classes(); ++p) row.push_back(m.at(t, p));
    rows.push_back(std::move(row));
  }
  if (m.plane_negatives().empty()) return rows;
  return {{"counts", rows}, {"plane_negatives", m.plane_negatives()}};
}

metrics::ConfusionMatrix confusion_from(const Json& j) {
  const Json& rows = j.is_object() ? j.at("counts") : j;
  auto m = metrics::ConfusionMatrix::from_counts(rows.get<std::vector<std::vector<std::int64_t>>>());
  if (j.is_object()) m.set_plane_negatives(j.at("plane_negatives").get<std::vector<std::int64_t>>());
  return m;
}

/// Without times: a checkpoint's bytes do not depend on them.
Json json_of(const EpochRecord& r) {
  Json j{{"epoch", r.epoch}, {"step", r.step}, {"lr", r.lr}, {"train", json_of(r.train)}};
  if (!r.signals.empty()) j["signals"] = json_of(r.signals);
  if (!r.note.empty()) j["note"] = r.note;
  if (!r.validation) return j;
  j["scores"] = json_of(r.validation->scores);
  j["score"] = json_number(r.validation->score);
  for (const HeadCounts& head : r.validation->counts) j["counts"][head.head] = json_of(head.confusion);
  return j;
}

EpochRecord record_from(const Json& j) {
  EpochRecord r{.epoch = j.at("epoch"), .step = j.at("step"), .lr = j.at("lr")};
  if (j.contains("train")) {
    r.note = j.value("note", "");
    r.train = scalars_from(j.at("train"));
    if (j.contains("signals")) r.signals = scalars_from(j.at("signals"));
    if (!j.contains("scores")) return r;
    Validation v{.scores = scalars_from(j.at("scores")), .counts = {}, .score = j.contains("score") ? number_or_nan(j.at("score")) : NAN};
    if (j.contains("counts"))
      for (const auto& [head, rows] : j.at("counts").items()) v.counts.push_back({head, confusion_from(rows)});
    r.validation = std::move(v);
    return r;
  }
  r.train = {{"loss", j.at("loss")}, {"ce", j.at("ce")}, {"dice_loss", j.at("dice_loss")}};  // version 1
  if (!j.contains("val_loss")) return r;
  r.validation = Validation{.scores = {{"val_loss", j.at("val_loss")}}};
  if (j.contains("confusion")) r.validation->counts.push_back({kLabels, confusion_from(j.at("confusion"))});
  return r;
}

/// A component's tensors as they are called in checkpoints.
std::vector<nn::NamedTensor> prefixed(const std::string& prefix, std::vector<nn::NamedTensor> tensors) {
  if (!prefix.empty())
    for (nn::NamedTensor& t : tensors) t.name = prefix + "." + t.name;
  return tensors;
}
void append(std::vector<nn::NamedTensor>& to, std::vector<nn::NamedTensor> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

std::string to_json(const RunState& s) {
  Json j{{"version", 2},
         {"epoch", s.epoch},
         {"batch", s.batch},
         {"step", s.step},
         {"sums", json_of(s.sums)},
         {"images", s.images},
         {"best_score", json_number(s.best_score)},
         {"best_epoch", s.best_epoch},
         {"schedule", {{"best", s.schedule.best}, {"reduction", s.schedule.reduction}, {"bad", s.schedule.bad}}},
         {"history", Json::array()}};
  if (!s.signals.empty()) j["signals"] = json_of(s.signals);
  if (s.reloads > 0) j["reloads"] = s.reloads;
  for (const EpochRecord& r : s.history) j["history"].push_back(json_of(r));
  return j.dump();
}

RunState run_state_from_json(const std::string& text) {
  try {
    const Json j = Json::parse(text);
    const Json& version = j.at("version");
    require<DataError>(version == 1 || version == 2, "trainer state of version ", version.dump(), "; this build reads versions 1 and 2");
    RunState s{.epoch = j.at("epoch"),
               .batch = j.at("batch"),
               .step = j.at("step"),
               .images = j.at("images"),
               .best_score = number_or_nan(j.at("best_score")),
               .best_epoch = j.at("best_epoch")};
    if (s.best_score == -1) s.best_score = NAN;  // so said 0.1.0
    const Json& sums = j.at("sums");
    s.sums = version == 1 ? Scalars{{"loss", sums.at(0)}, {"ce", sums.at(1)}, {"dice_loss", sums.at(2)}} : scalars_from(sums);
    if (j.contains("signals")) s.signals = scalars_from(j.at("signals"));
    const Json& schedule = j.at("schedule");
    s.schedule = {schedule.at("best"), schedule.at("reduction"), schedule.at("bad")};
    s.reloads = j.value("reloads", 0);
    for (const Json& r : j.at("history")) s.history.push_back(record_from(r));
    return s;
  } catch (const nlohmann::json::exception& e) {
    throw DataError(message("its \"trainer\" is not a trainer state (", json_reason(e.what()), ")"));
  }
}

RunState run_state(const io::Metadata& metadata, const std::string& origin) {
  const auto state = metadata.find("trainer");
  require<DataError>(state != metadata.end(), origin, ": no training checkpoint: its metadata lacks \"trainer\"");
  try {
    return run_state_from_json(state->second);
  } catch (const DataError& e) {
    throw DataError(message(origin, ": ", e.what()));
  }
}

bool holds_checkpoint(const RunFolder& folder) {
  return std::filesystem::exists(folder.weights("last")) || std::filesystem::exists(folder.weights("prev"));
}

std::optional<FoundCheckpoint> find_checkpoint(const RunFolder& folder) {
  std::string damage;
  for (const char* which : {"last", "prev"}) {
    const auto path = folder.weights(which);
    if (!std::filesystem::exists(path)) continue;
    try {
      FoundCheckpoint found{io::ModelFile(path), damage};
      (void)run_state(found.file.metadata(), path.string());
      return found;
    } catch (const DataError& e) {
      damage += (damage.empty() ? "" : "; ") + std::string(e.what());
    }
  }
  require<DataError>(damage.empty(), "no usable checkpoint in ", folder.root.string(), ": ", damage);
  return {};
}

void require_no_other(const std::filesystem::path& out, Trained own) {
  struct Kind {
    Trained kind;
    const char *file, *words;
  };
  constexpr Kind kKinds[] = {{Trained::run, "env.json", "a run"},
                             {Trained::folds, "folds.json", "the runs of --folds"},
                             {Trained::study, "study.json", "a study"}};
  for (const Kind& k : kKinds)
    require<OptionError>(k.kind == own || !(std::filesystem::exists(out / k.file) || (k.kind == Trained::run && holds_checkpoint({out}))),
                         "--out ", out.string(), " holds ", k.words, ", which would be written over; choose another --out");
}

/// Keeps other processes out of a run folder; the system releases it whatever ends the process.
class Session::Lock {
 public:
  explicit Lock(const std::filesystem::path& folder) : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    const bool taken = fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (taken) ::close(fd_);
    require<OptionError>(!taken, "another process is training in ", folder.string(), "; wait for it or choose another --out");
  }
  ~Lock() {
    if (fd_ >= 0) ::close(fd_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int fd_;
};

Session::Session(const std::filesystem::path& folder, Task& task, bool resume) : folder_{folder}, task_(task) {
  require_no_other(folder, Trained::run);
  io::create_folders(folder / "weights");
  lock_ = std::make_unique<Lock>(folder);
  for (const char* sub : {"", "weights", "plots", "overlays"}) io::remove_leftovers(*sub ? folder / sub : folder);
  const std::optional<FoundCheckpoint> saved = find_checkpoint(folder_);
  require<OptionError>(resume || !saved, "the run folder ", folder.string(),
                       " holds a run already; choose another --out, or --resume auto to continue it");
  if (saved) task.restore(saved->file.metadata(), folder.string());
  const Metadata metadata = task.metadata();
  if (const auto config = metadata.find("config"); config != metadata.end())
    io::write_file_atomically(folder_.file("config.json"), config->second + "\n");
  if (!saved) {
    io::write_file_atomically(folder_.file("env.json"), json_object(environment()));
    return;
  }
  load(*saved);
  if (!saved->damage.empty()) damage_ = saved->damage + "; continuing from " + saved->file.path().string();
  resumed_ = true;
}

Session::~Session() = default;

void Session::load(const FoundCheckpoint& from) {
  for (const Component& c : task_.components()) {
    c.module->load_state(from.file.state(c.prefix));
    c.optimizer->load_state(from.file.optimizer_state(c.prefix));
  }
  state_ = run_state(from.file.metadata(), from.file.path().string());
  replace_last_ = state_.batch > 0 || !from.damage.empty();
}

void Session::reload() {
  const std::optional<FoundCheckpoint> saved = find_checkpoint(folder_);
  require<OptionError>(saved.has_value(), folder_.root.string(), " holds no checkpoint to go back to");
  load(*saved);
  replace_last_ = true;
}

void require_values(const Session& session, bool built_with_values) {
  require<IoError>(built_with_values || session.resumed(), session.folder().root.string(), ": its checkpoint has gone while it was opened");
}

void Session::save(const char* which) {
  io::Checkpoint c;
  for (const Component& component : task_.components()) {
    append(c.model, prefixed(component.prefix, component.module->state()));
    append(c.optimizer, prefixed(component.prefix, component.optimizer->state()));
  }
  c.metadata = task_.metadata();
  c.metadata["trainer"] = to_json(state_);
  // A checkpoint from the middle of an epoch, or a damaged one, is replaced, not kept as prev, so that an interrupted run ends with the
  // files of one that was not.
  const bool is_last = std::string(which) == "last";
  if (is_last && !replace_last_)
    io::save_checkpoint_rotating(folder_.weights("last"), folder_.weights("prev"), c);
  else
    io::save_checkpoint(folder_.weights(which), c);
  if (is_last) replace_last_ = state_.batch > 0;
}

std::string json_object(const std::vector<std::pair<std::string, std::string>>& items) {
  Json j = Json::object();
  for (const auto& [key, value] : items) j[key] = value;
  return j.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lamina::train
