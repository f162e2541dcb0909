#pragma once
#include "lamina/losses/term.hpp"

/// The library's loss terms, in the order in which they are listed: each is a function NAME() in impl/NAME.ipp.
#define LAMINA_LOSS_TERMS(term) term(cross_entropy) term(dice) term(jaccard) term(tversky) term(regression)

namespace lamina::losses {
#define LAMINA_LOSS_TERM(name) std::vector<TermType> name();
LAMINA_LOSS_TERMS(LAMINA_LOSS_TERM)
#undef LAMINA_LOSS_TERM
}  // namespace lamina::losses
