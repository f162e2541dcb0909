#include "lamina/nn/dropout.hpp"

#include "lamina/ops/dropout.hpp"

namespace lamina::nn {

Dropout::Dropout(const DropoutOptions& o) : options_(o) {
  require<OptionError>(o.rate >= 0 && o.rate < 1, "Dropout: rate ", o.rate, " is outside [0, 1)");
}

Tensor Dropout::operator()(const Tensor& x, const Tensor& into) const {
  const LayerScope scope(*this);
  if (active()) {
    const RandomKey key = RandomScope::next();
    return options_.channels ? dropout_channels(x, options_.rate, key, into) : dropout(x, options_.rate, key, into);
  }
  return into ? dropout(x, 0, {}, into) : x;
}

}  // namespace lamina::nn
