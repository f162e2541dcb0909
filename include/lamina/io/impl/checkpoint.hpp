// How a checkpoint's tensors stand in its file.
#pragma once
#include <string_view>

#include "lamina/core/tensor.hpp"

namespace lamina::io {

inline constexpr std::string_view kOptimizerPrefix = "optimizer.";

/// Rank 4: (a, h, w, b) here, (a, b, h, w) in the file.
inline Shape shape_from_file(const Shape& s) { return s.rank() == 4 ? Shape{s[0], s[2], s[3], s[1]} : s; }
inline Shape shape_in_file(const Shape& s) { return s.rank() == 4 ? Shape{s[0], s[3], s[1], s[2]} : s; }
/// The tensor with its axes in the other order, packed and on the CPU.
Tensor relayout(const Tensor& tensor, bool to_file);

}  // namespace lamina::io
