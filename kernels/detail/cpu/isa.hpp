// What every CPU kernel file includes first. Each file is compiled once per instruction set, with LAMINA_ISA naming the
// namespace (v3 or avx512). Nothing outside that namespace may end up as an out-of-line function in these objects (a test
// looks): use plain loops, views and Workspace, not standard containers.
#pragma once
#include <cstdint>

#include "detail/shared/instantiate.hpp"
#include "lamina/core/device.hpp"

#ifndef LAMINA_ISA
#error "compile kernels with -DLAMINA_ISA=NAME, a name of LAMINA_ISAS (core/device.hpp)"
#endif

namespace lamina::kernels::LAMINA_ISA {

/// Bytes of a SIMD register of this instruction set.
#ifdef __AVX512F__
inline constexpr int kVectorBytes = 64;
#else
inline constexpr int kVectorBytes = 32;
#endif

/// Calls f(begin, end) over [0, rows) in fixed-size chunks of about `target` elements, whatever the thread count.
template <class F>
inline void for_row_chunks(Cpu& cpu, std::int64_t rows, std::int64_t cols, F&& f, std::int64_t target = 1 << 15) {
  if (rows <= 0 || cols <= 0) return;
  const std::int64_t per_task = cols >= target ? 1 : (target + cols - 1) / cols;
  const std::int64_t tasks = (rows + per_task - 1) / per_task;
  cpu.parallel(tasks, [&](std::int64_t task, int) {
    const std::int64_t begin = task * per_task;
    f(begin, begin + per_task < rows ? begin + per_task : rows);
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
