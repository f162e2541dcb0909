#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/resize.hpp"

namespace lamina {

namespace detail {
inline Shape resize_shape(const char* op, const Shape& x, std::int64_t height, std::int64_t width) {
  require(x.rank() == 4, op, ": x must be (N, H, W, C), got ", x);
  require(x[1] >= 1 && x[2] >= 1, op, ": the image of x ", x, " is empty");
  require(height >= 1 && width >= 1 && height <= (1 << 24) && width <= (1 << 24), op, ": the size ", height, " x ", width, " for x ", x,
          " must be in [1, 2^24]");
  return result_shape(op, {x[0], height, width, x[3]});
}
}  // namespace detail

/// Nearest-neighbour resize to (height, width): output pixel o reads input pixel floor(o * in / out), as PyTorch's "nearest" and, for
/// whole factors, Keras's UpSampling2D. x (N, H, W, C) -> (N, height, width, C). Gradient: x. Throws ShapeError.
/// Kernels: kernels/resize.{cpp,cu}.
inline Tensor resize_nearest(const Tensor& x, std::int64_t height, std::int64_t width, const Tensor& into = {}) {
  require_computable("resize_nearest", {{"x", x}});
  Tensor y = output_for("resize_nearest", detail::resize_shape("resize_nearest", x.shape(), height, width), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::resize_nearest_forward<T>(device, x.view4<const T>(), y.view4<T>()); });
  return record(
      {"resize_nearest", {{"height", height}, {"width", width}}}, {x}, y, {}, [shape = x.shape()](const Tensor& dy, NeedsGrad) -> Grads {
        Tensor dx = Tensor::empty(shape, like(dy));
        dispatch(dy, [&]<class T>(auto& device) { kernels::resize_nearest_backward<T>(device, dy.view4<const T>(), dx.view4<T>()); });
        return {dx};
      });
}

/// Bilinear resize to (height, width) without antialiasing. x (N, H, W, C) -> (N, height, width, C). Gradient: x. Throws ShapeError.
/// Kernels: kernels/resize.{cpp,cu}.
inline Tensor resize_bilinear(const Tensor& x, std::int64_t height, std::int64_t width, ResizeGrid grid, const Tensor& into = {}) {
  require_computable("resize_bilinear", {{"x", x}});
  Tensor y = output_for("resize_bilinear", detail::resize_shape("resize_bilinear", x.shape(), height, width), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::resize_bilinear_forward<T>(device, x.view4<const T>(), y.view4<T>(), grid); });
  return record({"resize_bilinear", {{"height", height}, {"width", width}, {"grid", name_of(grid)}}}, {x}, y, {},
                [grid, shape = x.shape()](const Tensor& dy, NeedsGrad) -> Grads {
                  Tensor dx = Tensor::empty(shape, like(dy));
                  dispatch(dy, [&]<class T>(auto& device) {
                    kernels::resize_bilinear_backward<T>(device, dy.view4<const T>(), dx.view4<T>(), grid);
                  });
                  return {dx};
                });
}

}  // namespace lamina
