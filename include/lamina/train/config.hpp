#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lamina/models/registry.hpp"
#include "lamina/optim/schedule.hpp"

namespace lamina::train {

/// Every setting of a run, by the names of the command line. Everything that changes the result is here; a checkpoint stores it as JSON.
struct TrainConfig {
  std::string data;  ///< folder of the data set
  std::string images = "images", masks = "masks";
  std::string model = "unet", preset = "bn";
  int base = 0, depth = 0;  ///< 0: the preset's
  std::string init;         ///< empty: the preset's
  int width = 256, height = 256;
  std::string resize = "stretch";  ///< stretch | crop | pad
  std::string augment = "hflip";
  std::string loss = "ce+dice";  ///< terms ce and dice with optional factors: "0.5*ce+dice"
  std::string class_weights = "none";
  std::string optimizer = "adam";  ///< adam | adamw | sgd
  double lr = 1e-3;
  double weight_decay = 0, momentum = 0.9, clip_norm = 0, clip_value = 0;
  std::string schedule = "onecycle";
  int epochs = 40;
  std::int64_t steps = 0;  ///< 0: from epochs
  int batch = 4;
  std::uint64_t seed = 0;
  int ignore = -1;    ///< -1: the data set's
  int val_every = 1;  ///< epochs between validations; the last epoch is always validated
  std::string device = "cpu";
  std::string precision = "f32";  ///< f32 | bf16 (CUDA): what kernels and activations are stored as; sums, norms and updates stay f32

  // Not part of the result.
  int threads = 0;  ///< 0: one a hardware thread
  std::string out;  ///< run folder
};

/// The settings that the result depends on, as ordered JSON text.
std::string to_json(const TrainConfig& config);
/// Throws DataError on text that is no config.
TrainConfig config_from_json(const std::string& json);
/// "lr: 0.002 here, 0.001 there; ..." for settings that differ; empty when none does.
std::string differences(const TrainConfig& a, const TrainConfig& b);

/// The config with base and depth of the preset filled in, so that what is printed and saved is what runs. Throws OptionError.
TrainConfig resolved(TrainConfig config);

/// The dtype that --precision names. Throws OptionError.
DType parse_precision(const std::string& name);

/// The network that the settings name.
models::ModelConfig model_config(const TrainConfig& config, int classes);

/// One field of TrainConfig by its command-line name, for printing and JSON.
struct Setting {
  std::string name, value;
};
std::vector<Setting> settings(const TrainConfig& config);

/// Factors of the loss terms.
struct LossTerms {
  double ce = 0, dice = 0;
};
/// Parses "ce+dice", "0.5*ce+2*dice", "dice". Throws OptionError naming the term and the nearest known one.
LossTerms parse_loss(const std::string& expression);

}  // namespace lamina::train
