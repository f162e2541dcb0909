// Matrix products for the CPU kernels; gemm.cpp is the only file that sees Eigen.
#pragma once
#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {

enum class Trans : bool { no, yes };

/// c (m, n) = op(a) (m, k) * op(b) (k, n), plus c when `accumulate`; row-major with rows `ld` apart; op transposes. Runs on the calling
/// thread: callers parallelise over tiles. The result depends only on the operands.
template <class T>
void gemm(Trans ta, View2<const T> a, Trans tb, View2<const T> b, View2<T> c, bool accumulate = false);

}  // namespace lamina::kernels::LAMINA_ISA
