#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "lamina/core/error.hpp"

namespace lamina::io {

inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{16} << 30;

/// The whole content of a file. Throws IoError naming the path and the system's reason, DataError above `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = kMaxFileBytes);
/// The same of a regular file, or a link to one. Pipes, devices and folders are an IoError at once: reading them could never end.
std::string read_regular_file(const std::filesystem::path& path, std::uint64_t max_bytes = kMaxFileBytes);
/// The text of a regular file as UTF-8: a byte order mark is left out, UTF-16 with one (as PowerShell's > writes it) is converted. Throws
/// DataError too, on UTF-16 without a mark and other text with a zero byte.
std::string read_text(const std::filesystem::path& path, std::uint64_t max_bytes = kMaxFileBytes);

/// Replaces `path` by the concatenated chunks: readers, and a machine that loses power, see either the old file or the new one.
/// Protocol: a new file in the same folder, write, fsync, rename, fsync of the folder. After a failure the old file is intact and
/// the new one is gone. A device or pipe is written in place. Throws DiskFullError when there is no room, else IoError; both
/// name the path and the system's reason.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> chunks);
inline void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  write_file_atomically(path, std::span(&bytes, 1));
}

/// Adds `bytes` at the end of a file, which is made where there is none. For logs: a failure may leave a part. Throws as above.
void append_to_file(const std::filesystem::path& path, std::string_view bytes);
/// Removes what a write_file_atomically that was killed left in `folder`. Nothing else may be writing there.
void remove_leftovers(const std::filesystem::path& folder);
/// Where, beside `target`, a file that is about to replace it may be made; remove_leftovers knows the name.
std::filesystem::path temporary_name_beside(const std::filesystem::path& target);

/// Creates the folder and its parents. Throws IoError (DiskFullError when there is no room).
void create_folders(const std::filesystem::path& path);

/// Throws IoError (DiskFullError when there is no room) where a file at `file`, or files in `folder`, which need not be there yet, could
/// not be written: before work whose results go there. Leaves nothing behind.
void require_writable_file(const std::filesystem::path& file);
void require_writable_folder(const std::filesystem::path& folder);

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of `bytes`; pass the previous result to continue over more bytes.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t previous = 0);

}  // namespace lamina::io
