// CPU twins of kernels/reduce.hpp.
#include "lamina/kernels/reduce.hpp"

#include "detail/cpu/reduce.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

std::int64_t clamp(std::int64_t v, std::int64_t low, std::int64_t high) { return v < low ? low : v > high ? high : v; }

}  // namespace

/// A part sums one chunk of `reduced` for one block of `inner`, in double; the chunks are then added in order.
template <class T>
void reduce_sum(Cpu& cpu, View2<const T> x, Reduction rows, double factor, View2<T> y) {
  const std::int64_t out_rows = rows.outer * rows.inner;
  if (out_rows == 0 || y.cols == 0) return;
  if (rows.reduced == 1) rows = {1, 1, out_rows};  // only the columns are summed: one axis of rows
  const std::int64_t cols = x.cols ? x.cols : 1;
  const std::int64_t block = clamp((std::int64_t{1} << 12) / cols, 1, rows.inner), blocks = (rows.inner + block - 1) / block;
  const std::int64_t wanted = rows.reduced * block * cols >> 15, most = clamp(64 / (rows.outer * blocks), 1, 64);
  const std::int64_t chunks = clamp(wanted, 1, most);
  const bool fold = y.cols == 1;
  Workspace workspace;
  double* partials = workspace.take<double>(chunks, out_rows, y.cols);  // (chunk, outer, inner, column)
  const auto sum_part = [&](std::int64_t part) {
    const std::int64_t chunk = part % chunks, first = part / chunks % blocks * block, o = part / chunks / blocks;
    const std::int64_t last = first + block < rows.inner ? first + block : rows.inner;
    double* sums = partials + (chunk * out_rows + o * rows.inner) * y.cols;
    for (std::int64_t i = first * y.cols; i < last * y.cols; ++i) sums[i] = 0;
    for (std::int64_t r = rows.reduced * chunk / chunks; r < rows.reduced * (chunk + 1) / chunks; ++r)
      for (std::int64_t i = first; i < last; ++i) {
        const T* from = x.row((o * rows.reduced + r) * rows.inner + i);
        double* sum = sums + i * y.cols;
        if (fold)
          *sum += row_sum(from, x.cols);
        else
          for (std::int64_t c = 0; c < x.cols; ++c) sum[c] += static_cast<double>(from[c]);
      }
  };
  for_row_chunks(cpu, rows.outer * blocks * chunks, rows.reduced / chunks * block * cols + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) sum_part(part);
  });
  for_row_chunks(cpu, out_rows, y.cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      for (std::int64_t c = 0; c < y.cols; ++c) {
        double sum = 0;
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk) sum += partials[(chunk * out_rows + r) * y.cols + c];
        y.row(r)[c] = static_cast<T>(factor * sum);
      }
  });
}

template <class T>
void reduce_spread(Cpu& cpu, View2<const T> dy, Reduction rows, double factor, View2<T> dx) {
  const T f = static_cast<T>(factor);
  for_row_chunks(cpu, dx.rows, dx.cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* from = dy.row(r / (rows.reduced * rows.inner) * rows.inner + r % rows.inner);
      T* to = dx.row(r);
      if (dy.cols == 1) {
        const T v = f * *from;
        for (std::int64_t c = 0; c < dx.cols; ++c) to[c] = v;
      } else {
        for (std::int64_t c = 0; c < dx.cols; ++c) to[c] = f * from[c];
      }
    }
  });
}

LAMINA_INSTANTIATE(&reduce_sum<float>, &reduce_sum<double>, &reduce_spread<float>, &reduce_spread<double>)

}  // namespace lamina::kernels::LAMINA_ISA
