// Values that PyTorch computed: tests/golden/<name>.safetensors, written by the scripts beside them.
#pragma once
#include <string>

#include "lamina/io/safetensors.hpp"

namespace lamina::test {

inline io::TensorArchive golden(const std::string& name) {
  return io::read_safetensors(std::string(LAMINA_SOURCE_DIR) + "/tests/golden/" + name + ".safetensors");
}

}  // namespace lamina::test
