// Photographs larger than the network's window.
#include "support/op_check.hpp"
#include "support/predicting.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// What blending should give, from the network's answers to single windows that start at the given columns and rows: their mean weighted
/// with Gaussians about the middles of the windows, sd an eighth of a window, at least 1/1000 along each axis.
std::vector<double> blended(infer::Predictor& predictor, const data::Image& image, const std::vector<int>& columns,
                            const std::vector<int>& rows) {
  const auto weight = [](int i, int window) {
    const double d = (i + 0.5) / window - 0.5;
    return std::max(std::exp(-32 * d * d), 0.001);
  };
  const auto pixels = static_cast<std::size_t>(image.width * image.height);
  std::vector<double> sums(pixels * kClasses), weights(pixels);
  for (const int row : rows)
    for (const int column : columns) {
      data::Image window(kWidth, kHeight, 3);  // black beyond the border
      const int w = std::min(kWidth, image.width - column), h = std::min(kHeight, image.height - row);
      for (int y = 0; y < h; ++y) std::copy_n(image.at(column, row + y), 3 * w, window.at(0, y));
      const auto p = predictor.predict(window, {.tiling = infer::PredictOptions::Tiling::never}).probabilities.to_vector<float>();
      for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) {
          const double v = weight(x, kWidth) * weight(y, kHeight);
          const auto to = static_cast<std::size_t>((row + y) * image.width + column + x), from = static_cast<std::size_t>(y * kWidth + x);
          weights[to] += v;
          for (std::size_t k = 0; k < kClasses; ++k) sums[to * kClasses + k] += v * static_cast<double>(p[from * kClasses + k]);
        }
    }
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] /= weights[i / kClasses];
  return sums;
}

}  // namespace

TEST_CASE("windows cover the photograph, overlap enough, and end at its border") {
  CHECK(data::window_starts(32, 32, 0.25) == std::vector<int>{0});
  CHECK(data::window_starts(20, 32, 0.25) == std::vector<int>{0});
  CHECK(data::window_starts(80, 32, 0.25) == std::vector<int>{0, 24, 48});
  CHECK(data::window_starts(90, 32, 0.25) == std::vector<int>{0, 19, 38, 58});
  CHECK(data::window_starts(96, 32, 0) == std::vector<int>{0, 32, 64});
  CHECK(data::window_starts(33, 32, 0.5) == std::vector<int>{0, 1});
}

TEST_CASE("seams: a photograph larger than the window is the weighted mean of what the network says of each window") {
  const PredictorFolder f;
  infer::Predictor predictor = f.predictor();
  struct Case {
    int width, height;
    std::vector<int> columns, rows;
  };
  for (const Case& c : {Case{90, 60, {0, 19, 38, 58}, {0, 18, 36}}, Case{53, 24, {0, 21}, {0}}, Case{20, 41, {0}, {0, 17}}}) {
    CAPTURE(c.width);
    const data::Image image = noise(c.width, c.height);
    const auto expected = blended(predictor, image, c.columns, c.rows);
    double spread = 0;  // windows disagree, or their weights would not matter
    for (const int batch : {1, 4, 5}) {
      const infer::Prediction p = predictor.predict(image, {.batch = batch});
      const auto got = p.probabilities.to_vector<float>();
      REQUIRE(got.size() == expected.size());
      double error = 0;
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < got.size(); i += kClasses) {
        std::size_t best = 0;
        for (std::size_t k = 0; k < kClasses; ++k) {
          error = std::max(error, std::abs(static_cast<double>(got[i + k]) - expected[i + k]));
          if (expected[i + k] > expected[i + best]) best = k;
        }
        wrong += p.labels.labels[i / kClasses] != best;
        spread = std::max(spread, std::abs(expected[i] - expected[0]));
      }
      CHECK(error < 1e-5);
      CHECK(wrong == 0);
    }
    CHECK(spread > 0.05);
  }
}

TEST_CASE("a tiled prediction has the bytes of sums over the whole photograph, and the same labels without probabilities") {
  const PredictorFolder f;
  infer::Predictor predictor = f.predictor();
  for (const auto& [width, height] : {std::pair{97, 85}, {kWidth, kHeight}, {20, 70}, {75, 15}})
    for (const double overlap : {0.0, 0.25, 0.7}) {
      CAPTURE(width);
      CAPTURE(overlap);
      const data::Image image = noise(width, height);
      const auto weight = [](int i, int window) {
        const double d = (i + 0.5 - window / 2.0) / (window / 8.0);
        return static_cast<float>(std::max(std::exp(-d * d / 2), 1e-3));
      };
      std::vector<float> sums(image.pixels.size()), weights(image.pixels.size() / 3);  // 3 channels, 3 classes
      for (const int row : data::window_starts(height, kHeight, overlap))
        for (const int column : data::window_starts(width, kWidth, overlap)) {
          data::Image window(kWidth, kHeight, 3);
          for (int y = 0; y < std::min(kHeight, height - row); ++y)
            std::copy_n(image.at(column, row + y), 3 * std::min(kWidth, width - column), window.at(0, y));
          const auto p = predictor.predict(window, {.tiling = infer::PredictOptions::Tiling::never}).probabilities.to_vector<float>();
          for (int y = 0; y < std::min(kHeight, height - row); ++y)
            for (int x = 0; x < std::min(kWidth, width - column); ++x) {
              const float w = weight(y, kHeight) * weight(x, kWidth);
              const auto at = static_cast<std::size_t>((row + y) * width + column + x);
              for (std::size_t k = 0; k < 3; ++k) sums[3 * at + k] += w * p[static_cast<std::size_t>(y * kWidth + x) * 3 + k];
              weights[at] += w;
            }
        }
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] /= weights[i / 3];
      const auto got = predictor.predict(image, {.overlap = overlap, .batch = 1});
      CHECK(got.probabilities.to_vector<float>() == sums);
      std::vector<std::uint8_t> best;
      for (std::size_t i = 0; i < sums.size(); i += 3)
        best.push_back(static_cast<std::uint8_t>(std::max_element(&sums[i], &sums[i] + 3) - &sums[i]));
      CHECK(got.labels.labels == best);
      const auto labels = predictor.predict(image, {.overlap = overlap, .batch = 1, .probabilities = false});
      CHECK(!labels.probabilities);
      CHECK(labels.labels.labels == got.labels.labels);
    }
}

TEST_CASE("the memory of a tiled prediction without probabilities does not grow with the height of the photograph") {
  const PredictorFolder f;
  infer::Predictor predictor = f.predictor();
  const auto peak = [&](int width, int height, bool probabilities) {
    const data::Image image = noise(width, height);
    release_cached_memory();
    reset_peak_memory();
    const std::size_t before = memory_stats().in_use;
    predictor.predict(image, {.probabilities = probabilities});
    return memory_stats().peak - before;
  };
  const std::size_t low = peak(2000, 2 * kHeight, false), high = peak(2000, 30 * kHeight, false);
  CHECK(high == low);
  CHECK(high <= peak(kWidth, kHeight, false) + 2000 * kHeight * (10 * kClasses + 16));  // the bound that predictor.hpp names
  CHECK(peak(2000, 30 * kHeight, true) >= high + 2000 * 30 * kHeight * kClasses * 4 / 2);
}

TEST_CASE("only networks trained on crops tile by themselves; both can be asked to") {
  const data::Image image = noise(70, 50);
  using Tiling = infer::PredictOptions::Tiling;
  for (const std::string resize : {"crop", "stretch"}) {
    const PredictorFolder f(resize);
    infer::Predictor predictor = f.predictor();
    const auto asked = [&](Tiling tiling) { return predictor.predict(image, {.tiling = tiling}).probabilities; };
    const Tensor automatic = asked(Tiling::automatic), always = asked(Tiling::always), never = asked(Tiling::never);
    CHECK(same_bytes(automatic, resize == "crop" ? always : never));
    CHECK_FALSE(same_bytes(always, never));
  }
  const PredictorFolder f;
  check_throws<OptionError>([&] { f.predictor().predict(image, {.overlap = 0.95}); }, {"overlap", "[0, 0.9]"});
  check_throws<OptionError>([&] { f.predictor().predict(image, {.batch = 0}); }, {"batch 0"});
}
