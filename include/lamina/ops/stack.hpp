#pragma once
#include <span>
#include <vector>

#include "lamina/ops/concat.hpp"
#include "lamina/ops/permute.hpp"
#include "lamina/ops/reshape.hpp"

namespace lamina {

/// Tensors of one shape along a new axis: n of (A, B) -> (n, A, B), or (A, n, B) with axis 1, (A, B, n) with axis -1. Gradients: every
/// input. Throws ShapeError, DeviceError.
inline Tensor stack(std::span<const Tensor> parts, int axis = 0) {
  require(!parts.empty(), "stack: needs at least one tensor");
  for (const Tensor& p : parts) require_computable("stack", {{"one of its tensors", p}});
  const Shape one = parts[0].shape();
  const int rank = one.rank(), place = axis < 0 ? axis + rank + 1 : axis;
  require(place >= 0 && place <= rank, "stack: axis ", axis, " is outside the result of tensors ", one);
  std::int64_t extents[Shape::kMaxRank + 1] = {};
  std::copy(one.begin(), one.end(), extents);
  extents[rank] = 1;
  const Shape column = result_shape("stack", extents, rank + 1);
  std::vector<Tensor> columns;
  for (const Tensor& p : parts) {
    require(p.shape() == one, "stack: shapes ", one, " and ", p.shape(), " differ");
    columns.push_back(reshape(p, column));
  }
  std::vector<int> axes;  // the new axis, last so far, goes to its place
  for (int i = 0; i < rank; ++i) axes.push_back(i);
  axes.insert(axes.begin() + place, rank);
  const Tensor last = concat(columns);
  return place == rank ? last : permute(last, axes);
}
inline Tensor stack(std::initializer_list<Tensor> parts, int axis = 0) {
  return stack(std::span<const Tensor>(parts.begin(), parts.size()), axis);
}

}  // namespace lamina
