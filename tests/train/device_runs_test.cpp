// On a CUDA device, or on the host shim: a study, photographs in color, runs that begin with the weights of others.
#include <nlohmann/json.hpp>

#include "lamina/infer/colorizer.hpp"
#include "lamina/train/colorize.hpp"
#include "lamina/train/study.hpp"
#include "support/op_check.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

/// Says so where there is none.
std::vector<Device> devices_here() {
  const std::vector<Device> all = cuda_devices();
  if (all.empty()) MESSAGE("skipped: no CUDA device in this build, or on this machine");
  return all;
}

/// What a checkpoint's settings say of the device.
std::string device_of(const fs::path& run) {
  const io::Checkpoint c = io::load_checkpoint(run / "weights/last.safetensors");
  return nlohmann::json::parse(c.metadata.at("config")).at("device");
}

}  // namespace

TEST_CASE("a study runs on a CUDA device: both arms, with the scores of the CPU") {
  for (const Device device : devices_here()) {
    TempFolder f;
    small_phantom(f / "data", 8);
    const data::Dataset dataset = data::open_dataset(f / "data");
    const auto dice = [&](const std::string& where) {
      train::StudyConfig c;
      c.data = (f / "data").string(), c.preset = "smoke", c.fractions = "1:1";
      c.base = 2, c.depth = 1, c.width = c.height = 16, c.batch = 2, c.pretrain_steps = 2, c.steps = 2;
      c.discriminator = "patchgan", c.discriminator_base = 2, c.discriminator_layers = 1;
      c.lr = c.pretrain_lr = 1e-12;  // what is all but 0 is rounded by each device in its own way, and Adam steps as far by it
      c.device = where, c.out = (f / where).string();
      train::Study study(c, dataset);
      CHECK(study.run({}, [](const std::string&) {}) == train::Outcome::finished);
      CHECK(fs::exists(f / where / "table.csv"));
      for (const char* run : {"colorization_0", "runs/100pct_seed0_scratch", "runs/100pct_seed0_colorization"})
        CHECK(device_of(f / where / run) == where);
      std::vector<double> all;
      for (const train::StudyRun& r : study.runs()) all.push_back(r.scores.at("dice_all"));
      return all;
    };
    const auto here = dice("cpu"), there = dice(device.str());
    REQUIRE(there.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) CHECK(std::abs(there[i] - here[i]) < 0.01);
  }
}

TEST_CASE("a generator colors photographs on a CUDA device as on the CPU") {
  for (const Device device : devices_here()) {
    TempFolder f;
    small_phantom(f / "data", 6);
    train::ColorizeConfig c;
    c.photos = {(f / "data").string()};
    c.base = 2, c.depth = 1, c.discriminator_base = 2, c.discriminator_layers = 1;
    c.width = c.height = 16, c.steps = 2, c.batch = 2, c.out = (f / "run").string();
    c = train::resolved(c);
    CHECK(train::train_colorization(c, data::find_photos(c.photos, 2, 0), true, {}) == train::Outcome::finished);
    const data::Image photo = data::read_image(data::open_dataset(f / "data").items(data::Split::val)[0].image);
    infer::Colorizer there(f / "run", device);
    CHECK(there.generator().options().device == device);
    const data::Image a = infer::Colorizer(f / "run").color(photo), b = there.color(photo);
    REQUIRE(a.pixels.size() == b.pixels.size());
    int furthest = 0;
    for (std::size_t i = 0; i < a.pixels.size(); ++i) furthest = std::max(furthest, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
    CHECK(furthest <= 1);
    CHECK(a.pixels != photo.pixels);
  }
}

TEST_CASE("runs on a CUDA device begin with the weights of --from and --init as those on the CPU do") {
  for (const Device device : devices_here()) {
    TempFolder f;
    small_phantom(f / "data");
    train::TrainConfig first = small(f / "data", f / "first");
    first.epochs = 2;
    CHECK(run(first).outcome == train::Outcome::finished);
    const auto loss = [&](const std::string& from, const std::string& init, const std::string& where) {
      train::TrainConfig c = small(f / "data", f / (where + (from.empty() ? init.empty() ? "" : "_init" : "_from")));
      c.from = from, c.init = init, c.device = where, c.epochs = 1, c.lr = 1e-12;  // what is learned does not hide where it began
      const Run r = run(c);
      CHECK(r.outcome == train::Outcome::finished);
      CHECK(device_of(c.out) == where);
      return r.epochs.at(0).train.at("loss");
    };
    const std::string file = (f / "first/weights/last.safetensors").string(), there = device.str();
    const double anew = loss("", "", there), from = loss((f / "first").string(), "", there), init = loss("", file, there);
    CHECK(from == doctest::Approx(loss((f / "first").string(), "", "cpu")).epsilon(1e-3).scale(0));
    CHECK(init == doctest::Approx(loss("", file, "cpu")).epsilon(1e-3).scale(0));
    for (const double other : {from, init}) CHECK(std::abs(other - anew) > 1e-3);
  }
}
