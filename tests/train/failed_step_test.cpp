// Steps whose numbers are not finite: what is said, what is saved, what is found when they are taken again; what alarms do.
#include <cmath>

#include "lamina/nn/nn.hpp"
#include "lamina/ops/ops.hpp"
#include "lamina/train/replay.hpp"
#include "lamina/train/sentinels/rules.hpp"
#include "lamina/train/sinks/alarms.hpp"
#include "lamina/train/sinks/metrics_files.hpp"
#include "support/one_weight.hpp"
#include "support/op_check.hpp"
#include "support/painted.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;
using train::Alarm;
using train::SentinelPolicy;

namespace {

/// What training says when it fails; empty: it does not.
std::string failure(const std::function<void()>& training) {
  try {
    training();
  } catch (const NumericError& e) {
    return e.what();
  }
  return {};
}

/// Its own gradient is NaN.
Tensor spike(const Tensor& x) {
  return record("spike", {x}, x.detach().clone(),
                [shape = x.shape()](const Tensor&, NeedsGrad) -> Grads { return {Tensor::full(shape, std::nan(""))}; });
}

}  // namespace

TEST_CASE("a run whose loss is nan: the first op is named, the step is saved and can be taken again without the data") {
  const TempFolder f;
  small_phantom(f / "data");
  auto c = small(f / "data", f / "run");
  c.lr = 1e30, c.optimizer = "sgd", c.schedule = "constant", c.class_weights = "enet";
  const std::string said = failure([&] { run(c); });
  CHECK(said.find("in epoch 1, step 1, images skin_") != std::string::npos);
  CHECK(said.find("lamina replay " + c.out) != std::string::npos);
  const auto alarms = train::read_alarms(c.out);
  REQUIRE(alarms.size() == 1);
  CHECK(alarms[0].rule == "not finite");
  CHECK(alarms[0].cause.find("a learning rate that is too high, 1e+30") != std::string::npos);
  CHECK(alarms[0].next.find(" --clip-norm 1") != std::string::npos);
  CHECK(alarms[0].next.find("--lr") == std::string::npos);  // the usual one
  CHECK(io::read_file(f / "run/log.txt").find(alarms[0].text()) != std::string::npos);

  // The weights are those of a run that ends before the step.
  auto before = c;
  before.out = (f / "before").string(), before.steps = 1;
  failure([&] { run(before); });  // its validation is not finite
  const io::TensorArchive saved = io::read_safetensors(train::failed_step_file(c.out));
  const auto task = train::make_task(before, data::open_dataset(c.data));
  data::Batch first, second;
  task->training().start(1);
  REQUIRE(task->training().next(first));
  REQUIRE(task->training().next(second));
  {
    const nn::RandomScope random(train::step_key(c.seed, 0));
    task->network().train();
    task->components()[0].optimizer->set_lr(c.lr);
    (void)task->step(first);
  }
  for (const auto& [name, tensor] : task->network().named_parameters())
    CHECK(saved.at("model/" + name).to_vector<float>() == tensor.to_vector<float>());
  CHECK(saved.at("batch/image").to_vector<float>() == second.at(kImage).to_vector<float>());
  CHECK(saved.at("batch/labels").to_vector<std::uint8_t>() == second.at(kLabels).to_vector<std::uint8_t>());

  fs::remove_all(f / "data");
  const train::Replay again = train::replay(c.out);
  CHECK(again.step.step == 1);
  CHECK(again.step.items.size() == 2);
  CHECK(!again.fault.where.empty());
  CHECK(alarms[0].seen.find("first not finite: " + again.fault.where) != std::string::npos);
  CHECK(alarms[0].next == again.fault.next);
  if (!again.fault.ops.empty()) {
    CHECK(again.fault.where.find(again.fault.ops.back().op + " in " + again.fault.ops.back().layer) != std::string::npos);
    for (std::size_t i = 0; i + 1 < again.fault.ops.size(); ++i) CHECK(std::isfinite(again.fault.ops[i].largest));
  }
  check_throws<DataError>([&] { train::replay(f / "before" / "weights"); }, {"no failed step", "failed_step.safetensors"});
  c.sentinels = "off", c.out = (f / "off").string();
  small_phantom(f / "data");
  CHECK(failure([&] { run(c); }).find("replay") == std::string::npos);
  CHECK(!fs::exists(train::failed_step_file(c.out)));
}

TEST_CASE("looking into a step: weights, batches, ops forward and backward, each with its cause") {
  const TempFolder f;
  small_phantom(f / "data");
  const auto c = train::resolved(small(f / "data", f / "run"));
  const data::Dataset dataset = data::open_dataset(c.data);
  const auto task = train::make_task(c, dataset);
  train::FailedStep step{.lr = 0.05};
  task->training().start(1);
  REQUIRE(task->training().next(step.batch));
  CHECK(train::look_into(*task, step).where.empty());  // all is well
  const Tensor image = step.batch.at(kImage);
  const float was = image.data<float>()[7];
  image.data<float>()[7] = std::nanf("");
  auto fault = train::look_into(*task, step);
  CHECK(fault.where == "the batch's image, before the step");
  CHECK(fault.next == "lamina check " + c.data);
  CHECK(!fault.too_fast);
  image.data<float>()[7] = was;
  // A layer that was pushed far away: its convolution overflows, which batch norm behind it answers with NaN.
  for (const auto& [name, tensor] : task->network().named_parameters())
    if (name == "down.1.conv2.weight") tensor.detach().copy_from(Tensor::full(tensor.shape(), 3e38));
  fault = train::look_into(*task, step);
  CHECK(fault.where.find("the output of conv2d") != std::string::npos);
  CHECK(fault.where.find(" in down.1.conv2") != std::string::npos);
  CHECK(fault.cause.find("had grown to 3e+38") != std::string::npos);
  CHECK(fault.too_fast);
  CHECK(fault.next.find("--lr 0.005 ") != std::string::npos);
  CHECK(fault.next.starts_with("lamina train "));
  for (const auto& [name, tensor] : task->network().named_parameters())
    if (name == "down.1.conv2.weight") tensor.data<float>()[0] = INFINITY;
  fault = train::look_into(*task, step);
  CHECK(fault.where == "the weights down.1.conv2.weight, before the step");
  CHECK(fault.too_fast);
  CHECK(fault.ops.empty());

  OneWeight gradient([](const Tensor& w, double, int) { return sum(scale(spike(scale(w, 2)), 3)); });
  fault = train::look_into(gradient, {.lr = 0.5});
  CHECK(fault.where == "the gradient of spike for its input 1, of shape (1, 1)");
  CHECK(!fault.too_fast);
  CHECK(fault.ops.size() == 4);
  CHECK(fault.ops[1].largest == 2);
  CHECK(fault.ops[2].largest == 6);
  CHECK(gradient.weight() == 1);  // nothing moved
}

TEST_CASE("a loss that is not finite moves nothing, watched or not") {
  const TempFolder f;
  small_phantom(f / "data");
  auto c = train::resolved(small(f / "data", f / "run"));
  c.sentinels = "off";
  const data::Dataset dataset = data::open_dataset(c.data);
  const auto task = train::make_task(c, dataset);
  for (const auto& [name, tensor] : task->network().named_parameters())
    if (name == "down.1.conv2.weight") tensor.detach().copy_from(Tensor::full(tensor.shape(), 3e38));
  std::vector<std::vector<float>> before;
  for (const auto& [name, tensor] : task->network().named_parameters()) before.push_back(tensor.to_vector<float>());
  data::Batch batch;
  task->training().start(1);
  REQUIRE(task->training().next(batch));
  CHECK(!std::isfinite(task->step(batch).at("loss")));
  std::size_t k = 0;
  for (const auto& [name, tensor] : task->network().named_parameters()) CHECK(tensor.to_vector<float>() == before[k++]);
}

TEST_CASE("a replayed step has the loss, and every number on the way there, of the step in its run") {
  const TempFolder f;
  small_phantom(f / "data");
  auto c = small(f / "data", f / "run");
  c.preset = "retina-shallow", c.class_weights = "enet", c.batch = 2, c.accumulate = 2, c.base = 4;  // with dropout
  c = train::resolved(c);
  const data::Dataset dataset = data::open_dataset(c.data);
  const auto task = train::make_task(c, dataset);
  train::FailedStep step{.step = 7, .lr = 1e-3, .seed = 3, .number = "none"};
  task->training().start(1);
  REQUIRE(task->training().next(step.batch));
  task->network().train();
  io::create_folders(c.out);
  train::save_failed_step(c.out, *task, step);
  const train::Replay again = train::replay(c.out);
  const train::StepFault here = train::look_into(*task, step);
  CHECK(again.fault.where.empty());
  REQUIRE(again.fault.ops.size() == here.ops.size());
  for (std::size_t i = 0; i < here.ops.size(); ++i) {
    CHECK(again.fault.ops[i].layer == here.ops[i].layer);
    CHECK(again.fault.ops[i].op == here.ops[i].op);
    CHECK(again.fault.ops[i].largest == here.ops[i].largest);
  }
}

TEST_CASE("a gradient that is not finite ends a run whose loss is, and moves nothing") {
  const TempFolder f;
  OneWeight task([](const Tensor& w, double, int steps) { return sum(steps < 2 ? w : spike(w)); });
  train::Session session(f / "run", task, false);
  train::AlarmFile alarms;
  const std::string said = failure([&] { train::run_loop(task, session, {.epochs = 5, .schedule = {.lr = 0.25}}, {&alarms}); });
  CHECK(said.starts_with("the norm of the gradient is nan in epoch 3, step 2, images item; first not finite: the gradient of spike"));
  CHECK(task.weight() == 0.5);  // 1 - 2 * 0.25
  CHECK(train::read_alarms(f / "run").at(0).epoch == 3);
  CHECK(io::read_safetensors(train::failed_step_file(f / "run")).at("batch/image").item() == 3);
}

TEST_CASE("a validation that is not finite is an alarm with its first op") {
  struct Blind : OneWeight {
    using OneWeight::OneWeight;
    bool validates() const override { return true; }
    train::Validation validate() override {
      const NoGrad no_grad;
      return {.scores = {{"val_loss", sum(div(Tensor::zeros({2}), Tensor::zeros({2}))).item()}}, .score = 1};
    }
    std::vector<std::string> score_names() const override { return {"val_loss"}; }
  };
  const TempFolder f;
  Blind task([](const Tensor& w, double, int) { return sum(w); });
  train::Session session(f / "run", task, false);
  train::AlarmFile alarms;
  const std::string said = failure([&] { train::run_loop(task, session, {.epochs = 2, .schedule = {.lr = 0.25}}, {&alarms}); });
  const std::string seen = "the validation loss is nan after epoch 1; first not finite: the output of div, of shape (2)";
  CHECK_MESSAGE(said.starts_with("the learning rate 0.25 is too high for this run, most likely: " + seen), said);
  CHECK(train::read_alarms(f / "run").at(0).seen == seen);
}

TEST_CASE("scores are called as a task likes, however short") {
  struct Scored : OneWeight {
    using OneWeight::OneWeight;
    bool validates() const override { return true; }
    train::Validation validate() override { return {.scores = {{"f1", NAN}, {"val_", 2}}, .score = 1}; }
    std::vector<std::string> score_names() const override { return {"f1", "val_"}; }
  };
  const TempFolder f;
  Scored task([](const Tensor& w, double, int) { return sum(w); });
  train::Session session(f / "run", task, false);
  CHECK(train::run_loop(task, session, {.epochs = 2, .schedule = {.lr = 0.1}}, {}) == train::Outcome::finished);
}

TEST_CASE("--sentinels stop: an alarm ends the run with all saved; the same again goes on") {
  const TempFolder f;
  const auto exploding = [](const Tensor& w, double, int steps) { return sum(scale(w, steps == 6 ? 500 : steps == 7 ? -500 : 0.1)); };
  OneWeight task(exploding, [](int) { return 1.0; });
  train::AlarmFile file;
  const train::LoopOptions options{.epochs = 9, .schedule = {.lr = 1e-3}, .sentinels = SentinelPolicy::stop};
  std::vector<std::string> messages;
  train::Callbacks callbacks({.step = {}, .epoch = {}, .message = [&](const std::string& m) { messages.push_back(m); }, .warning = {}});
  {
    train::Session session(f / "run", task, false);
    CHECK(train::run_loop(task, session, options, {&file, &callbacks}) == train::Outcome::stopped);
    CHECK(session.state().epoch == 7);
  }
  CHECK(mentions(messages, "stopped after epoch 7 by a sentinel (exploding gradients"));
  CHECK(train::run_state(io::load_checkpoint(f / "run/weights/last.safetensors").metadata, "").epoch == 7);
  train::Session session(f / "run", task, true);
  CHECK(train::run_loop(task, session, options, {&file, &callbacks}) == train::Outcome::finished);
  CHECK(session.state().epoch == 9);
  CHECK(train::read_alarms(f / "run").size() == 1);
}

TEST_CASE("--sentinels reload: back to the last checkpoint at a tenth of the rate, three times at most") {
  const auto with = [](const fs::path& run, const OneWeight::Loss& loss, int epochs, std::vector<std::string>& warnings,
                       double shown = NAN) {
    OneWeight task(
        loss, std::isnan(shown) ? std::function<double(int)>() : [shown](int) { return shown; });
    train::Session session(run, task, true);
    train::MetricsFiles metrics;
    train::AlarmFile alarms;
    train::Callbacks callbacks({.step = {}, .epoch = {}, .message = {}, .warning = [&](const std::string& w) { warnings.push_back(w); }});
    const train::LoopOptions options{.epochs = epochs, .schedule = {.lr = 0.5}, .sentinels = SentinelPolicy::reload};
    train::run_loop(task, session, options, {&metrics, &alarms, &callbacks});
    return session.state();
  };
  const TempFolder f;
  std::vector<std::string> warnings;
  // Too long a step from the third update on: nan unless the rate is 0.05 or less. The third is taken once more while it is looked into.
  const auto steep = [](const Tensor& w, double lr, int steps) { return sum(scale(w, steps >= 2 && lr > 0.06 ? NAN : 0.5)); };
  const auto state = with(f / "run", steep, 5, warnings);
  CHECK(state.epoch == 5);
  CHECK(state.reloads == 1);
  std::vector<double> rates;
  for (const auto& r : state.history) rates.push_back(r.lr);
  CHECK(rates[1] == 0.5);
  CHECK(rates[2] == doctest::Approx(0.05));
  CHECK(rates[4] == doctest::Approx(0.05));
  CHECK(column(f / "run", "epoch") == std::vector<double>{1, 2, 3, 4, 5});
  CHECK(mentions(warnings, "Back to the checkpoint of epoch 2, step 2, at 0.05 as the learning rate (reload 1 of at most 3)"));
  // 1 - 2 * 0.5 * 0.5 - 3 * 0.05 * 0.5
  CHECK(io::load_checkpoint(f / "run/weights/last.safetensors").model.at(0).tensor.item() == doctest::Approx(0.425));
  CHECK(with(f / "run", steep, 7, warnings).reloads == 1);  // goes on as slowly
  CHECK(io::load_checkpoint(f / "run/weights/last.safetensors").model.at(0).tensor.item() == doctest::Approx(0.375));

  // In the first epoch; never well.
  warnings.clear();
  const auto hopeless = [](const Tensor& w, double, int) { return sum(scale(w, NAN)); };
  CHECK(failure([&] { with(f / "hopeless", hopeless, 5, warnings); }).find("the loss is nan") != std::string::npos);
  CHECK(std::count_if(warnings.begin(), warnings.end(), [](const auto& w) { return w.find("(reload ") != std::string::npos; }) == 3);

  // An alarm whose cure that is: the epoch is forgotten, the alarm is not.
  warnings.clear();
  const auto once = [](const Tensor& w, double, int steps) { return sum(scale(w, steps == 6 ? 500 : 0.1)); };
  const auto after = with(f / "alarm", once, 9, warnings, 1);
  CHECK(after.reloads == 1);
  CHECK(after.epoch == 9);
  CHECK(column(f / "alarm", "epoch") == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(train::read_alarms(f / "alarm").at(0).rule == "exploding gradients");
  CHECK(io::load_checkpoint(f / "alarm/weights/last.safetensors").model.at(0).tensor.item() == doctest::Approx(1 - 0.3 - 3 * 0.005));
}
