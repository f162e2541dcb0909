#include "lamina/infer/predictor.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/data/augment.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/ops/ops.hpp"

namespace lamina::infer {
namespace {

/// (H, W, C) from a batch of one.
Tensor first_image(const Tensor& batch) { return batch.view_as({batch.size(1), batch.size(2), batch.size(3)}); }

/// Weight of a window's pixel along one axis: a Gaussian about the middle with sd = window / 8 that falls no lower than 1/1000, so that
/// the middle of a window, where the network sees most, decides (as nnU-Net blends its patches).
std::vector<float> blend_profile(int window) {
  std::vector<float> profile(static_cast<std::size_t>(window));
  for (int i = 0; i < window; ++i) {
    const double d = (i + 0.5 - window / 2.0) / (window / 8.0);
    profile[static_cast<std::size_t>(i)] = static_cast<float>(std::max(std::exp(-d * d / 2), 1e-3));
  }
  return profile;
}

}  // namespace

std::vector<int> window_starts(int size, int window, double overlap) {
  if (size <= window) return {0};
  const int stride = std::max(1, static_cast<int>(std::floor(window * (1 - overlap))));
  const int count = (size - window + stride - 1) / stride + 1;
  std::vector<int> starts;
  for (int i = 0; i < count; ++i) starts.push_back(static_cast<int>(std::int64_t{size - window} * i / (count - 1)));
  return starts;
}

std::string to_json(const InputConfig& c) { return settings_to_json(settings_of(c), 1); }

InputConfig input_config_from_json(const std::string& text) {
  constexpr const char* kWhat = "not an input description";
  InputConfig config;
  int format = 0;
  assign_settings(config, settings_from_json(text, kWhat, 1, format), kWhat);
  return config;
}

InferenceInfo inference_info(const io::Metadata& metadata, const std::string& origin) {
  auto text = [&](const char* key) -> const std::string& {
    const auto it = metadata.find(key);
    const auto task = metadata.find("task");
    require<DataError>(task == metadata.end() || task->second != "colorization", origin,
                       ": the network colors photographs (lamina colorize predict); it segments none");
    require<DataError>(it != metadata.end(), origin, ": its metadata lacks \"", key, "\": it was not written by lamina train");
    return it->second;
  };
  const auto head = metadata.find("head");
  return {heads::make_head(data::parse_label_schema(text("labels"), origin), head == metadata.end() ? "" : head->second),
          input_config_from_json(text("input"))};
}

Predictor::Predictor(const std::filesystem::path& path, Device device) {
  const io::ModelFile file(io::find_weights(path));
  const InferenceInfo info = inference_info(file.metadata(), file.path().string());
  head_ = info.head;
  input_ = info.input;
  model_ = file.network();
  model_->to(device);
}

Tensor Predictor::probabilities(const Tensor& images) {
  const Tensor logits = model_->output(images, head_->name());
  const bool same = logits.size(1) == images.size(1) && logits.size(2) == images.size(2);
  return head_->probabilities(same ? logits : resize_bilinear(logits, images.size(1), images.size(2), model_->grid())).to(kCpu);
}

Tensor Predictor::whole(const data::Image& image) {
  const auto mode = data::resize_named(input_.resize);
  if (mode != data::Resize::pad) {
    const Tensor x = data::to_tensor(data::resized(image, input_.width, input_.height));
    return first_image(resize_bilinear(probabilities(x), image.height, image.width, ResizeGrid::half_pixel));
  }
  // Scaled to fit and centred: cut the border off again before going back.
  const auto [w, h] = data::fit_inside(image.width, image.height, input_.width, input_.height);
  const Tensor p = probabilities(data::to_tensor(data::fitted(image, input_.width, input_.height, mode)));
  const Tensor inner = crop(p, {.top = (input_.height - h) / 2, .left = (input_.width - w) / 2, .height = h, .width = w});
  return first_image(resize_bilinear(inner, image.height, image.width, ResizeGrid::half_pixel));
}

Tensor Predictor::tiled(const data::Image& image, const PredictOptions& options) {
  const auto rows = window_starts(image.height, input_.height, options.overlap),
             cols = window_starts(image.width, input_.width, options.overlap);
  const auto vertical = blend_profile(input_.height), horizontal = blend_profile(input_.width);
  const Tensor x = data::to_tensor(image);  // (1, H, W, 3)
  const std::int64_t outputs = head_->outputs(), height = image.height, width = image.width;
  const Tensor sum = Tensor::zeros({height, width, outputs}), weights = Tensor::zeros({height, width});
  std::vector<std::pair<int, int>> windows;
  for (int r : rows)
    for (int c : cols) windows.emplace_back(r, c);
  for (std::size_t begin = 0; begin < windows.size(); begin += static_cast<std::size_t>(options.batch)) {
    const auto n = std::min(static_cast<std::size_t>(options.batch), windows.size() - begin);
    const Tensor batch = Tensor::full({static_cast<std::int64_t>(n), input_.height, input_.width, 3}, -1);  // beyond the border: black
    for (std::size_t i = 0; i < n; ++i) {
      const auto [r, c] = windows[begin + i];
      const std::int64_t count = 3 * std::min<std::int64_t>(input_.width, width - c);
      for (std::int64_t y = 0; y < std::min<std::int64_t>(input_.height, height - r); ++y)
        std::copy_n(x.data<float>() + ((r + y) * width + c) * 3, count,
                    batch.data<float>() + (static_cast<std::int64_t>(i) * input_.height + y) * input_.width * 3);
    }
    const Tensor p = probabilities(batch).packed();
    for (std::size_t i = 0; i < n; ++i) {
      const auto [r, c] = windows[begin + i];
      for (std::int64_t y = 0; y < std::min<std::int64_t>(input_.height, height - r); ++y)
        for (std::int64_t u = 0; u < std::min<std::int64_t>(input_.width, width - c); ++u) {
          const float weight = vertical[static_cast<std::size_t>(y)] * horizontal[static_cast<std::size_t>(u)];
          const float* from = p.data<float>() + ((static_cast<std::int64_t>(i) * input_.height + y) * input_.width + u) * outputs;
          const std::int64_t at = (r + y) * width + c + u;
          for (std::int64_t k = 0; k < outputs; ++k) sum.data<float>()[at * outputs + k] += weight * from[k];
          weights.data<float>()[at] += weight;
        }
    }
  }
  for (std::int64_t i = 0; i < height * width; ++i)
    for (std::int64_t k = 0; k < outputs; ++k) sum.data<float>()[i * outputs + k] /= weights.data<float>()[i];
  return sum;
}

Prediction Predictor::predict(const data::Image& image, const PredictOptions& options) {
  require<OptionError>(options.overlap >= 0 && options.overlap <= 0.9, "predict: overlap ", options.overlap, " is outside [0, 0.9]");
  require<OptionError>(options.batch >= 1, "predict: batch ", options.batch, " must be at least 1");
  data::require_valid("predict", image);
  using Tiling = PredictOptions::Tiling;
  const bool tile =
      options.tiling == Tiling::always || (options.tiling == Tiling::automatic && data::resize_named(input_.resize) == data::Resize::crop);
  const NoGrad no_grad;
  Prediction result;
  result.probabilities = (tile ? tiled(image, options) : whole(image)).packed();
  result.labels = data::LabelImage(image.width, image.height, 0, head_->planes());
  result.labels.labels = head_->decide(result.probabilities, heads::Scale::probabilities).to_vector<std::uint8_t>();
  return result;
}

}  // namespace lamina::infer
