#include "lamina/losses/impl/terms.hpp"

namespace lamina::losses {

std::vector<TermType> dice() {
  return {{.name = "dice",
           .scalar = "dice_loss",
           .help = "1 - soft Dice over the batch (Milletari et al. 2016)",
           .kind = TermKind::region,
           .arguments = {{"smooth", 1, 0, 1e9}},
           .region = [](std::span<const double> a) { return RegionTerm::dice(1, a[0]); }}};
}

}  // namespace lamina::losses
