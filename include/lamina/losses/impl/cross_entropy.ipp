#include "lamina/losses/impl/terms.hpp"

namespace lamina::losses {

std::vector<TermType> cross_entropy() {
  return {{.name = "ce",
           .scalar = "ce",
           .help = "cross-entropy, of planes and grades binary; with class weights their weighted mean",
           .kind = TermKind::pixel}};
}

}  // namespace lamina::losses
