#include "lamina/losses/impl/terms.hpp"

namespace lamina::losses {

std::vector<TermType> cross_entropy() {
  return {{.name = "ce",
           .scalar = "ce",
           .help = "cross-entropy, of planes and grades binary; smoothing > 0 shares that much of the target out among all classes",
           .kind = TermKind::pixel,
           .arguments = {{"smoothing", 0, 0, 0.99}},
           .pixel = [](std::span<const double> a) { return PixelTerm{.smoothing = a[0]}; }},
          {.name = "bce",
           .scalar = "bce",
           .help = "another name of ce where outputs are planes or grades",
           .kind = TermKind::pixel,
           .arguments = {{"smoothing", 0, 0, 0.99}},
           .needs = LossActivation::sigmoid,
           .pixel = [](std::span<const double> a) { return PixelTerm{.smoothing = a[0]}; }},
          {.name = "focal",
           .scalar = "focal",
           .help = "cross-entropy times (1 - p)^gamma: what is right already counts less (Lin et al. 2017)",
           .kind = TermKind::pixel,
           .arguments = {{"gamma", 2, 0.1, 10}, {"smoothing", 0, 0, 0.99}},
           .pixel = [](std::span<const double> a) {
             return PixelTerm{a[0], a[1]};
           }}};
}

}  // namespace lamina::losses
