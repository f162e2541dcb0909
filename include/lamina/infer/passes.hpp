#pragma once
// Several looks of several networks at the same photographs, and how far they are apart.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/tensor.hpp"
#include "lamina/models/network.hpp"

namespace lamina::infer {

/// Test-time augmentation: mirrored photographs (4 looks), at 3/4 and 5/4 of their size (3), or both (12).
enum class Looks { one, flips, scales, all };
/// "none", "flips", "scales", "all". Throws OptionError.
Looks looks_named(std::string_view name);

struct PassOptions {
  Looks looks = Looks::one;
  int draws = 0;  ///< with dropout as in training (Gal & Ghahramani 2016); 0: once, without
  /// Passes of a network.
  int count() const;
};

/// Dropout layers of a network as in training while it lives, then as in evaluation. Throws OptionError where there are none.
class DropoutScope {
 public:
  explicit DropoutScope(models::Network& network);
  ~DropoutScope();
  DropoutScope(const DropoutScope&) = delete;
  DropoutScope& operator=(const DropoutScope&) = delete;

 private:
  models::Network& network_;
};

/// What each network says of images (N, H, W, C) in every pass, on the host: the means (N, H, W, outputs) and behind them, of more than one
/// pass, the standard deviation of the passes, averaged over the outputs (N, H, W, outputs + 1). `ask` is one pass: images of any size ->
/// probabilities at that size.
Tensor mean_of_passes(const Tensor& images, const std::vector<models::Network*>& networks, const PassOptions& options,
                      const std::function<Tensor(models::Network&, const Tensor&)>& ask);

}  // namespace lamina::infer
