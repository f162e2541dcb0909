// How photographs become the network's input: ImageNet's numbers, 16 bits, what lies outside.
#include "lamina/io/checkpoint.hpp"
#include "lamina/io/model_file.hpp"
#include "lamina/models/registry.hpp"
#include "lamina/train/colorize.hpp"
#include "support/band_tiff.hpp"
#include "support/op_check.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

/// Eight photographs of 16 x 16, their samples `factor` times 0 to 200 of 8 bits.
void write_photos(const fs::path& out, unsigned factor) {
  for (const char* sub : {"images", "masks"}) io::create_folders(out / sub);
  for (unsigned i = 0; i < 8; ++i) {
    std::vector<unsigned> samples;
    data::LabelImage mask(16, 16);
    for (unsigned p = 0; p < 256; ++p) {
      for (unsigned c = 0; c < 3; ++c) samples.push_back((p * (c + 1) + 7 * i) % 201 * factor);
      mask.labels[p] = p % 16 > 7;
    }
    io::write_file_atomically(out / "images" / (std::to_string(i) + ".tif"), band_tiff(16, 16, 3, samples));
    data::write_png(out / "masks" / (std::to_string(i) + ".png"), mask);
  }
}

infer::InputConfig input_of_run(const fs::path& run) { return train::input_of(io::ModelFile(run / "weights/last.safetensors")); }

Tensor first_images(const train::TrainConfig& config) {
  const data::Dataset dataset = data::open_dataset(config.data, {.compare_photos = true, .seed = config.seed});
  const auto task = train::make_task(train::resolved(config), dataset);
  task->training().start(1);
  data::Batch batch;
  REQUIRE(task->training().next(batch));
  return batch.at(kImage);
}

train::TrainConfig unchanged(const fs::path& data, const fs::path& out) {
  train::TrainConfig c = small(data, out);
  c.width = c.height = 16, c.augment = "none", c.base = 2, c.depth = 1, c.epochs = 1;
  return c;
}

}  // namespace

TEST_CASE("--normalize imagenet is by torchvision's numbers, which the checkpoint keeps; files of such names advise it") {
  TempFolder f;
  small_phantom(f / "data", 8);
  train::TrainConfig half = small(f / "data", f / "half"), imagenet = small(f / "data", f / "imagenet");
  half.augment = imagenet.augment = "none", half.epochs = imagenet.epochs = 1;
  imagenet.normalize = "imagenet";
  const auto a = first_images(half).to_vector<float>(), b = first_images(imagenet).to_vector<float>();
  const double mean[] = {0.485, 0.456, 0.406}, sd[] = {0.229, 0.224, 0.225};
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(((double{a[i]} + 1) / 2 - mean[i % 3]) / sd[i % 3] - double{b[i]}));
  CHECK(worst < 1e-5);
  run(imagenet);
  CHECK(input_of_run(f / "imagenet").mean == "0.485,0.456,0.406");
  CHECK(input_of_run(f / "imagenet").sd == "0.229,0.224,0.225");
  imagenet.epochs = 2;
  for (const char* other : {"half", "auto"}) {
    imagenet.normalize = other;
    check_throws<OptionError>([&] { run(imagenet); }, {"made with --normalize imagenet, not half", "say --normalize imagenet"});
  }
  train::TrainConfig after = small(f / "data", f / "after");
  after.from = imagenet.out;
  for (const bool otherwise : {false, true}) {
    if (otherwise) after.normalize = "half";
    const auto task = train::make_task(train::resolved(after), data::open_dataset(after.data));
    CHECK(train::input_config(train::resolved(after)).mean == (otherwise ? "" : "0.485,0.456,0.406"));
    CHECK(mentions(task->SegmentationTask::notes(), "it saw photographs by the mean 0.485,0.456,0.406, and now sees them as x * 2 - 1") ==
          otherwise);
  }
  imagenet.normalize = "imagenet", imagenet.channels = 1, imagenet.out = (f / "gray").string();
  check_throws<OptionError>([&] { run(imagenet); }, {"--normalize imagenet", "1 channels", "--normalize data"});

  const auto network = models::build_network({.model = "deeplabv3plus", .preset = "smp", .options = {{"base", "4"}}}, 1);
  io::save_checkpoint(f / "smp.safetensors", {network->state(), {}, {}});
  train::TrainConfig c = small(f / "data", f / "smp");
  c.model = "deeplabv3plus", c.preset = "smp", c.base = 4, c.depth = 0, c.init = (f / "smp.safetensors").string();
  const data::Dataset dataset = data::open_dataset(c.data);
  for (const bool advised : {true, false}) {
    c.normalize = advised ? "auto" : "imagenet";
    const auto task = train::make_task(train::resolved(c), dataset);
    CHECK(mentions(task->SegmentationTask::notes(), "--normalize imagenet") == advised);
  }
}

TEST_CASE("photographs of 16 bits are shares of full intensity where a run colors, and where one begins with it") {
  if (data::supported_formats().find("tiff") == std::string::npos) return;
  TempFolder f;
  write_photos(f / "data", 257);
  train::ColorizeConfig color;
  color.photos = {(f / "data").string()};
  color.base = 2, color.depth = 1, color.discriminator_base = 2, color.discriminator_layers = 1;
  color.width = color.height = 16, color.batch = 2, color.steps = 1, color.held_out = 1, color.augment = "none";
  color.out = (f / "color").string();
  color = train::resolved(color);
  const data::PhotoSets photos = data::find_photos(color.photos, color.held_out, 0);
  CHECK(train::train_colorization(color, photos, true, {}) == train::Outcome::finished);
  const auto pair = train::make_colorization_task(color, photos);
  pair->training().start(1);
  data::Batch batch;
  REQUIRE(pair->training().next(batch));
  const auto least = [](const Tensor& t) {
    const auto v = t.to_vector<float>();
    return std::pair(*std::min_element(v.begin(), v.end()), *std::max_element(v.begin(), v.end()));
  };
  const auto colored = least(batch.at(kImage));
  CHECK(colored.first == doctest::Approx(-1));
  CHECK(colored.second == doctest::Approx(200.0 / 255 * 2 - 1));

  train::TrainConfig own = unchanged(f / "data", f / "own"), from = unchanged(f / "data", f / "from");
  from.from = color.out;
  CHECK(least(first_images(from)).first == doctest::Approx(colored.first));
  CHECK(least(first_images(from)).second == doctest::Approx(colored.second));
  CHECK(least(first_images(own)).second < 2);
  CHECK(least(first_images(own)).second > 1);  // by the data's mean and deviation
  const auto train_to = [&](train::TrainConfig c) {
    const data::Dataset dataset = data::open_dataset(c.data, {.compare_photos = true});
    return train::train(train::resolved(c), dataset, true, {});
  };
  train_to(from);
  CHECK(input_of_run(f / "from").mean.empty());
  // What it began with is gone: it goes on in the same way.
  fs::rename(f / "color", f / "elsewhere");
  from.epochs = 2;
  CHECK(train_to(from) == train::Outcome::finished);
  CHECK(input_of_run(f / "from").mean.empty());
  train::TrainConfig next = unchanged(f / "data", f / "next");
  next.from = (f / "from").string();
  CHECK(least(first_images(next)).first == doctest::Approx(colored.first));
  next.from = "", next.init = (f / "from/weights/last.safetensors").string();
  CHECK(least(first_images(next)).first == doctest::Approx(colored.first));
  // Photographs that changed: their own statistics are others, which is told.
  train_to(own);
  write_photos(f / "data", 100);
  own.epochs = 2;
  train_to(own);
  CHECK(io::read_file(f / "own/log.txt").find("the photographs changed since") != std::string::npos);
}

TEST_CASE("--border-label: what lies outside a photograph is ignored, or of the class that is said") {
  TempFolder f;
  small_phantom(f / "data", 8, 32, 16);
  train::TrainConfig c = small(f / "data", f / "run");
  c.resize = "pad", c.augment = "none";
  const data::Dataset dataset = data::open_dataset(c.data);
  for (const auto& [label, outside] : {std::pair{"ignore", int{data::kIgnoreLabel}}, {"background", 0}, {"hand", 3}}) {
    CAPTURE(label);
    c.border_label = label;
    const auto task = train::make_task(train::resolved(c), dataset);
    task->training().start(1);
    data::Batch batch;
    REQUIRE(task->training().next(batch));
    const Tensor labels = batch.at(kLabels);
    CHECK(int{labels.data<std::uint8_t>()[0]} == outside);  // a row above the photograph
    CHECK(int{labels.data<std::uint8_t>()[32 * 32 - 1]} == outside);
  }
  c.border_label = "hands";
  check_throws<OptionError>([&] { train::make_task(train::resolved(c), dataset); }, {"--border-label", "did you mean \"hand\""});
  data::write_phantom(data::phantom_named("retina"), f / "eyes", {.count = 6, .width = 32, .height = 32, .seed = 3});
  c.data = (f / "eyes").string(), c.border_label = "red";
  check_throws<OptionError>([&] { train::make_task(train::resolved(c), data::open_dataset(c.data)); },
                            {"--border-label red", "several things", "use ignore"});
}
