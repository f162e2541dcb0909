#include "lamina/infer/predictor.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <tuple>

#include "lamina/data/augment.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/ops/ops.hpp"

namespace lamina::infer {
namespace {

/// The same draws for every photograph, whichever come before.
constexpr RandomKey kDraws{0, 0x6d6f6e7465};

constexpr std::int64_t kStripValues = 1 << 20;  ///< that a strip of a whole photograph has at most, unless a row has more

/// (H, W, C) from a batch of one.
Tensor first_image(const Tensor& batch) { return batch.view_as({batch.size(1), batch.size(2), batch.size(3)}); }

}  // namespace

std::string to_json(const InputConfig& c) { return settings_to_json(settings_of(c), 1); }

InputConfig input_config_from_json(const std::string& text, const std::string& origin) {
  const std::string what = origin + ": not an input description";
  InputConfig config;
  int format = 0;
  assign_settings(config, settings_from_json(text, what.c_str(), 1, format), what.c_str());
  try {
    require_ranges(config);
  } catch (const OptionError& e) {
    throw DataError(message(what, ": ", e.what()));
  }
  return config;
}

namespace {
data::Normalization normalization_of(const InputConfig& c) {
  const auto numbers = [&](const std::string& text) {
    std::vector<float> all;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      float v = 0;
      const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, v);
      require<DataError>(error == std::errc() && stop == text.data() + end && std::isfinite(v), "not an input description: \"", text,
                         "\" is no list of numbers");
      all.push_back(v);
      begin = end + 1;
    }
    return all;
  };
  data::Normalization n{c.channels, numbers(c.mean), numbers(c.sd), c.bits};
  const bool fits = n.mean.size() == n.sd.size() && (n.mean.empty() || std::ssize(n.mean) == n.channels) &&
                    std::all_of(n.sd.begin(), n.sd.end(), [](float v) { return v > 0; });
  require<DataError>(fits && n.channels >= 1 && n.channels <= data::kMostChannels, "not an input description: ", n.channels, " channels, ",
                     n.mean.size(), " means, ", n.sd.size(), " standard deviations");
  return n;
}
}  // namespace

data::LoaderOptions loader_options(const InputConfig& c) {
  const auto border = static_cast<std::uint8_t>(c.border);
  return {.width = c.width,
          .height = c.height,
          .resize = data::resize_named(c.resize),
          .border = {.image = {border, border, border}},
          .normalization = normalization_of(c)};
}

InferenceInfo inference_info(const io::Metadata& metadata, const std::string& origin) {
  auto text = [&](const char* key) -> const std::string& {
    const auto it = metadata.find(key);
    const auto task = metadata.find("task");
    require<DataError>(task == metadata.end() || task->second != "colorization", origin,
                       ": the network colors photographs (lamina colorize predict); it segments none");
    require<DataError>(
        it != metadata.end(), origin, ": its metadata lacks \"", key, "\": it says not what the outputs mean. ",
        metadata.contains("model")
            ? "infer::save_predictor writes that, too, and so does lamina train --from FILE; or give Predictor the network "
              "(io::ModelFile(path).network()), a head (heads::make_head(labels)) and an InputConfig"
            : "Its network is known to the program alone that wrote it: there, build it, io::load_pretrained(*network, path), "
              "and give Predictor the network, a head (heads::make_head(labels)) and an InputConfig");
    return it->second;
  };
  const auto given = [&](const char* key, const char* usual) {
    const auto it = metadata.find(key);
    return it == metadata.end() ? std::string(usual) : it->second;
  };
  try {
    return {heads::make_head(data::parse_label_schema(text("labels"), origin), given("head", ""), given("output", kLabels)),
            input_config_from_json(text("input"), origin)};
  } catch (const OptionError& e) {  // a head that such labels cannot have
    throw DataError(message(origin, ": ", e.what()));
  }
}

namespace {
/// Throws DataError unless the network takes what its input has, and says what the head decides by.
void require_speaks(const models::Network& network, const heads::Head& head, const InputConfig& input, const std::string& what) {
  require<DataError>(network.in_channels() == input.channels, what, ": the network takes ", network.in_channels(),
                     " channels, its input has ", input.channels);
  const std::vector<models::OutputSpec> outputs = network.outputs();
  const auto ours = std::find_if(outputs.begin(), outputs.end(), [&](const models::OutputSpec& o) { return o.name == head.name(); });
  require<DataError>(ours != outputs.end() && ours->channels == head.outputs(), what, ": the network has no output \"", head.name(),
                     "\" of ", head.outputs(), " channels");
}
}  // namespace

Predictor::Predictor(const std::filesystem::path& path, Device device) : Predictor(io::ModelFile(io::find_weights(path)), device) {}

Predictor Predictor::from_bytes(std::string bytes, const std::string& origin, Device device) {
  return Predictor(io::ModelFile(std::move(bytes), origin), device);
}

Predictor::Predictor(std::unique_ptr<models::Network> network, std::shared_ptr<const heads::Head> head, const InputConfig& input,
                     Device device)
    : head_(std::move(head)), input_(input), loading_(loader_options(input)) {
  require<OptionError>(network && head_, "predictor: ", network ? "no head was given" : "no network was given");
  require_speaks(*network, *head_, input, "predictor");
  models_.push_back(std::move(network));
  models_[0]->eval();
  models_[0]->to(device);
}

Predictor::Predictor(const io::ModelFile& file, Device device) {
  const InferenceInfo info = inference_info(file.metadata(), file.path().string());
  head_ = info.head;
  input_ = info.input;
  loading_ = loader_options(input_);
  models_.push_back(file.network());
  require_speaks(*models_[0], *head_, input_, file.path().string());
  models_[0]->to(device);
}

void Predictor::add(const std::filesystem::path& path, Device device) {
  const io::ModelFile file(io::find_weights(path));
  const InferenceInfo info = inference_info(file.metadata(), file.path().string());
  const auto require_same = [&](bool same, const char* what) {
    require<DataError>(same, file.path().string(), ": its ", what, " is not that of the first network: their answers cannot be averaged");
  };
  require_same(data::to_json(info.head->schema()) == data::to_json(schema()), "set of labels");
  require_same(heads::without_thresholds(info.head->kind()) == heads::without_thresholds(head_->kind()), "kind of head");
  require_same(to_json(info.input) == to_json(input_), "input");
  models_.push_back(file.network());
  require_speaks(*models_.back(), *info.head, info.input, file.path().string());
  models_.back()->to(device);
}

Tensor probabilities_at(const heads::Head& head, const Tensor& logits, std::int64_t height, std::int64_t width, ResizeGrid grid) {
  const bool same = logits.size(1) == height && logits.size(2) == width;
  return head.probabilities(same ? logits : resize_bilinear(logits, height, width, grid)).to(kCpu);
}

Tensor Predictor::probabilities(const Tensor& images, const PassOptions& passes) const {
  std::vector<models::Network*> networks;
  for (const auto& model : models_) networks.push_back(model.get());
  return mean_of_passes(images, networks, passes, [&](models::Network& network, const Tensor& x) {
    return probabilities_at(*head_, network.output(x, head_->name()), x.size(1), x.size(2), network.grid());
  });
}

Tensor Predictor::seen(const data::ImageView& image) const {
  const bool pads = loading_.resize == data::Resize::pad;
  return data::to_tensor(pads ? data::fitted(image, input_.width, input_.height, loading_.resize, loading_.border)
                              : data::resized(image, input_.width, input_.height),
                         loading_.normalization);
}

void Predictor::at_own_size(const Tensor& said, const data::ImageView& image, const Blend::Rows& f) const {
  Tensor inner = said;
  if (loading_.resize == data::Resize::pad) {  // scaled to fit and centred: cut the border off again before going back
    const auto [w, h] = data::fit_inside(image.width, image.height, input_.width, input_.height);
    inner = crop(said, {.top = (input_.height - h) / 2, .left = (input_.width - w) / 2, .height = h, .width = w});
  }
  // Down the photograph, then across it some rows at a time: what bilinear resizing computes, in the same order.
  const Tensor tall = first_image(resize_bilinear(inner, image.height, inner.size(2), ResizeGrid::half_pixel));
  const std::int64_t rows = std::max<std::int64_t>(1, kStripValues / (image.width * tall.size(2)));
  for (std::int64_t first = 0; first < image.height; first += rows) {
    const Tensor strip = tall.rows(first, std::min(rows, image.height - first));
    const Tensor across = resize_bilinear(strip.view_as({1, strip.size(0), strip.size(1), strip.size(2)}), strip.size(0), image.width,
                                          ResizeGrid::half_pixel);
    f(first, first_image(across));
  }
}

void Predictor::tiled(const data::ImageView& image, const PredictOptions& options, const Blend::Rows& f) const {
  const std::vector<data::Window> windows = data::windows_of(image.width, image.height, input_.width, input_.height, options.overlap);
  const std::size_t pixel_bytes = static_cast<std::size_t>(image.channels) * image.sample_bytes();
  const auto batch_size = std::min(static_cast<std::size_t>(options.batch), windows.size());
  Blend blend(windows[0], input_.width, input_.height, head_->outputs() + passes_several_times(options.passes), f);
  for (std::size_t begin = 0; begin < windows.size(); begin += batch_size) {
    const auto n = std::min(batch_size, windows.size() - begin);
    const Tensor batch = Tensor::empty({static_cast<std::int64_t>(n), input_.height, input_.width, input_.channels});
    for (std::size_t i = 0; i < n; ++i) {
      const auto [c, r, width, height] = windows[begin + i];
      data::Image window = data::blank_like(image, input_.width, input_.height, loading_.border.image[0]);
      for (int y = 0; y < std::min(input_.height, height - r); ++y)
        std::copy_n(image.at(c, r + y), pixel_bytes * static_cast<std::size_t>(std::min(input_.width, width - c)), window.at(0, y));
      batch.rows(static_cast<std::int64_t>(i), 1).copy_from(data::to_tensor(window, loading_.normalization));
    }
    const Tensor p = probabilities(batch, options.passes).packed();
    for (std::size_t i = 0; i < n; ++i) blend.add(windows[begin + i], p.rows(static_cast<std::int64_t>(i), 1).data<float>());
  }
  blend.finish();
}

bool Predictor::tiles(const PredictOptions& options) const {
  using Tiling = PredictOptions::Tiling;
  return options.tiling == Tiling::always || (options.tiling == Tiling::automatic && loading_.resize == data::Resize::crop);
}

double Predictor::shrinks(const data::ImageView& image, const PredictOptions& options) const {
  if (tiles(options)) return 1;
  int width = input_.width, height = input_.height;
  if (loading_.resize == data::Resize::pad) std::tie(width, height) = data::fit_inside(image.width, image.height, width, height);
  return std::max({1.0, static_cast<double>(image.width) / width, static_cast<double>(image.height) / height});
}

void Predictor::require_fits(const data::ImageView& image, const std::string& what) const {
  data::require_bits(image, input_.bits, what);
  data::require_channels(image, input_.channels, what);
}

bool Predictor::checked(const data::ImageView& image, const PredictOptions& options) const {
  require<OptionError>(options.overlap >= 0 && options.overlap <= 0.9, "predict: overlap ", options.overlap, " is outside [0, 0.9]");
  require<OptionError>(options.batch >= 1, "predict: batch ", options.batch, " must be at least 1");
  require<OptionError>(options.passes.draws >= 0, "predict: ", options.passes.draws, " draws with dropout");
  data::require_valid("predict", image);
  require_fits(image, "predict");
  return !data::has_channels(image, input_.channels);
}

Prediction Predictor::empty_prediction(const data::ImageView& image, const PredictOptions& options) const {
  Prediction p;
  p.labels = data::LabelImage(image.width, image.height, 0, head_->planes());
  if (options.probabilities) p.probabilities = Tensor::empty({image.height, image.width, head_->outputs()});
  if (passes_several_times(options.passes)) p.uncertainty = Tensor::empty({image.height, image.width});
  return p;
}

void Predictor::take(Prediction& p, std::int64_t first, const Tensor& said, const Blend::Rows& rows) const {
  const int outputs = head_->outputs();
  const Tensor probabilities = said.channels(0, outputs);
  const auto labels = head_->decide(probabilities, heads::Scale::probabilities).to_vector<std::uint8_t>();
  std::copy(labels.begin(), labels.end(), &p.labels.at(0, static_cast<int>(first)));
  if (rows) rows(first, probabilities);
  if (p.probabilities) p.probabilities.rows(first, said.size(0)).copy_from(probabilities);
  if (p.uncertainty) {
    const Tensor spread = said.channels(outputs, 1).packed();
    std::copy_n(spread.data<float>(), spread.numel(), p.uncertainty.data<float>() + first * p.labels.width);
  }
}

Prediction Predictor::predict(const data::ImageView& image, const PredictOptions& options) const {
  if (checked(image, options)) return predict(data::with_channels(image.copy(), input_.channels, "predict"), options);
  if (!tiles(options)) return std::move(predict(std::span(&image, 1), options)[0]);
  const NoGrad no_grad;
  const nn::RandomScope random(kDraws);
  Prediction result = empty_prediction(image, options);
  tiled(image, options, [&](std::int64_t first, const Tensor& said) { take(result, first, said, options.rows); });
  return result;
}

std::vector<Prediction> Predictor::predict(std::span<const data::ImageView> images, const PredictOptions& options) const {
  std::vector<Prediction> all;
  if (tiles(options)) {
    for (const data::ImageView& image : images) all.push_back(predict(image, options));
    return all;
  }
  const NoGrad no_grad;
  const auto most = static_cast<std::size_t>(options.passes.draws > 0 ? 1 : std::max(options.batch, 1));  // the same draws for each
  for (std::size_t begin = 0; begin < images.size(); begin += most) {
    const auto part = images.subspan(begin, std::min(most, images.size() - begin));
    const Tensor batch = Tensor::empty({std::ssize(part), input_.height, input_.width, input_.channels});
    for (std::size_t i = 0; i < part.size(); ++i) {
      const bool gray = checked(part[i], options);
      batch.rows(static_cast<std::int64_t>(i), 1)
          .copy_from(seen(gray ? data::ImageView(data::with_channels(part[i].copy(), input_.channels, "predict")) : part[i]));
    }
    const nn::RandomScope random(kDraws);
    const Tensor said = probabilities(batch, options.passes).packed();
    for (std::size_t i = 0; i < part.size(); ++i) {
      all.push_back(empty_prediction(part[i], options));
      at_own_size(said.rows(static_cast<std::int64_t>(i), 1), part[i],
                  [&](std::int64_t first, const Tensor& rows) { take(all.back(), first, rows, options.rows); });
    }
  }
  return all;
}

void save_predictor(const std::filesystem::path& path, const models::Network& network, const models::ModelConfig& config,
                    const heads::Head& head, const InputConfig& input) {
  heads::require_loadable(head);
  try {
    require_speaks(network, head, input, path.string());
    (void)loader_options(input_config_from_json(to_json(input), path.string()));
  } catch (const DataError& e) {
    throw OptionError(message("save_predictor: ", e.what()));
  }
  io::Metadata metadata{{"labels", data::to_json(head.schema())}, {"head", head.kind()}, {"input", to_json(input)}};
  if (head.name() != kLabels) metadata["output"] = head.name();
  io::save_model(path, network, config, std::move(metadata));
}

}  // namespace lamina::infer
