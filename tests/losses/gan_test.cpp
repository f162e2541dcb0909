// The losses of a pair of networks, by hand.
#include "lamina/losses/gan.hpp"

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::losses;
using namespace lamina::test;

namespace {

Tensor scores(std::initializer_list<double> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return Tensor::from(std::span<const double>(values.begin(), values.size()), {n, 1, 1, 1});
}
double d_loss(const GanOptions& o, const Tensor& real, const Tensor& fake) {
  const Tensor none = Tensor::zeros({real.size(0), 1, 1, 3}, like(real));
  return GanLoss(o).discriminator(real, fake, none, none).item();
}
double g_loss(const GanOptions& o, const Tensor& fake) { return GanLoss(o).generator(fake).item(); }

}  // namespace

TEST_CASE("losses of D and G by hand") {
  const Tensor real = scores({1, 3}), fake = scores({-1, 2});
  CHECK(d_loss({}, real, fake) == doctest::Approx(((0 + 4) / 2.0 + (1 + 4) / 2.0) / 2));
  CHECK(g_loss({}, fake) == doctest::Approx((4 + 1) / 2.0));
  const GanOptions pearson{.mao_targets = "-1,1,0"};
  CHECK(d_loss(pearson, real, fake) == doctest::Approx(((0 + 4) / 2.0 + (0 + 9) / 2.0) / 2));
  CHECK(g_loss(pearson, fake) == doctest::Approx((1 + 4) / 2.0));
  const auto softplus = [](double v) { return std::log1p(std::exp(v)); };
  CHECK(d_loss({.gan_loss = "vanilla"}, real, fake) ==
        doctest::Approx(((softplus(-1) + softplus(-3)) / 2 + (softplus(-1) + softplus(2)) / 2) / 2));
  CHECK(g_loss({.gan_loss = "vanilla"}, fake) == doctest::Approx((softplus(1) + softplus(-2)) / 2));
  // relu(1 - relu(-1)) = 1 and relu(3 - 2) = 1.
  CHECK(d_loss({.gan_loss = "lsgan_qi"}, real, fake) == doctest::Approx(1));
  CHECK(d_loss({.gan_loss = "lsgan_qi", .qi_real = 0.5}, real, fake) == doctest::Approx(1 + 0.5 * 2));
  CHECK(g_loss({.gan_loss = "lsgan_qi"}, fake) == doctest::Approx(1));
  // The margin is 0.1 times the sum of |differences| of each pair: 0.1 * (1 + 2 + 3) and 0.
  const Tensor y = Tensor::from<double>({1, -2, 3, 5, 5, 5}, {2, 1, 1, 3}), z = Tensor::from<double>({0, 0, 0, 5, 5, 5}, {2, 1, 1, 3});
  const GanLoss qi({.gan_loss = "lsgan_qi", .qi_margin = 0.1});
  CHECK(qi.discriminator(scores({1, 1}), scores({2, 4}), y, z).item() == doctest::Approx((0 + 0) / 2.0));
  CHECK(qi.discriminator(scores({2, 4}), scores({2, 4}), y, z).item() == doctest::Approx((0.6 + 0) / 2));
  CHECK(GanLoss({}).reconstruction(z, y).item() == doctest::Approx(1));
  CHECK(GanLoss({.reconstruction = "l2"}).reconstruction(z, y).item() == doctest::Approx(14 / 6.0));
}

TEST_CASE("losses at equilibrium: what a D that cannot tell gets, and a G that has reached it") {
  for (const GanOptions& o : {GanOptions{}, GanOptions{.mao_targets = "-1,1,0"}, GanOptions{.gan_loss = "vanilla"}}) {
    CAPTURE(o.gan_loss);
    const GanLoss loss(o);
    // The constant score that costs D least, found by trying.
    double best = 1e300, at = 0;
    for (int i = -200; i <= 200; ++i)
      if (const double l = d_loss(o, scores({i / 100.0}), scores({i / 100.0})); l < best) best = l, at = i / 100.0;
    CHECK(loss.discriminator_equilibrium() == doctest::Approx(best));
    CHECK(loss.generator_equilibrium() == doctest::Approx(g_loss(o, scores({at}))));
  }
  CHECK(GanLoss({}).discriminator_equilibrium() == 0.25);
  CHECK(GanLoss({}).generator_equilibrium() == 0.25);
  CHECK(GanLoss({.gan_loss = "lsgan_qi"}).discriminator_equilibrium() == 0);
  CHECK(std::isnan(GanLoss({.gan_loss = "lsgan_qi"}).generator_equilibrium()));
}

TEST_CASE("the accuracy of D counts scores on the right side of the middle") {
  const GanLoss mao({}), pearson({.mao_targets = "-1,1,0"}), qi({.gan_loss = "lsgan_qi"});
  CHECK(mao.accuracy(scores({0.9, 0.6, 0.4, 2}), scores({0.1, 0.7, -1, 0.2})) == 0.75);
  CHECK(pearson.accuracy(scores({0.4, -0.1}), scores({-0.4, -2})) == 0.75);
  CHECK(mao.accuracy(scores({0.5, 0.5}), scores({0.5, 0.5})) == 0.5);
  CHECK(qi.accuracy(scores({1, 5}), scores({2, 3})) == 0.5);  // real pictures have the lower loss
  CHECK(qi.accuracy(scores({1, 2}), scores({2, 3})) == 1);
}

TEST_CASE("gradients of the losses of D and G") {
  const Tensor y = Tensor::normal({3, 2, 2, 3}, {1, 1}, 0, 1, {DType::f64, kCpu}),
               z = Tensor::normal({3, 2, 2, 3}, {1, 2}, 0, 1, {DType::f64, kCpu});
  Tensor real = Tensor::uniform({3, 2, 2, 1}, {1, 3}, 0.5, 2, {DType::f64, kCpu}),
         fake = Tensor::uniform({3, 2, 2, 1}, {1, 4}, 0.5, 2, {DType::f64, kCpu});
  real.set_requires_grad();
  fake.set_requires_grad();
  for (const char* name : {"vanilla", "lsgan_mao", "lsgan_qi"}) {
    CAPTURE(name);
    const GanLoss loss({.gan_loss = name, .qi_margin = 0.05, .qi_real = 0.3});
    CHECK(gradcheck([&](const std::vector<Tensor>& t) { return loss.discriminator(t[0], t[1], y, z); }, {real, fake}).ok);
    CHECK(gradcheck([&](const std::vector<Tensor>& t) { return loss.generator(t[0]); }, {fake}).ok);
  }
}

TEST_CASE("a loss that nobody knows is named with its nearest") {
  check_throws<OptionError>([] { GanLoss({.gan_loss = "lsgan"}); }, {"GAN loss \"lsgan\"", "lsgan_mao", "lsgan_qi"});
  check_throws<OptionError>([] { GanLoss({.mao_targets = "0,1"}); }, {"targets of lsgan_mao", "0,1,1"});
  check_throws<OptionError>([] { GanLoss({.reconstruction = "L1"}); }, {"reconstruction", "did you mean \"l1\""});
  check_throws<OptionError>([] { GanLoss({.gan_weight = -1}); }, {"--gan-weight -1", "at least 0"});
  check_throws<OptionError>([] { GanLoss({.gan_weight = 0, .reconstruction_weight = 0}); }, {"G has no loss"});
}
