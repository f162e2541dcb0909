// Whole-file reading, atomic replacement, checksums.
#include "lamina/io/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "lamina/core/text.hpp"

namespace lamina::io {
namespace {

namespace fs = std::filesystem;

constexpr const char *kTemporaryPrefix = ".lamina-", *kTemporarySuffix = ".tmp";

[[noreturn]] void fail(const char* action, const fs::path& path, int error) {
  const std::string text = message("cannot ", action, " ", path.string(), ": ", std::generic_category().message(error));
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) throw DiskFullError(text);
  throw IoError(text);
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, ::mode_t mode = 0) : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~Descriptor() { (void)close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int close() { return fd_ >= 0 ? ::close(std::exchange(fd_, -1)) : 0; }

 private:
  int fd_;
};

void write_all(int fd, std::span<const std::string_view> chunks, const fs::path& path) {
  for (std::string_view rest : chunks)
    while (!rest.empty()) {
      const ::ssize_t n = ::write(fd, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("write", path, errno);
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
}

/// A new file beside `target`, removed again unless it is renamed over the target.
class Replacement {
 public:
  explicit Replacement(const fs::path& target)
      : target_(target), path_(temporary_name_beside(target)), file_(path_, O_WRONLY | O_CREAT | O_EXCL, 0666) {
    if (!file_) fail("create a file beside", target, errno);
  }
  ~Replacement() {
    if (!renamed_) ::unlink(path_.c_str());
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  void write(std::span<const std::string_view> chunks) {
    write_all(file_.get(), chunks, target_);
    if (::fsync(file_.get()) != 0) fail("flush", target_, errno);
    if (file_.close() != 0) fail("close", target_, errno);
  }
  void rename() {
    if (::rename(path_.c_str(), target_.c_str()) != 0) fail("replace", target_, errno);
    renamed_ = true;
  }

 private:
  fs::path target_, path_;
  Descriptor file_;
  bool renamed_ = false;
};

}  // namespace

/// Short and independent of the target's name, which may already be as long as names can be.
fs::path temporary_name_beside(const fs::path& target) {
  static std::atomic<unsigned> counter{0};
  fs::path path;
  do path = target.parent_path() / message(kTemporaryPrefix, ::getpid(), "-", counter.fetch_add(1), kTemporarySuffix);
  while (fs::exists(fs::symlink_status(path)));
  return path;
}

void remove_leftovers(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kTemporaryPrefix) && name.ends_with(kTemporarySuffix)) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) fs::remove(path, ignored);
}

void append_to_file(const fs::path& path, std::string_view bytes) {
  Descriptor file(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (!file) fail("open", path, errno);
  write_all(file.get(), std::span(&bytes, 1), path);
  if (file.close() != 0) fail("close", path, errno);
}

namespace {
std::string read_all(const fs::path& path, std::uint64_t max_bytes, bool regular_only) {
  Descriptor file(path, O_RDONLY | (regular_only ? O_NONBLOCK : 0));  // opening a pipe waits for a writer
  struct ::stat info;
  if (!file || ::fstat(file.get(), &info) != 0) fail("open", path, errno);
  if (S_ISDIR(info.st_mode)) fail("read", path, EISDIR);
  require<IoError>(!regular_only || S_ISREG(info.st_mode), "cannot read ", path.string(), ": it is a pipe, device or socket, not a file");
  const auto too_large = [&](std::uint64_t size) {
    require<DataError>(size <= max_bytes, path.string(), ": the file has more than ", max_bytes, " bytes, the limit for its kind");
  };
  const auto expected = static_cast<std::uint64_t>(info.st_size);  // 0 for pipes and devices
  too_large(expected);
  std::string bytes(expected + 1, '\0');  // room to see the end without growing
  std::size_t have = 0;
  for (;;) {
    if (have == bytes.size()) bytes.resize(have + 65536);
    const ::ssize_t n = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read", path, errno);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
    too_large(have);
  }
  bytes.resize(have);
  return bytes;
}
}  // namespace

std::string read_file(const fs::path& path, std::uint64_t max_bytes) { return read_all(path, max_bytes, false); }
std::string read_regular_file(const fs::path& path, std::uint64_t max_bytes) { return read_all(path, max_bytes, true); }

std::string read_text(const fs::path& path, std::uint64_t max_bytes) {
  std::string bytes = read_regular_file(path, max_bytes);
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.erase(0, 3);
  const bool little = bytes.starts_with("\xff\xfe");
  if (!little && !bytes.starts_with("\xfe\xff")) {
    require<DataError>(bytes.find('\0') == std::string::npos, path.string(), ": the text holds zero bytes; save it as UTF-8");
    return bytes;
  }
  const auto unit = [&](std::size_t i) {
    const auto at = [&](std::size_t k) { return static_cast<char32_t>(static_cast<unsigned char>(bytes[k])); };
    return little ? at(i) | at(i + 1) << 8 : at(i) << 8 | at(i + 1);
  };
  std::string text;
  for (std::size_t i = 2; i + 1 < bytes.size(); i += 2) {
    char32_t c = unit(i);
    if (c >= 0xd800 && c < 0xdc00 && i + 3 < bytes.size()) c = 0x10000 + ((c - 0xd800) << 10) + (unit(i += 2) - 0xdc00);
    require<DataError>(c != 0, path.string(), ": the text holds zero characters; save it as UTF-8");
    append_utf8(text, c);
  }
  return text;
}

void write_file_atomically(const fs::path& path, std::span<const std::string_view> chunks) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status)) fail("write", path, EISDIR);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    const Descriptor device(path, O_WRONLY);
    if (!device) fail("open", path, errno);
    write_all(device.get(), chunks, path);
    return;
  }
  Replacement replacement(path);
  replacement.write(chunks);
  replacement.rename();
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const Descriptor directory(folder, O_RDONLY | O_DIRECTORY);
  if (!directory || ::fsync(directory.get()) != 0) fail("flush the folder of", path, errno);
}

void create_folders(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail("create the folder", path, error.value());
}

void require_writable_folder(const fs::path& folder) {
  fs::path there = fs::absolute(folder).lexically_normal();
  std::error_code none;
  while (!fs::exists(fs::symlink_status(there, none)) && there.has_relative_path()) there = there.parent_path();
  if (!fs::is_directory(there, none)) fail("write into", there, ENOTDIR);
  const fs::path probe = temporary_name_beside(there / "any");
  const Descriptor file(probe, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (!file) fail("write into", there, errno);
  ::unlink(probe.c_str());
}

void require_writable_file(const fs::path& file) {
  std::error_code none;
  if (fs::is_directory(file, none)) fail("write", file, EISDIR);
  require_writable_folder(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

/// SSE 4.2 has the instruction; every processor the library runs on (x86-64-v3) has SSE 4.2.
[[gnu::target("sse4.2")]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t previous) {
  std::uint64_t crc = ~previous;
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    crc = __builtin_ia32_crc32di(crc, word);
    bytes.remove_prefix(8);
  }
  auto tail = static_cast<std::uint32_t>(crc);
  for (const char c : bytes) tail = __builtin_ia32_crc32qi(tail, static_cast<unsigned char>(c));
  return ~tail;
}

}  // namespace lamina::io
