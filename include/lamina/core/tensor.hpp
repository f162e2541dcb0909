#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "lamina/core/dtype.hpp"
#include "lamina/core/random.hpp"
#include "lamina/core/shape.hpp"
#include "lamina/core/storage.hpp"

namespace lamina {

class Tensor;
namespace autograd {
struct Node;
}
namespace detail {
/// What ObserverScope hangs here learns of copies, which are no ops: a network may convert or move on the way. Null: nobody observes.
using OnCopy = void (*)(const Tensor& from, const Tensor& to);
extern constinit thread_local OnCopy on_copy;
/// Throws DeviceError, naming `op`, when the tensor is on the meta device.
void require_values(const char* op, const Tensor& t);
}  // namespace detail

struct TensorOptions {
  DType dtype = DType::f32;
  Device device = kCpu;
};

/// A handle to an n-d array; copying shares the memory. The last axis (channels) is packed; the pixels before it start `ld()`
/// elements apart, so a channel range of an image is a view. Const tensors have mutable elements, like a pointer's target.
class Tensor {
 public:
  /// "None": the value of an absent optional input.
  Tensor() = default;

  /// Uninitialised elements.
  static Tensor empty(const Shape& shape, TensorOptions options = {});
  static Tensor zeros(const Shape& shape, TensorOptions options = {});
  static Tensor full(const Shape& shape, double value, TensorOptions options = {});
  /// Wraps host memory without a copy; `release` runs when the last reference goes.
  static Tensor from_blob(void* data, const Shape& shape, DType dtype, std::function<void(void*)> release = {});
  /// Copies; throws ShapeError unless values.size() == shape.numel().
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape, Device device = kCpu);
  template <class T>
  static Tensor from(std::initializer_list<T> values, const Shape& shape) {
    return from(std::span<const T>(values.begin(), values.size()), shape);
  }
  static Tensor scalar(double value, DType dtype = DType::f32);
  /// Uniform in [lo, hi) / normal: the same numbers for f32 and f64 up to rounding, on every device and thread count.
  static Tensor uniform(const Shape& shape, RandomKey key, double lo = 0, double hi = 1, TensorOptions options = {});
  static Tensor normal(const Shape& shape, RandomKey key, double mean = 0, double sd = 1, TensorOptions options = {});
  /// Slices, along the channels, of one new buffer whose channel count is the sum: pass each as `into` to the op that produces
  /// it and `concat` of all of them is free. Each slice is written once.
  static std::vector<Tensor> empty_slices(const Shape& shape_without_channels, std::span<const std::int64_t> channels,
                                          TensorOptions options = {});

  bool defined() const { return impl_ != nullptr; }
  explicit operator bool() const { return defined(); }
  const Shape& shape() const;
  std::int64_t size(int axis) const { return shape()[axis]; }
  int rank() const { return shape().rank(); }
  std::int64_t numel() const { return shape().numel(); }
  DType dtype() const;
  Device device() const;
  TensorOptions options() const { return {dtype(), device()}; }
  /// Elements between the starts of neighbouring pixels; equals the channel count unless this is a channel slice.
  std::int64_t ld() const;
  bool contiguous() const;
  const Storage& storage() const;
  std::int64_t offset() const;

  /// First element. Throws ShapeError when T is not the element type, DeviceError on the meta device.
  template <class T>
  T* data() const;
  template <class T>
  View2<T> view2() const;
  /// Throws ShapeError unless the rank is 4.
  template <class T>
  View4<T> view4() const;
  /// The only element, converted; throws ShapeError when there is more than one.
  double item() const;
  template <class T>
  std::vector<T> to_vector() const;

  /// Same elements, other extents; needs a contiguous tensor and an equal element count. Not differentiable: see ops::reshape.
  Tensor view_as(const Shape& shape) const;
  /// Channels [begin, begin + count) as a view. Not differentiable: see `slice_channels`.
  Tensor channels(std::int64_t begin, std::int64_t count) const;
  /// Images [begin, begin + count) along the first axis as a view. Not differentiable.
  Tensor rows(std::int64_t begin, std::int64_t count) const;
  /// A packed copy, off the tape.
  Tensor clone() const;
  /// This tensor when packed, else a copy.
  Tensor packed() const;
  /// Converted copy (this tensor when nothing changes), off the tape.
  Tensor to(DType dtype) const;
  Tensor to(Device device) const;
  /// Moves and converts what all handles to this tensor share; a leaf's gradient goes along and stays precise. Throws ShapeError on a
  /// channel slice or the result of an op.
  void move_to(TensorOptions options) const;
  /// Gives what all handles to this tensor share the memory, dtype and device of `source`, which is packed and of the same shape.
  void adopt(const Tensor& source) const;
  /// Overwrites the elements; shapes must agree, dtypes and devices may differ, and the memory may overlap.
  void copy_from(const Tensor& source) const;
  void fill(double value) const;
  /// Tells the tape that the elements were overwritten, as fill and copy_from do: for what writes through data() after the forward. A
  /// backward that was to read them then throws.
  void mark_written() const;

  // Autograd (see autograd/engine.hpp).
  /// The same memory, off the tape.
  Tensor detach() const;
  bool requires_grad() const;
  /// Makes this leaf accumulate gradients. Throws ShapeError on a recorded (non-leaf) or integer tensor.
  Tensor& set_requires_grad(bool on = true);
  /// Accumulated gradient; undefined before the first backward.
  Tensor grad() const;
  void set_grad(Tensor grad) const;
  void zero_grad() const { set_grad({}); }
  /// Accumulates d(this)/d(leaf) into every reachable leaf. Non-scalar tensors need a cotangent of their own shape.
  void backward(const Tensor& cotangent = {}, bool retain_graph = false) const;

  struct Impl;
  const std::shared_ptr<Impl>& impl() const { return impl_; }
  explicit Tensor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<Impl> impl_;
};

/// The part of a tensor that handles share. Internal to core/ and autograd/.
struct Tensor::Impl {
  Storage storage;
  std::int64_t offset = 0, ld = 0;
  Shape shape;
  DType dtype = DType::f32;
  Device device;
  bool requires_grad = false;
  bool write_once = false, written = false;  // slices of a shared buffer: each is written once
  std::shared_ptr<Impl> grad;
  std::shared_ptr<autograd::Node> node;
};

/// Options that create a tensor beside `t`: `Tensor::empty(shape, like(t))`.
inline TensorOptions like(const Tensor& t) { return t.options(); }

namespace detail {
ByteRows byte_rows(const Tensor& t);
}

/// The output of an op: `into` when given (checked: shape, dtype, device, not yet written, apart from every input), else a new tensor.
/// `inputs` are all tensors that the op reads, undefined ones among them.
Tensor output_for(const char* op, const Shape& shape, TensorOptions options, const Tensor& into, std::span<const Tensor> inputs);
inline Tensor output_for(const char* op, const Shape& shape, TensorOptions options, const Tensor& into,
                         std::initializer_list<Tensor> inputs) {
  return output_for(op, shape, options, into, std::span<const Tensor>(inputs.begin(), inputs.size()));
}

inline const Shape& Tensor::shape() const {
  require(defined(), "the tensor is undefined (none)");
  return impl_->shape;
}
inline DType Tensor::dtype() const { return (shape(), impl_->dtype); }
inline Device Tensor::device() const { return (shape(), impl_->device); }
inline std::int64_t Tensor::ld() const { return (shape(), impl_->ld); }
inline bool Tensor::contiguous() const { return rank() == 0 || ld() == size(-1) || numel() == 0; }
inline const Storage& Tensor::storage() const { return (shape(), impl_->storage); }
inline std::int64_t Tensor::offset() const { return (shape(), impl_->offset); }

template <class T>
T* Tensor::data() const {
  using Element = std::remove_const_t<T>;
  require(dtype() == dtype_of<Element>, "a tensor of ", name_of(dtype()), " was read as ", name_of(dtype_of<Element>));
  if (impl_->device.is_meta()) detail::require_values("data", *this);
  return static_cast<T*>(impl_->storage.data()) + impl_->offset;
}
template <class T>
View2<T> Tensor::view2() const {
  const std::int64_t cols = rank() ? size(-1) : 1;
  return {data<T>(), cols ? numel() / cols : 0, cols, rank() ? ld() : 1};
}
template <class T>
View4<T> Tensor::view4() const {
  require(rank() == 4, "expected an image batch (N, H, W, C), got shape ", shape());
  return {data<T>(), size(0), size(1), size(2), size(3), ld()};
}
template <class T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape, Device device) {
  require(static_cast<std::int64_t>(values.size()) == shape.numel(), values.size(), " values do not fill shape ", shape);
  Tensor wrapped = from_blob(const_cast<T*>(values.data()), shape, dtype_of<T>);
  Tensor t = empty(shape, {dtype_of<T>, device});
  t.copy_from(wrapped);
  return t;
}
template <class T>
std::vector<T> Tensor::to_vector() const {
  detail::require_values("to_vector", *this);
  std::vector<T> v(static_cast<std::size_t>(numel()));
  from_blob(v.data(), shape(), dtype_of<T>).copy_from(*this);
  return v;
}

}  // namespace lamina
