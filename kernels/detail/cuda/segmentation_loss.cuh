// The segmentation loss on a tile of pixels in shared memory: its labels, its logits and what becomes of them.
#pragma once
#include "detail/cuda/resize.cuh"
#include "detail/shared/segmentation_loss.hpp"

namespace lamina::kernels::cuda::segmentation {

inline constexpr int kThreads = 256, kWarps = kThreads / kWarpSize;

/// Everything that the passes over the pixels share: images of labels, cut into tiles.
struct Loss {
  View4<const std::uint8_t> labels;
  LossWeights weights;
  SegmentationLossParams p;
  bool squares, shaped;
  float focal, sure, spread;               // target of the labelled class, 1 - smoothing; and smoothing / C, of every class
  int classes, team, tile_pixels, stride;  // `team` threads share a pixel, whose classes are `stride` floats from the next one's
  std::int64_t pixels, tiles, chunks;      // a sample

  Loss(std::int64_t logits_c, View4<const std::uint8_t> labels, const LossWeights& weights, const SegmentationLossParams& p)
      : labels(labels),
        weights(weights),
        p(p),
        squares(p.squares()),
        shaped(p.shaped()),
        focal(static_cast<float>(p.focal)),
        sure(static_cast<float>(1 - p.smoothing)),
        spread(static_cast<float>(p.smoothing) / static_cast<float>(p.activation == LossActivation::softmax ? logits_c : 2)),
        classes(static_cast<int>(logits_c)),
        team(1) {
    constexpr int kClassesPerThread = 32;
    constexpr std::int64_t kMostBlocks = 1024, kTilesPerBlock = 2;
    while (team * kClassesPerThread < classes) team *= 2;
    tile_pixels = kThreads / team;
    stride = classes | 1;  // odd: threads at the same class of neighbouring pixels meet different banks
    pixels = labels.h * labels.w;
    tiles = (pixels + tile_pixels - 1) / tile_pixels;
    const std::int64_t most = labels.n < kMostBlocks ? kMostBlocks / (labels.n > 0 ? labels.n : 1) : 1;
    chunks = (tiles + kTilesPerBlock - 1) / kTilesPerBlock;
    if (chunks > most) chunks = most;
  }
  unsigned blocks() const { return static_cast<unsigned>(labels.n * chunks); }
  std::size_t shared_bytes() const {
    return kWarps * sizeof(double) + static_cast<std::size_t>(tile_size() + tile_pixels + 5 * classes) * 4;
  }
  /// Floats of a tile, or of the sums that take its place.
  LAMINA_HD int tile_size() const {
    constexpr int kSums = 4 * kThreads * static_cast<int>(sizeof(double) / sizeof(float));
    return tile_pixels * stride > kSums ? tile_pixels * stride : kSums;
  }
};

/// A rectangle of an image's pixels.
struct Region {
  int top, left, height, width;
};

/// One block's share of the work, and its shared memory: a region of one sample's labels, or some of its tiles. Tiles are cut from the
/// region's pixels in their order.
struct Block {
  const Loss& l;
  double* warps;                              // for block_sum
  float* tile;                                // (tile_pixels, stride); afterwards the class_sums
  int* label;                                 // (tile_pixels): -1 where ignored
  float *weight, *positive, *a, *b, *q;       // (classes)
  std::int64_t sample, first, width, pixels;  // first: index of the region's first pixel in the batch
  std::int64_t first_tile, last_tile;

  __device__ Block(const Loss& l, double* shared, std::int64_t sample, const Region& region)
      : l(l),
        warps(shared),
        tile(reinterpret_cast<float*>(shared + kWarps)),
        label(reinterpret_cast<int*>(tile + l.tile_size())),
        weight(reinterpret_cast<float*>(label + l.tile_pixels)),
        positive(weight + l.classes),
        a(positive + l.classes),
        b(a + l.classes),
        q(b + l.classes),
        sample(sample),
        first((sample * l.labels.h + region.top) * l.labels.w + region.left),
        width(region.width),
        pixels(std::int64_t{region.height} * region.width),
        first_tile(0),
        last_tile((pixels + l.tile_pixels - 1) / l.tile_pixels) {
    for (int c = thread(); c < l.classes; c += kThreads) {
      weight[c] = l.weights.classes ? static_cast<float>(l.weights.classes[c]) : 1;
      positive[c] = l.weights.positives ? static_cast<float>(l.weights.positives[c]) : 1;
    }
  }
  /// Chunk blockIdx.x of the samples' tiles.
  __device__ Block(const Loss& l, double* shared)
      : Block(l, shared, blockIdx.x / l.chunks, {0, 0, static_cast<int>(l.labels.h), static_cast<int>(l.labels.w)}) {
    const std::int64_t chunk = blockIdx.x % l.chunks;
    first_tile = l.tiles * chunk / l.chunks;
    last_tile = l.tiles * (chunk + 1) / l.chunks;
  }
  __device__ double* class_sums() const { return reinterpret_cast<double*>(tile); }  // (4, stripes, classes)
  __device__ static int thread() { return static_cast<int>(threadIdx.x); }
  __device__ bool softmax() const { return l.p.activation == LossActivation::softmax; }
  /// Index in the batch of pixel i of tile t.
  __device__ std::int64_t index(std::int64_t t, int i) const {
    const std::int64_t at = t * l.tile_pixels + i;
    return first + (width == l.labels.w ? at : at / width * l.labels.w + at % width);
  }
  __device__ int pixels_of(std::int64_t t) const {
    const std::int64_t left = pixels - t * l.tile_pixels;
    return static_cast<int>(left < l.tile_pixels ? left : l.tile_pixels);
  }
  /// How often pixel i of tile t counts.
  __device__ float times(std::int64_t t, int i) const { return l.weights.pixels ? l.weights.pixels[index(t, i)] : 1; }
  /// A number below every 1 - p that matters.
  static constexpr float kLeast = 1e-30f;
  /// The cross-entropy of a shaped loss of plane c's logit z, with e = exp(-|z|), its probability and its label: value and slope against z.
  __device__ ShapedEntropy<float> shaped_plane(float z, float e, float prob, float target, int c) const {
    const float log_no = -((z > 0 ? z : 0) + ::log1pf(e)), log_yes = z + log_no, yes = target * l.sure + l.spread;
    const auto of_yes = shaped_entropy(prob, log_yes, l.focal, kLeast), of_no = shaped_entropy(1 - prob, log_no, l.focal, kLeast);
    const float often = positive[c] * yes;
    return {often * of_yes.value + (1 - yes) * of_no.value, often * (1 - prob) * of_yes.slope - (1 - yes) * prob * of_no.slope};
  }
  /// The label at `index`, -1 where it is ignored; `bad` (unless null) becomes the least index of one that is no class below `limit`.
  __device__ int label_at(std::int64_t index, int limit, unsigned long long* bad) const {
    const int value = l.labels.data[index];
    if (value == l.p.ignore_label) return -1;
    if (bad && value >= limit) atomicMin(bad, static_cast<unsigned long long>(index));
    return value;
  }
  /// Logits to `tile`, labels of pixels to `label`.
  template <class Logits>
  __device__ void load_tile(const Logits& logits, std::int64_t t, unsigned long long* bad) const {
    __syncthreads();  // the last tile may still be read
    logits.load(*this, t);
    if (softmax())
      for (int i = thread(); i < l.tile_pixels; i += kThreads) label[i] = i < pixels_of(t) ? label_at(index(t, i), l.classes, bad) : -1;
    __syncthreads();
  }

  // A pixel's team.
  __device__ int rank() const { return thread() % l.team; }
  __device__ int pixel() const { return thread() / l.team; }
  /// The team's pixel becomes exp(z - max), of a shaped loss z - max; returns the sum of the first. `own` becomes z - max of the label in
  /// the thread that has it.
  __device__ float exponentials(float& own) const {
    float *z = tile + pixel() * l.stride, top = -__builtin_inff(), sum = 0;
    for (int c = rank(); c < l.classes; c += l.team) top = z[c] > top ? z[c] : top;
    for (int lanes = l.team / 2; lanes > 0; lanes /= 2) {
      const float other = __shfl_xor_sync(kFullMask, top, lanes);
      top = other > top ? other : top;
    }
    for (int c = rank(); c < l.classes; c += l.team) {
      if (c == label[pixel()]) own = z[c] - top;
      z[c] -= top;
      const float e = ::expf(z[c]);
      if (!l.shaped) z[c] = e;
      sum += e;
    }
    return team_sum(sum, l.team);
  }
  /// The shaped cross-entropy of class c of a pixel labelled `mine`, from log p, times its targets and weights.
  __device__ ShapedEntropy<float> shaped_class(int c, int mine, float log_p) const {
    const auto of = shaped_entropy(::expf(log_p), log_p, l.focal, kLeast);
    const float factor = weight[c] * ((c == mine ? l.sure : 0) + l.spread);
    return {factor * of.value, factor * of.slope};
  }

  /// f(place in the tile, class, tile element) for the tile's elements, each thread at one class.
  template <class F>
  __device__ void for_class(std::int64_t t, F f) const {
    const int stripes = kThreads / l.classes, c = thread() % l.classes, count = pixels_of(t);
    if (thread() < stripes * l.classes)
      for (int i = thread() / l.classes; i < count; i += stripes) f(i, c, tile[i * l.stride + c]);
  }

  /// The slopes a, b and q of d(loss)/dp; returns d(loss)/d(weighted cross-entropy sum).
  __device__ float load_slopes(const SegmentationLossState& layout, const double* state, const float* dloss) const {
    const double upstream = static_cast<double>(*dloss);
    const std::int64_t group = layout.groups > 1 ? sample : 0;
    for (int c = thread(); c < l.classes; c += kThreads) {
      a[c] = static_cast<float>(upstream * state[layout.a() + group * l.classes + c]);
      b[c] = static_cast<float>(upstream * state[layout.b() + group * l.classes + c]);
      q[c] = static_cast<float>(upstream * state[layout.q() + group * l.classes + c]);
    }
    return static_cast<float>(upstream * state[SegmentationLossState::kCeScale]);
  }
  /// The tile's logits become their gradient.
  __device__ void differentiate(std::int64_t t, float scale) const {
    if (softmax()) {
      float unused, mean = 0, total = 0;  // mean: of the slopes under p; total: of the shaped cross-entropies' slopes, each times its p
      const int mine = label[pixel()];
      const float sum = exponentials(unused), inverse = 1 / sum, log_sum = l.shaped ? ::logf(sum) : 0,
                  w = mine < 0 ? 0 : scale * weight[mine];
      float* z = tile + pixel() * l.stride;  // becomes p, of a shaped loss log p
      const auto prob = [&](int c) { return l.shaped ? ::expf(z[c]) : z[c]; };
      const auto slope = [&](int c) { return b[c] + (c == mine ? a[c] : 0) + (l.squares ? q[c] * prob(c) : 0); };
      for (int c = rank(); c < l.classes; c += l.team) {
        z[c] = l.shaped ? z[c] - log_sum : z[c] * inverse;
        mean += prob(c) * slope(c);
        if (l.shaped) total += shaped_class(c, mine, z[c]).slope;
      }
      mean = team_sum(mean, l.team);
      if (l.shaped) total = team_sum(total, l.team);
      const float m = l.weights.pixels && mine >= 0 ? times(t, pixel()) : 1;
      for (int c = rank(); c < l.classes; c += l.team) {
        const float p = prob(c);
        const float entropy = l.shaped ? scale * (shaped_class(c, mine, z[c]).slope - p * total) : w * (p - (c == mine ? 1.f : 0.f));
        z[c] = mine < 0 ? 0 : m * (p * (slope(c) - mean) + entropy);
      }
    } else {
      for_class(t, [&](int i, int c, float z) {
        const int target = label_at(index(t, i) * l.classes + c, 2, nullptr);
        const float e = ::expf(z > 0 ? -z : z), d = 1 + e, prob = (z > 0 ? 1 : e) / d;
        const float slope = b[c] + (target ? a[c] : 0) + (l.squares ? q[c] * prob : 0), t01 = target ? 1.f : 0.f;
        const float entropy = l.shaped ? shaped_plane(z, e, prob, t01, c).slope : (target ? positive[c] : 1) * (prob - t01);
        tile[i * l.stride + c] = target < 0 ? 0 : times(t, i) * (e / (d * d) * slope + scale * weight[c] * entropy);  // e / d^2 = p (1 - p)
      });
    }
    __syncthreads();
  }
};

/// Logits of every label, or the gradient of them; N are loaded and stored at once.
template <class T, int N>
struct StoredLogits {
  View4<T> at;

  __device__ void load(const Block& block, std::int64_t t) const {
    for_packs(block, t, [&](T* from, int pixel, int c) {
      const auto v = cuda::load<N>(from);
#pragma unroll
      for (int i = 0; i < N; ++i) element(block, pixel, c) = v.v[i];
    });
  }
  __device__ void store(const Block& block, std::int64_t t) const {
    for_packs(block, t, [&](T* to, int pixel, int c) {
      Pack<float, N> v;
#pragma unroll
      for (int i = 0; i < N; ++i) v.v[i] = element(block, pixel, c);
      cuda::store<N>(to, v);
    });
  }

 private:
  /// f(pointer to N, place in the tile, class) for the tile's elements in their order.
  template <class F>
  __device__ void for_packs(const Block& block, std::int64_t t, F f) const {
    const std::int64_t first = block.index(t, 0);
    for (int e = Block::thread() * N; e < block.pixels_of(t) * block.l.classes; e += kThreads * N) {
      const int pixel = e / block.l.classes, c = e % block.l.classes;
      f(at.data + (first + pixel) * at.ld + c, pixel, c);
    }
  }
  /// The tile's element; moves on to the next one.
  __device__ static float& element(const Block& block, int& pixel, int& c) {
    float& z = block.tile[pixel * block.l.stride + c];
    if (++c == block.l.classes) c = 0, ++pixel;
    return z;
  }
};

/// Logits of fewer pixels than there are labels, to be interpolated.
template <class T>
struct UpsampledLogits {
  View4<const T> small;
  BilinearAxis rows, cols;

  UpsampledLogits(Cuda& cuda, Workspace& workspace, View4<const T> small, const Loss& l)
      : small(small),
        rows(bilinear_axis(cuda, workspace, small.h, l.labels.h, l.p.upsample)),
        cols(bilinear_axis(cuda, workspace, small.w, l.labels.w, l.p.upsample)) {}

  __device__ void load(const Block& block, std::int64_t t) const {
    const int i = block.pixel();
    if (i >= block.pixels_of(t)) return;
    const std::int64_t at = block.index(t, i) - block.sample * block.l.pixels, width = block.l.labels.w;
    const BilinearAxis::Tap v = rows.taps[at / width], u = cols.taps[at % width];
    for (int c = block.rank(); c < block.l.classes; c += block.l.team)
      block.tile[i * block.l.stride + c] = bilinear_sample<1>(small, block.sample, v, u, c).v[0];
  }
  /// The labels that read some pixel of a rectangle of the small logits.
  __device__ Region readers(const Region& r) const {
    const int top = rows.readers[r.top].first, left = cols.readers[r.left].first;
    return {top, left, rows.readers[r.top + r.height - 1].last - top, cols.readers[r.left + r.width - 1].last - left};
  }
  /// What tile t, gradients of pixels of `region`, adds to the gradient of small pixel (h, w).
  __device__ float gathered(const Block& block, const Region& region, std::int64_t t, int h, int w, int c) const {
    const std::int64_t begin = t * block.l.tile_pixels;
    const int top = region.top + static_cast<int>(begin / region.width), skipped = static_cast<int>(begin % region.width);
    const int count = block.pixels_of(t), bottom = top + (skipped + count - 1) / region.width + 1;
    const BilinearAxis::Readers v = rows.readers[h], u = cols.readers[w];
    float sum = 0;
    for (int i = v.first > top ? v.first : top; i < v.last && i < bottom; ++i) {
      const int start = (i - top) * region.width - skipped - region.left;  // the place in the tile that column 0 of row i would have
      float line = 0;
      for (int j = u.first > -start ? u.first : -start; j < u.last && j < count - start; ++j)
        line += cols.share(j, w) * block.tile[(start + j) * block.l.stride + c];
      sum += rows.share(i, h) * line;
    }
    return sum;
  }
};

/// How blocks share the pixels of the small logits: rectangles, whose readers are some tiles of labels whatever the factor. By shape alone.
struct GatherPlan {
  int h, w, side_h, side_w, down, across;

  GatherPlan(std::int64_t h, std::int64_t w, const Loss& l)
      : h(static_cast<int>(h)),
        w(static_cast<int>(w)),
        side_h(side(h, l.labels.h, l)),
        side_w(side(w, l.labels.w, l)),
        down((this->h + side_h - 1) / side_h),
        across((this->w + side_w - 1) / side_w) {}
  static int side(std::int64_t small, std::int64_t large, const Loss& l) {
    constexpr std::int64_t kReaders = 32;  // along an axis, apart from those that a neighbour reads too
    const std::int64_t most = l.tile_pixels < 64 ? 4 : 8, side = kReaders * small / large;
    return static_cast<int>(side < 1 ? 1 : side < most ? side : most);
  }
  __device__ Region rectangle(int block) const {
    const int top = block / across * side_h, left = block % across * side_w;
    return {top, left, h - top < side_h ? h - top : side_h, w - left < side_w ? w - left : side_w};
  }
};

}  // namespace lamina::kernels::cuda::segmentation
