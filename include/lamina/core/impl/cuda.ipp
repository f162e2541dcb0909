// CUDA devices: contexts, memory, copies.
#include "lamina/config.hpp"
#include "lamina/core/impl/cuda.hpp"
#include "lamina/core/versions.hpp"

#if LAMINA_HAS_CUDA
#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <string_view>

#include "lamina/core/impl/element.hpp"
#include "lamina/kernels/copy.hpp"

namespace lamina {
namespace {

/// "add_kernel<float>" of what launch.cuh calls a kernel: "... [with auto Kernel = lamina::kernels::cuda::{anonymous}::add_kernel<float>]".
std::string short_name(std::string_view kernel) {
  constexpr std::string_view kBefore = "Kernel = ";
  if (const std::size_t at = kernel.find(kBefore); at != std::string_view::npos) {
    kernel.remove_prefix(at + kBefore.size());
    if (kernel.ends_with(']')) kernel.remove_suffix(1);
  }
  std::string name(kernel);
  for (const std::string_view scope : {"lamina::", "kernels::", "cuda::", "detail::", "{anonymous}::", "(anonymous namespace)::"})
    for (std::size_t at; (at = name.find(scope)) != std::string::npos;) name.erase(at, scope.size());
  return name;
}

/// The kernels launched last, on whichever device: one that fails while it runs is reported by a later call, which cannot name it.
class LastLaunches {
 public:
  void add(const char* kernel) { names_[next_.fetch_add(1, std::memory_order_relaxed) % kCount].store(kernel, std::memory_order_relaxed); }
  /// From the oldest on, as the end of an error's message.
  std::string str() const {
    std::string names;
    const unsigned next = next_.load(std::memory_order_relaxed);
    for (unsigned i = 0; i < kCount; ++i)
      if (const char* name = names_[(next + i) % kCount].load(std::memory_order_relaxed))
        names += (names.empty() ? "" : ", ") + short_name(name);
    return message("; the last kernels launched: ", names.empty() ? "none" : names,
                   "; CUDA_LAUNCH_BLOCKING=1 in the environment names the one that failed");
  }

 private:
  static constexpr unsigned kCount = 4;  // a power of two: next_ may wrap
  std::array<std::atomic<const char*>, kCount> names_{};
  std::atomic<unsigned> next_{0};
};
constinit LastLaunches last_launches;

/// Throws CudaError saying what was being done, and, where a kernel failed as it ran (codes from 700 on), which it may have been. Forgets
/// the error, so that the process can go on where the device can.
void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) [[likely]]
    return;
  (void)cudaGetLastError();
  const int code = static_cast<int>(error);
  throw CudaError(message(what, ": ", cudaGetErrorName(error), ": ", cudaGetErrorString(error),
                          code >= 700 && code < 800 ? last_launches.str() : std::string()));
}

cudaStream_t stream_of(const Cuda& cuda) { return static_cast<cudaStream_t>(cuda.stream); }

/// Pinned buffers that take turns: the host fills some while the device has others to read. A training step uploads several times, and a
/// buffer that the device reads in its queue's order must not hold up the next step.
class PinnedBuffers {
 public:
  static constexpr std::size_t kBytes = std::size_t{2} << 20, kCount = 8;

  /// A buffer that the device no longer reads. Pass it to `release` once its copy is queued.
  char* acquire() {
    Slot& slot = slots_[next_];
    if (!slot.data) slot.data = allocate();
    if (!slot.read)
      check(cudaEventCreateWithFlags(&slot.read, cudaEventDisableTiming), "creating an event");
    else
      check(cudaEventSynchronize(slot.read), "waiting for an upload");
    return static_cast<char*>(slot.data);
  }
  void release(cudaStream_t stream) {
    check(cudaEventRecord(slots_[next_].read, stream), "recording an event");
    next_ = (next_ + 1) % kCount;
  }

 private:
  static void* allocate() {
    void* data = nullptr;
    const cudaError_t error = cudaHostAlloc(&data, kBytes, cudaHostAllocDefault);
    if (error == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      throw MemoryError(message("out of pinned memory on cpu: asked for ", kBytes, " bytes, for uploads to a CUDA device"));
    }
    check(error, "allocating pinned memory");
    return data;
  }
  struct Slot {
    void* data = nullptr;
    cudaEvent_t read{};
  };
  std::array<Slot, kCount> slots_;
  std::size_t next_ = 0;
};

/// CUDA's 13000 as "13.0".
std::string version_text(int v) { return message(v / 1000, '.', v % 1000 / 10); }

/// Makes a device the thread's current one; returns the one that was.
int choose_device(int index) {
  int previous = 0;
  check(cudaGetDevice(&previous), "asking for the current device");
  if (previous != index) check(cudaSetDevice(index), "choosing a device");
  return previous;
}

struct Context {
  Cuda cuda;
  std::mutex uploads;
  PinnedBuffers pinned;
};

/// Throws DeviceError when there is no such device.
void require_present(int index) {
  const int count = cuda_device_count();
  require<DeviceError>(
      index >= 0 && index < count, "device cuda:", index,
      " is absent: ", count == 0 ? std::string("this machine has no CUDA device") : message("this machine has ", count, " CUDA device(s)"));
}

cudaDeviceProp properties_of(int index) {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, index), "reading the properties of a device");
  return properties;
}

/// Never destroyed: the driver may be gone before static objects are.
Context& context(int index) {
  static auto& contexts = *new std::map<int, Context>;
  static auto& mutex = *new std::mutex;
  const std::lock_guard lock(mutex);
  if (const auto it = contexts.find(index); it != contexts.end()) return it->second;
  require_present(index);
  struct Previous {
    int device;
    ~Previous() { (void)cudaSetDevice(device); }
  } const previous{choose_device(index)};
  const int multiprocessors = properties_of(index).multiProcessorCount;
  cudaStream_t stream{};
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
  Context& c = contexts[index];
  c.cuda = {index, multiprocessors, stream};
  return c;
}

}  // namespace

std::string cuda_versions() {
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  return message("runtime ", version_text(runtime), ", ", driver == 0 ? "no driver" : "driver " + version_text(driver));
}

int cuda_device_count() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess) return count;
  (void)cudaGetLastError();
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  // Without any driver the runtime may call it insufficient too.
  require<DeviceError>(error != cudaErrorInsufficientDriver || driver == 0, "the driver supports CUDA ", version_text(driver),
                       " but this build needs ", version_text(runtime), "; update the driver, or use --device cpu");
  require<DeviceError>(error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver,
                       "looking for CUDA devices: ", cudaGetErrorName(error), ": ", cudaGetErrorString(error));
  return 0;
}

Cuda& current_cuda(int index) { return context(index).cuda; }
CudaScope::CudaScope(int index) : cuda_(current_cuda(index)), previous_(choose_device(index)) {}
CudaScope::~CudaScope() {
  if (previous_ != cuda_.index) (void)cudaSetDevice(previous_);
}

std::string device_name(Device device) {
  if (!device.is_cuda()) return device.str();
  require_present(device.index);
  return properties_of(device.index).name;  // without a context, which takes hundreds of MiB of the device
}

void synchronize(Device device) {
  if (device.is_cuda()) check(cudaStreamSynchronize(stream_of(current_cuda(device.index))), "waiting for the device");
}

void upload(Cuda& cuda, void* device, const void* host, std::size_t bytes) {
  detail::cuda_copy(cuda, {device, bytes, 1, bytes}, {const_cast<void*>(host), bytes, 1, bytes}, false, true);
}
void download(Cuda& cuda, void* host, const void* device, std::size_t bytes) {
  detail::cuda_copy(cuda, {host, bytes, 1, bytes}, {const_cast<void*>(device), bytes, 1, bytes}, true, false);
}

namespace kernels::cuda {
void check_launch(const char* kernel) {
  last_launches.add(kernel);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) [[unlikely]]
    check(error, ("launching " + short_name(kernel)).c_str());
}
}  // namespace kernels::cuda

namespace detail {
namespace {

/// Queues a copy of rows of `bytes`. One row has no pitch: a long one would exceed what the runtime takes as such.
void queue_copy(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t bytes, std::size_t rows,
                cudaMemcpyKind kind, cudaStream_t stream) {
  check(rows == 1 ? cudaMemcpyAsync(to, from, bytes, kind, stream)
                  : cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, bytes, rows, kind, stream),
        "copying device memory");
}

/// Rows through the pinned buffers, as many at once as fit; a row that does not fit goes in parts.
void upload_rows(Cuda& cuda, const ByteRows& to, const ByteRows& from) {
  Context& c = context(cuda.index);
  const std::lock_guard lock(c.uploads);
  const cudaStream_t stream = stream_of(cuda);
  const auto send = [&](std::size_t row, std::size_t rows, std::size_t begin, std::size_t bytes) {
    char* buffer = c.pinned.acquire();
    for (std::size_t i = 0; i < rows; ++i)
      std::memcpy(buffer + i * bytes, static_cast<const char*>(from.data) + (row + i) * from.pitch + begin, bytes);
    queue_copy(static_cast<char*>(to.data) + row * to.pitch + begin, to.pitch, buffer, bytes, bytes, rows, cudaMemcpyHostToDevice, stream);
    c.pinned.release(stream);
  };
  const std::size_t at_once = PinnedBuffers::kBytes / to.bytes;
  for (std::size_t row = 0; row < to.count && at_once > 0; row += at_once) send(row, std::min(at_once, to.count - row), 0, to.bytes);
  if (at_once > 0) return;
  for (std::size_t row = 0; row < to.count; ++row)
    for (std::size_t begin = 0; begin < to.bytes; begin += PinnedBuffers::kBytes)
      send(row, 1, begin, std::min(PinnedBuffers::kBytes, to.bytes - begin));
}

}  // namespace

void* cuda_allocate(int device, std::size_t bytes) {
  const CudaScope scope(device);
  void* p = nullptr;
  const cudaError_t error = cudaMalloc(&p, bytes);
  if (error == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    return nullptr;
  }
  check(error, "allocating device memory");
  return p;
}

void cuda_free(int device, void* memory) {
  const CudaScope scope(device);
  check(cudaFree(memory), "freeing device memory");
}

std::int64_t cuda_free_bytes(int device) {
  const CudaScope scope(device);
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for the device's free memory");
  return static_cast<std::int64_t>(free);
}

void cuda_set_bytes(int device, void* memory, int value, std::size_t bytes) {
  const CudaScope scope(device);
  check(cudaMemsetAsync(memory, value, bytes, stream_of(scope.cuda())), "filling device memory");
}

void cuda_copy(Cuda& cuda, const ByteRows& to, const ByteRows& from, bool to_host, bool from_host) {
  if (to.bytes * to.count == 0) return;
  if (to.count > 1 && to.packed() && from.packed()) {
    const std::size_t all = to.bytes * to.count;
    return cuda_copy(cuda, {to.data, all, 1, all}, {from.data, all, 1, all}, to_host, from_host);
  }
  const CudaScope scope(cuda.index);
  if (from_host) return upload_rows(cuda, to, from);
  queue_copy(to.data, to.pitch, from.data, from.pitch, to.bytes, to.count, to_host ? cudaMemcpyDeviceToHost : cudaMemcpyDeviceToDevice,
             stream_of(cuda));
  if (to_host) check(cudaStreamSynchronize(stream_of(cuda)), "waiting for the device");
}

void* cuda_event_create(int device) {
  const CudaScope scope(device);
  cudaEvent_t event{};
  check(cudaEventCreateWithFlags(&event, cudaEventDefault), "creating an event");
  return event;
}

void cuda_event_destroy(void* event) { (void)cudaEventDestroy(static_cast<cudaEvent_t>(event)); }

void cuda_event_record(int device, void* event) {
  const CudaScope scope(device);
  check(cudaEventRecord(static_cast<cudaEvent_t>(event), stream_of(scope.cuda())), "recording an event");
}

double cuda_event_seconds(void* from, void* to) {
  check(cudaEventSynchronize(static_cast<cudaEvent_t>(to)), "waiting for the device");
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(from), static_cast<cudaEvent_t>(to)),
        "reading the time between events");
  return 1e-3 * static_cast<double>(milliseconds);
}

void cuda_fill(const Tensor& tensor, double value) {
  const CudaScope scope(tensor.device().index);
  with_element(tensor.dtype(), [&]<class T>() {
    const T v = static_cast<T>(static_cast<Precise<T>>(value));
    kernels::cuda::fill<T>(scope.cuda(), v, tensor.view2<T>());
  });
}

bool cuda_convert(const Tensor& to, const Tensor& from) {
  const CudaScope scope(to.device().index);
  Cuda& cuda = scope.cuda();
  if (to.dtype() == DType::bf16 && from.dtype() == DType::f32)
    kernels::cuda::convert<float, BFloat16>(cuda, from.view2<const float>(), to.view2<BFloat16>());
  else if (to.dtype() == DType::f32 && from.dtype() == DType::bf16)
    kernels::cuda::convert<BFloat16, float>(cuda, from.view2<const BFloat16>(), to.view2<float>());
  else
    return false;
  return true;
}

}  // namespace detail
}  // namespace lamina

#endif
