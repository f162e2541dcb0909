#include "lamina/infer/predictor.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/random.hpp"
#include "lamina/data/augment.hpp"
#include "lamina/data/dataset.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"
#include "support/op_check.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

constexpr int kWidth = 32, kHeight = 24, kClasses = 3;

/// Probabilities (height, width, kClasses).
struct Answer {
  int width, height;
  std::vector<double> values;
  double* at(int x, int y) { return values.data() + static_cast<std::ptrdiff_t>(y * width + x) * kClasses; }
  const double* at(int x, int y) const { return const_cast<Answer*>(this)->at(x, y); }
  Answer part(int left, int top, int w, int h) const {
    Answer out{w, h, {}};
    for (int y = 0; y < h; ++y) out.values.insert(out.values.end(), at(left, top + y), at(left, top + y) + std::ptrdiff_t{w} * kClasses);
    return out;
  }
  /// Bilinear between pixel centers at half-integers; beyond the outermost centers, their values.
  Answer resized(int w, int h) const {
    Answer out{w, h, std::vector<double>(static_cast<std::size_t>(w * h * kClasses))};
    const auto place = [](int i, int from, int to) { return std::clamp((i + 0.5) * from / to - 0.5, 0.0, from - 1.0); };
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) {
        const double v = place(y, height, h), u = place(x, width, w);
        const int y0 = static_cast<int>(v), x0 = static_cast<int>(u), y1 = std::min(y0 + 1, height - 1), x1 = std::min(x0 + 1, width - 1);
        for (int k = 0; k < kClasses; ++k)
          out.at(x, y)[k] = (1 - v + y0) * ((1 - u + x0) * at(x0, y0)[k] + (u - x0) * at(x1, y0)[k]) +
                            (v - y0) * ((1 - u + x0) * at(x0, y1)[k] + (u - x0) * at(x1, y1)[k]);
      }
    return out;
  }
};

/// A predictor with random weights, whose network sees windows of kWidth x kHeight.
struct Fixture : TempFolder {
  const models::ModelConfig model{.in_channels = 3, .classes = kClasses, .options = {{"base", "4"}, {"depth", "2"}}};
  explicit Fixture(const std::string& resize = "crop") {
    data::LabelSchema schema;
    schema.names = {"a", "b", "c"};
    schema.values = {0, 1, 2};
    const io::Metadata metadata{{"labels", data::to_json(schema)},
                                {"input", infer::to_json({.width = kWidth, .height = kHeight, .resize = resize})}};
    io::save_model(*this / "net.safetensors", *models::build_network(model, 5), model, metadata);
  }
  infer::Predictor predictor() const { return infer::Predictor(*this / "net.safetensors"); }
  /// The network alone, asked about a photograph of its own size: samples v as v * 2/255 - 1, softmax of what it says.
  Answer ask(const data::Image& image) const {
    const auto network = models::build_network(model, 5);
    network->eval();
    const NoGrad no_grad;
    std::vector<float> input;
    for (const auto v : image.pixels) input.push_back(v * (2.0f / 255) - 1);
    const auto logits = (*network)(Tensor::from<float>(std::span<const float>(input), {1, kHeight, kWidth, 3})).to_vector<float>();
    Answer out{kWidth, kHeight, {}};
    for (std::size_t i = 0; i < logits.size(); i += kClasses) {
      double sum = 0;
      for (std::size_t k = 0; k < kClasses; ++k) sum += std::exp(static_cast<double>(logits[i + k]));
      for (std::size_t k = 0; k < kClasses; ++k) out.values.push_back(std::exp(static_cast<double>(logits[i + k])) / sum);
    }
    return out;
  }
};

/// Large patches of saturated colors, different everywhere.
data::Image blobs(int width, int height) {
  data::Image image(width, height, 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double u = 9.0 * x / width, v = 7.0 * y / height;
      image.at(x, y)[0] = std::sin(u + 0.3 * v) > 0 ? 255 : 0;
      image.at(x, y)[1] = std::sin(0.4 * u * v + 1) > 0 ? 255 : 0;
      image.at(x, y)[2] = static_cast<std::uint8_t>(127 + 120 * std::cos(1.7 * v - 0.8 * u));
    }
  return image;
}

/// Softmax of the kClasses scores from `at` on, the first one's share.
double probability(const std::vector<float>& scores, std::size_t at) {
  double sum = 0;
  for (std::size_t k = 0; k < kClasses; ++k) sum += std::exp(static_cast<double>(scores[at + k] - scores[at]));
  return 1 / sum;
}

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
  CHECK(data::window_starts(32, 32, 0.25) == std::vector<int>{0});
  CHECK(data::window_starts(20, 32, 0.25) == std::vector<int>{0});
  CHECK(data::window_starts(80, 32, 0.25) == std::vector<int>{0, 24, 48});
  CHECK(data::window_starts(90, 32, 0.25) == std::vector<int>{0, 19, 38, 58});
  CHECK(data::window_starts(96, 32, 0) == std::vector<int>{0, 32, 64});
  CHECK(data::window_starts(33, 32, 0.5) == std::vector<int>{0, 1});
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

TEST_CASE("an image that is none is refused before its pixels are read") {
  using Tiling = infer::PredictOptions::Tiling;
  for (const std::string resize : {"crop", "stretch", "pad"}) {
    const Fixture f(resize);
    infer::Predictor predictor = f.predictor();
    for (const Tiling tiling : {Tiling::automatic, Tiling::always, Tiling::never}) {
      const auto refused = [&](auto&& change, std::initializer_list<const char*> parts) {
        data::Image image = noise(40, 30);
        change(image);
        check_throws<DataError>([&] { predictor.predict(image, {.tiling = tiling}); }, parts);
      };
      refused([](data::Image& i) { i.pixels.clear(); }, {"predict", "40x30", "holds 0", "3600"});
      refused([](data::Image& i) { i.pixels.pop_back(); }, {"predict", "3599", "3600"});
      refused([](data::Image& i) { i.pixels.push_back(0); }, {"predict", "3601", "3600"});
      refused([](data::Image& i) { i.height = 1000000; }, {"predict", "40x1000000"});
      refused([](data::Image& i) { i.height = i.width = 2147483647; }, {"predict"});
      refused([](data::Image& i) { i.width = 0; }, {"predict", "0x30"});
      refused([](data::Image& i) { i.width = -40; }, {"predict", "-40x30"});
      refused([](data::Image& i) { i.channels = 1; }, {"predict", "3600", "1200"});
      for (const int channels : {2, 4, 0, -3, 17}) {
        const bool bands = channels > 0 && channels <= 16;  // an image, but not one of the network's
        refused([&](data::Image& i) { i.channels = channels, i.pixels.resize(static_cast<std::size_t>(1200 * std::abs(channels))); },
                {"predict", bands ? "bands, not 3" : "1 to 16 channels, not"});
      }
    }
    CHECK(predictor.predict(data::Image(40, 30, 1, 9)).labels.labels.size() == 1200);
  }
}

TEST_CASE("bands, normalisation and border of the checkpoint reach the network, of 8 and of 16 bits") {
  const TempFolder f;
  data::LabelSchema schema;
  schema.names = {"a", "b", "c"}, schema.values = {0, 1, 2};
  const models::ModelConfig model{.in_channels = 2, .classes = kClasses, .options = {{"base", "4"}, {"depth", "2"}}};
  const auto network = models::build_network(model, 5);
  network->eval();
  const int width = kWidth - 1, height = kHeight;  // padded by one column of border, not scaled
  data::Image photo(width, height, 2);
  for (std::size_t i = 0; i < photo.pixels.size(); ++i) photo.pixels[i] = static_cast<std::uint8_t>(i * 37);
  data::Image deep = photo;
  deep.max_value = 65535, deep.pixels.resize(2 * photo.pixels.size());
  for (std::size_t i = 0; i < photo.samples(); ++i) deep.set_sample(i, 257u * photo.pixels[i]);
  std::vector<float> values;
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x)
      for (int c = 0; c < 2; ++c) {
        const double v = x >= width ? 0.2 : photo.at(x, y)[c] / 255.0;
        values.push_back(static_cast<float>(c == 0 ? (v - 0.25) / 0.5 : (v - 0.5) / 2));
      }
  const NoGrad no_grad;
  const auto logits = (*network)(Tensor::from<float>(std::span<const float>(values), {1, kHeight, kWidth, 2})).to_vector<float>();
  for (const std::string resize : {"crop", "pad"}) {
    CAPTURE(resize);
    const infer::InputConfig input{kWidth, kHeight, resize, 2, "0.25,0.5", "0.5,2", 51, 0};
    io::save_model(f / "net.safetensors", *network, model, {{"labels", data::to_json(schema)}, {"input", infer::to_json(input)}});
    infer::Predictor predictor(f / "net.safetensors");
    for (const data::Image& image : {photo, deep}) {
      const auto got = predictor.predict(image).probabilities.to_vector<float>();
      for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
          REQUIRE(probability(logits, kClasses * static_cast<std::size_t>(y * kWidth + x)) ==
                  doctest::Approx(static_cast<double>(got[kClasses * static_cast<std::size_t>(y * width + x)])).epsilon(1e-5));
    }
  }
  const infer::InputConfig of_16{.channels = 2, .mean = "0,0", .sd = "1,1", .bits = 16};
  io::save_model(f / "net.safetensors", *network, model, {{"labels", data::to_json(schema)}, {"input", infer::to_json(of_16)}});
  infer::Predictor predictor(f / "net.safetensors");
  CHECK_NOTHROW(predictor.predict(deep));
  check_throws<DataError>([&] { predictor.predict(photo); }, {"photographs of 16 bits", "has 8"});
  for (const char* sd : {"1", "1,0", "1,-1", "1,x", "1,1,1"}) {
    infer::InputConfig wrong = of_16;
    wrong.sd = sd;
    CAPTURE(sd);
    CHECK_THROWS_AS(infer::loader_options(wrong), DataError);
  }
}

TEST_CASE("predicting photographs one larger than the other does not keep memory for each") {
  const Fixture f("crop");
  infer::Predictor predictor = f.predictor();
  release_cached_memory();
  reset_peak_memory();
  for (int side = 40; side <= 340; side += 30) {
    predictor.predict(noise(side, side));
    CHECK(memory_stats().reserved <= 3 * memory_stats().peak);
  }
}

TEST_CASE("a tiled prediction has the bytes of sums over the whole photograph, and the same labels without probabilities") {
  const Fixture f;
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
  const Fixture f;
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

TEST_CASE("shrinks: how many times smaller the network sees a whole photograph") {
  using Tiling = infer::PredictOptions::Tiling;
  const data::Image image(kWidth * 3, kHeight * 6, 1);
  CHECK(Fixture("stretch").predictor().shrinks(image) == doctest::Approx(6));
  CHECK(Fixture("pad").predictor().shrinks(image) == doctest::Approx(6));
  CHECK(Fixture("stretch").predictor().shrinks(data::Image(kWidth / 2, kHeight, 1)) == 1);
  CHECK(Fixture("pad").predictor().shrinks(data::Image(kWidth / 2, kHeight / 2, 1)) == 1);
  CHECK(Fixture("crop").predictor().shrinks(image) == 1);
  CHECK(Fixture("crop").predictor().shrinks(image, {.tiling = Tiling::never}) == doctest::Approx(6));
  CHECK(Fixture("stretch").predictor().shrinks(image, {.tiling = Tiling::always}) == 1);
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

TEST_CASE("whole photographs: the network's answer to the fitted photograph, put back bilinearly on the photograph's own pixels") {
  struct Case {
    int width, height;              // of the photograph
    int inner_width, inner_height;  // what `pad` scales it to
    int left, top;                  // and where that lies in the network's 32x24
  };
  const Case cases[] = {{45, 37, 29, 24, 1, 0}, {70, 50, 32, 23, 0, 0}, {64, 41, 32, 21, 0, 1}, {20, 50, 10, 24, 11, 0},
                        {51, 7, 32, 4, 0, 10},  {13, 9, 32, 22, 0, 1},  {7, 8, 21, 24, 5, 0},   {32, 24, 32, 24, 0, 0}};
  for (const std::string resize : {"stretch", "pad", "crop"}) {
    const Fixture f(resize);
    infer::Predictor predictor = f.predictor();
    for (const Case& c : cases) {
      CAPTURE(resize);
      CAPTURE(c.width);
      const data::Image photo = blobs(c.width, c.height);
      const bool pad = resize == "pad";
      data::Image seen = data::resized(photo, pad ? c.inner_width : kWidth, pad ? c.inner_height : kHeight);
      if (pad) {  // in the middle of black
        const data::Image inner = seen;
        seen = data::Image(kWidth, kHeight, 3);
        for (int y = 0; y < c.inner_height; ++y) std::copy_n(inner.at(0, y), 3 * c.inner_width, seen.at(c.left, c.top + y));
      }
      const Answer answer = f.ask(seen);
      const Answer expected = (pad ? answer.part(c.left, c.top, c.inner_width, c.inner_height) : answer).resized(c.width, c.height);
      const auto got = predictor.predict(photo, {.tiling = infer::PredictOptions::Tiling::never});
      REQUIRE(got.probabilities.shape() == Shape{c.height, c.width, kClasses});
      REQUIRE(got.labels.width == c.width);
      REQUIRE(got.labels.height == c.height);
      REQUIRE(got.labels.planes == 0);
      REQUIRE(got.labels.labels.size() == static_cast<std::size_t>(c.width * c.height));
      const auto p = got.probabilities.to_vector<float>();
      double error = 0, least = 1, most = 0;
      int wrong = 0;
      for (std::size_t i = 0; i < p.size(); ++i) {
        error = std::max(error, std::abs(static_cast<double>(p[i]) - expected.values[i]));
        if (i % kClasses == 0) least = std::min(least, expected.values[i]), most = std::max(most, expected.values[i]);
      }
      for (std::size_t i = 0; i < got.labels.labels.size(); ++i) {
        const double* at = &expected.values[i * kClasses];
        for (std::size_t k = 0; k < kClasses; ++k) wrong += at[k] > at[got.labels.labels[i]] + 1e-5;
      }
      CHECK(error < 1e-5);
      CHECK(wrong == 0);
      CHECK(most - least > 0.1);  // the answer is not the same everywhere, or nothing above could fail
    }
  }
}

TEST_CASE("what is seen in a corner of the photograph is said of that corner") {
  for (const std::string resize : {"stretch", "pad", "crop"}) {
    const Fixture f(resize);
    infer::Predictor predictor = f.predictor();
    for (const auto& [width, height] : {std::pair(61, 33), std::pair(27, 55)})
      for (const int corner : {0, 1, 2, 3}) {
        CAPTURE(resize);
        CAPTURE(corner);
        data::Image photo(width, height, 3, 128);
        const auto before = predictor.predict(photo).probabilities.to_vector<float>();
        const int right = corner % 2, bottom = corner / 2;
        for (int y = 0; y < 5; ++y)
          for (int x = 0; x < 5; ++x) photo.at(right ? width - 1 - x : x, bottom ? height - 1 - y : y)[0] = 255;
        const auto after = predictor.predict(photo).probabilities.to_vector<float>();
        double sum = 0, at_x = 0, at_y = 0;  // where the answers changed
        for (std::size_t i = 0; i < after.size(); ++i) {
          const double change = std::abs(static_cast<double>(after[i]) - static_cast<double>(before[i]));
          const auto pixel = i / kClasses, w = static_cast<std::size_t>(width);
          sum += change, at_x += change * static_cast<double>(pixel % w), at_y += change * static_cast<double>(pixel / w);
        }
        REQUIRE(sum > 0.1);
        CHECK((at_x / sum > width / 2.0) == (right == 1));
        CHECK((at_y / sum > height / 2.0) == (bottom == 1));
      }
  }
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
    // The same bytes where compiler and options are those of then; others fuse other multiplications and additions.
    CHECK(relative_error(predictor.predict(data::read_image(golden("checkpoint_format1.png"))).probabilities, then) < 1e-6);
  }
}
