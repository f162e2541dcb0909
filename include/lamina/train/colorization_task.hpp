#pragma once
#include <memory>
#include <string>
#include <vector>

#include "lamina/data/image.hpp"
#include "lamina/infer/colorizer.hpp"
#include "lamina/losses/gan.hpp"
#include "lamina/models/network.hpp"
#include "lamina/train/task.hpp"

namespace lamina::train {

/// The ratio of the gradients' norms, G's over D's, of a step's numbers or their means.
double gradient_ratio(const Scalars& values);

/// Learning to color gray photographs with a conditional GAN (pix2pix: Isola et al. 2017): a generator G, which can be any network with one
/// output, and a discriminator D of condition and picture, concatenated at G's output size. Batches hold "image".
class ColorizationTask : public Task {
 public:
  struct Parts {
    std::shared_ptr<models::Network> generator = {}, discriminator = {};
    std::unique_ptr<optim::Optimizer> generator_optimizer = {}, discriminator_optimizer = {};
    losses::GanLoss loss;
    infer::Colorization colorization{};
    int condition_channels = 3;                                     ///< of the gray picture that D sees: 3 or 1
    double discriminator_lr_factor = 1;                             ///< D's learning rate over G's, from which alarms go
    std::shared_ptr<data::Batches> training = {}, validation = {};  ///< validation may be null or empty
  };
  /// Throws ShapeError when G or D do not fit the color space.
  explicit ColorizationTask(Parts parts);

  data::Batches& training() override { return *parts_.training; }
  /// pix2pix's order: G once; D on G's picture, which is off the tape, then on the real one, in passes of their own; D's update; with D
  /// standing still D anew on G's picture; G's update.
  Scalars step(const data::Batch& batch) override;
  bool validates() const override { return parts_.validation && parts_.validation->batches() > 0; }
  /// Over the held-out photographs: the mean distances of G's pictures from the real ones and of gray ones from them, colorfulness of both.
  /// The score is 1 - L1 / 2.
  Validation validate() override;
  std::vector<std::string> score_names() const override;
  std::vector<Component> components() override;
  /// Losses beside their values at equilibrium.
  std::string text(const Scalars& means) const override;
  /// D that tells all pictures apart or none for long, pictures of G that are gray or further from the photographs than gray ones
  /// are, unusable photographs.
  std::vector<Sentinel> sentinels(double lr) const override;

  /// The first `count` held-out photographs, one a row: gray, G's picture, real, at G's output size. Empty where none is held out.
  data::Image samples(int count = 8);

  models::Network& generator() { return *parts_.generator; }
  models::Network& discriminator() { return *parts_.discriminator; }
  const losses::GanLoss& loss() const { return parts_.loss; }

 private:
  Tensor score(const Tensor& condition, const Tensor& picture);
  /// Pictures of held-out photographs, at G's output size, f32 on the host.
  struct Shown {
    Tensor gray, colorless, made, real;
  };
  /// f(shown) for batches of them until it returns false.
  template <class F>
  void show(F&& f);

  Parts parts_;
};

}  // namespace lamina::train
