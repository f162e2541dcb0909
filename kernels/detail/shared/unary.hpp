// The elementary functions of every device: f(v) and f.pull(v, dy) = dy * f'(x), of the v that kernels/unary.hpp names. V is a register of
// the CPU or a CUDA thread's number, S its element.
#pragma once
#ifdef LAMINA_CPU_KERNELS
#include "detail/cpu/elementary.hpp"
#else
#include "detail/cuda/elementary.cuh"
#endif
#include "lamina/kernels/unary.hpp"

namespace lamina::kernels::LAMINA_ISA {

struct Exp {
  template <class V>
  LAMINA_HD V operator()(V x) const {
    return exp(x);
  }
  template <class V>
  LAMINA_HD V pull(V y, V dy) const {
    return dy * y;
  }
};
struct Log {
  template <class V>
  LAMINA_HD V operator()(V x) const {
    return log_of_any(x);
  }
  template <class V>
  LAMINA_HD V pull(V x, V dy) const {
    return dy / x;
  }
};
struct Sqrt {
  template <class V>
  LAMINA_HD V operator()(V x) const {
    return sqrt(x);
  }
  template <class V>
  LAMINA_HD V pull(V y, V dy) const {
    return dy / (y + y);
  }
};
struct Abs {
  template <class V>
  LAMINA_HD V operator()(V x) const {
    return x < V{} ? -x : x + V{};  // keeps NaN; -0 becomes 0
  }
  template <class V>
  LAMINA_HD V pull(V x, V dy) const {
    return x > V{} ? dy : x < V{} ? -dy : V{};
  }
};
template <class S>
struct Pow {
  S exponent;
  template <class V>
  LAMINA_HD V operator()(V x) const {
    return pow(x, exponent);
  }
  template <class V>
  LAMINA_HD V pull(V x, V dy) const {
    return exponent == 0 ? V{} : dy * exponent * pow(x, exponent - 1);
  }
};
template <class S>
struct Clamp {
  S least, most;
  template <class V>
  LAMINA_HD V operator()(V x) const {
    const V low = V{} + least, high = V{} + most;
    return x < low ? low : x > high ? high : x;  // keeps NaN
  }
  template <class V>
  LAMINA_HD V pull(V x, V dy) const {
    const V low = V{} + least, high = V{} + most;
    return x <= low ? V{} : x >= high ? V{} : dy;
  }
};

/// Calls g(functor).
template <class S, class G>
LAMINA_HD void with_unary(Unary f, G&& g) {
  switch (f.kind) {
    case Unary::Kind::exp: return g(Exp{});
    case Unary::Kind::log: return g(Log{});
    case Unary::Kind::sqrt: return g(Sqrt{});
    case Unary::Kind::abs: return g(Abs{});
    case Unary::Kind::pow: return g(Pow<S>{static_cast<S>(f.a)});
    case Unary::Kind::clamp: return g(Clamp<S>{static_cast<S>(f.a), static_cast<S>(f.b)});
  }
}

}  // namespace lamina::kernels::LAMINA_ISA
