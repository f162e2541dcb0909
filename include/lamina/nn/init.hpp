#pragma once
#include <cmath>
#include <span>
#include <string>

#include "lamina/core/names.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina::nn {

/// Initial values of a weight, as Keras or PyTorch define them. Fans are counted over the receptive field:
/// fan_in = Kh*Kw*Cin, fan_out = Kh*Kw*Cout.
enum class Init {
  he_normal,         ///< Keras: truncated normal at 2 sd, sd sqrt(2/fan_in) after truncation (He et al. 2015)
  he_uniform,        ///< U(-a, a), a = sqrt(6/fan_in)
  kaiming_normal,    ///< PyTorch kaiming_normal_(fan_in, relu): normal, sd sqrt(2/fan_in), not truncated
  kaiming_fan_out,   ///< the same with fan_out (torchvision's ResNets)
  torch_default,     ///< PyTorch's Conv2d: U(-a, a), a = 1/sqrt(fan_in)
  xavier_uniform,    ///< U(-a, a), a = sqrt(6/(fan_in+fan_out)) (Glorot & Bengio 2010; Keras glorot_uniform)
  xavier_normal,     ///< PyTorch xavier_normal_: normal, sd sqrt(2/(fan_in+fan_out))
  glorot_normal,     ///< Keras: the same sd, truncated at 2 sd
  normal,            ///< sd 0.02, mean 0 (pix2pix; DCGAN, Radford et al. 2016)
  truncated_normal,  ///< sd 0.01, truncated at 2 sd without rescaling (TensorFlow slim's heads)
  variance_scaling,  ///< truncated likewise, sd sqrt(1.3*2/fan_in) (TensorFlow contrib; slim's ResNets)
  slim_depthwise,    ///< truncated likewise, sd 0.33 (DeepLab's depthwise kernels)
  slim_pointwise,    ///< truncated likewise, sd 0.06 (the 1x1 kernels after them)
};

struct Fans {
  double in = 1, out = 1;
};

/// Throws OptionError on an unknown name; names are those of the enumerators.
Init parse_init(const std::string& name);
const char* name_of(Init init);
/// Every initialiser in the enumerators' order, with what it does.
std::span<const Choice> init_choices();

/// A new tensor of initial values. Depends on (shape, fans, key) alone.
Tensor initial_weight(Init init, const Shape& shape, Fans fans, RandomKey key, DType dtype = DType::f32);

/// Normal of the given sd, redrawn beyond 2 sd.
Tensor truncated_normal(const Shape& shape, double sd, RandomKey key, DType dtype = DType::f32);

}  // namespace lamina::nn
