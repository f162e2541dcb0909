// Caching allocator: freed blocks are kept by size and handed out again, so that a training step allocates nothing new.
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>

#include "lamina/core/error.hpp"
#include "lamina/core/storage.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina {
namespace {

class CachingAllocator {
 public:
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
    void* p = std::aligned_alloc(64, size);
    if (!p && !free_.empty()) {
      release_locked();
      p = std::aligned_alloc(64, size);
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
  static std::size_t rounded(std::size_t bytes) {
    const std::size_t unit = bytes < (std::size_t{1} << 20) ? 512 : std::size_t{1} << 16;
    return bytes == 0 ? unit : (bytes + unit - 1) / unit * unit;
  }
  void* hand_out(void* p, std::size_t size) {
    used_.emplace(p, size);
    stats_.in_use += size;
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    return p;
  }
  void release_locked() {
    for (auto& [size, p] : free_) {
      std::free(p);
      stats_.reserved -= size;
    }
    free_.clear();
  }
  [[noreturn]] void fail(std::size_t bytes) const {
    throw MemoryError(message("out of memory on cpu: asked for ", bytes, " bytes with ", stats_.in_use, " in use",
                              limit_ ? message(" and a limit of ", limit_) : std::string()));
  }

  std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  std::map<void*, std::size_t> used_;
  MemoryStats stats_;
  std::size_t limit_ = 0;
};

/// Never destroyed, so that tensors with static storage duration can outlive it.
CachingAllocator& allocator(Device device) {
  require<DeviceError>(device.is_cpu(), "device ", device, " is absent: this build of Lamina has no CUDA back end");
  static CachingAllocator& cpu = *new CachingAllocator;
  return cpu;
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

struct Workspace::Block {
  Block* next;
};

void* Workspace::allocate(std::size_t bytes) {
  auto* block = static_cast<Block*>(allocator(kCpu).allocate(bytes + 64));
  block->next = blocks_;
  blocks_ = block;
  return reinterpret_cast<char*>(block) + 64;
}

Workspace::~Workspace() {
  while (blocks_) {
    Block* next = blocks_->next;
    allocator(kCpu).free(blocks_);
    blocks_ = next;
  }
}

}  // namespace lamina
