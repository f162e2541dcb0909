#pragma once
#include "lamina/core/device.hpp"

namespace lamina {

/// An elementary function of one number.
struct Unary {
  enum class Kind : std::uint8_t { exp, log, sqrt, abs, pow, clamp };
  Kind kind = Kind::exp;
  double a = 0, b = 0;  ///< pow: x^a; clamp: to [a, b]

  /// Whether the derivative is taken from y instead of x.
  constexpr bool by_output() const { return kind == Kind::exp || kind == Kind::sqrt; }
};
constexpr const char* name_of(Unary::Kind kind) {
  constexpr const char* kNames[] = {"exp", "log", "sqrt", "abs", "pow", "clamp"};
  return kNames[static_cast<int>(kind)];
}

namespace kernels {

/// y = f(x), elementwise; overwrites y, which may be x.
LAMINA_KERNEL(unary_forward, View2<const T> x, Unary f, View2<T> y)
/// dx = dy * f'(x), where v is y of exp and sqrt and x of the others; dx may be dy. abs: 0 at 0. clamp: dy between a and b, 0 at them.
LAMINA_KERNEL(unary_backward, View2<const T> v, View2<const T> dy, Unary f, View2<T> dx)

}  // namespace kernels
}  // namespace lamina
