#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "lamina/core/tensor.hpp"

namespace lamina::io {

/// Named tensors and string metadata: what one .safetensors file holds.
struct TensorArchive {
  std::map<std::string, Tensor, std::less<>> tensors;
  std::map<std::string, std::string, std::less<>> metadata;

  bool contains(std::string_view name) const { return tensors.find(name) != tensors.end(); }
  /// Throws DataError when there is no tensor, or no metadata, of that name.
  const Tensor& at(std::string_view name) const;
  const std::string& metadata_at(std::string_view name) const;
};

/// The file's bytes: a pure function of the archive. Tensors stand in descending dtype order (widest first), then by name, as the
/// format's reference writer orders them. Metadata gains `format` ("pt", which other tools ask for), `writer` ("lamina") and
/// `crc32c`: the checksum, in eight hexadecimal digits, of the whole file with those digits as zeros.
/// Throws DataError when a name or a metadata string is not UTF-8, DeviceError for tensors that are not on the CPU.
std::string format_safetensors(const TensorArchive& archive);
/// Writes atomically (see write_file_atomically).
void write_safetensors(const std::filesystem::path& path, const TensorArchive& archive);

/// Reads the dtypes BOOL U8 (to u8), I8 I16 U16 I32 (to i32), U32 I64 U64 (to i64), F16 F32 (to f32), BF16 and F64; other dtypes
/// are refused by name. Everything in the header is checked: its size, JSON, duplicate keys, field types, offsets that leave a
/// hole, overlap or pass the end, sizes that do not match the shape, and `crc32c` when present (it must be when `writer` is
/// "lamina"; it is left out of the result's metadata). Throws DataError naming `origin`, the tensor and the rule.
TensorArchive parse_safetensors(std::string_view bytes, const std::string& origin);
TensorArchive read_safetensors(const std::filesystem::path& path);

}  // namespace lamina::io
