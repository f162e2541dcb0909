#include "lamina/infer/passes.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "lamina/core/names.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/ops/resize.hpp"

namespace lamina::infer {
namespace {

constexpr Named<Looks> kLooks[] = {{Looks::one, "none"}, {Looks::flips, "flips"}, {Looks::scales, "scales"}, {Looks::all, "all"}};

struct Look {
  bool across = false, down = false;
  double scale = 1;
};

std::vector<Look> looks_of(Looks looks) {
  std::vector<Look> all;
  for (const double scale : {1.0, 0.75, 1.25})
    for (const bool down : {false, true})
      for (const bool across : {false, true}) {
        const bool flips = looks == Looks::flips || looks == Looks::all, scales = looks == Looks::scales || looks == Looks::all;
        if ((flips || !(across || down)) && (scales || scale == 1)) all.push_back({across, down, scale});
      }
  return all;
}

/// Images (N, H, W, C) on the host as a look shows them; again, and they are as before.
Tensor mirrored(const Tensor& images, const Look& look) {
  if (!look.across && !look.down) return images;
  const Tensor x = images.packed(), out = Tensor::empty(x.shape());
  const std::int64_t n = x.size(0), h = x.size(1), w = x.size(2), c = x.size(3);
  const float* from = x.data<float>();
  float* to = out.data<float>();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t y = 0; y < h; ++y)
      for (std::int64_t v = 0; v < w; ++v, to += c)
        std::copy_n(from + ((i * h + (look.down ? h - 1 - y : y)) * w + (look.across ? w - 1 - v : v)) * c, c, to);
  return out;
}

Tensor at_size(const Tensor& x, std::int64_t height, std::int64_t width) {
  return x.size(1) == height && x.size(2) == width ? x : resize_bilinear(x, height, width, ResizeGrid::half_pixel);
}

/// Switches the dropout layers below a module; says how many there are.
int set_dropout(nn::Module& module, bool on) {
  int count = 0;
  if (auto* dropout = dynamic_cast<nn::Dropout*>(&module)) {
    dropout->train(on);
    count += dropout->active() || !on;
  }
  for (const auto& [name, child] : module.children()) count += set_dropout(*child, on);
  return count;
}

}  // namespace

Looks looks_named(std::string_view name) { return parse_name("test-time augmentation", std::string(name), kLooks); }

int PassOptions::count() const { return static_cast<int>(looks_of(looks).size()) * std::max(draws, 1); }

DropoutScope::DropoutScope(models::Network& network) : network_(network) {
  if (set_dropout(network, true) > 0) return;
  set_dropout(network, false);
  throw OptionError(
      "the network has no dropout, and its passes would all be alike; train one that has, such as --preset keras, keras32, retina, or "
      "DeepLabV3+");
}
DropoutScope::~DropoutScope() { set_dropout(network_, false); }

Tensor mean_of_passes(const Tensor& images, const std::vector<models::Network*>& networks, const PassOptions& options,
                      const std::function<Tensor(models::Network&, const Tensor&)>& ask) {
  const std::int64_t height = images.size(1), width = images.size(2);
  std::vector<float> mean, spread;  // running means, and sums of squared differences from them (Welford 1962)
  std::int64_t outputs = 0;
  float passes = 0;
  for (models::Network* network : networks) {
    std::optional<DropoutScope> dropout;
    if (options.draws > 0) dropout.emplace(*network);
    for (const Look& look : looks_of(options.looks)) {
      const auto scaled = [&](std::int64_t side) {
        return std::max<std::int64_t>(std::llround(static_cast<double>(side) * look.scale), network->minimum_size());
      };
      const Tensor x = mirrored(look.scale == 1 ? images : at_size(images, scaled(height), scaled(width)), look);
      for (int draw = 0; draw < std::max(options.draws, 1); ++draw) {
        const Tensor p = at_size(mirrored(ask(*network, x), look), height, width).packed();
        if (options.count() == 1 && networks.size() == 1) return p;
        outputs = p.size(3);
        const float* v = p.data<float>();
        mean.resize(static_cast<std::size_t>(p.numel()));
        spread.resize(mean.size());
        ++passes;
        for (std::size_t i = 0; i < mean.size(); ++i) {
          const float before = v[i] - mean[i];
          mean[i] += before / passes;
          spread[i] += before * (v[i] - mean[i]);
        }
      }
    }
  }
  const Tensor out = Tensor::empty({images.size(0), height, width, outputs + 1});
  float* to = out.data<float>();
  const auto count = static_cast<std::size_t>(outputs);
  for (std::size_t i = 0; i < mean.size(); i += count) {
    float sum = 0;
    for (std::size_t c = 0; c < count; ++c) {
      *to++ = mean[i + c];
      sum += std::sqrt(spread[i + c] / passes);
    }
    *to++ = sum / static_cast<float>(outputs);
  }
  return out;
}

}  // namespace lamina::infer
