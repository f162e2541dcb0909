// What a device can do at most, measured.
#pragma once
#include "lamina/core/device.hpp"

namespace lamina::bench {

struct Ceilings {
  double bytes_per_second;  ///< read and written by the library's copy kernel, of a tensor that no cache holds
  double flops_per_second;  ///< of f32 multiply-adds (2 each) that never leave the registers
};

/// Measured by the first call for a device.
const Ceilings& ceilings(Device device);

namespace detail {
/// A loop of multiply-adds on every core / multiprocessor; returns their number.
double multiply_adds(Cpu& cpu);
double multiply_adds(Cuda& cuda);
}  // namespace detail

}  // namespace lamina::bench
