#include "lamina/data/windows.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace lamina::data {

std::vector<int> window_starts(int size, int window, double overlap) {
  if (size <= window) return {0};
  const int stride = std::max(1, static_cast<int>(std::floor(window * (1 - overlap))));
  const int count = (size - window + stride - 1) / stride + 1;
  std::vector<int> starts;
  for (int i = 0; i < count; ++i) starts.push_back(static_cast<int>(std::int64_t{size - window} * i / (count - 1)));
  return starts;
}

std::vector<Window> windows_of(int width, int height, int window_width, int window_height, double overlap) {
  std::vector<Window> all;
  for (const int y : window_starts(height, window_height, overlap))
    for (const int x : window_starts(width, window_width, overlap)) all.push_back({x, y, width, height});
  return all;
}

}  // namespace lamina::data
