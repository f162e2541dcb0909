#include "lamina/losses/impl/terms.hpp"

namespace lamina::losses {

std::vector<TermType> jaccard() {
  return {{.name = "jaccard",
           .scalar = "jaccard_loss",
           .help = "1 - soft intersection over union over the batch, with image=1 the mean over its images; log=1: -log of it",
           .kind = TermKind::region,
           .arguments = {{"smooth", 1, 0, 1e9}, {"image", 0, 0, 1}, {"log", 0, 0, 1}},
           .region = [](std::span<const double> a) {
             RegionTerm term = RegionTerm::jaccard(1, a[0]);
             term.logarithm = a[2] > 0;
             return region_of(term, a[1]);
           }}};
}

}  // namespace lamina::losses
