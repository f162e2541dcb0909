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
