// CUDA twins of kernels/optimizer.hpp: one launch for all tensors, whose table is uploaded; one pass over weights, gradients and moments. A
// block has one chunk of one tensor.
#include "detail/shared/optimizer.hpp"

#include "detail/cuda/reduce.cuh"

namespace lamina::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kChunk = 16 * kThreads;

/// The list of tensors on the device.
template <class T>
struct Table {
  const UpdateTensor<T>* tensors;
  const std::int64_t* first;  // chunk of each tensor
  std::int64_t count, chunks;

  Table(Cuda& cuda, const UpdateTensor<T>* list, std::int64_t count, Workspace& workspace) : count(count) {
    Workspace host;
    std::int64_t *starts = host.take<std::int64_t>(count + 1), *first_on_device = workspace.take<std::int64_t>(count + 1);
    chunks = count_chunks(list, count, kChunk, starts);
    UpdateTensor<T>* tensors_on_device = workspace.take<UpdateTensor<T>>(count);
    upload(cuda, first_on_device, starts, static_cast<std::size_t>(count + 1) * sizeof *starts);
    upload(cuda, tensors_on_device, list, static_cast<std::size_t>(count) * sizeof *list);
    tensors = tensors_on_device;
    first = first_on_device;
  }
};

/// Calls f(tensor, i) for the elements i of this block's chunk.
template <class T, class F>
__device__ __forceinline__ void for_chunk(const Table<T>& table, F f) {
  const std::int64_t t = tensor_of_chunk(table.first, table.count, blockIdx.x), begin = (blockIdx.x - table.first[t]) * kChunk;
  const UpdateTensor<T> tensor = table.tensors[t];
  const std::int64_t end = begin + kChunk < tensor.n ? begin + kChunk : tensor.n;
#pragma unroll 4
  for (std::int64_t i = begin + threadIdx.x; i < end; i += kThreads) f(tensor, i);
}

template <class T>
__device__ __forceinline__ void set_weight(const UpdateTensor<T>& p, std::int64_t i, float w) {
  p.w[i] = w;
  if (p.copy) p.copy[i] = BFloat16(w);
}

template <class T>
__global__ void adam_update_kernel(Table<T> table, GradientRule gradient, double lr, AdamStep<float> step) {
  for_chunk(table, [&](const UpdateTensor<T>& p, std::int64_t i) {
    const GradientStep<float> rule(gradient, lr, p.decay);
    const float w = p.w[i];
    float m = p.m[i], v = p.v[i];
    const float by = step(rule(p.g[i], w), m, v);
    p.m[i] = m;
    p.v[i] = v;
    set_weight(p, i, w * rule.shrink - by);
  });
}

template <class T>
__global__ void sgd_update_kernel(Table<T> table, GradientRule gradient, double lr, SgdStep<float> step) {
  for_chunk(table, [&](const UpdateTensor<T>& p, std::int64_t i) {
    const GradientStep<float> rule(gradient, lr, p.decay);
    const float w = p.w[i], slope = rule(p.g[i], w);
    float by;
    if (step.momentum != 0) {
      float m = p.m[i];
      by = step(slope, m);
      p.m[i] = m;
    } else {
      by = step(slope);
    }
    set_weight(p, i, w * rule.shrink - by);
  });
}

template <class T>
__global__ void square_sums_kernel(Table<T> table, double* partials) {
  LAMINA_SHARED(double, shared);
  double sum = 0;
  for_chunk(table, [&](const UpdateTensor<T>& p, std::int64_t i) {
    const double g = p.g[i];
    sum += g * g;
  });
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

struct WriteTotal {
  double* total;
  __device__ void operator()(double sum) const { *total = sum; }
};

constexpr std::size_t kSumBytes = kThreads / kWarpSize * sizeof(double);

}  // namespace

template <class T>
void adam_update(Cuda& cuda, const UpdateTensor<T>* tensors, std::int64_t count, const AdamUpdate& u) {
  Workspace workspace(cuda);
  const Table<T> table(cuda, tensors, count, workspace);
  launch<adam_update_kernel<T>>(cuda, static_cast<unsigned>(table.chunks), kThreads, 0, table, u.gradient, u.lr, AdamStep<float>(u));
}

template <class T>
void sgd_update(Cuda& cuda, const UpdateTensor<T>* tensors, std::int64_t count, const SgdUpdate& u) {
  Workspace workspace(cuda);
  const Table<T> table(cuda, tensors, count, workspace);
  launch<sgd_update_kernel<T>>(cuda, static_cast<unsigned>(table.chunks), kThreads, 0, table, u.gradient, u.lr, SgdStep<float>(u));
}

template <class T>
void gradient_square_sum(Cuda& cuda, const UpdateTensor<T>* tensors, std::int64_t count, double* result) {
  Workspace workspace(cuda);
  const Table<T> table(cuda, tensors, count, workspace);
  double *partials = workspace.take<double>(table.chunks), *total = workspace.take<double>(1);
  launch<square_sums_kernel<T>>(cuda, static_cast<unsigned>(table.chunks), kThreads, kSumBytes, table, partials);
  finish_sum(cuda, partials, table.chunks, WriteTotal{total});
  download(cuda, result, total, sizeof *result);
}

LAMINA_INSTANTIATE(&adam_update<float>, &sgd_update<float>, &gradient_square_sum<float>)

}  // namespace lamina::kernels::cuda
