// CPU twins of kernels/softmax.hpp. Rows are short (a few classes), so each step but the exponential runs row by row; the exponential
// runs over the registers of a whole chunk, in place in the output. Sums over a row are in double.
#include "lamina/kernels/softmax.hpp"

#include "detail/math.hpp"
#include "detail/reduce.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

/// y = exp(y), on the calling thread.
template <class T>
void exp_in_place(View2<T> y) {
  const bool packed = y.contiguous();
  for (std::int64_t r = 0; r < (packed ? 1 : y.rows); ++r)
    for_lanes<T>(packed ? y.size() : y.cols, [&](std::int64_t i, auto lanes) {
      T* at = y.row(r) + i;
      store(at, exp(load(at, lanes)), lanes);
    });
}

/// A NaN may be passed over: it spreads over the row through x - max and the sum.
template <class T>
T row_max(const T* x, std::int64_t cols) {
  return fold(x[0], x, cols, [](T a, T b) { return b > a ? b : a; });
}

/// Calls `finish(x, y, cols)` for every row, with y = exp(x - max x).
template <class T, class F>
void for_shifted_exp(Cpu& cpu, View2<const T> x, View2<T> y, F finish) {
  for_row_chunks(cpu, x.rows, x.cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* from = x.row(r);
      T *to = y.row(r), max = row_max(from, x.cols);
      for (std::int64_t c = 0; c < x.cols; ++c) to[c] = from[c] - max;
    }
    exp_in_place(View2<T>{y.row(begin), end - begin, y.cols, y.ld});
    for (std::int64_t r = begin; r < end; ++r) finish(x.row(r), y.row(r), x.cols);
  });
}

}  // namespace

template <class T>
void softmax_forward(Cpu& cpu, View2<const T> x, View2<T> y) {
  for_shifted_exp(cpu, x, y, [](const T*, T* to, std::int64_t cols) {
    const T scale = static_cast<T>(1 / row_sum(to, cols));
    for (std::int64_t c = 0; c < cols; ++c) to[c] *= scale;
  });
}

template <class T>
void softmax_backward(Cpu& cpu, View2<const T> y, View2<const T> dy, View2<T> dx) {
  for_row_chunks(cpu, y.rows, y.cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T *p = y.row(r), *g = dy.row(r);
      T* to = dx.row(r);
      double dot = 0;
      for (std::int64_t c = 0; c < y.cols; ++c) dot += static_cast<double>(g[c]) * static_cast<double>(p[c]);
      for (std::int64_t c = 0; c < y.cols; ++c) to[c] = p[c] * (g[c] - static_cast<T>(dot));
    }
  });
}

template <class T>
void log_softmax_forward(Cpu& cpu, View2<const T> x, View2<T> y) {
  for_shifted_exp(cpu, x, y, [](const T* from, T* to, std::int64_t cols) {
    const T max = row_max(from, cols), log_sum = static_cast<T>(__builtin_log(row_sum(to, cols)));
    for (std::int64_t c = 0; c < cols; ++c) to[c] = (from[c] - max) - log_sum;
  });
}

template <class T>
void log_softmax_backward(Cpu& cpu, View2<const T> y, View2<const T> dy, View2<T> dx) {
  for_row_chunks(cpu, y.rows, y.cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      for (std::int64_t c = 0; c < y.cols; ++c) dx.row(r)[c] = y.row(r)[c];
    exp_in_place(View2<T>{dx.row(begin), end - begin, dx.cols, dx.ld});
    for (std::int64_t r = begin; r < end; ++r) {
      const T *g = dy.row(r), sum = static_cast<T>(row_sum(g, y.cols));
      T* to = dx.row(r);
      for (std::int64_t c = 0; c < y.cols; ++c) to[c] = g[c] - to[c] * sum;
    }
  });
}

LAMINA_INSTANTIATE(&softmax_forward<float>, &softmax_forward<double>, &softmax_backward<float>, &softmax_backward<double>,
                   &log_softmax_forward<float>, &log_softmax_forward<double>, &log_softmax_backward<float>, &log_softmax_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
