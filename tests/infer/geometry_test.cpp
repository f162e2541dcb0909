// From the network's answer back to the photograph's size, against the same by hand.
#include <cmath>

#include "lamina/data/augment.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/models/presets.hpp"
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

constexpr int kWidth = 16, kHeight = 12, kClasses = 3;

/// A checkpoint with random weights, and its network.
struct Net : TempFolder {
  explicit Net(const std::string& resize) {
    const models::ModelConfig config{.in_channels = 3, .classes = kClasses, .base = 2, .depth = 1};
    data::LabelSchema schema;
    schema.names = {"a", "b", "c"};
    schema.values = {0, 1, 2};
    model = models::build_segmenter(config, 5);
    // Larger logits, so that every class wins somewhere and pixels differ.
    for (const auto& p : model->named_parameters())
      if (p.name == "head.weight") p.tensor.copy_from(scale(p.tensor.detach(), 6));
    model->eval();
    io::Checkpoint c;
    c.model = model->state();
    c.metadata["model"] = models::to_json(config);
    c.metadata["labels"] = data::to_json(schema);
    c.metadata["input"] = infer::to_json({.width = kWidth, .height = kHeight, .resize = resize});
    io::save_checkpoint(*this / "net.safetensors", c);
  }
  infer::Prediction predict(const data::Image& image, const infer::PredictOptions& options = {}) const {
    return infer::Predictor(*this / "net.safetensors").predict(image, options);
  }
  /// Probabilities (kHeight, kWidth, kClasses) of an image of the network's size.
  std::vector<double> answer(const data::Image& image) const {
    const NoGrad no_grad;
    REQUIRE(image.width == kWidth);
    REQUIRE(image.height == kHeight);
    return softmax((*model)(data::to_tensor(image))).to_vector<double>();
  }
  std::unique_ptr<models::Network> model;
};

data::Image noise(int width, int height) {
  data::Image image(width, height, 3);
  Random random(RandomKey{3});
  for (auto& p : image.pixels) p = static_cast<std::uint8_t>(random.below(256));
  return image;
}

/// The window (left, top, w, h) of `answer` enlarged to (width, height) by the half-pixel rule, one value after another.
std::vector<double> enlarged(const std::vector<double>& answer, int left, int top, int w, int h, int width, int height) {
  const auto at = [&](int x, int y, int k) { return answer[static_cast<std::size_t>(((top + y) * kWidth + left + x) * kClasses + k)]; };
  const auto tap = [](int o, int in, int out) {
    const double position = std::clamp((o + 0.5) * in / out - 0.5, 0.0, in - 1.0);
    const int lower = static_cast<int>(position);
    return std::tuple(lower, std::min(lower + 1, in - 1), position - lower);
  };
  std::vector<double> out;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int k = 0; k < kClasses; ++k) {
        const auto [y0, y1, v] = tap(y, h, height);
        const auto [x0, x1, u] = tap(x, w, width);
        out.push_back((1 - v) * ((1 - u) * at(x0, y0, k) + u * at(x1, y0, k)) + v * ((1 - u) * at(x0, y1, k) + u * at(x1, y1, k)));
      }
  return out;
}

void check_same(const infer::Prediction& p, const std::vector<double>& want, int width, int height) {
  REQUIRE(p.probabilities.shape() == Shape{height, width, kClasses});
  const auto got = p.probabilities.to_vector<double>();
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
  CHECK(worst < 1e-5);
  REQUIRE(p.labels.width == width);
  REQUIRE(p.labels.height == height);
  int seen = 0;
  for (std::size_t i = 0; i < p.labels.labels.size(); ++i) {
    const auto first = got.begin() + static_cast<std::ptrdiff_t>(i * kClasses);
    REQUIRE(p.labels.labels[i] == std::max_element(first, first + kClasses) - first);
    seen |= 1 << p.labels.labels[i];
  }
  if (width * height > 20) CHECK((seen & (seen - 1)) != 0);  // more than one class: a constant answer would hide moves
}

constexpr std::pair<int, int> kSizes[] = {{16, 12}, {40, 30}, {31, 9}, {7, 5}, {17, 23}, {33, 50}, {1, 1}};

}  // namespace

TEST_CASE("stretch: the network's size, and back to the photograph's") {
  const Net net("stretch");
  for (const auto& [width, height] : kSizes) {
    CAPTURE(width);
    CAPTURE(height);
    const data::Image image = noise(width, height);
    check_same(net.predict(image), enlarged(net.answer(data::resized(image, kWidth, kHeight)), 0, 0, kWidth, kHeight, width, height), width,
               height);
  }
}

TEST_CASE("pad: the margins are cut off where they were put on, odd ones too") {
  const Net net("pad");
  struct Case {
    int width, height, inner_width, inner_height, left, top;
  };
  for (const Case& c : {Case{40, 30, 16, 12, 0, 0}, Case{31, 9, 16, 5, 0, 3}, Case{32, 14, 16, 7, 0, 2}, Case{17, 24, 9, 12, 3, 0},
                        Case{10, 30, 4, 12, 6, 0}, Case{5, 6, 10, 12, 3, 0}, Case{13, 12, 13, 12, 1, 0}, Case{16, 9, 16, 9, 0, 1}}) {
    CAPTURE(c.width);
    CAPTURE(c.height);
    const data::Image image = noise(c.width, c.height), inner = data::resized(image, c.inner_width, c.inner_height);
    data::Image padded(kWidth, kHeight, 3);
    for (int y = 0; y < c.inner_height; ++y) std::copy_n(inner.at(0, y), 3 * c.inner_width, padded.at(c.left, c.top + y));
    check_same(net.predict(image), enlarged(net.answer(padded), c.left, c.top, c.inner_width, c.inner_height, c.width, c.height), c.width,
               c.height);
  }
}

TEST_CASE("crop: windows at the photograph's own scale; what is smaller lies at the top left of a black window") {
  const Net net("crop");
  for (const auto& [width, height] : {std::pair(16, 12), std::pair(9, 12), std::pair(16, 5), std::pair(7, 5)}) {
    CAPTURE(width);
    CAPTURE(height);
    const data::Image image = noise(width, height);
    data::Image window(kWidth, kHeight, 3);
    for (int y = 0; y < height; ++y) std::copy_n(image.at(0, y), 3 * width, window.at(0, y));
    const auto answer = net.answer(window);
    std::vector<double> want;
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (int k = 0; k < kClasses; ++k) want.push_back(answer[static_cast<std::size_t>((y * kWidth + x) * kClasses + k)]);
    check_same(net.predict(image), want, width, height);
  }
}

TEST_CASE("gray photographs are gray in all three channels") {
  const Net net("stretch");
  data::Image gray(20, 9, 1);
  Random random(RandomKey{4});
  for (auto& p : gray.pixels) p = static_cast<std::uint8_t>(random.below(256));
  data::Image color(20, 9, 3);
  for (std::size_t i = 0; i < gray.pixels.size(); ++i) std::fill_n(color.pixels.data() + 3 * i, 3, gray.pixels[i]);
  CHECK(same_bytes(net.predict(gray).probabilities, net.predict(color).probabilities));
}
