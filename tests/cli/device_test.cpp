// The real program's --device.
#include "lamina/config.hpp"
#include "support/op_check.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;
namespace fs = std::filesystem;

#if LAMINA_HAS_CUDA
TEST_CASE("--device cuda: train, evaluate, predict; doctor names the device") {
  if (cuda_devices().empty()) return;
  const Workshop w;
  const std::string tiny = " --base 2 --depth 1 --size 16 --batch 2 --epochs 1 --device cuda";
  const Result trained = w.lamina("train data --out run --quiet" + tiny);
  CHECK_MESSAGE(trained.code == 0, trained.err);
  CHECK(fs::exists(w / "run/report.html"));
  const auto scores = [&](const std::string& more) { return json::parse(w.lamina("evaluate run data --json --quiet" + more).out); };
  const json there = scores(" --device cuda"), here = scores("");
  CHECK(there.at("accuracy").get<double>() == doctest::Approx(here.at("accuracy").get<double>()).epsilon(0.01).scale(0));
  const std::string photo = fs::directory_iterator(w / "data/images")->path().string();
  CHECK(w.lamina("predict run " + photo + " --out p --device cuda").code == 0);
  const std::string machine = w.lamina("doctor").out;
  for (const std::string& part : {device_name({Device::Type::cuda, 0}), std::string("; runtime ")})
    CHECK(machine.find(part) != std::string::npos);
  check_error(w.lamina("train data --out other --device cuda:9"), 1, {"cuda:9 is absent"});
}
#endif

TEST_CASE("--device names what it knows") {
  const Workshop w;
  check_error(w.lamina("train data --out run --device gpu"), 2, {"unknown device \"gpu\"", "cuda:0"});
#if !LAMINA_HAS_CUDA
  check_error(w.lamina("train data --out run --device cuda"), 1, {"cuda:0 is absent", "LAMINA_CUDA=ON", "cpu"});
#endif
  CHECK(!fs::exists(w / "run"));
}

#if LAMINA_HAS_SHIM
TEST_CASE("no device, an old driver, too little memory: what the program says") {
  const Workshop w;
  const auto with = [&](const char* name, const char* value) {
    ::setenv(name, value, 1);
    const Result r = w.lamina("train data --out run --base 2 --depth 1 --size 16 --batch 2 --epochs 1 --device cuda");
    ::unsetenv(name);
    return r;
  };
  check_error(with("LAMINA_SHIM_DEVICES", "0"), 1, {"cuda:0 is absent", "no CUDA device"});
  check_error(with("LAMINA_SHIM_DRIVER", "12020"), 1, {"driver supports CUDA 12.2", "update the driver"});
  check_error(with("LAMINA_SHIM_MEMORY", "20000"), 5, {"training on 2 images of 16x16", "free memory of cuda:0", "MB", "--base"});
  ::setenv("LAMINA_SHIM_DRIVER", "13010", 1);
  CHECK(w.lamina("doctor").out.find("runtime 13.0, driver 13.1") != std::string::npos);
  ::unsetenv("LAMINA_SHIM_DRIVER");
}
#endif
