// The threads of a grid as fibers. Compiled without ThreadSanitizer's instrumentation: what it does for the kernels is no race.
// Long: one machine, whose every part moves the same few fields.
#include "fibers.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <numeric>
#include <string>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SHIM_ASAN 1
#else
#define SHIM_ASAN 0
#endif
#if defined(SHIM_TSAN)  // __SANITIZE_THREAD__ is off in this file
#include <sanitizer/tsan_interface.h>
#else
#define SHIM_TSAN 0
#endif

// Saves the callee-saved registers and the stack pointer in *save and goes on where `load` was saved.
extern "C" void lamina_shim_switch(void** save, void* load);
asm(R"(
.text
.globl lamina_shim_switch
.type lamina_shim_switch,@function
lamina_shim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size lamina_shim_switch,.-lamina_shim_switch
)");

namespace shim {
namespace {

constexpr int kWarp = 32;
constexpr std::size_t kStackBytes = SHIM_ASAN || SHIM_TSAN ? 256 << 10 : 64 << 10;
constexpr std::size_t kCanaryBytes = SHIM_ASAN ? 0 : 256;
constexpr unsigned char kCanary = 0xA5;

struct Stack {
  char* memory;
  void* tsan_fiber = nullptr;
  Stack() : memory(static_cast<char*>(::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    if (memory == MAP_FAILED) throw std::bad_alloc();
#if SHIM_TSAN
    tsan_fiber = __tsan_create_fiber(0);
#endif
  }
};

enum class State : unsigned char { unstarted, ready, at_barrier, at_warp, done };

struct Copy {
  void* to;
  const void* from;
  std::size_t bytes, valid;
};

struct Fiber : Thread {
  State state = State::unstarted;
  Stack* stack = nullptr;
  void* stack_pointer = nullptr;
  void* fake_stack = nullptr;  // AddressSanitizer's
  std::source_location at;
  std::vector<Copy> copies;        // not yet landed
  std::deque<std::size_t> groups;  // sizes of the committed ones
  std::size_t uncommitted = 0;
};

struct Warp {
  int arrived = 0, size = 0;
  unsigned generation = 0;
  std::uint64_t values[2][kWarp] = {};
  std::source_location at;
};

void land(const Copy& c) {
  std::memcpy(c.to, c.from, c.valid);
  std::memset(static_cast<char*>(c.to) + c.valid, 0, c.bytes - c.valid);
}

/// "file:line".
std::string where(const std::source_location& at) {
  const std::string file = at.file_name();
  return file.substr(file.find_last_of('/') + 1) + ":" + std::to_string(at.line());
}

/// Runs one block after the other.
class Machine {
 public:
  Fiber* running = nullptr;

  void run(const char* kernel, Dim3 grid, Dim3 threads, std::size_t shared_bytes, const std::function<void()>& body) {
    kernel_ = kernel;
    body_ = &body;
    const std::size_t blocks = std::size_t{grid.x} * grid.y * grid.z;
    count_ = static_cast<int>(threads.x * threads.y * threads.z);
    order(block_order_, static_cast<int>(blocks));
    order(thread_order_, count_);
    turn_.resize(thread_order_.size());
    for (int i = 0; i < count_; ++i) turn_[static_cast<std::size_t>(thread_order_[static_cast<std::size_t>(i)])] = i;
    char* shared = static_cast<char*>(std::aligned_alloc(128, (shared_bytes + kCanaryBytes + 127) / 128 * 128));
#if SHIM_ASAN
    std::free(shared);
    shared = static_cast<char*>(std::malloc(shared_bytes));  // exactly: the next byte is poisoned
#endif
    std::string failure;
    for (int b : block_order_) {
      std::memset(shared, 0xFF, shared_bytes);  // NaN in float, double and bf16
      std::memset(shared + shared_bytes, kCanary, kCanaryBytes);
      const auto n = static_cast<unsigned>(b);
      block_ = {Dim3(n % grid.x, n / grid.x % grid.y, n / grid.x / grid.y), threads, grid, shared};
      failure = run_block();
      for (std::size_t i = 0; i < kCanaryBytes && failure.empty(); ++i)
        if (static_cast<unsigned char>(shared[shared_bytes + i]) != kCanary)
          failure = "wrote " + std::to_string(i) + " bytes behind its " + std::to_string(shared_bytes) + " bytes of shared memory";
      if (!failure.empty()) break;
    }
    std::free(shared);
    if (!failure.empty()) throw Failure(std::string(kernel) + ": " + failure);
  }

  void wait(State state, std::source_location at) {
    running->state = state;
    running->at = at;
    to_scheduler(false);
  }

  void barrier(std::source_location at) {
    if (at_barrier_ == 0) barrier_at_ = at;
    if (at.line() != barrier_at_.line() || std::strcmp(at.file_name(), barrier_at_.file_name()) != 0)
      return fail("threads wait at different barriers, " + where(barrier_at_) + " and " + where(at));
#if SHIM_TSAN
    __tsan_release(&at_barrier_);
#endif
    if (++at_barrier_ == count_) {
      at_barrier_ = 0;
      release(0, count_, State::at_barrier);
    } else {
      wait(State::at_barrier, at);
    }
#if SHIM_TSAN
    __tsan_acquire(&at_barrier_);
#endif
  }

  const std::uint64_t* exchange(unsigned mask, std::uint64_t bits, std::source_location at) {
    Warp& warp = warps_[static_cast<std::size_t>(running->number / kWarp)];
    std::uint64_t* values = warp.values[warp.generation & 1];
    values[running->number % kWarp] = bits;
    if (mask != ~0u) fail("a warp operation has the partial mask " + std::to_string(mask) + " at " + where(at));
    if (warp.size != kWarp)
      fail("a warp operation in a block of " + std::to_string(count_) + " threads, no multiple of 32, at " + where(at));
    if (warp.arrived == 0) warp.at = at;
    if (at.line() != warp.at.line() || std::strcmp(at.file_name(), warp.at.file_name()) != 0)
      fail("lanes of a warp wait at different operations, " + where(warp.at) + " and " + where(at));
#if SHIM_TSAN
    __tsan_release(&warp);
#endif
    if (++warp.arrived == kWarp) {
      warp.arrived = 0;
      ++warp.generation;
      release(running->number / kWarp * kWarp, kWarp, State::at_warp);
    } else {
      wait(State::at_warp, at);
    }
#if SHIM_TSAN
    __tsan_acquire(&warp);
#endif
    return values;
  }

  /// The first line of every fiber.
  [[noreturn]] void start() {
#if SHIM_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_bottom_, &scheduler_size_);
#endif
    (*body_)();
    running->state = State::done;
    to_scheduler(true);
    __builtin_unreachable();
  }

  void set_order(const char* name) {
    if (!name) name = std::getenv("LAMINA_SHIM_ORDER");
    order_ = name ? name : "ascending";
  }
  /// Do copies land at once?
  bool eager() const { return order_ == "descending"; }

 private:
  void order(std::vector<int>& out, int n) {
    out.resize(static_cast<std::size_t>(n));
    std::iota(out.begin(), out.end(), 0);
    if (order_ == "descending") std::reverse(out.begin(), out.end());
    if (order_.starts_with("shuffled:")) {
      std::uint64_t state = std::strtoull(order_.c_str() + 9, nullptr, 10) * 2654435761u + 1;
      for (std::size_t i = out.size(); i > 1; --i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        std::swap(out[i - 1], out[(state >> 33) % i]);
      }
    }
  }

  Stack* take_stack(int thread) {
    // For ThreadSanitizer a stack is one thread for ever; otherwise the one just freed is the warmest.
    const std::size_t wanted = SHIM_TSAN ? static_cast<std::size_t>(thread) : free_.size();
    if (SHIM_TSAN) {
      while (all_.size() <= wanted) all_.emplace_back();
      return &all_[wanted];
    }
    if (free_.empty()) {
      all_.emplace_back();
      free_.push_back(&all_.back());
    }
    Stack* s = free_.back();
    free_.pop_back();
    return s;
  }
  void give_back(Fiber& f) {
#if SHIM_ASAN
    __asan_unpoison_memory_region(f.stack->memory, kStackBytes);
#endif
    if (!SHIM_TSAN) free_.push_back(f.stack);
    f.stack = nullptr;
  }

  static void entry();

  void resume(Fiber& f) {
    if (f.state == State::unstarted) {
      f.stack = take_stack(f.number);
      // As lamina_shim_switch leaves it: six registers, then the address it returns to, at a stack aligned as after a call.
      void** top = reinterpret_cast<void**>(f.stack->memory + kStackBytes) - 1;
      *--top = reinterpret_cast<void*>(&Machine::entry);
      for (int i = 0; i < 6; ++i) *--top = nullptr;
      f.stack_pointer = top;
    }
    f.state = State::ready;
    running = &f;
#if SHIM_ASAN
    __sanitizer_start_switch_fiber(&scheduler_fake_stack_, f.stack->memory, kStackBytes);
#endif
#if SHIM_TSAN
    scheduler_fiber_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(f.stack->tsan_fiber, __tsan_switch_to_fiber_no_sync);
#endif
    lamina_shim_switch(&scheduler_stack_pointer_, f.stack_pointer);
#if SHIM_ASAN
    __sanitizer_finish_switch_fiber(scheduler_fake_stack_, nullptr, nullptr);
#endif
    running = nullptr;
    if (f.state == State::done) give_back(f);
  }

  void to_scheduler(bool for_ever) {
    Fiber& f = *running;
#if SHIM_ASAN
    __sanitizer_start_switch_fiber(for_ever ? nullptr : &f.fake_stack, scheduler_bottom_, scheduler_size_);
#endif
    (void)for_ever;
#if SHIM_TSAN
    if (for_ever) __tsan_release(&block_ended_);
    __tsan_switch_to_fiber(scheduler_fiber_, __tsan_switch_to_fiber_no_sync);
#endif
    lamina_shim_switch(&f.stack_pointer, scheduler_stack_pointer_);
#if SHIM_ASAN
    __sanitizer_finish_switch_fiber(f.fake_stack, &scheduler_bottom_, &scheduler_size_);
#endif
  }

  /// Lets the running thread and those of [first, first + n) that wait go on, in their order.
  void release(int first, int n, State waiting) {
    running->state = waiting;
    for (int i = first; i < first + n; ++i)
      if (Fiber& f = fibers_[static_cast<std::size_t>(i)]; f.state == waiting) {
        f.state = State::ready;
        next_ = std::min(next_, turn_[static_cast<std::size_t>(i)]);
      }
    to_scheduler(false);
  }

  /// Ends the block: the running thread never goes on.
  void fail(const std::string& what) {
    if (failure_.empty()) failure_ = what;
#if SHIM_TSAN
    __tsan_release(&block_ended_);
#endif
    wait(State::at_barrier, {});
  }

  std::string run_block() {
    fibers_.resize(static_cast<std::size_t>(count_));
    warps_.assign(static_cast<std::size_t>((count_ + kWarp - 1) / kWarp), {});
    for (int i = 0; i < count_; ++i) {
      Fiber& f = fibers_[static_cast<std::size_t>(i)];
      const auto n = static_cast<unsigned>(i);
      f.thread = Dim3(n % block_.threads.x, n / block_.threads.x % block_.threads.y, n / block_.threads.x / block_.threads.y);
      f.block = &block_;
      f.number = i;
      f.state = State::unstarted;
      f.copies.clear();
      f.groups.clear();
      f.uncommitted = 0;
      ++warps_[n / kWarp].size;
    }
    at_barrier_ = 0;
    failure_.clear();
#if SHIM_TSAN
    __tsan_release(&block_started_);
#endif
    int done = 0;
    for (next_ = 0; next_ < count_ && failure_.empty();) {
      Fiber& f = fibers_[static_cast<std::size_t>(thread_order_[static_cast<std::size_t>(next_++)])];
      if (f.state != State::ready && f.state != State::unstarted) continue;
      resume(f);
      done += f.state == State::done;
    }
#if SHIM_TSAN
    __tsan_acquire(&block_ended_);
#endif
    if (done == count_) return {};
    for (Fiber& f : fibers_) {
      if (f.stack) give_back(f);
      if (!failure_.empty() || f.state == State::done) continue;
      failure_ = std::string(f.state == State::at_barrier ? "a barrier" : "a warp operation") + " at " + where(f.at) +
                 " is not reached by every thread: thread " + std::to_string(f.number) + " waits for ever";
    }
    return failure_;
  }

  std::string order_ = "ascending";
  const char* kernel_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  Block block_{};
  char block_started_ = 0, block_ended_ = 0;  // ThreadSanitizer's: two, so that a thread that ended orders none that starts later
  int count_ = 0, at_barrier_ = 0;
  int next_ = 0;  // nobody before this place of the order can go on
  std::source_location barrier_at_;
  std::string failure_;
  std::vector<int> block_order_, thread_order_, turn_;  // turn_: a thread's place in thread_order_
  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  std::deque<Stack> all_;
  std::vector<Stack*> free_;
  void* scheduler_stack_pointer_ = nullptr;
  void* scheduler_fake_stack_ = nullptr;
  const void* scheduler_bottom_ = nullptr;
  std::size_t scheduler_size_ = 0;
  void* scheduler_fiber_ = nullptr;
};

Machine& machine() {
  static Machine& m = *[] {
    auto* created = new Machine;
    created->set_order(nullptr);
    return created;
  }();
  return m;
}

void Machine::entry() {
#if SHIM_TSAN
  __tsan_acquire(&machine().block_started_);
#endif
  machine().start();
}

}  // namespace

Thread& current() { return *machine().running; }
void block_barrier(std::source_location at) { machine().barrier(at); }
const std::uint64_t* warp_exchange(unsigned mask, std::uint64_t bits, std::source_location at) {
  return machine().exchange(mask, bits, at);
}

void async_copy(void* to, const void* from, std::size_t bytes, std::size_t valid) {
  if (machine().eager()) return land({to, from, bytes, valid});
  machine().running->copies.push_back({to, from, bytes, valid});
  ++machine().running->uncommitted;
}
void async_commit() {
  Fiber& f = *machine().running;
  f.groups.push_back(f.uncommitted);
  f.uncommitted = 0;
}
void async_wait(int pending) {
  Fiber& f = *machine().running;
  std::size_t landing = 0;
  while (f.groups.size() > static_cast<std::size_t>(pending)) {
    landing += f.groups.front();
    f.groups.pop_front();
  }
  const auto end = f.copies.begin() + static_cast<std::ptrdiff_t>(landing);
  std::for_each(f.copies.begin(), end, land);
  f.copies.erase(f.copies.begin(), end);
}

void run_grid(const char* kernel, Dim3 grid, Dim3 block, std::size_t shared_bytes, const std::function<void()>& body) {
  machine().run(kernel, grid, block, shared_bytes, body);
}
void order_threads(const char* order) { machine().set_order(order); }

}  // namespace shim
