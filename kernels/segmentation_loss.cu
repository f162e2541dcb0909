// CUDA twins of kernels/segmentation_loss.hpp. Memory passes: forward reads logits and labels once and writes a few sums; backward reads
// both again and writes dlogits once. A block brings tiles of pixels to shared memory as floats, in the order they lie in; then a few
// threads share each pixel's softmax, and afterwards every thread has one class, to add it up over the tile's pixels.
// Logits smaller than the labels are interpolated on their way to the tile; the gradient is then gathered: a block has a rectangle of
// small pixels, and adds up what each tile of the labels that read them holds of it.
#include "lamina/kernels/segmentation_loss.hpp"

#include "detail/cuda/segmentation_loss.cuh"

namespace lamina::kernels::cuda {
namespace {
using namespace segmentation;

/// partials (n, chunks, SegmentationLossSums).
template <class Logits>
__global__ void segmentation_loss_sums_kernel(Loss l, Logits logits, double* partials, unsigned long long* bad) {
  LAMINA_SHARED(double, shared);
  const Block block(l, shared);
  double ce = 0, weight = 0, count = 0, intersection = 0, predicted = 0, labelled = 0, squares = 0;  // the last four of this thread's class
  for (std::int64_t t = block.first_tile; t < block.last_tile; ++t) {
    block.load_tile(logits, t, bad);
    if (block.softmax()) {
      float own = 0;
      const int label = block.label[block.pixel()];
      const float sum = block.exponentials(own), inverse = 1 / sum, log_sum = ::logf(sum),
                  m = label < 0 ? 0 : block.times(t, block.pixel());
      float* z = block.tile + block.pixel() * l.stride;
      for (int c = block.rank(); c < l.classes; c += l.team) {
        if (l.shaped && label >= 0) ce += m * block.shaped_class(c, label, z[c] - log_sum).value;
        z[c] = label < 0 ? 0 : l.shaped ? ::expf(z[c] - log_sum) : z[c] * inverse;
      }
      if (label >= 0 && label % l.team == block.rank()) {
        const float w = label < l.classes ? m * block.weight[label] : 0;
        if (!l.shaped) ce += w * (log_sum - own);
        weight += w;
        count += m;
      }
      __syncthreads();
      block.for_class(t, [&](int i, int c, float prob) {
        if (block.label[i] < 0) return;
        const float times = block.times(t, i), counted = times * prob;
        predicted += counted;
        if (l.squares) squares += counted * prob;
        if (block.label[i] != c) return;
        intersection += counted;
        labelled += times;
      });
    } else {
      block.for_class(t, [&](int i, int c, float z) {
        const int target = block.label_at(block.index(t, i) * l.classes + c, 2, bad);
        if (target < 0) return;
        const float e = ::expf(z > 0 ? -z : z), prob = (z > 0 ? 1 : e) / (1 + e), times = block.times(t, i), counted = times * prob;
        const float w = times * block.weight[c], positive = target ? block.positive[c] : 1;
        predicted += counted;
        if (l.squares) squares += counted * prob;
        if (target) {
          intersection += counted;
          labelled += times;
        }
        ce += w * (l.shaped ? block.shaped_plane(z, e, prob, target ? 1.f : 0.f, c).value
                            : positive * ((z > 0 ? z : 0) - (target ? z : 0) + ::log1pf(e)));
        weight += w;
        count += times;
      });
    }
  }
  // The block's sums: over the threads that share a class, and over all of them.
  const SegmentationLossSums at{l.classes};
  double* out = partials + blockIdx.x * at.size();
  const int stripes = kThreads / l.classes, i = block.thread();
  __syncthreads();  // the last tile may still be read
  if (i < stripes * l.classes) {
    double* sums = block.class_sums() + i;
    sums[0] = intersection;
    sums[stripes * l.classes] = predicted;
    sums[2 * stripes * l.classes] = labelled;
    sums[3 * stripes * l.classes] = squares;
  }
  __syncthreads();
  for (int k = i; k < 4 * l.classes; k += kThreads) {
    double sum = 0;
    for (int s = 0; s < stripes; ++s) sum += block.class_sums()[(k / l.classes * stripes + s) * l.classes + k % l.classes];
    out[k] = sum;
  }
  const double total_ce = block_sum(ce, block.warps), total_weight = block_sum(weight, block.warps),
               total_count = block_sum(count, block.warps);
  if (i > 0) return;
  out[at.ce()] = total_ce;
  out[at.weight()] = total_weight;
  out[at.count()] = total_count;
}

/// The threads of one block, as a team of finish_segmentation_loss.
struct WholeBlock {
  double* shared;
  std::int64_t rank, size;
  __device__ double sum(double v) const { return block_sum(v, shared); }
};

__global__ void finish_segmentation_loss_kernel(SegmentationLossState layout, const double* sums, const double* class_weights,
                                                const unsigned long long* bad, double* state, float* loss, SegmentationLossParams p) {
  LAMINA_SHARED(double, shared);  // (warps)
  const double value = finish_segmentation_loss(WholeBlock{shared, threadIdx.x, blockDim.x}, layout, sums, class_weights, state, p);
  if (threadIdx.x > 0) return;
  *loss = static_cast<float>(value);
  state[SegmentationLossState::kBadLabel] = *bad == ~0ull ? -1. : static_cast<double>(*bad);
}

template <class Logits, class Gradient>
__global__ void segmentation_loss_gradient_kernel(Loss l, Logits logits, SegmentationLossState layout, const double* state,
                                                  const float* dloss, Gradient dlogits) {
  LAMINA_SHARED(double, shared);
  const Block block(l, shared);
  const float scale = block.load_slopes(layout, state, dloss);
  for (std::int64_t t = block.first_tile; t < block.last_tile; ++t) {
    block.load_tile(logits, t, nullptr);
    block.differentiate(t, scale);
    dlogits.store(block, t);
  }
}

template <class T>
__global__ void segmentation_loss_gather_kernel(Loss l, UpsampledLogits<T> logits, GatherPlan plan, SegmentationLossState layout,
                                                const double* state, const float* dloss, View4<T> dlogits) {
  LAMINA_SHARED(double, shared);
  const int blocks = plan.down * plan.across, sample = static_cast<int>(blockIdx.x) / blocks;
  const Region own = plan.rectangle(static_cast<int>(blockIdx.x) % blocks), region = logits.readers(own);
  const Block block(l, shared, sample, region);
  const float scale = block.load_slopes(layout, state, dloss);
  float* sums = block.q + l.classes;  // (own.height, own.width, classes)
  for (std::int64_t t = 0; t < block.last_tile; ++t) {
    block.load_tile(logits, t, nullptr);
    block.differentiate(t, scale);
    for (int e = Block::thread(); e < own.height * own.width * l.classes; e += kThreads) {
      const int c = e % l.classes, pixel = e / l.classes, h = own.top + pixel / own.width, w = own.left + pixel % own.width;
      const float sum = (t > 0 ? sums[e] : 0) + logits.gathered(block, region, t, h, w, c);
      sums[e] = sum;
      if (t == block.last_tile - 1) dlogits.pixel(sample, h, w)[c] = narrow<T>(sum);
    }
  }
}

template <class T>
bool same_size(View4<const T> logits, View4<const std::uint8_t> labels) {
  return logits.h == labels.h && logits.w == labels.w;
}

/// Calls f(N) with the constant number of logits that every view can load at once: where pixels follow each other without a gap, they may
/// share one.
template <class T, class F, class... Views>
void with_logits_at_once(F&& f, const Views&... views) {
  constexpr int kMost = 16 / sizeof(T);
  const auto fits = [](const auto& v) {
    const std::int64_t gapless = v.ld == v.c ? v.h * v.w * v.c : v.c;
    return reinterpret_cast<std::uintptr_t>(v.data) % 16 == 0 && v.ld % (v.ld == v.c ? 1 : kMost) == 0 && gapless % kMost == 0;
  };
  if ((fits(views) && ...))
    f(std::integral_constant<int, kMost>{});
  else
    f(std::integral_constant<int, 1>{});
}

}  // namespace

template <class T>
void segmentation_loss_forward(Cuda& cuda, View4<const T> logits, View4<const std::uint8_t> labels, const LossWeights& weights,
                               double* state, Precise<T>* loss, const SegmentationLossParams& p) {
  const Loss l(logits.c, labels, weights, p);
  const SegmentationLossSums at{logits.c};
  const SegmentationLossState layout = state_layout(logits.n, logits.c, p);
  Workspace workspace(cuda);
  double *partials = workspace.take<double>(logits.n, l.chunks, at.size()), *sums = workspace.take<double>(layout.groups, at.size());
  unsigned long long* bad = workspace.take<unsigned long long>(1);
  (void)cudaMemsetAsync(bad, 0xFF, sizeof *bad, stream_of(cuda));
  check_launch("cudaMemsetAsync");
  const auto add_up = [&]<class Logits>(const Logits& from) {
    launch<segmentation_loss_sums_kernel<Logits>>(cuda, l.blocks(), kThreads, l.shared_bytes(), l, from, partials, bad);
  };
  if (same_size(logits, labels))
    with_logits_at_once<T>([&](auto n) { add_up(StoredLogits<const T, decltype(n)::value>{logits}); }, logits);
  else
    add_up(UpsampledLogits<T>(cuda, workspace, logits, l));
  const std::int64_t chunks = layout.groups > 1 ? l.chunks : logits.n * l.chunks;
  finish_columns<1>(cuda, partials, layout.groups, chunks, at.size(), WriteSum<double>{sums});
  launch<finish_segmentation_loss_kernel>(cuda, 1, kThreads, kWarps * sizeof(double), layout, sums, weights.classes, bad, state, loss, p);
}

template <class T>
void segmentation_loss_backward(Cuda& cuda, View4<const T> logits, View4<const std::uint8_t> labels, const LossWeights& weights,
                                const double* state, const Precise<T>* dloss, View4<T> dlogits, const SegmentationLossParams& p) {
  const Loss l(logits.c, labels, weights, p);
  const SegmentationLossState layout = state_layout(logits.n, logits.c, p);
  if (same_size(logits, labels))
    return with_logits_at_once<T>(
        [&](auto n) {
          using Logits = StoredLogits<const T, decltype(n)::value>;
          using Gradient = StoredLogits<T, decltype(n)::value>;
          launch<segmentation_loss_gradient_kernel<Logits, Gradient>>(cuda, l.blocks(), kThreads, l.shared_bytes(), l, Logits{logits},
                                                                      layout, state, dloss, Gradient{dlogits});
        },
        logits, dlogits);
  Workspace workspace(cuda);
  const GatherPlan plan(logits.h, logits.w, l);
  const auto sums = static_cast<std::size_t>(plan.side_h * plan.side_w * logits.c) * sizeof(float);
  launch<segmentation_loss_gather_kernel<T>>(cuda, static_cast<unsigned>(logits.n * plan.down * plan.across), kThreads,
                                             l.shared_bytes() + sums, l, UpsampledLogits<T>(cuda, workspace, logits, l), plan, layout,
                                             state, dloss, dlogits);
}

LAMINA_INSTANTIATE(&segmentation_loss_forward<float>, &segmentation_loss_forward<BFloat16>, &segmentation_loss_backward<float>,
                   &segmentation_loss_backward<BFloat16>)

}  // namespace lamina::kernels::cuda
