#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "lamina/core/checked.hpp"

namespace lamina {

/// The extents of a tensor, outermost first; images are (N, H, W, C). Rank 0 (a scalar) to 5; extents may be 0.
class Shape {
 public:
  static constexpr int kMaxRank = 5;

  Shape() = default;
  /// Throws ShapeError when an extent is negative, the rank exceeds 5, or the extents other than 0 multiply to more than kMostCounted: any
  /// product of some of them fits an int64, empty tensors' too.
  Shape(std::initializer_list<std::int64_t> dims) { assign(dims.begin(), static_cast<int>(dims.size())); }
  Shape(const std::int64_t* dims, int rank) { assign(dims, rank); }

  int rank() const { return rank_; }
  /// Extent of an axis; negative axes count from the end. Throws ShapeError outside the rank.
  std::int64_t operator[](int axis) const {
    const int a = axis < 0 ? axis + rank_ : axis;
    require(a >= 0 && a < rank_, "axis ", axis, " is outside shape ", str());
    return dims_[static_cast<std::size_t>(a)];
  }
  std::int64_t numel() const { return numel_; }
  const std::int64_t* begin() const { return dims_.data(); }
  const std::int64_t* end() const { return dims_.data() + rank_; }

  /// The same shape with one extent replaced.
  Shape with(int axis, std::int64_t extent) const {
    (void)(*this)[axis];
    auto dims = dims_;
    dims[static_cast<std::size_t>(axis < 0 ? axis + rank_ : axis)] = extent;
    return Shape(dims.data(), rank_);
  }

  bool operator==(const Shape& o) const { return rank_ == o.rank_ && dims_ == o.dims_; }

  /// "(2, 3, 4)"
  std::string str() const {
    std::string s = "(";
    for (int i = 0; i < rank_; ++i) s += (i ? ", " : "") + std::to_string(dims_[static_cast<std::size_t>(i)]);
    return s + ")";
  }

 private:
  void assign(const std::int64_t* dims, int rank) {
    require(rank >= 0 && rank <= kMaxRank, "a shape has at most ", kMaxRank, " axes, got ", rank);
    rank_ = rank;
    for (int i = 0; i < rank; ++i) {
      require(dims[i] >= 0, "axis ", i, " of a shape has the negative extent ", dims[i]);
      dims_[static_cast<std::size_t>(i)] = dims[i];
    }
    bool empty = false;
    numel_ = 1;
    for (int i = 0; i < rank; ++i)
      if (dims[i])
        numel_ = checked_product({numel_, dims[i]}, "the element count of shape ", *this, " overflows");
      else
        empty = true;
    if (empty) numel_ = 0;
  }

  std::array<std::int64_t, kMaxRank> dims_{};
  std::int64_t numel_ = 1;
  int rank_ = 0;
};

/// The shape of an op's result; ShapeError names the op.
inline Shape result_shape(const char* op, const std::int64_t* dims, int rank) {
  try {
    return Shape(dims, rank);
  } catch (const ShapeError& e) {
    throw ShapeError(message(op, ": of the result, ", e.what()));
  }
}
inline Shape result_shape(const char* op, std::initializer_list<std::int64_t> dims) {
  return result_shape(op, dims.begin(), static_cast<int>(dims.size()));
}

}  // namespace lamina
