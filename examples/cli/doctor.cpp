// lamina doctor: this machine and this build.
#include "json.hpp"
#include "lamina/core/device.hpp"
#include "lamina/train/session.hpp"
#include "verbs.hpp"

namespace cli {

using namespace lamina;

namespace {

int doctor(const Common& common) {
  ThreadPool pool(common.threads);
  Json result;
  for (const auto& [key, value] : train::environment()) result[key] = value;
  result["threads used"] = pool.concurrency();
  print_items(result, common.json);
  return kOk;
}

}  // namespace

Verb doctor_verb() { return {"doctor", "what this machine and this build can do", doctor}; }

}  // namespace cli
