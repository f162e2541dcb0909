#pragma once
#include "lamina/ops/conv2d.hpp"
#include "lamina/ops/operators.hpp"
#include "lamina/ops/permute.hpp"
#include "lamina/ops/reshape.hpp"

namespace lamina {

namespace detail {
/// The sums over an axis, kept with extent 1: of axes without elements zeros, with a gradient.
inline Tensor summed(const Tensor& x, int axis) { return sum(x, {.axes = {axis}, .keepdim = true}); }
}  // namespace detail

/// x times the transpose of w, plus b: x (..., in), w (out, in), b (out) or none -> (..., out), as torch.nn.functional.linear; without
/// inputs b alone, or zeros. It is a 1x1 convolution. Gradients: x, w, b. Throws ShapeError, DeviceError. Kernels: kernels/conv2d.{cpp,cu}.
inline Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b = {}) {
  require_computable("linear", {{"x", x}, {"w", w}}, {{"b", b}});
  require(x.rank() >= 1 && w.rank() == 2 && x.size(-1) == w.size(1), "linear: x ", x.shape(),
          " needs w (out, in) with in = its last axis, got ", w.shape());
  const std::int64_t in = w.size(1), out = w.size(0), rows = in ? x.numel() / in : 0;
  detail::require_conv_bias("linear", b, out);
  require_same_kind("linear", x, w);
  require_precise("linear", x, b);
  if (in == 0) return linear(detail::summed(x, -1), detail::summed(w, -1), b);
  if (out == 0) return add(detail::summed(x, -1), sum(w, {.axes = {-1}}));
  const Shape pixels = rows ? Shape{1, 1, rows, in} : Shape{0, 1, 1, in};
  return reshape(conv2d(reshape(x, pixels), reshape(w, {out, 1, 1, in}), b), x.shape().with(-1, out));
}

/// Matrix products: a (..., M, K) times b (K, N) -> (..., M, N); or batch by batch, a (B, M, K) times b (B, K, N) -> (B, M, N). Any of them
/// may be 0: without a K the result is zeros. Gradients: a, b. Throws ShapeError, DeviceError. Kernels: kernels/conv2d.{cpp,cu}.
inline Tensor matmul(const Tensor& a, const Tensor& b) {
  require_computable("matmul", {{"a", a}, {"b", b}});
  const bool batched = a.rank() == 3 && b.rank() == 3 && a.size(0) == b.size(0);
  require(a.rank() >= 2 && (b.rank() == 2 || batched) && a.size(-1) == b.size(-2), "matmul: a ", a.shape(), " and b ", b.shape(),
          " are neither (..., M, K) and (K, N) nor (B, M, K) and (B, K, N)");
  require_same_kind("matmul", a, b);
  if (a.numel() == 0 || b.numel() == 0) return add(detail::summed(a, -1), detail::summed(b, -2));
  if (!batched) return linear(a, transpose(b, 0, 1));
  const std::int64_t batch = a.size(0), m = a.size(1), k = a.size(2), n = b.size(2);
  // A convolution whose groups are the batch: each sees its own channels.
  const Tensor x = reshape(permute(a, {1, 0, 2}), {1, 1, m, batch * k}), w = reshape(transpose(b, 1, 2), {batch * n, 1, 1, k});
  return permute(reshape(conv2d(x, w, {}, {.groups = static_cast<int>(batch)}), {m, batch, n}), {1, 0, 2});
}

}  // namespace lamina
