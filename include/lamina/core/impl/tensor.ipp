// Tensor: construction, copies and views. Elementwise work here is set-up code, not a training step's.
#include <cmath>
#include <cstring>
#include <numbers>

#include "lamina/core/dispatch.hpp"
#include "lamina/core/impl/cuda.hpp"
#include "lamina/core/impl/element.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina {

namespace detail {
constinit thread_local OnCopy on_copy = nullptr;

void require_values(const char* op, const Tensor& t) {
  require<DeviceError>(!t.device().is_meta(), op, ": a tensor of shape ", t.shape(), " on device meta has no values");
}
}  // namespace detail

void throw_no_kernels(const std::string& who, const Tensor& t) {
  throw DeviceError(
      message(who, " is ", name_of(t.dtype()), " on device ", t.device(),
              ", for which there are no kernels: the CPU computes in f32 and f64, CUDA in f32 and bf16; convert with Tensor::to"));
}
void require_given(const char* op, std::initializer_list<OpInput> inputs) {
  for (const auto& [name, tensor] : inputs)
    require(tensor.defined(), op, ": ", name, " is undefined, a Tensor() that nothing was assigned to");
}
void require_computable(const char* op, std::initializer_list<OpInput> inputs, std::initializer_list<OpInput> optional) {
  require_given(op, inputs);
  for (const auto& list : {inputs, optional})
    for (const auto& [name, tensor] : list)
      if (tensor && !has_kernels(tensor.device().type, tensor.dtype())) throw_no_kernels(message(op, ": ", name), tensor);
}

namespace {

template <class To, class From>
To convert(From v) {
  if constexpr (std::is_same_v<To, From>)
    return v;
  else if constexpr (std::is_same_v<To, BFloat16>)
    return BFloat16(static_cast<float>(v));
  else if constexpr (std::is_same_v<From, BFloat16>)
    return static_cast<To>(static_cast<float>(v));
  else
    return static_cast<To>(v);
}

Tensor make(Storage storage, std::int64_t offset, std::int64_t ld, const Shape& shape, TensorOptions options) {
  auto impl = std::make_shared<Tensor::Impl>();
  impl->storage = std::move(storage);
  impl->offset = offset;
  impl->ld = ld;
  impl->shape = shape;
  impl->dtype = options.dtype;
  impl->device = options.device;
  return Tensor(std::move(impl));
}

std::int64_t packed_ld(const Shape& shape) { return shape.rank() ? shape[-1] : 1; }

std::size_t byte_size(const Shape& shape, DType dtype) {
  return static_cast<std::size_t>(checked_product<MemoryError>({shape.numel(), static_cast<std::int64_t>(size_of(dtype))},
                                                               "out of memory: more bytes than can be counted"));
}

/// Fills an f32 or f64 tensor with `f(i)` on the host.
template <class F>
Tensor generate(const Shape& shape, TensorOptions options, F&& f) {
  if (options.device.is_meta()) return Tensor::empty(shape, options);
  Tensor host = Tensor::empty(shape, {options.dtype, kCpu});
  detail::with_element(options.dtype, [&]<class T>() {
    T* p = host.data<T>();
    for (std::int64_t i = 0; i < shape.numel(); ++i) p[i] = convert<T>(f(i));
  });
  return host.to(options.device);
}

void copy_elements(const Tensor& to, const Tensor& from);

/// A copy of which at least one side is on a device. Element types are converted by a kernel, or on the host.
void copy_on_device(const Tensor& to, const Tensor& from) {
  const bool to_host = to.device().is_cpu(), from_host = from.device().is_cpu();
  if (to.dtype() != from.dtype()) {
    if (to.device() == from.device() && detail::cuda_convert(to, from)) return;
    return copy_elements(to, (from_host ? from : from.to(kCpu)).to(to.dtype()));
  }
  if (!to_host && !from_host && to.device() != from.device()) return copy_elements(to, from.to(kCpu));
  detail::cuda_copy(current_cuda((to_host ? from : to).device().index), detail::byte_rows(to), detail::byte_rows(from), to_host, from_host);
}

void copy_elements(const Tensor& to, const Tensor& from) {
  if (to.device().is_cuda() || from.device().is_cuda()) return copy_on_device(to, from);
  detail::with_element(to.dtype(), [&]<class To>() {
    detail::with_element(from.dtype(), [&]<class From>() {
      const auto out = to.view2<To>();
      const auto in = from.view2<From>();
      for (std::int64_t r = 0; r < out.rows; ++r) {
        if constexpr (std::is_same_v<To, From>) {
          const bool whole = out.contiguous() && in.contiguous();
          std::memcpy(out.row(r), in.row(r), static_cast<std::size_t>(whole ? out.size() : out.cols) * sizeof(To));
          if (whole) break;
        } else {
          for (std::int64_t c = 0; c < out.cols; ++c) out.row(r)[c] = convert<To>(in.row(r)[c]);
        }
      }
    });
  });
}

}  // namespace

detail::ByteRows detail::byte_rows(const Tensor& t) {
  const std::size_t size = size_of(t.dtype()), cols = static_cast<std::size_t>(t.rank() ? t.size(-1) : 1);
  return {static_cast<char*>(t.storage().data()) + static_cast<std::size_t>(t.offset()) * size, cols * size,
          cols ? static_cast<std::size_t>(t.numel()) / cols : 0, (t.rank() ? static_cast<std::size_t>(t.ld()) : 1) * size};
}

Tensor Tensor::empty(const Shape& shape, TensorOptions options) {
  try {
    return make(Storage::allocate(byte_size(shape, options.dtype), options.device), 0, packed_ld(shape), shape, options);
  } catch (const MemoryError& e) {
    throw MemoryError(message(e.what(), ", for a tensor of shape ", shape, " and dtype ", name_of(options.dtype)));
  }
}

Tensor Tensor::zeros(const Shape& shape, TensorOptions options) { return full(shape, 0, options); }

Tensor Tensor::full(const Shape& shape, double value, TensorOptions options) {
  Tensor t = empty(shape, options);
  t.fill(value);
  return t;
}

Tensor Tensor::from_blob(void* data, const Shape& shape, DType dtype, std::function<void(void*)> release) {
  require(data != nullptr || shape.numel() == 0, "from_blob: null data for shape ", shape);
  return make(Storage::wrap(data, byte_size(shape, dtype), kCpu, std::move(release)), 0, packed_ld(shape), shape, {dtype, kCpu});
}

Tensor Tensor::scalar(double value, DType dtype) { return full({}, value, {dtype, kCpu}); }

Tensor Tensor::uniform(const Shape& shape, RandomKey key, double lo, double hi, TensorOptions options) {
  return generate(shape, options, [&](std::int64_t i) {
    const Philox p = key.block(static_cast<std::uint64_t>(i) / 4);
    return lo + (hi - lo) * static_cast<double>(uniform_from_bits(p.v[i % 4]));
  });
}

Tensor Tensor::normal(const Shape& shape, RandomKey key, double mean, double sd, TensorOptions options) {
  return generate(shape, options, [&](std::int64_t i) {
    const Philox p = key.block(static_cast<std::uint64_t>(i) / 2);
    const double u = (static_cast<double>(p.v[0]) + 1) * 0x1p-32, v = static_cast<double>(p.v[1]) * 0x1p-32;
    const double angle = 2 * std::numbers::pi * v;
    return mean + sd * std::sqrt(-2 * std::log(u)) * (i % 2 ? std::sin(angle) : std::cos(angle));
  });
}

double Random::normal() {
  const double u = (static_cast<double>(bits()) + 1) * 0x1p-32, v = uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

std::vector<Tensor> Tensor::empty_slices(const Shape& shape, std::span<const std::int64_t> channels, TensorOptions options) {
  std::int64_t total = 0;
  for (std::int64_t c : channels) {
    require(c >= 0, "empty_slices: a slice of ", c, " channels");
    total = checked_sum({total, c}, "empty_slices: the channels' sum overflows");
  }
  const int rank = shape.rank() + 1;
  require(rank <= Shape::kMaxRank, "empty_slices: shape ", shape, " has no room for a channel axis");
  std::int64_t dims[Shape::kMaxRank];
  std::copy(shape.begin(), shape.end(), dims);
  dims[rank - 1] = total;
  const Tensor whole = empty(result_shape("empty_slices", dims, rank), options);
  std::vector<Tensor> slices;
  std::int64_t begin = 0;
  for (std::int64_t c : channels) {
    Tensor s = whole.channels(begin, c);
    s.impl_->write_once = true;
    slices.push_back(std::move(s));
    begin += c;
  }
  return slices;
}

Tensor output_for(const char* op, const Shape& shape, TensorOptions options, const Tensor& into, std::span<const Tensor> inputs) {
  if (!into) try {
      return Tensor::empty(shape, options);
    } catch (const MemoryError& e) {
      throw MemoryError(message(op, ": ", e.what()));
    }
  require(into.shape() == shape, op, ": the destination has shape ", into.shape(), " but the result has ", shape);
  require<DeviceError>(into.dtype() == options.dtype && into.device() == options.device, op, ": the destination is ", name_of(into.dtype()),
                       " on ", into.device(), ", the result ", name_of(options.dtype), " on ", options.device);
  require(!into.impl()->node && !into.requires_grad(), op, ": the destination already carries a gradient");
  require(!(into.impl()->write_once && into.impl()->written), op, ": the destination slice was written before");
  const detail::ByteRows rows = detail::byte_rows(into);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    require(!inputs[i] || inputs[i].device() != into.device() || !detail::overlap(rows, detail::byte_rows(inputs[i])), op,
            ": the destination of shape ", shape, " overlaps input ", i, "; the op does not work in place");
  into.impl()->written = true;
  into.mark_written();
  // A fresh handle, so that the caller's `into` stays off the tape.
  Tensor out = into.detach();
  return out;
}

double Tensor::item() const {
  require(numel() == 1, "item() needs exactly one element, the shape is ", shape());
  detail::require_values("item", *this);
  double v = 0;
  const Tensor host = to(kCpu);
  detail::with_element(dtype(), [&]<class T>() { v = convert<double>(*host.data<T>()); });
  return v;
}

Tensor Tensor::view_as(const Shape& shape) const {
  require(contiguous(), "view_as: a channel slice of shape ", this->shape(), " is not packed; call packed() first");
  require(shape.numel() == numel(), "view_as: shape ", this->shape(), " has ", numel(), " elements, ", shape, " has ", shape.numel());
  return make(impl_->storage, impl_->offset, packed_ld(shape), shape, options());
}

Tensor Tensor::channels(std::int64_t begin, std::int64_t count) const {
  require(rank() >= 1 && begin >= 0 && count >= 0 && count <= size(-1) && begin <= size(-1) - count, count, " channels from ", begin,
          " on are outside shape ", shape());
  return make(impl_->storage, impl_->offset + begin, ld(), shape().with(-1, count), options());
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t count) const {
  require(rank() >= 2 && begin >= 0 && count >= 0 && count <= size(0) && begin <= size(0) - count, count, " rows from ", begin,
          " on are outside shape ", shape());
  const std::int64_t per_row = size(0) && size(-1) ? numel() / size(0) / size(-1) * ld() : 0;
  return make(impl_->storage, impl_->offset + begin * per_row, ld(), shape().with(0, count), options());
}

Tensor Tensor::clone() const {
  Tensor t = empty(shape(), options());
  t.copy_from(*this);
  return t;
}

Tensor Tensor::packed() const { return contiguous() ? *this : clone(); }

Tensor Tensor::to(DType dtype) const {
  if (dtype == this->dtype()) return *this;
  Tensor t = empty(shape(), {dtype, device()});
  t.copy_from(*this);
  return t;
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  Tensor t = empty(shape(), {dtype(), device});
  t.copy_from(*this);
  return t;
}

void Tensor::copy_from(const Tensor& source) const {
  require(source.shape() == shape(), "copy_from: destination shape ", shape(), ", source shape ", source.shape());
  if (device() == source.device() && !device().is_meta() && numel() > 0 &&
      detail::overlap(detail::byte_rows(*this), detail::byte_rows(source)))
    return copy_from(source.clone());
  mark_written();
  if (!device().is_meta()) {
    detail::require_values("copy_from", source);
    if (numel() > 0) copy_elements(*this, source);
  }
  if (detail::on_copy) detail::on_copy(source, *this);
}

void Tensor::mark_written() const { storage().note_write(detail::byte_rows(*this)); }

void Tensor::fill(double value) const {
  mark_written();
  if (device().is_meta()) return;
  if (device().is_cuda()) return numel() == 0 ? void() : detail::cuda_fill(*this, value);
  detail::with_element(dtype(), [&]<class T>() {
    const auto v = view2<T>();
    for (std::int64_t r = 0; r < v.rows; ++r) std::fill_n(v.row(r), v.cols, convert<T>(value));
  });
}

void Tensor::move_to(TensorOptions options) const {
  require(contiguous() && !impl_->node, "move_to: a tensor of shape ", shape(), " is a channel slice or the result of an op");
  if (options.dtype == dtype() && options.device == device()) return;
  adopt(to(options.device).to(options.dtype));
  if (impl_->grad) impl_->grad = Tensor(impl_->grad).to(options.device).to(precise(options.dtype)).impl_;
}

void Tensor::adopt(const Tensor& source) const {
  require(source.shape() == shape() && source.contiguous() && !impl_->node, "adopt: memory of shape ", source.shape(),
          " for a tensor of shape ", shape(), ", which is no result of an op");
  impl_->storage = source.impl_->storage;
  impl_->offset = source.impl_->offset;
  impl_->ld = source.impl_->ld;
  impl_->dtype = source.impl_->dtype;
  impl_->device = source.impl_->device;
}

Tensor Tensor::detach() const { return (shape(), make(impl_->storage, impl_->offset, impl_->ld, impl_->shape, options())); }

bool Tensor::requires_grad() const { return defined() && impl_->requires_grad; }

Tensor& Tensor::set_requires_grad(bool on) {
  require(dtype() == DType::f32 || dtype() == DType::f64 || dtype() == DType::bf16, "a tensor of ", name_of(dtype()), " has no gradient");
  require(!impl_->node, "set_requires_grad: only leaves, not the result of an op, can be switched");
  impl_->requires_grad = on;
  return *this;
}

Tensor Tensor::grad() const { return (shape(), Tensor(impl_->grad)); }

void Tensor::set_grad(Tensor grad) const {
  if (grad) {
    require(grad.shape() == shape(), "a gradient of shape ", grad.shape(), " does not fit a tensor of shape ", shape());
    require<DeviceError>(grad.device() == device(), "a gradient on ", grad.device(), " does not fit a tensor on ", device());
  }
  impl_->grad = grad.impl();
}

}  // namespace lamina
