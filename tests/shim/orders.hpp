#pragma once
#include "lamina/core/tensor.hpp"

// Kernels under several orders of their threads.
namespace lamina::test {

inline constexpr const char* kOrders[] = {"ascending", "descending", "shuffled:1", "shuffled:2"};

/// Runs `work` under an order of threads and blocks.
template <class F>
auto in_order(const char* order, F&& work) {
  struct Order {
    explicit Order(const char* name) { shim::set_order(name); }
    ~Order() { shim::set_order(nullptr); }
  } scope(order);
  return work();
}

inline Cuda& cuda() { return current_cuda(0); }
inline Device device() { return {Device::Type::cuda, 0}; }

template <class T = float>
Tensor on_device(std::int64_t n) {
  return Tensor::empty({n}, {dtype_of<T>, device()});
}

}  // namespace lamina::test
