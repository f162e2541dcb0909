// The default executor: a fixed pool whose workers take task indices from one counter.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "lamina/core/device.hpp"

namespace lamina {

struct ThreadPool::State {
  int threads = 1;
  std::once_flag started;
  std::vector<std::thread> workers;
  std::mutex run_mutex;  // one run() at a time

  std::mutex mutex;
  std::condition_variable wake, done;
  std::uint64_t generation = 0;
  int busy = 0;
  bool stopping = false;
  const TaskRef* task = nullptr;
  std::int64_t tasks = 0;
  std::atomic<std::int64_t> next{0};
  std::exception_ptr error;
  std::int64_t error_task = 0;  // the first one that threw

  void work(int worker);
  void loop(int worker);
};

namespace {
thread_local const void* running_pool = nullptr;
thread_local int running_worker = 0;
}  // namespace

void ThreadPool::State::work(int worker) {
  const void* outer_pool = std::exchange(running_pool, this);
  const int outer_worker = std::exchange(running_worker, worker);
  for (;;) {
    const std::int64_t i = next.fetch_add(1, std::memory_order_relaxed);
    if (i >= tasks) break;
    try {
      (*task)(i, worker);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!error || i < error_task) error = std::current_exception(), error_task = i;
    }
  }
  running_pool = outer_pool;
  running_worker = outer_worker;
}

void ThreadPool::State::loop(int worker) {
  std::uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return stopping || generation != seen; });
      if (stopping) return;
      seen = generation;
    }
    work(worker);
    std::lock_guard lock(mutex);
    if (--busy == 0) done.notify_one();
  }
}

ThreadPool::ThreadPool(int threads) : state_(new State) {
  state_->threads = threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  for (auto& t : state_->workers) t.join();
  delete state_;
}

int ThreadPool::concurrency() const { return state_->threads; }

void ThreadPool::run(std::int64_t tasks, TaskRef task) {
  State& s = *state_;
  if (running_pool == state_) {  // inside one of our own tasks: run in place, as the same worker
    const int worker = running_worker;
    for (std::int64_t i = 0; i < tasks; ++i) task(i, worker);
    return;
  }
  std::lock_guard turn(s.run_mutex);
  std::call_once(s.started, [&] {
    try {
      for (int w = 1; w < s.threads; ++w) s.workers.emplace_back([&s, w] { s.loop(w); });
    } catch (const std::system_error&) {  // the system has no more threads: those that started do the work
    }
  });
  {
    std::lock_guard lock(s.mutex);
    s.task = &task;
    s.tasks = tasks;
    s.next.store(0, std::memory_order_relaxed);
    s.busy = static_cast<int>(s.workers.size());
    s.error = nullptr;
    ++s.generation;
  }
  s.wake.notify_all();
  s.work(0);
  std::exception_ptr error;
  {
    std::unique_lock lock(s.mutex);
    s.done.wait(lock, [&] { return s.busy == 0; });
    error = std::exchange(s.error, nullptr);
  }
  if (error) std::rethrow_exception(error);
}

namespace {
thread_local Cpu scoped_cpu;
/// The task of Cpu::run that this thread is in.
struct RunningTask {
  const Executor* executor = nullptr;
  int worker = 0;
};
thread_local RunningTask running_task;
}  // namespace

int Cpu::workers(std::int64_t tasks) const {
  if (running_task.executor) return running_task.executor == executor ? running_task.worker + 1 : 1;
  return static_cast<int>(std::min<std::int64_t>(tasks, concurrency()));
}

void Cpu::run(std::int64_t tasks, TaskRef task) const {
  if (running_task.executor) {  // the worker's own scratch is nobody else's
    const int worker = running_task.executor == executor ? running_task.worker : 0;
    for (std::int64_t i = 0; i < tasks; ++i) task(i, worker);
    return;
  }
  if (tasks == 1) return task(0, 0);
  const bool few = tasks < concurrency();  // each is a worker of its own, so that idle ones need no scratch
  const auto marked = [this, few, &task](std::int64_t i, int thread) {
    const int worker = few ? static_cast<int>(i) : thread;
    struct Scope {
      ~Scope() { running_task = {}; }
    } scope;
    running_task = {executor, worker};
    task(i, worker);
  };
  executor->run(tasks, TaskRef(marked));
}

Cpu& current_cpu() {
  if (!scoped_cpu.executor) {
    static ThreadPool pool;
    scoped_cpu = {&pool, detected_isa()};
  }
  return scoped_cpu;
}

ExecutorScope::ExecutorScope(Executor& executor, Isa isa) : previous_(scoped_cpu) {
  require<OptionError>(executor.concurrency() >= 1, "an executor with a concurrency() of ", executor.concurrency(),
                       "; it must be 1 or more");
  scoped_cpu = {&executor, isa};
}
ExecutorScope::~ExecutorScope() { scoped_cpu = previous_; }

}  // namespace lamina
