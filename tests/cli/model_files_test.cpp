// lamina info and lamina bench, of files.
#include "lamina/infer/predictor.hpp"
#include "lamina/io/safetensors.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("info and bench tell of every file with a network, and of none that claims one") {
  const Workshop w;
  data::LabelSchema schema;
  schema.names = {"ground", "wound"}, schema.values = {0, 1};
  const models::ModelConfig config{.preset = "bn", .in_channels = 1, .classes = 2, .options = {{"base", "2"}, {"depth", "1"}}};
  infer::save_predictor(w / "own.safetensors", *models::build_network(config, 0), config, *heads::make_head(schema),
                        {.width = 24, .height = 16, .channels = 1});
  const Result told = w.lamina("info own.safetensors --json");
  REQUIRE_MESSAGE(told.code == 0, told.err);
  const auto json = nlohmann::json::parse(told.out);
  CHECK(json.at("size") == "24x16");
  CHECK(json.at("classes") == nlohmann::json{"ground", "wound"});
  CHECK(w.lamina("bench --profile own.safetensors --repeats 1").code == 0);

  io::TensorArchive claim;
  claim.tensors["down.0.conv1.weight"] = Tensor::zeros({64, 3, 3, 3});
  claim.metadata["model"] = R"({"model":"unet","preset":"bn","in_channels":3,"classes":9,"base":64,"depth":8})";
  io::write_safetensors(w / "claim.safetensors", claim);
  check_error(w.lamina("info claim.safetensors"), 3, {"claim.safetensors", "do not fit the model"});
  check_error(w.lamina("bench --profile claim.safetensors"), 3, {"claim.safetensors", "do not fit the model"});
  check_error(w.lamina("bench --model unet --base 4096 --depth 8"), 5, {"parameters", "--base"});
}

TEST_CASE("info says the options of every preset as they come to; help says that empty ones are the preset's") {
  const Workshop w(4);
  const auto options = [&](const std::string& more) {
    const Result told = w.lamina("info --size 128 --json " + more);
    REQUIRE_MESSAGE(told.code == 0, told.err);
    return nlohmann::json::parse(told.out).at("options");
  };
  CHECK(options("--model deeplabv3plus --preset beta") == nlohmann::json{{"base", 64},
                                                                         {"norm", "batch"},
                                                                         {"output_stride", 16},
                                                                         {"multi_grid", "1,1,1"},
                                                                         {"rates", "6,12,18"},
                                                                         {"image_pooling", "adaptive"},
                                                                         {"conv", "separable"},
                                                                         {"dropout", 0.1},
                                                                         {"backbone_momentum", 0.05},
                                                                         {"head_momentum", 0.0003}});
  CHECK(options("--model deeplabv3plus --output-stride 8").at("rates") == "12,24,36");
  for (const std::string& family : models::family_names())
    for (const models::FamilyPreset& preset : models::find_family(family).presets) {
      CAPTURE(preset.name);
      const auto said = options("--model " + family + " --preset " + preset.name);
      CHECK(said.size() == preset.defaults.size());
      for (const auto& [name, value] : preset.defaults) CHECK_MESSAGE(said.contains(name), name);
    }
  const auto one_line = [](const std::string& text) {
    std::string line;
    for (const char c : text)
      if (c != '\n' && (c != ' ' || !line.ends_with(' ')))
        line += c;
      else if (c == '\n' && !line.ends_with(' '))
        line += ' ';
    return line;
  };
  const std::string table = one_line(w.lamina("info --model deeplabv3plus --size 128").out);
  for (const char* words : {"--rates 6,12,18 ", "--output-stride 16: as DeepLab is trained ", "--dropout 0.1 "})
    CHECK_MESSAGE(table.find(words) != std::string::npos, words);
  for (const char* verb : {"train", "colorize train", "study", "info"})
    for (const char* option : {"output-stride", "multi-grid", "rates", "conv", "image-pooling", "dropout", "norm", "head-momentum"}) {
      const std::string help = one_line(w.lamina(verb + std::string(" --help")).out);
      const std::size_t at = help.find(std::string(" --") + option + " ");
      REQUIRE(at != std::string::npos);
      const std::string own = help.substr(at, help.find(" --", at + 1) - at);
      CHECK_MESSAGE(own.find("; empty: the preset's") != std::string::npos, verb, own);
    }
}

TEST_CASE("info tells what a file of others holds; --init says how one becomes readable, and what it lacks") {
  const Workshop w(4);
  const auto net = models::build_network({.preset = "milesial", .classes = 2, .options = {{"base", "2"}}}, 1);
  std::vector<nn::NamedTensor> tensors = net->state();
  std::erase_if(tensors, [](const nn::NamedTensor& t) { return t.name == "inc.double_conv.0.weight"; });
  io::save_checkpoint(w / "theirs.safetensors", {tensors, {}, {}});
  const Result told = w.lamina("info theirs.safetensors");
  REQUIRE_MESSAGE(told.code == 0, told.err);
  for (const char* words : {"the file does not say it", "of --model unet --preset milesial", "inc.double_conv.1.weight"})
    CHECK_MESSAGE(told.out.find(words) != std::string::npos, told.out);
  const auto json = nlohmann::json::parse(w.lamina("info theirs.safetensors --json").out);
  CHECK(json.at("tensor_list").size() == tensors.size());
  io::write_file_atomically(w / "theirs.pth", "PK");
  const std::string train = "train data --out run --preset milesial --base 2 --size 32 --batch 2 --steps 1 --quiet --init ";
  check_error(w.lamina(train + "theirs.pth"), 3, {"theirs.pth", "tools/pth_to_safetensors.py"});
  check_error(w.lamina(train + "theirs.safetensors --init-strict"), 3, {"it lacks weights: 1 (inc.double_conv.0.weight)"});
  CHECK(w.lamina(train + "theirs.safetensors").code == 0);
}
