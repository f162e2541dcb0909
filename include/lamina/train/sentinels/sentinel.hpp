#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lamina/core/settings.hpp"
#include "lamina/train/events.hpp"

namespace lamina::train {

/// What a sentinel says of a run.
struct Alarm {
  std::string rule{};
  int epoch = 0;
  std::string seen = {}, cause = {};  ///< clauses, without a capital or a full stop
  std::string next = {};              ///< to be typed: a command, or options of the run's own that begin with "--"
  bool too_fast = false;              ///< a lower learning rate, from a checkpoint of before, is the cure
  std::string otherwise{};            ///< options for runs whose settings do not go with those
  /// "epoch 7: SEEN. Likely cause: CAUSE. Next: NEXT".
  std::string text() const;
};

/// The epochs so far, the newest last.
using Records = std::span<const EpochRecord>;

/// A rule: what it says of the newest epoch, whose number it need not fill in, nor its name; nothing, if all is well.
struct Sentinel {
  const char* name = "";
  std::function<std::optional<Alarm>(Records)> look = {};
};

/// What sentinels say of the newest epoch; with `news`, only those that had nothing to say of the one before.
std::vector<Alarm> alarms(const std::vector<Sentinel>& sentinels, Records history, bool news = true);

/// Rules about any network in training, from EpochRecord::signals. `lr`: the run's highest learning rate.
std::vector<Sentinel> network_sentinels(double lr);

/// What is advised where steps are too long: a tenth of the learning rate; of one above 1, with which no usual network learns, 1e-3.
inline double slower_than(double lr) { return lr > 1 ? 1e-3 : 0.1 * lr; }

/// What is done about alarms.
enum class SentinelPolicy {
  off,     ///< nobody watches
  warn,    ///< they are said
  stop,    ///< and end the run, with everything saved
  reload,  ///< and where they are too_fast, the run goes on from its last checkpoint at a tenth of the learning rate, kMostReloads times
};
inline constexpr int kMostReloads = 3;
/// Throws OptionError.
SentinelPolicy sentinel_policy_named(const std::string& name);
inline constexpr Choice kSentinelChoices[] = {
    {"warn", "are told in the log, alarms.jsonl and the report"},
    {"stop", "also end the run, with exit code 7"},
    {"reload", "begin again from the last checkpoint at a tenth of the learning rate where that is the cure, 3 times at most"},
    {"off", "nobody looks"}};

}  // namespace lamina::train
