// Several looks, draws and networks: their mean is what is answered, and how far they are apart is told.
#include "lamina/infer/passes.hpp"

#include <cmath>

#include "lamina/ops/softmax.hpp"
#include "support/op_check.hpp"
#include "support/predicting.hpp"

using namespace lamina;
using namespace lamina::test;
using infer::Looks;
using infer::PredictOptions;

namespace {

data::Image mirrored(const data::Image& image, bool across, bool down) {
  data::Image out(image.width, image.height, 3);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      std::copy_n(image.at(across ? image.width - 1 - x : x, down ? image.height - 1 - y : y), 3, out.at(x, y));
  return out;
}
Answer mirrored(const Answer& a, bool across, bool down) {
  Answer out = a;
  for (int y = 0; y < a.height; ++y)
    for (int x = 0; x < a.width; ++x) std::copy_n(a.at(across ? a.width - 1 - x : x, down ? a.height - 1 - y : y), kClasses, out.at(x, y));
  return out;
}

/// The network of PredictorFolder asked about an input of any size (as an Answer: three values a pixel).
Answer ask_at(const PredictorFolder& f, const Answer& input, std::uint64_t seed = 5) {
  const auto network = models::build_network(f.model, seed);
  network->eval();
  const NoGrad no_grad;
  const Tensor x = Tensor::from<double>(std::span<const double>(input.values), {1, input.height, input.width, 3}).to(DType::f32);
  return {input.width, input.height, softmax((*network)(x)).to_vector<double>()};
}
Answer input_of(const data::Image& image) {
  Answer out{image.width, image.height, {}};
  for (const auto v : image.pixels) out.values.push_back(v * (2.0 / 255) - 1);
  return out;
}

/// Against the mean of what was said, and the mean over the classes of the standard deviations.
void check_mean(const infer::Prediction& p, const std::vector<Answer>& said) {
  const auto got = p.probabilities.to_vector<double>(), apart = p.uncertainty.to_vector<double>();
  REQUIRE(got.size() == said[0].values.size());
  REQUIRE(apart.size() * kClasses == got.size());
  double most = 0, largest = 0;
  for (std::size_t i = 0; i < apart.size(); ++i) {
    double spread = 0;
    for (std::size_t c = 0; c < kClasses; ++c) {
      double mean = 0, square = 0;
      for (const Answer& a : said) mean += a.values[kClasses * i + c] / static_cast<double>(said.size());
      for (const Answer& a : said) square += std::pow(a.values[kClasses * i + c] - mean, 2) / static_cast<double>(said.size());
      most = std::max(most, std::abs(mean - got[kClasses * i + c]));
      spread += std::sqrt(square) / kClasses;
    }
    most = std::max(most, std::abs(spread - apart[i]));
    largest = std::max(largest, spread);
  }
  CHECK(most < 1e-5);
  CHECK(largest > 1e-3);  // they do differ
}

}  // namespace

TEST_CASE("looks: mirrored photographs and other sizes, turned back and averaged") {
  const PredictorFolder f("stretch");
  infer::Predictor predictor = f.predictor();
  const data::Image photo = noise(kWidth, kHeight);
  std::vector<Answer> flips, scales;
  for (const bool down : {false, true})
    for (const bool across : {false, true}) flips.push_back(mirrored(f.ask(mirrored(photo, across, down)), across, down));
  for (const auto& [w, h] : {std::pair(kWidth, kHeight), std::pair(24, 18), std::pair(40, 30)})
    scales.push_back(ask_at(f, input_of(photo).resized(w, h)).resized(kWidth, kHeight));
  check_mean(predictor.predict(photo, {.passes = {Looks::flips}}), flips);
  check_mean(predictor.predict(photo, {.passes = {Looks::scales}}), scales);
  CHECK(infer::PassOptions{Looks::all}.count() == 12);
  CHECK_FALSE(predictor.predict(photo).uncertainty);
  // In windows, too; one that holds the photograph is the whole of it.
  check_mean(predictor.predict(photo, {.tiling = PredictOptions::Tiling::always, .passes = {Looks::flips}}), flips);
  const infer::Prediction wide = predictor.predict(noise(50, 41), {.tiling = PredictOptions::Tiling::always, .passes = {Looks::flips}});
  CHECK(wide.uncertainty.shape() == Shape{41, 50});
  CHECK(wide.probabilities.shape() == Shape{41, 50, kClasses});
  check_throws<OptionError>([] { infer::looks_named("flip"); }, {"flip", "flips"});
}

TEST_CASE("an ensemble answers the mean of its networks, which must have learned the same") {
  const PredictorFolder f("stretch");
  const auto save = [&](const char* name, const char* labels, int width) {
    const io::Metadata metadata{{"labels", labels}, {"input", infer::to_json({.width = width, .height = kHeight, .resize = "stretch"})}};
    io::save_model(f / name, *models::build_network(f.model, 6), f.model, metadata);
  };
  save("other.safetensors", R"({"labels": {"a": 0, "b": 1, "c": 2}})", kWidth);
  save("labels.safetensors", R"({"labels": {"a": 0, "b": 1, "d": 2}})", kWidth);
  save("input.safetensors", R"({"labels": {"a": 0, "b": 1, "c": 2}})", kWidth + 8);
  infer::Predictor predictor = f.predictor();
  predictor.add(f / "other.safetensors");
  const data::Image photo = noise(kWidth, kHeight);
  check_mean(predictor.predict(photo), {ask_at(f, input_of(photo), 5), ask_at(f, input_of(photo), 6)});
  check_throws<DataError>([&] { predictor.add(f / "labels.safetensors"); }, {"labels.safetensors", "set of labels"});
  check_throws<DataError>([&] { predictor.add(f / "input.safetensors"); }, {"input.safetensors", "input"});
}

TEST_CASE("Monte-Carlo dropout: passes differ, the same ones each time; afterwards dropout is off") {
  const PredictorFolder f("stretch");
  auto plain = f.predictor();
  const data::Image photo = noise(kWidth, kHeight);
  check_throws<OptionError>([&] { plain.predict(photo, {.passes = {Looks::one, 4}}); }, {"no dropout"});
  check_throws<OptionError>([&] { plain.predict(photo, {.passes = {Looks::one, -1}}); }, {"-1 draws"});
  models::ModelConfig dropped = f.model;
  dropped.preset = "keras";
  const io::Metadata metadata{{"labels", R"({"labels": {"a": 0, "b": 1, "c": 2}})"},
                              {"input", infer::to_json({.width = kWidth, .height = kHeight, .resize = "stretch"})}};
  dropped.in_channels = 3;
  io::save_model(f / "dropout.safetensors", *models::build_network(dropped, 5), dropped, metadata);
  infer::Predictor predictor(f / "dropout.safetensors");
  const auto before = predictor.predict(photo).probabilities.to_vector<float>();
  const infer::Prediction drawn = predictor.predict(photo, {.passes = {Looks::one, 16}}),
                          again = predictor.predict(photo, {.passes = {Looks::one, 16}});
  const auto apart = drawn.uncertainty.to_vector<double>();
  CHECK(*std::max_element(apart.begin(), apart.end()) > 1e-3);
  CHECK(same_bytes(drawn.probabilities, again.probabilities));
  CHECK(drawn.probabilities.to_vector<float>() != before);
  CHECK(predictor.predict(photo).probabilities.to_vector<float>() == before);
  // One draw is one pass: nothing to be apart.
  CHECK_FALSE(predictor.predict(photo, {.passes = {Looks::one, 1}}).uncertainty);
}
