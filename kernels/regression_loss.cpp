// CPU twins of kernels/regression_loss.hpp. Memory passes: forward reads x, target and weights, backward reads them and writes dx.
#include "detail/shared/regression_loss.hpp"

#include "detail/cpu/lanes.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

/// Sum of f(x - target), times weights unless they are null, over n elements: a few registers' worth in T, then in double.
template <class T, class F>
double error_sum(const T* x, const T* target, const T* weights, std::int64_t n, F f) {
  constexpr std::int64_t kFlush = 64 * kLanes<T>;
  double sum = 0;
  for (std::int64_t i = 0; i < n; i += kFlush) {
    Vec<T> part{};
    for_lanes<T>(n - i < kFlush ? n - i : kFlush, [&](std::int64_t j, auto lanes) {
      const Vec<T> error = f(load(x + i + j, lanes) - load(target + i + j, lanes));
      part += weights ? load(weights + i + j, lanes) * error : error;
    });
    sum += sum_lanes<T>(part);
  }
  return sum;
}

}  // namespace

template <class T>
void regression_loss_forward(Cpu& cpu, View2<const T> x, View2<const T> target, View2<const T> weights, RegressionLoss kind, double beta,
                             double factor, Precise<T>* loss) {
  constexpr std::int64_t kTask = 1 << 15;
  const bool packed = x.contiguous() && target.contiguous() && (!weights.data || weights.contiguous());  // then one long row, cut anywhere
  const std::int64_t rows = packed ? x.size() : x.rows, cols = packed ? 1 : x.cols;
  const std::int64_t per_task = cols < kTask ? kTask / (cols < 1 ? 1 : cols) : 1, tasks = (rows + per_task - 1) / per_task;
  Workspace workspace;
  double* partials = workspace.take<double>(tasks);
  with_regression_loss<T>(kind, beta, [&](auto f) {
    cpu.parallel(tasks, [&](std::int64_t task, int) {
      const std::int64_t begin = task * per_task, end = begin + per_task < rows ? begin + per_task : rows;
      double sum = 0;
      if (packed)
        sum = error_sum(x.data + begin, target.data + begin, weights.data ? weights.data + begin : nullptr, end - begin, f);
      else
        for (std::int64_t r = begin; r < end; ++r)
          sum += error_sum(x.row(r), target.row(r), weights.data ? weights.row(r) : nullptr, cols, f);
      partials[task] = sum;
    });
  });
  double sum = 0;
  for (std::int64_t task = 0; task < tasks; ++task) sum += partials[task];
  *loss = static_cast<T>(factor * sum);
}

template <class T>
void regression_loss_backward(Cpu& cpu, View2<const T> x, View2<const T> target, View2<const T> weights, RegressionLoss kind, double beta,
                              double factor, const Precise<T>* dloss, View2<T> dx) {
  const T scale = static_cast<T>(factor * static_cast<double>(*dloss));
  with_regression_loss<T>(kind, beta, [&](auto f) {
    if (weights.data)
      map(
          cpu, dx, [&](Vec<T> a, Vec<T> b, Vec<T> w) { return scale * w * f.slope(a - b); }, x, target, weights);
    else
      map(
          cpu, dx, [&](Vec<T> a, Vec<T> b) { return scale * f.slope(a - b); }, x, target);
  });
}

LAMINA_INSTANTIATE(&regression_loss_forward<float>, &regression_loss_forward<double>, &regression_loss_backward<float>,
                   &regression_loss_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
