#pragma once
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "lamina/train/trainer.hpp"
#include "support/runs.hpp"

namespace lamina::test {

/// A tiny run: three batches an epoch.
inline train::TrainConfig small(const std::filesystem::path& data, const std::filesystem::path& out) {
  return {.data = data.string(),
          .base = 2,
          .depth = 2,
          .width = 32,
          .height = 32,
          .augment = "hflip,rotate=10",
          .lr = 1e-2,
          .epochs = 3,
          .batch = 2,
          .out = out.string()};
}

struct Run {
  train::Outcome outcome{};
  std::vector<std::string> messages, warnings;
  std::vector<train::EpochRecord> epochs;
};

struct Crash {};

/// Trains; `stop_at` asks for an end after that update of the whole run, `crash_at` drops everything there as a killed process does.
inline Run run(train::TrainConfig config, std::optional<std::int64_t> stop_at = {}, std::optional<std::int64_t> crash_at = {},
               bool resume = true) {
  config = train::resolved(config);
  const data::Dataset dataset = data::open_dataset(config.data, {.seed = config.seed});
  std::atomic<bool> stop{false};
  Run result;
  train::TrainEvents events;
  events.step = [&](const train::StepEvent& e) {
    const std::int64_t step = (e.epoch - 1) * e.batches + e.batch;
    if (stop_at == step) stop = true;
    if (crash_at == step) throw Crash{};
  };
  events.epoch = [&](const train::EpochRecord& r) { result.epochs.push_back(r); };
  events.message = [&](const std::string& m) { result.messages.push_back(m); };
  events.warning = [&](const std::string& m) { result.warnings.push_back(m); };
  result.outcome = train::train(config, dataset, resume, events, &stop);
  return result;
}

inline bool mentions(const std::vector<std::string>& texts, const std::string& word) {
  return std::any_of(texts.begin(), texts.end(), [&](const std::string& t) { return t.find(word) != std::string::npos; });
}

}  // namespace lamina::test
