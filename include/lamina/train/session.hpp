#pragma once
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lamina/io/model_file.hpp"
#include "lamina/optim/schedule.hpp"
#include "lamina/train/sinks/sink.hpp"
#include "lamina/train/task.hpp"

namespace lamina::train {

/// Where a run keeps its files.
struct RunFolder {
  std::filesystem::path root;
  std::filesystem::path file(const std::string& name) const { return root / name; }
  std::filesystem::path weights(const std::string& which) const { return root / "weights" / (which + ".safetensors"); }
};

/// Where training stands; with the components' weights and optimisers it is all that a resumed run needs.
struct RunState {
  int epoch = 0;           ///< finished
  std::int64_t batch = 0;  ///< finished in the epoch after that
  std::int64_t step = 0;   ///< updates made
  Scalars sums{};          ///< over the images of the unfinished epoch
  std::int64_t images = 0;
  Scalars signals{};                                             ///< Watch's sums of the unfinished epoch
  double best_score = std::numeric_limits<double>::quiet_NaN();  ///< NaN: no validation had one
  int best_epoch = 0;
  optim::Schedule::State schedule{};
  std::vector<EpochRecord> history{};
  int reloads = 0;  ///< how often sentinels took it back to a checkpoint; each makes the learning rate a tenth
};

std::string to_json(const RunState& state);
/// Also reads version 1, which had the numbers of one loss in fixed fields. Throws DataError.
RunState run_state_from_json(const std::string& text);
/// The state in a checkpoint's metadata. Throws DataError when it was not written by a training run.
RunState run_state(const io::Metadata& metadata, const std::string& origin);

/// The checkpoint to continue from: last, or prev when last is missing or damaged.
struct FoundCheckpoint {
  io::ModelFile file;
  std::string damage;  ///< what is wrong with last; empty: nothing
};
/// Whether there is one, damaged or not.
bool holds_checkpoint(const RunFolder& folder);
/// None: an empty optional. Throws DataError when there are checkpoints and all are damaged.
std::optional<FoundCheckpoint> find_checkpoint(const RunFolder& folder);

/// What trains into a folder.
enum class Trained { run, folds, study };
/// Throws OptionError where the folder holds what another kind of them wrote.
void require_no_other(const std::filesystem::path& out, Trained own);

/// A run folder that this process trains in: its lock, its state, its checkpoints weights/{best,last,prev}.safetensors. It knows neither
/// networks nor losses: a task's components, with their optimisers, and its metadata are all that it stores and gives back.
class Session {
 public:
  /// Opens or makes the folder and continues from its checkpoint, if it has one. Throws OptionError (another process trains there; there
  /// is a run and not `resume`), what Task::restore throws, DataError, IoError.
  Session(const std::filesystem::path& folder, Task& task, bool resume);
  ~Session();

  const RunFolder& folder() const { return folder_; }
  RunState& state() { return state_; }
  /// What to say about it: damage, where it goes on; empty at the start of a run.
  const std::string& damage() const { return damage_; }
  bool resumed() const { return resumed_; }
  /// Goes back to weights/last: components and state become as they are there. Throws as find_checkpoint; OptionError without one.
  void reload();
  /// Writes weights/best, weights/last or another; of the ends of epochs the last but one is kept as weights/prev.
  void save(const char* which);

 private:
  class Lock;
  void load(const FoundCheckpoint& from);
  RunFolder folder_;
  Task& task_;
  std::unique_ptr<Lock> lock_;
  RunState state_;
  std::string damage_;
  bool resumed_ = false, replace_last_ = false;
};

/// Throws IoError where a task that was built without values has met no checkpoint to give them.
void require_values(const Session& session, bool built_with_values);

/// "key": "value" lines as a JSON object.
std::string json_object(const std::vector<std::pair<std::string, std::string>>& items);
/// The machine and build of a run: what doctor prints and the report shows.
std::vector<std::pair<std::string, std::string>> environment();

}  // namespace lamina::train
