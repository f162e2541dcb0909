// Caching allocator: freed blocks are kept by size and handed out again, so that a training step allocates nothing new.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "lamina/core/impl/cuda.hpp"
#include "lamina/core/storage.hpp"

namespace lamina {
namespace {

std::atomic<bool> poison{false};

class CachingAllocator {
 public:
  explicit CachingAllocator(Device device) : device_(device) {}
  void* allocate(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    const std::size_t size = rounded(bytes);
    if (limit_ && stats_.in_use + size > limit_) fail(bytes);
    // A cached block up to an eighth larger than asked for is close enough.
    if (auto it = free_.lower_bound(size); it != free_.end() && it->first <= size + size / 8) {
      void* p = it->second;
      const std::size_t got = it->first;
      free_.erase(it);
      return hand_out(p, got);
    }
    void* p = system_allocate(size);
    if (!p && !free_.empty()) {
      release_locked();
      p = system_allocate(size);
    }
    if (!p) fail(bytes);
    stats_.reserved += size;
    return hand_out(p, size);
  }

  void free(void* p) {
    std::lock_guard lock(mutex_);
    auto it = used_.find(p);
    stats_.in_use -= it->second;
    free_.emplace(it->second, p);
    used_.erase(it);
  }

  MemoryStats stats() {
    std::lock_guard lock(mutex_);
    return stats_;
  }
  void reset_peak() {
    std::lock_guard lock(mutex_);
    stats_.peak = stats_.in_use;
  }
  void release() {
    std::lock_guard lock(mutex_);
    release_locked();
  }
  void limit(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    limit_ = bytes;
  }

 private:
  void* system_allocate(std::size_t bytes) {
    if (device_.is_meta()) return reinterpret_cast<void*>(meta_address_ += 64);  // tells blocks apart; nobody follows it
    return device_.is_cpu() ? std::aligned_alloc(64, bytes) : detail::cuda_allocate(device_.index, bytes);
  }
  void system_free(void* p) const {
    if (!device_.is_meta()) device_.is_cpu() ? std::free(p) : detail::cuda_free(device_.index, p);
  }
  static std::size_t rounded(std::size_t bytes) {
    const std::size_t unit = bytes < (std::size_t{1} << 20) ? 512 : std::size_t{1} << 16;
    return bytes == 0 ? unit : (bytes + unit - 1) / unit * unit;
  }
  void* hand_out(void* p, std::size_t size) {
    if (poison.load(std::memory_order_relaxed) && !device_.is_meta())
      device_.is_cpu() ? static_cast<void>(std::memset(p, 0xFF, size)) : detail::cuda_set_bytes(device_.index, p, 0xFF, size);
    used_.emplace(p, size);
    stats_.in_use += size;
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    return p;
  }
  void release_locked() {
    for (auto& [size, p] : free_) {
      system_free(p);
      stats_.reserved -= size;
    }
    free_.clear();
  }
  [[noreturn]] void fail(std::size_t bytes) const {
    throw MemoryError(message("out of memory on ", device_, ": asked for ", bytes, " bytes with ", stats_.in_use, " in use",
                              limit_ ? message(" and a limit of ", limit_) : std::string()));
  }

  const Device device_;
  std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  std::map<void*, std::size_t> used_;
  MemoryStats stats_;
  std::size_t limit_ = 0;
  std::uintptr_t meta_address_ = 0;
};

/// Never destroyed, so that tensors with static storage duration can outlive it. All work on a CUDA device is in the order of its one
/// stream, so a block may be handed out again while the device still works on its last use.
CachingAllocator& allocator(Device device) {
  static CachingAllocator& cpu = *new CachingAllocator(kCpu);
  static CachingAllocator& meta = *new CachingAllocator(kMeta);
  if (!device.is_cuda()) return device.is_cpu() ? cpu : meta;
  static auto& of_device = *new std::map<int, CachingAllocator>;
  static auto& mutex = *new std::mutex;
  (void)current_cuda(device.index);
  const std::lock_guard lock(mutex);
  return of_device.try_emplace(device.index, device).first->second;
}

}  // namespace

Storage::Block::~Block() {
  if (release) release(data);
}

Storage Storage::allocate(std::size_t bytes, Device device) {
  CachingAllocator& source = allocator(device);
  void* p = source.allocate(bytes);
  return wrap(p, bytes, device, [&source](void* q) { source.free(q); });
}

Storage Storage::wrap(void* data, std::size_t bytes, Device device, std::function<void(void*)> release) {
  Storage s;
  s.block_ = std::make_shared<Block>();
  s.block_->data = data;
  s.block_->bytes = bytes;
  s.block_->device = device;
  s.block_->release = std::move(release);
  return s;
}

MemoryStats memory_stats(Device device) { return allocator(device).stats(); }
void reset_peak_memory(Device device) { allocator(device).reset_peak(); }
void release_cached_memory(Device device) { allocator(device).release(); }
void set_memory_limit(std::size_t bytes, Device device) { allocator(device).limit(bytes); }
void set_memory_poison(bool on) { poison = on; }

/// Stands before the memory on the host, apart from it on a device. It knows the device's allocator: the destructor must not ask the
/// device, which may have failed.
struct Workspace::Block {
  Block* next;
  CachingAllocator* device;  // null: on the host
  void* device_memory;
};

void* Workspace::allocate(std::size_t bytes) {
  constexpr std::size_t kHeader = 64;
  try {
    CachingAllocator* device = cuda_index_ < 0 ? nullptr : &allocator({Device::Type::cuda, cuda_index_});
    auto* block = static_cast<Block*>(allocator(kCpu).allocate(device ? kHeader : bytes + kHeader));
    *block = {blocks_, nullptr, nullptr};
    blocks_ = block;  // released from here on, whatever happens
    if (!device) return reinterpret_cast<char*>(block) + kHeader;
    block->device_memory = device->allocate(bytes);
    block->device = device;
    return block->device_memory;
  } catch (const MemoryError& e) {
    throw MemoryError(message(e.what(), ", for the scratch memory of a kernel"));
  }
}

Workspace::~Workspace() {
  while (blocks_) {
    const Block block = *blocks_;
    if (block.device) block.device->free(block.device_memory);
    allocator(kCpu).free(blocks_);
    blocks_ = block.next;
  }
}

}  // namespace lamina
