// The shim's CUDA runtime API: memory, streams, events, launches. Compiled without ThreadSanitizer's instrumentation, as the fibers are.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "cuda_runtime.h"
#include "fibers.hpp"

namespace shim {
namespace {

/// All streams: one queue, in the order of the calls, which every device may choose.
struct Runtime {
  std::recursive_mutex mutex;
  std::deque<std::function<void()>> queue;
  std::map<void*, std::size_t> allocations;
  std::size_t allocated = 0, limit;
  int allocations_left = -1, devices, driver;
  cudaError_t last = cudaSuccess;
  std::string message;  ///< of a launch failure

  static std::size_t setting(const char* name, std::size_t fallback) {
    const char* text = std::getenv(name);
    return text && *text ? std::strtoull(text, nullptr, 10) : fallback;
  }
  Runtime() : limit(setting("LAMINA_SHIM_MEMORY", std::size_t{4} << 30)) { machine_of_environment(); }
  void machine_of_environment() {
    devices = static_cast<int>(setting("LAMINA_SHIM_DEVICES", 1));
    driver = static_cast<int>(setting("LAMINA_SHIM_DRIVER", 13000));
  }

  /// Counts towards fail_allocations.
  bool may_allocate() {
    if (allocations_left == 0) return false;
    if (allocations_left > 0) --allocations_left;
    return true;
  }
  cudaError_t remember(cudaError_t e) {
    if (e != cudaSuccess) last = e;
    return e;
  }
  void push(std::function<void()> work) { queue.push_back(std::move(work)); }
  /// Runs what is queued. After a failure the rest is dropped.
  cudaError_t drain() {
    try {
      while (!queue.empty()) {
        const auto work = std::move(queue.front());
        queue.pop_front();
        work();
      }
    } catch (const Failure& f) {
      queue.clear();
      message = f.what();
      return remember(cudaErrorLaunchFailure);
    }
    return cudaSuccess;
  }
};

Runtime& runtime() {
  static Runtime& r = *new Runtime;
  return r;
}

thread_local int current_device = 0;

struct Lock : std::lock_guard<std::recursive_mutex> {
  Lock() : lock_guard(runtime().mutex) {}
};

}  // namespace

int launch(const void* stream, const char* kernel, Dim3 grid, Dim3 block, std::size_t shared_bytes, std::function<void()> body) {
  const Lock lock;
  const std::size_t threads = std::size_t{block.x} * block.y * block.z;
  if (!grid.x || !grid.y || !grid.z || grid.y > 65535 || grid.z > 65535 || !threads || threads > 1024 || shared_bytes > 227 * 1024)
    return runtime().remember(cudaErrorInvalidConfiguration);
  if (stream && *static_cast<const int*>(stream) != current_device) return runtime().remember(cudaErrorInvalidResourceHandle);
  runtime().push([=, body = std::move(body)] { run_grid(kernel, grid, block, shared_bytes, body); });
  return cudaSuccess;
}

void set_order(const char* order) {
  const Lock lock;
  runtime().drain();
  order_threads(order);
}
void fail_allocations(int n) {
  const Lock lock;
  runtime().allocations_left = n;
}
void set_machine(int devices, int driver) {
  const Lock lock;
  runtime().machine_of_environment();
  if (devices >= 0) runtime().devices = devices;
  if (driver >= 0) runtime().driver = driver;
}

}  // namespace shim

using shim::Lock;
using shim::runtime;

namespace {
struct Event {
  bool recorded = false, done = true;
  std::chrono::steady_clock::time_point time;
};
Event* of(cudaEvent_t e) { return reinterpret_cast<Event*>(e); }
}  // namespace

const char* cudaGetErrorName(cudaError_t e) {
  switch (e) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady: return "cudaErrorNotReady";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
  }
  return "unknown";
}
const char* cudaGetErrorString(cudaError_t e) { return e == cudaErrorLaunchFailure ? runtime().message.c_str() : cudaGetErrorName(e); }
cudaError_t cudaGetLastError() {
  const Lock lock;
  return std::exchange(runtime().last, cudaSuccess);
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (runtime().driver < 13000) return cudaErrorInsufficientDriver;
  if (runtime().devices == 0) return cudaErrorNoDevice;
  *count = runtime().devices;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= runtime().devices) return cudaErrorInvalidDevice;
  shim::current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) { return *device = shim::current_device, cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  if (device < 0 || device >= runtime().devices) return cudaErrorInvalidDevice;
  *p = {"host shim", runtime().limit, 9, 0, 4, 227 * 1024};
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* v) { return *v = runtime().driver, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* v) { return *v = 13000, cudaSuccess; }

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const Lock lock;
  *total = runtime().limit;
  *free = *total - runtime().allocated;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** p, std::size_t bytes) {
  const Lock lock;
  auto& r = runtime();
  if (!r.may_allocate() || r.allocated + bytes > r.limit) return *p = nullptr, cudaErrorMemoryAllocation;
  *p = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (!*p) return cudaErrorMemoryAllocation;
  std::memset(*p, 0xFF, bytes);  // NaN
  r.allocations[*p] = bytes;
  r.allocated += bytes;
  return cudaSuccess;
}
cudaError_t cudaFree(void* p) {
  const Lock lock;
  auto& r = runtime();
  if (!p) return cudaSuccess;
  const auto it = r.allocations.find(p);
  if (it == r.allocations.end()) return cudaErrorInvalidValue;
  const cudaError_t e = r.drain();
  r.allocated -= it->second;
  r.allocations.erase(it);
  std::free(p);
  return e;
}
cudaError_t cudaMallocAsync(void** p, std::size_t bytes, cudaStream_t) { return cudaMalloc(p, bytes); }
cudaError_t cudaFreeAsync(void* p, cudaStream_t) { return cudaFree(p); }
cudaError_t cudaHostAlloc(void** p, std::size_t bytes, unsigned) {
  const Lock lock;
  *p = runtime().may_allocate() ? std::malloc(bytes) : nullptr;
  return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void* p) {
  const Lock lock;
  const cudaError_t e = runtime().drain();
  std::free(p);
  return e;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t s) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, s);
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                              std::size_t height, cudaMemcpyKind, cudaStream_t) {
  const Lock lock;
  if (width > to_pitch || width > from_pitch) return cudaErrorInvalidValue;
  runtime().push([=] {
    for (std::size_t i = 0; i < height; ++i)
      std::memcpy(static_cast<char*>(to) + i * to_pitch, static_cast<const char*>(from) + i * from_pitch, width);
  });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* p, int value, std::size_t bytes, cudaStream_t) {
  const Lock lock;
  runtime().push([=] { std::memset(p, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) {
  return *s = reinterpret_cast<cudaStream_t>(new int(shim::current_device)), cudaSuccess;  // a stream is its device's number
}
cudaError_t cudaStreamDestroy(cudaStream_t s) {
  const Lock lock;
  const cudaError_t e = runtime().drain();
  delete reinterpret_cast<int*>(s);
  return e;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  const Lock lock;
  return runtime().drain();
}
cudaError_t cudaDeviceSynchronize() { return cudaStreamSynchronize(nullptr); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) { return *e = reinterpret_cast<cudaEvent_t>(new Event), cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t e) {
  const Lock lock;
  const cudaError_t result = runtime().drain();
  delete of(e);
  return result;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t) {
  const Lock lock;
  of(e)->recorded = true;
  of(e)->done = false;
  runtime().push([e] {
    of(e)->time = std::chrono::steady_clock::now();
    of(e)->done = true;
  });
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  const Lock lock;
  return of(e)->done ? cudaSuccess : runtime().drain();
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  if (!of(from)->recorded || !of(to)->recorded) return cudaErrorInvalidValue;
  if (!of(from)->done || !of(to)->done) return cudaErrorNotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(of(to)->time - of(from)->time).count();
  return cudaSuccess;
}
