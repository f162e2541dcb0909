#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/tensor.hpp"

namespace lamina::io {

using Metadata = std::map<std::string, std::string, std::less<>>;

/// The most bytes of a header, when reading and when writing: room for the confusion matrices of thousands of epochs. (Other readers stop
/// at 100 MB.)
inline constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{1} << 30;

/// Named tensors and string metadata: what one .safetensors file holds.
struct TensorArchive {
  std::map<std::string, Tensor, std::less<>> tensors = {};
  Metadata metadata = {};

  bool contains(std::string_view name) const { return tensors.find(name) != tensors.end(); }
  /// Throws DataError when there is no tensor, or no metadata, of that name.
  const Tensor& at(std::string_view name) const;
  const std::string& metadata_at(std::string_view name) const;
};

/// The file's bytes: a pure function of the archive. Tensors stand in descending dtype order (widest first), then by name, as the
/// format's reference writer orders them. Metadata gains `format` ("pt", which other tools ask for), `writer` ("lamina") and
/// `crc32c`: the checksum, in eight hexadecimal digits, of the whole file with those digits as zeros.
/// Throws DataError when a name or a metadata string is not UTF-8 or the header has more than `max_header` bytes, DeviceError for tensors
/// that are not on the CPU.
std::string format_safetensors(const TensorArchive& archive, std::uint64_t max_header = kMaxHeaderBytes);
/// Writes atomically (see write_file_atomically).
void write_safetensors(const std::filesystem::path& path, const TensorArchive& archive);

/// Reads the dtypes BOOL U8 (to u8), I8 I16 U16 I32 (to i32), U32 I64 U64 (to i64), F16 F32 (to f32), BF16 and F64; other dtypes
/// are refused by name. Everything in the header is checked: its size, JSON, duplicate keys, field types, offsets that leave a
/// hole, overlap or pass the end, sizes that do not match the shape, and `crc32c` when present (it must be when `writer` is
/// "lamina"; it is left out of the result's metadata). Throws DataError naming `origin`, the tensor and the rule.
TensorArchive parse_safetensors(std::string_view bytes, const std::string& origin, std::uint64_t max_header = kMaxHeaderBytes);
TensorArchive read_safetensors(const std::filesystem::path& path);

/// A tensor of a file, as it will be read.
struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
};

/// A file whose header has been read and checked, and whose tensors are read one by one: nothing is allocated for those that nobody wants.
class SafetensorsFile {
 public:
  /// Throws as read_safetensors.
  explicit SafetensorsFile(const std::filesystem::path& path);
  /// The bytes of a file, which are copied; errors name `origin`.
  SafetensorsFile(std::string bytes, const std::string& origin);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;

  const Metadata& metadata() const;
  const std::vector<TensorInfo>& tensors() const;
  /// The tensor of tensors()[index]. Throws DataError on a value outside its type.
  Tensor read(std::size_t index) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lamina::io
