// The test harness of ops: one description of a case drives every check of it.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lamina/autograd/gradcheck.hpp"
#include "lamina/autograd/node.hpp"
#include "lamina/config.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina::test {

/// Instruction sets this machine can run, up to the one in use.
inline std::vector<Isa> instruction_sets() {
  std::vector<Isa> all;
  for (int i = 0; i <= static_cast<int>(detected_isa()); ++i) all.push_back(static_cast<Isa>(i));
  return all;
}

/// The CUDA device that tests use (on the host shim, where there is no GPU), if any. Says so, once, where there is none.
inline std::vector<Device> cuda_devices() {
#if LAMINA_HAS_CUDA
  if (cuda_device_count() > 0) return {{Device::Type::cuda, 0}};
  static const bool said = [] {
    MESSAGE("skipped on cuda: this machine has no CUDA device");
    return true;
  }();
  (void)said;
#endif
  return {};
}

/// Calls f(device, dtype) for every pair that has a kernel.
template <class F>
void for_kinds(F&& f) {
  for (DType dtype : {DType::f32, DType::f64}) f(kCpu, dtype);
  for (Device device : cuda_devices())
    for (DType dtype : {DType::f32, DType::bf16}) f(device, dtype);
}

inline Tensor random_normal(const Shape& shape, std::uint64_t seed, DType dtype = DType::f64) {
  return Tensor::normal(shape, {seed, 0x74657374}, 0, 1, {dtype, kCpu});
}

/// Moves the values within `gap` of 0 away from it, so that finite differences do not straddle a kink there.
inline Tensor away_from_zero(Tensor t, double gap) {
  const auto v = t.view2<double>();
  for (std::int64_t r = 0; r < v.rows; ++r)
    for (std::int64_t c = 0; c < v.cols; ++c)
      if (double& x = v.row(r)[c]; std::abs(x) < gap) x = x < 0 ? x - gap : x + gap;
  return t;
}

/// The same values as a channel slice (ld > C) of a buffer whose other channels are NaN.
inline Tensor as_slice(const Tensor& t) {
  if (t.rank() == 0 || (t.dtype() != DType::f32 && t.dtype() != DType::f64 && t.dtype() != DType::bf16)) return t;
  Tensor wide = Tensor::full(t.shape().with(-1, t.size(-1) + 5), std::numeric_limits<double>::quiet_NaN(), like(t));
  Tensor slice = wide.channels(2, t.size(-1));
  slice.copy_from(t);
  return slice;
}

/// max |a - b| / max(floor, max |b|); infinite when shapes differ or a is not finite where b is.
inline double relative_error(const Tensor& a, const Tensor& b, double floor = 1e-3) {
  if (!(a.shape() == b.shape())) return std::numeric_limits<double>::infinity();
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double scale = floor, error = 0;
  for (double v : y) scale = std::max(scale, std::abs(v));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = std::abs(x[i] - y[i]);
    if (!(d <= error)) error = std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
  }
  return error / scale;
}

/// relative_error of what has been rounded to bf16 once: each element may be half a unit of its last place off besides.
inline double rounded_error(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) return std::numeric_limits<double>::infinity();
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  std::vector<double> nearest(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double half_unit = y[i] == 0 ? 0 : std::ldexp(1, std::ilogb(y[i]) - 8);
    nearest[i] = std::isnan(x[i]) ? x[i] : std::clamp(y[i], x[i] - half_unit, x[i] + half_unit);
  }
  return relative_error(Tensor::from(std::span<const double>(nearest), a.shape()), b);
}

inline bool same_bytes(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  const Tensor x = a.packed(), y = b.packed();
  const auto bytes = static_cast<std::size_t>(x.numel()) * size_of(x.dtype());
  auto start = [](const Tensor& t) {
    return static_cast<const char*>(t.storage().data()) + t.offset() * static_cast<std::int64_t>(size_of(t.dtype()));
  };
  return bytes == 0 || std::memcmp(start(x), start(y), bytes) == 0;
}

/// Runs tasks in turn and must not be entered from within one, as a host program's pool may.
struct FlatExecutor final : Executor {
  int concurrency() const override { return 1; }
  void run(std::int64_t tasks, TaskRef task) override {
    if (std::exchange(busy, true)) throw std::logic_error("the executor was entered from within a task");
    struct Leave {
      bool& busy;
      ~Leave() { busy = false; }
    } const leave{busy};
    for (std::int64_t i = 0; i < tasks; ++i) task(i, 0);
  }
  bool busy = false;
};

/// An op on `inputs`; `into` is a destination slice, or undefined. Ops without `into` ignore it.
using OpFunction = std::function<Tensor(const std::vector<Tensor>& inputs, const Tensor& into)>;

/// bf16_tolerance of ops that store an intermediate result in bf16, or whose gradient reads their own result.
inline constexpr double kReadsRounded = 1e-2;

struct OpCase {
  std::string name;
  std::vector<Tensor> inputs;  ///< f64 values (other dtypes are passed through as constants)
  OpFunction op;
  double float_tolerance = 1e-5;     ///< f32 against f64; state the derivation where it is larger than c * eps * sqrt(K)
  double bf16_tolerance = 0;         ///< the same beside bf16, where it is above float_tolerance: kReadsRounded
  double grad_tolerance = 1e-7;      ///< gradcheck in f64
  bool gradients = true;             ///< check gradients of all f64 inputs
  bool takes_into = true;            ///< the op honours `into`
  bool slices = true;                ///< the op accepts channel slices as inputs
  std::vector<bool> differentiable;  ///< per input; empty: all f64 inputs
  std::vector<bool> precise;         ///< per input: f32 also beside bf16 (parameters of channels, statistics); empty: none
};

namespace detail {
inline std::vector<Tensor> prepare(const OpCase& c, DType dtype, bool slices, bool grads, Device device) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const Tensor& t = c.inputs[i];
    if (!t || t.dtype() != DType::f64) {
      inputs.push_back(t ? t.to(device) : t);
      continue;
    }
    const bool is_precise = !c.precise.empty() && c.precise[i];
    Tensor u = t.clone().to(is_precise ? precise(dtype) : dtype).to(device);
    if (slices) u = as_slice(u);
    if (grads && (c.differentiable.empty() || c.differentiable[i])) u.set_requires_grad();
    inputs.push_back(u);
  }
  return inputs;
}

inline bool all_nan(const Tensor& t) {
  for (double v : t.to_vector<double>())
    if (!std::isnan(v)) return false;
  return true;
}

/// Forward value followed by the gradients under one random cotangent, which is rounded to `cotangent` first. With `into` the value lands
/// in a slice of a NaN-filled buffer, and `failures`, if given, learns of a write beside it.
inline std::vector<Tensor> run(const OpCase& c, DType dtype, bool slices, bool into, std::vector<std::string>* failures = nullptr,
                               Device device = kCpu, DType cotangent = DType::f64) {
  const auto inputs = prepare(c, dtype, slices, c.gradients, device);
  Tensor destination, before, after;
  if (into) {
    const Tensor y = [&] {
      const NoGrad no_grad;
      return c.op(inputs, {});
    }();
    if (y.rank() > 0) {
      const Tensor wide = Tensor::full(y.shape().with(-1, y.size(-1) + 5), std::numeric_limits<double>::quiet_NaN(), like(y));
      destination = wide.channels(2, y.size(-1));
      before = wide.channels(0, 2);
      after = wide.channels(2 + y.size(-1), 3);
    }
  }
  const Tensor y = c.op(inputs, destination);
  if (destination && failures) {
    if (!y.storage().same_as(destination.storage())) failures->push_back("the result is not in the destination");
    if (!all_nan(before) || !all_nan(after)) failures->push_back("something beside the destination was written");
  }
  std::vector<Tensor> results{y.detach().clone()};
  if (c.gradients && y.requires_grad()) {
    Tensor dy = random_normal(y.shape(), 99).to(cotangent).to(y.dtype()).to(device);
    y.backward(slices ? as_slice(dy) : dy);
    for (const Tensor& t : inputs)
      if (t.requires_grad()) results.push_back(t.grad() ? t.grad() : Tensor::zeros(t.shape(), like(t)));
  }
  return results;
}
}  // namespace detail

/// The CUDA kernels, in f32 and bf16, against the CPU in f64 from the same inputs (rounded to bf16 for both); slices too; the same bytes
/// twice. Sums are as exact in bf16 as in f32: only results are rounded, once.
inline void cuda_failures(const OpCase& c, Device device, std::vector<std::string>& failures) {
  for (DType dtype : {DType::f32, DType::bf16}) {
    OpCase rounded = c;
    for (std::size_t i = 0; i < c.inputs.size(); ++i)
      if (Tensor& t = rounded.inputs[i]; t && t.dtype() == DType::f64)
        t = t.to(!c.precise.empty() && c.precise[i] ? DType::f32 : dtype).to(DType::f64);
    const auto reference = detail::run(rounded, DType::f64, false, false, nullptr, kCpu, dtype);
    const std::string where = message(" (", device, ", ", name_of(dtype), "; 0 is the value, then the gradients)");
    const double tolerance = dtype == DType::f32 ? c.float_tolerance : std::max(c.float_tolerance, c.bf16_tolerance);
    const auto packed = detail::run(c, dtype, false, false, &failures, device, dtype),
               again = detail::run(c, dtype, false, false, nullptr, device, dtype);
    const auto compare = [&](const std::vector<Tensor>& results, const char* how) {
      if (results.size() != reference.size()) return failures.push_back(message("the number of gradients varies", where));
      for (std::size_t i = 0; i < results.size(); ++i)
        if (const double error =
                results[i].dtype() == DType::bf16 ? rounded_error(results[i], reference[i]) : relative_error(results[i], reference[i]);
            !(error <= tolerance))
          failures.push_back(message(how, " result ", i, " is off by ", std::to_string(error * 1e9), "e-9", where));
    };
    compare(packed, "packed");
    if (c.slices || c.takes_into) compare(detail::run(c, dtype, c.slices, c.takes_into, &failures, device, dtype), "sliced");
    for (std::size_t i = 0; i < packed.size(); ++i)
      if (!same_bytes(packed[i].to(kCpu), again[i].to(kCpu))) failures.push_back(message("result ", i, " differs the second time", where));
  }
}

/// A destination that shares memory with an input is refused, whichever the input and even for one element; one beside it is not.
inline void overlap_failures(const OpCase& c, std::vector<std::string>& failures) {
  const NoGrad no_grad;
  const auto plain = detail::prepare(c, DType::f64, false, false, kCpu);
  const Tensor y = c.op(plain, {});
  if (y.numel() == 0 || y.rank() == 0) return;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (!plain[i] || plain[i].dtype() != DType::f64 || plain[i].numel() == 0) continue;
    const std::int64_t n = plain[i].numel();
    const Tensor buffer = Tensor::zeros({n + y.numel(), 1}, {DType::f64, kCpu});
    auto inputs = plain;
    inputs[i] = buffer.rows(0, n).view_as(plain[i].shape());
    inputs[i].copy_from(plain[i]);
    for (const std::int64_t begin : {std::int64_t{0}, n - 1, n}) {
      bool refused = false;
      try {
        c.op(inputs, buffer.rows(begin, y.numel()).view_as(y.shape()));
      } catch (const ShapeError& e) {
        refused = std::string(e.what()).find("overlap") != std::string::npos;
      }
      if (refused != (begin < n))
        failures.push_back(message("a destination ", begin, " elements from the start of input ", i, " of ", n, " elements was ",
                                   refused ? "refused" : "taken"));
    }
  }
}

/// After a write in place to an input, or to the output, the backward either throws GraphError or gives the same gradients.
inline void rewrite_failures(const OpCase& c, std::vector<std::string>& failures) {
  const auto reference = detail::run(c, DType::f64, false, false);
  for (std::size_t written = 0; written <= c.inputs.size(); ++written) {
    auto inputs = detail::prepare(c, DType::f64, false, true, kCpu);
    for (Tensor& t : inputs)
      if (t && t.dtype() != DType::f64) t = t.clone();  // the cases share these
    const Tensor y = c.op(inputs, {});
    const Tensor dy = random_normal(y.shape(), 99), target = written < inputs.size() ? inputs[written] : y;
    if (!target || !y.requires_grad()) continue;
    if (target.dtype() == DType::f64)
      target.copy_from(random_normal(target.shape(), 77));
    else
      target.fill(0);
    try {
      y.backward(dy);
    } catch (const GraphError&) {
      continue;
    }
    std::size_t i = 1;
    for (const Tensor& t : inputs)
      if (t && t.requires_grad() && !same_bytes(t.grad() ? t.grad() : Tensor::zeros(t.shape(), like(t)), reference[i++]))
        failures.push_back(message("gradient ", i - 1, " is silently another one after a write to ",
                                   written < inputs.size() ? message("input ", written) : std::string("the output")));
  }
}

/// Everything an op owes: the gradient check; f32 against f64 on every instruction set; inputs, destination and cotangent as slices of
/// NaN-filled buffers; destinations apart from the inputs, and inputs as they were; the same bytes at 1, 2 and 3 threads, without nested
/// tasks; the CUDA kernels where there is a device. Says what fails.
inline std::vector<std::string> op_failures(const OpCase& c) {
  std::vector<std::string> failures;
  FlatExecutor one;
  ThreadPool two(2), three(3);
  if (c.gradients) {
    const auto result = gradcheck([&](const std::vector<Tensor>& in) { return c.op(in, {}); },
                                  detail::prepare(c, DType::f64, false, true, kCpu), {.tolerance = c.grad_tolerance});
    if (!result.ok) failures.push_back("gradcheck " + result.str());
    rewrite_failures(c, failures);
  }
  if (c.takes_into) overlap_failures(c, failures);
  const auto reference = detail::run(c, DType::f64, false, false, &failures);
  for (Isa isa : instruction_sets()) {
    const ExecutorScope scope(one, isa);
    for (DType dtype : {DType::f64, DType::f32}) {
      const std::string where = message(" (", name_of(isa), ", ", name_of(dtype), "; 0 is the value, then the gradients)");
      const double tolerance = dtype == DType::f64 ? 1e-12 : c.float_tolerance;
      const auto compare = [&](const std::vector<Tensor>& results, const char* how) {
        if (results.size() != reference.size()) return failures.push_back(message("the number of gradients varies", where));
        for (std::size_t i = 0; i < results.size(); ++i)
          if (const double error = relative_error(results[i], reference[i]); !(error <= tolerance))
            failures.push_back(message(how, " result ", i, " is off by ", std::to_string(error * 1e9), "e-9", where));
      };
      const auto packed = detail::run(c, dtype, false, false, &failures);
      compare(packed, "packed");
      if (c.slices || c.takes_into) compare(detail::run(c, dtype, c.slices, c.takes_into, &failures), "sliced");
      for (ThreadPool* pool : {&two, &three}) {
        const ExecutorScope threads(*pool, isa);
        const auto again = detail::run(c, dtype, false, false, &failures);
        for (std::size_t i = 0; i < again.size(); ++i)
          if (!same_bytes(again[i], packed[i])) failures.push_back(message("result ", i, " depends on the thread count", where));
      }
    }
  }
  for (Device device : cuda_devices()) cuda_failures(c, device, failures);
  return failures;
}

inline void check_op(const OpCase& c) {
  const auto failures = op_failures(c);
  for (const std::string& f : failures) FAIL_CHECK(c.name << ": " << f);
  CHECK(failures.empty());
}

/// Checks that `f` throws `E` and that the message holds every one of `parts`.
template <class E, class F>
void check_throws(F&& f, std::initializer_list<const char*> parts) {
  try {
    f();
    FAIL_CHECK("no exception was thrown; expected one with: " << std::string(*parts.begin()));
  } catch (const E& e) {
    for (const char* part : parts)
      CHECK_MESSAGE(std::string(e.what()).find(part) != std::string::npos,
                    "message \"" << std::string(e.what()) << "\" lacks \"" << std::string(part) << "\"");
  } catch (const std::exception& e) {
    FAIL_CHECK("another exception type was thrown: " << std::string(e.what()));
  }
}

}  // namespace lamina::test
