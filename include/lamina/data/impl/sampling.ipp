// Photographs and masks through a transform, or at another size.
#include <algorithm>
#include <cmath>

#include "lamina/core/names.hpp"
#include "lamina/data/augment.hpp"

namespace lamina::data {
namespace {

constexpr std::string_view kResizeNames[] = {"stretch", "crop", "pad"};

bool moves_whole_pixels(const AffineMap& f) {
  return std::abs(f.xx) == 1 && std::abs(f.yy) == 1 && f.xy == 0 && f.yx == 0 && f.x == std::floor(f.x) && f.y == std::floor(f.y);
}

/// Samples of 0..255 to the network's range, by channel.
struct Scales {
  float scale[kMostChannels], offset[kMostChannels];
  explicit Scales(const Normalization& n) {
    for (int c = 0; c < n.channels; ++c) {
      const auto k = static_cast<std::size_t>(c);
      const double mean = n.mean.empty() ? 0.5 : n.mean[k], sd = n.sd.empty() ? 0.5 : n.sd[k];
      scale[c] = static_cast<float>(1 / (255 * sd));
      offset[c] = static_cast<float>(-mean / sd);
    }
  }
  float operator()(float v, int c) const { return v * scale[c] + offset[c]; }
};

/// The channels of a pixel (0..255) after the color map, normalised.
struct PixelWriter {
  const ColorMap& color;
  const Scales& scales;
  int channels;
  void operator()(const float* in, float* out) const {
    for (int c = 0; c < channels; ++c) {
      float v = in[c];
      if (!color.identity) {
        // Other channels than RGB are made brighter and of more contrast alike.
        v = channels == 3 ? color.matrix[c][0] * in[0] + color.matrix[c][1] * in[1] + color.matrix[c][2] * in[2] + color.offset[c]
                          : color.matrix[0][0] * v + color.offset[0];
        v = v < 0 ? 0 : v > 255 ? 255 : v;
      }
      out[c] = scales(v, c);
    }
  }
};

/// A photograph as samples of 0..255 at its pixels. kChannels 0: as many as it has.
template <class T, int kChannels>
struct Source {
  const ImageView& image;
  float to_255 = static_cast<float>(255.0 / image.max_value);
  int channels() const { return kChannels ? kChannels : image.channels; }
  const T* at(std::int64_t x, std::int64_t y) const {
    return reinterpret_cast<const T*>(image.at(static_cast<int>(x), static_cast<int>(y)));
  }
  float value(T v) const { return sizeof(T) == 1 ? static_cast<float>(v) : static_cast<float>(v) * to_255; }
};

/// One row of a map that only mirrors and moves by whole pixels: columns [begin, end) exist, the first of them is pixel (x, y) of the
/// source.
struct WholeRow {
  int x, y, step, begin, end;
  WholeRow(const AffineMap& f, int row, int width, int source_width, int source_height)
      : x(static_cast<int>(std::floor(f.xx * 0.5 + f.x))),
        y(static_cast<int>(std::floor(f.yy * (row + 0.5) + f.y))),
        step(f.xx > 0 ? 1 : -1) {
    const int first = step > 0 ? -x : x - source_width + 1, last = step > 0 ? source_width - x : x + 1;
    const bool exists = y >= 0 && y < source_height;
    begin = exists ? std::clamp(first, 0, width) : width;
    end = exists ? std::clamp(last, begin, width) : width;
    x += step * begin;
  }
};

/// The columns [begin, end) of a row whose points are inside the source; what lies between two of them is, too.
struct InsideColumns {
  int begin = 0, end;
  InsideColumns(const WarpRow& row, int width, int source_width, int source_height) : end(width) {
    narrow(row.xx, row.x, source_width), narrow(row.yx, row.y, source_height);
    const auto outside = [&](int j) { return !row.point(j, source_height, source_width).inside; };
    while (begin < end && outside(begin)) ++begin;
    while (begin < end && outside(end - 1)) --end;
  }

 private:
  /// To where 0 <= step * (j + 0.5) + first < extent, or a column more on either side.
  void narrow(double step, double first, int extent) {
    if (step == 0) return;
    const double a = -first / step - 0.5, b = (extent - first) / step - 0.5, least = std::min(a, b) - 1, most = std::max(a, b) + 2;
    begin = least < begin ? begin : least < end ? static_cast<int>(least) : end;
    end = most > end ? end : most > begin ? static_cast<int>(most) : begin;
  }
};

/// One row of such a map without a change of color.
template <class T, int kChannels>
void copy_row(const Source<T, kChannels>& source, const AffineMap& f, const float* outside, const Scales& scales, int channels, int row,
              int width, float* out) {
  const WholeRow r(f, row, width, source.image.width, source.image.height);
  for (int column = 0; column < r.begin; ++column) std::copy_n(outside, channels, out + channels * column);
  for (int column = r.end; column < width; ++column) std::copy_n(outside, channels, out + channels * column);
  if (r.begin == r.end) return;
  const T* from = source.at(r.x, r.y);
  float* to = out + channels * r.begin;
  const int given = source.channels();
  for (int column = r.begin; column < r.end; ++column, from += r.step * given, to += channels)
    for (int c = 0; c < (kChannels ? 3 : channels); ++c) to[c] = scales(source.value(from[kChannels == 1 ? 0 : c]), c);
}

/// kChannels 1 and 3 make three channels, 0 as many as the photograph has.
template <class T, int kChannels>
void sample_photo(const ImageView& image, const Transform& t, const Border& border, int width, int height, float* out,
                  const Scales& scales) {
  const Source<T, kChannels> source{image};
  const int given = source.channels(), channels = kChannels ? 3 : given;
  const PixelWriter write{t.color, scales, channels};
  const bool exact = moves_whole_pixels(t.geometry);
  float outside[kMostChannels];
  for (int c = 0; c < channels; ++c) outside[c] = scales(border.image[channels == 3 ? static_cast<std::size_t>(c) : 0], c);
  for (int row = 0; row < height; ++row) {
    if (exact && t.color.identity) {
      copy_row(source, t.geometry, outside, scales, channels, row, width, out);
      out += channels * width;
      continue;
    }
    const WarpRow points(t.geometry, row);
    const InsideColumns inside(points, width, image.width, image.height);
    for (int column = 0; column < width; ++column, out += channels) {
      if (column < inside.begin || column >= inside.end) {
        std::copy_n(outside, channels, out);
        continue;
      }
      const WarpPoint at = points.point_inside(column);
      float mixed[kMostChannels];
      if (exact) {
        const T* p = source.at(at.column, at.row);
        for (int c = 0; c < given; ++c) mixed[c] = source.value(p[c]);
      } else {
        const WarpSquare s = warp_square(at, image.height, image.width);
        const T *top = source.at(0, s.top), *bottom = source.at(0, s.bottom);
        const std::int64_t left = s.left * given, right = s.right * given;
        const T *aa = top + left, *ba = top + right, *ab = bottom + left, *bb = bottom + right;
        for (int c = 0; c < given; ++c)
          mixed[c] = s.between(source.value(aa[c]), source.value(ba[c]), source.value(ab[c]), source.value(bb[c]));
      }
      if (kChannels == 1) mixed[1] = mixed[2] = mixed[0];
      write(mixed, out);
    }
  }
}

template <class T>
void sample_any(const ImageView& image, const Transform& t, const Border& border, int width, int height, float* out,
                const Normalization& n) {
  const Scales scales(n);
  if (n.channels == 3 && image.channels == 1) return sample_photo<T, 1>(image, t, border, width, height, out, scales);
  if (n.channels == 3 && image.channels == 3) return sample_photo<T, 3>(image, t, border, width, height, out, scales);
  require<DataError>(image.channels == n.channels, "sampling: an image of ", image.channels, " channels for ", n.channels);
  sample_photo<T, 0>(image, t, border, width, height, out, scales);
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
  require_valid("sampling", image);
  require<OptionError>(n.channels >= 1 && n.channels <= kMostChannels && (n.mean.empty() || std::ssize(n.mean) == n.channels) &&
                           n.sd.size() == n.mean.size(),
                       "a normalization of ", n.channels, " channels has ", n.mean.size(), " means and ", n.sd.size(),
                       " standard deviations");
  (image.max_value > 255 ? sample_any<std::uint16_t> : sample_any<std::uint8_t>)(image, t, border, width, height, out, n);
}

void sample(const LabelImage& mask, const Transform& t, const Border& border, int width, int height, std::uint8_t* out) {
  require_valid("sampling", mask);
  const std::size_t values = mask.values();
  const bool exact = moves_whole_pixels(t.geometry);
  for (int row = 0; row < height; ++row) {
    if (exact) {
      const WholeRow r(t.geometry, row, width, mask.width, mask.height);
      out = std::fill_n(out, values * static_cast<std::size_t>(r.begin), border.label);
      for (int column = r.begin, x = r.x; column < r.end; ++column, x += r.step) out = std::copy_n(&mask.at(x, r.y), values, out);
      out = std::fill_n(out, values * static_cast<std::size_t>(width - r.end), border.label);
      continue;
    }
    const WarpRow points(t.geometry, row);
    const InsideColumns inside(points, width, mask.width, mask.height);
    out = std::fill_n(out, values * static_cast<std::size_t>(inside.begin), border.label);
    for (int column = inside.begin; column < inside.end; ++column) {
      const WarpPoint at = points.point_inside(column);
      const std::uint8_t* label = &mask.at(static_cast<int>(at.column), static_cast<int>(at.row));
      out = values == 1 ? (*out = *label, out + 1) : std::copy_n(label, values, out);
    }
    out = std::fill_n(out, values * static_cast<std::size_t>(width - inside.end), border.label);
  }
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
