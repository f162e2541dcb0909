// The CUDA device layer: on a GPU, or on the host shim.
#include <chrono>
#include <cmath>
#include <thread>

#include "lamina/core/dispatch.hpp"
#include "lamina/core/free_memory.hpp"
#include "lamina/kernels/arithmetic.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "support/op_check.hpp"
#if LAMINA_HAS_SHIM
#include <cuda_runtime.h>
#endif

using namespace lamina;
using namespace lamina::test;

namespace {
constexpr Device kCuda{Device::Type::cuda, 0};
}

TEST_CASE("a device that is absent is named, with the cure") {
  check_throws<DeviceError>(
      [] {
        Tensor::zeros({2}, {DType::f32, {Device::Type::cuda, 99}});
      },
      {LAMINA_HAS_CUDA ? "CUDA" : "no CUDA back end; configure it with -DLAMINA_CUDA=ON"});
  CHECK(device_name(kCpu) == "cpu");
}

TEST_CASE("a stopwatch on the CPU measures what lies between its two calls") {
  Stopwatch watch(kCpu);
  watch.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(watch.seconds() >= 0.02);
  watch.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double restarted = watch.seconds();
  CHECK(restarted >= 0.001);
  if (!LAMINA_HAS_CUDA) check_throws<DeviceError>([] { Stopwatch{kCuda}; }, {"cuda:0 is absent"});
  if (!LAMINA_HAS_CUDA) check_throws<DeviceError>([] { (void)free_memory(kCuda); }, {"cuda:0 is absent"});
}

#if LAMINA_HAS_CUDA
TEST_CASE("free memory of a CUDA device: what is in use is not, what the allocator keeps is") {
  for (Device device : cuda_devices()) {
    release_cached_memory(device);
    const std::int64_t before = free_memory(device).bytes, bytes = 64 << 20;
    CHECK(free_memory(device).limit == "the free memory of " + device.str());
    {
      const Tensor x = Tensor::empty({bytes}, {DType::u8, device});
      CHECK(std::abs(before - bytes - free_memory(device).bytes) <= bytes / 8);
    }
    CHECK(std::abs(before - free_memory(device).bytes) <= bytes / 8);
    release_cached_memory(device);
  }
}

TEST_CASE("a stopwatch on a CUDA device measures the work between its two calls") {
  for (Device device : cuda_devices()) {
    const Tensor x = Tensor::full({64, 64}, 1, {DType::f32, device});
    Stopwatch outer(device), inner(device);
    outer.start();
    const Tensor y = add(x, x);
    inner.start();
    Tensor z = y;
    for (int i = 0; i < 50; ++i) z = add(z, x);
    const double some = inner.seconds(), all = outer.seconds();
    CHECK(some > 0);
    CHECK(all >= some);
    CHECK(z.to(kCpu).data<float>()[4095] == 52);
    check_throws<DeviceError>([] { Stopwatch{Device{Device::Type::cuda, 99}}; }, {"cuda:99 is absent"});
  }
}

TEST_CASE("tensors on a CUDA device: copies, slices, conversions, fill") {
  for (Device device : cuda_devices()) {
    CHECK(!device_name(device).empty());
    for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::u8, DType::i32, DType::i64}) {
      CAPTURE(name_of(dtype));
      const Tensor host = Tensor::uniform({3, 5, 7, 6}, {1, 2}, 0, 100).to(dtype);
      const Tensor there = host.to(device);
      CHECK(there.device() == device);
      CHECK(same_bytes(there.to(kCpu), host));
      CHECK(same_bytes(there.clone().to(kCpu), host));
      // A slice out of and into a wider tensor, in each direction.
      CHECK(same_bytes(there.channels(1, 3).to(kCpu), host.channels(1, 3).clone()));
      const Tensor wide = Tensor::full({3, 5, 7, 9}, 7, {dtype, device});
      wide.channels(2, 6).copy_from(host);
      CHECK(same_bytes(wide.channels(2, 6).to(kCpu), host));
      CHECK(same_bytes(wide.channels(8, 1).to(kCpu), Tensor::full({3, 5, 7, 1}, 7, {dtype, kCpu})));
      CHECK(same_bytes(wide.channels(0, 2).to(kCpu), Tensor::full({3, 5, 7, 2}, 7, {dtype, kCpu})));
    }
    const Tensor x = random_normal({4, 33}, 3, DType::f32), y = x.to(device);
    CHECK(same_bytes(y.to(DType::bf16).to(kCpu), x.to(DType::bf16)));
    CHECK(same_bytes(y.to(DType::bf16).to(DType::f32).to(kCpu), x.to(DType::bf16).to(DType::f32)));
    CHECK(same_bytes(y.to(DType::f64).to(kCpu), x.to(DType::f64)));
    CHECK(Tensor::full({}, 2.5, {DType::f32, device}).item() == 2.5);
    CHECK(Tensor::zeros({0, 4}, {DType::f32, device}).to_vector<float>().empty());
  }
}

TEST_CASE("uploads larger than the pinned buffers, one after the other, while the source changes") {
  for (Device device : cuda_devices()) {
    const std::int64_t n = (std::int64_t{9} << 20) / 4 + 3;  // four buffers and a bit, of eight
    Tensor host = Tensor::full({n}, 1);
    const Tensor first = host.to(device), wide = Tensor::zeros({3, n}, {DType::f32, device});
    host.fill(2);
    const Tensor second = host.to(device);
    host.fill(3);
    wide.rows(1, 1).copy_from(host.view_as({1, n}));
    host.fill(4);
    for (std::int64_t i : {std::int64_t{0}, n / 2, n - 1}) {
      CHECK(first.to(kCpu).data<float>()[i] == 1);
      CHECK(second.to(kCpu).data<float>()[i] == 2);
      CHECK(wide.to(kCpu).data<float>()[n + i] == 3);
      CHECK(wide.to(kCpu).data<float>()[2 * n + i] == 0);
    }
  }
}

TEST_CASE("move_to changes what every handle sees") {
  for (Device device : cuda_devices()) {
    Tensor w = Tensor::from({1.f, 2.f, 3.f}, {3});
    w.set_requires_grad();
    const Tensor handle = w;
    mul(w, w).backward(Tensor::full({3}, 1));
    w.move_to({w.dtype(), device});
    CHECK(handle.device() == device);
    CHECK(handle.requires_grad());
    CHECK(handle.grad().device() == device);
    CHECK(handle.to(kCpu).to_vector<float>() == std::vector<float>{1, 2, 3});
    w.move_to({w.dtype(), kCpu});
    CHECK(handle.to_vector<float>() == std::vector<float>{1, 2, 3});
    check_throws<ShapeError>([&] { Tensor::zeros({2, 4}).channels(0, 2).move_to({DType::f32, device}); }, {"move_to", "slice"});
  }
}

TEST_CASE("tensors of different devices do not mix, and unsupported dtypes are named") {
  for (Device device : cuda_devices()) {
    const Tensor a = Tensor::zeros({2}), b = Tensor::zeros({2}, {DType::f32, device});
    check_throws<DeviceError>([&] { add(a, b); }, {"add", "cpu", "cuda:0"});
    const Tensor d = Tensor::zeros({2}, {DType::f64, device});
    check_throws<DeviceError>([&] { add(d, d); }, {"f64", "cuda:0", "bf16"});
  }
}

TEST_CASE("device memory: statistics, cache, limit; the message names bytes and tensor, and the process goes on") {
  for (Device device : cuda_devices()) {
    release_cached_memory(device);
    const MemoryStats before = memory_stats(device);
    {
      const Tensor t = Tensor::empty({1000, 1000}, {DType::f32, device});
      CHECK(memory_stats(device).in_use >= before.in_use + 4000000);
    }
    CHECK(memory_stats(device).in_use == before.in_use);
    CHECK(memory_stats(device).reserved >= 4000000);
    release_cached_memory(device);
    CHECK(memory_stats(device).reserved == before.reserved);
    set_memory_limit(1 << 20, device);
    check_throws<MemoryError>(
        [&] {
          Tensor::empty({1000, 1000}, {DType::f32, device});
        },
        {"out of memory on cuda:0", "4000000 bytes", "(1000, 1000)", "f32", "limit"});
    set_memory_limit(0, device);
    CHECK(Tensor::full({1000, 1000}, 1, {DType::f32, device}).to(kCpu).data<float>()[999999] == 1);
  }
}

TEST_CASE("scratch memory that cannot be had: the message says whose it was, and nothing stays allocated") {
  for (Device device : cuda_devices()) {
    const std::size_t here = memory_stats(kCpu).in_use, there = memory_stats(device).in_use;
    {
      Workspace workspace(current_cuda(device.index));
      CHECK(workspace.take<float>(1000) != nullptr);
      set_memory_limit(1, kCpu);  // what is kept about the block is on the host
      check_throws<MemoryError>([&] { workspace.take<float>(1000000); }, {"out of memory on cpu", "scratch memory of a kernel"});
      set_memory_limit(0, kCpu);
      set_memory_limit(1 << 20, device);
      check_throws<MemoryError>([&] { workspace.take<float>(1000000); },
                                {"out of memory on cuda:0", "4000000 bytes", "scratch memory of a kernel"});
      set_memory_limit(0, device);
    }
    CHECK(memory_stats(kCpu).in_use == here);
    CHECK(memory_stats(device).in_use == there);
  }
}

#if LAMINA_HAS_SHIM
TEST_CASE("a device is named without a context on it") {
  shim::set_machine(4, -1);
  CHECK(cudaSetDevice(0) == cudaSuccess);
  CHECK(device_name({Device::Type::cuda, 3}) == "host shim");
  int chosen = -1;
  CHECK(cudaGetDevice(&chosen) == cudaSuccess);
  CHECK(chosen == 0);
  check_throws<DeviceError>([] { device_name({Device::Type::cuda, 4}); }, {"cuda:4 is absent", "4 CUDA device(s)"});
  shim::set_machine(-1, -1);
}

TEST_CASE("the host program's choice of a device stays, and what runs on another finds its own chosen") {
  shim::set_machine(6, -1);  // 1 and 2 are for tests that need them unused
  const auto chosen = [] {
    int device = -1;
    CHECK(cudaGetDevice(&device) == cudaSuccess);
    return device;
  };
  for (int host : {0, 4, 5}) {
    REQUIRE(cudaSetDevice(host) == cudaSuccess);
    for (int index : {0, 4, 5}) {
      CAPTURE(index);
      const Device device{Device::Type::cuda, index};
      Tensor x = Tensor::full({64, 64}, 3, {DType::f32, device});
      CHECK(chosen() == host);
      x.set_requires_grad();
      const Tensor y = mul(x, x), narrow = y.detach().to(DType::bf16);  // a kernel of each way to launch
      y.backward(Tensor::full({64, 64}, 1, like(y)));
      CHECK(x.grad().to(kCpu).to_vector<float>() == std::vector<float>(4096, 6));
      CHECK(narrow.to(kCpu).to(DType::f32).to_vector<float>() == std::vector<float>(4096, 9));
      Stopwatch watch(device);
      watch.start();
      (void)add(x.detach(), x.detach());
      watch.seconds();
      synchronize(device);
      set_memory_poison(true);
      (void)Tensor::empty({8}, {DType::f32, device});
      set_memory_poison(false);
      release_cached_memory(device);
      (void)current_cuda(index);
      CHECK(chosen() == host);
      shim::fail_allocations(0);
      check_throws<MemoryError>([&] { add(Tensor::empty({1 << 20}, {DType::f32, device}), x); }, {"out of memory"});
      shim::fail_allocations(-1);
      CHECK(chosen() == host);
    }
  }
  REQUIRE(cudaSetDevice(0) == cudaSuccess);
  shim::set_machine(-1, -1);
}

TEST_CASE("pinned memory that cannot be had is an error of memory, with the bytes, and the process goes on") {
  shim::set_machine(3, -1);
  const Device device{Device::Type::cuda, 2};  // one that has no pinned buffers yet
  const Tensor host = Tensor::full({5}, 3), there = Tensor::empty({5}, {DType::f32, device});
  shim::fail_allocations(0);
  check_throws<MemoryError>([&] { there.copy_from(host); }, {"out of pinned memory", "2097152 bytes", "uploads"});
  shim::fail_allocations(-1);
  there.copy_from(host);
  CHECK(there.to_vector<float>() == std::vector<float>(5, 3));
  shim::set_machine(-1, -1);
}

TEST_CASE("an allocation that fails inside an op leaves the process able to go on") {
  const Tensor x = Tensor::full({64, 64}, 1, {DType::f32, kCuda});
  release_cached_memory(kCuda);
  shim::fail_allocations(0);
  check_throws<MemoryError>([&] { add(x, x); }, {"out of memory on cuda:0", "16384 bytes", "(64, 64)"});
  shim::fail_allocations(-1);
  CHECK(add(x, x).to(kCpu).data<float>()[5] == 2);
}

TEST_CASE("no device, or a driver that is too old") {
  const auto use = [] {
    Tensor::zeros({1}, {DType::f32, {Device::Type::cuda, 1}});  // one that was not used before
  };
  shim::set_machine(0, -1);
  CHECK(cuda_device_count() == 0);
  check_throws<DeviceError>(use, {"cuda:1 is absent", "no CUDA device"});
  shim::set_machine(-1, 12020);
  check_throws<DeviceError>(use, {"driver supports CUDA 12.2", "needs 13.0", "update the driver"});
  shim::set_machine(-1, -1);
  CHECK(cuda_device_count() == 1);
}
#endif
#endif
