#include "lamina/losses/impl/terms.hpp"
#include "lamina/metrics/distance.hpp"

namespace lamina::losses {
namespace {

/// The mean over labelled pixels and outputs of p times the signed distance to the labelled region's boundary.
HostLoss boundary_loss(const HostView& v, std::span<const double>) {
  HostLoss out{0, std::vector<double>(v.p.size(), 0)};
  const auto outputs = static_cast<std::size_t>(v.outputs), pixels = static_cast<std::size_t>(v.pixels());
  double count = 0;
  for (std::size_t n = 0; n < static_cast<std::size_t>(v.images); ++n)
    for (std::size_t c = 0; c < outputs; ++c) {
      std::vector<std::uint8_t> inside(pixels);
      for (std::size_t i = 0; i < pixels; ++i) inside[i] = v.t[(n * pixels + i) * outputs + c] == 1;
      const std::vector<double> distance = metrics::signed_distance(inside, v.height, v.width);
      for (std::size_t i = 0; i < pixels; ++i) {
        const std::size_t at = (n * pixels + i) * outputs + c;
        if (v.t[at] == data::kIgnoreLabel) continue;
        const double times = v.times[n * pixels + i];
        count += times * v.class_weights[c];
        out.slopes[at] = times * v.class_weights[c] * distance[i];
        out.value += out.slopes[at] * v.p[at];
      }
    }
  if (!(count > 0)) return out;
  out.value /= count;
  for (double& s : out.slopes) s /= count;
  return out;
}

}  // namespace

std::vector<TermType> boundary() {
  return {
      {.name = "boundary",
       .scalar = "boundary",
       .help =
           "mean of p times the signed distance to the class's boundary in pixels (Kervadec et al. 2019), beside ce or dice; on the host",
       .own = [](const TermInput& in, std::span<const double> a) { return on_host(in, "boundary", a, boundary_loss); }}};
}

}  // namespace lamina::losses
