// The index arithmetic and the plans of convolutions, against the definition, for every small combination of extents and attributes.
#include <doctest/doctest.h>

#include <set>
#include <tuple>
#include <vector>

#define LAMINA_ISA geometry
#include "../../kernels/detail/cuda/gemm_plan.hpp"
#include "../../kernels/detail/shared/correlation_axis.hpp"

using namespace lamina;
using namespace lamina::kernels;
using namespace lamina::kernels::geometry;

namespace {

using Index = std::int64_t;
using Products = std::multiset<std::tuple<Index, Index, Index>>;  // (input, output, tap) of one axis

struct Axis {
  Index extent, k, out;
  int pad;
  Conv2dParams p;
};

/// Every axis of 1 to 6 inputs, with strides, dilations and paddings that leave taps, outputs or whole classes without a product.
template <class F>
void for_each_axis(F&& f) {
  for (Index extent = 1; extent <= 6; ++extent)
    for (Index k = 1; k <= 4; ++k)
      for (int stride = 1; stride <= 4; ++stride)
        for (int dilation = 1; dilation <= 4; ++dilation)
          for (int before = 0; before <= 4; ++before)
            for (int after = 0; after <= 3; ++after)
              if (const Index out = conv2d_extent(extent, k, stride, dilation, before + after); out > 0)
                f(Axis{extent, k, out, before, {.stride = stride, .dilation = dilation}});
}

Products defined(const Axis& a) {
  Products products;
  for (Index i = 0; i < a.out; ++i)
    for (Index r = 0; r < a.k; ++r)
      if (const Index in = i * a.p.stride - a.pad + r * a.p.dilation; in >= 0 && in < a.extent) products.emplace(in, i, r);
  return products;
}

/// The definition of taps_inside and outputs_inside: does anything of the two ranges meet inside?
bool meets(const CorrelationAxis& a, IndexRange outputs, IndexRange taps, Index extent) {
  for (Index i = outputs.begin; i < outputs.end; ++i)
    for (Index t = taps.begin; t < taps.end; ++t)
      if (a.input(i, t) >= 0 && a.input(i, t) < extent) return true;
  return false;
}

}  // namespace

TEST_CASE("forward and gradient axes pair inputs, outputs and taps as the definition does") {
  int axes = 0, wrong = 0;
  for_each_axis([&](const Axis& a) {
    ++axes;
    const Products expected = defined(a);
    const CorrelationAxis forward = forward_axis(a.out, a.k, a.pad, a.p);
    Products got;
    for (Index i = 0; i < forward.count; ++i)
      for (Index t = 0; t < forward.taps; ++t)
        if (const Index in = forward.input(i, t); in >= 0 && in < a.extent)
          got.emplace(in, forward.out_first + i * forward.out_step, forward.tap_first + t * forward.tap_step);
    wrong += got != expected;
    got.clear();
    std::multiset<Index> written;
    for (Index first = 0; first < a.p.stride; ++first) {
      const CorrelationAxis gradient = gradient_axis(first, a.extent, a.k, a.pad, a.p);
      for (Index i = 0; i < gradient.count; ++i) {
        const Index in = gradient.out_first + i * gradient.out_step;
        written.insert(in);
        for (Index t = 0; t < gradient.taps; ++t)
          if (const Index out = gradient.input(i, t); out >= 0 && out < a.out)
            got.emplace(in, out, gradient.tap_first + t * gradient.tap_step);
      }
    }
    wrong += got != expected;
    bool once = static_cast<Index>(written.size()) == a.extent;
    for (Index in = 0; in < a.extent; ++in) once = once && written.count(in) == 1;
    wrong += !once;
  });
  CHECK(axes > 5000);
  CHECK(wrong == 0);
}

TEST_CASE("the taps and outputs that a tile skips read padding only") {
  int wrong = 0, loose = 0, skipped = 0;
  const auto check = [&](const CorrelationAxis& a, Index extent) {
    for (Index first = 0; first < a.count; ++first)
      for (Index last = first; last < a.count; ++last) {
        const IndexRange taps = taps_inside(a, first, last, extent);
        for (Index t = 0; t < a.taps; ++t) {
          const bool kept = t >= taps.begin && t < taps.end, needed = meets(a, {first, last + 1}, {t, t + 1}, extent);
          wrong += needed && !kept;
          loose += kept && !needed && (first == last || a.stride == 1);  // exact for one output, and where outputs have no gaps
          skipped += !kept;
        }
      }
    for (Index first = 0; first < a.taps; ++first)
      for (Index last = first; last < a.taps; ++last) {
        const IndexRange outputs = outputs_inside(a, first, last, extent);
        for (Index i = 0; i < a.count; ++i) {
          const bool kept = i >= outputs.begin && i < outputs.end, needed = meets(a, {i, i + 1}, {first, last + 1}, extent);
          wrong += needed && !kept;
          loose += kept && !needed && (first == last || a.step == 1);
          skipped += !kept;
        }
      }
  };
  for_each_axis([&](const Axis& a) {
    check(forward_axis(a.out, a.k, a.pad, a.p), a.extent);
    for (Index first = 0; first < a.p.stride; ++first) check(gradient_axis(first, a.extent, a.k, a.pad, a.p), a.out);
  });
  CHECK(wrong == 0);
  CHECK(loose == 0);
  CHECK(skipped > 10000);
}

TEST_CASE("the taps of a tile of pixels, and the pixels of a tile of taps") {
  // Images of 4 x 5 outputs, 3 x 3 taps 3 apart: every tile of outputs over two images, every range of taps.
  const Conv2dParams p{.padding = Padding::symmetric(3), .dilation = 3};
  const CorrelationAxis h = forward_axis(4, 3, 3, p), w = forward_axis(5, 3, 3, p);
  const auto inside = [&](Index pixel, Index tap) {
    const Index i = h.input(pixel / 5 % 4, tap / 3), j = w.input(pixel % 5, tap % 3);
    return i >= 0 && i < 4 && j >= 0 && j < 5;
  };
  const auto holds = [](const Region& r, Index row, Index col) {
    return row >= r.rows.begin && row < r.rows.end && col >= r.cols.begin && col < r.cols.end;
  };
  for (Index begin = 0; begin < 40; ++begin)
    for (Index end = begin + 1; end <= 40; ++end) {
      const Region taps = taps_of_tile(h, w, begin, end, 4, 5);
      for (Index pixel = begin; pixel < end; ++pixel)
        for (Index tap = 0; tap < 9; ++tap)
          if (inside(pixel, tap)) REQUIRE(holds(taps, tap / 3, tap % 3));
    }
  CHECK(taps_of_tile(h, w, 0, 5, 4, 5).rows.begin == 1);  // the first row of outputs reads no row above
  CHECK(taps_of_tile(h, w, 7, 7, 4, 5).size() == 0);
  for (Index first = 0; first < 9; ++first)
    for (Index last = first; last < 9; ++last) {
      const Region pixels = outputs_of_taps(h, w, first, last, 4, 5);
      for (Index tap = first; tap <= last; ++tap)
        for (Index pixel = 0; pixel < 20; ++pixel)
          if (inside(pixel, tap)) REQUIRE(holds(pixels, pixel / 5, pixel % 5));
    }
  CHECK(outputs_of_taps(h, w, 0, 0, 4, 5).size() == 2);  // one row of two columns
}

TEST_CASE("tiles of atrous convolutions skip the taps that read padding") {
  // DeepLab's rates on 33 x 33: share of the tap rows that 128-pixel tiles of four images compute, and of the pixels that wgrad walks over.
  const Index n = 4, extent = 33, pixels = n * extent * extent;
  const auto shares = [&](int rate) {
    const Conv2dParams p{.padding = Padding::symmetric(rate), .dilation = rate};
    const CorrelationAxis forward = forward_axis(extent, 3, rate, p), gradient = gradient_axis(0, extent, 3, rate, p);
    Index computed = 0, computed_back = 0, walked = 0, tiles = 0;
    for (Index begin = 0; begin < pixels; begin += 128, ++tiles) {
      const Index end = std::min(begin + 128, pixels);
      computed += taps_of_tile(forward, forward, begin, end, extent, extent).size();
      computed_back += taps_of_tile(gradient, gradient, begin, end, extent, extent).size();
    }
    CHECK(computed == computed_back);
    for (Index tap = 0; tap < 9; ++tap) walked += outputs_of_taps(forward, forward, tap, tap, extent, extent).size();
    return std::pair{static_cast<double>(computed) / static_cast<double>(9 * tiles),
                     static_cast<double>(walked) / static_cast<double>(9 * extent * extent)};
  };
  const auto [forward6, weights6] = shares(6);
  const auto [forward18, weights18] = shares(18);
  CHECK(forward6 < 0.95);
  CHECK(forward18 < 0.75);
  CHECK(weights6 == doctest::Approx((1 - 2.0 / 3 * 6 / 33) * (1 - 2.0 / 3 * 6 / 33)));
  CHECK(weights18 == doctest::Approx((1 - 2.0 / 3 * 18 / 33) * (1 - 2.0 / 3 * 18 / 33)));
}

namespace {
/// Do the threads of a block cover its tile, each result once, in quadruples of neighbours?
template <class Tile>
bool covers() {
  std::set<std::pair<int, int>> threads, results;
  bool quadruples = true;
  for (int thread = 0; thread < Tile::kThreads; ++thread) {
    const int row = Tile::thread_row(thread), col = Tile::thread_col(thread);
    threads.insert({row, col});
    for (int i = 0; i < Tile::kOwnRows; ++i)
      for (int j = 0; j < Tile::kOwnCols; ++j) {
        results.insert({Tile::row(row, i), Tile::col(col, j)});
        quadruples = quadruples && Tile::col(col, j) == Tile::col(col, j / 4 * 4) + j % 4;
      }
  }
  return quadruples && static_cast<int>(threads.size()) == Tile::kThreads &&
         static_cast<int>(results.size()) == Tile::kRows * Tile::kCols && results.begin()->first == 0 && results.begin()->second == 0 &&
         *results.rbegin() == std::pair{Tile::kRows - 1, Tile::kCols - 1};
}
/// Do the places that tensor cores give a thread (PTX manual, "Matrix Fragments for mma.m16n8k16": row lane / 4 of eight, columns
/// 2 (lane % 4) and the next) hold its rows and columns?
template <class Tile>
bool fragments_fit() {
  bool fit = true;
  for (int thread = 0; thread < Tile::kThreads; ++thread) {
    const int warp = thread / 32, lane = thread % 32, row = Tile::thread_row(thread), col = Tile::thread_col(thread);
    for (int i = 0; i < Tile::kOwnRows; ++i) {
      const int place = warp / Tile::kWarpsAcross * Tile::kPartRows + 8 * i + lane / 4;
      fit = fit && Tile::row_at(place) == Tile::row(row, i) && Tile::row_in_order(row, i) == place;
    }
    for (int j = 0; j < Tile::kOwnCols; ++j) {
      const int place = warp % Tile::kWarpsAcross * Tile::kPartCols + j / 2 * 8 + 2 * (lane % 4) + j % 2;
      fit = fit && Tile::col_at(place) == Tile::col(col, j) && Tile::col_in_order(col, j) == place;
    }
  }
  return fit;
}
}  // namespace

TEST_CASE("tiles are covered once; their choice and the split of wgrad depend on the shape") {
  CHECK(covers<Tile<128, 128, 8, 8>>());
  CHECK(covers<Tile<128, 64, 8, 4>>());
  CHECK(covers<Tile<64, 64, 8, 4>>());
  CHECK(covers<Tile<128, 32, 8, 4>>());
  CHECK(covers<Tile<32, 128, 4, 8>>());
  CHECK(covers<FragmentTile<128, 128, 8, 8>>());
  CHECK(fragments_fit<FragmentTile<128, 128, 8, 8>>());
  CHECK(covers<FragmentTile<128, 64, 4, 8>>());
  CHECK(fragments_fit<FragmentTile<128, 64, 4, 8>>());
  CHECK(covers<FragmentTile<64, 64, 4, 8>>());
  CHECK(fragments_fit<FragmentTile<64, 64, 4, 8>>());
  CHECK(covers<FragmentTile<128, 32, 4, 8>>());
  CHECK(fragments_fit<FragmentTile<128, 32, 4, 8>>());
  CHECK(covers<FragmentTile<32, 128, 4, 8>>());
  CHECK(fragments_fit<FragmentTile<32, 128, 4, 8>>());
  CHECK(tile_for(4 * 33 * 33, 2048, 1, true) == GemmTile::m128n128);  // DeepLab's last stage
  CHECK(tile_for(4 * 33 * 33, 256, 1, true) == GemmTile::m64n64);     // 70 large tiles would leave half of a GPU idle
  CHECK(tile_for(8 * 256 * 256, 64, 1, true) == GemmTile::m128n64);
  CHECK(tile_for(8 * 256 * 256, 64, 1, false) == GemmTile::m64n64);
  CHECK(tile_for(4 * 64 * 64, 64, 1, true) == GemmTile::m64n64);
  CHECK(tile_for(16, 144, 1, true) == GemmTile::m32n128);  // wgrad of a shallow layer
  CHECK(tile_for(8 * 256 * 256, 9, 1, true) == GemmTile::m128n32);
  for (Index tiles : {1, 3, 72, 511, 512, 513, 100000})
    for (Index pixels : {0, 1, 127, 128, 4356, 524288})
      for (Index size : {1, 27, 36864, 1 << 24, 1 << 26}) {
        const Index parts = weight_gradient_parts(tiles, pixels, size);
        CHECK(parts >= 1);
        CHECK((parts == 1 || (parts * tiles <= 512 && parts * 128 <= pixels && parts * size <= 1 << 25)));
      }
  CHECK(weight_gradient_parts(1, 524288, 27) == 512);
  CHECK(weight_gradient_parts(72, 4356, 589824) == 7);
}
