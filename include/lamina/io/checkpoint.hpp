#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "lamina/io/safetensors.hpp"
#include "lamina/nn/module.hpp"

namespace lamina::io {

/// What a checkpoint file holds. In the file images are channels-first, as PyTorch has them: every rank-4 tensor (a, h, w, b) is stored as
/// (a, b, h, w), which turns conv weights (Cout, Kh, Kw, Cin) into OIHW and transposed-conv weights likewise. Model tensors keep
/// their names, so that other tools load them; optimiser tensors are called "optimizer.<name>".
struct Checkpoint {
  std::vector<nn::NamedTensor> model = {};
  std::vector<nn::NamedTensor> optimizer = {};
  Metadata metadata = {};  ///< "config" and "trainer" are JSON
};

/// Atomic; byte-identical for identical content. Throws IoError (DiskFullError), and NumericError rather than save a weight that is
/// not finite.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
/// The same, keeping what was in `path` as `previous`: at every moment one of the two is a complete checkpoint.
void save_checkpoint_rotating(const std::filesystem::path& path, const std::filesystem::path& previous, const Checkpoint& checkpoint);
/// Throws IoError, DataError naming the file and the broken rule.
Checkpoint load_checkpoint(const std::filesystem::path& path);

/// The checkpoint `which` (best, last, prev) of the run folder `run`; a .safetensors file is itself. Throws DataError that says which
/// checkpoints there are.
std::filesystem::path find_weights(const std::filesystem::path& run, const std::string& which = "best");
/// The same of a run that may not have come to its first validation: best, else last.
std::filesystem::path find_best_or_last(const std::filesystem::path& run);

}  // namespace lamina::io
