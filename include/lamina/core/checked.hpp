#pragma once
#include <cstdint>
#include <initializer_list>

#include "lamina/core/error.hpp"

namespace lamina {

/// The most bytes, elements or pixels that are counted: twice as many still fit an int64.
inline constexpr std::int64_t kMostCounted = std::int64_t{1} << 62;

/// Arithmetic of extents, element counts and byte counts, which are never negative. Throws `E` with `what` when the result is not in
/// [0, kMostCounted].
template <class E = ShapeError, class... What>
std::int64_t checked_sum(std::initializer_list<std::int64_t> terms, const What&... what) {
  std::int64_t sum = 0;
  bool fits = true;
  for (const std::int64_t t : terms) fits = fits && !__builtin_add_overflow(sum, t, &sum) && sum >= 0 && sum <= kMostCounted;
  require<E>(fits, what...);
  return sum;
}
template <class E = ShapeError, class... What>
std::int64_t checked_product(std::initializer_list<std::int64_t> factors, const What&... what) {
  std::int64_t product = 1;
  bool fits = true;
  for (const std::int64_t f : factors)
    fits = fits && !__builtin_mul_overflow(product, f, &product) && product >= 0 && product <= kMostCounted;
  require<E>(fits, what...);
  return product;
}

}  // namespace lamina
