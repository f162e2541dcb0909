// CPU twins of kernels/softmax.hpp. Rows are short (a few classes): the forward passes turn as many rows as a register has lanes into
// one register a class, so that no lane idles.
#include "lamina/kernels/softmax.hpp"

#include "detail/cpu/math.hpp"
#include "detail/cpu/reduce.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

/// Calls `f(column)` for every kLanes rows, where column(c) is the address of their elements in column c of x, and stores to y what f
/// leaves there.
template <class T, class F>
void for_tiles(Cpu& cpu, View2<const T> x, View2<T> y, F f) {
  if (x.size() == 0) return;
  constexpr std::int64_t kRows = 4 * kLanes<T>;  // the stores of the first register are done when it is loaded
  const std::int64_t rows_per_task = (std::int64_t{1} << 15) / x.cols / kRows * kRows + kRows;
  Workspace workspace;
  const std::int64_t tasks = (x.rows + rows_per_task - 1) / rows_per_task;
  T* scratch = workspace.take<T>(cpu.workers(tasks), x.cols, kRows);
  cpu.parallel(tasks, [&](std::int64_t task, int worker) {
    T* tile = scratch + worker * x.cols * kRows;
    const std::int64_t limit = (task + 1) * rows_per_task, end = limit < x.rows ? limit : x.rows;
    for (std::int64_t row = task * rows_per_task; row < end; row += kRows) {
      const std::int64_t rows = end - row < kRows ? end - row : kRows;
      for (std::int64_t r = 0; r < kRows; ++r)  // past the end the last row is repeated
        for (std::int64_t c = 0; c < x.cols; ++c) tile[c * kRows + r] = x.row(row + (r < rows ? r : rows - 1))[c];
      for (std::int64_t first = 0; first < rows; first += kLanes<T>) f([&](std::int64_t c) { return tile + c * kRows + first; });
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < x.cols; ++c) y.row(row + r)[c] = tile[c * kRows + r];
    }
  });
}

/// The maximum of each row. A NaN may be passed over: it spreads over its row through x - max and the sum.
template <class T, class Column>
Vec<T> tile_max(std::int64_t cols, Column column) {
  Vec<T> max = load(column(0));
  for (std::int64_t c = 1; c < cols; ++c) max = select_max<T>(load(column(c)), max);
  return max;
}

}  // namespace

template <class T>
void softmax_forward(Cpu& cpu, View2<const T> x, View2<T> y) {
  for_tiles(cpu, x, y, [cols = x.cols](auto column) {
    const Vec<T> max = tile_max<T>(cols, column);
    Vec<T> sum = {};
    for (std::int64_t c = 0; c < cols; ++c) {
      const Vec<T> e = exp(load(column(c)) - max);
      store(column(c), e);
      sum += e;
    }
    const Vec<T> scale = T(1) / sum;
    for (std::int64_t c = 0; c < cols; ++c) store(column(c), load(column(c)) * scale);
  });
}

template <class T>
void log_softmax_forward(Cpu& cpu, View2<const T> x, View2<T> y) {
  for_tiles(cpu, x, y, [cols = x.cols](auto column) {
    const Vec<T> max = tile_max<T>(cols, column);
    Vec<T> sum = {};
    for (std::int64_t c = 0; c < cols; ++c) {
      const Vec<T> shifted = load(column(c)) - max;
      store(column(c), shifted);
      sum += exp(shifted);
    }
    const Vec<T> log_sum = log(sum);
    for (std::int64_t c = 0; c < cols; ++c) store(column(c), load(column(c)) - log_sum);
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
