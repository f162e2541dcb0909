// What the real program says of a network's layers.
#include "support/op_check.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;

TEST_CASE("info lists every layer; its sums are the totals that scripts read") {
  const Workshop w;
  const std::string command = "info --model unet --preset bn --base 2 --depth 1 --channels 3 --classes 4 --size 20x12";
  const json about = json::parse(w.lamina(command + " --json").out);
  std::int64_t parameters = 0, macs = 0;
  for (const json& layer : about.at("layer_list")) parameters += layer.at("parameters").get<int>(), macs += layer.at("macs").get<int>();
  CHECK(about.at("parameters") == parameters);
  CHECK(about.at("macs") == macs);
  CHECK(about.at("layers") == 7);
  CHECK(about.at("trainable") == parameters);
  const json& first = about.at("layer_list").at(0);
  CHECK(first == json{{"path", "down.0.conv1"},
                      {"kind", "conv2d"},
                      {"output", {1, 12, 20, 2}},
                      {"parameters", 3 * 9 * 2},
                      {"macs", 12 * 20 * 3 * 9 * 2}});
  const Result text = w.lamina(command);
  for (const char* part : {"\ndown.0.conv1 ", "\nhead ", "(1, 12, 20, 4)", "\ntotal "}) CHECK(text.out.find(part) != std::string::npos);
  for (const std::string& line : fields(text.out, '\n')) CHECK(line.size() <= 100);
  // Options are spelled as those of train.
  const std::string deep = "info --model deeplabv3plus --preset small --classes 2 --size 33 --json --output-stride ";
  CHECK(json::parse(w.lamina(deep + "8").out).at("macs").get<double>() > json::parse(w.lamina(deep + "16").out).at("macs").get<double>());
  check_error(w.lamina("info --depth 9"), 2, {"depth 9", "[1, 8]"});
  check_error(w.lamina("info --init he_norml"), 2, {"he_norml", "did you mean \"he_normal\""});
}

TEST_CASE("bench measures layers, of a model or a run, forward and backward, in a table of 100 columns") {
  const Workshop w;
  const std::string small = " --size 16 --batch 2 --repeats 1 --quiet";
  const Result text = w.lamina("bench --model unet --preset bn --base 2 --depth 1" + small);
  CHECK_MESSAGE(text.code == 0, text.err);
  for (const char* part : {"layer ", "algorithm", "\nmerge.0.conv1 ", "\nall, ms a pass"}) CHECK(text.out.find(part) != std::string::npos);
  for (const std::string& line : fields(text.out, '\n')) CHECK(line.size() <= 100);

  const auto profile = [&](const std::string& more) { return json::parse(w.lamina("bench --json" + more + small).out); };
  const json forward = profile(" --preset bn --base 2 --depth 1");
  CHECK(forward.at("backward_ms") == 0);
  const json train = profile(" --preset bn --base 2 --depth 1 --train");
  double sum = 0, before = 1e9;
  for (const json& layer : train.at("layer_list")) {
    const double ms = layer.at("forward_ms").get<double>() + layer.at("backward_ms").get<double>();
    CHECK(layer.at("calls") >= 1);
    CHECK(layer.at("bytes") > 0);
    CHECK(ms <= before);
    CHECK((layer.at("kind") == "conv2d") == !layer.at("algorithm").get<std::string>().empty());
    before = ms;
    sum += ms;
  }
  CHECK(train.at("backward_ms") > 0);
  CHECK(sum == doctest::Approx(train.at("forward_ms").get<double>() + train.at("backward_ms").get<double>()));

  const Result trained = w.lamina("train data --out run --quiet --base 2 --depth 1 --size 16 --batch 2 --epochs 1");
  CHECK_MESSAGE(trained.code == 0, trained.err);
  CHECK(json::parse(w.lamina("bench --profile run --json --repeats 1 --quiet").out).at("size") == "16x16");
}

TEST_CASE("no verb computes on the meta device") {
  const Workshop w;
  check_error(w.lamina("train data --out run --device meta"), 2, {"unknown device \"meta\""});
  check_error(w.lamina("bench --device meta"), 2, {"unknown device \"meta\""});
}
