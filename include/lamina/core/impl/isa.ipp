// The instruction set in use, chosen by CPUID or LAMINA_ISA.
#include <cstdlib>
#include <cstring>

#include "lamina/core/device.hpp"
#include "lamina/core/error.hpp"

namespace lamina {
namespace {

bool has(Isa isa) {
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  if (isa == Isa::v3) return v3;
  return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
}

Isa detect() {
  if (const char* name = std::getenv("LAMINA_ISA"); name && *name) {
    for (Isa isa : {Isa::v3, Isa::avx512}) {
      const bool named = std::strcmp(name, name_of(isa)) == 0 || (isa == Isa::v3 && std::strcmp(name, "v3") == 0);
      if (!named) continue;
      require<DeviceError>(has(isa), "LAMINA_ISA=", name, ": this processor lacks that instruction set");
      return isa;
    }
    throw DeviceError(message("LAMINA_ISA=", name, " names no instruction set; use v3 or avx512"));
  }
  if (has(Isa::avx512)) return Isa::avx512;
  require<DeviceError>(has(Isa::v3), "this processor lacks AVX2 and FMA (x86-64-v3), which the CPU kernels need");
  return Isa::v3;
}

}  // namespace

Isa detected_isa() {
  static const Isa isa = detect();
  return isa;
}

}  // namespace lamina
