// CPU twins of kernels/optimizer.hpp: one pass over weights, gradients and moments.
#include "detail/shared/optimizer.hpp"

#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

constexpr std::int64_t kChunk = 1 << 14;

/// Calls f(tensor, begin, end, chunk) over all tensors in chunks of at most kChunk elements.
template <class T, class F>
void for_chunks(Cpu& cpu, const UpdateTensor<T>* tensors, std::int64_t count, F&& f) {
  Workspace workspace;
  std::int64_t* first = workspace.take<std::int64_t>(count + 1);
  cpu.parallel(count_chunks(tensors, count, kChunk, first), [&](std::int64_t chunk, int) {
    const std::int64_t i = tensor_of_chunk(first, count, chunk), begin = (chunk - first[i]) * kChunk;
    f(tensors[i], begin, begin + kChunk < tensors[i].n ? begin + kChunk : tensors[i].n, chunk);
  });
}

template <class T>
void write_copy(const UpdateTensor<T>& p, std::int64_t begin, std::int64_t end) {
  if (p.copy)
    for (std::int64_t i = begin; i < end; ++i) p.copy[i] = BFloat16(static_cast<float>(p.w[i]));
}

}  // namespace

template <class T>
void adam_update(Cpu& cpu, const UpdateTensor<T>* tensors, std::int64_t count, const AdamUpdate& u) {
  const AdamStep<T> step(u);
  for_chunks(cpu, tensors, count, [&](const UpdateTensor<T>& p, std::int64_t begin, std::int64_t end, std::int64_t) {
    const GradientStep<T> rule(u.gradient, u.lr, p.decay);
    T* __restrict w = p.w, * __restrict m = p.m, * __restrict v = p.v;
    const T* __restrict g = p.g;
    for (std::int64_t i = begin; i < end; ++i) {
      const T by = step(rule(g[i], w[i]), m[i], v[i]);
      w[i] = w[i] * rule.shrink - by;
    }
    write_copy(p, begin, end);
  });
}

template <class T>
void sgd_update(Cpu& cpu, const UpdateTensor<T>* tensors, std::int64_t count, const SgdUpdate& u) {
  const SgdStep<T> step(u);
  for_chunks(cpu, tensors, count, [&](const UpdateTensor<T>& p, std::int64_t begin, std::int64_t end, std::int64_t) {
    const GradientStep<T> rule(u.gradient, u.lr, p.decay);
    T* __restrict w = p.w, * __restrict m = p.m;
    const T* __restrict g = p.g;
    for (std::int64_t i = begin; i < end; ++i) {
      const T slope = rule(g[i], w[i]), by = step.momentum != 0 ? step(slope, m[i]) : step(slope);
      w[i] = w[i] * rule.shrink - by;
    }
    write_copy(p, begin, end);
  });
}

template <class T>
void gradient_square_sum(Cpu& cpu, const UpdateTensor<T>* tensors, std::int64_t count, double* result) {
  std::int64_t chunks = 0;
  for (std::int64_t i = 0; i < count; ++i) chunks += (tensors[i].n + kChunk - 1) / kChunk;
  Workspace workspace;
  double* partial = workspace.take<double>(chunks);
  for_chunks(cpu, tensors, count, [&](const UpdateTensor<T>& p, std::int64_t begin, std::int64_t end, std::int64_t chunk) {
    double sum = 0;
    for (std::int64_t i = begin; i < end; ++i) sum += static_cast<double>(p.g[i]) * static_cast<double>(p.g[i]);
    partial[chunk] = sum;
  });
  *result = 0;
  for (std::int64_t i = 0; i < chunks; ++i) *result += partial[i];
}

LAMINA_INSTANTIATE(&adam_update<float>, &adam_update<double>, &sgd_update<float>, &sgd_update<double>, &gradient_square_sum<float>,
                   &gradient_square_sum<double>)

}  // namespace lamina::kernels::LAMINA_ISA
