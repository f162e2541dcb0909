// Photographs and masks through a transform, or at another size.
#include <algorithm>
#include <cmath>

#include "lamina/core/dispatch.hpp"
#include "lamina/core/names.hpp"
#include "lamina/data/augment.hpp"
#include "lamina/kernels/warp.hpp"

namespace lamina::data {
namespace {

constexpr std::string_view kResizeNames[] = {"stretch", "crop", "pad"};

/// Samples of 0..255 to the network's range, by channel.
struct Scales {
  float scale[kMostChannels], offset[kMostChannels];
  explicit Scales(const Normalization& n) {
    require<OptionError>(n.channels >= 1 && n.channels <= kMostChannels && (n.mean.empty() || std::ssize(n.mean) == n.channels) &&
                             n.sd.size() == n.mean.size(),
                         "a normalization of ", n.channels, " channels has ", n.mean.size(), " means and ", n.sd.size(),
                         " standard deviations");
    for (int c = 0; c < n.channels; ++c) {
      const auto k = static_cast<std::size_t>(c);
      const double mean = n.mean.empty() ? 0.5 : n.mean[k], sd = n.sd.empty() ? 0.5 : n.sd[k];
      scale[c] = static_cast<float>(1 / (255 * sd));
      offset[c] = static_cast<float>(-mean / sd);
    }
  }
};

WarpBorder warp_border(const Border& b) { return {{b.image[0], b.image[1], b.image[2]}, b.label}; }

WarpSource source_of(const ImageView& image, const Transform& t, int channels) {
  require_valid("sampling", image);
  require<DataError>(has_channels(image, channels), "sampling: an image of ", image.channels, " channels for ", channels);
  return {.pixels = image.pixels,
          .height = image.height,
          .width = image.width,
          .channels = image.channels,
          .row_bytes = image.row_bytes,
          .sample_bytes = static_cast<int>(image.sample_bytes()),
          .to_255 = static_cast<float>(255.0 / image.max_value),
          .map = t.geometry,
          .color = t.color};
}

WarpSource source_of(const LabelImage& mask, const Transform& t) {
  require_valid("sampling", mask);
  return {.labels = mask.labels.data(), .height = mask.height, .width = mask.width, .map = t.geometry};
}

/// Weights of a triangle filter for each of `to` positions over `from` samples, antialiased when reducing.
class TriangleFilter {
 public:
  struct Taps {
    int begin;
    std::vector<float> weights;
  };
  TriangleFilter(int from, int to) {
    const double ratio = static_cast<double>(from) / to, width = std::max(1.0, ratio);
    for (int i = 0; i < to; ++i) {
      const double center = (i + 0.5) * ratio;
      const int begin = std::max(0, static_cast<int>(center - width + 0.5)), end = std::min(from, static_cast<int>(center + width + 0.5));
      Taps taps{begin, {}};
      double sum = 0;
      for (int x = begin; x < end; ++x) {
        const double w = std::max(0.0, 1 - std::abs((x + 0.5 - center) / width));
        taps.weights.push_back(static_cast<float>(w));
        sum += w;
      }
      for (float& w : taps.weights) w = static_cast<float>(w / sum);
      taps_.push_back(std::move(taps));
    }
  }
  const Taps& operator[](int i) const { return taps_[static_cast<std::size_t>(i)]; }

 private:
  std::vector<Taps> taps_;
};

void require_size(int width, int height) {
  require<OptionError>(width > 0 && height > 0, "an image cannot be resized to ", width, "x", height);
}

}  // namespace

const char* name_of(Resize mode) { return kResizeNames[static_cast<int>(mode)].data(); }

Resize resize_named(std::string_view name) {
  for (int i = 0; i < 3; ++i)
    if (name == kResizeNames[i]) return static_cast<Resize>(i);
  throw_unknown_name("resize mode", name, kResizeNames);
}

void sample(const ImageView& image, const Transform& t, const Border& border, int width, int height, float* out, const Normalization& n) {
  const Scales scales(n);
  const WarpSource source = source_of(image, t, n.channels);
  ThreadPool alone(1);
  Cpu cpu{&alone, current_cpu().isa};
  kernels::warp<float>(cpu, &source, warp_border(border), scales.scale, scales.offset,
                       View4<float>{out, 1, height, width, n.channels, n.channels}, nullptr, 0);
}

void sample(const LabelImage& mask, const Transform& t, const Border& border, int width, int height, std::uint8_t* out) {
  const WarpSource source = source_of(mask, t);
  ThreadPool alone(1);
  Cpu cpu{&alone, current_cpu().isa};
  kernels::warp<float>(cpu, &source, warp_border(border), nullptr, nullptr, View4<float>{nullptr, 1, height, width, 0, 0}, out,
                       static_cast<std::int64_t>(mask.values()));
}

void sample(const Image& photograph, const LabelImage* mask, const Transform& t, const Border& border, const Tensor& image,
            const Tensor& labels, const Normalization& n) {
  const Scales scales(n);
  WarpSource source = source_of(photograph, t, n.channels);
  require<DeviceError>(image.dtype() == DType::f32, "sampling: the image must be f32, got ", name_of(image.dtype()));
  require(image.rank() == 4 && image.size(0) == 1 && image.size(3) == n.channels, "sampling: the image must be (1, H, W, ", n.channels,
          "), got ", image.shape());
  require(!labels || labels.shape() == image.shape().with(-1, static_cast<std::int64_t>(mask ? mask->values() : 0)), "sampling: labels ",
          labels ? labels.shape() : Shape{}, " do not fit the image ", image.shape(), mask ? " and the mask" : ": there is no mask");
  std::vector<Tensor> copies;
  const auto there = [&]<class T>(const T* values, std::size_t count) {
    if (image.device().is_cpu()) return values;
    copies.push_back(Tensor::from(std::span(values, count), {static_cast<std::int64_t>(count)}, image.device()));
    return static_cast<const T*>(copies.back().data<const T>());
  };
  source.pixels = there(photograph.pixels.data(), photograph.pixels.size());
  if (labels) {
    source.labels = there(source_of(*mask, t).labels, mask->labels.size());
    require<DataError>(mask->width == photograph.width && mask->height == photograph.height, "sampling: a mask of ", mask->width, "x",
                       mask->height, " beside an image of ", photograph.width, "x", photograph.height);
  }
  const auto channels = static_cast<std::size_t>(n.channels);
  const float *scale = there(scales.scale, channels), *offset = there(scales.offset, channels);
  dispatch(image, [&]<class T>(auto& device) {
    if constexpr (std::is_same_v<T, float>)
      kernels::warp<T>(device, &source, warp_border(border), scale, offset, image.view4<T>(),
                       labels ? labels.data<std::uint8_t>() : nullptr, labels ? labels.size(3) : 0);
  });
}

namespace {
template <class T>
Image resized_as(const ImageView& image, int width, int height) {
  const TriangleFilter across(image.width, width), down(image.height, height);
  const int n = image.channels;
  std::vector<float> rows(static_cast<std::size_t>(image.height) * static_cast<std::size_t>(width * n));
  float* to = rows.data();
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < width; ++x, to += n) {
      const auto& taps = across[x];
      const T* from = reinterpret_cast<const T*>(image.at(taps.begin, y));
      float sum[kMostChannels] = {};
      for (const float w : taps.weights)
        for (int c = 0; c < n; ++c) sum[c] += w * static_cast<float>(*from++);
      std::copy_n(sum, n, to);
    }
  Image out = blank_like(image, width, height);
  const std::size_t row_size = static_cast<std::size_t>(width * n);
  std::vector<float> sums(row_size);
  for (int y = 0; y < height; ++y) {
    const auto& taps = down[y];
    std::fill(sums.begin(), sums.end(), 0.5f);
    for (std::size_t k = 0; k < taps.weights.size(); ++k) {
      const float* from = rows.data() + (static_cast<std::size_t>(taps.begin) + k) * row_size;
      for (std::size_t i = 0; i < row_size; ++i) sums[i] += taps.weights[k] * from[i];
    }
    T* row = reinterpret_cast<T*>(out.at(0, y));
    for (std::size_t i = 0; i < row_size; ++i) row[i] = static_cast<T>(std::clamp(sums[i], 0.0f, static_cast<float>(image.max_value)));
  }
  return out;
}
}  // namespace

Image resized(const ImageView& image, int width, int height) {
  require_size(width, height);
  require_valid("resizing", image);
  if (width == image.width && height == image.height) return image.copy();
  return (image.max_value > 255 ? resized_as<std::uint16_t> : resized_as<std::uint8_t>)(image, width, height);
}

LabelImage resized(const LabelImage& mask, int width, int height) {
  require_size(width, height);
  require_valid("resizing", mask);
  LabelImage out(width, height, 0, mask.planes);
  const auto source = [](int i, int from, int to) { return static_cast<int>((2 * std::int64_t{i} + 1) * from / (2 * std::int64_t{to})); };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      std::copy_n(&mask.at(source(x, mask.width, width), source(y, mask.height, height)), mask.values(), &out.at(x, y));
  return out;
}

std::pair<int, int> fit_inside(int source_width, int source_height, int width, int height) {
  const double scale = std::min(static_cast<double>(width) / source_width, static_cast<double>(height) / source_height);
  const auto scaled = [&](int size, int most) { return std::clamp(static_cast<int>(std::lround(size * scale)), 1, most); };
  return {scaled(source_width, width), scaled(source_height, height)};
}

Image fitted(const ImageView& image, int width, int height, Resize mode, const Border& border) {
  if (mode == Resize::crop) return image.copy();
  if (mode == Resize::stretch) return resized(image, width, height);
  const auto [w, h] = fit_inside(image.width, image.height, width, height);
  const Image inner = resized(image, w, h);
  Image out = blank_like(image, width, height);
  const auto n = static_cast<std::size_t>(image.channels);
  for (std::size_t i = 0; i < out.samples(); ++i) out.set_sample(i, border.image[n == 3 ? i % n : 0] * (image.max_value / 255));
  for (int y = 0; y < h; ++y)
    std::copy_n(inner.at(0, y), static_cast<std::size_t>(w) * n * image.sample_bytes(), out.at((width - w) / 2, (height - h) / 2 + y));
  return out;
}

LabelImage fitted(const LabelImage& mask, int width, int height, Resize mode, const Border& border) {
  if (mode == Resize::crop) return mask;
  if (mode == Resize::stretch) return resized(mask, width, height);
  const auto [w, h] = fit_inside(mask.width, mask.height, width, height);
  const LabelImage inner = resized(mask, w, h);
  LabelImage out(width, height, border.label, mask.planes);
  for (int y = 0; y < h; ++y)
    std::copy_n(&inner.at(0, y), static_cast<std::size_t>(w) * mask.values(), &out.at((width - w) / 2, (height - h) / 2 + y));
  return out;
}

}  // namespace lamina::data
