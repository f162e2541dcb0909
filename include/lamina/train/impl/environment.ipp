// The machine and build of a run.
#include <sys/utsname.h>

#include <fstream>
#include <thread>

#include "lamina/config.hpp"
#include "lamina/core/device.hpp"
#include "lamina/core/versions.hpp"
#include "lamina/data/image.hpp"
#include "lamina/train/session.hpp"

namespace lamina::train {
namespace {
std::string cuda_summary() {
  if (!LAMINA_HAS_CUDA) return "not built in";
  try {
    const int count = cuda_device_count();
    if (count == 0) return "built in; no device found; " + cuda_versions();
    std::string names;
    for (int i = 0; i < count; ++i) names += (i ? ", " : "") + device_name({Device::Type::cuda, i});
    return names + "; " + cuda_versions();
  } catch (const Error& e) {
    return std::string("built in; not usable: ") + e.what();
  }
}
}  // namespace

std::vector<std::pair<std::string, std::string>> environment() {
  std::string cpu = "unknown";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      cpu = line.substr(line.find(':') + 2);
      break;
    }
  utsname system{};
  uname(&system);
  return {{"lamina", LAMINA_VERSION},
          {"compiler", __VERSION__},
          {"processor", cpu},
          {"instruction set", name_of(detected_isa())},
          {"hardware threads", std::to_string(std::thread::hardware_concurrency())},
          {"system", std::string(system.sysname) + " " + system.release + " " + system.machine},
          {"image formats", data::supported_formats()},
          {"decoders", data::decoder_versions()},
          {"CUDA", cuda_summary()}};
}

}  // namespace lamina::train
