#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "lamina/core/random.hpp"
#include "lamina/data/dataset.hpp"
#include "lamina/infer/predictor.hpp"
#include "support/temp_folder.hpp"

// A small predictor, and what it should answer.
namespace lamina::test {

inline constexpr int kWidth = 32, kHeight = 24, kClasses = 3;

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
struct PredictorFolder : TempFolder {
  const models::ModelConfig model{.in_channels = 3, .classes = kClasses, .options = {{"base", "4"}, {"depth", "2"}}};
  explicit PredictorFolder(const std::string& resize = "crop") {
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

inline data::Image noise(int width, int height) {
  data::Image image(width, height, 3);
  Random random(RandomKey{3});
  for (auto& p : image.pixels) p = static_cast<std::uint8_t>(random.below(256));
  return image;
}

}  // namespace lamina::test
