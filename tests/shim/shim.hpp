// The host shim: runs Lamina's CUDA kernels on the CPU, so that they are tested on machines without a GPU and under sanitizers.
//
//  - Every thread of a block is a fiber; it runs until it has to wait, then the first one that can goes on. First in the order that
//    LAMINA_SHIM_ORDER names, which is that of the blocks too: ascending (default), descending, or shuffled:SEED. So of two warps that
//    no barrier orders each runs ahead of the other in ascending or in descending order, and a missing barrier shows in one of them.
//  - Dynamic shared memory has exactly the bytes of the launch, filled with NaN; bytes written behind them are reported.
//  - A barrier or warp operation that not all threads reach, or that they reach at different lines, is reported, not waited for.
//  - A launch on a stream of another device than the thread's current one fails, as CUDA's does.
//  - Streams are queues: nothing runs before somebody waits for it, so a result read too early is a wrong result here too.
//  - Copies by cp.async land when they are waited for; in descending order at once.
//  - Under AddressSanitizer fibers are known as stacks; under ThreadSanitizer as threads that only barriers order (a race checker).
//  - LAMINA_SHIM_DEVICES, LAMINA_SHIM_MEMORY (bytes) and LAMINA_SHIM_DRIVER (version) change what the machine seems to have.
//
// A failure becomes cudaErrorLaunchFailure of the next API call that waits; cudaGetErrorString tells what happened.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>

namespace shim {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr Dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

struct Block {
  Dim3 index, threads, grid;
  void* shared;
};

/// The running thread, as kernels see it.
struct Thread {
  Dim3 thread;
  const Block* block;
  int number;  ///< within its block; its lane is number % 32
};

Thread& current();
inline int lane() { return current().number % 32; }
inline void* dynamic_shared() { return current().block->shared; }

void block_barrier(std::source_location at);
/// Waits for the whole warp and returns what every lane brought (32 values, valid until the caller's next warp operation).
const std::uint64_t* warp_exchange(unsigned mask, std::uint64_t bits, std::source_location at);

/// cp.async of the running thread: remembered, copied by async_wait.
void async_copy(void* to, const void* from, std::size_t bytes, std::size_t valid);
void async_commit();
/// Completes all but the last `pending` committed groups.
void async_wait(int pending);

/// Queues `body` as the code of every thread of the grid. Returns a cudaError_t: what is wrong with the launch itself.
int launch(const void* stream, const char* kernel, Dim3 grid, Dim3 block, std::size_t shared_bytes, std::function<void()> body);

/// Replaces LAMINA_SHIM_ORDER for the launches that follow; nullptr goes back to it.
void set_order(const char* order);
/// Allocations of device or pinned memory fail from the `n`-th on (0: the next one; negative: never).
void fail_allocations(int n);
/// The number of devices that exist and the version of the driver; negative: those of the environment.
void set_machine(int devices, int driver);

}  // namespace shim
