#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "lamina/config.hpp"
#include "lamina/core/view.hpp"

namespace lamina {

/// Where a tensor lives.
struct Device {
  enum class Type : std::uint8_t {
    cpu,
    cuda,
    meta,  ///< no memory: tensors have shape, dtype and byte count, and ops compute shapes alone
  };
  Type type = Type::cpu;
  int index = 0;

  bool is_cpu() const { return type == Type::cpu; }
  bool is_cuda() const { return type == Type::cuda; }
  bool is_meta() const { return type == Type::meta; }
  bool operator==(const Device&) const = default;
  std::string str() const { return is_cpu() ? "cpu" : is_meta() ? "meta" : "cuda:" + std::to_string(index); }
};
inline constexpr Device kCpu{};
inline constexpr Device kMeta{Device::Type::meta};

/// "cpu", "cuda" or "cuda:1" as a device that computes, whether or not it is there. Throws OptionError.
Device parse_device(const std::string& text);

/// A non-owning reference to a callable `void(task, worker)`.
class TaskRef {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, TaskRef>) LAMINA_HD TaskRef(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* o, std::int64_t task, int worker) { (*static_cast<std::remove_reference_t<F>*>(o))(task, worker); }) {}
  LAMINA_HD void operator()(std::int64_t task, int worker) const { call_(object_, task, worker); }

 private:
  void* object_;
  void (*call_)(void*, std::int64_t, int);
};

/// Runs independent tasks, perhaps concurrently. Lamina brings a small pool; a host program may pass its own.
class Executor {
 public:
  virtual ~Executor() = default;
  /// The most tasks that run at once; `worker` is below it.
  virtual int concurrency() const = 0;
  /// Calls `task(i, worker)` once for each i in [0, tasks) and returns when all are done. Tasks with the same `worker` never
  /// overlap. After all tasks have ended, the exception of the lowest-numbered task that threw is rethrown here. Lamina never calls this
  /// from within a task, so it need not be reentrant.
  virtual void run(std::int64_t tasks, TaskRef task) = 0;
};

/// The instruction sets that CPU kernels can be compiled for: name, name for people, the compiler's options (the build reads them here),
/// and what a processor must have beside those of the sets before it. LAMINA_ISAS (lamina/config.hpp) lists those of this build, the least
/// first.
#define LAMINA_ISA_v3(X, ...)            \
  X(v3, "x86-64-v3", "-march=x86-64-v3", \
    __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") __VA_OPT__(, ) __VA_ARGS__)
#define LAMINA_ISA_avx512(X, ...)                                                                                    \
  X(avx512, "avx512", "-march=x86-64-v4 -mprefer-vector-width=512",                                                  \
    __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && \
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd") __VA_OPT__(, ) __VA_ARGS__)
#define LAMINA_ISA_NAME(name, ...) name,
#define LAMINA_ISA_TEXT(name, text, ...) text,

enum class Isa : std::uint8_t { LAMINA_ISAS(LAMINA_ISA_NAME) };
constexpr const char* name_of(Isa isa) {
  constexpr const char* kNames[] = {LAMINA_ISAS(LAMINA_ISA_TEXT)};
  return kNames[static_cast<int>(isa)];
}

/// The CPU as seen by kernels: who runs the tasks, which instruction set.
struct Cpu {
  Executor* executor = nullptr;
  Isa isa = {};

  LAMINA_HD int concurrency() const { return executor->concurrency(); }
  /// What `worker` is below in a `parallel` of so many tasks that starts here: for how many there must be scratch. At most the tasks, but
  /// within a task of another `parallel`.
  int workers(std::int64_t tasks) const;
  /// `f(task, worker)` for each task in [0, tasks); within a task of another `parallel`, in turn on this thread, with its worker.
  template <class F>
  LAMINA_HD void parallel(std::int64_t tasks, F&& f) const {
    if (tasks > 0) run(tasks, TaskRef(f));
  }

 private:
  void run(std::int64_t tasks, TaskRef task) const;
};

/// A CUDA device as seen by kernels: what they queue on its one stream runs in order, while the host goes on. Plain data.
struct Cuda {
  int index = 0;
  int multiprocessors = 1;
  void* stream = nullptr;  ///< a cudaStream_t
};

/// The context of a device, created by the first use. Throws DeviceError: no such device, a driver too old, a build without CUDA.
Cuda& current_cuda(int index = 0);
/// Makes a device the CUDA runtime's current one on this thread while it lives, as launches on it ask for; what the host program had
/// chosen comes back. Throws DeviceError, CudaError.
class CudaScope {
 public:
  explicit CudaScope(int index);
  ~CudaScope();
  CudaScope(const CudaScope&) = delete;
  CudaScope& operator=(const CudaScope&) = delete;
  Cuda& cuda() const { return cuda_; }

 private:
  Cuda& cuda_;
  int previous_;
};
/// How many CUDA devices there are. Throws DeviceError when a device may be there that cannot be used (a driver too old).
int cuda_device_count();
/// What a device calls itself, e.g. "NVIDIA H100 80GB HBM3". Throws DeviceError.
std::string device_name(Device device);
/// Waits until all work queued on the device is done. Throws CudaError when some of it failed.
void synchronize(Device device);
/// Measures the time between two points of a device's queue: by events on a CUDA device, by the clock on the CPU.
class Stopwatch {
 public:
  /// Throws DeviceError, CudaError.
  explicit Stopwatch(Device device);
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  /// The time starts when the device gets here: after what is queued already.
  void start();
  /// Seconds from start() to the end of what is queued by now, which is waited for. Throws CudaError when some of it failed.
  double seconds();

 private:
  struct State;
  State* state_;
};
/// Copies host memory to the device, in stream order, through pinned buffers: `host` may be reused at once. Throws CudaError.
void upload(Cuda& cuda, void* device, const void* host, std::size_t bytes);
/// Copies device memory to the host and waits for it. Throws CudaError.
void download(Cuda& cuda, void* host, const void* device, std::size_t bytes);

/// Scratch memory of one kernel call, on the host or on a device, released when it goes out of scope. Contents are undefined.
class Workspace {
 public:
  Workspace() = default;
  LAMINA_HD explicit Workspace(const Cuda& cuda) : cuda_index_(cuda.index) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace();
  /// As many elements as the extents multiply to, 64-byte aligned. Throws MemoryError, also when the bytes are more than can be counted.
  template <class T, class... Extents>
  LAMINA_HD T* take(Extents... extents) {
    const std::int64_t factors[] = {static_cast<std::int64_t>(extents)...};
    return static_cast<T*>(allocate(factors, static_cast<int>(sizeof...(Extents)), sizeof(T)));
  }

 private:
  void* allocate(const std::int64_t* factors, int count, std::size_t size);
  struct Block;
  Block* blocks_ = nullptr;
  int cuda_index_ = -1;  // -1: the host
};

/// The instruction set in use: the best this processor has, or the one that the environment variable LAMINA_ISA names.
/// Throws DeviceError when the processor has none, or when LAMINA_ISA names one it lacks.
Isa detected_isa();

/// A pool of `threads` workers (0: one for each hardware thread), created lazily and joined by the destructor.
class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(int threads = 0);
  ~ThreadPool() override;
  int concurrency() const override;
  /// Calls from several threads take turns; a call from inside one of the pool's own tasks runs in place.
  void run(std::int64_t tasks, TaskRef task) override;

 private:
  struct State;
  State* state_;
};

/// The calling thread's CPU context: the innermost ExecutorScope's executor, else a shared lazily started pool.
Cpu& current_cpu();

/// Makes ops on this thread use `executor` (and the kernels of `isa`) while it lives.
class ExecutorScope {
 public:
  explicit ExecutorScope(Executor& executor, Isa isa = detected_isa());
  ~ExecutorScope();
  ExecutorScope(const ExecutorScope&) = delete;
  ExecutorScope& operator=(const ExecutorScope&) = delete;

 private:
  Cpu previous_;
};

}  // namespace lamina

/// Declares one kernel for every device from a single signature: one CPU twin per instruction set and one for CUDA, each in its
/// namespace, and the entry points that pick one. A twin nobody defined is a link error that names it.
#define LAMINA_ISA_DECLARE(isa, text, options, supported, name, ...) \
  namespace isa {                                                    \
  template <class T>                                                 \
  void name(::lamina::Cpu&, __VA_ARGS__);                            \
  }
#define LAMINA_ISA_CALL(isa, text, options, supported, name) \
  case ::lamina::Isa::isa:                                   \
    return isa::name<T>(device, std::forward<Args>(args)...);
#define LAMINA_KERNEL(name, ...)                               \
  LAMINA_ISAS(LAMINA_ISA_DECLARE, name, __VA_ARGS__)           \
  namespace cuda {                                             \
  template <class T>                                           \
  void name(::lamina::Cuda&, __VA_ARGS__);                     \
  }                                                            \
  template <class T, class... Args>                            \
  void name(::lamina::Cpu& device, Args&&... args) {           \
    switch (device.isa) { LAMINA_ISAS(LAMINA_ISA_CALL, name) } \
  }                                                            \
  template <class T, class... Args>                            \
  void name(::lamina::Cuda& device, Args&&... args) {          \
    cuda::name<T>(device, std::forward<Args>(args)...);        \
  }
