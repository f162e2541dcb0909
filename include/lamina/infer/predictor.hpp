#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lamina/core/settings.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/heads/head.hpp"
#include "lamina/infer/blend.hpp"
#include "lamina/infer/passes.hpp"
#include "lamina/io/model_file.hpp"

namespace lamina::infer {

struct PredictOptions {
  enum class Tiling {
    automatic,  ///< always for networks trained on crops, else never
    never,      ///< the whole photograph, brought to the training size as in training
    always,     ///< a window of the training size slides over the photograph at its own scale
  };
  Tiling tiling = Tiling::automatic;
  double overlap = data::kWindowOverlap;  ///< share of a window that its neighbour covers again, in [0, 0.9]
  int batch = 4;                          ///< windows a forward pass
  bool probabilities = true;  ///< without, a Prediction has labels only, and a tiled one is bounded in memory: see Predictor::predict
  PassOptions passes{};       ///< looks and draws, whose mean is what is decided by
  Blend::Rows rows{};         ///< also told the probabilities (rows, W, outputs), from the top
};

/// Of a network's input, in pixels: no file of 20 KB may ask for more.
inline constexpr int kMostSide = 1 << 14;

/// How photographs become the network's input; stored in the checkpoint as "input".
struct InputConfig {
  int width = 256, height = 256;
  std::string resize = "stretch";
  int channels = 3;
  std::string mean{}, sd{};  ///< of each channel in full intensities, with commas between; empty: 1/2
  int border = 0;            ///< what lies outside a photograph, in 255ths of full intensity
  int bits = 0;              ///< of the photographs that it learns from, 8 or 16; 0: of both, or not known
};
template <class Visit>
void describe(InputConfig& c, Visit&& visit) {
  visit(Field{"width", "of the network's input", 1, kMostSide}, c.width);
  visit(Field{"height", "of the network's input", 1, kMostSide}, c.height);
  visit(Field{"resize", "how photographs get to that size: stretch | crop | pad"}, c.resize);
  visit(Field{"channels", "of photographs: 3 for gray and RGB", 1, data::kMostChannels}, c.channels);
  visit(Field{"mean", "of each channel in full intensities; empty: 0.5"}, c.mean);
  visit(Field{"sd", "standard deviation of each channel; empty: 0.5"}, c.sd);
  visit(Field{"border", "what lies outside a photograph, in 255ths of full intensity", 0, 255}, c.border);
  visit(Field{"bits", "of the photographs that it learns from; 0: of both", 0, 16}, c.bits);
}
/// The one way from stored settings to what loaders and predictors do. Throws DataError.
data::LoaderOptions loader_options(const InputConfig& config);
std::string to_json(const InputConfig& config);
/// Throws DataError, beginning with `origin`, on what is none, or has values outside their ranges.
InputConfig input_config_from_json(const std::string& text, const std::string& origin);

/// What a checkpoint says, beside the network, that looking at photographs needs: "labels", "head" and "input" of its metadata.
struct InferenceInfo {
  std::shared_ptr<const heads::Head> head = {};
  InputConfig input = {};
};
/// Throws DataError naming `origin` when the file was not written by Lamina's trainer.
InferenceInfo inference_info(const io::Metadata& metadata, const std::string& origin);

/// What a network says of one photograph, at the photograph's own size.
struct Prediction {
  data::LabelImage labels = {};
  Tensor probabilities = {};  ///< (H, W, Head::outputs) f32; none without PredictOptions::probabilities
  /// (H, W) f32, of more than one pass: their standard deviation, averaged over the outputs.
  Tensor uncertainty{};
};

/// A trained network with everything it needs to look at a photograph: one checkpoint file.
///
/// Threads: `predict` and the other const functions may be called by several threads at once on the CPU, unless it draws with dropout
/// (PassOptions::draws); results are those of calls in turn. Without an ExecutorScope of their own they take turns on the shared pool. On
/// CUDA, and while networks are added, one thread at a time.
class Predictor {
 public:
  /// `path` is a checkpoint or a run folder (then its weights/best). Throws IoError, DataError, DeviceError.
  explicit Predictor(const std::filesystem::path& path, Device device = kCpu);
  /// Of the bytes of a checkpoint. Throws DataError naming `origin`, DeviceError.
  static Predictor from_bytes(std::string bytes, const std::string& origin = "the checkpoint in memory", Device device = kCpu);
  /// Of a network of the program's own; its output is called as the head. Throws DataError: channels that do not fit.
  Predictor(std::unique_ptr<models::Network> network, std::shared_ptr<const heads::Head> head, const InputConfig& input,
            Device device = kCpu);

  const data::LabelSchema& schema() const { return head_->schema(); }
  const heads::Head& head() const { return *head_; }
  const InputConfig& input() const { return input_; }
  models::Network& model() { return *models_[0]; }
  /// Another network, whose probabilities join the mean (an ensemble), decided by the first one's thresholds. Throws as the constructor;
  /// DataError unless it learned the same labels, by the same kind of head, from photographs brought to it in the same way.
  void add(const std::filesystem::path& path, Device device = kCpu);

  /// Windows are read, run and blended a strip of rows at a time. Without probabilities a tiled prediction takes, beside the image and the
  /// labels, no more than a batch of windows needs and 10 * outputs + 16 bytes for each of W * input().height pixels: with 3 outputs and an
  /// input of 512 rows 0.5 GB at 20000 x 20000. A whole image takes 4 * outputs bytes for each of input().width * H pixels and a strip of
  /// 4 MB. Probabilities take 4 * outputs bytes a pixel of the image.
  /// Throws OptionError on an overlap outside its range, DataError on an image that is none or has other bands or bits than the network was
  /// trained on (data::read_bands keeps those of a file), MemoryError.
  Prediction predict(const data::ImageView& image, const PredictOptions& options = {}) const;
  Prediction predict(const data::Image& image, const PredictOptions& options = {}) const {
    data::require_valid("predict", image);
    return predict(data::ImageView(image), options);
  }
  /// The same of several images, `options.batch` of which are one forward pass where the network sees whole ones.
  std::vector<Prediction> predict(std::span<const data::ImageView> images, const PredictOptions& options = {}) const;
  std::vector<Prediction> predict(std::span<const data::Image> images, const PredictOptions& options = {}) const {
    for (const data::Image& image : images) data::require_valid("predict", image);
    return predict(std::vector<data::ImageView>(images.begin(), images.end()), options);
  }
  /// Throws DataError, beginning with `what`, unless the image has the bands and bits of the photographs that the network was trained on.
  void require_fits(const data::ImageView& image, const std::string& what) const;
  /// Is the image looked at in windows, at its own scale?
  bool tiles(const PredictOptions& options) const;
  /// How many times smaller the network sees the image (along the axis that shrinks most); 1 where it is tiled or enlarged.
  double shrinks(const data::ImageView& image, const PredictOptions& options = {}) const;

 private:
  explicit Predictor(const io::ModelFile& file, Device device);
  /// As mean_of_passes.
  Tensor probabilities(const Tensor& images, const PassOptions& passes) const;
  /// A whole image as the network sees it, and what was said of it at the image's own size, strip by strip.
  Tensor seen(const data::ImageView& image) const;
  void at_own_size(const Tensor& said, const data::ImageView& image, const Blend::Rows& f) const;
  /// Throws as predict; true: the image must be made gray first.
  bool checked(const data::ImageView& image, const PredictOptions& options) const;
  Prediction empty_prediction(const data::ImageView& image, const PredictOptions& options) const;
  /// Rows of probabilities, and of how far passes are apart, become part of a prediction.
  void take(Prediction& prediction, std::int64_t first, const Tensor& said, const Blend::Rows& rows) const;
  bool passes_several_times(const PassOptions& passes) const { return passes.count() > 1 || models_.size() > 1; }
  void tiled(const data::ImageView& image, const PredictOptions& options, const Blend::Rows& f) const;

  std::vector<std::unique_ptr<models::Network>> models_;
  std::shared_ptr<const heads::Head> head_;
  InputConfig input_;
  data::LoaderOptions loading_;
};

/// Writes a network, of that configuration, with all that a Predictor needs. Atomic. Throws as io::save_model; OptionError on what no
/// Predictor could load: a head that is not registered or that the network has no output for, an input that it does not take.
void save_predictor(const std::filesystem::path& path, const models::Network& network, const models::ModelConfig& config,
                    const heads::Head& head, const InputConfig& input);

/// Probabilities (N, height, width, Head::outputs) on the host of logits that may be smaller, which are then interpolated on `grid`.
Tensor probabilities_at(const heads::Head& head, const Tensor& logits, std::int64_t height, std::int64_t width, ResizeGrid grid);

}  // namespace lamina::infer
