#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"

namespace lamina {

/// One parameter of an update: n elements of weights, gradients and up to two moments, in float or double. Plain data.
template <class T>
struct UpdateTensor {
  T* w;
  const T* g;
  T* m;  ///< first moment (Adam) or momentum buffer (SGD)
  T* v;  ///< second moment (Adam); unused by SGD
  std::int64_t n;
  bool decay;                ///< weight decay applies
  BFloat16* copy = nullptr;  ///< where the new weights go too, rounded, for layers that compute in bf16; may be null
};

/// What every element's gradient goes through first: g = clamp(g * scale, -clip, clip) (+ weight_decay * w unless decoupled).
struct GradientRule {
  double scale = 1;
  double clip = 0;  ///< 0: none
  double weight_decay = 0;
  bool decoupled = false;  ///< AdamW: w *= 1 - lr * weight_decay instead
};

struct AdamUpdate {
  GradientRule gradient;
  double lr, beta1, beta2, epsilon;
  std::int64_t step;               ///< 1 on the first call
  bool epsilon_inside_correction;  ///< PyTorch: sqrt(v / (1 - beta2^t)) + eps; else TensorFlow's "epsilon hat": sqrt(v) + eps
};

struct SgdUpdate {
  GradientRule gradient;
  double lr, momentum;
  bool nesterov;
  bool first;  ///< the momentum buffer starts as the gradient (PyTorch)
};

namespace kernels {

/// In-place updates of all tensors in one launch; the list is host memory. Sources: Kingma & Ba 2015; Loshchilov & Hutter 2019 (decoupled
/// decay).
LAMINA_KERNEL(adam_update, const UpdateTensor<T>* tensors, std::int64_t count, const AdamUpdate& update)
LAMINA_KERNEL(sgd_update, const UpdateTensor<T>* tensors, std::int64_t count, const SgdUpdate& update)
/// *result = sum over all tensors of g^2, in double, in a fixed order. `tensors` and `result` are host memory.
LAMINA_KERNEL(gradient_square_sum, const UpdateTensor<T>* tensors, std::int64_t count, double* result)

}  // namespace kernels
}  // namespace lamina
