#include "support.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include "ceilings.hpp"
#include "lamina/autograd/observe.hpp"
#include "lamina/core/error.hpp"

namespace lamina::bench {
namespace {

/// The sets of tensors that are worked on in turn hold at least this: several times the caches of the devices we know (50-60 MB).
constexpr double kBeyondCaches = 192e6;
constexpr double kMostSets = 64;
/// Calls between two readings of a CUDA device's time, at least: its queue must not run empty.
constexpr std::size_t kCalls = 16;

bool any_failure = false;

/// Random values of which each is used every `kPeriod` elements: a prime, so that neither rows nor images repeat.
constexpr std::int64_t kPeriod = 999983;
Tensor repeated(const Shape& shape, const Tensor& values) {
  Tensor t = Tensor::empty(shape, like(values));
  const std::size_t size = size_of(t.dtype());
  for (std::int64_t i = 0; i < t.numel(); i += values.numel())
    std::memcpy(static_cast<char*>(t.storage().data()) + static_cast<std::size_t>(i) * size, values.storage().data(),
                static_cast<std::size_t>(std::min(values.numel(), t.numel() - i)) * size);
  return t;
}
/// Drawing them takes a while, so all tensors have the same ones; each call begins elsewhere among them.
const Tensor& normal_values() {
  static const Tensor values = Tensor::normal({kPeriod}, {1, 1});
  return values;
}
Tensor random_normal(const Shape& shape, double mean, double sd) {
  static std::int64_t begin = 0;
  begin = (begin + 104729) % kPeriod;
  const Tensor values = Tensor::empty({std::min(kPeriod, shape.numel())});
  for (std::int64_t i = 0; i < values.numel(); ++i)
    values.data<float>()[i] = static_cast<float>(mean + sd * static_cast<double>(normal_values().data<float>()[(begin + i) % kPeriod]));
  return repeated(shape, values);
}

/// What a result's gradient is computed from. The sets of a row ask for the same one in turn.
Tensor cotangent(const Tensor& y) {
  static Tensor last;
  if (!last || last.shape() != y.shape() || last.dtype() != y.dtype() || last.device() != y.device())
    last = repeated(y.shape(), normal_values()).to(y.dtype()).to(y.device());
  return last.clone();
}

/// Tensors of a case on a device: `values` converted, and moved into slices where the case asks for it.
Tensors place(const Case& c, const Tensors& values, TensorOptions options) {
  Tensors placed;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Tensor& v = values[i];
    const DType dtype = v.dtype() != DType::f32 ? v.dtype() : c.inputs[i].precise ? precise(options.dtype) : options.dtype;
    Tensor t = v.to(dtype).to(options.device);
    if (c.inputs[i].sliced) {
      const std::int64_t width = t.size(-1);
      const Tensor wide = Tensor::zeros(t.shape().with(-1, 2 * width), t.options());
      wide.channels(width / 2, width).copy_from(t);
      t = wide.channels(width / 2, width);
    } else if (t.storage().same_as(v.storage())) {
      t = t.clone();
    }
    placed.push_back(t);
  }
  return placed;
}

/// What is timed: the op, or its backward. Returns the result, or the gradients.
std::function<Tensors()> call_of(const Case& c, Tensors inputs) {
  if (c.gradients.empty()) return [op = c.op, inputs] { return Tensors{op(inputs)}; };
  for (std::size_t i : c.gradients) inputs[i].set_requires_grad();
  const Tensor y = c.op(inputs), dy = cotangent(y);
  return [inputs, y, dy, wanted = c.gradients] {
    for (std::size_t i : wanted) inputs[i].zero_grad();
    y.backward(dy, true);
    Tensors gradients;
    for (std::size_t i : wanted) gradients.push_back(inputs[i].grad());
    return gradients;
  };
}

/// |a - b| / |b|, in the 2-norm: among millions of elements some lie so close to a kink of ReLU that rounding changes their gradient.
/// Not a number, or infinite, where a is.
double relative_error(const Tensor& a, const Tensor& b) {
  require<NumericError>(a.shape() == b.shape(), "the result has shape ", a.shape(), ", not ", b.shape());
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double error = 0, scale = 1e-30;
  for (std::size_t i = 0; i < x.size(); ++i) {
    error += (x[i] - y[i]) * (x[i] - y[i]);
    scale += y[i] * y[i];
  }
  return std::sqrt(error / scale);
}

double bytes_of(const Case& c, DType dtype) { return c.elements * static_cast<double>(size_of(dtype)) + c.bytes; }

/// The case and row that run now. Google Benchmark calls a row several times, with more iterations each time.
class Running {
 public:
  /// The calls of the row, one for each set of tensors; made, and their result checked, when the row is new.
  const std::vector<std::function<Tensors()>>& calls(const Case& c, TensorOptions options) {
    if (case_ == &c && row_.dtype == options.dtype && row_.device == options.device) return calls_;
    calls_.clear();
    if (case_ != &c) start(c);
    release_cached_memory(options.device);
    check(c, options);
    const double bytes = bytes_of(c, options.dtype);
    const double sets = bytes > 0 ? std::clamp(std::ceil(kBeyondCaches / bytes), 2.0, kMostSets) : 1;
    const Tensors first = place(c, values_, options);  // converted and uploaded once
    for (double i = 0; i < sets; ++i) calls_.push_back(call_of(c, place(c, first, options)));
    row_ = options;
    return calls_;
  }

 private:
  /// All rows check the same values, which every type can hold: of two images, for the CPU's sake.
  void start(const Case& c) {
    case_ = nullptr;
    values_.clear();
    for (const Input& input : c.inputs) values_.push_back(input.make());
    representable_.clear();
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const Tensor v = c.inputs[i].images ? values_[i].rows(0, std::min<std::int64_t>(2, values_[i].size(0))) : values_[i];
      representable_.push_back(v.dtype() == DType::f32 ? v.to(DType::bf16).to(DType::f32) : v);
    }
    expected_ = call_of(c, place(c, representable_, {DType::f64, kCpu}))();
    row_ = {};
    case_ = &c;
  }
  void check(const Case& c, TensorOptions options) {
    const Tensors got = call_of(c, place(c, representable_, options))();
    const double tolerance = options.dtype == DType::bf16 ? 2e-2 : 1e-3;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double error = relative_error(got[i].to(kCpu), expected_[i]);
      require<NumericError>(error <= tolerance, "result ", i, " is off by ", error, " of its largest element; the tolerance is ",
                            tolerance);
    }
  }

  const Case* case_ = nullptr;
  TensorOptions row_{DType::f64, kCpu};  // no row has this
  Tensors values_, representable_, expected_;
  std::vector<std::function<Tensors()>> calls_;
};

/// Which algorithm the last convolution took.
struct Algorithm : Observer {
  void forward(const ForwardEvent& e) override {
    if (const auto* value = e.op.find("algorithm")) name = std::get<const char*>(*value);
  }
  std::string name;
};

void run(benchmark::State& state, const Case& c, TensorOptions options) try {
  static Running running;
  const auto& calls = running.calls(c, options);
  const std::size_t least = options.device.is_cuda() ? kCalls : 1, round = calls.size() * ((least + calls.size() - 1) / calls.size());
  std::vector<Tensors> results(calls.size());  // kept, so that outputs take turns too
  Stopwatch watch(options.device);
  double seconds = 0;
  while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(round))) {
    watch.start();
    for (std::size_t i = 0; i < round; ++i) results[i % calls.size()] = calls[i % calls.size()]();
    const double elapsed = watch.seconds();
    state.SetIterationTime(elapsed);
    seconds += elapsed;
  }
  if (c.gradients.empty()) {
    Algorithm seen;
    const ObserverScope scope(seen);
    calls[0]();
    state.SetLabel(seen.name);
  }
  const double bytes = bytes_of(c, options.dtype), per_second = static_cast<double>(state.iterations()) / seconds;
  const Ceilings& most = ceilings(options.device);
  state.counters["share"] = std::max(bytes / most.bytes_per_second, c.flops / most.flops(options.dtype)) * per_second;
  if (bytes > 0) state.counters["GB/s"] = 1e-9 * bytes * per_second;
  if (c.flops > 0) state.counters["GFLOP/s"] = 1e-9 * c.flops * per_second;
} catch (const std::exception& e) {
  any_failure = true;
  state.SkipWithError(e.what());
}

/// The devices to measure on; says why CUDA is not among them.
std::vector<Device> devices(std::string& cuda) {
  std::vector<Device> found{kCpu};
  try {
    constexpr Device device{Device::Type::cuda, 0};
    if (cuda_device_count() > 0) {
      found.push_back(device);
      cuda = device_name(device);
    } else {
      cuda = "skipped, no device";
    }
  } catch (const DeviceError& e) {
    cuda = message("skipped, ", e.what());
  }
  return found;
}

std::vector<Case*>& cases() {
  static std::vector<Case*> all;  // for the life of the process: Google Benchmark keeps references
  return all;
}

}  // namespace

Input images(const Shape& shape, double mean) {
  return {.make = [=] { return random_normal(shape, mean, 1); }, .images = true};
}
Input weights(const Shape& shape, double sd) {
  return {.make = [=] { return random_normal(shape, 0, sd); }};
}
Input constant(const Shape& shape, double value) {
  return {.make = [=] { return Tensor::full(shape, value); }};
}
Input labels(const Shape& shape, std::int64_t classes) {
  const auto make = [=] {
    const Tensor values = Tensor::empty({std::min(kPeriod, shape.numel())}, {DType::u8, kCpu});
    Random random({2, static_cast<std::uint64_t>(classes)});
    for (std::int64_t i = 0; i < values.numel(); ++i)
      values.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(random.bits() % static_cast<std::uint32_t>(classes));
    return repeated(shape, values);
  };
  return {.make = make, .images = true};
}

void add(Case c) { cases().push_back(new Case(std::move(c))); }

void add_both(Case c, std::vector<std::size_t> gradients, double elements) {
  const std::string name = c.name;
  c.name = name + "_forward";
  add(c);
  c.name = name + "_backward";
  c.gradients = std::move(gradients);
  c.elements = elements;
  add(std::move(c));
}

void add_passes(const Case& c) {
  const auto pass = [&](const char* name, std::vector<std::size_t> gradients) {
    Case one = c;
    one.name += name;
    one.gradients = std::move(gradients);
    add(std::move(one));
  };
  pass("_forward", {});
  pass("_backward_data", {0});
  pass("_backward_weights", {1});
}

/// Words that are no options: every row that is run has all of them in its name.
std::vector<std::string> take_words(int& argc, char** argv) {
  std::vector<std::string> words;
  int kept = 1;
  for (int i = 1; i < argc; ++i)
    if (argv[i][0] == '-')
      argv[kept++] = argv[i];
    else
      words.emplace_back(argv[i]);
  argc = kept;
  return words;
}

int main(int argc, char** argv) {
  const std::vector<std::string> words = take_words(argc, argv);
  const bool list = std::any_of(argv, argv + argc, [](std::string_view a) { return a.starts_with("--benchmark_list_tests"); });
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::string cuda;
  const auto found = devices(cuda);
  benchmark::AddCustomContext("cuda", cuda);
  benchmark::AddCustomContext("share",
                              "of what the device can do: the time its ceilings allow over the time taken; above 1 a cache served it");
  benchmark::AddCustomContext("GB/s, GFLOP/s", "bytes that the op must move; 2 a multiply-add of the defining sum, whatever algorithm ran");
  add_cases();
  for (const Case* c : cases()) {
    std::string name = c->name;
    for (const auto& [key, value] : c->arguments) name += message('/', key, ':', value);
    for (Device device : found)
      for (DType dtype : device.is_cpu() ? std::vector{DType::f32} : c->cuda)
        if (const std::string row = message(name, device.is_cpu() ? "/cpu/" : "/cuda/", name_of(dtype));
            std::all_of(words.begin(), words.end(), [&](const std::string& w) { return row.find(w) != std::string::npos; }))
          benchmark::RegisterBenchmark(row.c_str(),
                                       [c, dtype, device](benchmark::State& state) {
                                         run(state, *c, {dtype, device});
                                       })
              ->UseManualTime()
              ->Unit(benchmark::kMicrosecond);
  }
  for (Device device : found)
    if (!list && !cases().empty()) {
      const Ceilings& most = ceilings(device);
      benchmark::AddCustomContext(message(device_name(device), " copies"), message(1e-9 * most.bytes_per_second, " GB/s"));
      benchmark::AddCustomContext(message(device_name(device), " multiply-adds"), message(1e-9 * most.flops_per_second, " GFLOP/s"));
      if (device.is_cuda())
        benchmark::AddCustomContext(message(device_name(device), " bf16 on tensor cores"),
                                    message(1e-9 * most.bf16_flops_per_second, " GFLOP/s"));
    }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return any_failure;
}

}  // namespace lamina::bench

int main(int argc, char** argv) { return lamina::bench::main(argc, argv); }
