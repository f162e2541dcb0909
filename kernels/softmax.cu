// CUDA twins of kernels/softmax.hpp. A group of lanes has one row, so that neighbouring lanes read neighbouring classes. A row of up to 256
// classes stays in registers: forward reads x once and writes y; backward reads dy once and y twice, the second time soon after the first,
// and writes dx. Longer rows are read anew for every step.
#include "lamina/kernels/softmax.hpp"

#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {
namespace {

constexpr int kThreads = 256, kHeld = 8;  // classes a lane holds

/// Sum and maximum over the group's lanes, in each of them.
template <int Group>
__device__ __forceinline__ float group_sum(float v) {
#pragma unroll
  for (int lanes = Group / 2; lanes > 0; lanes /= 2) v += __shfl_xor_sync(kFullMask, v, lanes);
  return v;
}
template <int Group>
__device__ __forceinline__ float group_max(float v) {
#pragma unroll
  for (int lanes = Group / 2; lanes > 0; lanes /= 2) {
    const float other = __shfl_xor_sync(kFullMask, v, lanes);
    v = other > v || other != other ? other : v;  // NaN spreads
  }
  return v;
}

/// What a row's lane sees of it: classes lane, lane + Group, ...; beyond the row 0. Rows longer than the registers are read again.
template <int Group, bool Held, class T>
class Row {
 public:
  __device__ Row(const T* row, std::int64_t cols, int lane) : row_(row), cols_(cols), lane_(lane) {
    if (Held)
#pragma unroll
      for (int k = 0; k < kHeld; ++k) held_[k] = at(k) < cols ? widen(row[at(k)]) : 0.f;
  }
  /// f(class, value) for each of the lane's classes.
  template <class F>
  __device__ __forceinline__ void each(F f) const {
    if (Held) {
#pragma unroll
      for (int k = 0; k < kHeld; ++k)
        if (at(k) < cols_) f(at(k), held_[k]);
    } else {
      for (std::int64_t c = lane_; c < cols_; c += Group) f(c, widen(row_[c]));
    }
  }

 private:
  __device__ std::int64_t at(int k) const { return lane_ + std::int64_t{k} * Group; }
  const T* row_;
  std::int64_t cols_;
  int lane_;
  float held_[Held ? kHeld : 1];
};

template <int Group, bool Held, bool Log, class T>
__global__ void softmax_forward_kernel(View2<const T> x, View2<T> y) {
  const std::int64_t r = global_thread() / Group;
  const int lane = static_cast<int>(threadIdx.x) % Group;
  const bool active = r < x.rows;  // lanes without a row take part in the shuffles
  const Row<Group, Held, T> row(active ? x.row(r) : x.data, active ? x.cols : 0, lane);
  float top = -__builtin_huge_valf();
  row.each([&](std::int64_t, float v) { top = v > top || v != v ? v : top; });
  top = group_max<Group>(top);
  float sum = 0;
  row.each([&](std::int64_t, float v) { sum += ::expf(v - top); });
  sum = group_sum<Group>(sum);
  const float inverse = 1 / sum, log_sum = ::logf(sum);
  row.each([&](std::int64_t c, float v) { y.row(r)[c] = narrow<T>(Log ? v - top - log_sum : ::expf(v - top) * inverse); });
}

template <int Group, bool Held, bool Log, class T>
__global__ void softmax_backward_kernel(View2<const T> y, View2<const T> dy, View2<T> dx) {
  const std::int64_t r = global_thread() / Group;
  const int lane = static_cast<int>(threadIdx.x) % Group;
  const bool active = r < y.rows;
  const std::int64_t cols = active ? y.cols : 0;
  const Row<Group, Held, T> row(active ? dy.row(r) : dy.data, cols, lane);
  float sum = 0;
  row.each([&](std::int64_t c, float g) { sum += Log ? g : g * widen(y.row(r)[c]); });
  sum = group_sum<Group>(sum);
  row.each([&](std::int64_t c, float g) {
    const float v = widen(y.row(r)[c]);
    dx.row(r)[c] = narrow<T>(Log ? g - ::expf(v) * sum : v * (g - sum));
  });
}

/// Calls f(Group, Held) with the constants for rows of `cols` classes: the smallest group whose registers hold a row.
template <class F>
void with_group(std::int64_t cols, F&& f) {
  const auto call = [&](auto group, auto held) { f(group, held); };
  using std::bool_constant;
  if (cols <= kHeld / 2) return call(std::integral_constant<int, 1>{}, bool_constant<true>{});
  if (cols <= 4 * kHeld / 2) return call(std::integral_constant<int, 4>{}, bool_constant<true>{});
  if (cols <= 8 * kHeld) return call(std::integral_constant<int, 8>{}, bool_constant<true>{});
  if (cols <= 32 * kHeld) return call(std::integral_constant<int, 32>{}, bool_constant<true>{});
  call(std::integral_constant<int, 32>{}, bool_constant<false>{});
}

template <bool Log, class T>
void forward(Cuda& cuda, View2<const T> x, View2<T> y) {
  with_group(x.cols, [&](auto group, auto held) {
    constexpr int kGroup = decltype(group)::value;
    launch<softmax_forward_kernel<kGroup, decltype(held)::value, Log, T>>(cuda, blocks_for(x.rows * kGroup, kThreads), kThreads, 0, x, y);
  });
}
template <bool Log, class T>
void backward(Cuda& cuda, View2<const T> y, View2<const T> dy, View2<T> dx) {
  with_group(y.cols, [&](auto group, auto held) {
    constexpr int kGroup = decltype(group)::value;
    launch<softmax_backward_kernel<kGroup, decltype(held)::value, Log, T>>(cuda, blocks_for(y.rows * kGroup, kThreads), kThreads, 0, y, dy,
                                                                           dx);
  });
}

}  // namespace

template <class T>
void softmax_forward(Cuda& cuda, View2<const T> x, View2<T> y) {
  forward<false>(cuda, x, y);
}
template <class T>
void softmax_backward(Cuda& cuda, View2<const T> y, View2<const T> dy, View2<T> dx) {
  backward<false>(cuda, y, dy, dx);
}
template <class T>
void log_softmax_forward(Cuda& cuda, View2<const T> x, View2<T> y) {
  forward<true>(cuda, x, y);
}
template <class T>
void log_softmax_backward(Cuda& cuda, View2<const T> y, View2<const T> dy, View2<T> dx) {
  backward<true>(cuda, y, dy, dx);
}

LAMINA_INSTANTIATE(&softmax_forward<float>, &softmax_forward<BFloat16>, &softmax_backward<float>, &softmax_backward<BFloat16>,
                   &log_softmax_forward<float>, &log_softmax_forward<BFloat16>, &log_softmax_backward<float>,
                   &log_softmax_backward<BFloat16>)

}  // namespace lamina::kernels::cuda
