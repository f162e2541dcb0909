// Values that PyTorch computed: tests/golden/<name>.safetensors, written by the scripts beside them.
#pragma once
#include <string>
#include <vector>

#include "lamina/io/safetensors.hpp"
#include "support/op_check.hpp"

namespace lamina::test {

inline io::TensorArchive golden_archive(const std::string& name) {
  return io::read_safetensors(std::string(LAMINA_SOURCE_DIR) + "/tests/golden/" + name + ".safetensors");
}

/// A case written by tests/golden/writer.py: `f` of the named inputs against NAME.y, and the gradients of those in f64, under the
/// cotangent NAME.dy, against NAME.dINPUT. Inputs that the case lacks are passed undefined.
inline void check_golden(const io::TensorArchive& file, const std::string& name, std::initializer_list<const char*> input_names,
                         const std::function<Tensor(const std::vector<Tensor>&)>& f, double tolerance = 1e-13) {
  CAPTURE(name);
  std::vector<Tensor> inputs;
  for (const char* input : input_names) {
    const std::string key = name + "." + input;
    Tensor t = file.contains(key) ? file.at(key).clone() : Tensor{};
    if (t && t.dtype() == DType::f64) t.set_requires_grad();
    inputs.push_back(t);
  }
  const Tensor y = f(inputs);
  CHECK(relative_error(y, file.at(name + ".y")) <= tolerance);
  y.backward(file.at(name + ".dy"));
  std::size_t i = 0;
  for (const char* input : input_names) {
    CAPTURE(input);
    const Tensor& t = inputs[i++];
    if (!t.requires_grad()) continue;
    REQUIRE(t.grad());
    CHECK(relative_error(t.grad(), file.at(name + ".d" + input)) <= tolerance);
  }
}

}  // namespace lamina::test
