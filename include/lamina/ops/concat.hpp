#pragma once
#include <algorithm>
#include <vector>

#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/copy.hpp"

namespace lamina {

namespace detail {
/// The one view that covers `parts`, when they are neighbouring channel slices of one buffer in this order; else undefined.
inline Tensor joined_slices(std::span<const Tensor> parts, const Shape& shape) {
  const Tensor& first = parts[0];
  std::int64_t offset = first.offset();
  for (const Tensor& p : parts) {
    if (!p.storage().same_as(first.storage()) || p.ld() != first.ld() || p.offset() != offset) return {};
    offset += p.size(-1);
  }
  if (shape[-1] > first.ld()) return {};
  auto impl = std::make_shared<Tensor::Impl>(*first.detach().impl());
  impl->shape = shape;
  return Tensor(std::move(impl));
}
}  // namespace detail

/// Tensors side by side along the channels: (..., C1), (..., C2), ... -> (..., C1 + C2 + ...). Free when the inputs are neighbouring
/// slices of one buffer (Tensor::empty_slices) and no `into` is given; else a copy. Gradients: every input, as a channel slice of dy.
/// Throws ShapeError. Kernels: kernels/copy.{cpp,cu}.
inline Tensor concat(std::span<const Tensor> parts, const Tensor& into = {}) {
  require(!parts.empty(), "concat: needs at least one tensor");
  std::int64_t channels = 0;
  for (const Tensor& p : parts) {
    require_computable("concat", {{"one of its tensors", p}});
    require(p.rank() >= 1 && p.rank() == parts[0].rank() && p.shape().with(-1, 0) == parts[0].shape().with(-1, 0), "concat: shapes ",
            parts[0].shape(), " and ", p.shape(), " differ before the channels");
    require_same_kind("concat", parts[0], p);
    channels = checked_sum({channels, p.size(-1)}, "concat: the sum of the channels overflows");
  }
  std::int64_t dims[Shape::kMaxRank];
  *(std::copy(parts[0].shape().begin(), parts[0].shape().end(), dims) - 1) = channels;
  const Shape shape = result_shape("concat", dims, parts[0].rank());
  Tensor y = into ? Tensor{} : detail::joined_slices(parts, shape);
  if (!y) {
    y = output_for("concat", shape, like(parts[0]), into, parts);
    std::int64_t begin = 0;
    for (const Tensor& p : parts) {
      const Tensor slice = y.channels(begin, p.size(-1));
      dispatch(p, [&]<class T>(auto& device) { kernels::copy<T>(device, p.view2<const T>(), slice.view2<T>()); });
      begin += p.size(-1);
    }
  }
  std::vector<std::int64_t> offsets{0};  // where each part begins, and the last one ends
  for (const Tensor& p : parts) offsets.push_back(offsets.back() + p.size(-1));
  return record({"concat", {{"offsets", offsets}}}, parts, y, {}, [offsets](const Tensor& dy, NeedsGrad need) -> Grads {
    Grads grads;
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
      grads.push_back(need[i] ? dy.channels(offsets[i], offsets[i + 1] - offsets[i]) : Tensor{});
    return grads;
  });
}
inline Tensor concat(std::initializer_list<Tensor> parts, const Tensor& into = {}) {
  return concat(std::span<const Tensor>(parts.begin(), parts.size()), into);
}

}  // namespace lamina
