// Caching allocator: freed blocks are kept by size and handed out again, so that a training step allocates nothing new.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "lamina/core/checked.hpp"
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
    if (bytes > static_cast<std::size_t>(kMostCounted)) fail(bytes);
    const std::size_t size = rounded(bytes);
    if (limit_ && stats_.in_use + size > limit_) fail(bytes);
    // A cached block up to an eighth larger than asked for is close enough.
    if (auto it = free_.lower_bound(size); it != free_.end() && it->first <= size + size / 8) {
      void* p = it->second.data;
      const std::size_t got = it->first;
      free_.erase(it);
      return hand_out(p, got);
    }
    const std::size_t usual = kMostReserved * std::max(most_in_use_, stats_.in_use + size);
    const std::size_t most = limit_ ? std::min(limit_, usual) : usual;
    while (!free_.empty() && stats_.reserved + size > most) release_oldest();
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
    free_.emplace(it->second, Free{p, frees_++});
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
  static constexpr std::size_t kMostReserved = 3;  // times the most in use; a training step or a prediction holds 1.3 to 1.7 times its peak
  struct Free {
    void* data;
    std::uint64_t since;  // in frees
  };

  void* system_allocate(std::size_t bytes) {
    if (device_.is_meta()) return reinterpret_cast<void*>(std::exchange(meta_address_, meta_address_ + bytes));  // nobody follows it
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
    most_in_use_ = std::max(most_in_use_, stats_.in_use);
    return p;
  }
  using FreeBlocks = std::multimap<std::size_t, Free>;
  void release_block(FreeBlocks::iterator it) {
    system_free(it->second.data);
    stats_.reserved -= it->first;
    free_.erase(it);
  }
  void release_oldest() {
    release_block(
        std::min_element(free_.begin(), free_.end(), [](const auto& a, const auto& b) { return a.second.since < b.second.since; }));
  }
  void release_locked() {
    while (!free_.empty()) release_block(free_.begin());
    most_in_use_ = stats_.in_use;
  }
  [[noreturn]] void fail(std::size_t bytes) const {
    throw MemoryError(message("out of memory on ", device_, ": asked for ", bytes, " bytes with ", stats_.in_use, " in use",
                              limit_ ? message(" and a limit of ", limit_) : std::string()));
  }

  const Device device_;
  std::mutex mutex_;
  FreeBlocks free_;
  std::map<void*, std::size_t> used_;
  MemoryStats stats_;
  std::size_t limit_ = 0, most_in_use_ = 0;
  std::uint64_t frees_ = 0;
  std::uintptr_t meta_address_ = 512;
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

bool detail::overlap(const ByteRows& a, const ByteRows& b) {
  using Address = std::uintptr_t;
  // One row where there are no gaps.
  const auto rows_of = [](const ByteRows& r) {
    return r.packed() || r.count < 2 ? ByteRows{r.data, r.bytes * r.count, r.count > 0, r.bytes * r.count} : r;
  };
  ByteRows low = rows_of(a), high = rows_of(b);
  if (low.bytes * low.count == 0 || high.bytes * high.count == 0) return false;
  if (std::less<>{}(high.data, low.data)) std::swap(low, high);
  const Address apart = reinterpret_cast<Address>(high.data) - reinterpret_cast<Address>(low.data);
  if (apart >= (low.count - 1) * low.pitch + low.bytes) return false;
  if (low.count == 1) return true;
  if (high.count > 1 && high.pitch != low.pitch) return true;
  const Address column = apart % low.pitch;  // where `high` starts in a row of `low`
  return column < low.bytes || column + high.bytes > low.pitch;
}

namespace {
std::uint64_t next_version() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}
}  // namespace

/// What storages that share memory share.
struct Storage::Block {
  struct Write {
    detail::ByteRows rows;
    std::uint64_t version;
  };
  Block();
  ~Block();
  void* data = nullptr;
  std::size_t bytes = 0;
  Device device;
  std::function<void(void*)> release;
  std::atomic<std::uint64_t> version;
  const std::uint64_t created;
  std::mutex mutex;
  std::vector<Write> writes;  // the last one to each of the regions written
};

Storage::Block::Block() : version(next_version()), created(version) {}
Storage::Block::~Block() {
  if (release) release(data);
}

void* Storage::data() const { return block_ ? block_->data : nullptr; }
std::size_t Storage::bytes() const { return block_ ? block_->bytes : 0; }
bool Storage::owned() const { return block_ && block_->release; }
std::uint64_t Storage::version() const { return block_ ? block_->version.load(std::memory_order_acquire) : 0; }

void Storage::note_write(const detail::ByteRows& rows) const {
  if (!block_) return;
  constexpr std::size_t kMostRegions = 16;  // beyond them, all of it counts as written
  const detail::ByteRows all{block_->data, block_->bytes, 1, block_->bytes};
  const std::lock_guard lock(block_->mutex);
  auto& writes = block_->writes;
  const std::uint64_t version = next_version();
  const auto it = std::find_if(writes.begin(), writes.end(), [&](const Block::Write& w) { return w.rows == rows; });
  if (it != writes.end())
    it->version = version;
  else if (writes.size() < kMostRegions)
    writes.push_back({rows, version});
  else
    writes.assign(1, {all, version});
  block_->version.store(version, std::memory_order_release);
}

bool Storage::written_since(std::uint64_t version, const detail::ByteRows& rows) const {
  if (!block_ || block_->version.load(std::memory_order_acquire) == version) return false;
  const std::lock_guard lock(block_->mutex);
  return block_->created > version || std::any_of(block_->writes.begin(), block_->writes.end(), [&](const Block::Write& w) {
           return w.version > version && detail::overlap(w.rows, rows);
         });
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

void* Workspace::allocate(const std::int64_t* factors, int count, std::size_t size) {
  constexpr std::size_t kHeader = 64;
  try {
    auto elements = static_cast<std::int64_t>(size);
    for (int i = 0; i < count; ++i) elements = checked_product<MemoryError>({elements, factors[i]}, "more bytes than can be counted");
    const auto bytes = static_cast<std::size_t>(elements);
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
