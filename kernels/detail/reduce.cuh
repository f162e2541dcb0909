// Sums whose order depends on the shape alone: of a warp, of a block, and of the columns of pixels x channels matrices.
#pragma once
#include "detail/launch.cuh"

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

/// The sum over a warp, in every lane.
template <class V>
__device__ __forceinline__ V warp_sum(V v) {
#pragma unroll
  for (int lanes = kWarpSize / 2; lanes > 0; lanes /= 2) v += __shfl_xor_sync(kFullMask, v, lanes);
  return v;
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

/// How blocks of kColumnThreads threads cover (rows, cols): `lanes` threads side by side have `width` neighbouring channels each and walk
/// down the rows, `depth` of them at a time; `groups` blocks stand side by side, `chunks` below each other. By shape alone.
inline constexpr int kColumnThreads = 256;
struct ColumnPlan {
  int width, lanes, depth;
  std::int64_t groups, chunks;
};
LAMINA_HD constexpr ColumnPlan column_plan(std::int64_t rows, std::int64_t cols, int width) {
  constexpr std::int64_t kMostLanes = 32, kRowsPerThread = 4, kMostBlocks = 1024;
  const std::int64_t packs = cols / width, groups = (packs + kMostLanes - 1) / kMostLanes;
  const std::int64_t lanes = (packs + groups - 1) / groups, depth = kColumnThreads / lanes;
  const std::int64_t wanted = rows / (depth * kRowsPerThread), most = groups < kMostBlocks ? kMostBlocks / groups : 1;
  return {width, static_cast<int>(lanes), static_cast<int>(depth), groups, wanted < 1 ? 1 : wanted < most ? wanted : most};
}

/// One thread's channels [c, c + width) and rows begin, begin + step, ... below end: none where the block is wider than the matrix.
struct ColumnWalk {
  std::int64_t c, begin, end, step;
};
LAMINA_HD constexpr ColumnWalk column_walk(const ColumnPlan& p, std::int64_t rows, std::int64_t cols, std::int64_t group,
                                           std::int64_t chunk, int thread) {
  const std::int64_t c = (group * p.lanes + thread % p.lanes) * p.width, down = thread / p.lanes;
  const std::int64_t first = rows * chunk / p.chunks, end = rows * (chunk + 1) / p.chunks;
  const bool active = c < cols && down < p.depth;
  return {c, active ? first + down : end, end, p.depth};
}

namespace detail {

template <class F>
__global__ void columns_kernel(ColumnPlan plan, std::int64_t rows, std::int64_t cols, F f) {
  const ColumnWalk walk = column_walk(plan, rows, cols, blockIdx.x, blockIdx.y, static_cast<int>(threadIdx.x));
  if (walk.begin < walk.end) f(walk);
}

template <int K, int N, class F>
__global__ void column_partials_kernel(ColumnPlan plan, std::int64_t rows, std::int64_t cols, F f, double* partials) {
  LAMINA_SHARED(double, shared);  // (depth, K, across)
  const int across = plan.lanes * N, lane = static_cast<int>(threadIdx.x) % plan.lanes, down = static_cast<int>(threadIdx.x) / plan.lanes;
  const ColumnWalk walk = column_walk(plan, rows, cols, blockIdx.x, blockIdx.y, static_cast<int>(threadIdx.x));
  double sums[K][N] = {};
  if (walk.begin < walk.end) f(walk, sums);
  if (down < plan.depth)
#pragma unroll
    for (int k = 0; k < K; ++k)
#pragma unroll
      for (int i = 0; i < N; ++i) shared[(down * K + k) * across + lane * N + i] = sums[k][i];
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < K * across; i += static_cast<int>(blockDim.x)) {
    const std::int64_t c = std::int64_t{blockIdx.x} * across + i % across;
    if (c >= cols) continue;
    double sum = 0;
    for (int d = 0; d < plan.depth; ++d) sum += shared[d * K * across + i];
    partials[(std::int64_t{blockIdx.y} * K + i / across) * cols + c] = sum;
  }
}

inline constexpr int kFinishDepth = 16;

/// Adds up partials (batch, chunks, K, cols) over the chunks; a block has 32 columns.
template <int K, class Finish>
__global__ void finish_columns_kernel(const double* partials, std::int64_t chunks, std::int64_t cols, Finish finish) {
  LAMINA_SHARED(double, shared);  // (K, kFinishDepth, 32)
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize, down = static_cast<int>(threadIdx.x) / kWarpSize;
  const std::int64_t c = std::int64_t{blockIdx.x} * kWarpSize + lane;
  double sums[K] = {};
  if (c < cols)
    for (std::int64_t chunk = down; chunk < chunks; chunk += kFinishDepth)
#pragma unroll
      for (int k = 0; k < K; ++k) sums[k] += partials[((blockIdx.y * chunks + chunk) * K + k) * cols + c];
#pragma unroll
  for (int k = 0; k < K; ++k) shared[(k * kFinishDepth + down) * kWarpSize + lane] = sums[k];
  __syncthreads();
  if (down > 0 || c >= cols) return;
#pragma unroll
  for (int k = 0; k < K; ++k) {
    sums[k] = 0;
    for (int d = 0; d < kFinishDepth; ++d) sums[k] += shared[(k * kFinishDepth + d) * kWarpSize + lane];
  }
  finish(blockIdx.y * cols + c, sums);
}

}  // namespace detail

/// finish(b * cols + c, sums) for every column of every matrix b of a batch, sums[k] being the sum over the chunks of partials
/// (batch, chunks, K, cols), batch <= 65535.
template <int K, class Finish>
void finish_columns(const Cuda& cuda, const double* partials, std::int64_t batch, std::int64_t chunks, std::int64_t cols, Finish finish) {
  launch<detail::finish_columns_kernel<K, Finish>>(cuda, dim3(blocks_for(cols, kWarpSize), static_cast<unsigned>(batch)),
                                                   kWarpSize * detail::kFinishDepth, K * detail::kFinishDepth * kWarpSize * sizeof(double),
                                                   partials, chunks, cols, finish);
}

/// finish(c, sums) on the device for each column: sums[k] holds what f(walk, sums) added to sums[k][i] for column walk.c + i, f being
/// called by each thread for its N channels and its rows.
template <int K, int N, class F, class Finish>
void reduce_columns(const Cuda& cuda, std::int64_t rows, std::int64_t cols, F f, Finish finish) {
  const ColumnPlan plan = column_plan(rows, cols, N);
  Workspace workspace(cuda);
  double* partials = workspace.take<double>(plan.chunks * K * cols);
  launch<detail::column_partials_kernel<K, N, F>>(
      cuda, dim3(static_cast<unsigned>(plan.groups), static_cast<unsigned>(plan.chunks)), kColumnThreads,
      static_cast<std::size_t>(plan.depth * K * plan.lanes * N) * sizeof(double), plan, rows, cols, f, partials);
  finish_columns<K>(cuda, partials, 1, plan.chunks, cols, finish);
}

/// Calls f(walk) on the device, so that every row of every pack of N channels is walked once.
template <int N, class F>
void for_columns(const Cuda& cuda, std::int64_t rows, std::int64_t cols, F f) {
  const ColumnPlan plan = column_plan(rows, cols, N);
  launch<detail::columns_kernel<F>>(cuda, dim3(static_cast<unsigned>(plan.groups), static_cast<unsigned>(plan.chunks)), kColumnThreads, 0,
                                    plan, rows, cols, f);
}

namespace detail {
template <class T, int N>
struct SumRows {
  View2<const T> x;
  __device__ void operator()(const ColumnWalk& walk, double (&sums)[1][N]) const {
    float sum[N] = {};
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) {
      const auto v = load<N>(x.row(r) + walk.c);
#pragma unroll
      for (int i = 0; i < N; ++i) sum[i] += v.v[i];
    }
#pragma unroll
    for (int i = 0; i < N; ++i) sums[0][i] = static_cast<double>(sum[i]);
  }
};
template <class S>
struct WriteSum {
  S* sums;
  double factor;
  __device__ void operator()(std::int64_t c, const double (&sum)[1]) const {
    sums[c] = narrow<S>(static_cast<Compute<S>>(factor * sum[0]));
  }
};
}  // namespace detail

/// sums[c] = factor * sum over r of x(r, c): one read of x.
template <class T, class S>
void column_sums(const Cuda& cuda, View2<const T> x, S* sums, double factor = 1) {
  with_pack_width<T>(
      [&](auto n) {
        constexpr int N = decltype(n)::value;
        reduce_columns<1, N>(cuda, x.rows, x.cols, detail::SumRows<T, N>{x}, detail::WriteSum<S>{sums, factor});
      },
      x);
}

}  // namespace lamina::kernels::cuda
