// The tests' main: memory starts as NaN, so that an element that nobody wrote is seen.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "lamina/core/storage.hpp"

int main(int argc, char** argv) {
  lamina::set_memory_poison(true);
  return doctest::Context(argc, argv).run();
}
