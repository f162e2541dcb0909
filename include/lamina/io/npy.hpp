#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/tensor.hpp"

namespace lamina::io {

/// NumPy's .npy, version 1.0, little-endian, C order. bf16 has no NumPy type: it throws DataError.
std::string format_npy(const Tensor& tensor);
/// Writes atomically (see write_file_atomically).
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

/// Versions 1 to 3, both byte orders, C and Fortran order; bool, integers and floats, converted as by read_safetensors. Objects
/// (pickles), structures and strings are refused. Throws DataError naming `origin` and the rule.
Tensor parse_npy(std::string_view bytes, const std::string& origin);

/// An array as it lies in its file; nothing is copied.
struct NpyArray {
  std::string type;  ///< NumPy's name of the elements, such as "u2"
  bool integers = false, is_signed = false, big_endian = false, fortran_order = false;
  std::size_t element_bytes = 1;
  std::vector<std::int64_t> shape;
  std::string_view data;

  /// Element `i` in the file's order; what is above 63 bits is the largest number.
  std::int64_t integer(std::size_t i) const;
};
/// Throws as parse_npy, before memory is taken for elements.
NpyArray parse_npy_array(std::string_view bytes, const std::string& origin);
Tensor read_npy(const std::filesystem::path& path);

}  // namespace lamina::io
