#pragma once
#include <vector>

#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/reduce.hpp"

namespace lamina {

/// Which axes a reduction runs over: none named means all; negative ones count from the end.
struct ReduceParams {
  std::vector<int> axes = {};
  bool keepdim = false;  ///< keep reduced axes, with extent 1
};

namespace detail {

/// One pass of a reduction: neighbouring axes at once, and with `columns` the last axis too. Rows before: `in`, after: `out`.
struct ReducePass {
  kernels::Reduction rows;
  Shape in, out;
};

/// The passes that take x's shape to the shape with extent 1 at every reduced axis. Runs of neighbouring axes are one pass, the last
/// axis joins the last pass.
inline std::vector<ReducePass> reduce_passes(const Shape& x, const bool (&reduced)[Shape::kMaxRank]) {
  std::vector<ReducePass> passes;
  Shape shape = x;
  const int last = x.rank() - 1;
  const auto count = [&](int begin, int end) {
    std::int64_t n = 1;
    for (int i = begin; i < end; ++i) n *= shape[i];
    return n;
  };
  for (int end = last; end > 0; --end) {
    if (!reduced[end - 1]) continue;
    int begin = end - 1;
    while (begin > 0 && reduced[begin - 1]) --begin;
    ReducePass pass{{count(0, begin), count(begin, end), count(end, last)}, shape, shape};
    for (int i = begin; i < end; ++i) shape = shape.with(i, 1);
    pass.out = shape;
    passes.push_back(pass);
    end = begin + 1;
  }
  if (last >= 0 && reduced[last]) {
    if (passes.empty()) passes.push_back({{count(0, last), 1, 1}, shape, shape});
    passes.back().out = shape.with(last, 1);
  }
  return passes;
}

inline Tensor reduce(const char* op, const Tensor& x, const ReduceParams& p, bool average) {
  require_computable(op, {{"x", x}});
  const int rank = x.rank();
  bool reduced[Shape::kMaxRank] = {};
  for (int axis : p.axes) {
    require(axis >= -rank && axis < rank, op, ": axis ", axis, " is outside x ", x.shape());
    bool& r = reduced[axis < 0 ? axis + rank : axis];
    require(!r, op, ": axis ", axis, " of x ", x.shape(), " is named twice");
    r = true;
  }
  if (p.axes.empty()) std::fill_n(reduced, rank, true);

  std::int64_t kept[Shape::kMaxRank], axes[Shape::kMaxRank], count = 1;
  int kept_rank = 0, axis_count = 0;
  for (int i = 0; i < rank; ++i) {
    if (reduced[i]) count *= x.size(i), axes[axis_count++] = i;
    if (!reduced[i] || p.keepdim) kept[kept_rank++] = reduced[i] ? 1 : x.size(i);
  }
  require(count > 0 || !average, op, ": x ", x.shape(), " has no elements to average");
  const auto passes = reduce_passes(x.shape(), reduced);
  const double factor = average ? 1 / static_cast<double>(count) : 1;

  Tensor y = passes.size() > 1 ? x.to(precise(x.dtype())) : x;  // sums of sums are not rounded on the way
  for (const ReducePass& pass : passes) {
    const Tensor from = std::exchange(y, Tensor::empty(pass.out, like(y)));
    if (from.numel() == 0) {  // sums of nothing, which no kernel reads
      y.fill(0);
      continue;
    }
    dispatch(y, [&]<class T>(auto& device) {
      kernels::reduce_sum<T>(device, from.view2<const T>(), pass.rows, &pass == &passes.back() ? factor : 1, y.view2<T>());
    });
  }
  if (passes.empty()) y = x.clone();  // a scalar
  y = y.to(x.dtype());
  const std::span<const std::int64_t> reduced_axes(axes, static_cast<std::size_t>(axis_count));
  return record({op, {{"axes", reduced_axes}, {"keepdim", p.keepdim}}}, {x}, y.view_as(Shape(kept, kept_rank)), {},
                [passes, factor](const Tensor& dy, NeedsGrad) -> Grads {
                  if (passes.empty()) return {dy};
                  Tensor dx = dy.packed().view_as(passes.back().out);
                  for (auto pass = passes.rbegin(); pass != passes.rend(); ++pass) {
                    const Tensor from = std::exchange(dx, Tensor::empty(pass->in, like(dy)));
                    if (dx.numel() == 0) continue;
                    dispatch(dy, [&]<class T>(auto& device) {
                      kernels::reduce_spread<T>(device, from.view2<const T>(), pass->rows, pass == passes.rbegin() ? factor : 1,
                                                dx.view2<T>());
                    });
                  }
                  return {dx};
                });
}
}  // namespace detail

/// The sum over the named axes (none named: all), accumulated in double: x -> x's shape without those axes, or with extent 1 there.
/// Gradient: x. Throws ShapeError, DeviceError. Kernels: kernels/reduce.{cpp,cu}.
inline Tensor sum(const Tensor& x, const ReduceParams& p = {}) { return detail::reduce("sum", x, p, false); }

/// The mean over the named axes (none named: all); throws ShapeError when there is nothing to average. Otherwise as `sum`.
inline Tensor mean(const Tensor& x, const ReduceParams& p = {}) { return detail::reduce("mean", x, p, true); }

/// The mean of each channel over the image: x (N, H, W, C) -> (N, 1, 1, C). Gradient: x. Throws ShapeError, DeviceError.
inline Tensor global_avg_pool(const Tensor& x) {
  require_computable("global_avg_pool", {{"x", x}});
  require(x.rank() == 4, "global_avg_pool: x must be (N, H, W, C), got ", x.shape());
  return mean(x, {.axes = {1, 2}, .keepdim = true});
}

}  // namespace lamina
