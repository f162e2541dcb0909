// lamina colorize, as a person types it.
#include "lamina/data/image.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("colorize train, the same command again, and predict") {
  const Workshop w;
  const std::string train =
      "colorize train data data/images --out run --base 2 --depth 1 --size 16 --discriminator-base 4 "
      "--discriminator-layers 1 --epochs 2 --epoch-steps 2 --batch 2 --held-out 2 --json";
  const Result first = w.lamina(train);
  REQUIRE_MESSAGE(first.code == 0, first.err);
  const auto result = nlohmann::json::parse(first.out);
  CHECK(result.at("steps") == 4);
  for (const char* number : {"g_loss", "d_accuracy", "val_l1", "val_l1_gray", "colorfulness"}) CHECK(result.contains(number));
  CHECK(first.err.find("data set of") != std::string::npos);
  CHECK(first.err.find("g_loss") != std::string::npos);
  for (const std::string& line : fields(first.err, '\n')) CHECK_MESSAGE(line.size() <= 100, line);
  CHECK(first.err.find("equilibrium 0.250") != std::string::npos);
  const Result again = w.lamina(train);
  CHECK(again.code == 0);
  CHECK(again.err.find("the run is finished") != std::string::npos);
  check_error(w.lamina(train + " --gan-loss vanilla"), 2, {"other settings", "gan_loss"});

  const Result colored = w.lamina("colorize predict run data/images --out colored");
  REQUIRE_MESSAGE(colored.code == 0, colored.err);
  const auto files = fields(colored.out, '\n');
  CHECK(files.size() == 10);
  const data::Image photo = data::read_image(w / files.at(0));
  CHECK(photo.width == 32);
  CHECK(photo.channels == 3);
  check_error(w.lamina("colorize predict run data/images --out data/images"), 2, {"would overwrite it"});
  check_error(w.lamina("colorize predict run data/images --out data"), 2, {"is a data set"});
  check_error(w.lamina("predict run data/images --out masks"), 3, {"colorize"});
  check_error(w.lamina("train data --out run" + kSmall), 3, {"run"});

  const Result told = w.lamina("info run --json");
  REQUIRE_MESSAGE(told.code == 0, told.err);
  CHECK(nlohmann::json::parse(told.out).at("size") == "16x16");
  const Result timed = w.lamina("bench --profile run --repeats 1 --json");
  REQUIRE_MESSAGE(timed.code == 0, timed.err);
  CHECK(nlohmann::json::parse(timed.out).at("size") == "16x16");
}

TEST_CASE("colorize: photographs of 16 bits are learned from and colored as those of 8 bits, gray ones only colored") {
  const Workshop w;
  for (const char* folder : {"eight", "deep", "gray", "deep_gray"}) io::create_folders(w / folder);
  const auto write = [&](const std::string& path, const char* kind, const data::Image& image, bool deep) {
    std::string pnm = message(kind, "\n", image.width, " ", image.height, deep ? "\n65535\n" : "\n255\n");
    for (const std::uint8_t v : image.pixels) pnm += std::string(deep ? 2 : 1, static_cast<char>(v));  // 257 * v
    io::write_file_atomically(w / path, pnm);
  };
  for (int i = 0; i < 4; ++i) {
    data::Image colors(20, 18, 3), gray(20, 18, 1);
    for (std::size_t p = 0; p < colors.pixels.size(); ++p)
      colors.pixels[p] = static_cast<std::uint8_t>(p * static_cast<std::size_t>(37 + i));
    for (std::size_t p = 0; p < gray.pixels.size(); ++p) gray.pixels[p] = static_cast<std::uint8_t>(p / 2);
    const std::string name = "/" + std::to_string(i) + ".ppm";
    write("eight" + name, "P6", colors, false), write("deep" + name, "P6", colors, true);
    write("gray" + name, "P5", gray, false), write("deep_gray" + name, "P5", gray, true);
  }
  const std::string options =
      " --base 2 --depth 1 --size 16 --discriminator-base 4 --discriminator-layers 1 --epochs 2 --batch 2 --held-out 1 --quiet --out ";
  for (const std::string photos : {"eight", "deep"}) {
    const Result trained = w.lamina("colorize train " + photos + options + photos + "_run");
    REQUIRE_MESSAGE(trained.code == 0, trained.err);
  }
  CHECK(metrics_without_times(w / "eight_run") == metrics_without_times(w / "deep_run"));
  for (const char* photos : {"gray", "deep_gray"})
    check_error(w.lamina("colorize train " + std::string(photos) + options + "no_run"), 3, {photos, "gray: there are no colors to learn"});
  for (const std::string photos : {"eight", "deep", "gray", "deep_gray"})
    REQUIRE(w.lamina("colorize predict eight_run " + photos + " --quiet --out colored_" + photos).code == 0);
  for (const std::string& photos : {std::string("eight"), std::string("gray")}) {
    const data::Image colored = data::read_image(w / ("colored_" + photos) / "2.png");
    CHECK(colored.channels == 3);
    CHECK(colored.pixels == data::read_image(w / ("colored_deep" + (photos == "gray" ? "_gray" : std::string())) / "2.png").pixels);
  }
}

TEST_CASE("colorize: what is misspelt or not there is named") {
  const Workshop w;
  check_error(w.lamina("colorize"), 2, {"name a verb", "train", "predict"});
  check_error(w.lamina("colorize trian data"), 2, {"unknown verb trian", "did you mean \"train\"?"});
  check_error(w.lamina("colorize train data --discriminator-bas 3"), 2, {"unknown option --discriminator-bas", "--discriminator-base"});
  check_error(w.lamina("colorize train nowhere --out run"), 3, {"nowhere", "no such file or folder"});
  check_error(w.lamina("colorize train data --out run --size 8 --base 2"), 2, {"--size 8x8"});
  check_error(w.lamina("colorize predict data data/images --out colored"), 3, {"data"});
}

TEST_CASE("colorize: README's commands fit each other, as do those of a report; a segmenter that does not is told the options") {
  const Workshop w;
  std::filesystem::rename(w / "data", w / "skin");
  std::string train, transfer;
  for (const std::string& line : lines(std::filesystem::path(LAMINA_SOURCE_DIR) / "README.md")) {
    if (line.starts_with("lamina colorize train skin")) train = line.substr(7);
    if (line.starts_with("lamina train skin --from")) transfer = line.substr(7);
  }
  const Result pair = w.lamina(train + " --size 33 --batch 2 --epochs 1 --epoch-steps 1 --held-out 2 --discriminator-layers 1 --quiet");
  REQUIRE_MESSAGE(pair.code == 0, pair.err);
  const std::string few = " --size 33 --batch 2 --steps 1 --quiet";
  const Result segmenter = w.lamina(transfer + few);
  CHECK_MESSAGE(segmenter.code == 0, segmenter.err);
  const std::string next = w.read("runs/color/next_steps.txt"), command = "train DATA --from";
  CHECK(w.read("runs/color/report.html").find(command) != std::string::npos);
  const std::size_t begin = next.find(command);
  REQUIRE(begin != std::string::npos);
  std::string typed = next.substr(begin, next.find('\n', begin) - begin);
  typed.replace(typed.find("DATA"), 4, "skin");
  const Result again = w.lamina(typed + " --out again" + few);
  CHECK_MESSAGE(again.code == 0, again.err);
  check_error(w.lamina("train skin --from runs/color --out no" + few), 3,
              {"runs/color", "its network is --model deeplabv3plus --preset small: give these options"});
  check_error(w.lamina("colorize train skin --last-stride 2"), 2, {"unknown option --last-stride"});
}
