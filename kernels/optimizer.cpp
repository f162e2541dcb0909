// CPU twins of kernels/optimizer.hpp.
#include "lamina/kernels/optimizer.hpp"

#include "detail/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

constexpr std::int64_t kChunk = 1 << 14;

/// Calls f(tensor, begin, end, chunk index) over all tensors in chunks of at most kChunk elements.
template <class T, class F>
std::int64_t for_chunks(Cpu& cpu, const UpdateTensor<T>* tensors, std::int64_t count, F&& f) {
  Workspace ws;
  std::int64_t* first = ws.take<std::int64_t>(count + 1);  // index of each tensor's first chunk
  first[0] = 0;
  for (std::int64_t i = 0; i < count; ++i) first[i + 1] = first[i] + (tensors[i].n + kChunk - 1) / kChunk;
  cpu.parallel(first[count], [&](std::int64_t chunk, int) {
    std::int64_t lo = 0, hi = count;  // the tensor that holds the chunk
    while (hi - lo > 1) {
      const std::int64_t mid = (lo + hi) / 2;
      (first[mid] <= chunk ? lo : hi) = mid;
    }
    while (first[lo + 1] == chunk && tensors[lo].n == 0) ++lo;
    const std::int64_t begin = (chunk - first[lo]) * kChunk;
    const std::int64_t end = begin + kChunk < tensors[lo].n ? begin + kChunk : tensors[lo].n;
    f(tensors[lo], begin, end, chunk);
  });
  return first[count];
}

template <class T>
struct Rule {
  T scale, clip, decay, shrink;
  Rule(const GradientRule& r, double lr, bool decays)
      : scale(static_cast<T>(r.scale)),
        clip(r.clip > 0 ? static_cast<T>(r.clip) : static_cast<T>(__builtin_inf())),
        decay(decays && !r.decoupled ? static_cast<T>(r.weight_decay) : T(0)),
        shrink(decays && r.decoupled ? static_cast<T>(1 - lr * r.weight_decay) : T(1)) {}
  [[gnu::always_inline]] T operator()(T g, T w) const {
    g *= scale;
    g = g > clip ? clip : g < -clip ? -clip : g;
    return g + decay * w;
  }
};

}  // namespace

template <class T>
void adam_update(Cpu& cpu, const UpdateTensor<T>* tensors, std::int64_t count, const AdamUpdate& u) {
  const double t = static_cast<double>(u.step);
  const double correction1 = 1 - __builtin_pow(u.beta1, t), correction2 = 1 - __builtin_pow(u.beta2, t);
  // w -= rate * m / (sqrt(v) * root + eps)
  const bool inside = u.epsilon_inside_correction;
  const T rate = static_cast<T>(inside ? u.lr / correction1 : u.lr * __builtin_sqrt(correction2) / correction1);
  const T root = static_cast<T>(inside ? 1 / __builtin_sqrt(correction2) : 1.0);
  const T b1 = static_cast<T>(u.beta1), b2 = static_cast<T>(u.beta2), c1 = static_cast<T>(1 - u.beta1), c2 = static_cast<T>(1 - u.beta2);
  const T eps = static_cast<T>(u.epsilon);
  for_chunks(cpu, tensors, count, [&](const UpdateTensor<T>& p, std::int64_t begin, std::int64_t end, std::int64_t) {
    const Rule<T> rule(u.gradient, u.lr, p.decay);
    T* __restrict w = p.w, * __restrict m = p.m, * __restrict v = p.v;
    const T* __restrict grad = p.g;
    for (std::int64_t i = begin; i < end; ++i) {
      const T g = rule(grad[i], w[i]);
      m[i] = b1 * m[i] + c1 * g;
      v[i] = b2 * v[i] + c2 * g * g;
      w[i] = w[i] * rule.shrink - rate * m[i] / (__builtin_sqrt(v[i]) * root + eps);
    }
  });
}

template <class T>
void sgd_update(Cpu& cpu, const UpdateTensor<T>* tensors, std::int64_t count, const SgdUpdate& u) {
  const T lr = static_cast<T>(u.lr), mu = static_cast<T>(u.momentum);
  for_chunks(cpu, tensors, count, [&](const UpdateTensor<T>& p, std::int64_t begin, std::int64_t end, std::int64_t) {
    const Rule<T> rule(u.gradient, u.lr, p.decay);
    T* __restrict w = p.w, * __restrict m = p.m;
    const T* __restrict grad = p.g;
    for (std::int64_t i = begin; i < end; ++i) {
      const T g = rule(grad[i], w[i]);
      T direction = g;
      if (mu != 0) {
        m[i] = u.first ? g : mu * m[i] + g;
        direction = u.nesterov ? g + mu * m[i] : m[i];
      }
      w[i] = w[i] * rule.shrink - lr * direction;
    }
  });
}

template <class T>
void gradient_square_sum(Cpu& cpu, const UpdateTensor<T>* tensors, std::int64_t count, double* result) {
  std::int64_t chunks = 0;
  for (std::int64_t i = 0; i < count; ++i) chunks += (tensors[i].n + kChunk - 1) / kChunk;
  Workspace ws;
  double* partial = ws.take<double>(chunks);
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
