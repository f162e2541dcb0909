// lamina bench: what each layer of a network takes.
#include <algorithm>
#include <cstdio>

#include "json.hpp"
#include "lamina/core/free_memory.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/ops/ops.hpp"
#include "lamina/train/trainer.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;

namespace {

struct BenchOptions {
  std::string profile;  ///< a run folder or a checkpoint; empty: the model named below
  models::ModelConfig model;
  std::string size;  ///< empty: the run's, or 256
  int batch = 4, repeats = 3;
  bool train = false;
  std::string device = "cpu";
};

/// The end of a path says more than its beginning.
std::string end_of(const std::string& path, std::size_t width) {
  return path.empty() ? "-" : path.size() <= width ? path : ".." + path.substr(path.size() - width + 2);
}

std::string kilobytes(std::int64_t bytes) { return std::to_string((bytes + 500) / 1000) + " kB"; }

int bench(const BenchOptions& options, const Common& common) {
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  const Device device = parse_device(options.device);
  auto [width, height] = parse_extent(options.size.empty() ? "256" : options.size);
  std::unique_ptr<models::Network> model;
  if (options.profile.empty()) {
    const models::ModelCost cost = models::model_cost(options.model, height, width);
    const FreeMemory free = free_memory();
    require<MemoryError>(4 * cost.parameters <= free.bytes, "the ", cost.parameters, " parameters of this network take ",
                         4 * cost.parameters / 1000000, " MB, and ", free.bytes / 1000000, " MB are left of ", free.limit,
                         "; choose a smaller --base or --depth");
    model = models::build_network(options.model, 0);
  } else {
    const io::ModelFile file(io::find_best_or_last(options.profile));
    model = file.network();
    const infer::InputConfig input = train::input_of(file);
    if (options.size.empty()) width = input.width, height = input.height;
  }
  model->to(device);
  model->train(options.train);
  const Tensor images = Tensor::normal({options.batch, height, width, model->in_channels()}, {1, 2}).to(device);
  const auto pass = [&] {
    if (!options.train) {
      const NoGrad no_grad;
      (void)model->run(images);
      return;
    }
    Tensor loss;
    for (const nn::NamedTensor& output : model->run(images)) loss = loss ? lamina::add(loss, mean(output.tensor)) : mean(output.tensor);
    loss.backward();
    for (const Tensor& p : model->parameters()) p.zero_grad();
  };
  pass();  // caches, memory, code
  nn::Profiler profiler(device);
  for (int i = 0; i < options.repeats; ++i) {
    profiler.skip();
    pass();
  }

  const auto rows = profiler.rows();
  double forward = 0, backward = 0;
  for (const nn::ProfileRow& r : rows) forward += r.forward, backward += r.backward;
  const double each = 1e3 / options.repeats, total = std::max(forward + backward, 1e-9);
  if (common.json) {
    Json list = Json::array();
    for (const nn::ProfileRow& r : rows)
      list.push_back({{"layer", r.layer},
                      {"kind", r.op},
                      {"algorithm", r.algorithm},
                      {"calls", r.calls / options.repeats},
                      {"forward_ms", r.forward * each},
                      {"backward_ms", r.backward * each},
                      {"bytes", r.bytes / options.repeats}});
    const Json result{{"size", std::to_string(width) + "x" + std::to_string(height)},
                      {"batch", options.batch},
                      {"train", options.train},
                      {"device", device.str()},
                      {"threads", pool.concurrency()},
                      {"forward_ms", forward * each},
                      {"backward_ms", backward * each},
                      {"layer_list", list}};
    print_json(result);
    return kOk;
  }
  std::printf("%-32s %-16s %-13s %10s %9s %9s %5s\n", "layer", "kind", "algorithm", "bytes", "forward", "backward", "");
  const auto line = [&](const std::string& layer, const std::string& kind, const std::string& algorithm, const std::string& bytes, double f,
                        double b) {
    std::printf("%-32s %-16s %-13s %10s %9.3f %9.3f %4.0f%%\n", end_of(layer, 32).c_str(), kind.c_str(), algorithm.c_str(), bytes.c_str(),
                f * each, b * each, 100 * (f + b) / total);
  };
  for (const nn::ProfileRow& r : rows) line(r.layer, r.op, r.algorithm, kilobytes(r.bytes / options.repeats), r.forward, r.backward);
  line("all, ms a pass", "", "", "", forward, backward);
  return kOk;
}

}  // namespace

Verb bench_verb() {
  const auto o = std::make_shared<BenchOptions>();
  Verb verb{"bench", "measure a network layer by layer: time, bytes, algorithm", [o](const Common& common) { return bench(*o, common); }};
  verb.add(
      {.name = "--profile", .value = &o->profile, .help = "run folder or .safetensors file; none: the model named by the other options"});
  add_model(verb, o->model);
  verb.add({.name = "--size", .value = &o->size, .help = "W[xH]; empty: the run's, or 256"});
  verb.add({.name = "--batch", .value = &o->batch, .help = "images a pass", .least = 1, .most = 4096});
  verb.add(
      {.name = "--repeats", .value = &o->repeats, .help = "passes that are averaged, after one that is not", .least = 1, .most = 100000});
  verb.add({.name = "--train", .value = &o->train, .help = "forward and backward of a training step instead of evaluation"});
  add_device(verb, o->device);
  return verb;
}

}  // namespace cli
