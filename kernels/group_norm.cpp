// CPU twins of kernels/group_norm.hpp: per image the sums per channel of batch normalisation, folded to groups.
#include "lamina/kernels/group_norm.hpp"

#include "detail/cpu/normalize.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

/// The pixels of image n.
template <class T>
View2<T> image(View4<T> x, std::int64_t n) {
  return {x.pixel(n, 0, 0), x.h * x.w, x.c, x.ld};
}

}  // namespace

template <class T>
void group_norm_forward(Cpu& cpu, View4<const T> x, const Precise<T>* gamma, const Precise<T>* beta, int groups, double epsilon, View4<T> y,
                        Precise<T>* mean, Precise<T>* rstd) {
  const std::int64_t width = x.c / groups;
  Workspace workspace;
  double *means = workspace.take<double>(x.c), *variances = workspace.take<double>(x.c);
  T *center = workspace.take<T>(x.c), *scale = workspace.take<T>(x.c);  // a channel
  for (std::int64_t n = 0; n < x.n; ++n, mean += groups, rstd += groups) {
    const View2<const T> from = image(x, n);
    const View2<T> to = image(y, n);
    column_moments(cpu, from, means, variances);
    for (std::int64_t g = 0; g < groups; ++g) {
      double m = 0, variance = 0;
      for (std::int64_t c = g * width; c < (g + 1) * width; ++c) m += means[c] / static_cast<double>(width);
      for (std::int64_t c = g * width; c < (g + 1) * width; ++c)
        variance += (variances[c] + (means[c] - m) * (means[c] - m)) / static_cast<double>(width);
      mean[g] = static_cast<T>(m);
      rstd[g] = static_cast<T>(inverse_deviation(variance, epsilon));
      for (std::int64_t c = g * width; c < (g + 1) * width; ++c) {
        center[c] = mean[g];
        scale[c] = gamma[c] * rstd[g];
      }
    }
    for_blocks<T>(cpu, from.rows, x.c, [&](std::int64_t begin, std::int64_t end, std::int64_t c, auto lanes) {
      const Affine<T> affine(center, scale, beta, c, lanes);
      for (std::int64_t r = begin; r < end; ++r) store(to.row(r) + c, affine(load(from.row(r) + c, lanes)), lanes);
    });
  }
}

template <class T>
void group_norm_backward(Cpu& cpu, View4<const T> x, const Precise<T>* gamma, const Precise<T>* mean, const Precise<T>* rstd, int groups,
                         View4<const T> dy, View4<T> dx, Precise<T>* dgamma, Precise<T>* dbeta) {
  const std::int64_t width = x.c / groups;
  const double count = static_cast<double>(x.h * x.w * width);
  Workspace workspace;
  double *sums = workspace.take<double>(2, x.c), *totals = workspace.take<double>(2, x.c);  // totals: dbeta, dgamma
  for (std::int64_t i = 0; i < 2 * x.c; ++i) totals[i] = 0;
  T *center = workspace.take<T>(x.c), *scale = workspace.take<T>(x.c), *offset = workspace.take<T>(x.c), *slope = workspace.take<T>(x.c);
  for (std::int64_t n = 0; n < x.n; ++n, mean += groups, rstd += groups) {
    const View2<const T> from = image(x, n), from_dy = image(dy, n);
    for (std::int64_t c = 0; c < x.c; ++c) center[c] = mean[c / width];
    const auto gradient = [&](Vec<T>, std::int64_t r, std::int64_t c, auto lanes) { return load(from_dy.row(r) + c, lanes); };
    column_products(cpu, from, center, sums, gradient);
    for (std::int64_t g = 0; g < groups; ++g) {
      const double deviation = static_cast<double>(rstd[g]);
      double sum = 0, product = 0;  // of gamma * dy and of gamma * dy * (x - mean), over the group
      for (std::int64_t c = g * width; c < (g + 1) * width; ++c) {
        totals[c] += sums[c];
        totals[x.c + c] += sums[x.c + c] * deviation;
        sum += static_cast<double>(gamma[c]) * sums[c];
        product += static_cast<double>(gamma[c]) * sums[x.c + c];
      }
      for (std::int64_t c = g * width; c < (g + 1) * width; ++c) {
        scale[c] = gamma[c] * rstd[g];
        offset[c] = static_cast<T>(deviation * sum / count);
        slope[c] = static_cast<T>(deviation * deviation * deviation * product / count);
      }
    }
    if (!dx.data) continue;
    const View2<T> to = image(dx, n);
    for_blocks<T>(cpu, from.rows, x.c, [&](std::int64_t begin, std::int64_t end, std::int64_t c, auto lanes) {
      const Vec<T> m = load(center + c, lanes), a = load(scale + c, lanes), o = load(offset + c, lanes), s = load(slope + c, lanes);
      for (std::int64_t r = begin; r < end; ++r)
        store(to.row(r) + c, a * load(from_dy.row(r) + c, lanes) - o - s * (load(from.row(r) + c, lanes) - m), lanes);
    });
  }
  for (std::int64_t c = 0; c < x.c; ++c) {
    dbeta[c] = static_cast<T>(totals[c]);
    dgamma[c] = static_cast<T>(totals[x.c + c]);
  }
}

LAMINA_INSTANTIATE(&group_norm_forward<float>, &group_norm_forward<double>, &group_norm_backward<float>, &group_norm_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
