// CPU twins of kernels/segmentation_loss.hpp. d(loss)/dz follows from d(loss)/dp, of three constants a class
// (detail/shared/segmentation_loss.hpp), and the softmax's (or sigmoid's) derivative. Logits smaller than the labels are interpolated a row
// of labels at a time, their gradient gathered from the rows that read them.
#include "detail/cpu/segmentation_loss.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {
using namespace segmentation;

constexpr std::int64_t kBandRows = 8;  // rows of small logits whose gradients are gathered together
constexpr std::int64_t kFlush = 32;    // registers whose sums are taken in T before they go to double

/// Finishes the loss alone.
struct Alone {
  static constexpr std::int64_t rank = 0, size = 1;
  double sum(double v) const { return v; }
};

}  // namespace

template <class T>
void segmentation_loss_forward(Cpu& cpu, View4<const T> logits, View4<const std::uint8_t> labels, const LossWeights& weights, double* state,
                               Precise<T>* loss, const SegmentationLossParams& p) {
  const std::int64_t classes = logits.c;
  const SegmentationLossSums at{classes};
  const std::int64_t per_task = at.size() + 1;  // the sums, and the first bad label
  Workspace workspace;
  const Loss<T> l(logits, labels, weights, p, workspace);
  double* partials = workspace.take<double>(logits.n * l.tasks + 1, per_task);
  const int workers = cpu.workers(logits.n * l.tasks);
  T* scratch = workspace.take<T>(workers, Scratch<T>::size(classes));
  T* lines = workspace.take<T>(workers, l.lines());
  l.for_tasks(cpu, [&](std::int64_t task, int worker, std::int64_t n, std::int64_t first_run, std::int64_t last_run) {
    double* sums = partials + task * per_task;
    for (std::int64_t i = 0; i < at.size(); ++i) sums[i] = 0;
    Scratch<T> s(scratch + worker * Scratch<T>::size(classes), classes, l.squares);
    s.clear();
    std::int64_t bad = -1;
    for (std::int64_t r = first_run; r < last_run; ++r) {
      const Run<T> run = l.run(n, r, lines + worker * l.lines());
      for (std::int64_t first = 0; first < run.count; first += kFlush * kLanes<T>) {
        Vec<T> ce{}, weight{}, count{};
        for (std::int64_t i = first; i < run.count && i < first + kFlush * kLanes<T>; i += kLanes<T>) {
          const int lanes = static_cast<int>(i + kLanes<T> < run.count ? kLanes<T> : run.count - i);
          transpose_in(run.logits + i * run.ld, run.ld, lanes, s);
          for (std::int64_t c = 0; c < l.label_planes(); ++c) {
            const Vec<T> label = l.labels_at(run.first + i, c, lanes, bad);
            l.forward(s, c, label, l.times(run.first + i, lanes, label >= T(0)), ce, weight, count);
          }
        }
        s.flush(sums);
        sums[at.ce()] += sum_lanes<T>(ce);
        sums[at.weight()] += sum_lanes<T>(weight);
        sums[at.count()] += sum_lanes<T>(count);
      }
    }
    sums[at.size()] = static_cast<double>(bad);
  });

  const SegmentationLossState layout = state_layout(logits.n, classes, p);
  double* sums = workspace.take<double>(layout.groups, at.size());
  for (std::int64_t i = 0; i < layout.groups * at.size(); ++i) sums[i] = 0;
  state[SegmentationLossState::kBadLabel] = -1;
  for (std::int64_t task = 0; task < logits.n * l.tasks; ++task) {
    const double* part = partials + task * per_task;
    double* sum = sums + (layout.groups > 1 ? task / l.tasks : 0) * at.size();
    for (std::int64_t i = 0; i < at.size(); ++i) sum[i] += part[i];
    if (state[SegmentationLossState::kBadLabel] < 0) state[SegmentationLossState::kBadLabel] = part[at.size()];
  }
  *loss = static_cast<T>(finish_segmentation_loss(Alone{}, layout, sums, weights.classes, state, p));
}

template <class T>
void segmentation_loss_backward(Cpu& cpu, View4<const T> logits, View4<const std::uint8_t> labels, const LossWeights& weights,
                                const double* state, const Precise<T>* dloss, View4<T> dlogits, const SegmentationLossParams& p) {
  const std::int64_t classes = logits.c;
  const SegmentationLossState layout = state_layout(logits.n, classes, p);
  Workspace workspace;
  const Loss<T> l(logits, labels, weights, p, workspace);
  const double upstream = static_cast<double>(*dloss);
  T* slopes = workspace.take<T>(3, layout.groups, classes);  // a, b, q
  for (std::int64_t i = 0; i < 3 * layout.groups * classes; ++i) slopes[i] = static_cast<T>(upstream * state[layout.a() + i]);
  const T scale = static_cast<T>(upstream * state[SegmentationLossState::kCeScale]);
  const std::int64_t bands = (logits.h + kBandRows - 1) / kBandRows;
  const int workers = cpu.workers(logits.n * (l.upsampled ? bands : l.tasks));
  T* scratch = workspace.take<T>(workers, Scratch<T>::size(classes));
  const auto gradient = [&](int worker, std::int64_t n, const Run<T>& run, T* to, std::int64_t ld) {  // of the run's logits; may be them
    const T *a = slopes + (layout.groups > 1 ? n : 0) * classes, *b = a + layout.groups * classes;
    const Slopes<T> of_sample{a, b, b + layout.groups * classes};
    Scratch<T> s(scratch + worker * Scratch<T>::size(classes), classes, l.squares);
    std::int64_t bad = -1;
    for (std::int64_t i = 0; i < run.count; i += kLanes<T>) {
      const int lanes = static_cast<int>(i + kLanes<T> < run.count ? kLanes<T> : run.count - i);
      transpose_in(run.logits + i * run.ld, run.ld, lanes, s);
      for (std::int64_t c = 0; c < l.label_planes(); ++c) {
        const Vec<T> label = l.labels_at(run.first + i, c, lanes, bad);
        l.backward(s, c, label, l.times(run.first + i, lanes, label >= T(0)), of_sample, scale);
      }
      transpose_out(s, to + i * ld, ld, lanes);
    }
  };
  if (!l.upsampled)
    return l.for_tasks(cpu, [&](std::int64_t, int worker, std::int64_t n, std::int64_t r, std::int64_t) {  // a task is a run
      const Run<T> run = l.run(n, r, nullptr);
      gradient(worker, n, run, dlogits.data + run.first * dlogits.ld, dlogits.ld);
    });

  const BilinearReaders row_readers(workspace, l.rows), col_readers(workspace, l.cols);
  T* all_lines = workspace.take<T>(workers, l.lines());
  cpu.parallel(logits.n * bands, [&](std::int64_t task, int worker) {
    const std::int64_t n = task / bands, begin = task % bands * kBandRows,
                       end = begin + kBandRows < logits.h ? begin + kBandRows : logits.h;
    for (std::int64_t i = 0; i < (end - begin) * logits.w; ++i)
      for (std::int64_t c = 0; c < classes; ++c) dlogits.pixel(n, begin, i)[c] = 0;
    T *line = all_lines + worker * l.lines(), *gathered = line + labels.w * classes;  // (W, C), (w, C)
    for (std::int64_t o = row_readers.first[begin]; o < row_readers.last[end - 1]; ++o) {
      gradient(worker, n, l.run(n, o, line), line, classes);
      bilinear_gather_row(line, l.cols, col_readers, classes, gathered, classes);
      const auto tap = l.rows.taps[o];
      for (std::int64_t h = tap.lower > begin ? tap.lower : begin; h <= tap.upper && h < end; ++h) {
        const T share = l.rows.share(o, h);
        for (std::int64_t w = 0; w < logits.w; ++w) {
          T* __restrict out = dlogits.pixel(n, h, w);
          for (std::int64_t c = 0; c < classes; ++c) out[c] += share * gathered[w * classes + c];
        }
      }
    }
  });
}

LAMINA_INSTANTIATE(&segmentation_loss_forward<float>, &segmentation_loss_forward<double>, &segmentation_loss_backward<float>,
                   &segmentation_loss_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
