#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace lamina::data {

/// Share of a window that its neighbour covers again, where nobody says otherwise.
inline constexpr double kWindowOverlap = 0.25;

/// Where a window's first row and column are on a photograph of width x height pixels. Of a photograph that is smaller, the rest is border.
struct Window {
  int x = 0, y = 0, width = 0, height = 0;

  bool operator==(const Window&) const = default;
};

/// Where windows of `window` pixels start so that they cover `size` pixels, neighbours sharing at least `overlap` of a window; the last
/// one ends at the border. One window at 0 when size <= window.
inline std::vector<int> window_starts(int size, int window, double overlap) {
  if (size <= window) return {0};
  const int stride = std::max(1, static_cast<int>(std::floor(window * (1 - overlap))));
  const int count = (size - window + stride - 1) / stride + 1;
  std::vector<int> starts;
  for (int i = 0; i < count; ++i) starts.push_back(static_cast<int>(std::int64_t{size - window} * i / (count - 1)));
  return starts;
}

/// The windows of (window_width, window_height) pixels that cover a photograph, row by row.
inline std::vector<Window> windows_of(int width, int height, int window_width, int window_height, double overlap = kWindowOverlap) {
  std::vector<Window> all;
  for (const int y : window_starts(height, window_height, overlap))
    for (const int x : window_starts(width, window_width, overlap)) all.push_back({x, y, width, height});
  return all;
}

}  // namespace lamina::data
