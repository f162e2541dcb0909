#include "support/segmentation_loss.hpp"

#include "support/golden.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// Logits and the size of their labels.
struct LossCase {
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
  const auto file = golden_archive("segmentation_loss");
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

TEST_CASE("a plane's yes counts in the cross-entropy as often as its positive weight says") {
  const Tensor logits = random_normal({2, 5, 7, 3}, 3), small = random_normal({2, 3, 4, 3}, 4), labels = random_labels({2, 5, 7, 3}, 2, 5);
  SegmentationLossOptions o{
      .activation = LossActivation::sigmoid, .class_weights = {1, 0.5, 2}, .positive_weights = {7, 1, 0.25}, .ignore_label = 255};
  check_loss("positive, dice", logits, labels, o);
  o.focal = 1.5, o.smoothing = 0.1;
  check_loss("positive, focal and smoothed, dice", logits, labels, o);
  o.focal = o.smoothing = 0;
  o.upsample = ResizeGrid::half_pixel;
  const Tensor large = resize_bilinear(small, 5, 7, ResizeGrid::half_pixel);
  CHECK(segmentation_loss(small, labels, o).item() == doctest::Approx(reference_loss(large, labels, o)).epsilon(1e-12));
  check_op({.name = "positive, upsampled",
            .inputs = {small, labels},
            .op = [&](auto& in, auto&) { return segmentation_loss(in[0], in[1], o); },
            .takes_into = false});
  const auto refused = [&](SegmentationLossOptions bad, std::initializer_list<const char*> words) {
    check_throws<OptionError>([&] { segmentation_loss(logits, labels, bad); }, words);
  };
  refused({.activation = LossActivation::sigmoid, .positive_weights = {1, -1, 1}}, {"positive weights", "-1"});
  check_throws<ShapeError>(
      [&] {
        segmentation_loss(logits, labels, {.activation = LossActivation::sigmoid, .positive_weights = {1, 1}});
      },
      {"2 positive weights"});
  check_throws<OptionError>(
      [&] {
        segmentation_loss(logits, random_labels({2, 5, 7}, 3), {.positive_weights = {1, 1, 1}});
      },
      {"positive weights", "sigmoid"});
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
  for (const LossCase& c :
       {LossCase{{2, 3, 4, 3}, 12, 16}, LossCase{{1, 4, 3, 2}, 8, 6}, LossCase{{1, 5, 3, 9}, 11, 8}, LossCase{{2, 1, 3, 48}, 5, 7},
        LossCase{{1, 1, 1, 4}, 6, 5}, LossCase{{1, 3, 4, 1}, 3, 9}, LossCase{{2, 9, 2, 3}, 10, 2}, LossCase{{0, 2, 2, 4}, 3, 3}})
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
  for (const LossCase& c : {LossCase{{2, 21, 17, 5}, 97, 65}, LossCase{{1, 1, 2, 3}, 37, 40}, LossCase{{1, 3, 2, 33}, 14, 8},
                            LossCase{{1, 3, 3, 65}, 7, 9}, LossCase{{1, 2, 3, 256}, 5, 7}}) {
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
