#pragma once
#include <cstdint>
#include <type_traits>

/// Marks functions that kernels of every instruction set and device share; always inlined so that no copy compiled for one
/// instruction set can be picked by the linker for another.
#if defined(__CUDACC__)
#define LAMINA_HD __host__ __device__ __forceinline__
#else
#define LAMINA_HD [[gnu::always_inline]] inline
#endif

namespace lamina {

/// (rows, cols) matrix whose rows start `ld >= cols` elements apart: any tensor seen as pixels x channels. Plain data.
template <class T>
struct View2 {
  T* data;
  std::int64_t rows, cols, ld;

  LAMINA_HD T* row(std::int64_t r) const { return data + r * ld; }
  LAMINA_HD bool contiguous() const { return ld == cols; }
  LAMINA_HD std::int64_t size() const { return rows * cols; }
  LAMINA_HD operator View2<const T>() const requires(!std::is_const_v<T>) { return {data, rows, cols, ld}; }
};

/// NHWC image batch whose pixels start `ld >= c` elements apart; rows and images are packed. Plain data.
template <class T>
struct View4 {
  T* data;
  std::int64_t n, h, w, c, ld;

  LAMINA_HD T* pixel(std::int64_t in, std::int64_t ih, std::int64_t iw) const { return data + ((in * h + ih) * w + iw) * ld; }
  LAMINA_HD std::int64_t pixels() const { return n * h * w; }
  LAMINA_HD std::int64_t size() const { return n * h * w * c; }
  LAMINA_HD View2<T> flat() const { return {data, n * h * w, c, ld}; }
  LAMINA_HD operator View4<const T>() const requires(!std::is_const_v<T>) { return {data, n, h, w, c, ld}; }
};

}  // namespace lamina
