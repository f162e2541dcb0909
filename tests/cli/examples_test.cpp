// Every example runs, and does what it says; the sample settings are read.
#include "lamina/data/label_schema.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/io/model_file.hpp"
#include "support/op_check.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

Result example(const Workshop& w, const std::string& command) {
  const Words words = split(command);
  return Program(built("examples/" + words[0]), {words.begin() + 1, words.end()}, w.path()).wait();
}

void says(const Result& r, const Words& parts) {
  CHECK_MESSAGE(r.code == 0, r.err);
  for (const std::string& part : parts) CHECK_MESSAGE(r.out.find(part) != std::string::npos, r.out);
}

}  // namespace

TEST_CASE("examples: tensors, an op and a loss of one's own, data of one's own") {
  const Workshop w(1);
  says(example(w, "tensors_and_gradients"), {});
  says(example(w, "own_op"), {"gradient of swish: as differences say", "after 300 steps"});
  says(example(w, "own_data mine"), {"4 train", "severe", "bleeding"});
  for (const char* set : {"mine/lesions", "mine/wounds"}) {
    CHECK(w.lamina(std::string("check ") + set).code == 0);
    CHECK(w.lamina(std::string("train ") + set + " --out run_" + fs::path(set).filename().string() +
                   " --quiet --base 2 --depth 1 --size 16 --epochs 1")
              .code == 0);
  }
  for (const char* without_arguments : {"warm_start", "camera_frames", "own_data", "train_own", "train_unet", "segment_image",
                                        "color_photographs", "surrogate_supervision"})
    CHECK(example(w, without_arguments).code == 2);
}

TEST_CASE("examples: a run segments an image, frames of a camera, and begins another network") {
  const Workshop w;
  CHECK(w.lamina("train data --out run --quiet" + kSmall).code == 0);
  says(example(w, "segment_image run data/images/skin_0001.png mask.png"), {});
  CHECK(fs::exists(w / "mask.png"));
  says(example(w, "camera_frames run 3"), {"frame 3: mostly ", "frames/s", "calls of the host's threads"});
  CHECK(w.lamina("phantom several set --count 6 --size 32 --seed 1").code == 0);
  CHECK(w.lamina("train set --out several --quiet" + kSmall).code == 0);
  const Result several = example(w, "camera_frames several 1");  // what most pixels are, of each head
  says(several, {"frame 1: mostly tissue ", ", marks ", ", damage A "});
  says(example(w, "warm_start run new.safetensors 4"), {"2 tensors are new", "wrote new.safetensors"});
  CHECK(io::ModelFile(w / "new.safetensors").model().classes == 4);
}

TEST_CASE("examples: training with own networks, and the loop written out, whose network a predictor opens") {
  const Workshop w;
  says(example(w, "train_own own 2"), {"epoch 2/2"});
  says(example(w, "train_unet data 1"), {"epoch 1: loss", "wrote unet.safetensors"});
  CHECK(infer::Predictor(w / "unet.safetensors").schema().names.size() == 9);
  CHECK(w.lamina("predict unet.safetensors data/images/skin_0001.png --out p").code == 0);
}

TEST_CASE("examples: a pair learns to color, and shows what it made of photographs that were held out") {
  const Workshop w;
  says(example(w, "color_photographs data/images sheet.png 50"), {"step 50", "equilibrium 0.25"});
  const data::Image sheet = data::read_image(w / "sheet.png");
  CHECK(sheet.width == 3 * 64 + 2 * 4);
  CHECK(sheet.height == 4 * 64 + 3 * 4);
}

TEST_CASE("examples: a network that learned to color hands its weights, but for the last layer, to one that segments") {
  const Workshop w;
  const Result r = example(w, "surrogate_supervision data 2 2 3");
  says(r, {"3 to segment", "coloring, step 2 of 2: L1 0.", "384 tensors of 386 begin as the coloring network ended",
           "foreground Dice from scratch ", "foreground Dice from coloring "});
}

TEST_CASE("examples: sample settings are read") {
  const fs::path settings = fs::path(LAMINA_SOURCE_DIR) / "examples/settings";
  int schemas = 0;
  for (const auto& entry : fs::directory_iterator(settings))
    if (entry.path().extension() == ".json") {
      CHECK(!data::parse_label_schema(io::read_file(entry.path()), entry.path().string()).counted().empty());
      ++schemas;
    }
  CHECK(schemas == 4);
  const Workshop w;
  const std::string toml = (settings / "train.toml").string();
  CHECK(w.lamina("train data --out run --quiet --config " + toml + " --base 2 --depth 2 --size 32 --batch 2 --epochs 1").code == 0);
  const auto config = nlohmann::json::parse(w.read("run/config.json"));
  CHECK(config.at("class_weights") == "enet");
  CHECK(config.at("patience") == 15);
  CHECK(w.lamina("evaluate run data --quiet --config " + toml).code == 0);
  CHECK(fs::exists(w / "run/evaluate-test/scores.json"));
}
