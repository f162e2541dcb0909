// CUDA twins of kernels/reduce.hpp. Memory passes: reduce_sum reads x once, reduce_spread writes dx once.
#include "lamina/kernels/reduce.hpp"

#include "detail/cuda/reduce.cuh"

namespace lamina::kernels::cuda {
namespace {

constexpr int kThreads = 256;

/// Column j of matrix b, scaled, to y's row (b, j / y.cols) and column j % y.cols.
template <class T>
struct WriteScaled {
  View2<T> y;
  double factor;
  __device__ void operator()(std::int64_t i, const double (&sum)[1]) const {
    y.row(i / y.cols)[i % y.cols] = narrow<T>(static_cast<float>(factor * sum[0]));
  }
};

/// sums[(o, i), c] = sum over r of x[(o, r, i), c], given to finish((o * inner + i) * x.cols + c, sum).
template <class T, class Finish>
void sum_rows(const Cuda& cuda, View2<const T> x, Reduction rows, Finish finish) {
  with_pack_width<T>(
      [&](auto n) {
        constexpr int N = decltype(n)::value;
        reduce_columns<1, N>(cuda, rows.outer, rows.reduced, rows.inner * x.cols, SumRows<T, N>{x, rows.inner * x.ld}, finish);
      },
      x);
}

/// y[r] = factor * the sum of x's row r, by `team` threads each (a power of two).
template <class S, class T>
__global__ void sum_columns_kernel(View2<const S> x, int team, double factor, View2<T> y) {
  const std::int64_t r = global_thread() / team;
  double sum = 0;
  if (r < x.rows)
    for (std::int64_t c = threadIdx.x % static_cast<unsigned>(team); c < x.cols; c += team) sum += static_cast<double>(widen(x.row(r)[c]));
  sum = team_sum(sum, team);
  if (r < x.rows && threadIdx.x % static_cast<unsigned>(team) == 0) *y.row(r) = narrow<T>(static_cast<float>(factor * sum));
}
template <class S, class T>
void sum_columns(const Cuda& cuda, View2<const S> x, double factor, View2<T> y) {
  int team = 1;
  while (team < kWarpSize && 4 * team < x.cols) team *= 2;
  launch<sum_columns_kernel<S, T>>(cuda, blocks_for(x.rows * team, kThreads), kThreads, 0, x, team, factor, y);
}

template <class T, int N>
struct Spread {
  View2<const T> dy;
  Reduction rows;
  float factor;
  View2<T> dx;

  __device__ void operator()(const ColumnWalk& walk) const {
    const bool one_column = dy.cols == 1 && dx.cols > 1;
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) {
      const T* from = dy.row(r / (rows.reduced * rows.inner) * rows.inner + r % rows.inner);
      Pack<float, N> v;
      if (one_column) {
#pragma unroll
        for (int i = 0; i < N; ++i) v.v[i] = widen(*from);
      } else {
        v = load<N>(from + walk.c);
      }
#pragma unroll
      for (int i = 0; i < N; ++i) v.v[i] *= factor;
      store<N>(dx.row(r) + walk.c, v);
    }
  }
};

}  // namespace

template <class T>
void reduce_sum(Cuda& cuda, View2<const T> x, Reduction rows, double factor, View2<T> y) {
  constexpr std::int64_t kLongRow = 1024;
  if (rows.reduced == 1) rows = {1, 1, y.rows};  // only the columns are summed: one axis of rows
  if (y.cols == 1 && rows.reduced == 1 && (x.cols < kLongRow || !x.contiguous())) return sum_columns(cuda, x, factor, y);
  if (y.cols == x.cols) return sum_rows(cuda, x, rows, WriteScaled<T>{y, factor});
  if (x.contiguous() && (rows.inner == 1 || rows.reduced == 1)) {  // what lies together is summed as one column
    const std::int64_t run = rows.reduced * x.cols;
    return reduce_columns<1, 1>(cuda, y.rows, run, 1, SumRows<T, 1>{{x.data, y.rows * run, 1, 1}, 1}, WriteScaled<T>{y, factor});
  }
  Workspace workspace(cuda);
  double* sums = workspace.take<double>(y.rows, x.cols);
  sum_rows(cuda, x, rows, WriteSum<double>{sums});
  sum_columns(cuda, View2<const double>{sums, y.rows, x.cols, x.cols}, factor, y);
}

template <class T>
void reduce_spread(Cuda& cuda, View2<const T> dy, Reduction rows, double factor, View2<T> dx) {
  const auto spread = [&](auto n) {
    constexpr int N = decltype(n)::value;
    for_columns<N>(cuda, 1, dx.rows, dx.cols, Spread<T, N>{dy, rows, static_cast<float>(factor), dx});
  };
  if (dy.cols == 1)
    with_pack_width<T>(spread, dx);
  else
    with_pack_width<T>(spread, dx, dy);
}

LAMINA_INSTANTIATE(&reduce_sum<float>, &reduce_sum<BFloat16>, &reduce_spread<float>, &reduce_spread<BFloat16>)

}  // namespace lamina::kernels::cuda
