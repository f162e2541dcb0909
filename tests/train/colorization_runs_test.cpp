// Runs that learn to color: they stop and go on, they change, they learn.
#include <filesystem>

#include "lamina/ops/ops.hpp"
#include "lamina/train/colorize.hpp"
#include "support/counted.hpp"
#include "support/op_check.hpp"
#include "support/runs.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

/// Photographs in which gray tells the color: bright discs are red, dark ones blue, on a brownish ground.
void colored_photos(const fs::path& folder, int count, int size = 40) {
  io::create_folders(folder);
  Random random(RandomKey{9});
  for (int i = 0; i < count; ++i) {
    data::Image image(size, size, 3);
    for (std::size_t p = 0; p < image.pixels.size(); ++p)
      image.pixels[p] = static_cast<std::uint8_t>((p % 3 == 2 ? 60 : 100) + random.below(20));
    for (int disc = 0; disc < 4; ++disc) {
      const int x0 = static_cast<int>(random.below(static_cast<std::uint64_t>(size))),
                y0 = static_cast<int>(random.below(static_cast<std::uint64_t>(size)));
      for (int y = 0; y < size; ++y)
        for (int x = 0; x < size; ++x)
          if ((x - x0) * (x - x0) + (y - y0) * (y - y0) < 50) {
            std::uint8_t* p = image.at(x, y);
            p[0] = disc % 2 ? 250 : 20, p[1] = disc % 2 ? 120 : 20, p[2] = disc % 2 ? 120 : 90;
          }
    }
    data::write_png(folder / (std::to_string(i) + ".png"), image);
  }
}

train::ColorizeConfig small_config(const fs::path& photos, const fs::path& out) {
  train::ColorizeConfig c;
  c.photos = {photos.string()};
  c.base = 2, c.depth = 1;
  c.discriminator_base = 4, c.discriminator_layers = 1;
  c.width = c.height = 16;
  c.held_out = 3, c.epochs = 3, c.batch = 2;
  c.lr = 1e-3;
  c.seed = 5;
  c.out = out.string();
  return c;
}

/// The same with a small DeepLabV3+, separable, as G.
train::ColorizeConfig deeplab_config(const fs::path& photos, const fs::path& out) {
  train::ColorizeConfig c = small_config(photos, out);
  c.model = "deeplabv3plus", c.preset = "small";
  c.base = 4, c.depth = 0;
  c.options["conv"] = "separable";
  c.width = c.height = 33;
  c.epochs = 2;
  return c;
}

/// Trains to the end, or until `stop_at` updates of this call are done.
train::Outcome train_small(train::ColorizeConfig c, int stop_at = -1, train::TrainEvents events = {}) {
  c = train::resolved(c);
  std::atomic<bool> stop = false;
  int step = 0;
  events.step = [&](const train::StepEvent&) { stop = ++step == stop_at; };
  return train::train_colorization(c, data::find_photos(c.photos, c.held_out, c.seed), true, events, &stop);
}

}  // namespace

TEST_CASE("a colorization that is stopped anywhere ends as one never stopped, with both networks and their optimisers") {
  TempFolder f;
  colored_photos(f / "photos", 11);  // 8 to train on: 4 updates an epoch
  CHECK(train_small(small_config(f / "photos", f / "whole")) == train::Outcome::finished);
  for (const int stop : {1, 4, 7}) {
    CAPTURE(stop);
    const fs::path run = f / std::to_string(stop);
    CHECK(train_small(small_config(f / "photos", run), stop) == train::Outcome::interrupted);
    CHECK(train_small(small_config(f / "photos", run)) == train::Outcome::finished);
    check_same_run(f / "whole", run);
    for (const char* sheet : {"samples/epoch_1.png", "samples/epoch_3.png"})
      CHECK(io::read_file(f / "whole" / sheet) == io::read_file(run / sheet));
  }
  const auto c = io::load_checkpoint(f / "whole/weights/last.safetensors");
  const auto has = [&](const auto& tensors, const std::string& name) {
    return std::any_of(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == name; });
  };
  CHECK(has(c.model, "generator.head.weight"));
  CHECK(has(c.model, "discriminator.model.0.weight"));
  CHECK(has(c.optimizer, "generator.m.head.weight"));
  CHECK(has(c.optimizer, "discriminator.v.model.0.weight"));
  for (const char* key : {"gan_loss", "mao_targets", "shrink", "crop_center", "activation", "reconstruction_weight", "condition_channels",
                          "discriminator_last_kernel"})
    CHECK_MESSAGE(c.metadata.at("config").find(std::string("\"") + key + "\"") != std::string::npos, key);
  const std::string report = io::read_file(f / "whole/report.html");
  for (const char* part : {"equilibrium", "Samples of photographs that were held out", "data:image/png", "lamina colorize predict"})
    CHECK_MESSAGE(report.find(part) != std::string::npos, part);
  CHECK(fs::exists(f / "whole/plots/generator.svg"));
  // The generator is the network of the file.
  const io::ModelFile file(f / "whole/weights/last.safetensors");
  CHECK(file.model().outputs == std::vector<models::OutputSpec>{{"color", 3}});
  const auto g = file.network();
  for (const auto& t : g->state())
    for (const auto& saved : c.model)
      if (saved.name == "generator." + t.name) CHECK(same_bytes(t.tensor, saved.tensor));
}

TEST_CASE("a pair that goes on computes no initial values") {
  TempFolder f;
  colored_photos(f / "photos", 7);
  train::ColorizeConfig config = small_config(f / "photos", f / "whole");
  config.model = "counted";
  int& built = built_networks();
  built = 0;
  train_small(config);
  CHECK(built == 1);
  config.out = (f / "stopped").string();
  train_small(config, 3);
  CHECK(built == 2);
  CHECK(train_small(config) == train::Outcome::finished);
  CHECK(built == 2);
  check_same_run(f / "whole", f / "stopped");
}

TEST_CASE("a run of other settings or other photographs is not gone on with") {
  TempFolder f;
  colored_photos(f / "photos", 7);
  train::ColorizeConfig config = small_config(f / "photos", f / "run");
  config.epochs = 1;
  train_small(config);
  const std::string before = io::read_file(f / "run/weights/last.safetensors");
  train::ColorizeConfig other = config;
  other.gan.reconstruction_weight = 100;
  check_throws<OptionError>([&] { train_small(other); }, {"other settings", "reconstruction_weight: 100.0 here, 1.0 there"});
  const std::string photo = io::read_file(f / "photos/0.png");
  data::write_png(f / "photos/0.png", data::Image(8, 8, 3));
  check_throws<DataError>([&] { train_small(config); }, {"the photographs changed", "what they hold", "another --out"});
  io::write_file_atomically(f / "photos/0.png", photo);
  data::write_png(f / "photos/new.png", data::Image(8, 8, 3));
  check_throws<DataError>([&] { train_small(config); }, {"the photographs changed", "another --out"});
  CHECK(io::read_file(f / "run/weights/last.safetensors") == before);
  other = config;
  other.out = (f / "b").string();
  other.discriminator_layers = 3;
  check_throws<OptionError>([&] { train_small(other); }, {"at least 24 pixels", "16x16", "--discriminator-layers"});
  other.discriminator_layers = 1;
  for (const auto& [set, words] : std::vector<std::pair<std::function<void(train::ColorizeConfig&)>, std::vector<const char*>>>{
           {[](auto& c) { c.condition_channels = 2; }, {"1 or 3"}},
           {[](auto& c) { c.crop_center = "middle"; }, {"crop center", "inside"}},
           {[](auto& c) { c.unusable = "ignore"; }, {"unusable", "skip"}},
           {[](auto& c) { c.beta1 = 1.5; }, {"--beta1 1.5"}},
           {[](auto& c) { c.discriminator = "patch"; }, {"preset", "patchgan"}},
           {[](auto& c) { c.padding = 256; }, {"--padding 256", "at most 255"}},
           {[](auto& c) { c.gan.gan_loss = "lsgan"; }, {"lsgan_mao"}}}) {
    train::ColorizeConfig bad = other;
    set(bad);
    try {
      train_small(bad);
      FAIL_CHECK("no error");
    } catch (const OptionError& e) {
      for (const char* word : words) CHECK_MESSAGE(std::string(e.what()).find(word) != std::string::npos, e.what());
    }
  }
  CHECK_FALSE(fs::exists(f / "b/weights/last.safetensors"));
}

TEST_CASE("a pair learns colors that gray tells; photographs are colored at their own size and keep their lightness") {
  TempFolder f;
  colored_photos(f / "photos", 12);
  for (const char* space : {"rgb", "lab"}) {
    CAPTURE(space);
    train::ColorizeConfig config = small_config(f / "photos", f / space);
    config.colorization.space = space;
    config.base = 6;
    config.epochs = 1;
    config.epoch_steps = 150;
    config.lr = 5e-3;
    config.gan.reconstruction_weight = 10;
    std::vector<train::EpochRecord> records;
    train_small(config, -1, {.epoch = [&](const auto& r) { records.push_back(r); }});
    const Scalars& s = records.at(0).validation->scores;
    CHECK(s.at("val_l1") < 0.6 * s.at("val_l1_gray"));
    CHECK(s.at("colorfulness") > 0.6 * s.at("colorfulness_photos"));

    infer::Colorizer colorizer(f / space);
    const data::Image photo = data::read_image(f / "photos/0.png");
    data::Image gray(2 * photo.width + 1, photo.height, 1);
    for (int y = 0; y < gray.height; ++y)
      for (int x = 0; x < gray.width; ++x) {
        const std::uint8_t* p = photo.at(std::min(x / 2, photo.width - 1), y);
        *gray.at(x, y) = static_cast<std::uint8_t>(std::lround(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]));
      }
    const data::Image colored = colorizer.color(gray);
    CHECK(colored.width == gray.width);
    CHECK(colored.height == gray.height);
    CHECK(colored.channels == 3);
    const std::vector<float> samples(colored.pixels.begin(), colored.pixels.end());
    CHECK(data::colorfulness(samples) > 10);
    double off = 0;
    for (int y = 0; y < gray.height; ++y)
      for (int x = 0; x < gray.width; ++x) {
        const auto lightness = [](const std::uint8_t* p, int c) {
          return data::rgb_to_lab({p[0] / 255.0, p[c] / 255.0, p[2 * c] / 255.0})[0];
        };
        off += std::abs(lightness(colored.at(x, y), 1) - lightness(gray.at(x, y), 0));
      }
    CHECK(off / (gray.width * gray.height) < 1.5);  // but where a color does not exist at its lightness
    check_throws<OptionError>([&] { colorizer.color(gray, {.side = 1}); }, {"--side 1", "needs"});
    data::Image deep = gray, bands(photo.width, photo.height, 4, 90);  // 16 bits of the same intensities, and no photograph
    deep.max_value = 65535;
    deep.pixels.resize(2 * gray.pixels.size());
    for (std::size_t p = 0; p < gray.pixels.size(); ++p) deep.set_sample(p, 257u * gray.pixels[p]);
    const data::Image as_deep = colorizer.color(deep);
    double apart = 0;  // 8 bits are rounded on their way to the network's size, by a quarter on the average
    for (std::size_t p = 0; p < colored.pixels.size(); ++p) apart += std::abs(as_deep.pixels[p] - colored.pixels[p]);
    CHECK(apart / static_cast<double>(colored.pixels.size()) < 0.5);
    check_throws<DataError>([&] { colorizer.color(bands); }, {"4"});
  }
}

TEST_CASE("DeepLabV3+ as G: pictures at decoder stride, a stopped run ends as one never stopped, photographs at their own size") {
  TempFolder f;
  colored_photos(f / "photos", 7);
  const train::ColorizeConfig config = deeplab_config(f / "photos", f / "whole");
  std::vector<train::EpochRecord> records;
  CHECK(train_small(config, -1, {.epoch = [&](const auto& r) { records.push_back(r); }}) == train::Outcome::finished);
  CHECK(records.at(1).train.at("g_loss") ==
        doctest::Approx(records.at(1).train.at("g_gan") + records.at(1).train.at("g_l1")).epsilon(1e-6));
  const data::Image sheet = data::read_image(f / "whole/samples/epoch_2.png");
  CHECK(sheet.width == 3 * 15 * 9 + 2 * 4);  // 33 pixels at a quarter, shown 15 times as large
  CHECK(sheet.height == 3 * 15 * 9 + 2 * 4);
  train::ColorizeConfig stopped = config;
  stopped.out = (f / "stopped").string();
  CHECK(train_small(stopped, 2) == train::Outcome::interrupted);
  CHECK(train_small(stopped) == train::Outcome::finished);
  check_same_run(f / "whole", f / "stopped");
  const data::Image photo = data::read_image(f / "photos/0.png");
  const data::Image colored = infer::Colorizer(f / "whole").color(photo);
  CHECK(colored.width == 40);
  CHECK(colored.height == 40);
}

TEST_CASE("weight decay of a pair leaves out depthwise kernels where that is asked for, with either learning rate") {
  TempFolder f;
  colored_photos(f / "photos", 4);
  train::ColorizeConfig config = deeplab_config(f / "photos", f / "run");
  config.discriminator_lr_factor = 0.5;
  const data::PhotoSets photos = data::find_photos(config.photos, 0, 1);
  struct After {
    std::vector<nn::NamedTensor> before, moments;
  };
  const auto step = [&](double decay, const char* on, std::size_t component) {
    config.weight_decay = decay;
    config.decay_on = on;
    const auto task = train::make_colorization_task(train::resolved(config), photos);
    const train::Component c = task->components()[component];
    After a;
    for (const auto& p : c.module->named_parameters()) a.before.push_back({p.name, p.tensor.clone()});
    data::Batch batch;
    task->training().start(1);
    task->training().next(batch);
    const nn::RandomScope random(RandomKey{1, 2});
    task->step(batch);
    a.moments = c.optimizer->state();
    return a;
  };
  for (const std::string on : {"kernels", "dense", "all"}) {
    CAPTURE(on);
    const After without = step(0, "kernels", 0), with = step(1e6, on.c_str(), 0);
    int depthwise = 0;
    for (std::size_t i = 0; i < without.before.size(); ++i) {
      const auto& [name, p] = without.before[i];
      const bool of_depth = name.ends_with(".depthwise.weight");
      depthwise += of_depth;
      const bool decayed = on == "all" || (p.rank() == 4 && !(on == "dense" && of_depth));
      const Tensor decay = scale(p, 0.5e6);  // 1 - beta1 of gradient + decay * parameter
      if (p.rank() == 4) CHECK_MESSAGE((relative_error(with.moments[i].tensor, decay) < 0.01) == decayed, name);
    }
    CHECK(depthwise == 5);
  }
}

#if LAMINA_HAS_CUDA
TEST_CASE("a pair trains on a CUDA device, in f32 as on the CPU, and in bf16; an interruption changes nothing") {
  TempFolder f;
  colored_photos(f / "photos", 7);
  train::ColorizeConfig config = small_config(f / "photos", f / "cpu");
  config.epochs = 2;
  std::vector<train::EpochRecord> host;
  train_small(config, -1, {.epoch = [&](const auto& r) { host.push_back(r); }});
  for (const Device device : cuda_devices())
    for (const char* precision : {"f32", "bf16"})
      for (const char* space : {"rgb", "lab"}) {
        CAPTURE(precision);
        CAPTURE(space);
        const std::string name = std::string(precision) + space;
        config.colorization.space = space;
        config.device = device.str();
        config.precision = precision;
        config.out = (f / name).string();
        std::vector<train::EpochRecord> there;
        CHECK(train_small(config, -1, {.epoch = [&](const auto& r) { there.push_back(r); }}) == train::Outcome::finished);
        const double tolerance = std::string(precision) == "f32" ? 1e-3 : 5e-2;
        if (std::string(space) == "rgb")
          for (const char* number : {"g_loss", "d_loss", "g_gradient", "d_gradient"}) {
            CAPTURE(number);
            CHECK(there.at(1).train.at(number) == doctest::Approx(host.at(1).train.at(number)).epsilon(tolerance));
          }
        config.out = (f / (name + "_stopped")).string();
        CHECK(train_small(config, 1) == train::Outcome::interrupted);
        CHECK(train_small(config) == train::Outcome::finished);
        check_same_run(f / name, f / (name + "_stopped"));
      }
}

TEST_CASE("a pair with DeepLabV3+ as G trains on a CUDA device, in f32 as on the CPU, and in bf16") {
  TempFolder f;
  colored_photos(f / "photos", 4);
  train::ColorizeConfig config = deeplab_config(f / "photos", f / "cpu");
  config.held_out = 0, config.epochs = 1;
  config.options["dropout"] = "0";
  std::vector<train::EpochRecord> host;
  train_small(config, -1, {.epoch = [&](const auto& r) { host.push_back(r); }});
  for (const Device device : cuda_devices())
    for (const char* precision : {"f32", "bf16"}) {
      CAPTURE(precision);
      config.device = device.str();
      config.precision = precision;
      config.out = (f / precision).string();
      std::vector<train::EpochRecord> there;
      CHECK(train_small(config, -1, {.epoch = [&](const auto& r) { there.push_back(r); }}) == train::Outcome::finished);
      for (const char* number : {"g_loss", "d_loss", "g_l1"}) {
        CAPTURE(number);
        CHECK(there.at(0).train.at(number) ==
              doctest::Approx(host.at(0).train.at(number)).epsilon(std::string(precision) == "f32" ? 1e-3 : 5e-2));
      }
    }
}
#endif
