// Predictors of programs: from memory, of own networks, of frames in somebody else's memory, of batches, from several threads.
#include <thread>

#include "lamina/heads/multiclass.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/pretrained.hpp"
#include "support/op_check.hpp"
#include "support/predicting.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

void check_same(const infer::Prediction& a, const infer::Prediction& b) {
  CHECK(a.labels.labels == b.labels.labels);
  CHECK(same_bytes(a.probabilities, b.probabilities));
}

}  // namespace

TEST_CASE("a predictor from bytes, and of the program's own network, answers as that of the file") {
  const PredictorFolder f("stretch");
  const data::Image photo = noise(50, 40);
  const infer::Prediction expected = f.predictor().predict(photo);
  check_same(infer::Predictor::from_bytes(io::read_file(f / "net.safetensors")).predict(photo), expected);
  const auto from = f.predictor();
  const auto head = heads::make_head(from.schema());
  const infer::Predictor own(models::build_network(f.model, 5), head, from.input());
  check_same(own.predict(photo), expected);
  std::string damaged = io::read_file(f / "net.safetensors");
  damaged[damaged.size() - 9] ^= 1;
  check_throws<DataError>([&] { infer::Predictor::from_bytes(damaged, "camera.net"); }, {"camera.net", "damaged"});
  check_throws<DataError>(
      [&] {
        infer::InputConfig gray = from.input();
        gray.channels = 1;
        infer::Predictor(models::build_network(f.model, 5), head, gray);
      },
      {"3 channels", "1"});
  models::ModelConfig two = f.model;
  two.classes = 2;
  check_throws<DataError>([&] { infer::Predictor(models::build_network(two, 5), head, from.input()); }, {"labels", "3 channels"});
}

TEST_CASE("what save_predictor writes is a predictor") {
  const PredictorFolder f("pad");
  const auto from = f.predictor();
  infer::save_predictor(f / "mine.safetensors", *models::build_network(f.model, 5), f.model, from.head(), from.input());
  const data::Image photo = noise(33, 50);
  check_same(infer::Predictor(f / "mine.safetensors").predict(photo), from.predict(photo));
}

TEST_CASE("what no predictor could load is refused when it is saved: another configuration, a head that nobody registered") {
  const PredictorFolder f("pad");
  const auto from = f.predictor();
  const auto network = models::build_network(f.model, 5);
  const auto refused = [&](const models::ModelConfig& config, const heads::Head& head, std::initializer_list<const char*> words) {
    check_throws<OptionError>([&] { infer::save_predictor(f / "lies.safetensors", *network, config, head, from.input()); }, words);
    CHECK(!std::filesystem::exists(f / "lies.safetensors"));
  };
  models::ModelConfig larger = f.model, other = f.model, gray = f.model;
  larger.options["base"] = "8";
  other.outputs = {{"damage", kClasses}};
  gray.in_channels = 1;
  refused(larger, from.head(),
          {"lies.safetensors", "--model unet", "--base 8", "is not the network", "(4, 3, 3, 3)", "io::save_checkpoint"});
  refused(other, from.head(), {"is not the network", "input and outputs"});
  refused(gray, from.head(), {"is not the network", "shape"});
  struct Unknown : heads::Multiclass {
    using Multiclass::Multiclass;
    const char* kind() const override { return "unknown-kind"; }
  };
  refused(f.model, Unknown(from.schema(), kLabels), {"unknown-kind", "could not be loaded", "heads::register_head"});
}

TEST_CASE("the output of a predictor's head is called as it was saved") {
  const PredictorFolder f("pad");
  const auto from = f.predictor();
  models::ModelConfig config = f.model;
  config.outputs = {{"damage", kClasses}};
  const auto head = heads::make_head(from.schema(), "", "damage");
  infer::save_predictor(f / "damage.safetensors", *models::build_network(config, 5), config, *head, from.input());
  const infer::Predictor loaded(f / "damage.safetensors");
  CHECK(loaded.head().name() == "damage");
  check_same(loaded.predict(noise(33, 50)), infer::Predictor(models::build_network(config, 5), head, from.input()).predict(noise(33, 50)));
}

TEST_CASE("a file without labels is refused with what makes a predictor of it") {
  const PredictorFolder f("pad");
  const auto network = models::build_network(f.model, 5);
  io::save_model(f / "weights.safetensors", *network, f.model);
  check_throws<DataError>([&] { infer::Predictor(f / "weights.safetensors"); },
                          {"weights.safetensors", "infer::save_predictor", "io::ModelFile(path).network()"});
  io::save_checkpoint(f / "own.safetensors", {network->state(), {}, {}});
  check_throws<DataError>([&] { infer::Predictor(f / "own.safetensors"); }, {"own.safetensors", "io::load_pretrained(*network, path)"});
  check_throws<DataError>([&] { io::ModelFile(f / "own.safetensors").network(); }, {"own.safetensors", "io::load_pretrained"});
  auto filled = models::build_network(f.model, 6);
  io::load_pretrained(*filled, f / "own.safetensors");
  const auto from = f.predictor();
  const infer::Predictor mine(std::move(filled), heads::make_head(from.schema()), from.input());
  check_same(mine.predict(noise(33, 50)), from.predict(noise(33, 50)));
}

TEST_CASE("a file whose head or input its network cannot have is refused by name") {
  const PredictorFolder f("pad");
  const auto from = f.predictor();
  models::ModelConfig two = f.model;
  two.classes = 2;
  const auto refused = [&](const models::ModelConfig& model, const infer::InputConfig& input, const std::string& reason) {
    const auto network = models::build_network(model, 5);
    check_throws<OptionError>([&] { infer::save_predictor(f / "lies.safetensors", *network, model, from.head(), input); },
                              {"save_predictor", "lies.safetensors", reason.c_str()});
    CHECK(!std::filesystem::exists(f / "lies.safetensors"));
    io::save_model(f / "lies.safetensors", *network, model,
                   {{"labels", data::to_json(from.schema())}, {"head", from.head().kind()}, {"input", infer::to_json(input)}});
    check_throws<DataError>([&] { infer::Predictor(f / "lies.safetensors"); }, {"lies.safetensors", reason.c_str()});
    auto first = f.predictor();
    check_throws<DataError>([&] { first.add(f / "lies.safetensors"); }, {"lies.safetensors"});
    std::filesystem::remove(f / "lies.safetensors");
  };
  refused(two, from.input(), "no output \"labels\" of 3 channels");
  for (auto& [member, value] : {std::pair{&infer::InputConfig::width, 40000},
                                {&infer::InputConfig::height, -4},
                                {&infer::InputConfig::border, 300},
                                {&infer::InputConfig::bits, 99}}) {
    infer::InputConfig input = from.input();
    input.*member = value;
    refused(f.model, input, std::to_string(value));
  }
  infer::InputConfig gray = from.input();
  gray.channels = 1;
  refused(f.model, gray, "the network takes 3 channels");
}

TEST_CASE("a view of a frame is predicted as its copy, whatever lies between its rows") {
  for (const std::string resize : {"crop", "stretch", "pad"}) {
    const PredictorFolder f(resize);
    const auto predictor = f.predictor();
    for (const auto& [width, height] : {std::pair(kWidth, kHeight), std::pair(50, 40)}) {
      const data::Image photo = noise(width, height);
      const std::ptrdiff_t row = 3 * width + 7;
      std::vector<std::uint8_t> frame(static_cast<std::size_t>(row * height), 255);
      for (int y = 0; y < height; ++y) std::copy_n(photo.at(0, y), 3 * width, frame.data() + y * row);
      check_same(predictor.predict(data::ImageView(frame.data(), width, height, 3, row)), predictor.predict(photo));
    }
  }
}

TEST_CASE("a view that is none is refused with the rule and its own numbers") {
  const PredictorFolder f("pad");
  const auto predictor = f.predictor();
  const std::vector<std::uint8_t> frame(20 * 10 * 8);
  const auto refused = [&](const data::ImageView& view, std::initializer_list<const char*> words) {
    check_throws<DataError>([&] { predictor.predict(view); }, words);
  };
  refused({frame.data(), 20, 10, 3, 59}, {"rows of 20 pixels, 3 channels and 8 bits a sample are 60 bytes", "row_bytes", "is 59", "or 0"});
  refused({frame.data(), 20, 10, 3, 60, 65535}, {"3 channels and 16 bits", "are 120 bytes", "is 60"});
  refused({frame.data(), 20, 10, 3, -60}, {"are 60 bytes", "is -60"});
  refused({nullptr, 20, 10}, {"predict", "20x10", "null"});
  refused({frame.data(), 20, 0}, {"20x0", "at least 1"});
  refused({frame.data(), -1, 10}, {"-1x10", "at least 1"});
  refused({frame.data(), 20, 10, 0}, {"1 to 16 channels, not 0"});
  refused({frame.data(), 20, 10, 17}, {"1 to 16 channels, not 17"});
  refused({frame.data(), 20, 10, 4}, {"4 bands, not 3", "gray and RGB", "alpha", "first 3"});
  refused({frame.data(), 20, 10, 3, 0, 1023}, {"8 or 16 bits", "255 or 65535, not 1023"});
}

TEST_CASE("images predicted in batches are predicted as one by one") {
  for (const std::string resize : {"crop", "stretch", "pad"}) {
    const PredictorFolder f(resize);
    const auto predictor = f.predictor();
    const std::vector<data::Image> photos{noise(50, 40), noise(kWidth, kHeight), noise(20, 60), noise(41, 24), noise(33, 33)};
    const std::vector<data::ImageView> views(photos.begin(), photos.end());
    const auto all = resize == "pad" ? predictor.predict(photos, {.batch = 2}) : predictor.predict(views, {.batch = 2});
    REQUIRE(all.size() == photos.size());
    for (std::size_t i = 0; i < photos.size(); ++i) {
      const infer::Prediction one = predictor.predict(photos[i]);
      CHECK(all[i].labels.labels == one.labels.labels);
      CHECK(relative_error(all[i].probabilities, one.probabilities) < 1e-5);
    }
    CHECK(predictor.predict(std::span<const data::ImageView>{}).empty());
  }
}

TEST_CASE("several threads share a predictor: the answers are those of calls in turn") {
  for (const std::string resize : {"crop", "stretch"}) {
    const PredictorFolder f(resize);
    const auto predictor = f.predictor();
    std::vector<data::Image> photos;
    std::vector<infer::Prediction> expected, got(6);
    for (int i = 0; i < 6; ++i) photos.push_back(noise(40 + i, 30 + 2 * i)), expected.push_back(predictor.predict(photos.back()));
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 3; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t i = t; i < photos.size(); i += 3) got[i] = predictor.predict(photos[i]);
      });
    for (std::thread& t : threads) t.join();
    for (std::size_t i = 0; i < photos.size(); ++i) check_same(got[i], expected[i]);
  }
}
