// Steps whose numbers are not finite: which op was the first, and the file from which they are taken again.
#include "lamina/train/sentinels/failed_step.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "lamina/autograd/observe.hpp"
#include "lamina/core/text.hpp"
#include "lamina/nn/nn.hpp"

namespace lamina::train {
namespace {

constexpr double kGrown = 1e15;  // products of such numbers pass what f32 holds

/// Of all its elements; NaN where one is; 0 of integers.
double largest(const Tensor& t) {
  if (!t || (t.dtype() != DType::f32 && t.dtype() != DType::f64 && t.dtype() != DType::bf16)) return 0;
  double most = 0;
  for (const float v : t.to(kCpu).to_vector<float>()) {
    if (std::isnan(v)) return v;
    most = std::max(most, std::abs(static_cast<double>(v)));
  }
  return most;
}

std::string three_digits(double v) { return formatted("%.3g", v); }

/// Stops looking at the first op whose output or gradients are not finite.
class Probe : Observer {
 public:
  std::string where;
  std::vector<OpRange> ops;
  double inputs = 0;  ///< largest magnitude of what that op was given

 private:
  static std::string named(const char* op, const std::string& layer) { return op + (layer.empty() ? std::string() : " in " + layer); }

  void forward(const ForwardEvent& e) override {
    if (!where.empty() || std::string_view(e.op.name) == "copy") return;
    const OpRange range{nn::LayerScope::current(), e.op.name, largest(e.output)};
    double given = 0;
    for (const Tensor& t : e.inputs) given = std::max(given, largest(t));
    of_[e.id] = {range.layer, given};
    ops.push_back(range);
    if (std::isfinite(range.largest)) return;
    where = message("the output of ", named(e.op.name, range.layer), ", of shape ", e.output.shape());
    inputs = given;
  }
  void backward(const BackwardEvent& e) override {
    for (std::size_t i = 0; where.empty() && i < e.gradients.size(); ++i)
      if (!std::isfinite(largest(e.gradients[i]))) {
        const auto& [layer, given] = of_[e.id];
        where = message("the gradient of ", named(e.op, layer), " for its input ", i + 1, ", of shape ", e.gradients[i].shape());
        inputs = given;
      }
  }
  std::map<std::uint64_t, std::pair<std::string, double>> of_;  // layers and inputs of ops on the tape
  ObserverScope scope_{*this};
};

/// The first tensor that is not finite before the step; empty: none is.
std::string spoilt(const std::vector<nn::NamedTensor>& tensors, const char* what) {
  for (const nn::NamedTensor& t : tensors)
    if (!std::isfinite(largest(t.tensor))) return message(what, t.name, ", before the step");
  return {};
}

StepFault too_fast(Task& task, double lr) {
  return {.cause = message("a learning rate that is too high, ", three_digits(lr)),
          .next = task.command(message("--lr ", three_digits(slower_than(lr)), " --clip-norm 1")),
          .too_fast = true};
}

/// The components' tensors as checkpoints name them.
std::vector<nn::NamedTensor> named(Task& task, std::vector<nn::NamedTensor> (nn::Module::*tensors)() const) {
  std::vector<nn::NamedTensor> all;
  for (const Component& c : task.components())
    for (nn::NamedTensor& t : (c.module->*tensors)())
      all.push_back({c.prefix.empty() ? t.name : c.prefix + "." + t.name, std::move(t.tensor)});
  return all;
}

}  // namespace

std::string not_finite(const Scalars& values) {
  for (const auto& [name, value] : values)
    if (!std::isfinite(value)) return message("the ", name, " is ", std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
  return {};
}

RandomKey step_key(std::uint64_t seed, std::int64_t step) { return RandomKey{seed, 0x73746570}.derive(static_cast<std::uint64_t>(step)); }

StepFault look_into_validation(Task& task, double lr) {
  StepFault fault = too_fast(task, lr);
  fault.where = spoilt(named(task, &nn::Module::state), "");
  if (!fault.where.empty()) return fault;
  Probe probe;
  (void)task.validate();
  fault.where = probe.where, fault.ops = std::move(probe.ops);
  return fault;
}

StepFault look_into(Task& task, const FailedStep& step) {
  StepFault fault = too_fast(task, step.lr);
  fault.where = spoilt(named(task, &nn::Module::named_parameters), "the weights ");
  if (!fault.where.empty()) return fault;
  std::vector<nn::NamedTensor> given;
  for (const auto& [name, tensor] : step.batch.tensors()) given.push_back({name, tensor});
  fault.where = spoilt(given, "the batch's ");
  if (fault.where.empty()) {
    const nn::RandomScope random(step_key(step.seed, step.step));
    Probe probe;
    (void)task.step(step.batch);
    fault.where = probe.where, fault.ops = std::move(probe.ops);
    if (fault.where.empty()) return fault;
    if (probe.inputs >= kGrown) {
      fault.cause += message(": what the op was given had grown to ", three_digits(probe.inputs));
      return fault;
    }
    fault.cause = "numbers that this op cannot take, such as a division by 0: labels or pixel weights unlike all others";
  } else {
    fault.cause = "photographs whose numbers are none, or bands without any deviation to be normalised by";
  }
  if (const std::string look = task.command(""); !look.empty()) fault.next = look;
  fault.too_fast = false;
  return fault;
}

std::filesystem::path failed_step_file(const std::filesystem::path& run) { return run / "failed_step.safetensors"; }

void save_failed_step(const std::filesystem::path& run, Task& task, const FailedStep& step) {
  io::TensorArchive archive;
  for (const nn::NamedTensor& t : named(task, &nn::Module::state)) archive.tensors["model/" + t.name] = t.tensor.detach().to(kCpu).packed();
  for (const auto& [name, tensor] : step.batch.tensors()) archive.tensors["batch/" + name] = tensor.to(kCpu).packed();
  archive.metadata = task.metadata();
  archive.metadata["failed_step"] = nlohmann::ordered_json{
      {"epoch", step.epoch},
      {"step", step.step},
      {"lr", step.lr},
      {"seed", step.seed},
      {"number", step.number},
      {"items", step.items},
      {"indices", step.batch.indices}}.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  io::write_safetensors(failed_step_file(run), archive);
}

FailedStep read_failed_step(const std::filesystem::path& file, std::vector<nn::NamedTensor>& model) {
  io::TensorArchive archive = io::read_safetensors(file);
  FailedStep step;
  try {
    const auto j = nlohmann::ordered_json::parse(archive.metadata_at("failed_step"));
    step = {.epoch = j.at("epoch"),
            .step = j.at("step"),
            .lr = j.at("lr"),
            .seed = j.at("seed"),
            .number = j.at("number"),
            .items = j.at("items")};
    step.batch.indices = j.at("indices").get<std::vector<int>>();
  } catch (const nlohmann::json::exception& e) {
    throw DataError(message(file.string(), ": no failed step of a run: ", json_reason(e.what())));
  }
  for (const auto& [name, tensor] : archive.tensors) {
    if (name.starts_with("model/")) model.push_back({name.substr(6), tensor});
    if (name.starts_with("batch/")) step.batch.set(name.substr(6), tensor);
  }
  step.metadata = std::move(archive.metadata);
  return step;
}

}  // namespace lamina::train
