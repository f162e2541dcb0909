#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "lamina/io/safetensors.hpp"
#include "lamina/models/registry.hpp"

namespace lamina::io {

/// How the tensors of a file meet those of a network, by the network's names.
struct WeightMatch {
  std::vector<std::string> loaded;
  std::vector<std::string> missing;     ///< the network's that stay as they are
  std::vector<std::string> unexpected;  ///< the file's that the network has no place for
  bool torchvision = false;             ///< the file's names are those of torchvision's ResNets, which segmentation_models.pytorch has, too
  /// Three lines: how many of each, and the first few of those that were not loaded.
  std::vector<std::string> lines() const;
};

struct PretrainedOptions {
  bool last_layer =
      true;             ///< false: the layers of the outputs keep their initial values (transfer). One of another shape does in any case.
  bool whole = false;   ///< nothing may be missing but the layers of the outputs
  bool strict = false;  ///< nothing may be missing or unexpected
};

/// Loads the weights of a run folder or a .safetensors file into a network; one of models::build_meta takes what is missing from
/// nn::Module::initialise. The file may be that of another network: one of a checkpoint's components, its
/// generator say; names as PyTorch has them, also those of a backbone alone (torchvision's resnet50, with or without fc), which are looked
/// for below "backbone" and "encoder"; without "module." that DataParallel puts before them; names and layouts of TensorFlow's
/// resnet_v1_50_beta, alone or below research/deeplab, for DeepLabV3+ as TensorFlow has it. Throws IoError; DataError naming the file: no
/// tensor fits; one of another shape, beside the last layers'; one that is no floating-point number where a weight is one; a number that is
/// not finite.
WeightMatch load_pretrained(models::Network& network, const std::filesystem::path& file, const PretrainedOptions& options = {});

/// A preset, and how many of a file's tensors have the names of its network's `of` ones, and how many of these their shapes.
struct PresetMatch {
  models::ModelConfig model;
  std::size_t names = 0, shapes = 0, of = 0;
};
/// What a file may be that does not say it: the presets with most of its names, then shapes; none: no preset has any.
std::vector<PresetMatch> presets_like(const SafetensorsFile& file);

}  // namespace lamina::io
