#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "lamina/ops/arithmetic.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("tasks within tasks run in place, so that an executor need not be reentrant") {
  FlatExecutor flat;
  const Cpu cpu{&flat, detected_isa()};
  int inner = 0;
  std::atomic<int> wrong{0};
  const auto nested = [&](std::int64_t, int worker) {
    cpu.parallel(3, [&](std::int64_t, int w) {
      inner++;
      wrong += w != worker;
      cpu.parallel(2, [&](std::int64_t, int deepest) { wrong += deepest != worker; });
    });
  };
  cpu.parallel(5, nested);
  CHECK(inner == 15);
  CHECK_THROWS_AS(
      cpu.parallel(4, [&](std::int64_t i, int) { cpu.parallel(2, [&](std::int64_t j, int) { require<DataError>(i + j != 3, ""); }); }),
      DataError);
  cpu.parallel(5, nested);  // the executor is asked again after an exception
  CHECK(inner == 30);
  ThreadPool pool(3);
  const Cpu other{&pool, detected_isa()};
  other.parallel(20, [&](std::int64_t, int) { cpu.parallel(4, [&](std::int64_t, int w) { wrong += w != 0; }); });  // within another's task
  CHECK(wrong == 0);
  std::atomic<int> strange{0};
  other.parallel(20, [&](std::int64_t, int worker) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // so that every worker has some
    other.parallel(4, [&](std::int64_t, int w) { strange += w != worker; });
    other.parallel(1, [&](std::int64_t, int w) { strange += w != worker; });
  });
  CHECK(strange == 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a pool that cannot start all its threads works with those it has, and no two tasks at once share a worker number") {
  constexpr int kThreads = 24;
  pthread_attr_t before, large;
  REQUIRE(pthread_getattr_default_np(&before) == 0);
  REQUIRE(pthread_getattr_default_np(&large) == 0);
  REQUIRE(pthread_attr_setstacksize(&large, std::size_t{64} << 20) == 0);
  REQUIRE(pthread_setattr_default_np(&large) == 0);
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_AS, &limit) == 0);
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;
  statm >> pages;
  rlimit small = limit;
  small.rlim_cur = pages * 4096 + (rlim_t{64} << 20) * 5;  // room for a few stacks
  ThreadPool pool(kThreads);
  std::vector<std::atomic<int>> busy(kThreads), done(200);
  std::atomic<int> shared{0};
  auto task = [&](std::int64_t i, int worker) {
    auto& own = busy[static_cast<std::size_t>(worker)];
    shared += own.fetch_add(1) != 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    own.fetch_sub(1);
    done[static_cast<std::size_t>(i)]++;
  };
  REQUIRE(setrlimit(RLIMIT_AS, &small) == 0);
  std::string error;
  try {
    pool.run(200, TaskRef(task));
  } catch (const std::exception& e) {
    error = e.what();
  }
  CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
  CHECK(pthread_setattr_default_np(&before) == 0);
  pthread_attr_destroy(&large);
  pthread_attr_destroy(&before);
  CHECK(error == "");
  pool.run(200, TaskRef(task));
  CHECK(shared == 0);
  for (auto& d : done) CHECK(d == 2);
}
#endif

TEST_CASE("executors: every task once, nested runs, a host's own pool") {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> hits(1000);
  std::atomic<int> outside{0};
  auto count = [&](std::int64_t i, int worker) {
    hits[static_cast<std::size_t>(i)]++;
    if (worker < 0 || worker >= 3) outside++;
  };
  pool.run(1000, TaskRef(count));
  for (auto& h : hits) CHECK(h == 1);
  CHECK(outside == 0);
  std::atomic<int> inner{0};
  auto nested = [&](std::int64_t, int) {
    auto leaf = [&](std::int64_t, int) { inner++; };
    pool.run(5, TaskRef(leaf));
  };
  pool.run(10, TaskRef(nested));
  CHECK(inner == 50);

  struct Serial final : Executor {
    int concurrency() const override { return 1; }
    void run(std::int64_t tasks, TaskRef task) override {
      for (std::int64_t i = 0; i < tasks; ++i) task(i, 0);
      ++runs;
    }
    int runs = 0;
  } serial;
  {
    const ExecutorScope scope(serial);
    add(Tensor::zeros({300, 300}), Tensor::zeros({300, 300}));
  }
  CHECK(serial.runs == 1);
  add(Tensor::zeros({300, 300}), Tensor::zeros({300, 300}));
  CHECK(serial.runs == 1);
  {
    const ExecutorScope outer(serial);
    { const ExecutorScope inner(pool); }
    add(Tensor::zeros({300, 300}), Tensor::zeros({300, 300}));
  }
  CHECK(serial.runs == 2);  // the inner scope gave the outer one back
}

TEST_CASE("a few tasks are workers of their own, so that threads without one need no scratch") {
  ThreadPool pool(16);
  const Cpu cpu{&pool, detected_isa()};
  for (const int tasks : {1, 3, 15, 16, 40}) {
    CAPTURE(tasks);
    const int workers = cpu.workers(tasks);
    CHECK(workers == std::min(tasks, 16));
    std::vector<std::atomic<int>> busy(16);
    std::atomic<int> beyond{0}, shared{0}, of_inner{0};
    cpu.parallel(tasks, [&](std::int64_t, int worker) {
      beyond += worker >= workers;
      shared += busy[static_cast<std::size_t>(worker)].fetch_add(1) != 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const int inner = cpu.workers(2);
      cpu.parallel(2, [&](std::int64_t, int w) { of_inner += w >= inner || (tasks > 1 && w != worker); });
      busy[static_cast<std::size_t>(worker)].fetch_sub(1);
    });
    CHECK(beyond == 0);
    CHECK(shared == 0);
    CHECK(of_inner == 0);
  }
  CHECK(cpu.workers(0) == 0);
}

TEST_CASE("a pool rethrows the exception of the lowest task, whichever came first") {
  ThreadPool pool(3);
  // A worker that starts another task has left its exception behind: that of the first of 0, 1 and 2 to throw starts 3, which waits, so
  // that of the second starts 4.
  const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const auto& order : orders) {
    std::atomic<int> started{0};  // of the tasks 3 and 4
    const auto wait_for = [&](int count) {
      const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (started < count && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
      return started >= count;
    };
    std::atomic<int> waited{0};
    auto fail = [&](std::int64_t i, int) {
      if (i >= 3) {
        ++started;
        waited += wait_for(2);
        return;
      }
      const auto turn = std::find(order, order + 3, i) - order;
      waited += wait_for(static_cast<int>(turn));
      throw DataError(message("task ", i, '.'));
    };
    CAPTURE(order[0]);
    CAPTURE(order[1]);
    check_throws<DataError>([&] { pool.run(5, TaskRef(fail)); }, {"task 0."});
    CHECK(waited == 5);  // they did throw in this order
  }
  auto last = [&](std::int64_t i, int) {
    if (i == 4) throw DataError("task 4.");
  };
  check_throws<DataError>([&] { pool.run(5, TaskRef(last)); }, {"task 4."});  // what an earlier run threw is forgotten
  auto none = [](std::int64_t, int) {};
  pool.run(5, TaskRef(none));
}

TEST_CASE("an executor without threads is refused") {
  struct Nobody : Executor {
    int concurrency() const override { return 0; }
    void run(std::int64_t, TaskRef) override {}
  } nobody;
  check_throws<OptionError>([&] { const ExecutorScope scope(nobody); }, {"concurrency() of 0", "1 or more"});
}
