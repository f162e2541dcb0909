#include "lamina/infer/predictor.hpp"

#include <cmath>

#include "lamina/core/random.hpp"
#include "lamina/data/dataset.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"
#include "support/op_check.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

constexpr int kWidth = 32, kHeight = 24, kClasses = 3;

/// A predictor with random weights, whose network sees windows of kWidth x kHeight.
struct Fixture : TempFolder {
  explicit Fixture(const std::string& resize = "crop") {
    const models::ModelConfig model{.in_channels = 3, .classes = kClasses, .options = {{"base", "4"}, {"depth", "2"}}};
    data::LabelSchema schema;
    schema.names = {"a", "b", "c"};
    schema.values = {0, 1, 2};
    const io::Metadata metadata{{"labels", data::to_json(schema)},
                                {"input", infer::to_json({.width = kWidth, .height = kHeight, .resize = resize})}};
    io::save_model(*this / "net.safetensors", *models::build_network(model, 5), model, metadata);
  }
  infer::Predictor predictor() const { return infer::Predictor(*this / "net.safetensors"); }
};

data::Image noise(int width, int height) {
  data::Image image(width, height, 3);
  Random random(RandomKey{3});
  for (auto& p : image.pixels) p = static_cast<std::uint8_t>(random.below(256));
  return image;
}

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
  CHECK(infer::window_starts(32, 32, 0.25) == std::vector<int>{0});
  CHECK(infer::window_starts(20, 32, 0.25) == std::vector<int>{0});
  CHECK(infer::window_starts(80, 32, 0.25) == std::vector<int>{0, 24, 48});
  CHECK(infer::window_starts(90, 32, 0.25) == std::vector<int>{0, 19, 38, 58});
  CHECK(infer::window_starts(96, 32, 0) == std::vector<int>{0, 32, 64});
  CHECK(infer::window_starts(33, 32, 0.5) == std::vector<int>{0, 1});
}

TEST_CASE("seams: a photograph larger than the window is the weighted mean of what the network says of each window") {
  const Fixture f;
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

TEST_CASE("only networks trained on crops tile by themselves; both can be asked to") {
  const data::Image image = noise(70, 50);
  using Tiling = infer::PredictOptions::Tiling;
  for (const std::string resize : {"crop", "stretch"}) {
    const Fixture f(resize);
    infer::Predictor predictor = f.predictor();
    const auto asked = [&](Tiling tiling) { return predictor.predict(image, {.tiling = tiling}).probabilities; };
    const Tensor automatic = asked(Tiling::automatic), always = asked(Tiling::always), never = asked(Tiling::never);
    CHECK(same_bytes(automatic, resize == "crop" ? always : never));
    CHECK_FALSE(same_bytes(always, never));
  }
  const Fixture f;
  check_throws<OptionError>([&] { f.predictor().predict(image, {.overlap = 0.95}); }, {"overlap", "[0, 0.9]"});
  check_throws<OptionError>([&] { f.predictor().predict(image, {.batch = 0}); }, {"batch 0"});
}

TEST_CASE("a checkpoint of the first version opens and predicts what it predicted then") {
  // Written, and asked, by lamina 0.1 at commit f367bab: U-Net bn, base 2, depth 1, nine classes of skin phantoms.
  infer::Predictor predictor(golden("checkpoint_format1.safetensors"));
  const auto p = predictor.predict(data::read_image(golden("checkpoint_format1.png")));
  const TempFolder folder;
  data::write_mask(folder / "mask.png", p.labels, predictor.schema());
  CHECK(io::read_file(folder / "mask.png") == io::read_file(golden("checkpoint_format1_mask.png")));
  for (const Isa isa : instruction_sets()) {
    ThreadPool pool(1);
    const ExecutorScope scope(pool, isa);
    const Tensor then = io::read_npy(golden(isa == Isa::v3 ? "checkpoint_format1_v3.npy" : "checkpoint_format1_avx512.npy"));
    CHECK(same_bytes(predictor.predict(data::read_image(golden("checkpoint_format1.png"))).probabilities, then));
  }
}
