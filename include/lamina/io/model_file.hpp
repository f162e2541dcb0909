#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/io/checkpoint.hpp"
#include "lamina/models/registry.hpp"

namespace lamina::io {

/// A file of weights as the networks it holds: the one way from a file to a network and back, for training, evaluation, prediction, reports
/// and programs that embed them. Opening reads the header and what it says; tensors are read when they are asked for.
///
/// A file that Lamina wrote names its network, which network() makes. Training has a network of its settings already: io::load_pretrained
/// gives it what fits of any file, and train::Session gives its components what state() and optimizer_state() have of a checkpoint.
/// save_model is the way back, and io::save_checkpoint that of what a run has besides. A failed step (train/sentinels/failed_step.hpp) is
/// no such file: it keeps numbers that are not finite, as they lay in memory.
class ModelFile {
 public:
  /// Throws IoError, DataError naming the file and the broken rule.
  explicit ModelFile(const std::filesystem::path& path) : path_(path), file_(path) {}
  /// The bytes of a file; errors name `origin`.
  ModelFile(std::string bytes, const std::string& origin) : path_(origin), file_(std::move(bytes), origin) {}

  const std::filesystem::path& path() const { return path_; }
  const Metadata& metadata() const { return file_.metadata(); }
  const SafetensorsFile& file() const { return file_; }
  /// The network that "model" of the metadata names; of a run with several, the one that "component" names. Throws DataError when there is
  /// none.
  models::ModelConfig model() const;
  /// The network without values or memory, compared with the names, shapes and dtypes in the header. Throws DataError naming the file:
  /// what does not fit, a model that nobody knows.
  std::unique_ptr<models::Network> blank() const;
  /// The network with its values, in evaluation mode, in f32 on the CPU. It begins as blank(): nothing is allocated that the file does not
  /// hold, and no initial values are computed. Throws as blank().
  std::unique_ptr<models::Network> network() const;
  /// What a module, or its optimiser, had when the file was written, as they call it; of a file that holds several, the one called
  /// `component`.
  std::vector<nn::NamedTensor> state(const std::string& component = "") const { return read({}, component); }
  std::vector<nn::NamedTensor> optimizer_state(const std::string& component = "") const;

 private:
  std::unique_ptr<models::Network> network(bool filled) const;
  std::vector<nn::NamedTensor> read(std::string_view kind, const std::string& component, bool values = true) const;

  std::filesystem::path path_;
  SafetensorsFile file_;
};

/// Writes a network, of that configuration, so that ModelFile reads it; atomic. Throws as save_checkpoint; OptionError when the
/// configuration is not that of the network.
void save_model(const std::filesystem::path& path, const models::Network& network, const models::ModelConfig& config,
                Metadata metadata = {});

}  // namespace lamina::io
