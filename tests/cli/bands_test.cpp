// Photographs of many bands and of 16 bits through every verb.
#include <doctest/doctest.h>

#include "lamina/infer/predictor.hpp"
#include "support/band_tiff.hpp"
#include "support/data_folder.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;

namespace {

/// Six photographs of 16 x 16 whose fourth band alone, in a few of 65536 levels, tells what is marked.
void write_bands(const std::filesystem::path& out, int bands) {
  for (const char* sub : {"images", "masks"}) io::create_folders(out / sub);
  for (int i = 0; i < 6; ++i) {
    data::LabelImage mask(16, 16);
    std::vector<unsigned> samples;
    std::vector<std::uint16_t> gray;
    for (int y = 0; y < 16; ++y)
      for (int x = 0; x < 16; ++x) {
        const bool marked = x < 4 + i && y > 5;
        mask.at(x, y) = marked;
        for (int c = 0; c < bands; ++c)
          samples.push_back(static_cast<unsigned>(c == std::min(3, bands - 1) ? 900 + 200 * marked + i : 500 + i));
        gray.push_back(static_cast<std::uint16_t>(samples.back()));
      }
    const std::string stem = std::to_string(i);
    if (bands == 1)
      io::write_file_atomically(out / "images" / (stem + ".png"), data::encode_png(gray, 16, 16));
    else
      io::write_file_atomically(out / "images" / (stem + ".tif"), band_tiff(16, 16, bands, samples));
    data::write_png(out / "masks" / (stem + ".png"), mask);
  }
}

}  // namespace

TEST_CASE("16-bit and many-band photographs are checked, trained on, scored and predicted") {
  if (data::supported_formats().find("tiff") == std::string::npos) return;
  for (const int bands : {1, 4, 5}) {
    CAPTURE(bands);
    const Workshop w(1);
    write_bands(w / "set", bands);
    const Result checked = w.lamina("check set");
    CHECK(checked.code == 0);
    CHECK(checked.out.find("of 16 bits: normalised by their mean and standard deviation") != std::string::npos);
    const Result trained = w.lamina("train set --out run --quiet --base 4 --depth 1 --size 16 --batch 2 --lr 3e-2 --epochs 12");
    REQUIRE_MESSAGE(trained.code == 0, trained.err);
    // In 8 bits, or by full intensity, the mark would be 0.003 of the range.
    CHECK(json::parse(w.lamina("evaluate run set --json --quiet").out).at("dice").at("macro_foreground").get<double>() > 0.9);
    CHECK(json::parse(w.lamina("evaluate run set --original-size --json --quiet").out).at("dice").at("macro_foreground").get<double>() >
          0.9);
    const std::string image = bands == 1 ? "set/images/0.png" : "set/images/0.tif";
    CHECK(w.lamina("predict run " + image + " --out out --quiet").code == 0);
    CHECK(w.lamina("predict run " + image + " --out tiled --tile always --quiet").code == 0);
    CHECK(w.lamina("train set --out run --quiet --base 4 --depth 1 --size 16 --batch 2 --lr 3e-2 --epochs 12").code == 0);  // finished
    const infer::Predictor predictor(w / "run");
    CHECK(predictor.input().channels == (bands == 1 ? 3 : bands));
    data::write_png(w / "plain.png", data::Image(16, 16, 3));
    check_error(w.lamina("predict run plain.png --out other"), 3, {"plain.png: ", "8 bits a sample", "photographs of 16"});
    if (bands > 1) check_error(w.lamina("train set --out other --augment jitter=0.1"), 2, {"saturation and hue"});
  }
}

TEST_CASE("--channels 1 learns from gray; --normalize data works on 8-bit photographs too") {
  const Workshop w(6);
  for (const char* options : {" --channels 1", " --normalize data --border 51", " --channels 1 --normalize data"}) {
    const std::string run = "run" + std::string(options).substr(3, 4) + (std::string(options).size() > 20 ? "both" : "");
    CAPTURE(options);
    const Result r = w.lamina("train data --quiet --out " + run + kSmall + options);
    REQUIRE_MESSAGE(r.code == 0, r.err);
    const infer::Predictor predictor(w / run);
    CHECK(predictor.input().channels == (std::string(options).find("channels") != std::string::npos ? 1 : 3));
    CHECK(predictor.input().border == (std::string(options).find("border") != std::string::npos ? 51 : 0));
    CHECK(predictor.input().mean.empty() == (std::string(options).find("data") == std::string::npos));
    CHECK(w.lamina("evaluate " + run + " data --json --quiet").code == 0);
    CHECK(w.lamina("predict " + run + " data/images --quiet --out out_" + run).code == 0);
  }
  // Those of 16 bits are others, however they are looked at.
  const Result trained = w.lamina("train data --quiet --out of8" + kSmall);
  REQUIRE(trained.code == 0);
  std::filesystem::copy(w / "data", w / "deep", std::filesystem::copy_options::recursive);
  for (const auto& entry : std::filesystem::directory_iterator(w / "deep/images")) {
    const data::Image photo = data::read_image(entry.path());
    std::string deep = message("P6 ", photo.width, ' ', photo.height, " 65535\n");  // what a file holds says its format
    for (const std::uint8_t v : photo.pixels) deep += static_cast<char>(v / 16), deep += static_cast<char>(16 * (v % 16));
    io::write_file_atomically(entry.path(), deep);
  }
  check_error(w.lamina("predict of8 deep/images --out p"), 3, {".png: 16 bits a sample", "photographs of 8"});
  check_error(w.lamina("evaluate of8 deep"), 3, {".png: 16 bits a sample", "photographs of 8"});
  check_error(w.lamina("train data --out x --channels 5" + kSmall), 3, {"bands, not 5"});
  check_error(w.lamina("train data --out x --normalize mean" + kSmall), 2, {"\"mean\"", "half", "data"});
}
