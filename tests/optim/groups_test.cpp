#include <cmath>

#include "lamina/optim/optimizer.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// Four parameters by name, with gradients.
std::vector<nn::NamedTensor> parameters() {
  std::vector<nn::NamedTensor> all;
  for (const char* name : {"encoder.a", "encoder.b", "head.weight", "head.bias"}) {
    Tensor t = random_normal({3, 2}, all.size() + 1, DType::f32);
    t.set_requires_grad();
    all.push_back({name, t});
  }
  return all;
}
void give_gradients(const std::vector<nn::NamedTensor>& all, std::uint64_t seed) {
  for (const auto& p : all) {
    p.tensor.zero_grad();
    Tensor y = p.tensor;
    y.backward(random_normal({3, 2}, seed++, DType::f32));
  }
}

/// Three steps of one optimiser with groups on all parameters, and of one optimiser a group: the same bytes.
template <class Make>
void check_as_apart(const Make& make, double factor) {
  const auto together = parameters(), apart = parameters();
  const std::vector<nn::NamedTensor> encoder(apart.begin(), apart.begin() + 2), head(apart.begin() + 2, apart.end());
  const auto one = make(together, 1.0), slow = make(encoder, factor), usual = make(head, 1.0);
  one->set_groups({{.prefix = "encoder.", .lr_factor = factor}});
  for (std::uint64_t step = 0; step < 3; ++step) {
    give_gradients(together, 10 * step);
    give_gradients(apart, 10 * step);
    one->step();
    slow->step();
    usual->step();
  }
  for (std::size_t i = 0; i < together.size(); ++i) CHECK_MESSAGE(same_bytes(together[i].tensor, apart[i].tensor), together[i].name);
}

}  // namespace

TEST_CASE("parameter groups: learning rates are the optimiser's times their factors") {
  check_as_apart(
      [](const auto& p, double factor) {
        return std::make_unique<optim::Adam>(
            p, optim::AdamOptions{.lr = 0.5 * factor, .gradient = {.weight_decay = 0.25, .decoupled_decay = true}});
      },
      0.125);
  check_as_apart(
      [](const auto& p, double factor) { return std::make_unique<optim::Sgd>(p, optim::SgdOptions{.lr = 0.5 * factor, .momentum = 0.5}); },
      2);
}

TEST_CASE("parameter groups: frozen ones stay, decay is theirs, the longest prefix counts, the norm is of what moves") {
  const auto p = parameters(), before = parameters();
  optim::Sgd sgd(p, {.lr = 0.5, .gradient = {.clip_norm = 0.1, .weight_decay = 0.25}});
  sgd.set_groups(
      {{.prefix = "encoder.", .frozen = true}, {.prefix = "encoder.b", .weight_decay = 0}, {.prefix = "head.weight", .weight_decay = 1}});
  give_gradients(p, 3);
  double squares = 0;
  for (const std::size_t i : {1, 2, 3})
    for (const double g : p[i].tensor.grad().to_vector<double>()) squares += g * g;
  sgd.step();
  CHECK(sgd.gradient_norm() == doctest::Approx(std::sqrt(squares)).epsilon(1e-6));
  CHECK(same_bytes(p[0].tensor, before[0].tensor));
  const double shrink = 0.1 / (std::sqrt(squares) + 1e-6), decay[] = {0, 0, 1, 0.25};
  for (const std::size_t i : {1, 2, 3}) {
    const auto w = before[i].tensor.to_vector<double>(), g = p[i].tensor.grad().to_vector<double>(), got = p[i].tensor.to_vector<double>();
    for (std::size_t k = 0; k < w.size(); ++k)
      CHECK(got[k] == doctest::Approx(w[k] - 0.5 * (g[k] * shrink + decay[i] * w[k])).epsilon(1e-5));
  }
  sgd.set_groups({});
  give_gradients(p, 4);
  sgd.step();
  CHECK_FALSE(same_bytes(p[0].tensor, before[0].tensor));
}

TEST_CASE("parameter groups that are none") {
  optim::Sgd sgd(parameters(), {.lr = 0.5});
  check_throws<OptionError>([&] { sgd.set_groups({{.prefix = "decoder."}}); }, {"\"decoder.\"", "encoder.a"});
  check_throws<OptionError>([&] { sgd.set_groups({{.prefix = "head.", .lr_factor = -1}}); }, {"lr_factor", "-1"});
  check_throws<OptionError>([&] { sgd.set_groups({{.prefix = "head.", .weight_decay = -1}}); }, {"weight_decay", "-1"});
}
