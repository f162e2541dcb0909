#include "lamina/infer/predictor.hpp"

#include <cmath>

#include "lamina/data/augment.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"
#include "support/op_check.hpp"
#include "support/predicting.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// Large patches of saturated colors, different everywhere.
data::Image blobs(int width, int height) {
  data::Image image(width, height, 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double u = 9.0 * x / width, v = 7.0 * y / height;
      image.at(x, y)[0] = std::sin(u + 0.3 * v) > 0 ? 255 : 0;
      image.at(x, y)[1] = std::sin(0.4 * u * v + 1) > 0 ? 255 : 0;
      image.at(x, y)[2] = static_cast<std::uint8_t>(127 + 120 * std::cos(1.7 * v - 0.8 * u));
    }
  return image;
}

/// Softmax of the kClasses scores from `at` on, the first one's share.
double probability(const std::vector<float>& scores, std::size_t at) {
  double sum = 0;
  for (std::size_t k = 0; k < kClasses; ++k) sum += std::exp(static_cast<double>(scores[at + k] - scores[at]));
  return 1 / sum;
}

}  // namespace

TEST_CASE("an image that is none is refused before its pixels are read") {
  using Tiling = infer::PredictOptions::Tiling;
  for (const std::string resize : {"crop", "stretch", "pad"}) {
    const PredictorFolder f(resize);
    infer::Predictor predictor = f.predictor();
    for (const Tiling tiling : {Tiling::automatic, Tiling::always, Tiling::never}) {
      const auto refused = [&](auto&& change, std::initializer_list<const char*> parts) {
        data::Image image = noise(40, 30);
        change(image);
        check_throws<DataError>([&] { predictor.predict(image, {.tiling = tiling}); }, parts);
      };
      refused([](data::Image& i) { i.pixels.clear(); }, {"predict", "40x30", "holds 0", "3600"});
      refused([](data::Image& i) { i.pixels.pop_back(); }, {"predict", "3599", "3600"});
      refused([](data::Image& i) { i.pixels.push_back(0); }, {"predict", "3601", "3600"});
      refused([](data::Image& i) { i.height = 1000000; }, {"predict", "40x1000000"});
      refused([](data::Image& i) { i.height = i.width = 2147483647; }, {"predict"});
      refused([](data::Image& i) { i.width = 0; }, {"predict", "0x30"});
      refused([](data::Image& i) { i.width = -40; }, {"predict", "-40x30"});
      refused([](data::Image& i) { i.channels = 1; }, {"predict", "3600", "1200"});
      for (const int channels : {2, 4, 0, -3, 17}) {
        const bool bands = channels > 0 && channels <= 16;  // an image, but not one of the network's
        refused([&](data::Image& i) { i.channels = channels, i.pixels.resize(static_cast<std::size_t>(1200 * std::abs(channels))); },
                {"predict", bands ? "bands, not 3" : "1 to 16 channels, not"});
      }
    }
    CHECK(predictor.predict(data::Image(40, 30, 1, 9)).labels.labels.size() == 1200);
  }
}

TEST_CASE("a predictor needs a network and a head") {
  data::LabelSchema schema;
  schema.names = {"a", "b", "c"}, schema.values = {0, 1, 2};
  const auto head = heads::make_head(schema);
  const infer::InputConfig input{kWidth, kHeight};
  check_throws<OptionError>([&] { infer::Predictor(nullptr, head, input); }, {"no network was given"});
  auto network = models::build_network({.classes = 3, .options = {{"base", "2"}, {"depth", "1"}}}, 5);
  check_throws<OptionError>([&] { infer::Predictor(std::move(network), nullptr, input); }, {"no head was given"});
}

TEST_CASE("bands, normalisation and border of the checkpoint reach the network, of 8 and of 16 bits") {
  const TempFolder f;
  data::LabelSchema schema;
  schema.names = {"a", "b", "c"}, schema.values = {0, 1, 2};
  const models::ModelConfig model{.in_channels = 2, .classes = kClasses, .options = {{"base", "4"}, {"depth", "2"}}};
  const auto network = models::build_network(model, 5);
  network->eval();
  const int width = kWidth - 1, height = kHeight;  // padded by one column of border, not scaled
  data::Image photo(width, height, 2);
  for (std::size_t i = 0; i < photo.pixels.size(); ++i) photo.pixels[i] = static_cast<std::uint8_t>(i * 37);
  data::Image deep = photo;
  deep.max_value = 65535, deep.pixels.resize(2 * photo.pixels.size());
  for (std::size_t i = 0; i < photo.samples(); ++i) deep.set_sample(i, 257u * photo.pixels[i]);
  std::vector<float> values;
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x)
      for (int c = 0; c < 2; ++c) {
        const double v = x >= width ? 0.2 : photo.at(x, y)[c] / 255.0;
        values.push_back(static_cast<float>(c == 0 ? (v - 0.25) / 0.5 : (v - 0.5) / 2));
      }
  const NoGrad no_grad;
  const auto logits = (*network)(Tensor::from<float>(std::span<const float>(values), {1, kHeight, kWidth, 2})).to_vector<float>();
  for (const std::string resize : {"crop", "pad"}) {
    CAPTURE(resize);
    const infer::InputConfig input{kWidth, kHeight, resize, 2, "0.25,0.5", "0.5,2", 51, 0};
    io::save_model(f / "net.safetensors", *network, model, {{"labels", data::to_json(schema)}, {"input", infer::to_json(input)}});
    infer::Predictor predictor(f / "net.safetensors");
    for (const data::Image& image : {photo, deep}) {
      const auto got = predictor.predict(image).probabilities.to_vector<float>();
      for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
          REQUIRE(probability(logits, kClasses * static_cast<std::size_t>(y * kWidth + x)) ==
                  doctest::Approx(static_cast<double>(got[kClasses * static_cast<std::size_t>(y * width + x)])).epsilon(1e-5));
    }
  }
  const infer::InputConfig of_16{.channels = 2, .mean = "0,0", .sd = "1,1", .bits = 16};
  io::save_model(f / "net.safetensors", *network, model, {{"labels", data::to_json(schema)}, {"input", infer::to_json(of_16)}});
  infer::Predictor predictor(f / "net.safetensors");
  CHECK_NOTHROW(predictor.predict(deep));
  check_throws<DataError>([&] { predictor.predict(photo); }, {"8 bits a sample", "photographs of 16"});
  const infer::InputConfig of_8{.channels = 2, .bits = 8};
  io::save_model(f / "net8.safetensors", *network, model, {{"labels", data::to_json(schema)}, {"input", infer::to_json(of_8)}});
  infer::Predictor eight(f / "net8.safetensors");
  CHECK_NOTHROW(eight.predict(photo));
  check_throws<DataError>([&] { eight.predict(deep); }, {"16 bits a sample", "photographs of 8", "scale it"});
  for (const char* sd : {"1", "1,0", "1,-1", "1,x", "1,1,1"}) {
    infer::InputConfig wrong = of_16;
    wrong.sd = sd;
    CAPTURE(sd);
    CHECK_THROWS_AS(infer::loader_options(wrong), DataError);
  }
}

TEST_CASE("predicting photographs one larger than the other does not keep memory for each") {
  const PredictorFolder f("crop");
  infer::Predictor predictor = f.predictor();
  release_cached_memory();
  reset_peak_memory();
  for (int side = 40; side <= 340; side += 30) {
    predictor.predict(noise(side, side));
    CHECK(memory_stats().reserved <= 3 * memory_stats().peak);
  }
}

TEST_CASE("shrinks: how many times smaller the network sees a whole photograph") {
  using Tiling = infer::PredictOptions::Tiling;
  const data::Image image(kWidth * 3, kHeight * 6, 1);
  CHECK(PredictorFolder("stretch").predictor().shrinks(image) == doctest::Approx(6));
  CHECK(PredictorFolder("pad").predictor().shrinks(image) == doctest::Approx(6));
  CHECK(PredictorFolder("stretch").predictor().shrinks(data::Image(kWidth / 2, kHeight, 1)) == 1);
  CHECK(PredictorFolder("pad").predictor().shrinks(data::Image(kWidth / 2, kHeight / 2, 1)) == 1);
  CHECK(PredictorFolder("crop").predictor().shrinks(image) == 1);
  CHECK(PredictorFolder("crop").predictor().shrinks(image, {.tiling = Tiling::never}) == doctest::Approx(6));
  CHECK(PredictorFolder("stretch").predictor().shrinks(image, {.tiling = Tiling::always}) == 1);
}

TEST_CASE("whole photographs: the network's answer to the fitted photograph, put back bilinearly on the photograph's own pixels") {
  struct Case {
    int width, height;              // of the photograph
    int inner_width, inner_height;  // what `pad` scales it to
    int left, top;                  // and where that lies in the network's 32x24
  };
  const Case cases[] = {{45, 37, 29, 24, 1, 0}, {70, 50, 32, 23, 0, 0}, {64, 41, 32, 21, 0, 1}, {20, 50, 10, 24, 11, 0},
                        {51, 7, 32, 4, 0, 10},  {13, 9, 32, 22, 0, 1},  {7, 8, 21, 24, 5, 0},   {32, 24, 32, 24, 0, 0}};
  for (const std::string resize : {"stretch", "pad", "crop"}) {
    const PredictorFolder f(resize);
    infer::Predictor predictor = f.predictor();
    for (const Case& c : cases) {
      CAPTURE(resize);
      CAPTURE(c.width);
      const data::Image photo = blobs(c.width, c.height);
      const bool pad = resize == "pad";
      data::Image seen = data::resized(photo, pad ? c.inner_width : kWidth, pad ? c.inner_height : kHeight);
      if (pad) {  // in the middle of black
        const data::Image inner = seen;
        seen = data::Image(kWidth, kHeight, 3);
        for (int y = 0; y < c.inner_height; ++y) std::copy_n(inner.at(0, y), 3 * c.inner_width, seen.at(c.left, c.top + y));
      }
      const Answer answer = f.ask(seen);
      const Answer expected = (pad ? answer.part(c.left, c.top, c.inner_width, c.inner_height) : answer).resized(c.width, c.height);
      const auto got = predictor.predict(photo, {.tiling = infer::PredictOptions::Tiling::never});
      REQUIRE(got.probabilities.shape() == Shape{c.height, c.width, kClasses});
      REQUIRE(got.labels.width == c.width);
      REQUIRE(got.labels.height == c.height);
      REQUIRE(got.labels.planes == 0);
      REQUIRE(got.labels.labels.size() == static_cast<std::size_t>(c.width * c.height));
      const auto p = got.probabilities.to_vector<float>();
      double error = 0, least = 1, most = 0;
      int wrong = 0;
      for (std::size_t i = 0; i < p.size(); ++i) {
        error = std::max(error, std::abs(static_cast<double>(p[i]) - expected.values[i]));
        if (i % kClasses == 0) least = std::min(least, expected.values[i]), most = std::max(most, expected.values[i]);
      }
      for (std::size_t i = 0; i < got.labels.labels.size(); ++i) {
        const double* at = &expected.values[i * kClasses];
        for (std::size_t k = 0; k < kClasses; ++k) wrong += at[k] > at[got.labels.labels[i]] + 1e-5;
      }
      CHECK(error < 1e-5);
      CHECK(wrong == 0);
      CHECK(most - least > 0.1);  // the answer is not the same everywhere, or nothing above could fail
    }
  }
}

TEST_CASE("whole photographs of many pixels are put back strip by strip, in bounded memory, as in one piece") {
  constexpr int kWide = 3000, kHigh = 900;
  for (const std::string resize : {"stretch", "pad"}) {
    CAPTURE(resize);
    const PredictorFolder f(resize);
    infer::Predictor predictor = f.predictor();
    const data::Image photo = noise(kWide, kHigh);
    const auto got = predictor.predict(photo);
    const auto labels_only = [&] {
      release_cached_memory();
      reset_peak_memory();
      const std::size_t before = memory_stats().in_use;
      const auto labels = predictor.predict(photo, {.probabilities = false}).labels.labels;
      CHECK(labels == got.labels.labels);
      return memory_stats().peak - before;
    };
    const std::size_t whole = std::size_t{kWide} * kHigh * kClasses * 4;
    CHECK(labels_only() < whole / 2);
    const bool pad = resize == "pad";  // 3000x900 becomes 32x10, seven rows below the top
    data::Image seen = data::resized(photo, kWidth, pad ? 10 : kHeight);
    if (pad) {
      const data::Image inner = seen;
      seen = data::Image(kWidth, kHeight, 3);
      for (int y = 0; y < 10; ++y) std::copy_n(inner.at(0, y), 3 * kWidth, seen.at(0, 7 + y));
    }
    const Answer answer = f.ask(seen);
    const Answer expected = (pad ? answer.part(0, 7, kWidth, 10) : answer).resized(kWide, kHigh);
    const float* p = got.probabilities.data<float>();
    double error = 0;
    for (std::size_t i = 0; i < expected.values.size(); ++i)
      error = std::max(error, std::abs(static_cast<double>(p[i]) - expected.values[i]));
    CHECK(error < 1e-5);
  }
}

TEST_CASE("what is seen in a corner of the photograph is said of that corner") {
  for (const std::string resize : {"stretch", "pad", "crop"}) {
    const PredictorFolder f(resize);
    infer::Predictor predictor = f.predictor();
    for (const auto& [width, height] : {std::pair(61, 33), std::pair(27, 55)})
      for (const int corner : {0, 1, 2, 3}) {
        CAPTURE(resize);
        CAPTURE(corner);
        data::Image photo(width, height, 3, 128);
        const auto before = predictor.predict(photo).probabilities.to_vector<float>();
        const int right = corner % 2, bottom = corner / 2;
        for (int y = 0; y < 5; ++y)
          for (int x = 0; x < 5; ++x) photo.at(right ? width - 1 - x : x, bottom ? height - 1 - y : y)[0] = 255;
        const auto after = predictor.predict(photo).probabilities.to_vector<float>();
        double sum = 0, at_x = 0, at_y = 0;  // where the answers changed
        for (std::size_t i = 0; i < after.size(); ++i) {
          const double change = std::abs(static_cast<double>(after[i]) - static_cast<double>(before[i]));
          const auto pixel = i / kClasses, w = static_cast<std::size_t>(width);
          sum += change, at_x += change * static_cast<double>(pixel % w), at_y += change * static_cast<double>(pixel / w);
        }
        REQUIRE(sum > 0.1);
        CHECK((at_x / sum > width / 2.0) == (right == 1));
        CHECK((at_y / sum > height / 2.0) == (bottom == 1));
      }
  }
}

TEST_CASE("a checkpoint of the first version opens and predicts what it predicted then") {
  // Written, and asked, by lamina 0.1 at commit f367bab: U-Net bn, base 2, depth 1, nine classes of skin phantoms.
  infer::Predictor predictor(golden("checkpoint_format1.safetensors"));
  const auto p = predictor.predict(data::read_image(golden("checkpoint_format1.png")));
  const TempFolder folder;
  data::write_mask(folder / "mask.png", p.labels, predictor.schema());
  CHECK(io::read_file(folder / "mask.png") == io::read_file(golden("checkpoint_format1_mask.png")));
  for (const Isa isa : instruction_sets()) {
    ThreadPool pool(1);
    const ExecutorScope scope(pool, isa);
    const Tensor then = io::read_npy(golden(message("checkpoint_format1_", name_of(isa), ".npy")));
    // The same bytes where compiler and options are those of then; others fuse other multiplications and additions.
    CHECK(relative_error(predictor.predict(data::read_image(golden("checkpoint_format1.png"))).probabilities, then) < 1e-6);
  }
}
