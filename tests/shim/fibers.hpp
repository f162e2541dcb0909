// What the shim's runtime asks of its fibers.
#pragma once
#include <stdexcept>

#include "shim.hpp"

namespace shim {

/// What a kernel did wrong: its name and its line.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Runs `body` as every thread of the grid, one block after the other. Throws Failure.
void run_grid(const char* kernel, Dim3 grid, Dim3 block, std::size_t shared_bytes, const std::function<void()>& body);
/// See set_order.
void order_threads(const char* order);

}  // namespace shim
