#pragma once
#include <array>
#include <cstdint>

#include "lamina/core/view.hpp"

namespace lamina {

/// One Philox4x32-10 block: 128 counter bits and 64 key bits to 128 random bits. The same on every device.
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
struct Philox {
  std::uint32_t v[4];

  LAMINA_HD static Philox block(std::uint64_t key, std::uint64_t counter_hi, std::uint64_t counter_lo) {
    std::uint32_t c0 = static_cast<std::uint32_t>(counter_lo), c1 = static_cast<std::uint32_t>(counter_lo >> 32);
    std::uint32_t c2 = static_cast<std::uint32_t>(counter_hi), c3 = static_cast<std::uint32_t>(counter_hi >> 32);
    std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0, p1 = std::uint64_t{0xCD9E8D57u} * c2;
      const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
      c1 = static_cast<std::uint32_t>(p1);
      c3 = static_cast<std::uint32_t>(p0);
      c0 = n0;
      c2 = n2;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
  }
};

/// Uniform in [0, 1): the upper 24 bits of a word.
LAMINA_HD float uniform_from_bits(std::uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

/// Names one stream of random numbers: a seed and where it is used (epoch, sample, op, ...). Plain data, passed to kernels.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;

  /// A sub-stream: keys derived with different words are independent.
  LAMINA_HD RandomKey derive(std::uint64_t word) const {
    const Philox p = Philox::block(seed, stream, word ^ 0x6c616d696e61ull);
    return {(std::uint64_t{p.v[1]} << 32) | p.v[0], (std::uint64_t{p.v[3]} << 32) | p.v[2]};
  }
  LAMINA_HD Philox block(std::uint64_t index) const { return Philox::block(seed, stream, index); }
};

/// A sequential source over one key, for code that draws a few numbers at a time (augmentation, phantoms, initialisers).
class Random {
 public:
  explicit Random(RandomKey key) : key_(key) {}
  std::uint32_t bits() {
    if (next_ == 4) {
      block_ = key_.block(counter_++);
      next_ = 0;
    }
    return block_.v[next_++];
  }
  /// Uniform in [0, 1), 53 bits.
  double uniform() {
    const std::uint64_t hi = bits(), lo = bits();
    return static_cast<double>(((hi << 32) | lo) >> 11) * 0x1p-53;
  }
  double uniform(double lo, double hi) { return lo + (hi - lo) * uniform(); }
  /// Standard normal (Box-Muller).
  double normal();
  /// Uniform integer in [0, n), without modulo bias.
  std::uint64_t below(std::uint64_t n) {
    if (n < 2) return 0;
    const std::uint64_t limit = ~std::uint64_t{0} - (~std::uint64_t{0} % n + 1) % n;
    for (;;) {
      const std::uint64_t hi = bits(), x = (hi << 32) | bits();
      if (x <= limit) return x % n;
    }
  }

 private:
  RandomKey key_;
  std::uint64_t counter_ = 0;
  Philox block_{};
  int next_ = 4;
};

}  // namespace lamina
