// What the host shim must notice: each test plants a bug in a kernel and sees it caught, and sees the same kernel pass without it.
#include <cmath>
#include <string>
#include <vector>

#include "detail/cpu/correlation.hpp"
#include "detail/cuda/async_copy.cuh"
#include "detail/cuda/mma.cuh"
#include "detail/cuda/reduce.cuh"
#include "lamina/core/tensor.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/batch_norm2d.hpp"
#include "lamina/ops/conv2d.hpp"
#include "lamina/ops/reduce.hpp"
#include "lamina/ops/segmentation_loss.hpp"
#include "orders.hpp"
#include "support/op_check.hpp"
#include "support/sanitized.hpp"

using namespace lamina;
using namespace lamina::kernels::cuda;
using namespace lamina::test;

namespace {

template <bool Barrier>
__global__ void sum_kernel(const float* x, float* y) {
  LAMINA_SHARED(float, values);
  const int i = threadIdx.x;
  values[i] = x[i];
  if (Barrier) __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (i < half) values[i] += values[i + half];
    __syncthreads();
  }
  if (i == 0) *y = values[0];
}

template <bool Barrier>
double sum_in(const char* order) {
  return in_order(order, [] {
    const Tensor x = Tensor::full({64}, 1, {DType::f32, device()}), y = on_device(1);
    launch<sum_kernel<Barrier>>(cuda(), 1, 64, 64 * sizeof(float), x.data<const float>(), y.data<float>());
    return y.item();
  });
}

/// Runs a launch and returns what the next wait reports.
template <class F>
std::string failure_of(F&& work) {
  try {
    work();
    synchronize(device());
  } catch (const CudaError& e) {
    return e.what();
  }
  return {};
}
void check_reported(const std::string& failure, std::initializer_list<const char*> parts) {
  for (const char* part : parts) CHECK_MESSAGE(failure.find(part) != std::string::npos, "\"" << failure << "\" lacks \"" << part << "\"");
}

template <int Extra>
__global__ void write_shared_kernel() {
  LAMINA_SHARED(float, values);
  values[threadIdx.x + Extra] = 1;
}

template <int Case>
__global__ void divergent_kernel() {
  if (Case == 1 && threadIdx.x == 3) return;
  if (Case == 2 && threadIdx.x == 3)
    __syncthreads();
  else
    __syncthreads();
  if (Case == 3 && threadIdx.x == 3) return;
  (void)__shfl_xor_sync(Case == 4 ? 0x0fu : kFullMask, 1, 1);
}

__global__ void iota_kernel(float* y, std::int64_t n, std::int64_t written) {
  for (std::int64_t i = global_thread(); i < n && i < written; i += grid_threads()) y[i] = static_cast<float>(i);
}

template <bool Wait>
__global__ void async_kernel(const float* x, float* y) {
  LAMINA_SHARED(float, values);
  const int i = threadIdx.x;
  copy_async<16>(values + 4 * i, x + 4 * i);
  copy_async_commit();
  copy_async<16>(values + 128 + 4 * i, x, false);  // zeros
  copy_async_commit();
  copy_async_wait<1>();
  for (int k = 0; k < 4; ++k) y[4 * i + k] = values[4 * i + k];
  if (Wait) copy_async_wait<0>();
  for (int k = 0; k < 4; ++k) y[128 + 4 * i + k] = values[128 + 4 * i + k];
}

/// dx of a strided 1-d convolution by parity classes, one thread a pixel; `Off` is a planted error in the class.
template <int Off>
__global__ void strided_dgrad_kernel(const float* dy, std::int64_t dy_extent, const float* w, std::int64_t taps, float* dx,
                                     std::int64_t extent, int stride, int pad) {
  for (std::int64_t i = global_thread(); i < extent; i += grid_threads()) {
    const auto axis = gradient_axis(i % stride, extent, taps, pad, Conv2dParams{.stride = stride});
    float sum = 0;
    for (std::int64_t t = 0; t < axis.taps; ++t) {
      const std::int64_t from = axis.origin + i / stride + t * axis.step, tap = axis.tap_first + Off + t * axis.tap_step;
      if (from >= 0 && from < dy_extent && tap >= 0 && tap < taps) sum += dy[from] * w[tap];
    }
    dx[i] = sum;
  }
}

template <int Off>
double strided_dgrad_error() {
  const std::int64_t extent = 11, taps = 4, out = (extent + 2 - taps) / 2 + 1;
  const Tensor dy = random_normal({out}, 1, DType::f32), w = random_normal({taps}, 2, DType::f32), dx = on_device(extent);
  const Tensor dy_there = dy.to(device()), w_there = w.to(device());
  launch<strided_dgrad_kernel<Off>>(cuda(), 1, 32, 0, dy_there.data<const float>(), out, w_there.data<const float>(), taps,
                                    dx.data<float>(), extent, 2, 1);
  const Tensor want = Tensor::zeros({extent});
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t r = 0; r < taps; ++r)
      if (const std::int64_t i = 2 * o - 1 + r; i >= 0 && i < extent) want.data<float>()[i] += dy.data<float>()[o] * w.data<float>()[r];
  return relative_error(dx.to(kCpu), want);
}

/// (16, 16) x (16, 8) by one mma, the operands through load_matrices_x4: A by rows, B (k, n) transposed.
__global__ void mma_kernel(const BFloat16* a, const BFloat16* b, float* d) {
  LAMINA_SHARED(BFloat16, shared);  // A (16, 16), then B (16, 8) twice, so that four matrices can be loaded
  for (int i = threadIdx.x; i < 256; i += 32) shared[i] = a[i];
  for (int i = threadIdx.x; i < 256; i += 32) shared[256 + i] = b[i % 128];
  __syncwarp();
  const int lane = threadIdx.x, matrix = lane / 8, row = lane % 8;
  unsigned fa[4], fb[4];
  load_matrices_x4<false>(fa, shared + (matrix % 2 * 8 + row) * 16 + matrix / 2 * 8);
  for (int i = lane; i < 256; i += 32) shared[i] = {};  // what the hardware has loaded for all lanes may be overwritten by any
  load_matrices_x4<true>(fb, shared + 256 + (matrix * 8 + row) * 8);
  float sum[4] = {};
  const unsigned b_pair[2] = {fb[0], fb[1]};
  mma_m16n8k16(sum, fa, b_pair);
  const int g = lane / 4, t = lane % 4;
  for (int i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
}

template <int Operation>
__global__ void warp_kernel(int* y) {
  const int lane = threadIdx.x;
  if (Operation == 0) y[lane] = __shfl_xor_sync(kFullMask, lane, 5);
  if (Operation == 1) y[lane] = __shfl_down_sync(kFullMask, lane, 3);
  if (Operation == 2) y[lane] = __shfl_up_sync(kFullMask, lane, 3);
  if (Operation == 3) y[lane] = __shfl_sync(kFullMask, lane, 7);
  if (Operation == 4) y[lane] = static_cast<int>(__ballot_sync(kFullMask, lane % 3 == 0));
  if (Operation == 5) y[lane] = __shfl_down_sync(kFullMask, lane, 3, 8);
}

template <int Operation>
std::vector<int> warp_result() {
  const Tensor y = on_device<std::int32_t>(32);
  launch<warp_kernel<Operation>>(cuda(), 1, 32, 0, y.data<std::int32_t>());
  return y.to_vector<std::int32_t>();
}

}  // namespace

TEST_CASE("a missing barrier gives another sum in some order of the threads" * doctest::skip(kSanitized)) {  // TSan would report it
  bool differs = false;
  for (const char* order : kOrders) {
    CHECK(sum_in<true>(order) == 64);
    const double without = sum_in<false>(order);
    differs |= !(without == 64);
  }
  CHECK(differs);
}

// In the first two orders each warp runs ahead of each other one once: what a barrier is missing for differs in one of them.
TEST_CASE("a write behind the shared memory is reported") {
  CHECK(failure_of([] { launch<write_shared_kernel<0>>(cuda(), 2, 32, 32 * sizeof(float)); }) == "");
#if !defined(__SANITIZE_ADDRESS__)  // which stops the program there
  check_reported(failure_of([] { launch<write_shared_kernel<1>>(cuda(), 2, 32, 32 * sizeof(float)); }),
                 {"write_shared_kernel", "shared memory", "128 bytes"});
#endif
}

TEST_CASE("barriers and warp operations that not all threads reach are reported, and the process goes on") {
  CHECK(failure_of([] { launch<divergent_kernel<0>>(cuda(), 1, 64, 0); }) == "");
  check_reported(failure_of([] { launch<divergent_kernel<1>>(cuda(), 1, 64, 0); }), {"divergent_kernel", "a barrier at shim_test.cpp"});
  check_reported(failure_of([] { launch<divergent_kernel<2>>(cuda(), 1, 64, 0); }), {"different barriers", "shim_test.cpp"});
  check_reported(failure_of([] { launch<divergent_kernel<3>>(cuda(), 1, 64, 0); }), {"a warp operation at shim_test.cpp", "not reached"});
  check_reported(failure_of([] { launch<divergent_kernel<4>>(cuda(), 1, 64, 0); }), {"partial mask"});
  check_reported(failure_of([] { launch<divergent_kernel<0>>(cuda(), 1, 40, 0); }), {"no multiple of 32"});
  CHECK(sum_in<true>("ascending") == 64);
}

TEST_CASE("a kernel that fails as it runs is among the last ones launched, which the error names, whoever waits") {
  const Tensor x = Tensor::full({5}, 1, {DType::f32, device()}), y = on_device(4);
  const auto fail = [&](auto&& wait) {
    synchronize(device());
    for (int i = 0; i < 8; ++i) launch<sum_kernel<true>>(cuda(), 1, 64, 64 * sizeof(float), y.data<const float>(), y.data<float>());
    return failure_of([&] {
      synchronize(device());
      const Tensor z = add(x, x);
      launch<divergent_kernel<1>>(cuda(), 1, 64, 0);
      launch<iota_kernel>(cuda(), 1, 32, 0, y.data<float>(), std::int64_t{4}, std::int64_t{4});
      wait(z);
    });
  };
  for (const std::string& failure : {fail([](const Tensor&) {}), fail([](const Tensor& z) { z.to(kCpu); }), fail([](const Tensor&) {
                                       Stopwatch watch(device());
                                       watch.start();
                                       watch.seconds();
                                     })}) {
    CAPTURE(failure);
    const std::size_t at = failure.find("; the last kernels launched: ");
    REQUIRE(at != std::string::npos);
    const std::string named = failure.substr(at);
    const std::size_t sum = named.find("sum_kernel<true>, "), add = named.find("Add"), failed = named.find("divergent_kernel<1>, "),
                      last = named.find("iota_kernel; ");
    CHECK(sum < add);
    CHECK(add < failed);
    CHECK(failed < last);
    CHECK(last != std::string::npos);
    CHECK(named.find("sum_kernel", sum + 1) == std::string::npos);  // four names, the oldest first
    check_reported(named, {"CUDA_LAUNCH_BLOCKING=1"});
    CHECK(named.find("lamina::") == std::string::npos);
  }
  check_throws<CudaError>([] { launch<iota_kernel>(cuda(), 1, 2048, 0, nullptr, std::int64_t{0}, std::int64_t{0}); },
                          {"launching iota_kernel: cudaErrorInvalidConfiguration"});
}

TEST_CASE("an output that a kernel leaves unwritten is NaN") {
  for (const std::int64_t written : {100, 99}) {
    const Tensor y = on_device(100);
    launch<iota_kernel>(cuda(), 2, 32, 0, y.data<float>(), std::int64_t{100}, written);
    bool finite = true;
    for (float v : y.to_vector<float>()) finite &= std::isfinite(v);
    CHECK(finite == (written == 100));
  }
}

TEST_CASE("a wrong parity class of a strided gradient is seen") {
  CHECK(strided_dgrad_error<0>() < 1e-6);
  CHECK(strided_dgrad_error<1>() > 1e-2);
}

TEST_CASE("asynchronous copies land when they are waited for, in descending order at once, and zeros where nothing is valid") {
  const Tensor x = random_normal({128}, 1, DType::f32), there = x.to(device());
  const auto run = [&](auto kernel) {
    const Tensor y = on_device(256);
    kernel(there.data<const float>(), y.data<float>());
    return y.to(kCpu);
  };
  const Tensor right = run([](auto... p) { launch<async_kernel<true>>(cuda(), 1, 32, 1024, p...); });
  CHECK(relative_error(right.view_as({2, 128}).rows(0, 1).clone().view_as({128}), x) == 0);
  for (std::int64_t i = 128; i < 256; ++i) CHECK(right.data<float>()[i] == 0);
  for (const char* order : {"ascending", "descending"}) {
    const Tensor early = in_order(order, [&] { return run([](auto... p) { launch<async_kernel<false>>(cuda(), 1, 32, 1024, p...); }); });
    CHECK(std::isnan(early.data<float>()[128]) == (std::string(order) == "ascending"));
  }
}

TEST_CASE("streams run when somebody waits for them") {
  const Tensor y = Tensor::full({4}, -1, {DType::f32, device()});
  synchronize(device());
  launch<iota_kernel>(cuda(), 1, 32, 0, y.data<float>(), std::int64_t{4}, std::int64_t{4});
  CHECK(y.data<float>()[3] == -1);  // read too early: on the shim device memory can be read
  synchronize(device());
  CHECK(y.data<float>()[3] == 3);
}

TEST_CASE("warp operations") {
  const auto xor5 = warp_result<0>(), down = warp_result<1>(), up = warp_result<2>(), one = warp_result<3>(), ballot = warp_result<4>(),
             narrow_down = warp_result<5>();
  for (int i = 0; i < 32; ++i) {
    const auto k = static_cast<std::size_t>(i);
    CHECK(xor5[k] == (i ^ 5));
    CHECK(down[k] == (i + 3 < 32 ? i + 3 : i));
    CHECK(up[k] == (i >= 3 ? i - 3 : i));
    CHECK(one[k] == 7);
    CHECK(ballot[k] == 0x49249249);
    CHECK(narrow_down[k] == (i % 8 + 3 < 8 ? i + 3 : i));
  }
}

TEST_CASE("mma and the loads of its operands") {
  const Tensor a = random_normal({16, 16}, 1).to(DType::bf16), b = random_normal({16, 8}, 2).to(DType::bf16);
  const Tensor a_there = a.to(device()), b_there = b.to(device()), d = on_device(128);
  launch<mma_kernel>(cuda(), 1, 32, 1024, a_there.data<const BFloat16>(), b_there.data<const BFloat16>(), d.data<float>());
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  const Tensor want = Tensor::zeros({128}, {DType::f64, kCpu});
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t j = 0; j < 8; ++j)
      for (std::size_t k = 0; k < 16; ++k) want.data<double>()[i * 8 + j] += x[i * 16 + k] * y[k * 8 + j];
  CHECK(relative_error(d.to(kCpu), want) < 1e-6);
}

TEST_CASE("launches that no device accepts throw with the kernel's name") {
  check_throws<CudaError>([] { launch<iota_kernel>(cuda(), 1, 2048, 0, nullptr, std::int64_t{0}, std::int64_t{0}); },
                          {"iota_kernel", "cudaErrorInvalidConfiguration"});
  launch<iota_kernel>(cuda(), 0, 32, 0, nullptr, std::int64_t{0}, std::int64_t{0});  // an empty grid is no work
  synchronize(device());
}
