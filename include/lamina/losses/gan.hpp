#pragma once
#include <string>

#include "lamina/core/settings.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina::losses {

/// What a pair of networks learns from: the adversarial loss, and how far a generated picture is from the real one.
struct GanOptions {
  std::string gan_loss = "lsgan_mao";
  std::string mao_targets = "0,1,1";
  double qi_margin = 2e-4, qi_real = 0;
  std::string reconstruction = "l1";
  double gan_weight = 1, reconstruction_weight = 1;
};
inline constexpr Choice kGanChoices[] = {{"vanilla", "cross-entropy (Goodfellow et al. 2014)"},
                                         {"lsgan_mao", "least squares (Mao et al. 2017), as pix2pix has it"},
                                         {"lsgan_qi", "loss-sensitive (Qi 2017)"}};
inline constexpr Choice kMaoChoices[] = {{"0,1,1", "the paper's binary coding"}, {"-1,1,0", "Pearson's chi squared"}};
inline constexpr Choice kDistanceChoices[] = {{"l1", "mean absolute difference"}, {"l2", "mean squared difference"}};
template <class Visit>
void describe(GanOptions& o, Visit&& visit) {
  visit(Field{.name = "gan_loss", .help = "what D and G learn from each other", .choices = kGanChoices}, o.gan_loss);
  visit(Field{.name = "mao_targets",
              .help = "lsgan_mao: scores wanted of generated and real pictures, and of generated ones by G",
              .choices = kMaoChoices},
        o.mao_targets);
  visit(Field{"qi_margin", "lsgan_qi: margin for each unit of L1 distance, summed over a picture's values", 0}, o.qi_margin);
  visit(Field{"qi_real", "lsgan_qi: weight of the real pictures' loss alone", 0}, o.qi_real);
  visit(Field{.name = "reconstruction", .help = "distance of generated and real pictures", .choices = kDistanceChoices}, o.reconstruction);
  visit(Field{"gan_weight", "of the adversarial loss in G's loss", 0}, o.gan_weight);
  visit(Field{"reconstruction_weight", "of that distance in G's loss (pix2pix: 100)", 0}, o.reconstruction_weight);
}

/// The losses of a discriminator D, whose scores (N, h, w, 1) are those of patches and without a sigmoid, and of a generator G. E is the
/// mean over all scores.
///   vanilla    D: (E[-log s(real)] + E[-log(1 - s(fake))]) / 2, s the sigmoid; G: E[-log s(fake)] (Goodfellow et al. 2014, as pix2pix)
///   lsgan_mao  D: (E[(real - b)^2] + E[(fake - a)^2]) / 2; G: E[(fake - c)^2], with targets a,b,c (Mao et al. 2017, as pix2pix: without
///              the paper's half in G)
///   lsgan_qi   with L = relu(mean score of a picture), low for real ones, and d = margin * sum |real - fake| of a pair:
///              D: qi_real * E[L(real)] + E[relu(d + L(real) - L(fake))]; G: E[L(fake)] (Qi 2017)
class GanLoss {
 public:
  /// Throws OptionError on a name that nobody knows, on a number outside its range.
  explicit GanLoss(const GanOptions& options);

  /// Scalars. `fake` and `real` are the pictures (N, h, w, C), of which lsgan_qi takes the distance.
  Tensor discriminator(const Tensor& real_scores, const Tensor& fake_scores, const Tensor& real, const Tensor& fake) const;
  Tensor generator(const Tensor& fake_scores) const;
  Tensor reconstruction(const Tensor& fake, const Tensor& real) const;

  /// The losses where D cannot tell the pictures apart and G has reached them: 0.25 and 0.25, 1 and 0 with the targets -1,1,0, ln 2 twice
  /// for vanilla, 0 and NaN (any value) for lsgan_qi.
  double discriminator_equilibrium() const;
  double generator_equilibrium() const;
  /// The share of scores on the right side of the middle; of lsgan_qi the share of pairs that are ordered. 0.5 is guessing.
  double accuracy(const Tensor& real_scores, const Tensor& fake_scores) const;

  const GanOptions& options() const { return options_; }

 private:
  enum class Kind { vanilla, mao, qi };
  GanOptions options_;
  Kind kind_;
  bool squared_;
  double fake_target_ = 0, real_target_ = 1, wanted_ = 1;  // Mao's a, b and c
};

}  // namespace lamina::losses
