// CPU twins of kernels/segmentation_loss.hpp. A register of pixels at a time is transposed into (class, pixel) scratch, so that every
// step, exp and log included, is vector arithmetic at any number of classes. d(loss)/dz follows from d(loss)/dp, of two constants a class
// (detail/shared/segmentation_loss.hpp), and the softmax's (or sigmoid's) derivative. Logits smaller than the labels are interpolated a row
// of labels at a time, their gradient gathered from the rows that read them.
#include "lamina/kernels/segmentation_loss.hpp"

#include "detail/cpu/math.hpp"
#include "detail/cpu/resize.hpp"
#include "detail/shared/segmentation_loss.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

constexpr std::int64_t kTaskPixels = 4096;
constexpr std::int64_t kBandRows = 8;  // rows of small logits whose gradients are gathered together
constexpr std::int64_t kFlush = 32;    // registers whose sums are taken in T before they go to double

/// One worker's scratch: registers of kLanes pixels, a row a class.
template <class T>
struct Scratch {
  std::int64_t classes;
  Vec<T>*z, *shifted, *intersection, *predicted, *labelled, *squares;
  std::int64_t sums;  // registers of sums, of the last four rows or of three

  Scratch(T* base, std::int64_t classes, bool with_squares)
      : classes(classes), z(reinterpret_cast<Vec<T>*>(base)), sums((with_squares ? 4 : 3) * classes) {
    shifted = z + classes;
    intersection = shifted + classes;
    predicted = intersection + classes;
    labelled = predicted + classes;
    squares = labelled + classes;
  }
  static std::int64_t size(std::int64_t classes) { return 6 * classes * kLanes<T>; }

  void clear() {
    for (std::int64_t i = 0; i < sums; ++i) intersection[i] = Vec<T>{};
  }
  void flush(double* to) {
    for (std::int64_t i = 0; i < sums; ++i) to[i] += sum_lanes<T>(intersection[i]);
    clear();
  }
};

/// Pixels [0, count) of `from`, to z; the other lanes become 0.
template <class T>
LAMINA_HD void transpose_in(const T* from, std::int64_t ld, int count, Scratch<T>& s) {
  for_lanes<T>(s.classes, [&](std::int64_t c, auto lanes) {
    Vec<T> v[kLanes<T>];
#pragma GCC unroll 16  // constant indices keep v in registers
    for (int i = 0; i < kLanes<T>; ++i) v[i] = i < count ? load(from + i * ld + c, lanes) : Vec<T>{};
    transpose<T>(v);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i)
      if (i < lane_count<T>(lanes)) s.z[c + i] = v[i];
  });
}
template <class T>
LAMINA_HD void transpose_out(const Scratch<T>& s, T* to, std::int64_t ld, int count) {
  for_lanes<T>(s.classes, [&](std::int64_t c, auto lanes) {
    Vec<T> v[kLanes<T>];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) v[i] = i < lane_count<T>(lanes) ? s.z[c + i] : Vec<T>{};
    transpose<T>(v);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i)
      if (i < count) store(to + i * ld + c, v[i], lanes);
  });
}

/// Labels `step` apart as numbers; -1 where ignored and in the lanes from `count` on. Returns the first lane whose label is out of
/// range, or -1.
template <class T>
LAMINA_HD int read_labels(const std::uint8_t* labels, std::int64_t step, int count, int limit, int ignore, Vec<T>& out) {
  int label[kLanes<T>];
  if (count == kLanes<T> && step == 1)
    for (int i = 0; i < kLanes<T>; ++i) label[i] = labels[i];
  else
    for (int i = 0; i < kLanes<T>; ++i) label[i] = i < count ? labels[i * step] : ignore;
  T value[kLanes<T>];
  int worst = -1;
  for (int i = 0; i < kLanes<T>; ++i) {
    const int v = i >= count || label[i] == ignore ? -1 : label[i];
    worst = v > worst ? v : worst;
    value[i] = static_cast<T>(v);
  }
  out = load(value);
  if (worst < limit) [[likely]]
    return -1;
  int first = 0;
  while (value[first] < static_cast<T>(limit)) ++first;
  return first;
}

/// exp(z - max) a class in place, and 1 / their sum; `visit(c, z - max)` sees the shifted logits.
template <class T, class F>
LAMINA_HD Vec<T> softmax_parts(Scratch<T>& s, Vec<T>& sum, F&& visit) {
  Vec<T> top = s.z[0];
  for (std::int64_t c = 1; c < s.classes; ++c) top = select_max<T>(s.z[c], top);
  sum = Vec<T>{};
  for (std::int64_t c = 0; c < s.classes; ++c) {
    const Vec<T> shifted = s.z[c] - top;
    visit(c, shifted);
    s.z[c] = exp(shifted);
    sum += s.z[c];
  }
  return 1 / sum;
}

/// Pixels that follow each other: the first one's index in the batch, their number, their logits `ld` apart.
template <class T>
struct Run {
  std::int64_t first, count;
  const T* logits;
  std::int64_t ld;
};

/// d(loss)/dp of a sample's pixels, times dloss: a where the class is labelled, + b + q p; (C) each.
template <class T>
struct Slopes {
  const T *a, *b, *q;
};

/// Everything the passes over the pixels share.
template <class T>
struct Loss {
  View4<const T> logits;
  View4<const std::uint8_t> labels;
  const T* weights;            // (C)
  const float* pixel_weights;  // (N, H, W) or null
  SegmentationLossParams p;
  bool squares, shaped;
  T focal, sure, spread;  // target of the labelled class, 1 - smoothing; and smoothing / C, of every class
  BilinearAxis<T> rows, cols;
  bool upsampled;
  std::int64_t pixels, run_pixels, runs, task_runs, tasks;  // a sample; a run; a sample; a task; a sample

  Loss(View4<const T> logits, View4<const std::uint8_t> labels, const double* class_weights, const float* pixel_weights,
       const SegmentationLossParams& p, Workspace& workspace)
      : logits(logits),
        labels(labels),
        pixel_weights(pixel_weights),
        p(p),
        squares(p.squares()),
        shaped(p.shaped()),
        focal(static_cast<T>(p.focal)),
        sure(static_cast<T>(1 - p.smoothing)),
        spread(static_cast<T>(p.smoothing) / static_cast<T>(p.activation == LossActivation::softmax ? logits.c : 2)),
        rows(workspace, logits.h, labels.h, p.upsample),
        cols(workspace, logits.w, labels.w, p.upsample),
        upsampled(logits.h != labels.h || logits.w != labels.w),
        pixels(labels.h * labels.w),
        run_pixels(upsampled ? labels.w : kTaskPixels),
        runs((pixels + run_pixels - 1) / run_pixels),
        task_runs(run_pixels < kTaskPixels ? kTaskPixels / run_pixels : 1),
        tasks((runs + task_runs - 1) / task_runs) {
    T* w = workspace.take<T>(logits.c);
    for (std::int64_t c = 0; c < logits.c; ++c) w[c] = class_weights ? static_cast<T>(class_weights[c]) : T(1);
    weights = w;
  }
  bool softmax() const { return p.activation == LossActivation::softmax; }
  std::int64_t label_planes() const { return softmax() ? 1 : logits.c; }
  int label_limit() const { return softmax() ? static_cast<int>(logits.c) : 2; }
  /// Elements of a worker's scratch for run(): a row of labels' logits, and one of the small logits'.
  std::int64_t lines() const { return upsampled ? (labels.w + logits.w) * logits.c : 0; }

  /// Run r of sample n: its logits where they lie, or interpolated to `scratch`.
  Run<T> run(std::int64_t n, std::int64_t r, T* scratch) const {
    const std::int64_t begin = r * run_pixels, first = n * pixels + begin, left = pixels - begin;
    if (!upsampled) return {first, left < run_pixels ? left : run_pixels, logits.data + first * logits.ld, logits.ld};
    bilinear_row(logits, n, rows.taps[r], cols, scratch + labels.w * logits.c, scratch, logits.c);
    return {first, run_pixels, scratch, logits.c};
  }
  /// Calls f(task, worker, sample, first run, end) for the fixed chunks of runs, each within a sample.
  template <class F>
  void for_tasks(Cpu& cpu, F&& f) const {
    cpu.parallel(logits.n * tasks, [&](std::int64_t task, int worker) {
      const std::int64_t begin = task % tasks * task_runs;
      f(task, worker, task / tasks, begin, begin + task_runs < runs ? begin + task_runs : runs);
    });
  }

  /// Labels of plane c for the register of pixels at `pixel`; records the first bad index in `bad`.
  Vec<T> labels_at(std::int64_t pixel, std::int64_t c, int count, std::int64_t& bad) const {
    Vec<T> label;
    const std::int64_t at = pixel * labels.c + c;
    const int lane = read_labels<T>(labels.data + at, labels.c, count, label_limit(), p.ignore_label, label);
    if (const std::int64_t index = at + lane * labels.c; lane >= 0 && (bad < 0 || index < bad)) bad = index;
    return label;
  }

  /// How often the pixels from `pixel` count: their weights, 0 in the lanes from `count` on and where `valid` is not.
  template <class Mask>
  Vec<T> times(std::int64_t pixel, int count, Mask valid) const {
    const Vec<T> one = broadcast(T(1));
    if (!pixel_weights) return valid ? one : Vec<T>{};
    T m[kLanes<T>];
    for (int i = 0; i < kLanes<T>; ++i) m[i] = i < count ? static_cast<T>(pixel_weights[pixel + i]) : T(0);
    return valid ? load(m) : Vec<T>{};
  }
  /// A number below every 1 - p that matters.
  static constexpr T kLeast = sizeof(T) == 4 ? T(1e-30) : T(1e-300);

  // The partial sums of one register of pixels that count m times, on top of s and of ce, weight, count.
  void forward_softmax(Scratch<T>& s, Vec<T> label, Vec<T> m, Vec<T>& ce, Vec<T>& weight, Vec<T>& count) const {
    Vec<T> sum, own{}, w{};  // own: shifted logit of the labelled class
    const Vec<T> inverse = softmax_parts<T>(s, sum, [&](std::int64_t c, Vec<T> shifted) {
      const auto mine = label == static_cast<T>(c);
      own = mine ? shifted : own;
      w = mine ? broadcast(weights[c]) : w;
      if (shaped) s.shifted[c] = shifted;
    });
    const auto valid = label >= T(0);
    if (pixel_weights) w *= m;
    const Vec<T> log_sum = log(sum);
    for (std::int64_t c = 0; c < s.classes; ++c) {
      Vec<T> prob = valid ? s.z[c] * inverse : Vec<T>{};
      const auto mine = label == static_cast<T>(c);
      if (shaped) {
        const Vec<T> value = shaped_entropy(prob, s.shifted[c] - log_sum, focal, kLeast).value;
        ce += valid ? (mine ? w * sure : Vec<T>{}) * value + spread * weights[c] * m * value : Vec<T>{};
      }
      if (squares) s.squares[c] += prob * prob * m;
      if (pixel_weights) prob *= m;
      s.predicted[c] += prob;
      s.intersection[c] += mine ? prob : Vec<T>{};
      s.labelled[c] += mine ? m : Vec<T>{};
    }
    if (!shaped) ce += valid ? w * (log_sum - own) : Vec<T>{};
    weight += w;
    count += m;
  }
  void forward_sigmoid(Scratch<T>& s, std::int64_t c, Vec<T> label, Vec<T> m, Vec<T>& ce, Vec<T>& weight, Vec<T>& count) const {
    const auto valid = label >= T(0);
    const Vec<T> z = s.z[c], e = exp(z > T(0) ? -z : z), prob = (z > T(0) ? broadcast(T(1)) : e) / (1 + e);
    const Vec<T> target = valid ? label : Vec<T>{}, counted = pixel_weights ? prob * m : prob;
    s.predicted[c] += valid ? counted : Vec<T>{};
    s.intersection[c] += valid ? counted * target : Vec<T>{};
    s.labelled[c] += target * m;
    if (squares) s.squares[c] += valid ? counted * prob : Vec<T>{};
    Vec<T> entropy;
    if (shaped) {
      const Vec<T> log_no = -((z > T(0) ? z : Vec<T>{}) + log1p_unit(e)), log_yes = z + log_no, yes = target * sure + spread;
      entropy =
          yes * shaped_entropy(prob, log_yes, focal, kLeast).value + (1 - yes) * shaped_entropy(1 - prob, log_no, focal, kLeast).value;
    } else {
      entropy = (z > T(0) ? z : Vec<T>{}) - z * target + log1p_unit(e);
    }
    ce += valid ? weights[c] * (pixel_weights ? entropy * m : entropy) : Vec<T>{};
    weight += m * weights[c];
    count += m;
  }

  // Logits to their gradient, in s.z, of pixels that count m times. `slopes` (3, groups, C), a, b and q, from the register's sample on,
  // times dloss, as is `scale`, d(loss)/d(cross-entropy sum).
  void backward_softmax(Scratch<T>& s, Vec<T> label, Vec<T> m, const Slopes<T>& slopes, T scale) const {
    Vec<T> sum, w{};
    const Vec<T> inverse = softmax_parts<T>(s, sum, [&](std::int64_t c, Vec<T> shifted) {
      w = label == static_cast<T>(c) ? broadcast(weights[c]) : w;
      if (shaped) s.shifted[c] = shifted;
    });
    const auto slope = [&](std::int64_t c) {
      const Vec<T> linear = slopes.b[c] + (label == static_cast<T>(c) ? broadcast(slopes.a[c]) : Vec<T>{});
      return squares ? linear + slopes.q[c] * s.z[c] : linear;
    };
    Vec<T> mean{};  // of the slopes under p
    for (std::int64_t c = 0; c < s.classes; ++c) {
      s.z[c] *= inverse;
      mean += s.z[c] * slope(c);
    }
    const auto valid = label >= T(0);
    w *= scale;
    Vec<T> total{};  // of the shaped cross-entropies' slopes, each times its p
    if (shaped) {
      const Vec<T> log_sum = log(sum);
      for (std::int64_t c = 0; c < s.classes; ++c) {
        const Vec<T> own = label == static_cast<T>(c) ? w * sure : Vec<T>{};
        s.shifted[c] = (own + spread * scale * weights[c]) * shaped_entropy(s.z[c], s.shifted[c] - log_sum, focal, kLeast).slope;
        total += s.shifted[c];
      }
    }
    for (std::int64_t c = 0; c < s.classes; ++c) {
      const Vec<T> prob = s.z[c], target = label == static_cast<T>(c) ? broadcast(T(1)) : Vec<T>{};
      const Vec<T> entropy = shaped ? s.shifted[c] - prob * total : w * (prob - target);
      const Vec<T> gradient = prob * (slope(c) - mean) + entropy;
      s.z[c] = valid ? (pixel_weights ? gradient * m : gradient) : Vec<T>{};
    }
  }
  void backward_sigmoid(Scratch<T>& s, std::int64_t c, Vec<T> label, Vec<T> m, const Slopes<T>& slopes, T scale) const {
    const Vec<T> z = s.z[c], e = exp(z > T(0) ? -z : z), d = 1 + e, prob = (z > T(0) ? broadcast(T(1)) : e) / d;
    Vec<T> slope = slopes.a[c] * label + slopes.b[c], entropy = prob - label;
    if (squares) slope += slopes.q[c] * prob;
    if (shaped) {
      const Vec<T> log_no = -((z > T(0) ? z : Vec<T>{}) + log1p_unit(e)), log_yes = z + log_no, yes = label * sure + spread;
      entropy = yes * (1 - prob) * shaped_entropy(prob, log_yes, focal, kLeast).slope -
                (1 - yes) * prob * shaped_entropy(1 - prob, log_no, focal, kLeast).slope;
    }
    const Vec<T> gradient = e / (d * d) * slope + scale * weights[c] * entropy;  // e / d^2 = p (1 - p)
    s.z[c] = label >= T(0) ? (pixel_weights ? gradient * m : gradient) : Vec<T>{};
  }
};

/// Finishes the loss alone.
struct Alone {
  static constexpr std::int64_t rank = 0, size = 1;
  double sum(double v) const { return v; }
};

}  // namespace

template <class T>
void segmentation_loss_forward(Cpu& cpu, View4<const T> logits, View4<const std::uint8_t> labels, const double* class_weights,
                               const float* pixel_weights, double* state, Precise<T>* loss, const SegmentationLossParams& p) {
  const std::int64_t classes = logits.c;
  const SegmentationLossSums at{classes};
  const std::int64_t per_task = at.size() + 1;  // the sums, and the first bad label
  Workspace workspace;
  const Loss<T> l(logits, labels, class_weights, pixel_weights, p, workspace);
  double* partials = workspace.take<double>(logits.n * l.tasks + 1, per_task);
  T* scratch = workspace.take<T>(cpu.concurrency(), Scratch<T>::size(classes));
  T* lines = workspace.take<T>(cpu.concurrency(), l.lines());
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
            const Vec<T> label = l.labels_at(run.first + i, c, lanes, bad), m = l.times(run.first + i, lanes, label >= T(0));
            if (l.softmax())
              l.forward_softmax(s, label, m, ce, weight, count);
            else
              l.forward_sigmoid(s, c, label, m, ce, weight, count);
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
  *loss = static_cast<T>(finish_segmentation_loss(Alone{}, layout, sums, class_weights, state, p));
}

template <class T>
void segmentation_loss_backward(Cpu& cpu, View4<const T> logits, View4<const std::uint8_t> labels, const double* class_weights,
                                const float* pixel_weights, const double* state, const Precise<T>* dloss, View4<T> dlogits,
                                const SegmentationLossParams& p) {
  const std::int64_t classes = logits.c;
  const SegmentationLossState layout = state_layout(logits.n, classes, p);
  Workspace workspace;
  const Loss<T> l(logits, labels, class_weights, pixel_weights, p, workspace);
  const double upstream = static_cast<double>(*dloss);
  T* slopes = workspace.take<T>(3, layout.groups, classes);  // a, b, q
  for (std::int64_t i = 0; i < 3 * layout.groups * classes; ++i) slopes[i] = static_cast<T>(upstream * state[layout.a() + i]);
  const T scale = static_cast<T>(upstream * state[SegmentationLossState::kCeScale]);
  T* scratch = workspace.take<T>(cpu.concurrency(), Scratch<T>::size(classes));
  const auto gradient = [&](int worker, std::int64_t n, const Run<T>& run, T* to, std::int64_t ld) {  // of the run's logits; may be them
    const T *a = slopes + (layout.groups > 1 ? n : 0) * classes, *b = a + layout.groups * classes;
    const Slopes<T> of_sample{a, b, b + layout.groups * classes};
    Scratch<T> s(scratch + worker * Scratch<T>::size(classes), classes, l.squares);
    std::int64_t bad = -1;
    for (std::int64_t i = 0; i < run.count; i += kLanes<T>) {
      const int lanes = static_cast<int>(i + kLanes<T> < run.count ? kLanes<T> : run.count - i);
      transpose_in(run.logits + i * run.ld, run.ld, lanes, s);
      for (std::int64_t c = 0; c < l.label_planes(); ++c) {
        const Vec<T> label = l.labels_at(run.first + i, c, lanes, bad), m = l.times(run.first + i, lanes, label >= T(0));
        if (l.softmax())
          l.backward_softmax(s, label, m, of_sample, scale);
        else
          l.backward_sigmoid(s, c, label, m, of_sample, scale);
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
  const std::int64_t bands = (logits.h + kBandRows - 1) / kBandRows;
  T* all_lines = workspace.take<T>(cpu.concurrency(), l.lines());
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
