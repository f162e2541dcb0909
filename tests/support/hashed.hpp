// Values that tests/golden/make_deeplab.py computes too: a hash of a name and an index, so that files need not hold them. Elements are
// counted in PyTorch's order (weights OIHW, images NCHW).
#pragma once
#include <cmath>
#include <cstdint>
#include <string>

#include "lamina/core/tensor.hpp"

namespace lamina::test {

/// FNV-1a of the name, then splitmix64.
class Hash {
 public:
  explicit Hash(const std::string& name) {
    for (const char c : name) seed_ = (seed_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  std::uint64_t bits(std::int64_t i) const {
    std::uint64_t z = seed_ + static_cast<std::uint64_t>(i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In [-1, 1), a multiple of 2^-23.
  double uniform(std::int64_t i) const { return static_cast<double>(bits(i) >> 40) / 8388608.0 - 1; }

 private:
  std::uint64_t seed_ = 0xcbf29ce484222325;
};

/// Uniform in [-1, 1), f64: (a, h, w, b), its elements counted as (a, b, h, w).
inline Tensor hashed_images(const std::string& name, const Shape& s) {
  const Hash hash(name);
  const Tensor t = Tensor::empty(s, {DType::f64, kCpu});
  double* p = t.data<double>();
  const std::int64_t pixels = s[1] * s[2], channels = s[3];
  for (std::int64_t a = 0; a < s[0]; ++a)
    for (std::int64_t i = 0; i < pixels; ++i)
      for (std::int64_t b = 0; b < channels; ++b) *p++ = hash.uniform((a * channels + b) * pixels + i);
  return t;
}

/// A kernel (bounded by sqrt(6 / fan_in)), or a norm's or a bias's vector.
inline Tensor hashed_weight(const std::string& name, const Shape& s) {
  if (s.rank() == 4) {
    const Tensor t = hashed_images(name, s);
    const double bound = std::sqrt(6.0 / static_cast<double>(s[1] * s[2] * s[3]));
    double* p = t.data<double>();
    for (std::int64_t i = 0, n = s.numel(); i < n; ++i) p[i] *= bound;
    return t;
  }
  const Hash hash(name);
  const Tensor t = Tensor::empty(s, {DType::f64, kCpu});
  for (std::int64_t i = 0; i < s.numel(); ++i) {
    const double u = hash.uniform(i);
    t.data<double>()[i] = name.ends_with("running_var")  ? 1 + 0.5 * u
                          : name.ends_with("bn3.weight") ? 0.1 + 0.05 * u
                          : name.ends_with("weight")     ? 0.9 + 0.2 * u
                                                         : 0.15 + 0.2 * u;
  }
  return t;
}

/// u8 (N, H, W) of images (N, H, W, C); the first `ignored` rows are 255.
inline Tensor hashed_labels(const std::string& name, const Shape& images, int classes, std::int64_t ignored) {
  const Hash hash(name);
  const Tensor t = Tensor::empty({images[0], images[1], images[2]}, {DType::u8, kCpu});
  for (std::int64_t i = 0; i < t.numel(); ++i)
    t.data<std::uint8_t>()[i] = i / images[2] % images[1] < ignored
                                    ? std::uint8_t{255}
                                    : static_cast<std::uint8_t>(hash.bits(i) % static_cast<std::uint64_t>(classes));
  return t;
}

}  // namespace lamina::test
