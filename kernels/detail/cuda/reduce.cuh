// Sums whose order depends on the shape alone: of a warp, of a block, and of the columns of pixels x channels matrices.
#pragma once
#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {

/// `N` neighbouring values as computed with, loaded and stored at once; p is aligned for it.
template <int N, class T>
__device__ __forceinline__ Pack<Compute<T>, N> load(const T* p) {
  const Pack<T, N> in = *reinterpret_cast<const Pack<T, N>*>(p);
  Pack<Compute<T>, N> out;
#pragma unroll
  for (int i = 0; i < N; ++i) out.v[i] = widen(in.v[i]);
  return out;
}
template <int N, class T>
__device__ __forceinline__ void store(T* p, const Pack<Compute<T>, N>& values) {
  Pack<T, N> out;
#pragma unroll
  for (int i = 0; i < N; ++i) out.v[i] = narrow<T>(values.v[i]);
  *reinterpret_cast<Pack<T, N>*>(p) = out;
}

/// Calls f(N) with the constant N = pack_width<T>(views...).
template <class T, class F, class... Views>
void with_pack_width(F&& f, const Views&... views) {
  constexpr int kMost = 16 / sizeof(T);
  if (pack_width<T>(views...) == kMost)
    f(std::integral_constant<int, kMost>{});
  else
    f(std::integral_constant<int, 1>{});
}

/// The sum over each `team` neighbouring lanes (a power of two), in every one of them.
template <class V>
__device__ __forceinline__ V team_sum(V v, int team) {
#pragma unroll
  for (int lanes = team / 2; lanes > 0; lanes /= 2) v += __shfl_xor_sync(kFullMask, v, lanes);
  return v;
}
template <class V>
__device__ __forceinline__ V warp_sum(V v) {
  return team_sum(v, kWarpSize);
}

/// The sum over the block, in every thread. `shared` has room for one value a warp.
template <class V>
__device__ V block_sum(V v, V* shared) {
  v = warp_sum(v);
  __syncthreads();  // `shared` may still be read
  if (threadIdx.x % kWarpSize == 0) shared[threadIdx.x / kWarpSize] = v;
  __syncthreads();
  V sum{};
  for (unsigned warp = 0; warp < blockDim.x / kWarpSize; ++warp) sum += shared[warp];
  return sum;
}

namespace detail {
template <class Finish>
__global__ void finish_sum_kernel(const double* partials, std::int64_t count, Finish finish) {
  LAMINA_SHARED(double, shared);  // (warps)
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += partials[i];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) finish(sum);
}
}  // namespace detail

/// finish(sum of the partials) on the device.
template <class Finish>
void finish_sum(const Cuda& cuda, const double* partials, std::int64_t count, Finish finish) {
  constexpr int kThreads = 1024;
  launch<detail::finish_sum_kernel<Finish>>(cuda, 1, kThreads, kThreads / kWarpSize * sizeof(double), partials, count, finish);
}

/// How blocks of kColumnThreads threads cover each matrix (rows, cols) of a batch: `lanes` threads side by side have `width` neighbouring
/// channels each and walk down the rows, `depth` of them at a time; `groups` blocks stand side by side, `chunks` below each other. By shape
/// alone.
inline constexpr int kColumnThreads = 256;
struct ColumnPlan {
  std::int64_t batch, rows, cols;
  int width, lanes, depth;
  std::int64_t groups, chunks;
};
LAMINA_HD constexpr ColumnPlan column_plan(std::int64_t batch, std::int64_t rows, std::int64_t cols, int width) {
  constexpr std::int64_t kMostLanes = 32, kRowsPerThread = 4, kMostBlocks = 1024;
  const std::int64_t packs = cols / width, groups = packs > kMostLanes ? (packs + kMostLanes - 1) / kMostLanes : 1;
  const std::int64_t lanes = packs > groups ? (packs + groups - 1) / groups : 1, depth = kColumnThreads / lanes;
  const std::int64_t wanted = rows / (depth * kRowsPerThread), across = groups * (batch > 1 ? batch : 1);
  const std::int64_t most = across < kMostBlocks ? kMostBlocks / across : 1, chunks = wanted < 1 ? 1 : wanted < most ? wanted : most;
  return {batch, rows, cols, width, static_cast<int>(lanes), static_cast<int>(depth), groups, chunks};
}

/// One thread's channels [c, c + width) of matrix `batch`, and its rows begin, begin + step, ... below end: none where the block is wider
/// than the matrix. Rows are numbered through the batch.
struct ColumnWalk {
  std::int64_t batch, c, begin, end, step;
};
LAMINA_HD constexpr ColumnWalk column_walk(const ColumnPlan& p, std::int64_t block, std::int64_t chunk, int thread) {
  const std::int64_t batch = block / p.groups, c = (block % p.groups * p.lanes + thread % p.lanes) * p.width, down = thread / p.lanes;
  const std::int64_t first = batch * p.rows + p.rows * chunk / p.chunks, end = batch * p.rows + p.rows * (chunk + 1) / p.chunks;
  const bool active = c < p.cols && down < p.depth;
  return {batch, c, active ? first + down : end, end, p.depth};
}

namespace detail {

inline dim3 column_blocks(const ColumnPlan& p) { return {static_cast<unsigned>(p.batch * p.groups), static_cast<unsigned>(p.chunks)}; }
__device__ __forceinline__ ColumnWalk this_walk(const ColumnPlan& p) {
  return column_walk(p, blockIdx.x, blockIdx.y, static_cast<int>(threadIdx.x));
}

template <class F>
__global__ void columns_kernel(ColumnPlan plan, F f) {
  const ColumnWalk walk = this_walk(plan);
  if (walk.begin < walk.end) f(walk);
}

template <int K, int N, class F>
__global__ void column_partials_kernel(ColumnPlan plan, F f, double* partials) {
  LAMINA_SHARED(double, shared);  // (depth, K, across)
  const int across = plan.lanes * N, lane = static_cast<int>(threadIdx.x) % plan.lanes, down = static_cast<int>(threadIdx.x) / plan.lanes;
  const ColumnWalk walk = this_walk(plan);
  double sums[K][N] = {};
  if (walk.begin < walk.end) f(walk, sums);
  if (down < plan.depth)
#pragma unroll
    for (int k = 0; k < K; ++k)
#pragma unroll
      for (int i = 0; i < N; ++i) shared[(down * K + k) * across + lane * N + i] = sums[k][i];
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < K * across; i += kColumnThreads) {
    const std::int64_t c = blockIdx.x % plan.groups * across + i % across;
    if (c >= plan.cols) continue;
    double sum = 0;
    for (int d = 0; d < plan.depth; ++d) sum += shared[d * K * across + i];
    partials[((walk.batch * plan.chunks + blockIdx.y) * K + i / across) * plan.cols + c] = sum;
  }
}

inline constexpr int kFinishDepth = 16;

/// Adds up partials (batch, chunks, K, cols) over the chunks; a block has 32 of the (batch, cols).
template <int K, class Finish>
__global__ void finish_columns_kernel(const double* partials, std::int64_t batch, std::int64_t chunks, std::int64_t cols, Finish finish) {
  LAMINA_SHARED(double, shared);  // (K, kFinishDepth, 32)
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize, down = static_cast<int>(threadIdx.x) / kWarpSize;
  const std::int64_t i = std::int64_t{blockIdx.x} * kWarpSize + lane;
  double sums[K] = {};
  if (i < batch * cols) {
    const double* from = partials + i / cols * chunks * K * cols + i % cols;
    for (std::int64_t chunk = down; chunk < chunks; chunk += kFinishDepth)
#pragma unroll
      for (int k = 0; k < K; ++k) sums[k] += from[(chunk * K + k) * cols];
  }
#pragma unroll
  for (int k = 0; k < K; ++k) shared[(k * kFinishDepth + down) * kWarpSize + lane] = sums[k];
  __syncthreads();
  if (down > 0 || i >= batch * cols) return;
#pragma unroll
  for (int k = 0; k < K; ++k) {
    sums[k] = 0;
    for (int d = 0; d < kFinishDepth; ++d) sums[k] += shared[(k * kFinishDepth + d) * kWarpSize + lane];
  }
  finish(i, sums);
}

}  // namespace detail

/// finish(b * cols + c, sums) on the device for every column of every matrix b of a batch, sums[k] being the sum over the chunks of
/// partials (batch, chunks, K, cols).
template <int K, class Finish>
void finish_columns(const Cuda& cuda, const double* partials, std::int64_t batch, std::int64_t chunks, std::int64_t cols, Finish finish) {
  launch<detail::finish_columns_kernel<K, Finish>>(cuda, blocks_for(batch * cols, kWarpSize), kWarpSize * detail::kFinishDepth,
                                                   K * detail::kFinishDepth * kWarpSize * sizeof(double), partials, batch, chunks, cols,
                                                   finish);
}

/// finish(b * cols + c, sums) on the device for each column of each matrix (rows, cols) of a batch: sums[k] holds what f(walk, sums) added
/// to sums[k][i] for column walk.c + i, f being called by each thread for its N channels and its rows.
template <int K, int N, class F, class Finish>
void reduce_columns(const Cuda& cuda, std::int64_t batch, std::int64_t rows, std::int64_t cols, F f, Finish finish) {
  const ColumnPlan plan = column_plan(batch, rows, cols, N);
  Workspace workspace(cuda);
  double* partials = workspace.take<double>(batch, plan.chunks, K, cols);
  launch<detail::column_partials_kernel<K, N, F>>(cuda, detail::column_blocks(plan), kColumnThreads,
                                                  static_cast<std::size_t>(plan.depth * K * plan.lanes * N) * sizeof(double), plan, f,
                                                  partials);
  finish_columns<K>(cuda, partials, batch, plan.chunks, cols, finish);
}

/// Calls f(walk) on the device, so that every row of every pack of N channels is walked once.
template <int N, class F>
void for_columns(const Cuda& cuda, std::int64_t batch, std::int64_t rows, std::int64_t cols, F f) {
  const ColumnPlan plan = column_plan(batch, rows, cols, N);
  launch<detail::columns_kernel<F>>(cuda, detail::column_blocks(plan), kColumnThreads, 0, plan, f);
}

/// Sums of rows for reduce_columns. Column j of x lies at offset j / x.cols * x.ld + j % x.cols: a row may be several of the view's.
template <class T, int N>
struct SumRows {
  View2<const T> x;
  std::int64_t row_stride;

  __device__ void operator()(const ColumnWalk& walk, double (&sums)[1][N]) const {
    const T* column = x.data + walk.c / x.cols * x.ld + walk.c % x.cols;
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) {
      const auto v = load<N>(column + r * row_stride);
#pragma unroll
      for (int i = 0; i < N; ++i) sums[0][i] += static_cast<double>(v.v[i]);
    }
  }
};
/// What reduce_columns may finish with: the sum of column j to sums[j].
template <class S>
struct WriteSum {
  S* sums;
  __device__ void operator()(std::int64_t j, const double (&sum)[1]) const { sums[j] = narrow<S>(static_cast<Compute<S>>(sum[0])); }
};

/// sums[c] = sum over r of x(r, c): one read of x.
template <class T, class S>
void column_sums(const Cuda& cuda, View2<const T> x, S* sums) {
  with_pack_width<T>(
      [&](auto n) {
        constexpr int N = decltype(n)::value;
        reduce_columns<1, N>(cuda, 1, x.rows, x.cols, SumRows<T, N>{x, x.ld}, WriteSum<S>{sums});
      },
      x);
}

}  // namespace lamina::kernels::cuda
