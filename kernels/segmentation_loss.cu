// CUDA twins of kernels/segmentation_loss.hpp. Memory passes: forward reads logits and labels once and writes a few sums; backward reads
// both again and writes dlogits once. A block brings tiles of pixels to shared memory as floats, in the order they lie in; then a few
// threads share each pixel's softmax, and afterwards every thread has one class, to add it up over the tile's pixels.
#include "lamina/kernels/segmentation_loss.hpp"

#include "detail/reduce.cuh"
#include "detail/segmentation_loss.hpp"

namespace lamina::kernels::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarpSize;

/// Everything that the passes over the pixels share. A block has tiles [first_tile, last_tile) of one sample.
template <class T>
struct Loss {
  View4<const T> logits;
  const std::uint8_t* labels;
  const double* class_weights;  // (C) or null
  SegmentationLossParams p;
  int classes, team, tile_pixels, stride;  // `team` threads share a pixel, whose classes are `stride` floats from the next one's
  std::int64_t pixels, tiles, chunks;      // a sample

  Loss(View4<const T> logits, const std::uint8_t* labels, const double* class_weights, const SegmentationLossParams& p)
      : logits(logits), labels(labels), class_weights(class_weights), p(p), classes(static_cast<int>(logits.c)), team(1) {
    constexpr int kClassesPerThread = 32;
    constexpr std::int64_t kMostBlocks = 1024, kTilesPerBlock = 2;
    while (team * kClassesPerThread < classes) team *= 2;
    tile_pixels = kThreads / team;
    stride = classes | 1;  // odd: threads at the same class of neighbouring pixels meet different banks
    pixels = logits.h * logits.w;
    tiles = (pixels + tile_pixels - 1) / tile_pixels;
    const std::int64_t most = logits.n < kMostBlocks ? kMostBlocks / (logits.n > 0 ? logits.n : 1) : 1;
    chunks = (tiles + kTilesPerBlock - 1) / kTilesPerBlock;
    if (chunks > most) chunks = most;
  }
  unsigned blocks() const { return static_cast<unsigned>(logits.n * chunks); }
  std::size_t shared_bytes() const {
    const int tile = tile_pixels * stride;
    return kWarps * sizeof(double) + static_cast<std::size_t>((tile > 3 * kThreads ? tile : 3 * kThreads) + tile_pixels + 3 * classes) * 4;
  }
};

/// One block's share of the work, and its shared memory.
template <class T>
struct Block {
  const Loss<T>& l;
  double* warps;          // for block_sum
  float* tile;            // (tile_pixels, stride); afterwards (3, stripes, classes)
  int* label;             // (tile_pixels): -1 where ignored
  float *weight, *a, *b;  // (classes)
  std::int64_t sample, first_tile, last_tile;

  __device__ Block(const Loss<T>& l, double* shared)
      : l(l),
        warps(shared),
        tile(reinterpret_cast<float*>(shared + kWarps)),
        label(reinterpret_cast<int*>(tile + (l.tile_pixels * l.stride > 3 * kThreads ? l.tile_pixels * l.stride : 3 * kThreads))),
        weight(reinterpret_cast<float*>(label + l.tile_pixels)),
        a(weight + l.classes),
        b(a + l.classes),
        sample(blockIdx.x / l.chunks) {
    const std::int64_t chunk = blockIdx.x % l.chunks;
    first_tile = l.tiles * chunk / l.chunks;
    last_tile = l.tiles * (chunk + 1) / l.chunks;
    for (int c = thread(); c < l.classes; c += kThreads) weight[c] = l.class_weights ? static_cast<float>(l.class_weights[c]) : 1;
  }
  __device__ static int thread() { return static_cast<int>(threadIdx.x); }
  __device__ bool softmax() const { return l.p.activation == LossActivation::softmax; }
  __device__ std::int64_t first_pixel(std::int64_t t) const { return sample * l.pixels + t * l.tile_pixels; }
  __device__ int pixels_of(std::int64_t t) const {
    const std::int64_t left = l.pixels - t * l.tile_pixels;
    return static_cast<int>(left < l.tile_pixels ? left : l.tile_pixels);
  }
  /// The label at `index`, -1 where it is ignored; `bad` (unless null) becomes the least index of one that is no class below `limit`.
  __device__ int label_at(std::int64_t index, int limit, unsigned long long* bad) const {
    const int value = l.labels[index];
    if (value == l.p.ignore_label) return -1;
    if (bad && value >= limit) atomicMin(bad, static_cast<unsigned long long>(index));
    return value;
  }

  /// f(place in the tile, pixel, class, N) for the tile's elements in their order, N at a time.
  template <int N, class F>
  __device__ void for_elements(int count, F f) const {
    for (int e = thread() * N; e < count * l.classes; e += kThreads * N) f(e / l.classes, e % l.classes);
  }
  /// Logits to `tile`, labels of pixels to `label`.
  template <int N>
  __device__ void load_tile(std::int64_t t, unsigned long long* bad) const {
    const std::int64_t first = first_pixel(t);
    const int count = pixels_of(t);
    __syncthreads();  // the last tile may still be read
    for_elements<N>(count, [&](int pixel, int c) {
      const auto v = load<N>(l.logits.data + (first + pixel) * l.logits.ld + c);
#pragma unroll
      for (int i = 0; i < N; ++i) {
        tile[pixel * l.stride + c] = v.v[i];
        if (++c == l.classes) c = 0, ++pixel;
      }
    });
    if (softmax())
      for (int i = thread(); i < l.tile_pixels; i += kThreads) label[i] = i < count ? label_at(first + i, l.classes, bad) : -1;
    __syncthreads();
  }
  template <int N>
  __device__ void store_tile(std::int64_t t, View4<T> to) const {
    const std::int64_t first = first_pixel(t);
    for_elements<N>(pixels_of(t), [&](int pixel, int c) {
      T* at = to.data + (first + pixel) * to.ld + c;
      Pack<float, N> v;
#pragma unroll
      for (int i = 0; i < N; ++i) {
        v.v[i] = tile[pixel * l.stride + c];
        if (++c == l.classes) c = 0, ++pixel;
      }
      store<N>(at, v);
    });
  }

  // A pixel's team.
  __device__ int rank() const { return thread() % l.team; }
  __device__ int pixel() const { return thread() / l.team; }
  /// The team's pixel becomes exp(z - max); returns their sum. `own` becomes z - max of the label in the thread that has it.
  __device__ float exponentials(float& own) const {
    float *z = tile + pixel() * l.stride, top = -__builtin_inff(), sum = 0;
    for (int c = rank(); c < l.classes; c += l.team) top = z[c] > top ? z[c] : top;
    for (int lanes = l.team / 2; lanes > 0; lanes /= 2) {
      const float other = __shfl_xor_sync(kFullMask, top, lanes);
      top = other > top ? other : top;
    }
    for (int c = rank(); c < l.classes; c += l.team) {
      if (c == label[pixel()]) own = z[c] - top;
      sum += z[c] = ::expf(z[c] - top);
    }
    return team_sum(sum, l.team);
  }

  /// f(tile element, class, index of the element's label) for the tile's elements, each thread at one class.
  template <class F>
  __device__ void for_class(std::int64_t t, F f) const {
    const int stripes = kThreads / l.classes, c = thread() % l.classes, count = pixels_of(t);
    if (thread() < stripes * l.classes)
      for (int i = thread() / l.classes; i < count; i += stripes) f(i, c, tile[i * l.stride + c]);
  }
};

/// partials (n, chunks, SegmentationLossSums).
template <class T, int N>
__global__ void segmentation_loss_sums_kernel(Loss<T> l, double* partials, unsigned long long* bad) {
  LAMINA_SHARED(double, shared);
  const Block<T> block(l, shared);
  float ce = 0, weight = 0, count = 0, intersection = 0, predicted = 0, labelled = 0;  // the last three of this thread's class
  for (std::int64_t t = block.first_tile; t < block.last_tile; ++t) {
    block.template load_tile<N>(t, bad);
    if (block.softmax()) {
      float own = 0;
      const int label = block.label[block.pixel()];
      const float sum = block.exponentials(own), inverse = 1 / sum;
      float* z = block.tile + block.pixel() * l.stride;
      for (int c = block.rank(); c < l.classes; c += l.team) z[c] = label < 0 ? 0 : z[c] * inverse;
      if (label >= 0 && label % l.team == block.rank()) {
        const float w = label < l.classes ? block.weight[label] : 0;
        ce += w * (::logf(sum) - own);
        weight += w;
        count += 1;
      }
      __syncthreads();
      block.for_class(t, [&](int i, int c, float prob) {
        predicted += prob;
        if (block.label[i] != c) return;
        intersection += prob;
        labelled += 1;
      });
    } else {
      block.for_class(t, [&](int i, int c, float z) {
        const int target = block.label_at((block.first_pixel(t) + i) * l.classes + c, 2, bad);
        if (target < 0) return;
        const float e = ::expf(z > 0 ? -z : z), prob = (z > 0 ? 1 : e) / (1 + e), w = block.weight[c];
        predicted += prob;
        if (target) {
          intersection += prob;
          labelled += 1;
        }
        ce += w * ((z > 0 ? z : 0) - (target ? z : 0) + ::log1pf(e));
        weight += w;
        count += 1;
      });
    }
  }
  // The block's sums: over the threads that share a class, and over all of them.
  const SegmentationLossSums at{l.classes};
  double* out = partials + blockIdx.x * at.size();
  const int stripes = kThreads / l.classes, i = block.thread();
  __syncthreads();  // the last tile may still be read
  if (i < stripes * l.classes) {
    float* sums = block.tile + i;
    sums[0] = intersection;
    sums[stripes * l.classes] = predicted;
    sums[2 * stripes * l.classes] = labelled;
  }
  __syncthreads();
  for (int k = i; k < 3 * l.classes; k += kThreads) {
    double sum = 0;
    for (int s = 0; s < stripes; ++s) sum += static_cast<double>(block.tile[(k / l.classes * stripes + s) * l.classes + k % l.classes]);
    out[k] = sum;
  }
  const double total_ce = block_sum(static_cast<double>(ce), block.warps),
               total_weight = block_sum(static_cast<double>(weight), block.warps),
               total_count = block_sum(static_cast<double>(count), block.warps);
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

template <class T, int N>
__global__ void segmentation_loss_gradient_kernel(Loss<T> l, SegmentationLossState layout, const double* state, const float* dloss,
                                                  View4<T> dlogits) {
  LAMINA_SHARED(double, shared);
  const Block<T> block(l, shared);
  const double upstream = static_cast<double>(*dloss);
  const std::int64_t group = layout.groups > 1 ? block.sample : 0;
  const float scale = static_cast<float>(upstream * state[SegmentationLossState::kCeScale]);
  for (int c = block.thread(); c < l.classes; c += kThreads) {
    block.a[c] = static_cast<float>(upstream * state[layout.a() + group * l.classes + c]);
    block.b[c] = static_cast<float>(upstream * state[layout.b() + group * l.classes + c]);
  }
  for (std::int64_t t = block.first_tile; t < block.last_tile; ++t) {
    block.template load_tile<N>(t, nullptr);
    if (block.softmax()) {
      float unused, mean = 0;  // mean: of the slopes under p
      const int label = block.label[block.pixel()];
      const float inverse = 1 / block.exponentials(unused);
      float* z = block.tile + block.pixel() * l.stride;
      const auto slope = [&](int c) { return block.b[c] + (c == label ? block.a[c] : 0); };
      for (int c = block.rank(); c < l.classes; c += l.team) {
        z[c] *= inverse;
        mean += z[c] * slope(c);
      }
      mean = team_sum(mean, l.team);
      const float w = label < 0 ? 0 : scale * block.weight[label];
      for (int c = block.rank(); c < l.classes; c += l.team)
        z[c] = label < 0 ? 0 : z[c] * (slope(c) - mean) + w * (z[c] - (c == label ? 1.f : 0.f));
    } else {
      block.for_class(t, [&](int i, int c, float z) {
        const int target = block.label_at((block.first_pixel(t) + i) * l.classes + c, 2, nullptr);
        const float e = ::expf(z > 0 ? -z : z), d = 1 + e, prob = (z > 0 ? 1 : e) / d;
        const float slope = block.b[c] + (target ? block.a[c] : 0), t01 = target ? 1.f : 0.f;
        block.tile[i * l.stride + c] =
            target < 0 ? 0 : e / (d * d) * slope + scale * block.weight[c] * (prob - t01);  // e / d^2 = p (1 - p)
      });
    }
    __syncthreads();
    block.template store_tile<N>(t, dlogits);
  }
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
void segmentation_loss_forward(Cuda& cuda, View4<const T> logits, const std::uint8_t* labels, const double* class_weights, double* state,
                               Precise<T>* loss, const SegmentationLossParams& p) {
  const Loss<T> l(logits, labels, class_weights, p);
  const SegmentationLossSums at{logits.c};
  const SegmentationLossState layout = state_layout(logits.n, logits.c, p);
  Workspace workspace(cuda);
  double *partials = workspace.take<double>(logits.n * l.chunks * at.size()), *sums = workspace.take<double>(layout.groups * at.size());
  unsigned long long* bad = workspace.take<unsigned long long>(1);
  (void)cudaMemsetAsync(bad, 0xFF, sizeof *bad, stream_of(cuda));
  with_logits_at_once<T>(
      [&](auto n) {
        launch<segmentation_loss_sums_kernel<T, decltype(n)::value>>(cuda, l.blocks(), kThreads, l.shared_bytes(), l, partials, bad);
      },
      logits);
  const std::int64_t chunks = layout.groups > 1 ? l.chunks : logits.n * l.chunks;
  finish_columns<1>(cuda, partials, layout.groups, chunks, at.size(), WriteSum<double>{sums});
  launch<finish_segmentation_loss_kernel>(cuda, 1, kThreads, kWarps * sizeof(double), layout, sums, class_weights, bad, state, loss, p);
}

template <class T>
void segmentation_loss_backward(Cuda& cuda, View4<const T> logits, const std::uint8_t* labels, const double* class_weights,
                                const double* state, const Precise<T>* dloss, View4<T> dlogits, const SegmentationLossParams& p) {
  const Loss<T> l(logits, labels, class_weights, p);
  with_logits_at_once<T>(
      [&](auto n) {
        launch<segmentation_loss_gradient_kernel<T, decltype(n)::value>>(cuda, l.blocks(), kThreads, l.shared_bytes(), l,
                                                                         state_layout(logits.n, logits.c, p), state, dloss, dlogits);
      },
      logits, dlogits);
}

LAMINA_INSTANTIATE(&segmentation_loss_forward<float>, &segmentation_loss_forward<BFloat16>, &segmentation_loss_backward<float>,
                   &segmentation_loss_backward<BFloat16>)

}  // namespace lamina::kernels::cuda
