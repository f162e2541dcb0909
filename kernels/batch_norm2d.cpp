// CPU twins of kernels/batch_norm2d.hpp. Memory passes, each over x-sized tensors: forward reads x (unless its moments are given), then
// x again (and the residual) and writes y; backward reads x and dy, then both again and writes dx. With a residual it reads y too and
// writes dresidual in the first of these passes, and reads that in place of y and dy in the second.
#include "lamina/kernels/batch_norm2d.hpp"

#include "detail/cpu/normalize.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

/// mean, rstd and running statistics of the batch, from its moments where they are given.
template <class T>
void batch_statistics(Cpu& cpu, View2<const T> x, const double* moments, T* running_mean, T* running_var, T* mean, T* rstd,
                      const BatchNorm2dParams& p) {
  Workspace workspace;
  if (!moments) {
    double* own = workspace.take<double>(2, x.cols);
    column_moments(cpu, x, own, own + x.cols);
    moments = own;
  }
  const double *m = moments, *variance = moments + x.cols, n = static_cast<double>(x.rows);
  for (std::int64_t c = 0; c < x.cols; ++c) {
    mean[c] = static_cast<T>(m[c]);
    rstd[c] = static_cast<T>(inverse_deviation(variance[c], p.epsilon));
    const auto mix = [&](T& running, double batch) {
      running = static_cast<T>((1 - p.momentum) * static_cast<double>(running) + p.momentum * batch);
    };
    if (running_mean) mix(running_mean[c], m[c]);
    if (running_var) mix(running_var[c], variance[c] * n / (n - 1));
  }
}

/// The scale of each channel, gamma * rstd.
template <class T>
T* channel_scales(Workspace& workspace, std::int64_t cols, const T* gamma, const T* rstd) {
  T* scale = workspace.take<T>(cols);
  for (std::int64_t c = 0; c < cols; ++c) scale[c] = gamma ? gamma[c] * rstd[c] : rstd[c];
  return scale;
}

}  // namespace

template <class T>
void batch_norm2d_forward(Cpu& cpu, View2<const T> x, const double* moments, const Precise<T>* gamma, const Precise<T>* beta,
                          View2<const T> residual, Precise<T>* running_mean, Precise<T>* running_var, Precise<T>* mean, Precise<T>* rstd,
                          View2<T> y, const BatchNorm2dParams& p) {
  if (x.rows == 0) return;
  Workspace workspace;
  if (p.training) {
    batch_statistics(cpu, x, moments, running_mean, running_var, mean, rstd, p);
  } else {
    for (std::int64_t c = 0; c < x.cols; ++c) {
      mean[c] = running_mean[c];
      rstd[c] = static_cast<T>(inverse_deviation(static_cast<double>(running_var[c]), p.epsilon));
    }
  }
  const T* scale = channel_scales(workspace, x.cols, gamma, rstd);
  with_activation(p.activation, [&](auto act) {
    for_blocks<T>(cpu, x.rows, x.cols, [&](std::int64_t begin, std::int64_t end, std::int64_t c, auto lanes) {
      const Affine<T> affine(mean, scale, beta, c, lanes);
      if (residual.data)
        for (std::int64_t r = begin; r < end; ++r)
          store(y.row(r) + c, act(affine(load(x.row(r) + c, lanes)) + load(residual.row(r) + c, lanes)), lanes);
      else
        for (std::int64_t r = begin; r < end; ++r) store(y.row(r) + c, act(affine(load(x.row(r) + c, lanes))), lanes);
    });
  });
}

template <class T>
void batch_norm2d_backward(Cpu& cpu, View2<const T> x, View2<const T> y, View2<const T> dy, const Precise<T>* gamma, const Precise<T>* beta,
                           const Precise<T>* mean, const Precise<T>* rstd, View2<T> dx, View2<T> dresidual, Precise<T>* dgamma,
                           Precise<T>* dbeta, const BatchNorm2dParams& p) {
  const std::int64_t rows = x.rows, cols = x.cols;
  Workspace workspace;
  const T* scale = channel_scales(workspace, cols, gamma, rstd);
  with_activation(p.activation, [&](auto act) {
    // d(loss)/d(before the activation) of one register.
    const auto pull = [&](const Affine<T>& affine, Vec<T> vx, std::int64_t r, std::int64_t c, auto lanes) {
      return act.pull(y.data ? load(y.row(r) + c, lanes) : act(affine(vx)), load(dy.row(r) + c, lanes));
    };
    double* sums = workspace.take<double>(2, cols);  // of g and of g * (x - mean)
    const bool summed = dgamma || dbeta || (dx.data && p.training), kept = summed && dresidual.data;
    if (kept)
      column_products(cpu, x, mean, sums, [&](Vec<T> vx, std::int64_t r, std::int64_t c, auto lanes) {
        const Vec<T> g = pull(Affine<T>(mean, scale, beta, c, lanes), vx, r, c, lanes);
        store(dresidual.row(r) + c, g, lanes);
        return g;
      });
    else if (summed)
      column_products(cpu, x, mean, sums, [&](Vec<T> vx, std::int64_t r, std::int64_t c, auto lanes) {
        return pull(Affine<T>(mean, scale, beta, c, lanes), vx, r, c, lanes);
      });
    for (std::int64_t c = 0; c < cols; ++c) {
      if (dbeta) dbeta[c] = static_cast<T>(sums[c]);
      if (dgamma) dgamma[c] = static_cast<T>(sums[cols + c] * static_cast<double>(rstd[c]));
    }
    if (!dx.data && (kept || !dresidual.data)) return;
    // dx = scale * (g - mean(g) - xhat * mean(g * xhat)); with running statistics the means are no function of x.
    T *offset = workspace.take<T>(cols), *slope = workspace.take<T>(cols);
    for (std::int64_t c = 0; c < cols; ++c) {
      const double n = static_cast<double>(rows), r = static_cast<double>(rstd[c]);
      offset[c] = p.training ? static_cast<T>(sums[c] / n) : T(0);
      slope[c] = p.training ? static_cast<T>(sums[cols + c] * r * r / n) : T(0);
    }
    for_blocks<T>(cpu, rows, cols, [&](std::int64_t begin, std::int64_t end, std::int64_t c, auto lanes) {
      const Affine<T> affine(mean, scale, beta, c, lanes);
      const Vec<T> o = load(offset + c, lanes), s = load(slope + c, lanes);
      for (std::int64_t r = begin; r < end; ++r) {
        const Vec<T> vx = load(x.row(r) + c, lanes), g = kept ? load(dresidual.row(r) + c, lanes) : pull(affine, vx, r, c, lanes);
        if (dresidual.data && !kept) store(dresidual.row(r) + c, g, lanes);
        if (dx.data) store(dx.row(r) + c, affine.scale * (g - o - (vx - affine.mean) * s), lanes);
      }
    });
  });
}

LAMINA_INSTANTIATE(&batch_norm2d_forward<float>, &batch_norm2d_forward<double>, &batch_norm2d_backward<float>,
                   &batch_norm2d_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
