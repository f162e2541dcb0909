#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lamina/data/image.hpp"
#include "lamina/data/label_schema.hpp"
#include "lamina/io/model_file.hpp"

namespace lamina::infer {

struct PredictOptions {
  enum class Tiling {
    automatic,  ///< always for networks trained on crops, else never
    never,      ///< the whole photograph, brought to the training size as in training
    always,     ///< a window of the training size slides over the photograph at its own scale
  };
  Tiling tiling = Tiling::automatic;
  double overlap = 0.25;  ///< share of a window that its neighbour covers again, in [0, 0.9]
  int batch = 4;          ///< windows a forward pass
};

/// How photographs become the network's input; stored in the checkpoint as "input".
struct InputConfig {
  int width = 256, height = 256;
  std::string resize = "stretch";
};
std::string to_json(const InputConfig& config);
InputConfig input_config_from_json(const std::string& text);

/// What a checkpoint says, beside the network, that looking at photographs needs: "labels" and "input" of its metadata.
struct InferenceInfo {
  data::LabelSchema schema;
  InputConfig input;
};
/// Throws DataError naming `origin` when the file was not written by Lamina's trainer.
InferenceInfo inference_info(const io::Metadata& metadata, const std::string& origin);

/// Probabilities of logits (..., outputs): each pixel's classes sum to 1; of a multilabel task every plane is on its own. Of grades,
/// output k is the probability that the grade is above k, so that a pixel's sum is its expected grade.
Tensor probabilities(const Tensor& logits, data::Task task);
/// What f32 scores (..., outputs) decide for: the likeliest class of each pixel; of a multilabel task 1 for each plane whose score is above
/// `threshold`, else 0; the grade that is the number of a pixel's scores above `threshold`, wherever they are (Niu et al. 2016). Scores are
/// logits or, with a threshold of 0.5, probabilities.
std::vector<std::uint8_t> decisions(const Tensor& scores, data::Task task, float threshold = 0);

/// What a network says of one photograph, at the photograph's own size.
struct Prediction {
  data::LabelImage labels;
  Tensor probabilities;  ///< (H, W, LabelSchema::outputs) f32
};

/// A trained network with everything it needs to look at a photograph: one checkpoint file.
class Predictor {
 public:
  /// `path` is a checkpoint or a run folder (then its weights/best). Throws IoError, DataError, DeviceError.
  explicit Predictor(const std::filesystem::path& path, Device device = kCpu);

  const data::LabelSchema& schema() const { return schema_; }
  const InputConfig& input() const { return input_; }
  models::Network& model() { return *model_; }

  /// Throws OptionError on an overlap outside its range, MemoryError.
  Prediction predict(const data::Image& image, const PredictOptions& options = {});

 private:
  /// Probabilities (N, H, W, outputs), on the host.
  Tensor probabilities(const Tensor& images);
  Tensor whole(const data::Image& image);
  Tensor tiled(const data::Image& image, const PredictOptions& options);

  std::unique_ptr<models::Network> model_;
  data::LabelSchema schema_;
  InputConfig input_;
};

/// Where windows of `window` pixels start so that they cover `size` pixels, neighbours sharing at least `overlap` of a window; the last
/// one ends at the border. One window at 0 when size <= window.
std::vector<int> window_starts(int size, int window, double overlap);

}  // namespace lamina::infer
