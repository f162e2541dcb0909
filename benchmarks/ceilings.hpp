// What a device can do at most, measured.
#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"

namespace lamina::bench {

struct Ceilings {
  double bytes_per_second;       ///< read and written by the library's copy kernel, of a tensor that no cache holds
  double flops_per_second;       ///< of f32 multiply-adds (2 each) that never leave the registers
  double bf16_flops_per_second;  ///< of CUDA's tensor cores, as the kernels call them (mma.sync), from registers; 0 on a CPU

  double flops(DType dtype) const { return dtype == DType::bf16 ? bf16_flops_per_second : flops_per_second; }
};

/// Measured by the first call for a device.
const Ceilings& ceilings(Device device);

namespace detail {
/// A loop of multiply-adds on every core / multiprocessor; returns their number.
double multiply_adds(Cpu& cpu);
double multiply_adds(Cuda& cuda);
/// The same of bf16 products on tensor cores.
double matrix_multiply_adds(Cuda& cuda);
inline double matrix_multiply_adds(Cpu&) { return 0; }
}  // namespace detail

}  // namespace lamina::bench
