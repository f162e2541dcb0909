#pragma once
#include <optional>
#include <string>
#include <vector>

#include "lamina/nn/module.hpp"

namespace lamina::optim {

/// What happens to gradients before an update: clip by global norm, then by value, then weight decay.
struct GradientOptions {
  /// Scale all gradients so that their joint 2-norm is at most this (0: off). A norm that is not finite moves nothing.
  double clip_norm = 0;
  double clip_value = 0;    ///< clamp every element to [-clip_value, clip_value] (0: off; Keras clipvalue)
  double weight_decay = 0;  ///< L2 term added to the gradient, or decoupled (AdamW)
  bool decoupled_decay = false;
  bool decay_kernels_only = false;  ///< decay only tensors of rank >= 2: not biases, not norm scales
};

/// How the parameters whose names begin with `prefix` differ from the others; of several prefixes that fit the longest counts.
struct ParameterGroup {
  std::string prefix = {};
  double lr_factor = 1;                  ///< times the optimiser's learning rate
  std::optional<double> weight_decay{};  ///< in place of the optimiser's
  bool frozen = false;                   ///< left as they are; their gradients do not count for clip_norm
};

/// Adam (Kingma & Ba 2015); AdamW with `gradient.decoupled_decay`.
struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  bool epsilon_inside_correction = true;  ///< true: PyTorch. false: TensorFlow/Keras ("epsilon hat", outside the bias correction)
  GradientOptions gradient = {};
};

/// SGD with (Nesterov) momentum, PyTorch's convention: buffer = momentum * buffer + g; w -= lr * buffer.
struct SgdOptions {
  double lr = 1e-2;
  double momentum = 0;
  bool nesterov = false;
  GradientOptions gradient = {};
};

/// Updates parameters from their accumulated gradients. Parameters without a gradient are skipped. A bf16 parameter (Module::to) is the
/// rounded copy of an f32 master, which starts as the parameter when the optimiser is made, first meets it in bf16, or finds that others
/// wrote it (mixed precision: Micikevicius et al. 2018); so parameters are loaded before an optimiser's state. What it keeps goes along
/// where Module::to takes the parameters.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  virtual void step() = 0;
  /// Replaces the groups. Parameters of no group are as the optimiser's options say. Throws OptionError on a prefix that no parameter has,
  /// or a value outside its range.
  void set_groups(std::vector<ParameterGroup> groups);
  void zero_grad();
  double lr() const { return lr_; }
  void set_lr(double lr);
  /// 2-norm of all gradients as of the last step() that clipped by norm, else 0. Where it is not finite, that step changed nothing.
  double gradient_norm() const { return gradient_norm_; }
  /// Everything but the learning rate: moments ("m.<parameter>"), masters ("master.<parameter>") and the step counter ("step", i64).
  /// Shares the memory.
  std::vector<nn::NamedTensor> state() const;
  /// Throws DataError when names or shapes do not match state().
  void load_state(const std::vector<nn::NamedTensor>& source);

 protected:
  Optimizer(std::vector<nn::NamedTensor> parameters, std::vector<std::string> moments, double lr, const GradientOptions& gradient);
  /// Counts the step, forms the update lists and hands each to `update(device, list, count, rule, lr, step)`: one, or one a group.
  template <class Update>
  void apply(Update&& update);

 private:
  /// Brings masters and moments to where their parameters are. Throws ShapeError unless all those are packed, on one device, of one dtype.
  void follow_parameters();

  std::vector<nn::NamedTensor> parameters_;
  std::vector<ParameterGroup> groups_{{}};  // the first is that of parameters without a group
  std::vector<std::size_t> group_of_;       // of each parameter
  std::vector<Tensor> masters_;             // of the bf16 parameters; none for the others
  std::vector<std::uint64_t> seen_;         // versions of the parameters that the masters belong to
  std::vector<nn::NamedTensor> moments_;    // moment-major: all m, then all v
  Tensor steps_;
  GradientOptions gradient_;
  double lr_;
  double gradient_norm_ = 0;
};

class Adam final : public Optimizer {
 public:
  /// Throws OptionError on an option outside its range.
  Adam(std::vector<nn::NamedTensor> parameters, const AdamOptions& options);
  void step() override;

 private:
  AdamOptions options_;
};

class Sgd final : public Optimizer {
 public:
  Sgd(std::vector<nn::NamedTensor> parameters, const SgdOptions& options);
  void step() override;

 private:
  SgdOptions options_;
};

}  // namespace lamina::optim
