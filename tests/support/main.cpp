// The tests' main: memory starts as NaN, so that an element that nobody wrote is seen.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "lamina/core/storage.hpp"

#ifdef __SANITIZE_ADDRESS__
/// Tests ask for more memory than there is, and expect a MemoryError.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
/// A block of the shim that diverges is abandoned, with what its threads hold at that barrier.
extern "C" const char* __lsan_default_suppressions() { return "leak:shim::block_barrier\nleak:shim::exchange\n"; }
#endif
#ifdef __SANITIZE_THREAD__
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }
#endif

int main(int argc, char** argv) {
  lamina::set_memory_poison(true);
  return doctest::Context(argc, argv).run();
}
