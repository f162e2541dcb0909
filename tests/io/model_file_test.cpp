#include "lamina/io/model_file.hpp"

#include "lamina/io/file.hpp"
#include "support/op_check.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// What opening the file's network costs at most, beyond what was in use before; the error's text when it fails.
struct Attempt {
  std::size_t memory = 0;
  std::string error;
};
Attempt open(const std::filesystem::path& path) {
  release_cached_memory();
  reset_peak_memory();
  const std::size_t before = memory_stats().in_use;
  Attempt a;
  try {
    (void)io::ModelFile(path).network();
  } catch (const DataError& e) {
    a.error = e.what();
  }
  a.memory = memory_stats().peak - before;
  return a;
}

}  // namespace

TEST_CASE("a network is saved and read back, bit for bit, and its file is all that it costs") {
  const TempFolder folder;
  const models::ModelConfig config{.in_channels = 3, .classes = 4, .options = {{"base", "8"}, {"depth", "2"}}};
  const auto net = models::build_network(config, 3);
  io::save_model(folder / "net.safetensors", *net, config, {{"note", "mine"}});
  const io::ModelFile file(folder / "net.safetensors");
  CHECK(file.metadata().find("note")->second == "mine");
  CHECK(file.model().classes == 4);
  const auto copy = file.network();
  CHECK(!copy->training());
  const auto a = net->state(), b = copy->state();
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].name == b[i].name);
    CHECK(same_bytes(a[i].tensor, b[i].tensor));
  }
  // Tensors in 512-byte blocks, and one more while its axes change places: neither initial values nor a second copy.
  std::size_t blocks = 0, largest = 0;
  for (const nn::NamedTensor& t : a) {
    const std::size_t bytes = (static_cast<std::size_t>(t.tensor.numel()) * size_of(t.tensor.dtype()) + 511) / 512 * 512;
    blocks += bytes;
    largest = std::max(largest, bytes);
  }
  CHECK(open(folder / "net.safetensors").memory <= blocks + largest);
}

TEST_CASE("a network is saved with its own configuration alone") {
  const TempFolder folder;
  models::ModelConfig config{.in_channels = 3, .classes = 4, .options = {{"base", "8"}, {"depth", "2"}}};
  const auto net = models::build_network(config, 3);
  config.classes = 5;
  check_throws<OptionError>([&] { io::save_model(folder / "net.safetensors", *net, config); },
                            {"net.safetensors", "is not the network", "(5) here, (4) in the source", "io::save_checkpoint"});
  CHECK(!std::filesystem::exists(folder / "net.safetensors"));
}

TEST_CASE("a small file that claims a large network is refused before any memory is taken") {
  const TempFolder folder;
  const auto path = folder / "bomb.safetensors";
  io::TensorArchive archive;
  archive.tensors["down.0.conv1.weight"] = Tensor::zeros({64, 3, 3, 3});
  for (const char* claim :
       {R"({"model":"unet","preset":"bn","in_channels":3,"classes":9,"base":64,"depth":8,"init":"kaiming_normal"})",
        R"({"model":"unet","preset":"bn","in_channels":2000000000,"classes":2000000000,"base":4096,"depth":8,"init":""})",
        R"({"model":"unet","preset":"smp","in_channels":3,"classes":9})"}) {
    archive.metadata["model"] = claim;
    io::write_safetensors(path, archive);
    const Attempt a = open(path);
    CHECK(a.memory == 0);
    CHECK(a.error.find("bomb.safetensors: the weights do not fit the model") != std::string::npos);
    CHECK(a.error.find("missing: ") != std::string::npos);
  }
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"model":"unett","preset":"bn","in_channels":3,"classes":9})", "did you mean \"unet\""},
      {R"({"model":"unet","preset":"bn","in_channels":3,"classes":9,"base":64,"depth":99})", "depth 99"},
      {R"({"model":"unet","preset":"bn","in_channels":3,"classes":-9})", "-9 classes"},
      {R"({"model":"unet","preset":"bn","in_channels":3,"classes":9,"bose":64})", "did you mean \"base\""},
      {"[1]", "not a model description"}};
  for (const auto& [claim, reason] : wrong) {
    archive.metadata["model"] = claim;
    io::write_safetensors(path, archive);
    const Attempt a = open(path);
    CHECK(a.memory == 0);
    CHECK_MESSAGE(a.error.find(reason) != std::string::npos, a.error);
    CHECK(a.error.starts_with(path.string()));
  }
  archive.metadata.erase("model");
  io::write_safetensors(path, archive);
  CHECK(open(path).error.find("lacks \"model\"") != std::string::npos);
}

TEST_CASE("shapes and dtypes of the header decide before tensors are read") {
  const TempFolder folder;
  const models::ModelConfig config{.in_channels = 3, .classes = 4, .options = {{"base", "2"}, {"depth", "1"}}};
  const auto damaged = [&](const std::string& name, const Tensor& value) {
    io::Checkpoint c{models::build_network(config, 1)->state(), {}, {{"model", models::to_json(config)}}};
    for (nn::NamedTensor& t : c.model)
      if (t.name == name) t.tensor = value;
    io::save_checkpoint(folder / "f.safetensors", c);
    return open(folder / "f.safetensors");
  };
  const Attempt shape = damaged("head.weight", Tensor::zeros({5, 1, 1, 2}));
  CHECK(shape.error.find("shape: head.weight is (4, 1, 1, 2) here, (5, 1, 1, 2)") != std::string::npos);
  CHECK(shape.memory == 0);
  const Attempt dtype = damaged("head.bias", Tensor::zeros({4}, {DType::i64, kCpu}));
  CHECK(dtype.error.find("dtype: head.bias is f32 here, i64") != std::string::npos);
  CHECK(dtype.memory == 0);
  CHECK(damaged("head.bias", Tensor::zeros({4}, {DType::f64, kCpu})).error.empty());
}

TEST_CASE("what is written can be read: one limit for headers both ways") {
  io::TensorArchive archive;
  archive.metadata["trainer"] = std::string(5000, 'x');
  const std::string bytes = io::format_safetensors(archive);
  const std::uint64_t header = bytes.size() - 8;
  CHECK(io::format_safetensors(archive, header) == bytes);
  CHECK(io::parse_safetensors(bytes, "f", header).metadata.size() == archive.metadata.size() + 2);
  check_throws<DataError>([&] { io::format_safetensors(archive, header - 1); }, {"header", "limit"});
  check_throws<DataError>([&] { io::parse_safetensors(bytes, "f", header - 1); }, {"header", "limit"});
  // 256 classes, 1000 epochs, six digits and a comma a count.
  CHECK(io::kMaxHeaderBytes > std::uint64_t{256} * 256 * 1000 * 7);
}
