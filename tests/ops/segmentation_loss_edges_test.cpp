// The loss by hand: classes that nobody labelled, ignored pixels, extreme logits, what is refused.
#include "support/segmentation_loss.hpp"

using namespace lamina;
using namespace lamina::test;

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
