// CPU twins of kernels/segmentation_loss.hpp. A register of pixels at a time is transposed into (class, pixel) scratch, so that every
// step, exp and log included, is vector arithmetic at any number of classes. d(loss)/dz follows from d(loss)/dp, of two constants a class
// (detail/segmentation_loss.hpp), and the softmax's (or sigmoid's) derivative.
#include "lamina/kernels/segmentation_loss.hpp"

#include "detail/math.hpp"
#include "detail/segmentation_loss.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

constexpr std::int64_t kTaskPixels = 4096;
constexpr std::int64_t kFlush = 32;  // registers whose sums are taken in T before they go to double

/// One worker's scratch: registers of kLanes pixels, a row a class.
template <class T>
struct Scratch {
  std::int64_t classes;
  Vec<T>*z, *intersection, *predicted, *labelled;

  Scratch(T* base, std::int64_t classes) : classes(classes), z(reinterpret_cast<Vec<T>*>(base)) {
    intersection = z + classes;
    predicted = intersection + classes;
    labelled = predicted + classes;
  }
  static std::int64_t size(std::int64_t classes) { return 4 * classes * kLanes<T>; }

  void clear() {
    for (std::int64_t i = 0; i < 3 * classes; ++i) intersection[i] = Vec<T>{};
  }
  void flush(double* sums) {
    for (std::int64_t i = 0; i < 3 * classes; ++i) sums[i] += sum_lanes<T>(intersection[i]);
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

/// Everything the passes over the pixels share.
template <class T>
struct Loss {
  View4<const T> logits;
  const std::uint8_t* labels;
  const T* weights;  // (C)
  SegmentationLossParams p;
  std::int64_t pixels, tasks;  // a sample

  Loss(View4<const T> logits, const std::uint8_t* labels, const double* class_weights, const SegmentationLossParams& p,
       Workspace& workspace)
      : logits(logits), labels(labels), p(p), pixels(logits.h * logits.w), tasks((pixels + kTaskPixels - 1) / kTaskPixels) {
    T* w = workspace.take<T>(logits.c);
    for (std::int64_t c = 0; c < logits.c; ++c) w[c] = class_weights ? static_cast<T>(class_weights[c]) : T(1);
    weights = w;
  }
  bool softmax() const { return p.activation == LossActivation::softmax; }
  std::int64_t planes() const { return softmax() ? 1 : logits.c; }
  int label_limit() const { return softmax() ? static_cast<int>(logits.c) : 2; }

  /// Calls f(task, sample, first pixel, end) for the fixed chunks of pixels, each within a sample.
  template <class F>
  void for_tasks(Cpu& cpu, F&& f) const {
    cpu.parallel(logits.n * tasks, [&](std::int64_t task, int worker) {
      const std::int64_t n = task / tasks, begin = task % tasks * kTaskPixels;
      f(task, worker, n, n * pixels + begin, n * pixels + (begin + kTaskPixels < pixels ? begin + kTaskPixels : pixels));
    });
  }

  /// Labels of plane c for the register of pixels at `pixel`; records the first bad index in `bad`.
  Vec<T> labels_at(std::int64_t pixel, std::int64_t c, int count, std::int64_t& bad) const {
    Vec<T> label;
    const std::int64_t at = pixel * planes() + c;
    const int lane = read_labels<T>(labels + at, planes(), count, label_limit(), p.ignore_label, label);
    if (const std::int64_t index = at + lane * planes(); lane >= 0 && (bad < 0 || index < bad)) bad = index;
    return label;
  }

  // The partial sums of one register of pixels, on top of s and of ce, weight, count.
  void forward_softmax(Scratch<T>& s, Vec<T> label, Vec<T>& ce, Vec<T>& weight, Vec<T>& count) const {
    Vec<T> sum, own{}, w{};  // own: shifted logit of the labelled class
    const Vec<T> inverse = softmax_parts<T>(s, sum, [&](std::int64_t c, Vec<T> shifted) {
      const auto mine = label == static_cast<T>(c);
      own = mine ? shifted : own;
      w = mine ? broadcast(weights[c]) : w;
    });
    const auto valid = label >= T(0);
    for (std::int64_t c = 0; c < s.classes; ++c) {
      const Vec<T> prob = valid ? s.z[c] * inverse : Vec<T>{};
      const auto mine = label == static_cast<T>(c);
      s.predicted[c] += prob;
      s.intersection[c] += mine ? prob : Vec<T>{};
      s.labelled[c] += mine ? broadcast(T(1)) : Vec<T>{};
    }
    ce += valid ? w * (log(sum) - own) : Vec<T>{};
    weight += w;
    count += valid ? broadcast(T(1)) : Vec<T>{};
  }
  void forward_sigmoid(Scratch<T>& s, std::int64_t c, Vec<T> label, Vec<T>& ce, Vec<T>& weight, Vec<T>& count) const {
    const auto valid = label >= T(0);
    const Vec<T> z = s.z[c], e = exp(z > T(0) ? -z : z), prob = (z > T(0) ? broadcast(T(1)) : e) / (1 + e);
    const Vec<T> one = valid ? broadcast(T(1)) : Vec<T>{}, target = valid ? label : Vec<T>{};
    s.predicted[c] += valid ? prob : Vec<T>{};
    s.intersection[c] += valid ? prob * target : Vec<T>{};
    s.labelled[c] += target;
    ce += valid ? weights[c] * ((z > T(0) ? z : Vec<T>{}) - z * target + log1p_unit(e)) : Vec<T>{};
    weight += one * weights[c];
    count += one;
  }

  // Logits to their gradient, in s.z. a, b (C): of the register's sample, times dloss, as is `scale`, d(loss)/d(cross-entropy sum).
  void backward_softmax(Scratch<T>& s, Vec<T> label, const T* a, const T* b, T scale) const {
    Vec<T> sum, w{};
    const Vec<T> inverse =
        softmax_parts<T>(s, sum, [&](std::int64_t c, Vec<T>) { w = label == static_cast<T>(c) ? broadcast(weights[c]) : w; });
    const auto slope = [&](std::int64_t c) { return b[c] + (label == static_cast<T>(c) ? broadcast(a[c]) : Vec<T>{}); };
    Vec<T> mean{};  // of the slopes under p
    for (std::int64_t c = 0; c < s.classes; ++c) {
      s.z[c] *= inverse;
      mean += s.z[c] * slope(c);
    }
    const auto valid = label >= T(0);
    w *= scale;
    for (std::int64_t c = 0; c < s.classes; ++c) {
      const Vec<T> prob = s.z[c], target = label == static_cast<T>(c) ? broadcast(T(1)) : Vec<T>{};
      s.z[c] = valid ? prob * (slope(c) - mean) + w * (prob - target) : Vec<T>{};
    }
  }
  void backward_sigmoid(Scratch<T>& s, std::int64_t c, Vec<T> label, T a, T b, T scale) const {
    const Vec<T> z = s.z[c], e = exp(z > T(0) ? -z : z), d = 1 + e, prob = (z > T(0) ? broadcast(T(1)) : e) / d;
    s.z[c] = label >= T(0) ? e / (d * d) * (a * label + b) + scale * weights[c] * (prob - label) : Vec<T>{};  // e / d^2 = p (1 - p)
  }
};

/// Finishes the loss alone.
struct Alone {
  static constexpr std::int64_t rank = 0, size = 1;
  double sum(double v) const { return v; }
};

}  // namespace

template <class T>
void segmentation_loss_forward(Cpu& cpu, View4<const T> logits, const std::uint8_t* labels, const double* class_weights, double* state,
                               Precise<T>* loss, const SegmentationLossParams& p) {
  const std::int64_t classes = logits.c;
  const SegmentationLossSums at{classes};
  const std::int64_t per_task = at.size() + 1;  // the sums, and the first bad label
  Workspace workspace;
  const Loss<T> l(logits, labels, class_weights, p, workspace);
  double* partials = workspace.take<double>((logits.n * l.tasks + 1) * per_task);
  T* scratch = workspace.take<T>(cpu.concurrency() * Scratch<T>::size(classes));
  l.for_tasks(cpu, [&](std::int64_t task, int worker, std::int64_t, std::int64_t begin, std::int64_t end) {
    double* sums = partials + task * per_task;
    for (std::int64_t i = 0; i < at.size(); ++i) sums[i] = 0;
    Scratch<T> s(scratch + worker * Scratch<T>::size(classes), classes);
    s.clear();
    std::int64_t bad = -1;
    for (std::int64_t first = begin; first < end; first += kFlush * kLanes<T>) {
      Vec<T> ce{}, weight{}, count{};
      for (std::int64_t i = first; i < end && i < first + kFlush * kLanes<T>; i += kLanes<T>) {
        const int lanes = static_cast<int>(i + kLanes<T> < end ? kLanes<T> : end - i);
        transpose_in(logits.data + i * logits.ld, logits.ld, lanes, s);
        if (l.softmax())
          l.forward_softmax(s, l.labels_at(i, 0, lanes, bad), ce, weight, count);
        else
          for (std::int64_t c = 0; c < classes; ++c) l.forward_sigmoid(s, c, l.labels_at(i, c, lanes, bad), ce, weight, count);
      }
      s.flush(sums);
      sums[at.ce()] += sum_lanes<T>(ce);
      sums[at.weight()] += sum_lanes<T>(weight);
      sums[at.count()] += sum_lanes<T>(count);
    }
    sums[at.size()] = static_cast<double>(bad);
  });

  const SegmentationLossState layout = state_layout(logits.n, classes, p);
  double* sums = workspace.take<double>(layout.groups * at.size());
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
void segmentation_loss_backward(Cpu& cpu, View4<const T> logits, const std::uint8_t* labels, const double* class_weights,
                                const double* state, const Precise<T>* dloss, View4<T> dlogits, const SegmentationLossParams& p) {
  const std::int64_t classes = logits.c;
  const SegmentationLossState layout = state_layout(logits.n, classes, p);
  Workspace workspace;
  const Loss<T> l(logits, labels, class_weights, p, workspace);
  const double upstream = static_cast<double>(*dloss);
  T* slopes = workspace.take<T>(2 * layout.groups * classes);  // a, then b
  for (std::int64_t i = 0; i < 2 * layout.groups * classes; ++i) slopes[i] = static_cast<T>(upstream * state[layout.a() + i]);
  const T scale = static_cast<T>(upstream * state[SegmentationLossState::kCeScale]);
  T* scratch = workspace.take<T>(cpu.concurrency() * Scratch<T>::size(classes));
  l.for_tasks(cpu, [&](std::int64_t, int worker, std::int64_t n, std::int64_t begin, std::int64_t end) {
    const T *a = slopes + (layout.groups > 1 ? n : 0) * classes, *b = a + layout.groups * classes;
    Scratch<T> s(scratch + worker * Scratch<T>::size(classes), classes);
    std::int64_t bad = -1;
    for (std::int64_t i = begin; i < end; i += kLanes<T>) {
      const int lanes = static_cast<int>(i + kLanes<T> < end ? kLanes<T> : end - i);
      transpose_in(logits.data + i * logits.ld, logits.ld, lanes, s);
      if (l.softmax())
        l.backward_softmax(s, l.labels_at(i, 0, lanes, bad), a, b, scale);
      else
        for (std::int64_t c = 0; c < classes; ++c) l.backward_sigmoid(s, c, l.labels_at(i, c, lanes, bad), a[c], b[c], scale);
      transpose_out(s, dlogits.data + i * dlogits.ld, dlogits.ld, lanes);
    }
  });
}

LAMINA_INSTANTIATE(&segmentation_loss_forward<float>, &segmentation_loss_forward<double>, &segmentation_loss_backward<float>,
                   &segmentation_loss_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
