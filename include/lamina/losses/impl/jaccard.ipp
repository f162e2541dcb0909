#include "lamina/losses/impl/terms.hpp"

namespace lamina::losses {

std::vector<TermType> jaccard() {
  return {{.name = "jaccard",
           .scalar = "jaccard_loss",
           .help = "1 - soft intersection over union",
           .kind = TermKind::region,
           .arguments = {{"smooth", 1, 0, 1e9}},
           .region = [](std::span<const double> a) { return RegionTerm::jaccard(1, a[0]); }}};
}

}  // namespace lamina::losses
