#include "lamina/train/trainer.hpp"

#include <optional>

#include "lamina/core/device.hpp"
#include "lamina/io/model_file.hpp"
#include "lamina/models/registry.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/loop.hpp"
#include "lamina/train/sinks/metrics_files.hpp"
#include "support/counted.hpp"
#include "support/op_check.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

TEST_CASE("the same seed gives the same bytes, whatever the threads; another seed others") {
  TempFolder f;
  small_phantom(f / "data");
  for (const char* preset : {"bn", "keras", "retina", "milesial"}) {
    CAPTURE(preset);
    auto config = [&](const char* name) {
      train::TrainConfig c = small(f / "data", f / (std::string(preset) + name));
      c.preset = preset;
      return c;
    };
    run(config("1"));
    run(config("2"));
    check_same_run(config("1").out, config("2").out);
    for (const int threads : {1, 5}) {
      ThreadPool pool(threads);
      const ExecutorScope scope(pool);
      const auto c = config(("t" + std::to_string(threads)).c_str());
      run(c);
      check_same_run(config("1").out, c.out);
    }
    auto other = config("s");
    other.seed = 1;
    run(other);
    CHECK(io::read_file(fs::path(other.out) / "weights/last.safetensors") !=
          io::read_file(fs::path(config("1").out) / "weights/last.safetensors"));
  }
}

TEST_CASE("a run stopped after any update and resumed ends as one never stopped") {
  TempFolder f;
  small_phantom(f / "data");
  for (const char* preset : {"bn", "keras"}) {
    auto config = [&](const std::string& name) {
      train::TrainConfig c = small(f / "data", f / (preset + name));
      c.preset = preset;
      c.schedule = std::string(preset) == "keras" ? "plateau" : "onecycle";
      return c;
    };
    run(config("whole"));
    for (std::int64_t step = 1; step <= 8; ++step) {
      CAPTURE(step);
      const auto c = config(std::to_string(step));
      CHECK(run(c, step).outcome == train::Outcome::interrupted);
      CHECK(run(c, step + 1).outcome == (step < 8 ? train::Outcome::interrupted : train::Outcome::finished));
      CHECK(run(c).outcome == train::Outcome::finished);
      check_same_run(config("whole").out, c.out);
    }
  }
}

TEST_CASE("a run that dies after any update and is started again ends as one that did not") {
  TempFolder f;
  small_phantom(f / "data");
  const auto whole = small(f / "data", f / "whole");
  run(whole);
  for (std::int64_t step = 1; step <= 9; ++step) {
    CAPTURE(step);
    const auto c = small(f / "data", f / std::to_string(step));
    CHECK_THROWS_AS(run(c, {}, step), Crash);
    io::write_file_atomically(fs::path(c.out) / "weights/.lamina-1-1.tmp", "half");  // what a write that was killed leaves
    run(c);
    check_same_run(whole.out, c.out);
  }
}

TEST_CASE("a run that goes on computes no initial values, and needs no file that it began with") {
  int& built = built_networks();
  TempFolder f;
  small_phantom(f / "data");
  models::ModelConfig weights{.model = "counted", .classes = 4, .options = {{"base", "2"}, {"depth", "2"}}};
  io::save_model(f / "init.safetensors", *models::build_network(weights, 5), weights);
  auto config = small(f / "data", f / "whole");
  config.model = "counted";
  config.init = (f / "init.safetensors").string();
  built = 0;
  run(config);
  CHECK(built == 0);  // nor does one that begins with all of a file's
  config.out = (f / "stopped").string();
  run(config, 4);
  fs::remove(f / "init.safetensors");
  const Run rest = run(config);
  CHECK(rest.outcome == train::Outcome::finished);
  CHECK(built == 0);
  CHECK_FALSE(mentions(rest.messages, "weights of"));
  check_same_run(f / "whole", f / "stopped");
  // A run that begins does need it.
  config.out = (f / "new").string();
  check_throws<DataError>([&] { run(config); }, {"init.safetensors"});
  config.init = "";
  run(config);
  CHECK(built == 1);
}

TEST_CASE("weight decay acts on all kernels, on those that are not depthwise, or on everything") {
  TempFolder f;
  small_phantom(f / "data");
  const data::Dataset dataset = data::open_dataset((f / "data").string());
  auto config = small(f / "data", f / "run");
  config.model = "deeplabv3plus";
  config.preset = "beta";
  config.base = 4, config.depth = 0;
  config.width = config.height = 33;
  /// Adam's first moments after a step: 0.1 * (gradient + decay * parameter).
  const auto moments = [&](double decay, const char* on) {
    config.weight_decay = decay;
    config.decay_on = on;
    const auto task = train::make_task(train::resolved(config), dataset);
    data::Batch batch;
    task->training().start(1);
    task->training().next(batch);
    const nn::RandomScope random(RandomKey{1, 2});
    task->step(batch);
    return task->components()[0].optimizer->state();
  };
  const auto parameters = train::make_task(train::resolved(config), dataset)->network().named_parameters();
  const auto without = moments(0, "kernels");
  for (const std::string on : {"kernels", "dense", "all"}) {
    CAPTURE(on);
    const auto with = moments(100, on.c_str());
    int depthwise = 0;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto& [name, p] = parameters[i];
      REQUIRE(with[i].name == "m." + name);
      const bool of_depth = name.ends_with(".depthwise.weight");
      depthwise += of_depth;
      const bool decayed = on == "all" || (p.rank() == 4 && !(on == "dense" && of_depth));
      const Tensor expected = decayed ? add(without[i].tensor, scale(p, 10)) : without[i].tensor;
      CHECK_MESSAGE(relative_error(with[i].tensor, expected) < 1e-4, name);
    }
    CHECK(depthwise == 5);
  }
  check_throws<OptionError>([&] { moments(1, "dens"); }, {"--decay-on", "dense"});
}

TEST_CASE("the preset torchvision with aux: its loss counts as --aux-weight says, 0.5 as in torchvision's references") {
  TempFolder f;
  small_phantom(f / "data", 6);
  auto config = small(f / "data", f / "run");
  config.model = "deeplabv3plus";
  config.preset = "torchvision";
  config.base = 4, config.depth = 0;
  config.options["aux"] = "yes";
  config.epochs = 1;
  for (const double weight : {0.5, 2.0, 0.0}) {
    CAPTURE(weight);
    if (weight != 0.5) config.aux_weight = weight;
    config.out = (f / std::to_string(weight)).string();
    const Run r = run(config);
    const Scalars& s = r.epochs.at(0).train;
    const double main = s.at("ce") + s.at("dice_loss");
    CHECK((s.find("aux_loss") != nullptr) == (weight > 0));
    CHECK(s.at("loss") == doctest::Approx(main + (weight > 0 ? weight * s.at("aux_loss") : 0)).epsilon(1e-6));
    CHECK(train::run_info(io::ModelFile(f / std::to_string(weight) / "weights/last.safetensors")).config.aux_weight == weight);
  }
}

TEST_CASE("a crop's center means nothing where there are no crops") {
  TempFolder f;
  auto config = small(f / "data", f / "run");
  config.crop_center = "anywhere";
  check_throws<OptionError>([&] { train::check_settings(config); }, {"--crop-center anywhere", "--resize crop", "stretch"});
  config.resize = "crop";
  train::check_settings(config);
  config.crop_center = "anywere";
  check_throws<OptionError>([&] { train::check_settings(config); }, {"did you mean \"anywhere\""});
}

TEST_CASE("a loss that is not finite ends the run and keeps the last checkpoint") {
  TempFolder f;
  small_phantom(f / "data");
  for (const int batch : {2, 8}) {  // within an epoch; after one of a single update
    auto c = small(f / "data", f / ("run" + std::to_string(batch)));
    c.lr = 1e30;
    c.batch = batch;
    c.optimizer = "sgd";
    c.schedule = "constant";
    check_throws<NumericError>([&] { run(c); }, {"loss is", "epoch 1", "--lr"});
    CHECK_FALSE(fs::exists(fs::path(c.out) / "weights/last.safetensors"));
  }
}

TEST_CASE("settings that make no run are refused before anything is written") {
  TempFolder f;
  small_phantom(f / "data");
  auto refused = [&](auto change, std::initializer_list<const char*> words) {
    auto c = small(f / "data", f / "run");
    change(c);
    check_throws<OptionError>([&] { run(c); }, words);
    CHECK_FALSE(fs::exists(f / "run"));
  };
  refused([](auto& c) { c.epochs = 0; }, {"--epochs 0"});
  refused([](auto& c) { c.batch = 0; }, {"--batch 0"});
  refused([](auto& c) { c.val_every = 0; }, {"--val-every 0"});
  refused([](auto& c) { c.lr = -1; }, {"lr"});
  refused([](auto& c) { c.loss = "ce+dise"; }, {"\"dise\"", "did you mean \"dice\""});
  refused([](auto& c) { c.optimizer = "adan"; }, {"\"adan\"", "did you mean \"adam\""});
  refused([](auto& c) { c.schedule = "cosin"; }, {"\"cosin\"", "cosine"});
  refused([](auto& c) { c.preset = "kers"; }, {"did you mean \"keras\""});
  refused([](auto& c) { c.model = "unett"; }, {"unet"});
  refused([](auto& c) { c.augment = "hfilp"; }, {"hflip"});
  refused([](auto& c) { c.resize = "strech"; }, {"stretch"});
  refused([](auto& c) { c.width = 3; }, {"--size 3x32", "4"});
  refused([](auto& c) { c.device = "gpu"; }, {"unknown device \"gpu\""});
  refused([](auto& c) { c.precision = "bf16"; }, {"--precision bf16", "--device cuda"});
  refused([](auto& c) { c.precision = "fp16"; }, {"unknown precision \"fp16\"", "bf16"});
  refused([](auto& c) { c.class_weights = "balancd"; }, {"balanced"});
  refused([](auto& c) { c.class_weights = "1,2"; }, {"2 numbers for 9 classes: background, uncertain, face, "});
  refused([](auto& c) { c.class_weights = "1,x,3"; }, {"\"x\" is not a weight"});
}

TEST_CASE("evaluation leaves every module's mode as it was, also where it throws") {
  const TempFolder folder;
  small_phantom(folder / "data", 4);
  const data::Dataset dataset = data::open_dataset((folder / "data").string(), {.seed = 1});
  data::Loader loader(dataset, data::Split::train, {.batch = 1, .width = 32, .height = 32});
  const auto model =
      models::build_network({.in_channels = 3, .classes = dataset.schema.classes(), .options = {{"base", "2"}, {"depth", "2"}}}, 1);
  model->train();
  nn::Module& frozen = *model->children()[1].second;
  frozen.eval();
  const auto modes = [&] { return std::vector<bool>{model->training(), model->children()[0].second->training(), frozen.training()}; };
  const std::vector<bool> before{true, true, false};
  REQUIRE(modes() == before);
  const auto head = heads::make_head(dataset.schema);
  train::evaluate(*model, loader, {head}, nullptr);
  CHECK(modes() == before);
  const auto crash = [&](std::int64_t, std::int64_t) {
    CHECK(modes() == std::vector<bool>(3, false));
    throw Crash{};
  };
  CHECK_THROWS_AS(train::evaluate(*model, loader, {head}, nullptr, crash), Crash);
  CHECK(modes() == before);
}

TEST_CASE("what a program has frozen stays frozen while its network is trained") {
  const TempFolder f;
  small_phantom(f / "data", 4);
  auto c = train::resolved(small(f / "data", f / "run"));
  const data::Dataset dataset = data::open_dataset(c.data);
  const auto task = train::make_task(c, dataset);
  task->network().train();
  nn::Module& frozen = *task->network().children()[1].second;
  frozen.eval();
  train::Session session(c.out, *task, false);
  CHECK(train::run_loop(*task, session, {.epochs = 2, .schedule = {.lr = 1e-3}}, {}) == train::Outcome::finished);
  CHECK(!frozen.training());
  CHECK(task->network().children()[0].second->training());
}
