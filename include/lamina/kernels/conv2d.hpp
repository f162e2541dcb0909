#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"
#include "lamina/kernels/activation.hpp"

namespace lamina {

/// Zero padding of the two image axes, in pixels. `same` pads as TensorFlow's SAME: Ho = ceil(H / stride), the odd pixel at the
/// bottom and right.
struct Padding {
  int top = 0, bottom = 0, left = 0, right = 0;
  bool same = false;

  static constexpr Padding symmetric(int p) { return {p, p, p, p, false}; }
  static constexpr Padding symmetric(int vertical, int horizontal) { return {vertical, vertical, horizontal, horizontal, false}; }
  static constexpr Padding tf_same() { return {0, 0, 0, 0, true}; }
};

/// How a convolution is computed; winogradM gives tiles of M x M outputs, of 3x3 kernels, with M = 3 of 4x4, too. `naive` is the oracle of
/// the others, which do not apply everywhere (see kernels::conv2d_supports).
enum class Conv2dAlgorithm : std::uint8_t { automatic, naive, implicit_gemm, direct, winograd2, winograd3, winograd4, depthwise };

constexpr const char* name_of(Conv2dAlgorithm a) {
  constexpr const char* kNames[] = {"automatic", "naive", "implicit_gemm", "direct", "winograd2", "winograd3", "winograd4", "depthwise"};
  return kNames[static_cast<int>(a)];
}

/// The block of results (rows x columns) that an implicit GEMM on CUDA computes at once. The CPU has its own.
enum class GemmTile : std::uint8_t { automatic, m128n128, m128n64, m64n64, m128n32, m32n128 };

/// How one pass of a convolution is computed, and how all three are. What is `automatic` is left to the device's context, whose choice is a
/// pure function of shape and machine (kernels::conv2d_plan).
struct Conv2dMethod {
  Conv2dAlgorithm algorithm = Conv2dAlgorithm::automatic;
  GemmTile tile = GemmTile::automatic;
};
struct Conv2dPlan {
  Conv2dMethod forward = {}, backward_data = {}, backward_weights = {};

  static constexpr Conv2dPlan all(Conv2dAlgorithm a, GemmTile tile = GemmTile::automatic) { return {{a, tile}, {a, tile}, {a, tile}}; }
};

/// Attributes of a 2-d convolution: what defines its result. Plain data.
struct Conv2dParams {
  int stride = 1;
  Padding padding = {};
  int dilation = 1;
  int groups = 1;
  Activation activation = {};
};

namespace kernels {

/// Extent of a kernel axis with the holes of its dilation.
LAMINA_HD constexpr std::int64_t dilated_extent(std::int64_t k, int dilation) { return dilation * (k - 1) + 1; }

/// Output extent of a convolution axis; `pad` is the sum of both sides. Not positive when the kernel does not fit.
LAMINA_HD constexpr std::int64_t conv2d_extent(std::int64_t in, std::int64_t k, int stride, int dilation, std::int64_t pad) {
  const std::int64_t room = in + pad - dilated_extent(k, dilation);
  return room < 0 ? 0 : room / stride + 1;
}

/// Both sides of SAME on one axis: max((ceil(in / stride) - 1) * stride + dilated kernel - in, 0).
LAMINA_HD constexpr std::int64_t same_padding(std::int64_t in, std::int64_t k, int stride, int dilation) {
  const std::int64_t total = ((in + stride - 1) / stride - 1) * stride + dilated_extent(k, dilation) - in;
  return total > 0 ? total : 0;
}

/// `p` with `same` turned into pixels, for an input of (h, w) and a kernel of (kh, kw).
LAMINA_HD constexpr Conv2dParams resolve_padding(Conv2dParams p, std::int64_t h, std::int64_t w, std::int64_t kh, std::int64_t kw) {
  if (!p.padding.same) return p;
  const int v = static_cast<int>(same_padding(h, kh, p.stride, p.dilation)),
            u = static_cast<int>(same_padding(w, kw, p.stride, p.dilation));
  p.padding = {v / 2, v - v / 2, u / 2, u - u / 2, false};
  return p;
}

/// CUDA's direct algorithm is for at most this many input channels.
inline constexpr std::int64_t kFewInputChannels = 4;

/// Does an algorithm of a device apply to weights (cout, kh, kw, cin / groups)? The same answer for all three passes. The gradients of
/// CUDA's direct algorithm are those of implicit_gemm, whose columns run over taps and channels; Winograd is for CPUs only.
LAMINA_HD constexpr bool conv2d_supports(Device::Type device, Conv2dAlgorithm a, std::int64_t cout, std::int64_t kh, std::int64_t kw,
                                         std::int64_t cin_per_group, const Conv2dParams& p) {
  const bool cpu = device != Device::Type::cuda;
  switch (a) {
    case Conv2dAlgorithm::automatic:
    case Conv2dAlgorithm::naive:
    case Conv2dAlgorithm::implicit_gemm: return true;
    case Conv2dAlgorithm::direct: return p.groups == 1 && (cpu || cin_per_group <= kFewInputChannels);
    case Conv2dAlgorithm::winograd2:
    case Conv2dAlgorithm::winograd3:
    case Conv2dAlgorithm::winograd4:
      return cpu && p.groups == 1 && p.stride == 1 && kh == kw && (kh == 3 || (kh == 4 && a == Conv2dAlgorithm::winograd3));
    case Conv2dAlgorithm::depthwise: return cin_per_group == 1 && p.groups == cout;
  }
  return false;
}

/// y[n,p,q,k] = act(b[k] + sum_{r,s,c} x[n, p*stride - top + r*dilation, q*stride - left + s*dilation, c] * w[k,r,s,c]); overwrites y.
/// `moments` (2, Cout), unless null, takes the means and biased variances of y's channels as they are stored; an empty y leaves it alone.
/// In all three passes `p.padding` is resolved (never `same`) and w, dw are packed (Cout, Kh, Kw, Cin/groups); b may be null.
LAMINA_KERNEL(conv2d_forward, View4<const T> x, View4<const T> w, const Precise<T>* b, View4<T> y, double* moments, const Conv2dParams& p,
              Conv2dMethod how)
/// dx = d(sum(dy * conv(x)))/dx (dgrad); overwrites dx. `dy` is the gradient before the activation; p.activation is ignored.
LAMINA_KERNEL(conv2d_backward_data, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p, Conv2dMethod how)
/// dw and db (wgrad), never rounded to bf16; overwrites both. dw.data or db may be null: that one is not computed. p.activation is ignored.
LAMINA_KERNEL(conv2d_backward_weights, View4<const T> x, View4<const T> dy, View4<Precise<T>> dw, Precise<T>* db, const Conv2dParams& p,
              Conv2dMethod how)
/// Chooses the algorithms of `plan` that are automatic, from the extents of the views alone.
LAMINA_KERNEL(conv2d_plan, View4<const T> x, View4<const T> w, View4<const T> y, const Conv2dParams& p, Conv2dPlan* plan)

}  // namespace kernels
}  // namespace lamina
