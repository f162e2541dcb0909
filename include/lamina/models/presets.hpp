#pragma once
#include <memory>
#include <optional>
#include <string>

#include "lamina/models/unet.hpp"

namespace lamina::models {

/// Names a network; what a checkpoint stores to rebuild it.
struct ModelConfig {
  std::string model = "unet";
  std::string preset = "bn";
  int in_channels = 0, classes = 0;  ///< 0: those of the preset's source
  int base = 0, depth = 0;           ///< 0: the preset's
  std::string init;                  ///< empty: the preset's; see nn::Init
};

/// JSON text for checkpoints, and back; throws DataError.
std::string to_json(const ModelConfig& config);
ModelConfig model_config_from_json(const std::string& text);

/// The options of the U-Net that is named; none for preset smp, whose network is fixed. Throws OptionError: an unknown model, preset or
/// initialiser (with the nearest name), an option outside its range or one that the preset fixes.
std::optional<UNetOptions> unet_options(const ModelConfig& config);
/// Builds the network. Throws as unet_options.
std::unique_ptr<Network> build_segmenter(const ModelConfig& config, std::uint64_t seed);

/// What running the network on one image costs.
struct ModelCost {
  std::int64_t parameters = 0;  ///< as the preset's home counts them: Keras (keras*, retina*) adds the running statistics, PyTorch does not
  std::int64_t trainable = 0;
  std::int64_t macs = 0;  ///< multiply-adds of convolutions, one forward pass
  int layers = 0;         ///< convolutions
};
/// Builds the network, runs one forward pass at the given size and counts. Throws ShapeError when the size is too small.
ModelCost model_cost(const ModelConfig& config, int height, int width);

}  // namespace lamina::models
