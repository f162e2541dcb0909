// What evaluate, report and check say and write of sets whose labels, names and background are unusual.
#include <doctest/doctest.h>

#include <sstream>

#include "lamina/core/text.hpp"
#include "support/data_folder.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

TEST_CASE("a run is scored with its own background, and a line says so where the data now says another") {
  const Workshop w(1);
  write_quarters(w / "set", 1);
  const auto says = [&](const std::string& roles) {
    io::write_file_atomically(w / "set/dataset.json", R"({"labels": {"sky": 0, "road": 1})" + roles + "}");
  };
  says(R"(, "roles": {"background": "sky"})");
  REQUIRE(w.lamina("train set --out run" + kSmall).code == 0);
  const std::string before = w.lamina("evaluate run set").out, report = w.read("run/report.html");
  says(R"(, "roles": {"background": "road"})");
  const std::string line = "background: 'sky', because the network was trained so; the data now says 'road', because \"roles\" say so\n";
  for (const char* command : {"evaluate run set", "report run"}) CHECK(w.lamina(command).err.find(line) != std::string::npos);
  CHECK(w.lamina("evaluate run set").out == before);
  CHECK(w.read("run/report.html") == report);
  // Other classes: both lists, and the way out.
  io::write_file_atomically(w / "set/dataset.json", R"({"labels": {"sky": 0, "street": 1}})");
  for (const char* command : {"evaluate run set", "report run"})
    check_error(w.lamina(command), 3, {"(sky, street) are not those that run was trained on (sky, road)", "lamina train set --from run"});
}

TEST_CASE("tables fit 100 columns, whatever script the names are in, and stay in line") {
  const Workshop w(1);
  write_quarters(w / "set", 1);
  io::write_file_atomically(
      w / "set/dataset.json",
      R"({"labels": {"\u0444\u043e\u043d": 0, "\u76ae\u819a\u306e\u75c5\u5909\u90e8\u4f4d\uff08\u5de6\u4e0a\u8155\uff09": 1}})");
  REQUIRE(w.lamina("train set --out run" + kSmall).code == 0);
  for (const char* command : {"evaluate run set", "check set"}) {
    std::istringstream table(w.lamina(command).out);
    std::size_t width = 0;
    for (std::string line; std::getline(table, line);) {
      CHECK_MESSAGE(display_width(line) <= 100, line);
      if (line.find("class  ") < 3) width = display_width(line);
      for (const char* name : {"\u0444\u043e\u043d", "\u76ae\u819a"})
        if (line.find(name) < 3) CHECK_MESSAGE(display_width(line) == width, line);
    }
    CHECK(width > 0);
  }
}

TEST_CASE("where results cannot be written is told before anything is computed, with where else they can go") {
  const Workshop w;
  REQUIRE(w.lamina("train data --out run --quiet" + kSmall).code == 0);
  const auto refused = [&](const std::string& command, const Words& words) {
    const Result r = w.lamina(command);
    check_error(r, 6, words);
    CHECK(r.err.find("nothing was computed: ") != std::string::npos);
    for (const char* work : {"seeded split", "from its lists", "evaluated", "predicting"}) CHECK(r.err.find(work) == std::string::npos);
  };
  io::write_file_atomically(w / "run/evaluate-val", "");
  io::write_file_atomically(w / "file", "");
  refused("evaluate run data", {"cannot write into ", "run/evaluate-val: Not a directory", "--out FOLDER puts the results elsewhere"});
  refused("evaluate run data --out file/out", {"file: Not a directory", "--out FOLDER"});
  CHECK(w.lamina("evaluate run data --out elsewhere --quiet").code == 0);
  refused("predict run data/images --out file", {"file: Not a directory", "choose another --out"});
  refused("augment data file/out", {"file: Not a directory", "choose another OUT"});
  fs::remove(w / "run/report.html");
  fs::create_directory(w / "run/report.html");
  refused("report run", {"run/report.html: Is a directory", "cp -r run COPY"});
  refused("report run elsewhere --out file/x", {"file: Not a directory", "--out FILE names another place"});
  fs::create_directories(w / "plain");
  for (const char* part : {"images", "masks"}) fs::rename(w / (std::string("data/") + part), w / (std::string("plain/") + part));
  CHECK(w.lamina("check plain --write-dataset-json --quiet").code == 0);
  check_error(w.lamina("check plain --write-dataset-json"), 2, {"plain/dataset.json exists already"});
}

TEST_CASE("info: the longest names of layers and tensors fit a table of 100 columns; only networks of pixels are trained") {
  const Workshop w(1);
  for (const char* command : {"info --model deeplabv3plus --preset torchvision --size 1024", "info --model unet --size 8192"}) {
    std::istringstream table(w.lamina(command).out);
    for (std::string line; std::getline(table, line);) CHECK_MESSAGE(display_width(line) <= 100, line);
  }
  write_quarters(w / "set", 1);
  std::string labels;
  for (int k = 0; k < 20; ++k) labels += message(k ? ", " : "", "\"class of many ", k, "\": ", k);
  io::write_file_atomically(w / "set/dataset.json", "{\"labels\": {" + labels + "}}");
  REQUIRE(w.lamina("train set --out run --quiet" + kSmall).code == 0);
  std::istringstream items(w.lamina("info run").out);
  for (std::string line; std::getline(items, line);)
    if (!line.starts_with("checkpoint") && !line.starts_with("data")) CHECK_MESSAGE(display_width(line) <= 100, line);
  const std::string train = w.lamina("train --help").out, info = w.lamina("info --help").out, bash = w.lamina("completion bash").out;
  for (const char* name : {"patchgan:", "surrogate:", "pixel:"}) {
    CHECK(train.find(name) == std::string::npos);
    CHECK(info.find(name) != std::string::npos);
  }
  const std::size_t verb = bash.find("'train')\n"), end = bash.find("'evaluate')", verb);
  REQUIRE(end != std::string::npos);
  CHECK(bash.substr(verb, end - verb).find("surrogate") == std::string::npos);
}

TEST_CASE("a file name that is no UTF-8 becomes text that is, wherever a report writes it") {
  const Workshop w(1);
  write_quarters(w / "set", 1);
  for (const char* folder : {"images", "masks"})
    for (int i = 0; i < 6; ++i)
      fs::rename(w / (message("set/", folder, "/im", i, ".png")), w / (message("set/", folder, "/\xff", i, ".png")));
  const Result r = w.lamina("train set --out run" + kSmall);
  REQUIRE_MESSAGE(r.code == 0, r.err);
  for (const char* file : {"report.html", "per_image.csv"}) {
    const std::string text = w.read(std::string("run/") + file);
    CHECK(valid_utf8(text) == text);
    CHECK(text.find("\\xff") != std::string::npos);
  }
}

TEST_CASE("report from another folder than the run was trained from, names the data set and the command") {
  const Workshop w(1);
  write_quarters(w / "set", 1);
  REQUIRE(w.lamina("train set --out runs/a --quiet" + kSmall).code == 0);
  const std::string data = (w / "set").string();
  fs::create_directory(w / "elsewhere");
  const auto from_there = [&](const std::string& command) { return Program(built("bin/lamina"), split(command), w / "elsewhere").wait(); };
  check_error(from_there("report ../runs/a"), 6, {"elsewhere/set: there is no such data set", "report ../runs/a --data", data});
  CHECK(from_there("report ../runs/a --data " + data).code == 0);
  // The run of the same name is not its data set.
  REQUIRE(w.lamina("train set --quiet" + kSmall).code == 0);
  fs::rename(w / "set", w / "moved");
  check_error(w.lamina("report runs/set"), 6, {"set: there is no such data set", "report runs/set --data DATA"});
}
