#pragma once
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
std::vector<int> window_starts(int size, int window, double overlap);
/// The windows of (window_width, window_height) pixels that cover a photograph, row by row.
std::vector<Window> windows_of(int width, int height, int window_width, int window_height, double overlap = kWindowOverlap);

}  // namespace lamina::data
