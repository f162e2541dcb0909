// What a process can still get: of the machine, of control groups of both versions and those around them.
#include <doctest/doctest.h>

#include <limits>

#include "lamina/core/free_memory.hpp"
#include "lamina/core/tensor.hpp"
#include "lamina/io/file.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("free memory is the least that the machine and the control groups leave, cached files counting as free") {
  TempFolder f;
  release_cached_memory();
  const auto put = [&](const std::string& path, const std::string& text) {
    io::create_folders((f / path).parent_path());
    io::write_file_atomically(f / path, text);
  };
  const auto is = [&](std::int64_t bytes, const std::string& limit) {
    const FreeMemory free = free_memory(kCpu, f.path());
    CHECK(free.bytes == bytes);
    CHECK(free.limit == limit);
  };
  const char *machine = "the machine's free memory", *group = "the memory limit of its control group";
  is(std::numeric_limits<std::int64_t>::max(), "");  // nothing says
  put("proc/meminfo", "MemTotal:       9000 kB\nMemFree:         100 kB\nMemAvailable:   5000 kB\n");
  is(5'120'000, machine);
  put("proc/self/cgroup", "0::/user/run\n");
  is(5'120'000, machine);  // groups without limits
  put("sys/fs/cgroup/user/memory.max", "3000000\n");
  put("sys/fs/cgroup/user/memory.current", "1000000\n");
  put("sys/fs/cgroup/user/memory.stat", "anon 700000\nfile 160000\nactive_file 100000\ninactive_file 50000\n");
  put("sys/fs/cgroup/user/run/memory.max", "max\n");
  put("sys/fs/cgroup/user/run/memory.current", "900000\n");
  is(2'150'000, group);
  put("sys/fs/cgroup/user/run/memory.max", "1000000\n");
  is(100'000, group);
  put("sys/fs/cgroup/user/run/memory.current", "1000001\n");
  is(0, group);
  // The first version: a hierarchy of its own; other controllers say nothing. A container sees its group at the root.
  put("proc/self/cgroup", "7:cpuset:/user\n4:cpu,memory:/docker/1\n");
  for (const char* other : {"user", "user/memory"}) {
    put(std::string("sys/fs/cgroup/memory/") + other + "/memory.limit_in_bytes", "10\n");
    put(std::string("sys/fs/cgroup/memory/") + other + "/memory.usage_in_bytes", "0\n");
  }
  is(5'120'000, machine);
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000000\n");
  put("sys/fs/cgroup/memory/memory.usage_in_bytes", "1500000\n");
  put("sys/fs/cgroup/memory/memory.stat", "cache 9\nactive_file 1\ntotal_active_file 200000\ntotal_inactive_file 30000\n");
  is(2'730'000, group);
  put("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "9223372036854771712\n");
  put("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "5\n");
  is(2'730'000, group);
  put("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "1000005\n");
  is(1'000'000, group);
  // What the allocator keeps can be had, too.
  { const Tensor t = Tensor::zeros({1 << 18}); }
  is(1'000'000 + (1 << 20), group);
  release_cached_memory();
  // And here.
  CHECK(free_memory().bytes > 0);
  CHECK_FALSE(free_memory().limit.empty());
}

TEST_CASE("with a limit the allocator gives cached blocks back before it takes more") {
  release_cached_memory();
  const std::size_t before = memory_stats().in_use;
  set_memory_limit(before + (4u << 20));
  { const Tensor t = Tensor::empty({3 << 18}); }  // 3 MiB, cached
  CHECK(memory_stats().reserved >= before + (3u << 20));
  const Tensor t = Tensor::empty({2 << 18});
  CHECK(memory_stats().reserved <= before + (4u << 20));
  CHECK_THROWS_AS(Tensor::empty({3 << 18}), MemoryError);
  set_memory_limit(0);
}
