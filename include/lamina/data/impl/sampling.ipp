// Photographs and masks through a transform, or at another size.
#include <algorithm>
#include <cmath>

#include "lamina/core/names.hpp"
#include "lamina/data/augment.hpp"

namespace lamina::data {
namespace {

constexpr std::string_view kResizeNames[] = {"stretch", "crop", "pad"};

/// Source coordinates along one destination row, as fixed-point numbers with 20 fractional bits.
struct RowWalk {
  static constexpr int kBits = 20;
  static constexpr double kOne = 1 << kBits;
  std::int64_t x, y, step_x, step_y;

  RowWalk(const Affine& f, int row)
      : x(fixed(f.xx * 0.5 + f.xy * (row + 0.5) + f.x)),
        y(fixed(f.yx * 0.5 + f.yy * (row + 0.5) + f.y)),
        step_x(fixed(f.xx)),
        step_y(fixed(f.yx)) {}
  static std::int64_t fixed(double v) { return static_cast<std::int64_t>(std::floor(v * kOne + 0.5)); }
  void advance() {
    x += step_x;
    y += step_y;
  }
  /// The source pixel that the point lies in; whether it exists.
  bool nearest(int width, int height, int& px, int& py) const {
    const std::int64_t ix = x >> kBits, iy = y >> kBits;
    px = static_cast<int>(ix);
    py = static_cast<int>(iy);
    return ix >= 0 && ix < width && iy >= 0 && iy < height;
  }
};

bool moves_whole_pixels(const Affine& f) {
  return std::abs(f.xx) == 1 && std::abs(f.yy) == 1 && f.xy == 0 && f.yx == 0 && f.x == std::floor(f.x) && f.y == std::floor(f.y);
}

/// Samples 0..255 to the network's range.
float normalised(float v) { return v * (2.0f / 255.0f) - 1.0f; }

/// The three samples of a pixel after the color map, in the network's range.
struct PixelWriter {
  const ColorMap& color;
  void operator()(float r, float g, float b, float* out) const {
    const float in[3] = {r, g, b};
    for (int c = 0; c < 3; ++c) {
      float v = in[c];
      if (!color.identity) {
        v = color.matrix[c][0] * r + color.matrix[c][1] * g + color.matrix[c][2] * b + color.offset[c];
        v = v < 0 ? 0 : v > 255 ? 255 : v;
      }
      out[c] = normalised(v);
    }
  }
};

/// One destination row of a map that only mirrors and moves by whole pixels, without a change of color.
template <int kChannels>
void copy_row(const Image& image, const Affine& f, const float (&outside)[3], int row, int width, float* out) {
  const double y = f.yy * (row + 0.5) + f.y, x = f.xx * 0.5 + f.x;
  const int py = static_cast<int>(std::floor(y)), px = static_cast<int>(std::floor(x)), step = f.xx > 0 ? 1 : -1;
  const bool exists = py >= 0 && py < image.height;
  // Columns whose source px + step * column is in [0, image.width).
  const int first = step > 0 ? -px : px - image.width + 1, last = step > 0 ? image.width - px : px + 1;
  const int begin = exists ? std::clamp(first, 0, width) : width, end = exists ? std::clamp(last, begin, width) : width;
  for (int column = 0; column < begin; ++column) std::copy_n(outside, 3, out + 3 * column);
  for (int column = end; column < width; ++column) std::copy_n(outside, 3, out + 3 * column);
  if (begin == end) return;
  const std::uint8_t* from = image.at(px + step * begin, py);
  float* to = out + 3 * begin;
  if (kChannels == 3 && step > 0) {
    for (int i = 0; i < 3 * (end - begin); ++i) to[i] = normalised(from[i]);
    return;
  }
  for (int column = begin; column < end; ++column, from += step * kChannels, to += 3)
    for (int c = 0; c < 3; ++c) to[c] = normalised(from[kChannels == 3 ? c : 0]);
}

template <int kChannels>
void sample_photo(const Image& image, const Transform& t, const Border& border, int width, int height, float* out) {
  const PixelWriter write{t.color};
  const bool exact = moves_whole_pixels(t.geometry);
  float outside[3];
  for (int c = 0; c < 3; ++c) outside[c] = normalised(border.image[static_cast<std::size_t>(c)]);
  constexpr std::int64_t kHalf = std::int64_t{1} << (RowWalk::kBits - 1), kMask = (std::int64_t{1} << RowWalk::kBits) - 1;
  constexpr int kGreen = kChannels == 3 ? 1 : 0, kBlue = kChannels == 3 ? 2 : 0;
  for (int row = 0; row < height; ++row) {
    if (exact && t.color.identity) {
      copy_row<kChannels>(image, t.geometry, outside, row, width, out);
      out += 3 * width;
      continue;
    }
    RowWalk walk(t.geometry, row);
    for (int column = 0; column < width; ++column, walk.advance(), out += 3) {
      int px, py;
      if (!walk.nearest(image.width, image.height, px, py)) {
        std::copy_n(outside, 3, out);
        continue;
      }
      if (exact) {
        const std::uint8_t* p = image.at(px, py);
        write(p[0], p[kGreen], p[kBlue], out);
        continue;
      }
      // The four pixels whose centers surround the point; beyond the edge, the edge itself.
      const std::int64_t left = walk.x - kHalf, top = walk.y - kHalf;
      const int x0 = static_cast<int>(left >> RowWalk::kBits), y0 = static_cast<int>(top >> RowWalk::kBits);
      const float u = static_cast<float>(left & kMask) * static_cast<float>(1 / RowWalk::kOne),
                  v = static_cast<float>(top & kMask) * static_cast<float>(1 / RowWalk::kOne);
      const int xa = std::max(x0, 0), xb = std::min(x0 + 1, image.width - 1), ya = std::max(y0, 0), yb = std::min(y0 + 1, image.height - 1);
      const std::uint8_t *aa = image.at(xa, ya), *ba = image.at(xb, ya), *ab = image.at(xa, yb), *bb = image.at(xb, yb);
      float mixed[kChannels];
      for (int c = 0; c < kChannels; ++c) {
        const float above = static_cast<float>(aa[c]) + u * static_cast<float>(ba[c] - aa[c]);
        const float below = static_cast<float>(ab[c]) + u * static_cast<float>(bb[c] - ab[c]);
        mixed[c] = above + v * (below - above);
      }
      write(mixed[0], mixed[kGreen], mixed[kBlue], out);
    }
  }
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
  throw OptionError(message("unknown resize mode '", std::string(name), "'; did you mean '", std::string(nearest_name(name, kResizeNames)),
                            "'? (stretch, crop, pad)"));
}

void sample(const Image& image, const Transform& t, const Border& border, int width, int height, float* out) {
  require_valid("sampling", image);
  (image.channels == 3 ? sample_photo<3> : sample_photo<1>)(image, t, border, width, height, out);
}

void sample(const LabelImage& mask, const Transform& t, const Border& border, int width, int height, std::uint8_t* out) {
  require_valid("sampling", mask);
  for (int row = 0; row < height; ++row) {
    RowWalk walk(t.geometry, row);
    for (int column = 0; column < width; ++column, walk.advance()) {
      int px, py;
      out = walk.nearest(mask.width, mask.height, px, py) ? std::copy_n(&mask.at(px, py), mask.values(), out)
                                                          : std::fill_n(out, mask.values(), border.label);
    }
  }
}

Image resized(const Image& image, int width, int height) {
  require_size(width, height);
  require_valid("resizing", image);
  if (width == image.width && height == image.height) return image;
  const TriangleFilter across(image.width, width), down(image.height, height);
  const int n = image.channels;
  std::vector<float> rows(static_cast<std::size_t>(image.height) * static_cast<std::size_t>(width * n));
  float* to = rows.data();
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < width; ++x, to += n) {
      const auto& taps = across[x];
      const std::uint8_t* from = image.at(taps.begin, y);
      float sum[3] = {0, 0, 0};
      for (const float w : taps.weights)
        for (int c = 0; c < n; ++c) sum[c] += w * static_cast<float>(*from++);
      std::copy_n(sum, n, to);
    }
  Image out(width, height, n);
  const std::size_t row_size = static_cast<std::size_t>(width * n);
  std::vector<float> sums(row_size);
  for (int y = 0; y < height; ++y) {
    const auto& taps = down[y];
    std::fill(sums.begin(), sums.end(), 0.5f);
    for (std::size_t k = 0; k < taps.weights.size(); ++k) {
      const float* from = rows.data() + (static_cast<std::size_t>(taps.begin) + k) * row_size;
      for (std::size_t i = 0; i < row_size; ++i) sums[i] += taps.weights[k] * from[i];
    }
    std::uint8_t* row = out.at(0, y);
    for (std::size_t i = 0; i < row_size; ++i) row[i] = static_cast<std::uint8_t>(std::clamp(sums[i], 0.0f, 255.0f));
  }
  return out;
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

Image fitted(const Image& image, int width, int height, Resize mode, const Border& border) {
  if (mode == Resize::crop) return image;
  if (mode == Resize::stretch) return resized(image, width, height);
  const auto [w, h] = fit_inside(image.width, image.height, width, height);
  const Image inner = resized(image, w, h);
  Image out(width, height, image.channels);
  for (std::size_t i = 0; i < out.pixels.size(); ++i) out.pixels[i] = border.image[i % static_cast<std::size_t>(image.channels)];
  for (int y = 0; y < h; ++y)
    std::copy_n(inner.at(0, y), static_cast<std::size_t>(w * image.channels), out.at((width - w) / 2, (height - h) / 2 + y));
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
