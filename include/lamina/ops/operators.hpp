#pragma once
#include "lamina/ops/arithmetic.hpp"

// a + b and the like of tensors, which are broadcast, and numbers.
namespace lamina {

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator>(const Tensor& a, const Tensor& b) { return greater(a, b); }
inline Tensor operator<(const Tensor& a, const Tensor& b) { return greater(b, a); }
inline Tensor operator>(const Tensor& a, double b) { return greater(a, b); }
inline Tensor operator-(const Tensor& a) { return scale(a, -1); }
inline Tensor operator+(const Tensor& a, double b) { return scale(a, 1, b); }
inline Tensor operator+(double a, const Tensor& b) { return scale(b, 1, a); }
inline Tensor operator-(const Tensor& a, double b) { return scale(a, 1, -b); }
inline Tensor operator-(double a, const Tensor& b) { return scale(b, -1, a); }
inline Tensor operator*(const Tensor& a, double b) { return scale(a, b); }
inline Tensor operator*(double a, const Tensor& b) { return scale(b, a); }
inline Tensor operator/(const Tensor& a, double b) { return div(a, detail::number_beside("div", "a", a, b)); }
inline Tensor operator/(double a, const Tensor& b) { return div(detail::number_beside("div", "b", b, a), b); }

}  // namespace lamina
