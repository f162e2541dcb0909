#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "lamina/core/settings.hpp"
#include "lamina/data/color.hpp"
#include "lamina/data/image.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/ops/activation.hpp"
#include "lamina/ops/resize.hpp"

namespace lamina::infer {

/// What a colorizing network's output means; stored in its checkpoint as "colorization".
struct ColorizationConfig {
  std::string space = "rgb";
  std::string activation = "tanh";
  std::string shrink = "align_corners";
  std::string statistics = "running";
};
inline constexpr Choice kSpaceChoices[] = {{"rgb", "red, green and blue"}, {"lab", "a and b of CIE Lab, beside its own lightness"}};
inline constexpr Choice kActivationChoices[] = {{"tanh", "as pix2pix"}, {"none", "the last convolution's values"}};
inline constexpr Choice kShrinkChoices[] = {{"align_corners", "corner pixels upon corner pixels, as DeepLab's"},
                                            {"half_pixel", "borders upon borders"}};
inline constexpr Choice kStatisticsChoices[] = {{"running", "batch norms in evaluation mode, no dropout"},
                                                {"batch", "as in training: pix2pix"}};
template <class Visit>
void describe(ColorizationConfig& c, Visit&& visit) {
  visit(Field{.name = "space", .help = "what G makes of gray", .choices = kSpaceChoices}, c.space);
  visit(Field{.name = "activation", .help = "of G's output", .choices = kActivationChoices}, c.activation);
  visit(Field{.name = "shrink", .help = "grid on which photographs get to G's output size", .choices = kShrinkChoices}, c.shrink);
  visit(Field{.name = "statistics", .help = "when pictures are shown or predicted", .choices = kStatisticsChoices}, c.statistics);
}
std::string to_json(const ColorizationConfig& config);
ColorizationConfig colorization_config_from_json(const std::string& text);

/// The same, as the code has it. Throws OptionError on a name that nobody knows.
struct Colorization {
  explicit Colorization(const ColorizationConfig& config = {});

  data::ColorSpace space;
  Activation activation;
  ResizeGrid shrink;
  bool batch_statistics;

  /// What the network makes of gray photographs (N, H, W, 3): its only output through the activation, (N, h, w, colors), in its dtype;
  /// (h, w) may be smaller than the photographs.
  Tensor operator()(models::Network& generator, const Tensor& gray) const;
  /// The same without gradients, with the statistics that are asked for. Nothing of the network changes, and what dropout draws is the same
  /// in every call.
  Tensor show(models::Network& generator, const Tensor& gray) const;
  /// Photographs (N, H, W, C) of any device and dtype as a neighbour of `made`: at its size, device and dtype.
  Tensor beside(const Tensor& photographs, const Tensor& made) const;
};

struct ColorizeOptions {
  int side = 0;                    ///< pixels of the longer side that the network sees at most; 0: twice the training size
  bool network_lightness = false;  ///< rgb: the network's picture as it is, enlarged, instead of the photograph's own lightness
};

/// A trained generator that colors photographs.
class Colorizer {
 public:
  /// `path` is a checkpoint or a run folder (then its weights/last: the best by L1 is the one that dares least). Throws IoError, DataError,
  /// DeviceError.
  explicit Colorizer(const std::filesystem::path& path, Device device = kCpu);

  const InputConfig& input() const { return input_; }
  models::Network& generator() { return *generator_; }
  /// A color picture of the photograph's size: the lightness (CIE L*) is the photograph's, a* and b* are the network's, made at its own
  /// size and interpolated. Colors that the photograph has are not looked at. Throws OptionError, DataError, MemoryError.
  data::Image color(const data::Image& photograph, const ColorizeOptions& options = {});

 private:
  std::unique_ptr<models::Network> generator_;
  Colorization how_;
  InputConfig input_;
};

}  // namespace lamina::infer
