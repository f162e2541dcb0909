// lamina replay: a step whose numbers were not finite is taken again; which op was the first.
#include "lamina/train/replay.hpp"

#include <cmath>
#include <cstdio>

#include "json.hpp"
#include "lamina/core/device.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;

namespace {

struct ReplayOptions {
  std::string run;
  std::string device;  ///< empty: the run's
};

int replay(const ReplayOptions& options, const Common& common) {
  constexpr std::size_t kShown = 12;
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  const train::Replay r = train::replay(options.run, options.device);
  const bool found = !r.fault.where.empty();
  if (common.json) {
    Json result{{"epoch", r.step.epoch}, {"step", r.step.step}, {"seen", r.step.number}, {"items", r.step.items}, {"reproduced", found}};
    if (found) result["first"] = r.fault.where, result["cause"] = r.fault.cause, result["next"] = r.fault.next;
    for (const train::OpRange& op : r.fault.ops)
      result["ops"].push_back(
          {{"layer", op.layer}, {"op", op.op}, {"largest", std::isfinite(op.largest) ? Json(op.largest) : Json(nullptr)}});
    print_json(result);
    return kOk;
  }
  std::string items;
  for (const std::string& item : r.step.items) items += " " + item;
  std::printf("epoch %d, step %lld, images%s: %s\n", r.step.epoch, static_cast<long long>(r.step.step), items.c_str(),
              r.step.number.c_str());
  if (!found) {
    std::printf("taken again here, all of it is finite: it takes the device and the instruction set of the run\n");
    return kOk;
  }
  const std::size_t count = r.fault.ops.size(), first = count > kShown ? count - kShown : 0;
  if (count > 0) std::printf("the largest magnitude of what the last ops gave:\n");
  for (std::size_t i = first; i < count; ++i)
    std::printf("  %10.3g  %s%s%s\n", r.fault.ops[i].largest, r.fault.ops[i].op.c_str(), r.fault.ops[i].layer.empty() ? "" : " in ",
                r.fault.ops[i].layer.c_str());
  std::printf("first not finite: %s\nlikely cause: %s\nnext: %s\n", r.fault.where.c_str(), r.fault.cause.c_str(), r.fault.next.c_str());
  return kOk;
}

}  // namespace

Verb replay_verb() {
  const auto o = std::make_shared<ReplayOptions>();
  Verb verb{"replay", "take the step again whose loss or gradient was not finite: which op and layer was the first, and why",
            [o](const Common& common) { return replay(*o, common); }};
  verb.add({.name = "RUN", .value = &o->run, .help = "run folder, or its failed_step.safetensors", .required = true});
  add_device(verb, o->device);
  verb.at("--device").help += "; empty: the run's";
  return verb;
}

}  // namespace cli
