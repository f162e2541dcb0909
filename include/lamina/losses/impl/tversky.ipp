#include "lamina/losses/impl/terms.hpp"

namespace lamina::losses {

std::vector<TermType> tversky() {
  return {
      {.name = "tversky",
       .scalar = "tversky_loss",
       .help = "false positives weigh alpha, misses beta (Salehi et al. 2017); an exponent other than 1 makes it focal",
       .kind = TermKind::region,
       .arguments = {{"alpha", 0.3, 0, 1e3}, {"beta", 0.7, 0, 1e3}, {"exponent", 1, 0.1, 10}, {"smooth", 1, 0, 1e9}, {"image", 0, 0, 1}},
       .region = [](std::span<const double> a) { return region_of(RegionTerm::tversky(a[0], a[1], 1, a[3], a[2]), a[4]); }},
      {.name = "focal_tversky",
       .scalar = "focal_tversky_loss",
       .help = "(1 - Tversky)^(1/gamma) a class (Abraham & Khan 2019)",
       .kind = TermKind::region,
       .arguments = {{"alpha", 0.3, 0, 1e3}, {"beta", 0.7, 0, 1e3}, {"gamma", 4. / 3, 0.1, 10}, {"smooth", 1, 0, 1e9}, {"image", 0, 0, 1}},
       .region = [](std::span<const double> a) { return region_of(RegionTerm::tversky(a[0], a[1], 1, a[3], 1 / a[2]), a[4]); }}};
}

}  // namespace lamina::losses
