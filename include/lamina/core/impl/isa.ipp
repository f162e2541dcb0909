// The instruction set in use, chosen by CPUID or LAMINA_ISA.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "lamina/core/device.hpp"
#include "lamina/core/error.hpp"

namespace lamina {
namespace {

struct Row {
  const char* name;
  const char* text;
  bool supported;
};
/// In the order of Isa; what lacks one lacks those behind it.
std::vector<Row> rows() {
  __builtin_cpu_init();
  bool all = true;
#define LAMINA_ISA_ROW(name, text, options, supported) {#name, text, all = all && (supported)},
  return {LAMINA_ISAS(LAMINA_ISA_ROW)};
#undef LAMINA_ISA_ROW
}

Isa detect() {
  const std::vector<Row> all = rows();
  const char* wanted = std::getenv("LAMINA_ISA");
  std::string names;
  for (std::size_t i = all.size(); i-- > 0;) {
    const auto& [name, text, supported] = all[i];
    if (!wanted || !*wanted) {
      if (supported) return static_cast<Isa>(i);
    } else if (std::strcmp(wanted, name) == 0 || std::strcmp(wanted, text) == 0) {
      require<DeviceError>(supported, "LAMINA_ISA=", wanted, ": this processor lacks that instruction set");
      return static_cast<Isa>(i);
    }
    names = name + (names.empty() ? "" : " or " + names);
  }
  require<DeviceError>(!wanted || !*wanted, "LAMINA_ISA=", wanted, " names no instruction set of this build; use ", names);
  throw DeviceError(message("this processor lacks the features of ", all.front().text,
                            ", which the CPU kernels of this build need; "
                            "-DLAMINA_ISAS=all builds all that there are"));
}

}  // namespace

Isa detected_isa() {
  static const Isa isa = detect();
  return isa;
}

}  // namespace lamina
