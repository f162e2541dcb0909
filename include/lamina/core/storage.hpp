#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "lamina/core/device.hpp"

namespace lamina {

namespace detail {
/// `count` rows of `bytes`, `pitch` bytes apart: what a tensor covers.
struct ByteRows {
  void* data;
  std::size_t bytes, count, pitch;
  bool packed() const { return pitch == bytes; }
  bool operator==(const ByteRows&) const = default;
};
/// Whether they share a byte: exactly, unless both have gaps and their pitches differ, when lying within each other counts.
bool overlap(const ByteRows& a, const ByteRows& b);
}  // namespace detail

/// Bytes held by the process-wide caching allocators of one device. `reserved` stays within three times the most that was ever in use
/// (since the last release_cached_memory): before more is taken from the system, the blocks go back that were unused the longest.
struct MemoryStats {
  std::size_t in_use = 0;    ///< handed out
  std::size_t peak = 0;      ///< the most that was handed out since the start or the last reset_peak_memory()
  std::size_t reserved = 0;  ///< handed out or cached for reuse
};

/// A reference-counted block of memory on one device, which knows what was written in place: a backward must not read what changed since
/// the forward. Versions come from one counter of the process, so that no two storages and no two writes share one.
class Storage {
 public:
  Storage() = default;
  /// `bytes` from the device's caching allocator, 64-byte aligned; on the meta device they are only counted. Throws MemoryError naming the
  /// bytes, DeviceError.
  static Storage allocate(std::size_t bytes, Device device);
  /// Wraps memory that somebody else owns; `release` (may be empty) runs when the last reference goes.
  static Storage wrap(void* data, std::size_t bytes, Device device, std::function<void(void*)> release);

  void* data() const;
  std::size_t bytes() const;
  /// True when no other Storage shares the memory.
  bool unique() const { return block_.use_count() == 1; }
  /// False for memory that was wrapped without a `release`: its owner may free it at any time.
  bool owned() const;
  bool same_as(const Storage& o) const { return block_ == o.block_; }

  /// The version of the last noted write, or of the creation.
  std::uint64_t version() const;
  /// Notes that these rows of it were written in place.
  void note_write(const detail::ByteRows& rows) const;
  /// Were any of these rows written, or was the storage made, after that version?
  bool written_since(std::uint64_t version, const detail::ByteRows& rows) const;

 private:
  struct Block;
  std::shared_ptr<Block> block_;
};

/// Of the meta device: what the CPU's would say had the tensors been there (without the scratch memory of kernels), so that the peak of a
/// meta forward and backward is what a step will need.
MemoryStats memory_stats(Device device = kCpu);
void reset_peak_memory(Device device = kCpu);
/// Gives cached, unused blocks back to the system.
void release_cached_memory(Device device = kCpu);
/// Makes the device's allocator hold no more than `bytes` (0: no limit) and fail where more would be in use. For tests and shared hosts.
void set_memory_limit(std::size_t bytes, Device device = kCpu);
/// Fills what the allocators hand out with bytes 0xFF, NaN in every floating-point type, so that tests see elements nobody wrote.
void set_memory_poison(bool on);

}  // namespace lamina
