// Terms that are computed beside the fused pass: what they must keep to whatever the values.
#include "lamina/losses/criterion.hpp"
#include "lamina/metrics/distance.hpp"
#include "support/heads.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;
using losses::Criterion;

namespace {
/// Labels below `classes`, about one in four ignored where `holes`.
Tensor labels_of(const Shape& shape, int classes, bool holes, std::uint64_t seed = 4) {
  Tensor t = Tensor::empty(shape, {DType::u8, kCpu});
  Random random(RandomKey{seed});
  for (std::int64_t i = 0; i < t.numel(); ++i)
    t.data<std::uint8_t>()[i] =
        holes && random.below(4) == 0 ? data::kIgnoreLabel : static_cast<std::uint8_t>(random.below(static_cast<std::uint64_t>(classes)));
  return t;
}
/// A term, and the kind of labels it is for.
struct Of {
  const char* loss;
  data::Task task;
};
constexpr Of kTerms[] = {{"ce:smoothing=0.1", data::Task::multiclass},
                         {"focal", data::Task::multiclass},
                         {"focal", data::Task::multilabel},
                         {"topk:share=0.5", data::Task::multiclass},
                         {"topk:share=0.5", data::Task::multilabel},
                         {"topk:share=1", data::Task::multiclass},
                         {"lovasz", data::Task::multiclass},
                         {"lovasz:image=1", data::Task::multilabel},
                         {"boundary", data::Task::multiclass},
                         {"boundary", data::Task::multilabel},
                         {"wasserstein", data::Task::ordinal},
                         {"gdice", data::Task::multiclass},
                         {"dice:squared=1:image=1:log=1", data::Task::multilabel},
                         {"jaccard:log=1", data::Task::ordinal},
                         {"dice+dice:image=1+focal+ce", data::Task::multiclass},
                         {"0.5*lovasz+topk+ce", data::Task::multiclass}};

/// Logits and labels (2, 4, 5) of a term's head, with weights of their pixels.
struct Weighed {
  std::shared_ptr<const heads::Head> head;
  Tensor z, y, times;
  bool planes;
  Weighed(data::Task task, bool holes, const std::vector<float>& weights) : head(head_of(task, 3)), planes(task == data::Task::multilabel) {
    z = random_normal({2, 4, 5, head->outputs()}, 5);
    y = labels_of(planes ? Shape{2, 4, 5, 3} : Shape{2, 4, 5}, planes ? 2 : 3, holes);
    times = Tensor::empty({2, 4, 5}, {DType::f32, kCpu});
    Random random(RandomKey{11});
    for (std::int64_t i = 0; i < 40; ++i) times.data<float>()[i] = weights[random.below(weights.size())];
  }
  std::int64_t labels_a_pixel() const { return y.numel() / 40; }
  /// Below each image the same once more. Pixels are ignored above where they weigh 0, below where they do not weigh 2.
  std::pair<Tensor, Tensor> spread() const {
    const std::int64_t c = head->outputs(), l = labels_a_pixel();
    Tensor logits = Tensor::empty({2, 8, 5, c}, {DType::f64, kCpu}),
           labels = Tensor::empty(planes ? Shape{2, 8, 5, l} : Shape{2, 8, 5}, y.options());
    for (std::int64_t i = 0; i < 80; ++i) {
      const std::int64_t from = i / 40 * 20 + i % 20;
      const bool counts = times.data<float>()[from] >= (i % 40 < 20 ? 1 : 2);
      std::copy_n(z.data<double>() + from * c, c, logits.data<double>() + i * c);
      for (std::int64_t k = 0; k < l; ++k)
        labels.data<std::uint8_t>()[i * l + k] = counts ? y.data<std::uint8_t>()[from * l + k] : data::kIgnoreLabel;
    }
    return {logits, labels};
  }
};
}  // namespace

TEST_CASE("gradients of every term are those of differences; ignored pixels get exactly none, and weigh nothing") {
  for (const Of& of : kTerms) {
    CAPTURE(of.loss);
    const auto head = head_of(of.task, 3);
    const Shape s{2, 4, 5, head->outputs()};
    const Tensor y = labels_of(of.task == data::Task::multilabel ? s : Shape{2, 4, 5}, of.task == data::Task::multilabel ? 2 : 3, true);
    const Criterion criterion(of.loss);
    const Tensor z = random_normal(s, 5);
    Tensor leaf = z.clone();
    leaf.set_requires_grad();
    const auto result = gradcheck([&](const std::vector<Tensor>& in) { return criterion(*head, in[0], y); }, {leaf});
    CHECK_MESSAGE(result.ok, result.str());
    Tensor a = z.clone(), b = z.clone();
    const auto ignored = [&](std::int64_t i) {
      return y.data<std::uint8_t>()[of.task == data::Task::multilabel ? i : i / head->outputs()] == data::kIgnoreLabel;
    };
    for (std::int64_t i = 0; i < z.numel(); ++i)
      if (ignored(i)) b.data<double>()[i] = 30;
    a.set_requires_grad();
    b.set_requires_grad();
    const Tensor of_a = criterion(*head, a, y), of_b = criterion(*head, b, y);
    CHECK(of_a.item() == of_b.item());
    of_b.backward();
    for (std::int64_t i = 0; i < z.numel(); ++i)
      if (ignored(i)) CHECK(b.grad().data<double>()[i] == 0);
  }
}

TEST_CASE("a pixel of weight 2 is that pixel twice, one of weight 0 an ignored one, in value and gradient") {
  // Not for boundary, whose distances depend on where pixels lie and also go by the labels of those that weigh 0: see below. Of the hardest
  // pixels a share is kept, by number whatever they weigh: only where all are kept are two of them twice as many.
  for (const Of& of : kTerms)
    for (const std::vector<float>& weights : {std::vector<float>{0, 1}, std::vector<float>{0, 1, 2}}) {
      const std::string loss = of.loss;
      const bool counts_pixels = loss.find("topk") != std::string::npos && loss != "topk:share=1";
      if (loss == "boundary" || (counts_pixels && weights.size() == 3)) continue;
      CAPTURE(loss);
      const Weighed w(of.task, true, weights);
      const auto [z, y] = w.spread();
      Tensor once = w.z.clone(), spread = z.clone();
      once.set_requires_grad(), spread.set_requires_grad();
      const Tensor weighed = Criterion(loss)(*w.head, once, w.y, nullptr, w.times), repeated = Criterion(loss)(*w.head, spread, y);
      CHECK(weighed.item() == doctest::Approx(repeated.item()).epsilon(1e-12).scale(0));
      CHECK(weighed.item() != doctest::Approx(Criterion(loss)(*w.head, w.z, w.y).item()).epsilon(1e-6).scale(0));
      weighed.backward(), repeated.backward();
      const std::int64_t each = 20 * w.head->outputs();
      Tensor sum = Tensor::zeros(w.z.shape(), {DType::f64, kCpu});
      for (std::int64_t i = 0; i < spread.numel(); ++i)
        sum.data<double>()[i / (2 * each) * each + i % each] += spread.grad().data<double>()[i];
      CHECK(relative_error(once.grad(), sum) < 1e-12);
    }
}

TEST_CASE("boundary: a pixel of weight 2 counts twice where it lies; of one of weight 0 the label is an edge, no more") {
  for (const data::Task task : {data::Task::multiclass, data::Task::multilabel}) {
    Weighed w(task, task == data::Task::multiclass, {1});
    const Criterion boundary("boundary", {.class_weights = {1, 2, 3}});
    const auto loss = [&](const Tensor& z, const Tensor& times) { return boundary(*w.head, z, w.y, nullptr, times).item(); };
    double labelled = 0;
    for (std::int64_t i = 0; i < 40; ++i) labelled += w.y.data<std::uint8_t>()[i * w.labels_a_pixel()] != data::kIgnoreLabel;
    const double all = loss(w.z, w.times);
    for (std::int64_t i = 0; i < 40; ++i) {
      if (w.y.data<std::uint8_t>()[i * w.labels_a_pixel()] == data::kIgnoreLabel) continue;
      const auto with = [&](float weight, float others) {
        Tensor times = Tensor::full({2, 4, 5}, others, {DType::f32, kCpu});
        times.data<float>()[i] = weight;
        return times;
      };
      const double alone = loss(w.z, with(1, 0));
      CHECK(loss(w.z, with(2, 1)) == doctest::Approx((labelled * all + alone) / (labelled + 1)).epsilon(1e-12).scale(0));
      CHECK(loss(w.z, with(0, 1)) == doctest::Approx((labelled * all - alone) / (labelled - 1)).epsilon(1e-12).scale(0));
      CHECK(loss(w.z, with(2, 1)) != doctest::Approx(all).epsilon(1e-6).scale(0));
      Tensor leaf = w.z.clone();
      leaf.set_requires_grad();
      boundary(*w.head, leaf, w.y, nullptr, with(0, 1)).backward();
      for (std::int64_t c = 0; c < 3; ++c) CHECK(leaf.grad().data<double>()[3 * i + c] == 0);
    }
  }
}

TEST_CASE("how large class weights are means nothing, only what they are to each other") {
  for (const Of& of : kTerms) {
    CAPTURE(of.loss);
    const Weighed w(of.task, true, {0, 1, 2});
    if (std::string(of.loss) == "gdice") continue;  // but to its smoothing
    std::vector<double> small, large, none(static_cast<std::size_t>(w.head->weighed()), 1);
    for (std::size_t c = 0; c < none.size(); ++c) small.push_back(0.5 + static_cast<double>(c)), large.push_back(8 * small.back());
    const auto loss = [&](const std::vector<double>& weights) {
      return Criterion(of.loss, {.class_weights = weights})(*w.head, w.z, w.y, nullptr, w.times).item();
    };
    CHECK(loss(large) == doctest::Approx(loss(small)).epsilon(1e-12).scale(0));
    CHECK(loss(small) != doctest::Approx(loss(none)).epsilon(1e-6).scale(0));
    CHECK(loss(none) == doctest::Approx(loss({})).epsilon(1e-12).scale(0));
  }
}

TEST_CASE("the order of the classes means nothing to terms of classes") {
  const auto head = head_of(data::Task::multiclass, 3);
  const Tensor z = random_normal({2, 4, 5, 3}, 6), y = labels_of({2, 4, 5}, 3, true);
  Tensor swapped = z.clone(), labels = y.clone();
  for (std::int64_t i = 0; i < 40; ++i) {
    std::swap(swapped.data<double>()[3 * i], swapped.data<double>()[3 * i + 2]);
    std::uint8_t& label = labels.data<std::uint8_t>()[i];
    if (label != data::kIgnoreLabel) label = static_cast<std::uint8_t>(2 - label);
  }
  for (const Of& of : kTerms)
    if (of.task == data::Task::multiclass)
      CHECK(Criterion(of.loss, {.class_weights = {1, 2, 3}})(*head, z, y).item() ==
            doctest::Approx(Criterion(of.loss, {.class_weights = {3, 2, 1}})(*head, swapped, labels).item()).epsilon(1e-12));
}

TEST_CASE("terms of images are the mean of the images' losses; terms of batches are not") {
  const auto head = head_of(data::Task::multiclass, 3);
  const Tensor y = labels_of({2, 4, 5}, 3, false), z = random_normal({2, 4, 5, 3}, 7);
  const auto image = [&](std::int64_t n) {
    const auto values = z.to_vector<double>();
    const auto labels = y.to_vector<std::uint8_t>();
    return std::pair(Tensor::from(std::span(values).subspan(static_cast<std::size_t>(60 * n), 60), {1, 4, 5, 3}),
                     Tensor::from(std::span(labels).subspan(static_cast<std::size_t>(20 * n), 20), {1, 4, 5}));
  };
  for (const char* loss : {"dice:image=1", "gdice:image=1", "lovasz:image=1", "jaccard:image=1", "ce", "focal", "boundary"}) {
    CAPTURE(loss);
    double mean = 0;
    for (std::int64_t n : {0, 1}) mean += Criterion(loss)(*head, image(n).first, image(n).second).item() / 2;
    CHECK(Criterion(loss)(*head, z, y).item() == doctest::Approx(mean).epsilon(1e-12));
  }
  for (const char* loss : {"dice", "gdice", "lovasz", "jaccard"}) {
    double mean = 0;
    for (std::int64_t n : {0, 1}) mean += Criterion(loss)(*head, image(n).first, image(n).second).item() / 2;
    CHECK(Criterion(loss)(*head, z, y).item() != doctest::Approx(mean).epsilon(1e-9));
  }
}

TEST_CASE("terms that do not fit in one pass keep their own settings and names") {
  const auto head = head_of(data::Task::multiclass, 3);
  const Tensor z = random_normal({2, 4, 5, 3}, 9), y = labels_of({2, 4, 5}, 3, true);
  const auto values = [&](const std::string& loss) {
    Scalars s;
    (void)Criterion(loss)(*head, z, y, &s);
    return s;
  };
  const Scalars all = values("2*ce+focal+0.5*dice+3*dice:image=1+jaccard+tversky+focal_tversky+gdice+lovasz");
  double sum = 0;
  for (const auto& [loss, name, factor] : {std::tuple{"ce", "ce", 2.0},
                                           {"focal", "focal", 1.0},
                                           {"dice", "dice_loss", 0.5},
                                           {"dice:image=1", "dice_loss:image=1", 3.0},
                                           {"jaccard", "jaccard_loss", 1.0},
                                           {"tversky", "tversky_loss", 1.0},
                                           {"focal_tversky", "focal_tversky_loss", 1.0},
                                           {"gdice", "gdice_loss", 1.0},
                                           {"lovasz", "lovasz", 1.0}}) {
    const double alone = values(loss).at("loss");
    CAPTURE(loss);
    CHECK(all.at(name) == doctest::Approx(alone).epsilon(1e-13));
    sum += factor * alone;
  }
  CHECK(all.at("loss") == doctest::Approx(sum).epsilon(1e-13));
}

TEST_CASE("a class that nobody labelled does not weigh in lovasz: two pixels of class a, p(a) = 3/4 and 1/4") {
  const auto head = head_of(data::Task::multiclass, 2);
  const Tensor z = Tensor::from({std::log(3.0), 0.0, 0.0, std::log(3.0)}, {1, 1, 2, 2}), y = Tensor::zeros({1, 1, 2}, {DType::u8, kCpu});
  CHECK(Criterion("lovasz")(*head, z, y).item() == doctest::Approx(0.75 * 0.5 + 0.25 * 0.5).epsilon(1e-14));
}

TEST_CASE("every term gives the same on each device, of smaller logits, with weights of pixels") {
  for (Device device : cuda_devices())
    for (const Of& of : kTerms) {
      CAPTURE(of.loss);
      const auto head = head_of(of.task, 3);
      const bool planes = of.task == data::Task::multilabel;
      const Tensor y = labels_of(planes ? Shape{2, 6, 9, 3} : Shape{2, 6, 9}, planes ? 2 : 3, true);
      const Tensor z = random_normal({2, 3, 4, head->outputs()}, 8, DType::f32), times = Tensor::full({2, 6, 9}, 0.5, {DType::f32, kCpu});
      for (const Tensor& weights : {Tensor{}, times}) {
        Tensor a = z.clone(), b = z.to(device);
        a.set_requires_grad();
        b.set_requires_grad();
        const Tensor here = Criterion(of.loss)(*head, a, y, nullptr, weights), there = Criterion(of.loss)(*head, b, y, nullptr, weights);
        CHECK(there.item() == doctest::Approx(here.item()).epsilon(1e-5));
        here.backward();
        there.backward();
        CHECK(relative_error(b.grad().to(kCpu), a.grad()) < 1e-4);
      }
    }
}

TEST_CASE("terms say which heads they are for") {
  const auto classes = head_of(data::Task::multiclass, 3);
  const Tensor z = random_normal({1, 2, 2, 3}, 1), y = labels_of({1, 2, 2}, 3, false);
  check_throws<OptionError>([&] { Criterion("bce").require_fits(*classes); }, {"bce", "yes or no", "multiclass"});
  check_throws<OptionError>([&] { Criterion("wasserstein")(*classes, z, y); }, {"wasserstein", "ordinal, coral or corn", "multiclass"});
  check_throws<DataError>([&] { Criterion("lovasz")(*classes, z, Tensor::full({1, 2, 2}, 3, {DType::u8, kCpu})); }, {"label 3", "below 3"});
}

TEST_CASE("distances to a mask: against every pair of pixels") {
  for (const auto& [h, w] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {1, 9}, {8, 1}, {7, 11}, {16, 13}})
    for (std::uint64_t one_in : {2u, 9u, 40u}) {
      std::vector<std::uint8_t> mask(static_cast<std::size_t>(h * w));
      Random random(RandomKey{one_in});
      for (auto& m : mask) m = random.below(one_in) == 0;
      const auto d = metrics::distance_to(mask, h, w), s = metrics::signed_distance(mask, h, w);
      for (std::int64_t i = 0; i < h * w; ++i) {
        double near = INFINITY, far = INFINITY;
        for (std::int64_t j = 0; j < h * w; ++j)
          (mask[static_cast<std::size_t>(j)] ? near : far) =
              std::min(mask[static_cast<std::size_t>(j)] ? near : far, std::hypot(double(i / w - j / w), double(i % w - j % w)));
        CHECK((d[static_cast<std::size_t>(i)] == near || std::abs(d[static_cast<std::size_t>(i)] - near) < 1e-12));
        const double expected = mask[static_cast<std::size_t>(i)] ? (std::isinf(far) ? 0 : 1 - far) : std::isinf(near) ? 0 : near;
        CHECK(s[static_cast<std::size_t>(i)] == doctest::Approx(expected).epsilon(1e-15));
      }
    }
  check_throws<ShapeError>([] { metrics::distance_to(std::vector<std::uint8_t>(5), 2, 3); }, {"5", "2 x 3"});
}
