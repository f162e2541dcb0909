#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "lamina/io/checkpoint.hpp"
#include "lamina/models/registry.hpp"

namespace lamina::io {

/// A checkpoint as the network it holds: the one way from a file to a network and back, for evaluation, prediction, reports and programs
/// that embed them. Opening reads the header and what it says; tensors are read when the network is asked for.
///
/// Training builds its network from its settings and fills it: what it begins with may have other names and lack tensors
/// (io/pretrained.hpp); what it goes on with has optimisers and the run's state beside the network, which train::Session keeps. Both lie
/// in the same files: a task's metadata makes each checkpoint of a session a model file.
class ModelFile {
 public:
  /// Throws IoError, DataError naming the file and the broken rule.
  explicit ModelFile(const std::filesystem::path& path) : path_(path), file_(path) {}
  /// The bytes of a file; errors name `origin`.
  ModelFile(std::string bytes, const std::string& origin) : path_(origin), file_(std::move(bytes), origin) {}

  const std::filesystem::path& path() const { return path_; }
  const Metadata& metadata() const { return file_.metadata(); }
  /// The network that "model" of the metadata names; of a run with several, the one that "component" names. Throws DataError when there is
  /// none.
  models::ModelConfig model() const;
  /// The network without values or memory, compared with the names, shapes and dtypes in the header. Throws DataError naming the file:
  /// what does not fit, a model that nobody knows.
  std::unique_ptr<models::Network> blank() const;
  /// The network with its values, in evaluation mode, in f32 on the CPU. It begins as blank(): nothing is allocated that the file does not
  /// hold, and no initial values are computed. Throws as blank().
  std::unique_ptr<models::Network> network() const;

 private:
  std::unique_ptr<models::Network> network(bool filled) const;

  std::filesystem::path path_;
  SafetensorsFile file_;
};

/// Writes a network, of that configuration, so that ModelFile reads it; atomic. Throws as save_checkpoint.
void save_model(const std::filesystem::path& path, const models::Network& network, const models::ModelConfig& config,
                Metadata metadata = {});

}  // namespace lamina::io
