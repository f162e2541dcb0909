#include "lamina/infer/blend.hpp"

#include <algorithm>
#include <cmath>

namespace lamina::infer {
namespace {

/// Weight of a window's pixel along one axis: a Gaussian about the middle with sd = window / 8 that falls no lower than 1/1000 (as nnU-Net
/// blends its patches).
std::vector<float> blend_profile(int window) {
  std::vector<float> profile(static_cast<std::size_t>(window));
  for (int i = 0; i < window; ++i) {
    const double d = (i + 0.5 - window / 2.0) / (window / 8.0);
    profile[static_cast<std::size_t>(i)] = static_cast<float>(std::max(std::exp(-d * d / 2), 1e-3));
  }
  return profile;
}

}  // namespace

Blend::Blend(const data::Window& photograph, int window_width, int window_height, std::int64_t outputs, Rows rows)
    : height_(photograph.height),
      width_(photograph.width),
      outputs_(outputs),
      window_width_(window_width),
      vertical_(blend_profile(window_height)),
      horizontal_(blend_profile(window_width)),
      sums_(Tensor::zeros({std::min(window_height, photograph.height), photograph.width, outputs})),
      weights_(Tensor::zeros({sums_.size(0), photograph.width})),
      rows_(std::move(rows)) {}

void Blend::add(const data::Window& window, const float* p) {
  finish(window.y);  // no window from here on has rows above
  for (std::int64_t y = 0; y < std::min(sums_.size(0), height_ - first_); ++y)
    for (std::int64_t u = 0; u < std::min(window_width_, width_ - window.x); ++u) {
      const float weight = vertical_[static_cast<std::size_t>(y)] * horizontal_[static_cast<std::size_t>(u)];
      const std::int64_t at = y * width_ + window.x + u;
      for (std::int64_t k = 0; k < outputs_; ++k)
        sums_.data<float>()[at * outputs_ + k] += weight * p[(y * window_width_ + u) * outputs_ + k];
      weights_.data<float>()[at] += weight;
    }
}

void Blend::finish(std::int64_t row) {
  const std::int64_t done = row - first_, pixels = done * width_, all = sums_.size(0) * width_;
  if (done == 0) return;
  float *sums = sums_.data<float>(), *weights = weights_.data<float>();
  for (std::int64_t i = 0; i < pixels; ++i)
    for (std::int64_t k = 0; k < outputs_; ++k) sums[i * outputs_ + k] /= weights[i];
  rows_(first_, sums_.rows(0, done));
  std::fill(std::copy(sums + pixels * outputs_, sums + all * outputs_, sums), sums + all * outputs_, 0.0f);
  std::fill(std::copy(weights + pixels, weights + all, weights), weights + all, 0.0f);
  first_ = row;
}

}  // namespace lamina::infer
