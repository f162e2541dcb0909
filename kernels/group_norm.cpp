// CPU twins of kernels/group_norm.hpp. Statistics are summed in double, by chunks of an image's pixels, the chunks in order.
#include "lamina/kernels/group_norm.hpp"

#include <cmath>

#include "detail/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

/// How the pixels of one image are divided: by its shape alone.
struct Chunks {
  std::int64_t pixels, count;

  template <class T>
  explicit Chunks(const View4<T>& x) : pixels(x.h * x.w), count(pixels * x.c >> 15) {
    if (count < 1) count = 1;
    if (count > 64) count = 64;
    if (count > pixels) count = pixels;
  }
  std::int64_t begin(std::int64_t chunk) const { return pixels * chunk / count; }
  std::int64_t size(std::int64_t chunk) const { return begin(chunk + 1) - begin(chunk); }
};

/// (n, C) tables from (n, groups) ones make the loops over channels free of divisions.
template <class T>
const T* per_channel(Workspace& workspace, const T* of_group, std::int64_t n, std::int64_t groups, std::int64_t c) {
  T* table = workspace.take<T>(n * c);
  for (std::int64_t i = 0; i < n * c; ++i) table[i] = of_group[i / (c / groups)];
  return table;
}

/// Mean and biased variance of each (image, group): two passes over each chunk while it is in the cache, then Chan's parallel update
/// (Chan, Golub, LeVeque 1983).
template <class T>
void statistics(Cpu& cpu, View4<const T> x, std::int64_t groups, double epsilon, T* mean, T* rstd) {
  const Chunks chunks(x);
  const std::int64_t width = x.c / groups;
  Workspace workspace;
  double* scratch = workspace.take<double>(cpu.concurrency() * 2 * x.c);
  double* means = workspace.take<double>(x.n * chunks.count * groups);    // (image, chunk, group)
  double* squares = workspace.take<double>(x.n * chunks.count * groups);  // sums of (x - mean of the chunk)^2
  cpu.parallel(x.n * chunks.count, [&](std::int64_t task, int worker) {
    const std::int64_t n = task / chunks.count, chunk = task % chunks.count, size = chunks.size(chunk);
    const View2<const T> rows{x.pixel(n, 0, 0) + chunks.begin(chunk) * x.ld, size, x.c, x.ld};
    double *sum = scratch + worker * 2 * x.c, *center = sum + x.c;
    const auto fold = [&](double* to, double factor) {  // channels to groups
      for (std::int64_t g = 0; g < groups; ++g) {
        double total = 0;
        for (std::int64_t c = g * width; c < (g + 1) * width; ++c) total += sum[c];
        to[task * groups + g] = total * factor;
      }
    };
    for (std::int64_t c = 0; c < x.c; ++c) sum[c] = 0;
    for (std::int64_t r = 0; r < size; ++r)
      for (std::int64_t c = 0; c < x.c; ++c) sum[c] += static_cast<double>(rows.row(r)[c]);
    fold(means, 1 / static_cast<double>(size * width));
    for (std::int64_t c = 0; c < x.c; ++c) {
      center[c] = means[task * groups + c / width];
      sum[c] = 0;
    }
    for (std::int64_t r = 0; r < size; ++r)
      for (std::int64_t c = 0; c < x.c; ++c) {
        const double d = static_cast<double>(rows.row(r)[c]) - center[c];
        sum[c] += d * d;
      }
    fold(squares, 1);
  });
  for (std::int64_t n = 0; n < x.n; ++n)
    for (std::int64_t g = 0; g < groups; ++g) {
      double count = 0, m = 0, s = 0;
      for (std::int64_t chunk = 0; chunk < chunks.count; ++chunk) {
        const std::int64_t i = (n * chunks.count + chunk) * groups + g;
        const double more = static_cast<double>(chunks.size(chunk) * width), delta = means[i] - m, share = more / (count + more);
        s += squares[i] + delta * delta * count * share;
        m += delta * share;
        count += more;
      }
      mean[n * groups + g] = static_cast<T>(m);
      rstd[n * groups + g] = static_cast<T>(1 / std::sqrt(s / count + epsilon));
    }
}

}  // namespace

template <class T>
void group_norm_forward(Cpu& cpu, View4<const T> x, const T* gamma, const T* beta, int groups, double epsilon, View4<T> y, T* mean,
                        T* rstd) {
  statistics(cpu, x, groups, epsilon, mean, rstd);
  Workspace workspace;
  const T* center = per_channel(workspace, mean, x.n, groups, x.c);
  T* scale = workspace.take<T>(x.n * x.c);
  for (std::int64_t i = 0; i < x.n * x.c; ++i) scale[i] = gamma[i % x.c] * rstd[i / (x.c / groups)];
  const std::int64_t pixels = x.h * x.w;
  for_row_chunks(cpu, x.n * pixels, x.c, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T *from = x.data + r * x.ld, *m = center + r / pixels * x.c, *s = scale + r / pixels * x.c;
      T* to = y.data + r * y.ld;
      for (std::int64_t c = 0; c < x.c; ++c) to[c] = (from[c] - m[c]) * s[c] + beta[c];
    }
  });
}

template <class T>
void group_norm_backward(Cpu& cpu, View4<const T> x, const T* gamma, const T* mean, const T* rstd, int groups, View4<const T> dy,
                         View4<T> dx, T* dgamma, T* dbeta) {
  const Chunks chunks(x);
  const std::int64_t width = x.c / groups, pixels = chunks.pixels;
  Workspace workspace;
  const T* center = per_channel(workspace, mean, x.n, groups, x.c);

  // Per channel and chunk: the sums of dy and of dy * (x - mean).
  double* partials = workspace.take<double>(x.n * chunks.count * 2 * x.c);
  cpu.parallel(x.n * chunks.count, [&](std::int64_t task, int) {
    const std::int64_t n = task / chunks.count, first = n * pixels + chunks.begin(task % chunks.count);
    double *sum = partials + task * 2 * x.c, *product = sum + x.c;
    const T* m = center + n * x.c;
    for (std::int64_t i = 0; i < 2 * x.c; ++i) sum[i] = 0;
    for (std::int64_t r = first; r < first + chunks.size(task % chunks.count); ++r) {
      const T *px = x.data + r * x.ld, *pdy = dy.data + r * dy.ld;
      for (std::int64_t c = 0; c < x.c; ++c) {
        sum[c] += static_cast<double>(pdy[c]);
        product[c] += static_cast<double>(pdy[c]) * static_cast<double>(px[c] - m[c]);
      }
    }
  });

  // dx = a[n,c] * dy + b[n,g] * (x - mean) + d[n,g], from the sums over the group; tables are (n, C).
  T *a = workspace.take<T>(x.n * x.c), *b = workspace.take<T>(x.n * x.c), *d = workspace.take<T>(x.n * x.c);
  double* totals = workspace.take<double>(2 * x.c);  // dgamma and dbeta
  for (std::int64_t i = 0; i < 2 * x.c; ++i) totals[i] = 0;
  const double inverse_size = 1 / static_cast<double>(pixels * width);
  for (std::int64_t n = 0; n < x.n; ++n)
    for (std::int64_t g = 0; g < groups; ++g) {
      const double r = static_cast<double>(rstd[n * groups + g]);
      double group_sum = 0, group_product = 0;  // of gamma * dy, of gamma * dy * (x - mean)
      for (std::int64_t c = g * width; c < (g + 1) * width; ++c) {
        double sum = 0, product = 0;
        for (std::int64_t chunk = 0; chunk < chunks.count; ++chunk) {
          const double* partial = partials + (n * chunks.count + chunk) * 2 * x.c;
          sum += partial[c];
          product += partial[x.c + c];
        }
        totals[c] += product * r;
        totals[x.c + c] += sum;
        group_sum += static_cast<double>(gamma[c]) * sum;
        group_product += static_cast<double>(gamma[c]) * product;
      }
      for (std::int64_t c = g * width; c < (g + 1) * width; ++c) {
        a[n * x.c + c] = static_cast<T>(static_cast<double>(gamma[c]) * r);
        b[n * x.c + c] = static_cast<T>(-r * r * r * group_product * inverse_size);
        d[n * x.c + c] = static_cast<T>(-r * group_sum * inverse_size);
      }
    }
  for (std::int64_t c = 0; c < x.c; ++c) {
    dgamma[c] = static_cast<T>(totals[c]);
    dbeta[c] = static_cast<T>(totals[x.c + c]);
  }
  if (!dx.data) return;
  for_row_chunks(cpu, x.n * pixels, x.c, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t table = r / pixels * x.c;
      const T *px = x.data + r * x.ld, *pdy = dy.data + r * dy.ld, *m = center + table, *pa = a + table, *pb = b + table, *pd = d + table;
      T* to = dx.data + r * dx.ld;
      for (std::int64_t c = 0; c < x.c; ++c) to[c] = pa[c] * pdy[c] + pb[c] * (px[c] - m[c]) + pd[c];
    }
  });
}

LAMINA_INSTANTIATE(&group_norm_forward<float>, &group_norm_forward<double>, &group_norm_backward<float>, &group_norm_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
