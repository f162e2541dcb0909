#include "lamina/infer/colorizer.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/names.hpp"
#include "lamina/data/augment.hpp"
#include "lamina/data/loader.hpp"

namespace lamina::infer {
namespace {

constexpr const char* kWhat = "not a colorization description";

/// (N, H, W, 3) in [-1, 1] with the colors' L*, a* and b* in place of red, green and blue, or back.
template <class Convert>
void convert(const Tensor& t, Convert&& f) {
  float* p = t.data<float>();
  for (std::int64_t i = 0; i < t.numel(); i += 3) {
    const std::array<double, 3> v = f({double{p[i]}, double{p[i + 1]}, double{p[i + 2]}});
    for (std::size_t c = 0; c < 3; ++c) p[i + static_cast<std::int64_t>(c)] = static_cast<float>(v[c]);
  }
}
std::array<double, 3> lab_of(const std::array<double, 3>& v) { return data::rgb_to_lab({(v[0] + 1) / 2, (v[1] + 1) / 2, (v[2] + 1) / 2}); }

}  // namespace

std::string to_json(const ColorizationConfig& c) { return settings_to_json(settings_of(c), 1); }

ColorizationConfig colorization_config_from_json(const std::string& text) {
  ColorizationConfig config;
  int format = 0;
  assign_settings(config, settings_from_json(text, kWhat, 1, format), kWhat);
  return config;
}

Colorization::Colorization(const ColorizationConfig& c) {
  constexpr Named<bool> kActivations[] = {{true, "tanh"}, {false, "none"}};
  constexpr Named<ResizeGrid> kGrids[] = {{ResizeGrid::align_corners, "align_corners"}, {ResizeGrid::half_pixel, "half_pixel"}};
  space = data::color_space_named(c.space);
  activation = parse_name("activation of G", c.activation, kActivations) ? Activation::tanh() : Activation::none();
  shrink = parse_name("grid", c.shrink, kGrids);
  constexpr Named<bool> kStatistics[] = {{false, "running"}, {true, "batch"}};
  batch_statistics = parse_name("statistics", c.statistics, kStatistics);
}

Tensor Colorization::operator()(models::Network& generator, const Tensor& gray) const {
  const Tensor y = generator(gray);
  return activation.is_none() ? y : lamina::activation(y, activation);
}

Tensor Colorization::show(models::Network& generator, const Tensor& gray) const {
  const NoGrad no_grad;
  const nn::RandomScope random(RandomKey{0, 0x6576616c});
  const nn::EvalScope modes(generator);
  if (!batch_statistics) return (*this)(generator, gray);
  std::vector<nn::NamedTensor> kept = generator.named_buffers();
  std::vector<Tensor> values;
  for (const nn::NamedTensor& b : kept) values.push_back(b.tensor.clone());
  generator.train();
  const Tensor made = (*this)(generator, gray);
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i].tensor.copy_from(values[i]);
  return made;
}

Tensor Colorization::beside(const Tensor& photographs, const Tensor& made) const {
  const Tensor there = photographs.to(made.device());
  const bool same = there.size(1) == made.size(1) && there.size(2) == made.size(2);
  return (same ? there : resize_bilinear(there, made.size(1), made.size(2), shrink)).to(made.dtype());
}

Colorizer::Colorizer(const std::filesystem::path& path, Device device) {
  const io::ModelFile file(io::find_weights(path, "last"));
  const auto colorization = file.metadata().find("colorization"), input = file.metadata().find("input");
  require<DataError>(colorization != file.metadata().end() && input != file.metadata().end(), file.path().string(),
                     ": its metadata lacks \"colorization\": it was not written by lamina colorize train");
  how_ = Colorization(colorization_config_from_json(colorization->second));
  input_ = input_config_from_json(input->second, file.path().string());
  generator_ = file.network();
  generator_->to(device);
}

data::Image Colorizer::color(const data::Image& photograph, const ColorizeOptions& options) {
  data::require_valid("colorize", photograph);
  const int least = generator_->minimum_size(), most = options.side ? options.side : 2 * std::max(input_.width, input_.height);
  require<OptionError>(most >= least, "--side ", most, " is below the ", least, " pixels that the network needs");
  const NoGrad no_grad;
  const int longer = std::max(photograph.width, photograph.height), shorter = std::min(photograph.width, photograph.height);
  const double scale = std::max(std::min(1.0, static_cast<double>(most) / longer), static_cast<double>(least) / shorter);
  const auto scaled = [&](int size) { return std::max(least, static_cast<int>(std::lround(size * scale))); };

  const Tensor seen = data::to_tensor(data::resized(photograph, scaled(photograph.width), scaled(photograph.height)));
  const Tensor gray = data::split_colors(how_.space, seen).gray;
  const Tensor made = how_.show(*generator_, gray).to(kCpu).to(DType::f32);
  const Tensor picture = data::join_colors(how_.space, how_.beside(gray, made), made);  // (1, h, w, 3)

  data::Image out(photograph.width, photograph.height, 3);
  Tensor result;
  if (options.network_lightness) {
    result = resize_bilinear(picture, photograph.height, photograph.width, how_.shrink);
  } else {
    convert(picture, lab_of);
    const Tensor colors = resize_bilinear(picture, photograph.height, photograph.width, how_.shrink);
    result = data::to_tensor(photograph);
    convert(result, lab_of);
    for (std::int64_t i = 0; i < result.numel(); i += 3) std::copy_n(colors.data<float>() + i + 1, 2, result.data<float>() + i + 1);
    convert(result, [](const std::array<double, 3>& lab) {
      auto rgb = data::lab_to_rgb(lab);
      for (double& v : rgb) v = 2 * v - 1;
      return rgb;
    });
  }
  std::transform(result.data<float>(), result.data<float>() + result.numel(), out.pixels.begin(),
                 [](float v) { return static_cast<std::uint8_t>(std::lround(std::clamp((v + 1) * 127.5f, 0.0f, 255.0f))); });
  return out;
}

}  // namespace lamina::infer
