#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "lamina/core/tensor.hpp"

namespace lamina::io {

/// NumPy's .npy, version 1.0, little-endian, C order. bf16 has no NumPy type: it throws DataError.
std::string format_npy(const Tensor& tensor);
/// Writes atomically (see write_file_atomically).
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

/// Versions 1 to 3, both byte orders, C and Fortran order; bool, integers and floats, converted as by read_safetensors. Objects
/// (pickles), structures and strings are refused. Throws DataError naming `origin` and the rule.
Tensor parse_npy(std::string_view bytes, const std::string& origin);
Tensor read_npy(const std::filesystem::path& path);

}  // namespace lamina::io
