#include "lamina/losses/impl/terms.hpp"

namespace lamina::losses {

std::vector<TermType> dice() {
  return {
      {.name = "dice",
       .scalar = "dice_loss",
       .help = "1 - soft Dice over the batch, with image=1 the mean over its images; squared=1 as Milletari et al. 2016; log=1: -log Dice",
       .kind = TermKind::region,
       .arguments = {{"smooth", 1, 0, 1e9}, {"image", 0, 0, 1}, {"squared", 0, 0, 1}, {"log", 0, 0, 1}},
       .region =
           [](std::span<const double> a) {
             RegionTerm term = a[2] > 0 ? RegionTerm::squared_dice(1, a[0]) : RegionTerm::dice(1, a[0]);
             term.logarithm = a[3] > 0;
             return region_of(term, a[1]);
           }},
      {.name = "gdice",
       .scalar = "gdice_loss",
       .help =
           "1 - generalized Dice: one ratio of all classes, each weighed by 1 / pixels^rarity (Sudre et al. 2017); rarity=0: micro Dice",
       .kind = TermKind::region,
       .arguments = {{"smooth", 1e-5, 0, 1e9}, {"rarity", 2, 0, 2}, {"image", 0, 0, 1}},
       .region = [](std::span<const double> a) { return region_of(RegionTerm::generalized_dice(1, a[0], a[1]), a[2]); }}};
}

}  // namespace lamina::losses
