#include "lamina/ops/segmentation_loss.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// Labels in [0, classes), about one in `ignored` replaced with `ignore` (0: none).
Tensor random_labels(const Shape& shape, int classes, int ignored = 0, int ignore = 255) {
  Tensor t = Tensor::empty(shape, {DType::u8, kCpu});
  Random random({7, static_cast<std::uint64_t>(classes)});
  for (std::int64_t i = 0; i < t.numel(); ++i)
    t.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(
        ignored && random.below(static_cast<std::uint64_t>(ignored)) == 0 ? ignore : random.below(static_cast<std::uint64_t>(classes)));
  return t;
}

std::vector<double> weights_for(std::int64_t classes) {
  std::vector<double> w;
  for (std::int64_t c = 0; c < classes; ++c) w.push_back(0.5 + 0.25 * static_cast<double>(c % 5));
  return w;
}

/// The devices to test: the CPU, and CUDA where there is one.
std::vector<Device> devices() {
  std::vector<Device> all = cuda_devices();
  all.insert(all.begin(), kCpu);
  return all;
}

SegmentationLossParts parts_of(const Tensor& logits, const Tensor& labels, const SegmentationLossOptions& o) {
  SegmentationLossParts parts;
  segmentation_loss(logits, labels, o, &parts);
  return parts;
}

/// The loss from its definition, one pixel after another.
double reference_loss(const Tensor& logits, const Tensor& labels, const SegmentationLossOptions& o) {
  const std::int64_t n = logits.size(0), pixels = logits.size(1) * logits.size(2), classes = logits.size(3);
  const bool softmax = o.activation == LossActivation::softmax, by_sample = o.region_reduction == RegionReduction::sample;
  const auto z = logits.to_vector<double>();
  const auto y = labels.to_vector<std::uint8_t>();
  const auto times = o.pixel_weights ? o.pixel_weights.to_vector<float>() : std::vector<float>(static_cast<std::size_t>(n * pixels), 1);
  const auto entropy = [&](double p) { return -std::pow(1 - p, o.focal) * std::log(p); };
  const auto weight = [&](std::int64_t c) { return o.class_weights.empty() ? 1 : o.class_weights[static_cast<std::size_t>(c)]; };
  const auto groups = static_cast<std::size_t>(by_sample ? n : 1), k = static_cast<std::size_t>(classes);
  std::vector<double> inter(groups * k), pred(groups * k), truth(groups * k), squares(groups * k), count(groups);
  double ce = 0, norm = 0;
  for (std::int64_t i = 0; i < n * pixels; ++i) {
    const auto g = static_cast<std::size_t>(by_sample ? i / pixels : 0);
    double total = 0;
    for (std::int64_t c = 0; c < classes; ++c) total += std::exp(z[static_cast<std::size_t>(i * classes + c)]);
    for (std::int64_t c = 0; c < classes; ++c) {
      const double logit = z[static_cast<std::size_t>(i * classes + c)];
      const int label = y[static_cast<std::size_t>(softmax ? i : i * classes + c)];
      if (o.ignore_label && label == *o.ignore_label) continue;
      const double t = softmax ? label == c : label, p = softmax ? std::exp(logit) / total : 1 / (1 + std::exp(-logit));
      const auto at = g * k + static_cast<std::size_t>(c);
      const double m = times[static_cast<std::size_t>(i)],
                   target = (1 - o.smoothing) * t + o.smoothing / (softmax ? static_cast<double>(classes) : 2);
      inter[at] += m * p * t;
      pred[at] += m * p;
      truth[at] += m * t;
      squares[at] += m * p * p;
      ce += m * weight(c) * (target * entropy(p) + (softmax ? 0 : (1 - target) * entropy(1 - p)));
      const double counted = m * (softmax ? t : 1);
      norm += counted * (o.ce_normalization == CeNormalization::pixel_count ? 1 : weight(c));
      count[g] += counted;
    }
  }
  double loss = o.ce_weight * (norm > 0 ? ce / norm : 0);
  for (const RegionTerm& r : o.regions) {
    double term = 0, used = 0;
    for (std::size_t g = 0; g < groups; ++g) {
      double sum = 0, total = 0, pooled_top = r.smooth, pooled_bottom = r.smooth;
      const auto gain_of = [&](double ratio) { return r.logarithm ? 1 + std::log(ratio) : 1 - std::pow(1 - ratio, r.exponent); };
      for (std::size_t c = o.include_background ? 0 : 1; c < k; ++c) {
        const auto at = g * k + c;
        const double top = r.intersection * inter[at],
                     bottom = r.union_i * inter[at] + r.union_p * pred[at] + r.union_t * truth[at] + r.union_q * squares[at];
        double ratio = (top + r.smooth) / (bottom + r.smooth);
        if (r.pooled && (truth[at] > 0 || o.empty_class != EmptyClass::skip)) {
          const double w = weight(static_cast<std::int64_t>(c)) / std::pow(std::max(truth[at], 1.), r.rarity);
          pooled_top += w * top;
          pooled_bottom += w * bottom;
        }
        if (truth[at] == 0) {
          if (o.empty_class == EmptyClass::skip) continue;
          if (o.empty_class == EmptyClass::one) ratio = 1;
          if (o.empty_class == EmptyClass::zero) ratio = 0;
        }
        const bool formula = truth[at] > 0 || o.empty_class == EmptyClass::penalize;
        const double gain = formula ? gain_of(ratio) : ratio;
        sum += weight(static_cast<std::int64_t>(c)) * gain;
        total += weight(static_cast<std::int64_t>(c));
      }
      if (count[g] == 0 || total == 0) continue;
      term += 1 - (r.pooled ? gain_of(pooled_top / pooled_bottom) : sum / total);
      used += 1;
    }
    loss += r.weight * (used > 0 ? term / used : 0);
  }
  return loss;
}

void check_loss(const std::string& name, const Tensor& logits, const Tensor& labels, const SegmentationLossOptions& o) {
  CAPTURE(name);
  CHECK(segmentation_loss(logits, labels, o).item() == doctest::Approx(reference_loss(logits, labels, o)).epsilon(1e-12));
  check_op({.name = name,
            .inputs = {logits, labels},
            .op = [&](auto& in, auto&) { return segmentation_loss(in[0], in[1], o); },
            .takes_into = false});
}

/// Logits and the size of their labels.
struct Case {
  Shape logits;
  std::int64_t height, width;
};

/// The case's value and gradient against those of the loss after resize_bilinear, in double.
void check_composed(const OpCase& upsampled, SegmentationLossOptions o, std::int64_t height, std::int64_t width) {
  CAPTURE(upsampled.name);
  Tensor a = upsampled.inputs[0].clone(), b = a.clone();
  a.set_requires_grad();
  b.set_requires_grad();
  const Tensor fused = upsampled.op({a, upsampled.inputs[1]}, {}), large = resize_bilinear(b, height, width, *o.upsample);
  o.upsample.reset();
  const Tensor composed = segmentation_loss(large, upsampled.inputs[1], o);
  fused.backward();
  composed.backward();
  CHECK(relative_error(fused, composed) < 1e-12);
  CHECK(relative_error(a.grad(), b.grad()) < 1e-12);
}

}  // namespace

TEST_CASE("segmentation_loss: definition, gradients, slices, instruction sets, threads") {
  for (const Shape& s :
       {Shape{2, 5, 7, 3}, Shape{1, 1, 1, 2}, Shape{1, 6, 3, 9}, Shape{3, 2, 4, 48}, Shape{2, 3, 3, 1}, Shape{0, 2, 2, 4}}) {
    const Tensor logits = random_normal(s, 1);
    for (LossActivation activation : {LossActivation::softmax, LossActivation::sigmoid})
      for (RegionReduction dice : {RegionReduction::batch, RegionReduction::sample}) {
        const bool softmax = activation == LossActivation::softmax;
        const Tensor labels = random_labels(softmax ? Shape{s[0], s[1], s[2]} : s, softmax ? static_cast<int>(s[3]) : 2, 5);
        const std::string name =
            "segmentation_loss " + s.str() + (softmax ? " softmax" : " sigmoid") + (dice == RegionReduction::batch ? " batch" : " sample");
        check_loss(name, logits, labels, {.activation = activation, .ignore_label = 255, .region_reduction = dice});
        check_loss(name + " weights", logits, labels,
                   {.activation = activation,
                    .ce_weight = 0.7,
                    .regions = {RegionTerm::dice(1.3, 1e-5)},
                    .class_weights = weights_for(s[3]),
                    .ignore_label = 255,
                    .ce_normalization = CeNormalization::pixel_count,
                    .region_reduction = dice,
                    .include_background = s[3] == 1});
      }
  }
}

TEST_CASE("segmentation_loss agrees with PyTorch") {
  const auto file = golden("segmentation_loss");
  const std::vector<double> w{0.5, 2, 1.25, 0.75};
  const auto check = [&](const char* name, const SegmentationLossOptions& o) {
    check_golden(file, name, {"logits", "labels"}, [&](auto& in) { return segmentation_loss(in[0], in[1], o); });
  };
  check("plain", {});
  check("cross_entropy", {.regions = {}, .class_weights = w, .ignore_label = 255});
  check("weights", {.ce_weight = 0.5, .regions = {RegionTerm::dice(2, 1e-5)}, .class_weights = w, .ignore_label = 255});
  check("pixel_count", {.regions = {}, .class_weights = w, .ignore_label = 3, .ce_normalization = CeNormalization::pixel_count});
  check("per_sample", {.class_weights = w, .ignore_label = 255, .region_reduction = RegionReduction::sample, .include_background = false});
  check("penalize", {.empty_class = EmptyClass::penalize});
  check("sigmoid",
        {.activation = LossActivation::sigmoid, .class_weights = w, .ignore_label = 255, .ce_normalization = CeNormalization::pixel_count});
  check("half_pixel", {.class_weights = w, .ignore_label = 255, .upsample = ResizeGrid::half_pixel});
  check("align_corners", {.class_weights = w, .ignore_label = 255, .upsample = ResizeGrid::align_corners});
  check("one_row",
        {.class_weights = w, .ignore_label = 255, .region_reduction = RegionReduction::sample, .upsample = ResizeGrid::half_pixel});
  check("sigmoid_upsampled", {.activation = LossActivation::sigmoid,
                              .class_weights = w,
                              .ignore_label = 255,
                              .ce_normalization = CeNormalization::pixel_count,
                              .upsample = ResizeGrid::align_corners});
}

TEST_CASE("region terms other than Dice, alone and together") {
  const Tensor logits = random_normal({2, 5, 7, 4}, 1);
  for (LossActivation activation : {LossActivation::softmax, LossActivation::sigmoid})
    for (RegionReduction reduction : {RegionReduction::batch, RegionReduction::sample})
      for (EmptyClass empty : {EmptyClass::skip, EmptyClass::penalize}) {
        const bool softmax = activation == LossActivation::softmax;
        const Tensor labels = random_labels(softmax ? Shape{2, 5, 7} : logits.shape(), softmax ? 3 : 2, 5);  // softmax: no class 3
        const SegmentationLossOptions o{.activation = activation,
                                        .ce_weight = 0,
                                        .class_weights = weights_for(4),
                                        .ignore_label = 255,
                                        .region_reduction = reduction,
                                        .empty_class = empty};
        const auto check = [&](const char* name, std::vector<RegionTerm> regions, double ce_weight = 0) {
          SegmentationLossOptions with = o;
          with.regions = std::move(regions);
          with.ce_weight = ce_weight;
          check_loss(name, logits, labels, with);
        };
        RegionTerm log_dice = RegionTerm::dice(0.5);
        log_dice.logarithm = true;
        check("jaccard", {RegionTerm::jaccard(1.5, 0.1)});
        check("tversky", {RegionTerm::tversky(0.3, 0.7)});
        check("focal tversky", {RegionTerm::tversky(0.3, 0.7, 1, 1e-3, 0.75)});
        check("log dice", {log_dice});
        check("four terms and cross-entropy",
              {RegionTerm::tversky(0.3, 0.7, 1, 1, 1.5), RegionTerm::dice(0.25), RegionTerm::jaccard(2), log_dice}, 0.7);
      }
  // Of one pair of pixels, p = (3/4, 1/4) at both, labels 0 and 1: I = (3/4, 1/4), P = (3/2, 1/2), T = (1, 1).
  const double z = std::log(3.0);
  const Tensor two = Tensor::from({z, 0.0, z, 0.0}, {1, 1, 2, 2}), y = Tensor::from({std::uint8_t{0}, std::uint8_t{1}}, {1, 1, 2});
  const auto parts = parts_of(two, y, {.regions = {RegionTerm::jaccard(1, 0), RegionTerm::tversky(0.25, 0.75, 1, 0)}});
  CHECK(parts.regions[0] == doctest::Approx(1 - (0.75 / 1.75 + 0.25 / 1.25) / 2).epsilon(1e-15));
  CHECK(parts.regions[1] ==
        doctest::Approx(1 - (0.75 / (0.75 + 0.25 * 0.75 + 0.75 * 0.25) + 0.25 / (0.25 + 0.25 * 0.25 + 0.75 * 0.75)) / 2).epsilon(1e-15));
  CHECK(parts.ratios[0] == doctest::Approx(0.75 / 1.75).epsilon(1e-15));
  check_throws<OptionError>([&] { segmentation_loss(two, y, {.regions = std::vector<RegionTerm>(5)}); }, {"5 region terms", "4"});
}

TEST_CASE("squared, pooled and generalized region terms; focal and smoothed cross-entropy; weights of pixels") {
  const Tensor logits = random_normal({2, 5, 7, 4}, 1);
  Tensor times = Tensor::empty({2, 5, 7}, {DType::f32, kCpu});
  Random random(RandomKey{9});
  for (std::int64_t i = 0; i < times.numel(); ++i) times.data<float>()[i] = static_cast<float>(random.below(4)) / 2;
  RegionTerm pooled_jaccard = RegionTerm::jaccard(0.5), log_squares = RegionTerm::squared_dice(0.75);
  pooled_jaccard.pooled = true;
  log_squares.logarithm = true;
  for (LossActivation activation : {LossActivation::softmax, LossActivation::sigmoid})
    for (RegionReduction reduction : {RegionReduction::batch, RegionReduction::sample})
      for (EmptyClass empty : {EmptyClass::skip, EmptyClass::penalize})
        for (const bool weighted : {false, true}) {
          const bool softmax = activation == LossActivation::softmax;
          const Tensor labels = random_labels(softmax ? Shape{2, 5, 7} : logits.shape(), softmax ? 3 : 2, 5);  // softmax: no class 3
          const auto check = [&](const char* name, double ce, double focal, double smoothing, std::vector<RegionTerm> regions) {
            CAPTURE(softmax);
            CAPTURE(weighted);
            SegmentationLossOptions o{.activation = activation,
                                      .ce_weight = ce,
                                      .focal = focal,
                                      .smoothing = smoothing,
                                      .regions = std::move(regions),
                                      .class_weights = weights_for(4),
                                      .ignore_label = 255,
                                      .region_reduction = reduction,
                                      .empty_class = empty};
            if (!weighted) return check_loss(name, logits, labels, o);
            o.pixel_weights = times;
            CHECK(segmentation_loss(logits, labels, o).item() == doctest::Approx(reference_loss(logits, labels, o)).epsilon(1e-12));
            check_op({.name = name,
                      .inputs = {logits, labels, times},
                      .op =
                          [&](auto& in, auto&) {
                            SegmentationLossOptions there = o;
                            there.pixel_weights = in[2];
                            return segmentation_loss(in[0], in[1], there);
                          },
                      .takes_into = false});
          };
          check("focal", 1, 2, 0, {});
          check("focal below 1", 1, 0.5, 0, {});
          check("smoothed", 1, 0, 0.1, {});
          check("focal, smoothed, dice", 0.7, 1.5, 0.2, {RegionTerm::dice()});
          check("squared dice", 0, 0, 0, {RegionTerm::squared_dice(1.5, 0.1)});
          check("generalized dice", 0, 0, 0, {RegionTerm::generalized_dice()});
          check("four", 1, 0, 0, {log_squares, pooled_jaccard, RegionTerm::generalized_dice(1, 1e-3, 1), RegionTerm::dice(2)});
        }
}

TEST_CASE("a pixel of weight 2 counts as two pixels, one of weight 0 as none") {
  const Tensor logits = random_normal({1, 3, 4, 3}, 2), labels = random_labels({1, 3, 4}, 3);
  // The same picture with its first row twice and its last row left out.
  std::vector<Tensor> rows;
  const auto z = logits.to_vector<double>();
  const auto y = labels.to_vector<std::uint8_t>();
  std::vector<double> z2(z.begin(), z.begin() + 12);
  std::vector<std::uint8_t> y2(y.begin(), y.begin() + 4);
  z2.insert(z2.end(), z.begin(), z.begin() + 24);
  y2.insert(y2.end(), y.begin(), y.begin() + 8);
  const Tensor times = Tensor::from({2.f, 2.f, 2.f, 2.f, 1.f, 1.f, 1.f, 1.f, 0.f, 0.f, 0.f, 0.f}, {1, 3, 4});
  for (CeNormalization n : {CeNormalization::pixel_count, CeNormalization::weight_sum}) {
    const SegmentationLossOptions plain{.focal = 2,
                                        .regions = {RegionTerm::dice(), RegionTerm::squared_dice(), RegionTerm::generalized_dice()},
                                        .class_weights = {1, 2, 3},
                                        .ce_normalization = n};
    SegmentationLossOptions weighted = plain;
    weighted.pixel_weights = times;
    Tensor leaf = logits.clone();
    leaf.set_requires_grad();
    const Tensor loss = segmentation_loss(leaf, labels, weighted);
    CHECK(loss.item() == doctest::Approx(segmentation_loss(Tensor::from(std::span<const double>(z2), {1, 3, 4, 3}),
                                                           Tensor::from(std::span<const std::uint8_t>(y2), {1, 3, 4}), plain)
                                             .item())
                             .epsilon(1e-13));
    loss.backward();
    const auto g = leaf.grad().to_vector<double>();
    for (std::size_t i = 24; i < 36; ++i) CHECK(g[i] == 0);
    for (std::size_t i = 0; i < 24; ++i) CHECK(g[i] != 0);
  }
  check_throws<ShapeError>(
      [&] {
        segmentation_loss(logits, labels, {.pixel_weights = times.view_as({3, 4, 1})});
      },
      {"pixel_weights", "(1, 3, 4)"});
  check_throws<OptionError>([&] { segmentation_loss(logits, labels, {.smoothing = 1}); }, {"smoothing", "[0, 1)"});
  check_throws<OptionError>([&] { segmentation_loss(logits, labels, {.focal = -1}); }, {"focal"});
}

TEST_CASE("segmentation_loss over several tasks, none of them whole registers") {
  const Tensor logits = random_normal({2, 97, 89, 5}, 2), labels = random_labels({2, 97, 89}, 5, 9);
  const SegmentationLossOptions o{.class_weights = weights_for(5), .ignore_label = 255, .region_reduction = RegionReduction::sample};
  const double want = reference_loss(logits, labels, o);
  CHECK(segmentation_loss(logits, labels, o).item() == doctest::Approx(want).epsilon(1e-12));
  for (Device device : devices())
    CHECK(segmentation_loss(logits.to(DType::f32).to(device), labels.to(device), o).item() == doctest::Approx(want).epsilon(1e-6));
}

TEST_CASE("segmentation_loss on CUDA with more classes than a thread takes, one tile and several") {
  for (Device device : cuda_devices())
    for (const Shape& s : {Shape{1, 7, 5, 33}, Shape{2, 9, 8, 64}, Shape{1, 5, 9, 65}, Shape{1, 6, 11, 200}, Shape{1, 9, 9, 256}})
      for (LossActivation activation : {LossActivation::softmax, LossActivation::sigmoid}) {
        const bool softmax = activation == LossActivation::softmax;
        const OpCase c{.name = "segmentation_loss " + s.str(),
                       .inputs = {random_normal(s, 6),
                                  random_labels(softmax ? Shape{s[0], s[1], s[2]} : s, softmax ? static_cast<int>(s[3]) - 1 : 2, 5, 255)},
                       .op =
                           [&](auto& in, auto&) {
                             return segmentation_loss(in[0], in[1],
                                                      {.activation = activation, .class_weights = weights_for(s[3]), .ignore_label = 255});
                           },
                       .takes_into = false};
        std::vector<std::string> failures;
        cuda_failures(c, device, failures);
        for (const std::string& f : failures) FAIL_CHECK(c.name << ": " << f);
      }
}

TEST_CASE("segmentation_loss with upsample: that of the resized logits, gradients, slices, instruction sets, threads") {
  for (const Case& c : {Case{{2, 3, 4, 3}, 12, 16}, Case{{1, 4, 3, 2}, 8, 6}, Case{{1, 5, 3, 9}, 11, 8}, Case{{2, 1, 3, 48}, 5, 7},
                        Case{{1, 1, 1, 4}, 6, 5}, Case{{1, 3, 4, 1}, 3, 9}, Case{{2, 9, 2, 3}, 10, 2}, Case{{0, 2, 2, 4}, 3, 3}})
    for (LossActivation activation : {LossActivation::softmax, LossActivation::sigmoid})
      for (ResizeGrid grid : {ResizeGrid::half_pixel, ResizeGrid::align_corners}) {
        const Shape &s = c.logits, pixels{s[0], c.height, c.width};
        const bool softmax = activation == LossActivation::softmax, half = grid == ResizeGrid::half_pixel;
        const SegmentationLossOptions o{.activation = activation,
                                        .class_weights = weights_for(s[3]),
                                        .ignore_label = 255,
                                        .region_reduction = half ? RegionReduction::batch : RegionReduction::sample,
                                        .empty_class = half ? EmptyClass::skip : EmptyClass::penalize,
                                        .upsample = grid};
        const OpCase upsampled{.name = message("segmentation_loss ", s, " to ", pixels, softmax ? " softmax" : " sigmoid",
                                               half ? " half_pixel" : " align_corners"),
                               .inputs = {random_normal(s, 8), random_labels(softmax ? pixels : Shape{s[0], c.height, c.width, s[3]},
                                                                             softmax ? static_cast<int>(s[3]) : 2, 5)},
                               .op = [&](auto& in, auto&) { return segmentation_loss(in[0], in[1], o); },
                               .takes_into = false};
        check_op(upsampled);
        check_composed(upsampled, o, c.height, c.width);
      }
}

TEST_CASE("segmentation_loss with upsample over several tasks, bands, blocks and tiles") {
  for (const Case& c : {Case{{2, 21, 17, 5}, 97, 65}, Case{{1, 1, 2, 3}, 37, 40}, Case{{1, 3, 2, 33}, 14, 8}, Case{{1, 3, 3, 65}, 7, 9},
                        Case{{1, 2, 3, 256}, 5, 7}}) {
    const Shape& s = c.logits;
    const SegmentationLossOptions o{.class_weights = weights_for(s[3]), .ignore_label = 255, .upsample = ResizeGrid::half_pixel};
    const OpCase upsampled{.name = message("segmentation_loss ", s),
                           .inputs = {random_normal(s, 9), random_labels({s[0], c.height, c.width}, static_cast<int>(s[3]) - 1, 9)},
                           .op = [&](auto& in, auto&) { return segmentation_loss(in[0], in[1], o); },
                           .takes_into = false};
    check_composed(upsampled, o, c.height, c.width);
    std::vector<std::string> failures;
    for (Device device : cuda_devices()) cuda_failures(upsampled, device, failures);
    for (const std::string& f : failures) FAIL_CHECK(upsampled.name << ": " << f);
  }
}

TEST_CASE("segmentation_loss by hand") {
  // Two pixels, two classes, p = (3/4, 1/4) at both; labels 0 and 1.
  const double z = std::log(3.0);
  Tensor logits = Tensor::from({z, 0.0, z, 0.0}, {1, 1, 2, 2});
  const Tensor labels = Tensor::from({std::uint8_t{0}, std::uint8_t{1}}, {1, 1, 2});
  const auto parts = parts_of(
      logits, labels, {.regions = {RegionTerm::dice(1, 0)}, .class_weights = {1, 3}, .ce_normalization = CeNormalization::weight_sum});
  CHECK(parts.ce == doctest::Approx((std::log(4.0 / 3) + 3 * std::log(4.0)) / 4).epsilon(1e-15));
  CHECK(parts.ratios[0] == doctest::Approx(2 * 0.75 / 2.5).epsilon(1e-15));
  CHECK(parts.ratios[1] == doctest::Approx(2 * 0.25 / 1.5).epsilon(1e-15));
  CHECK(parts.regions[0] == doctest::Approx(1 - (0.6 + 3 * (1.0 / 3)) / 4).epsilon(1e-15));
  CHECK(parts_of(logits, labels, {.class_weights = {1, 3}, .ce_normalization = CeNormalization::pixel_count}).ce ==
        doctest::Approx((std::log(4.0 / 3) + 3 * std::log(4.0)) / 2).epsilon(1e-15));
  // Cross-entropy alone: dz = (p - target) / pixels.
  logits.set_requires_grad();
  segmentation_loss(logits, labels, {.regions = {}}).backward();
  CHECK(relative_error(logits.grad(), Tensor::from({-0.125, 0.125, 0.375, -0.375}, logits.shape())) < 1e-15);
}

TEST_CASE("segmentation_loss: what each policy does with a class that nobody labelled") {
  const Tensor logits = random_normal({2, 4, 4, 3}, 3), labels = random_labels({2, 4, 4}, 2);  // no class 2
  for (EmptyClass policy : {EmptyClass::skip, EmptyClass::one, EmptyClass::zero, EmptyClass::penalize})
    for (RegionReduction dice : {RegionReduction::batch, RegionReduction::sample})
      check_loss("policy " + std::to_string(int(policy)), logits, labels, {.region_reduction = dice, .empty_class = policy});
  for (Device device : devices()) {
    CAPTURE(device.str());
    const Tensor z = logits.to(DType::f32).to(device), y = labels.to(device);
    const auto dice = [&](EmptyClass policy) { return parts_of(z, y, {.empty_class = policy}); };
    CHECK(std::isnan(dice(EmptyClass::skip).ratios[2]));
    CHECK(dice(EmptyClass::one).ratios[2] == 1);
    CHECK(dice(EmptyClass::zero).ratios[2] == 0);
    CHECK(dice(EmptyClass::penalize).ratios[2] > 0);
    CHECK(dice(EmptyClass::penalize).ratios[2] < 0.5);
    CHECK(dice(EmptyClass::one).regions[0] < dice(EmptyClass::skip).regions[0]);
    CHECK(dice(EmptyClass::zero).regions[0] > dice(EmptyClass::penalize).regions[0]);
  }
}

TEST_CASE("segmentation_loss: ignored pixels have no influence and an exactly zero gradient") {
  for (LossActivation activation : {LossActivation::softmax, LossActivation::sigmoid})
    for (DType dtype : {DType::f32, DType::f64}) {
      const bool softmax = activation == LossActivation::softmax;
      const Shape shape{2, 9, 5, 3};
      const Tensor labels = random_labels(softmax ? Shape{2, 9, 5} : shape, 2, 3, 200);
      const SegmentationLossOptions o{.activation = activation, .ignore_label = 200};
      Tensor logits = random_normal(shape, 4, dtype), other = logits.clone();
      const auto ignored = [&](std::int64_t i) { return labels.data<std::uint8_t>()[softmax ? i / 3 : i] == 200; };
      for (std::int64_t i = 0; i < other.numel(); ++i)
        if (ignored(i)) {
          if (dtype == DType::f32) other.data<float>()[i] = std::numeric_limits<float>::quiet_NaN();
          if (dtype == DType::f64) other.data<double>()[i] = std::numeric_limits<double>::infinity();
        }
      for (Device device : devices()) {
        if (device.is_cuda() && dtype == DType::f64) continue;
        Tensor x = logits.clone().to(device), z = other.clone().to(device);
        x.set_requires_grad();
        z.set_requires_grad();
        const Tensor a = segmentation_loss(x, labels.to(device), o), b = segmentation_loss(z, labels.to(device), o);
        CHECK(same_bytes(a.to(kCpu), b.to(kCpu)));
        a.backward();
        b.backward();
        CHECK(same_bytes(x.grad().to(kCpu), z.grad().to(kCpu)));
        const auto g = z.grad().to(kCpu).to(DType::f64).to_vector<double>();
        for (std::int64_t i = 0; i < other.numel(); ++i) CHECK((g[static_cast<std::size_t>(i)] == 0) == ignored(i));
      }
    }
}

TEST_CASE("segmentation_loss of nothing but ignored pixels is 0 with gradient 0") {
  for (Device device : devices())
    for (std::int64_t size : {3, 7})
      for (RegionReduction dice : {RegionReduction::batch, RegionReduction::sample}) {
        Tensor logits = random_normal({1, 3, 3, 4}, 5, DType::f32).to(device),
               labels = Tensor::full({1, size, size}, 255, {DType::u8, device});
        logits.set_requires_grad();
        const Tensor loss =
            segmentation_loss(logits, labels, {.ignore_label = 255, .region_reduction = dice, .upsample = ResizeGrid::half_pixel});
        CHECK(loss.item() == 0);
        loss.backward();
        CHECK(logits.grad().to_vector<float>() == std::vector<float>(36, 0.f));
      }
}

TEST_CASE("segmentation_loss stays finite and exact for extreme logits") {
  for (Device device : devices())
    for (LossActivation activation : {LossActivation::softmax, LossActivation::sigmoid}) {
      const bool softmax = activation == LossActivation::softmax;
      Tensor logits = Tensor::from({1e4f, -1e4f, -300.f, 300.f}, {1, 1, 2, 2}).to(device);
      logits.set_requires_grad();
      const Tensor wrong = softmax ? Tensor::from({std::uint8_t{1}, std::uint8_t{0}}, {1, 1, 2})
                                   : Tensor::from({std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{1}, std::uint8_t{0}}, {1, 1, 2, 2});
      const Tensor loss = segmentation_loss(logits, wrong.to(device), {.activation = activation, .regions = {}});
      CHECK(loss.item() == doctest::Approx(softmax ? (2e4 + 600) / 2 : (2e4 + 600) / 4).epsilon(1e-7));
      loss.backward();
      for (float g : logits.grad().to_vector<float>()) CHECK(std::abs(g) == (softmax ? 0.5f : 0.25f));
    }
}

TEST_CASE("segmentation_loss names the first label that is out of range") {
  for (Device device : devices()) {
    const Tensor logits = Tensor::zeros({2, 3, 4, 5}, {DType::f32, device});
    Tensor labels = Tensor::zeros({2, 3, 4}, {DType::u8, kCpu});
    labels.data<std::uint8_t>()[12 + 4 + 2] = 7;  // image 1, row 1, column 2
    labels.data<std::uint8_t>()[23] = 9;
    check_throws<DataError>([&] { segmentation_loss(logits, labels.to(device)); },
                            {"segmentation_loss", "label 7", "image 1", "row 1", "column 2", "below 5", "no label is ignored"});
    check_throws<DataError>([&] { segmentation_loss(logits, labels.to(device), {.ignore_label = 7}); },
                            {"label 9", "image 1", "row 2", "column 3", "ignored 7"});
    Tensor planes = Tensor::zeros(logits.shape(), {DType::u8, kCpu});
    planes.data<std::uint8_t>()[5 * 6 + 3] = 2;  // image 0, row 1, column 2
    check_throws<DataError>([&] { segmentation_loss(logits, planes.to(device), {.activation = LossActivation::sigmoid}); },
                            {"label 2", "image 0", "row 1", "column 2", "below 2"});
    const Tensor small = Tensor::zeros({2, 2, 3, 5}, {DType::f32, device});
    check_throws<DataError>([&] { segmentation_loss(small, labels.to(device), {.upsample = ResizeGrid::align_corners}); },
                            {"label 7", "image 1", "row 1", "column 2", "below 5"});
  }
}

TEST_CASE("segmentation_loss rejects wrong shapes, types and options") {
  const Tensor x = Tensor::zeros({2, 3, 4, 5}), y = Tensor::zeros({2, 3, 4}, {DType::u8, kCpu});
  check_throws<ShapeError>(
      [&] {
        segmentation_loss(x, y.view_as({2, 4, 3}));
      },
      {"segmentation_loss", "(2, 3, 4)", "(2, 4, 3)", "(2, 3, 4, 5)", "upsample"});
  check_throws<ShapeError>([&] { segmentation_loss(x, y, {.activation = LossActivation::sigmoid}); }, {"(2, 3, 4, 5)", "(2, 3, 4)"});
  const SegmentationLossOptions upsample{.upsample = ResizeGrid::half_pixel};
  check_throws<ShapeError>(
      [&] {
        segmentation_loss(Tensor::zeros({2, 4, 2, 5}), y, upsample);
      },
      {"`upsample`", "(2, 3, 4)", "(2, 4, 2, 5)", "resize_bilinear"});
  check_throws<ShapeError>(
      [&] {
        segmentation_loss(Tensor::zeros({1, 2, 2, 5}), y, upsample);
      },
      {"(1, 3, 4)", "(2, 3, 4)", "(1, 2, 2, 5)"});
  check_throws<ShapeError>([&] { segmentation_loss(Tensor::zeros({2, 0, 4, 5}), y, upsample); }, {"empty", "(2, 0, 4, 5)"});
  check_throws<ShapeError>([&] { segmentation_loss(x, y.view_as({6, 4}), upsample); }, {"(2, 3, 4)", "(6, 4)"});
  check_throws<ShapeError>([&] { segmentation_loss(Tensor::zeros({2, 3, 4}), y); }, {"(N, H, W, C)", "(2, 3, 4)"});
  check_throws<ShapeError>([&] { segmentation_loss(Tensor::zeros({1, 1, 1, 257}), y); }, {"1 to 256 classes", "(1, 1, 1, 257)"});
  check_throws<ShapeError>([&] { segmentation_loss(x, y, {.class_weights = {1, 2}}); }, {"2 class weights", "(2, 3, 4, 5)"});
  check_throws<DeviceError>([&] { segmentation_loss(x, y.to(DType::i32)); }, {"u8", "i32"});
  check_throws<OptionError>([&] { segmentation_loss(x, y, {.class_weights = {1, 1, -1, 1, 1}}); }, {"class weights", "-1"});
  check_throws<OptionError>([&] { segmentation_loss(x, y, {.class_weights = {1, 1, std::nan(""), 1, 1}}); }, {"class weights", "nan"});
  check_throws<OptionError>([&] { segmentation_loss(x, y, {.ce_weight = -1}); }, {"ce_weight", "-1"});
  check_throws<OptionError>([&] { segmentation_loss(x, y, {.regions = {RegionTerm::dice(1, -1)}}); }, {"smooth", "-1"});
  check_throws<OptionError>([&] { segmentation_loss(x, y, {.ignore_label = 256}); }, {"ignore_label", "256"});
}

TEST_CASE("segmentation_loss: one pixel with a huge loss does not swallow the others' (sums in double on CUDA)") {
  const std::int64_t h = 16, w = 32, n = h * w;
  for (LossActivation activation : {LossActivation::softmax, LossActivation::sigmoid})
    for (Device device : cuda_devices()) {
      CAPTURE(device.str());
      for (const std::int64_t at : {std::int64_t{0}, n - 1}) {
        const bool softmax = activation == LossActivation::softmax;
        const Tensor logits = Tensor::zeros({1, h, w, softmax ? 2 : 1}), labels = Tensor::zeros({1, h, w}, {DType::u8, kCpu});
        logits.data<float>()[softmax ? 2 * at + 1 : at] = 1 << 25;  // its loss is 2^25, that of the others log(2)
        const auto parts =
            parts_of(logits.to(device), (softmax ? labels : labels.view_as({1, h, w, 1})).to(device), {.activation = activation});
        const double expected = (1 << 25) + static_cast<double>(n - 1) * std::log(2.0);
        CHECK(std::abs(parts.ce * static_cast<double>(n) - expected) < 1e-3);
      }
    }
}
