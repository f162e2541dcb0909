// The segmentation loss on registers of pixels: a register at a time is transposed into (class, pixel) scratch, so that every step, exp and
// log included, is vector arithmetic at any number of classes.
#pragma once
#include "detail/cpu/math.hpp"
#include "detail/cpu/resize.hpp"
#include "detail/shared/segmentation_loss.hpp"

namespace lamina::kernels::LAMINA_ISA::segmentation {

inline constexpr std::int64_t kTaskPixels = 4096;

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
  const T *weights, *positives;  // (C) each
  const float* pixel_weights;    // (N, H, W) or null
  SegmentationLossParams p;
  bool squares, shaped, general;
  T focal, sure, spread;  // target of the labelled class, 1 - smoothing; and smoothing / C, of every class
  BilinearAxis<T> rows, cols;
  bool upsampled;
  std::int64_t pixels, run_pixels, runs, task_runs, tasks;  // a sample; a run; a sample; a task; a sample

  Loss(View4<const T> logits, View4<const std::uint8_t> labels, const LossWeights& of, const SegmentationLossParams& p,
       Workspace& workspace)
      : logits(logits),
        labels(labels),
        pixel_weights(of.pixels),
        p(p),
        squares(p.squares()),
        shaped(p.shaped()),
        general(squares || shaped || of.pixels || of.positives),
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
    const auto copy = [&](const double* from) {
      T* w = workspace.take<T>(logits.c);
      for (std::int64_t c = 0; c < logits.c; ++c) w[c] = from ? static_cast<T>(from[c]) : T(1);
      return w;
    };
    weights = copy(of.classes);
    positives = copy(of.positives);
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

  // Where the loss is not General, it is neither shaped nor needs squares, weights of pixels or of what is positive.
  // The partial sums of one register of pixels that count m times, on top of s and of ce, weight, count.
  template <bool General>
  void forward_softmax(Scratch<T>& s, Vec<T> label, Vec<T> m, Vec<T>& ce, Vec<T>& weight, Vec<T>& count) const {
    Vec<T> sum, own{}, w{};  // own: shifted logit of the labelled class
    const Vec<T> inverse = softmax_parts<T>(s, sum, [&](std::int64_t c, Vec<T> shifted) {
      const auto mine = label == static_cast<T>(c);
      own = mine ? shifted : own;
      w = mine ? broadcast(weights[c]) : w;
      if (General && shaped) s.shifted[c] = shifted;
    });
    const auto valid = label >= T(0);
    if (General && pixel_weights) w *= m;
    const Vec<T> log_sum = log(sum);
    for (std::int64_t c = 0; c < s.classes; ++c) {
      Vec<T> prob = valid ? s.z[c] * inverse : Vec<T>{};
      const auto mine = label == static_cast<T>(c);
      if (General && shaped) {
        const Vec<T> value = shaped_entropy(prob, s.shifted[c] - log_sum, focal, kLeast).value;
        ce += valid ? (mine ? w * sure : Vec<T>{}) * value + spread * weights[c] * m * value : Vec<T>{};
      }
      if (General && squares) s.squares[c] += prob * prob * m;
      if (General && pixel_weights) prob *= m;
      s.predicted[c] += prob;
      s.intersection[c] += mine ? prob : Vec<T>{};
      s.labelled[c] += mine ? m : Vec<T>{};
    }
    if (!General || !shaped) ce += valid ? w * (log_sum - own) : Vec<T>{};
    weight += w;
    count += m;
  }
  template <bool General>
  void forward_sigmoid(Scratch<T>& s, std::int64_t c, Vec<T> label, Vec<T> m, Vec<T>& ce, Vec<T>& weight, Vec<T>& count) const {
    const auto valid = label >= T(0);
    const Vec<T> z = s.z[c], e = exp(z > T(0) ? -z : z), prob = (z > T(0) ? broadcast(T(1)) : e) / (1 + e);
    const Vec<T> target = valid ? label : Vec<T>{}, counted = General && pixel_weights ? prob * m : prob;
    s.predicted[c] += valid ? counted : Vec<T>{};
    s.intersection[c] += valid ? counted * target : Vec<T>{};
    s.labelled[c] += target * m;
    if (General && squares) s.squares[c] += valid ? counted * prob : Vec<T>{};
    Vec<T> entropy;
    if (General && shaped) {
      const Vec<T> log_no = -((z > T(0) ? z : Vec<T>{}) + log1p_unit(e)), log_yes = z + log_no, yes = target * sure + spread;
      entropy = positives[c] * yes * shaped_entropy(prob, log_yes, focal, kLeast).value +
                (1 - yes) * shaped_entropy(1 - prob, log_no, focal, kLeast).value;
    } else {
      entropy = (z > T(0) ? z : Vec<T>{}) - z * target + log1p_unit(e);
      if (General) entropy = label > T(0) ? positives[c] * entropy : entropy;
    }
    ce += valid ? weights[c] * (General && pixel_weights ? entropy * m : entropy) : Vec<T>{};
    weight += m * weights[c];
    count += m;
  }

  // Logits to their gradient, in s.z, of pixels that count m times. `slopes` (3, groups, C), a, b and q, from the register's sample on,
  // times dloss, as is `scale`, d(loss)/d(cross-entropy sum).
  template <bool General>
  void backward_softmax(Scratch<T>& s, Vec<T> label, Vec<T> m, const Slopes<T>& slopes, T scale) const {
    Vec<T> sum, w{};
    const Vec<T> inverse = softmax_parts<T>(s, sum, [&](std::int64_t c, Vec<T> shifted) {
      w = label == static_cast<T>(c) ? broadcast(weights[c]) : w;
      if (General && shaped) s.shifted[c] = shifted;
    });
    const auto slope = [&](std::int64_t c) {
      const Vec<T> linear = slopes.b[c] + (label == static_cast<T>(c) ? broadcast(slopes.a[c]) : Vec<T>{});
      return General && squares ? linear + slopes.q[c] * s.z[c] : linear;
    };
    Vec<T> mean{};  // of the slopes under p
    for (std::int64_t c = 0; c < s.classes; ++c) {
      s.z[c] *= inverse;
      mean += s.z[c] * slope(c);
    }
    const auto valid = label >= T(0);
    w *= scale;
    Vec<T> total{};  // of the shaped cross-entropies' slopes, each times its p
    if (General && shaped) {
      const Vec<T> log_sum = log(sum);
      for (std::int64_t c = 0; c < s.classes; ++c) {
        const Vec<T> own = label == static_cast<T>(c) ? w * sure : Vec<T>{};
        s.shifted[c] = (own + spread * scale * weights[c]) * shaped_entropy(s.z[c], s.shifted[c] - log_sum, focal, kLeast).slope;
        total += s.shifted[c];
      }
    }
    for (std::int64_t c = 0; c < s.classes; ++c) {
      const Vec<T> prob = s.z[c], target = label == static_cast<T>(c) ? broadcast(T(1)) : Vec<T>{};
      const Vec<T> region = prob * (slope(c) - mean);
      const Vec<T> gradient = General && shaped ? region + (s.shifted[c] - prob * total) : region + w * (prob - target);
      s.z[c] = valid ? (General && pixel_weights ? gradient * m : gradient) : Vec<T>{};
    }
  }
  template <bool General>
  void backward_sigmoid(Scratch<T>& s, std::int64_t c, Vec<T> label, Vec<T> m, const Slopes<T>& slopes, T scale) const {
    const Vec<T> z = s.z[c], e = exp(z > T(0) ? -z : z), d = 1 + e, prob = (z > T(0) ? broadcast(T(1)) : e) / d;
    Vec<T> slope = slopes.a[c] * label + slopes.b[c], entropy = prob - label;
    if (General && squares) slope += slopes.q[c] * prob;
    if (General) entropy = label > T(0) ? positives[c] * entropy : entropy;
    if (General && shaped) {
      const Vec<T> log_no = -((z > T(0) ? z : Vec<T>{}) + log1p_unit(e)), log_yes = z + log_no, yes = label * sure + spread;
      entropy = positives[c] * yes * (1 - prob) * shaped_entropy(prob, log_yes, focal, kLeast).slope -
                (1 - yes) * prob * shaped_entropy(1 - prob, log_no, focal, kLeast).slope;
    }
    const Vec<T> gradient = e / (d * d) * slope + scale * weights[c] * entropy;  // e / d^2 = p (1 - p)
    s.z[c] = label >= T(0) ? (General && pixel_weights ? gradient * m : gradient) : Vec<T>{};
  }

  // The same, by what the loss is.
  void forward(Scratch<T>& s, std::int64_t c, Vec<T> label, Vec<T> m, Vec<T>& ce, Vec<T>& weight, Vec<T>& count) const {
    if (general)
      return softmax() ? forward_softmax<true>(s, label, m, ce, weight, count) : forward_sigmoid<true>(s, c, label, m, ce, weight, count);
    softmax() ? forward_softmax<false>(s, label, m, ce, weight, count) : forward_sigmoid<false>(s, c, label, m, ce, weight, count);
  }
  void backward(Scratch<T>& s, std::int64_t c, Vec<T> label, Vec<T> m, const Slopes<T>& slopes, T scale) const {
    if (general)
      return softmax() ? backward_softmax<true>(s, label, m, slopes, scale) : backward_sigmoid<true>(s, c, label, m, slopes, scale);
    softmax() ? backward_softmax<false>(s, label, m, slopes, scale) : backward_sigmoid<false>(s, c, label, m, slopes, scale);
  }
};

}  // namespace lamina::kernels::LAMINA_ISA::segmentation
