#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/pool2d.hpp"

namespace lamina {

/// Shape of a pooling of x (N, H, W, C): (N, Ho, Wo, C), Ho = (H + top + bottom - kernel) / stride + 1. Throws ShapeError.
inline Shape pool2d_shape(const char* op, const Shape& x, const Pool2dParams& p, int largest_kernel = 15) {
  require(x.rank() == 4, op, ": x must be (N, H, W, C), got ", x);
  require(p.kernel >= 1 && p.kernel <= largest_kernel && p.stride >= 1, op, ": kernel ", p.kernel, " must be in [1, ", largest_kernel,
          "] and stride ", p.stride, " at least 1");
  const Padding& pad = p.padding;
  require(!pad.same, op, ": SAME padding is not defined for pooling here; give pixels");
  for (int side : {pad.top, pad.bottom, pad.left, pad.right})
    require(side >= 0 && side < p.kernel, op, ": padding ", side, " must be in [0, kernel ", p.kernel,
            "), so that every window holds a pixel");
  auto extent = [&](std::int64_t in, int padding) { return in + padding < p.kernel ? 0 : (in + padding - p.kernel) / p.stride + 1; };
  const std::int64_t ho = extent(x[1], pad.top + pad.bottom), wo = extent(x[2], pad.left + pad.right);
  require(ho >= 1 && wo >= 1, op, ": the window of ", p.kernel, " pixels is larger than the padded image of x ", x);
  return result_shape(op, {x[0], ho, wo, x[3]});
}

/// Maximum over kernel x kernel windows; padded pixels are never taken. The first of equal pixels gets the gradient.
/// x (N, H, W, C) -> (N, Ho, Wo, C), see pool2d_shape. Gradient: x. Throws ShapeError. Kernels: kernels/pool2d.{cpp,cu}.
inline Tensor max_pool2d(const Tensor& x, const Pool2dParams& p = {}, const Tensor& into = {}) {
  require_computable("max_pool2d", {{"x", x}});
  const Shape shape = pool2d_shape("max_pool2d", x.shape(), p);
  Tensor y = output_for("max_pool2d", shape, like(x), into, {x});
  const Tensor inputs[] = {x};
  const Tensor winner = autograd::needs_record(inputs) ? Tensor::empty(shape, {DType::u8, x.device()}) : Tensor{};
  dispatch(x, [&]<class T>(auto& device) {
    kernels::max_pool2d_forward<T>(device, x.view4<const T>(), y.view4<T>(), winner ? winner.data<std::uint8_t>() : nullptr, p);
  });
  const std::int64_t padding[] = {p.padding.top, p.padding.bottom, p.padding.left, p.padding.right};
  return record({"max_pool2d", {{"kernel", p.kernel}, {"stride", p.stride}, {"padding", padding}}}, {x}, y, {},
                [winner, p, shape = x.shape()](const Tensor& dy, NeedsGrad) -> Grads {
                  Tensor dx = Tensor::empty(shape, like(dy));
                  dispatch(dy, [&]<class T>(auto& device) {
                    kernels::max_pool2d_backward<T>(device, dy.view4<const T>(), winner.data<const std::uint8_t>(), dx.view4<T>(), p);
                  });
                  return {dx};
                });
}

/// Mean over kernel x kernel windows; see Pool2dParams::count_include_pad for windows that reach into the padding.
/// x (N, H, W, C) -> (N, Ho, Wo, C), see pool2d_shape. Gradient: x. Throws ShapeError. Kernels: kernels/pool2d.{cpp,cu}.
inline Tensor avg_pool2d(const Tensor& x, const Pool2dParams& p = {}, const Tensor& into = {}) {
  require_computable("avg_pool2d", {{"x", x}});
  Tensor y = output_for("avg_pool2d", pool2d_shape("avg_pool2d", x.shape(), p, 1 << 20), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::avg_pool2d_forward<T>(device, x.view4<const T>(), y.view4<T>(), p); });
  const std::int64_t padding[] = {p.padding.top, p.padding.bottom, p.padding.left, p.padding.right};
  return record(
      {"avg_pool2d", {{"kernel", p.kernel}, {"stride", p.stride}, {"padding", padding}, {"count_include_pad", p.count_include_pad}}}, {x},
      y, {}, [p, shape = x.shape()](const Tensor& dy, NeedsGrad) -> Grads {
        Tensor dx = Tensor::empty(shape, like(dy));
        dispatch(dy, [&]<class T>(auto& device) { kernels::avg_pool2d_backward<T>(device, dy.view4<const T>(), dx.view4<T>(), p); });
        return {dx};
      });
}

}  // namespace lamina
