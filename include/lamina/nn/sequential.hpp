#pragma once
#include <functional>
#include <string>
#include <vector>

#include "lamina/nn/module.hpp"

namespace lamina::nn {

/// Layers called one after the other; each becomes a child named by its position ("0", "1", ...), as in PyTorch.
class Sequential : public Module {
 public:
  /// `seq.append<Conv2d>(options, random)`; any layer callable as `Tensor(const Tensor&)`.
  template <class M>
  Sequential& append(const typename M::Options& options, RandomStream& random) {
    return call(add<M>(std::to_string(calls_.size()), options, random));
  }
  template <class M, class... Args>
  Sequential& append(Args&&... args) {
    return call(add<M>(std::to_string(calls_.size()), std::forward<Args>(args)...));
  }
  Tensor operator()(Tensor x) const {
    for (const auto& call : calls_) x = call(x);
    return x;
  }

 private:
  template <class M>
  Sequential& call(M& layer) {
    calls_.push_back([&layer](const Tensor& x) { return layer(x); });
    return *this;
  }
  std::vector<std::function<Tensor(const Tensor&)>> calls_;
};

}  // namespace lamina::nn
