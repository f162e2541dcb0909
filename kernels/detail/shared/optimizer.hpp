// The arithmetic of optimiser steps, an element at a time, on every device. T is the type it is done in.
#pragma once
#include "lamina/kernels/optimizer.hpp"

namespace lamina::kernels::LAMINA_ISA {

LAMINA_HD float square_root(float v) { return __builtin_sqrtf(v); }
LAMINA_HD double square_root(double v) { return __builtin_sqrt(v); }

/// What a gradient goes through before the update, for one tensor; the weight is multiplied with `shrink` before it.
template <class T>
struct GradientStep {
  T scale, clip, decay, shrink;

  LAMINA_HD GradientStep(const GradientRule& r, double lr, bool decays)
      : scale(static_cast<T>(r.scale)),
        clip(r.clip > 0 ? static_cast<T>(r.clip) : static_cast<T>(__builtin_inf())),
        decay(decays && !r.decoupled ? static_cast<T>(r.weight_decay) : T(0)),
        shrink(decays && r.decoupled ? static_cast<T>(1 - lr * r.weight_decay) : T(1)) {}
  LAMINA_HD T operator()(T g, T w) const {
    g *= scale;
    g = g > clip ? clip : g < -clip ? -clip : g;
    return g + decay * w;
  }
};

/// The moments of a weight, and what is subtracted from it: rate * m / (sqrt(v) * root + eps).
template <class T>
struct AdamStep {
  T rate, root, b1, b2, c1, c2, eps;

  explicit AdamStep(const AdamUpdate& u)
      : b1(static_cast<T>(u.beta1)),
        b2(static_cast<T>(u.beta2)),
        c1(static_cast<T>(1 - u.beta1)),
        c2(static_cast<T>(1 - u.beta2)),
        eps(static_cast<T>(u.epsilon)) {
    const double t = static_cast<double>(u.step);
    const double correction1 = 1 - __builtin_pow(u.beta1, t), correction2 = 1 - __builtin_pow(u.beta2, t);
    const bool inside = u.epsilon_inside_correction;
    rate = static_cast<T>(inside ? u.lr / correction1 : u.lr * __builtin_sqrt(correction2) / correction1);
    root = static_cast<T>(inside ? 1 / __builtin_sqrt(correction2) : 1.0);
  }
  LAMINA_HD T operator()(T g, T& m, T& v) const {
    m = b1 * m + c1 * g;
    v = b2 * v + c2 * g * g;
    return rate * m / (square_root(v) * root + eps);
  }
};

/// The momentum buffer of a weight, and what is subtracted from it.
template <class T>
struct SgdStep {
  T lr, momentum;
  bool nesterov, first;

  explicit SgdStep(const SgdUpdate& u)
      : lr(static_cast<T>(u.lr)), momentum(static_cast<T>(u.momentum)), nesterov(u.nesterov), first(u.first) {}
  LAMINA_HD T operator()(T g) const { return lr * g; }
  LAMINA_HD T operator()(T g, T& m) const {
    m = first ? g : momentum * m + g;
    return lr * (nesterov ? g + momentum * m : m);
  }
};

/// first[i] = index of tensor i's first chunk of `size` elements; first[count] = the number of chunks, which is returned.
template <class T>
std::int64_t count_chunks(const UpdateTensor<T>* tensors, std::int64_t count, std::int64_t size, std::int64_t* first) {
  first[0] = 0;
  for (std::int64_t i = 0; i < count; ++i) first[i + 1] = first[i] + (tensors[i].n + size - 1) / size;
  return first[count];
}
/// The tensor that holds a chunk: the last one whose first chunk is not behind it.
LAMINA_HD std::int64_t tensor_of_chunk(const std::int64_t* first, std::int64_t count, std::int64_t chunk) {
  std::int64_t lo = 0, hi = count;
  while (hi - lo > 1) {
    const std::int64_t mid = (lo + hi) / 2;
    (first[mid] <= chunk ? lo : hi) = mid;
  }
  return lo;
}

}  // namespace lamina::kernels::LAMINA_ISA
