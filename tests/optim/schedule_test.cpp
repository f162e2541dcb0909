#include "lamina/optim/schedule.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::optim;
using namespace lamina::test;

TEST_CASE("schedules") {
  const auto gold = golden_archive("optim");
  const Schedule one({.kind = ScheduleOptions::Kind::onecycle, .lr = 2e-3, .total_steps = 50});
  const auto rates = gold.at("onecycle").to_vector<double>();
  for (int t = 0; t < 50; ++t) CHECK(std::abs(one.lr(t) - rates[static_cast<std::size_t>(t)]) < 1e-12);

  Schedule plateau({.kind = ScheduleOptions::Kind::plateau, .lr = 0.1, .factor = 0.5, .patience = 2});
  const auto metrics = gold.at("plateau_metrics").to_vector<double>(), expected = gold.at("plateau").to_vector<double>();
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    plateau.observe(metrics[i]);
    CHECK(plateau.lr(0) == doctest::Approx(expected[i]).epsilon(1e-12));
  }

  const Schedule poly({.kind = ScheduleOptions::Kind::poly, .lr = 0.007, .total_steps = 100, .power = 0.9});
  CHECK(poly.lr(50) == doctest::Approx(0.007 * std::pow(0.5, 0.9)).epsilon(1e-12));
  CHECK(poly.lr(100) == 0);
  CHECK(poly.lr(200) == 0);
  const Schedule warm({.kind = ScheduleOptions::Kind::poly, .lr = 1, .total_steps = 100, .warmup_steps = 4, .power = 1, .end_lr = 0.5});
  CHECK(warm.lr(1) == doctest::Approx(0.5 * 0.995));
  CHECK(warm.lr(4) == doctest::Approx(0.98));
  const Schedule flat({.lr = 2, .warmup_steps = 4});
  CHECK(flat.lr(0) == doctest::Approx(0.5));
  CHECK(flat.lr(3) == 2);
  const Schedule cosine({.kind = ScheduleOptions::Kind::cosine, .lr = 1, .total_steps = 100, .warmup_steps = 10, .end_lr = 0.5});
  CHECK(cosine.lr(0) == doctest::Approx(0.1 * 1.0));
  CHECK(cosine.lr(50) == doctest::Approx(0.75));
  check_throws<OptionError>([] { parse_schedule("cosin"); }, {"schedule", "\"cosin\"", "did you mean \"cosine\""});
  check_throws<OptionError>([] { Schedule({.total_steps = 0}); }, {"total_steps", "0"});
}
