#pragma once
#include <filesystem>
#include <memory>
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
};

/// How photographs become the network's input; stored in the checkpoint as "input".
struct InputConfig {
  int width = 256, height = 256;
  std::string resize = "stretch";
  int channels = 3;
  std::string mean{}, sd{};  ///< of each channel in full intensities, with commas between; empty: 1/2
  int border = 0;            ///< what lies outside a photograph, in 255ths of full intensity
  int bits = 0;              ///< of the photographs that mean and sd were taken from; 0: they do not depend on them
};
template <class Visit>
void describe(InputConfig& c, Visit&& visit) {
  visit(Field{"width", "of the network's input", 1}, c.width);
  visit(Field{"height", "of the network's input", 1}, c.height);
  visit(Field{"resize", "how photographs get to that size: stretch | crop | pad"}, c.resize);
  visit(Field{"channels", "of photographs: 3 for gray and RGB", 1, data::kMostChannels}, c.channels);
  visit(Field{"mean", "of each channel in full intensities; empty: 0.5"}, c.mean);
  visit(Field{"sd", "standard deviation of each channel; empty: 0.5"}, c.sd);
  visit(Field{"border", "what lies outside a photograph, in 255ths of full intensity", 0, 255}, c.border);
  visit(Field{"bits", "of photographs, where mean and sd depend on them", 0, 16}, c.bits);
}
/// The one way from stored settings to what loaders and predictors do. Throws DataError.
data::LoaderOptions loader_options(const InputConfig& config);
std::string to_json(const InputConfig& config);
InputConfig input_config_from_json(const std::string& text);

/// What a checkpoint says, beside the network, that looking at photographs needs: "labels", "head" and "input" of its metadata.
struct InferenceInfo {
  std::shared_ptr<const heads::Head> head;
  InputConfig input;
};
/// Throws DataError naming `origin` when the file was not written by Lamina's trainer.
InferenceInfo inference_info(const io::Metadata& metadata, const std::string& origin);

/// What a network says of one photograph, at the photograph's own size.
struct Prediction {
  data::LabelImage labels;
  Tensor probabilities;  ///< (H, W, Head::outputs) f32; none without PredictOptions::probabilities
  /// (H, W) f32, of more than one pass: their standard deviation, averaged over the outputs.
  Tensor uncertainty{};
};

/// A trained network with everything it needs to look at a photograph: one checkpoint file.
class Predictor {
 public:
  /// `path` is a checkpoint or a run folder (then its weights/best). Throws IoError, DataError, DeviceError.
  explicit Predictor(const std::filesystem::path& path, Device device = kCpu);

  const data::LabelSchema& schema() const { return head_->schema(); }
  const heads::Head& head() const { return *head_; }
  const InputConfig& input() const { return input_; }
  models::Network& model() { return *models_[0]; }
  /// Another network, whose probabilities join the mean (an ensemble). Throws as the constructor; DataError unless it learned the same
  /// labels, by the same kind of head, from photographs brought to it in the same way.
  void add(const std::filesystem::path& path, Device device = kCpu);

  /// Windows are read, run and blended a strip of rows at a time. Without probabilities a tiled prediction takes, beside the image and the
  /// labels, no more than a batch of windows needs and 10 * outputs + 16 bytes for each of W * input().height pixels: with 3 outputs and an
  /// input of 512 rows 0.5 GB at 20000 x 20000. Probabilities take 4 * outputs bytes a pixel of the image; so does a whole one.
  /// Throws OptionError on an overlap outside its range, DataError on an image that is none or has other bands or bits than the network was
  /// trained on (data::read_bands keeps those of a file), MemoryError.
  Prediction predict(const data::Image& image, const PredictOptions& options = {});
  /// Throws DataError, beginning with `what`, unless the image has the bands and bits of the photographs that the network was trained on.
  void require_fits(const data::Image& image, const std::string& what) const;
  /// Is the image looked at in windows, at its own scale?
  bool tiles(const PredictOptions& options) const;
  /// How many times smaller the network sees the image (along the axis that shrinks most); 1 where it is tiled or enlarged.
  double shrinks(const data::Image& image, const PredictOptions& options = {}) const;

 private:
  /// As mean_of_passes.
  Tensor probabilities(const Tensor& images, const PassOptions& passes);
  Tensor whole(const data::Image& image, const PassOptions& passes);
  bool passes_several_times(const PassOptions& passes) const { return passes.count() > 1 || models_.size() > 1; }
  void tiled(const data::Image& image, const PredictOptions& options, const Blend::Rows& f);

  std::vector<std::unique_ptr<models::Network>> models_;
  std::shared_ptr<const heads::Head> head_;
  InputConfig input_;
  data::LoaderOptions loading_;
};

/// Probabilities (N, height, width, Head::outputs) on the host of logits that may be smaller, which are then interpolated on `grid`.
Tensor probabilities_at(const heads::Head& head, const Tensor& logits, std::int64_t height, std::int64_t width, ResizeGrid grid);

}  // namespace lamina::infer
