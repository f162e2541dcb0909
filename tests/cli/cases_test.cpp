// The real program on data sets as users have them: what it says, recommends and writes.
#include <doctest/doctest.h>

#include "support/data_folder.hpp"
#include "support/formats.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;
namespace fs = std::filesystem;

TEST_CASE("predictions of 0/255 masks are 0/255 masks: they may stand beside the originals") {
  const Workshop w(1);
  write_quarters(w / "set", 255);
  REQUIRE(w.lamina("train set --out run --quiet" + kSmall).code == 0);
  REQUIRE(w.lamina("predict run set/images/im0.png set/images/im1.png --out out --quiet").code == 0);
  for (const char* name : {"im0.png", "im1.png"}) {
    const auto values = data::read_raster(w / (std::string("out/masks/") + name)).samples;
    for (const std::uint8_t v : values) CHECK((v == 0 || v == 255));
    fs::copy_file(w / (std::string("out/masks/") + name), w / (std::string("set/masks/") + name), fs::copy_options::overwrite_existing);
  }
  const json after = json::parse(w.lamina("check set --json").out);
  CHECK(after.at("ok") == true);
  CHECK(after.at("encoding") == "binary");
  CHECK(w.lamina("train set --out run2 --quiet" + kSmall).code == 0);
}

TEST_CASE("predictions lie on the pixels that the data set's masks are drawn on: those that are stored") {
  const Workshop w(1);
  write_quarters(w / "set", 1);
  for (int i = 0; i < 6; ++i) {  // a quarter turn and half of one, each with the mask of what is stored
    const fs::path photo = w / ("set/images/im" + std::to_string(i) + ".png");
    io::write_file_atomically(photo, oriented(io::read_file(photo), i % 2 ? 6 : 3));
  }
  io::write_file_atomically(w / "set/dataset.json", R"({"mask_frame": "stored"})");
  REQUIRE(w.lamina("train set --out run --quiet --base 4 --depth 1 --size 32 --batch 2 --lr 2e-2 --epochs 30").code == 0);
  REQUIRE(w.lamina("predict run set/images --out out --quiet --overlay error --masks set/masks").code == 0);
  int marked = 0, right = 0;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "/im" + std::to_string(i) + ".png";
    const data::Raster said = data::read_raster(w / ("out/masks" + name)), truth = data::read_raster(w / ("set/masks" + name));
    REQUIRE(said.width == truth.width);
    for (std::size_t p = 0; p < truth.samples.size(); ++p) marked += truth.samples[p] == 255, right += truth.samples[p] && said.samples[p];
    const data::Image photo = data::read_image(w / ("set/images" + name)), overlay = data::read_image(w / ("out/overlays" + name));
    CHECK(overlay.width == photo.width);  // drawn on what is seen
  }
  CHECK(marked == 0);  // index masks
  CHECK(right > 6 * 12 * 16 * 8 / 10);
  fs::copy_file(w / "out/masks/im1.png", w / "set/masks/im1.png", fs::copy_options::overwrite_existing);
  const json after = json::parse(w.lamina("check set --json").out);
  CHECK(after.at("ok") == true);
}

TEST_CASE("a folder of masks a class: predictions are such folders, and may stand beside the originals") {
  const Workshop w(1);
  write_quarters(w / "set", 255);
  fs::rename(w / "set/masks", w / "quarters");
  fs::create_directories(w / "set/masks/lower");
  fs::rename(w / "quarters", w / "set/masks/quarter");
  for (int i = 0; i < 6; ++i) {
    data::LabelImage lower(32, 24);
    for (int y = 18; y < 24; ++y)
      for (int x = 0; x < 32; ++x) lower.at(x, y) = 255;
    data::write_png(w / ("set/masks/lower/im" + std::to_string(i) + ".png"), lower);
  }
  io::write_file_atomically(w / "set/dataset.json", R"({"labels": {"quarter": 0, "lower": 1, "background": 2}})");
  CHECK(w.lamina("check set").out.find("a folder of masks a class: quarter, lower, elsewhere background") != std::string::npos);
  REQUIRE(w.lamina("train set --out run --quiet --base 4 --depth 1 --size 32 --batch 2 --lr 2e-2 --epochs 20").code == 0);
  REQUIRE(w.lamina("predict run set/images --out out --quiet --overlay error --masks set/masks").code == 0);
  int right = 0;
  for (int i = 0; i < 6; ++i)
    for (const char* name : {"quarter", "lower"}) {
      const std::string file = std::string("/") + name + "/im" + std::to_string(i) + ".png";
      const data::Raster said = data::read_raster(w / ("out/masks" + file)), truth = data::read_raster(w / ("set/masks" + file));
      for (std::size_t p = 0; p < truth.samples.size(); ++p) right += truth.samples[p] && truth.samples[p] == said.samples[p];
      if (i < 2) fs::copy_file(w / ("out/masks" + file), w / ("set/masks" + file), fs::copy_options::overwrite_existing);
    }
  CHECK(right > 6 * 12 * (16 + 16) * 8 / 10);
  CHECK(json::parse(w.lamina("check set --json").out).at("ok") == true);
}

TEST_CASE("--config: a run's masks are not those that predict compares with; TOML of Windows; what is no number") {
  const Workshop w;
  CHECK(w.lamina("train data --out run --quiet" + kSmall).code == 0);
  const Result r = w.lamina("predict run data/images --config run/config.json --out out --quiet");
  CHECK_MESSAGE(r.code == 0, r.err);
  io::write_file_atomically(w / "t", "\xef\xbb\xbf[train]\nepochs = 1\n");
  CHECK(w.lamina("train data --config t --out run2 --quiet --base 2 --depth 1 --size 16").code == 0);
  CHECK(json::parse(w.read("run2/config.json")).at("epochs") == 1);
  io::write_file_atomically(w / "t", "[train]\nepochs = \"three\"\n");
  check_error(w.lamina("train data --config t --out run3"), 2, {"--config t line 2: --epochs: \"three\" is no number"});
  check_error(w.lamina("train data --epochs three --out run3"), 2, {"lamina: --epochs: \"three\" is no number"});
}

TEST_CASE("check ends with a command that trains as it stands, and writes a dataset.json to start from") {
  const Workshop w(1);
  write_quarters(w / "set", 1, 8);
  const Result r = w.lamina("check set");
  REQUIRE(r.code == 0);
  const std::string line = r.out.substr(r.out.find("\n  lamina train set ") + 3);
  const std::string command = line.substr(7, line.find('\n') - 7);
  CHECK(command == "train set --size 32x32 --resize stretch --loss ce+dice --class-weights enet");
  const json j = json::parse(w.lamina("check set --json").out);
  CHECK(j.at("command") == "lamina " + command);
  for (const char* option : {"--size", "--resize", "--loss", "--class-weights"}) {
    CHECK_FALSE(j.at("recommended").at(option).at("reason").get<std::string>().empty());
    CHECK(r.out.find(std::string("\n  ") + option + " " + j.at("recommended").at(option).at("value").get<std::string>() + ": ") !=
          std::string::npos);
  }
  CHECK(j.at("recommended").at("--class-weights").at("reason") ==
        "'class 1', the rarest class, has 25.00 % of the training pixels, the most frequent 75.00 %: weights let it count more, the rarer "
        "the "
        "more");
  CHECK(j.at("class_weights").at("balanced") == json{24 * 32 / (2 * 576.0), 24 * 32 / (2 * 192.0)});
  for (std::size_t begin = 0, end; begin < r.out.size(); begin = end + 1) {
    end = r.out.find('\n', begin);
    CHECK(end - begin <= 100);
  }
  CHECK(w.lamina(command + " --out run --quiet --epochs 1 --base 2 --depth 2").code == 0);

  CHECK(w.lamina("check set --write-dataset-json --background none").code == 0);
  const json written = json::parse(w.read("set/dataset.json"));
  CHECK(written.at("labels") == json{{"class 0", 0}, {"class 1", 1}});
  CHECK(written.at("roles").at("background") == json::array());
  CHECK(written.at("encoding") == "index");
  const Result again = w.lamina("check set");
  CHECK(again.code == 0);
  CHECK(again.out.find("background: no class is, because \"roles\" say so") != std::string::npos);
  check_error(w.lamina("check set --write-dataset-json"), 2, {"dataset.json exists already"});
}

TEST_CASE("a rare class is weighted; proportions that differ are padded") {
  const Workshop w(1);
  for (const char* sub : {"images", "masks"}) io::create_folders(w / "set" / sub);
  for (int i = 0; i < 6; ++i) {
    const int width = i % 2 ? 100 : 60;
    data::LabelImage mask(width, 60);
    mask.at(5, 5) = 1;
    data::write_png(w / ("set/images/" + std::to_string(i) + ".png"), data::Image(width, 60, 3, static_cast<std::uint8_t>(i)));
    data::write_png(w / ("set/masks/" + std::to_string(i) + ".png"), mask);
  }
  const json j = json::parse(w.lamina("check set --json").out);
  CHECK(j.at("recommended").at("--class-weights").at("value") == "enet");
  CHECK(j.at("recommended").at("--class-weights").at("reason").get<std::string>().find("'class 1'") == 0);
  CHECK(j.at("recommended").at("--resize").at("value") == "pad");
  // In large photographs it would vanish: crops, a third of them with it.
  for (const char* sub : {"images", "masks"}) io::create_folders(w / "large" / sub);
  for (const char* name : {"a.png", "b.png"}) {
    data::LabelImage mask(1100, 1024);
    for (int k = 0; k < 40; ++k) mask.at(700 + k, 500) = 1;
    data::write_png(w / "large/images" / name, data::Image(1100, 1024, 3, static_cast<std::uint8_t>(*name)));
    data::write_png(w / "large/masks" / name, mask);
  }
  const json large = json::parse(w.lamina("check large --json").out);
  CHECK(large.at("command") ==
        "lamina train large --size 512x512 --resize crop --crop-foreground 0.33 --loss ce+dice --class-weights enet");
  // Of five pixels in a photograph that is hardly larger nothing would be left, either.
  for (const char* name : {"a.png", "b.png"}) {
    data::LabelImage mask(640, 400);
    for (int k = 0; k < 25; ++k) mask.at(300 + k % 5, 200 + k / 5) = 1;
    data::write_png(w / "large/images" / name, data::Image(640, 400, 3, static_cast<std::uint8_t>(*name)));
    data::write_png(w / "large/masks" / name, mask);
  }
  CHECK(w.lamina("check large").out.find("--size 400x400 --resize crop --crop-foreground 0.33") != std::string::npos);
}

TEST_CASE("which class is the background stands in the first lines of check and train; without one all classes choose the epoch") {
  const Workshop w(1);
  write_quarters(w / "set", 1);
  io::write_file_atomically(w / "set/dataset.json", R"({"labels": {"Sky": 0, "Road": 1}})");
  const std::string none = "background: no class is, because nothing says which one is (--background NAME does)";
  CHECK(w.lamina("check set").out.find(none) != std::string::npos);
  const Result r = w.lamina("train set --out run" + kSmall);
  REQUIRE(r.code == 0);
  CHECK(r.err.find(none) < r.err.find("epoch 1"));
  CHECK(r.out.find("macro Dice") != std::string::npos);
  CHECK(w.read("run/report.html").find("mean over the classes)") != std::string::npos);
  const Result chosen = w.lamina("train set --out run2 --background Sky" + kSmall);
  REQUIRE(chosen.code == 0);
  CHECK(chosen.err.find("background: 'Sky', because --background says so") < chosen.err.find("epoch 1"));
  CHECK(chosen.out.find("foreground Dice") != std::string::npos);
  CHECK(w.lamina("evaluate run set").out.find("macro foreground") == std::string::npos);
  CHECK(w.lamina("evaluate run2 set").out.find("macro foreground") != std::string::npos);
  check_error(w.lamina("train set --out run2" + kSmall), 2, {"background", "Sky"});
  check_error(w.lamina("train set --out run3 --background Sea" + kSmall), 3, {"--background Sea is no label", "Sky, Road"});
}

TEST_CASE("a batch of one that cannot be trained on is merged, or told before training starts") {
  const Workshop w(1);
  write_quarters(w / "set", 1, 5);
  io::write_file_atomically(w / "set/train.txt", "im0\nim1\nim2\nim3\nim4\n");
  const std::string deep = "train set --out run --base 2 --depth 3 --epochs 1 ";
  const Result merged = w.lamina(deep + "--size 8 --batch 4");
  CHECK_MESSAGE(merged.code == 0, merged.err);
  CHECK(w.read("run/log.txt").find("last image joins the batch before it") != std::string::npos);
  fs::remove_all(w / "run");
  check_error(w.lamina(deep + "--size 8 --batch 1"), 2, {"--size", "--depth", "--batch"});
  CHECK_FALSE(fs::exists(w / "run"));
  CHECK(w.lamina(deep + "--size 16 --batch 1").code == 0);
}

TEST_CASE("data sets that cannot be trained on: the same exit code from check and train") {
  const Workshop w(1);
  write_quarters(w / "one", 0);
  io::write_file_atomically(w / "one/dataset.json", R"({"labels": {"only": 0}})");
  write_quarters(w / "empty", 1);
  io::write_file_atomically(w / "empty/train.txt", "");
  io::write_file_atomically(w / "empty/val.txt", "im0\nim1\n");
  for (const auto& [set, words] : {std::pair{"one", "there is one label, 'only'"}, {"empty", "empty/train.txt lists nothing\n"}}) {
    const Result checked = w.lamina(message("check ", set));
    CHECK(checked.code == 3);
    CHECK(checked.out.find(words) != std::string::npos);
    check_error(w.lamina(message("train ", set, " --out run", kSmall)), 3, {words});
  }
}

TEST_CASE("train warns of photographs that are in two splits") {
  const Workshop w(1);
  write_quarters(w / "set", 1);
  fs::copy_file(w / "set/images/im0.png", w / "set/images/im5.png", fs::copy_options::overwrite_existing);
  io::write_file_atomically(w / "set/train.txt", "im0\nim1\nim2\nim3\n");
  io::write_file_atomically(w / "set/val.txt", "im4\nim5\n");
  const Result r = w.lamina("train set --out run" + kSmall);
  CHECK(r.code == 0);
  CHECK(r.err.find("im0.png (train) and set/images/im5.png (val) are the same file") != std::string::npos);
  CHECK(w.read("run/log.txt").find("im5.png (val) are the same file") != std::string::npos);
  CHECK(w.lamina("check set").code == 3);
}

TEST_CASE("file names that are no UTF-8: results stay JSON") {
  const Workshop w(1);
  write_quarters(w / "gr\xfc\xdf"
                     "e",
                 1);
  for (const char* part : {"images", "masks"})
    fs::rename(w /
                   "gr\xfc\xdf"
                   "e" /
                   part / "im0.png",
               w /
                   "gr\xfc\xdf"
                   "e" /
                   part / "\xe4.png");
  const std::string set =
      "gr\xfc\xdf"
      "e";
  const auto parsed = [&](const std::string& command) {
    const Result r = w.lamina(command);
    CHECK_MESSAGE(r.code == 0, r.err);
    return json::parse(r.out);
  };
  CHECK(parsed("check " + set + " --json").at("ok") == true);
  const std::string train = "train " + set + " --out r\xfcn --json --quiet" + kSmall;
  CHECK(parsed(train).at("epochs") == 3);
  CHECK(parsed(train).at("epochs") == 3);  // the same run
  CHECK(parsed("evaluate r\xfcn " + set + " --json --quiet").contains("dice"));
  CHECK(parsed("predict r\xfcn " + set + "/images/\xe4.png --out o\xfct --json --quiet").size() == 1);
  CHECK(fs::exists(w / "o\xfct/masks/\xe4.png"));
  CHECK(parsed("info r\xfcn --json").contains("parameters"));
  CHECK(json::parse(w.read("r\xfcn/config.json")).contains("size"));
}

TEST_CASE("a run that diverges says learning rate first, and names no checkpoint that was never written") {
  const Workshop w(1);
  write_quarters(w / "set", 1);
  const std::string train = "train set --base 2 --depth 2 --size 32 --batch 2 --optimizer sgd --schedule constant";
  const Result r = w.lamina(train + " --out run --lr 1e30");
  check_error(r, 4, {"the learning rate 1e+30 is too high", "no weights were saved."});
  CHECK(r.err.find("learning rate") < r.err.find("is nan") + r.err.find("is -nan"));
  CHECK(r.err.find(".safetensors") == std::string::npos);
  CHECK_FALSE(fs::exists(w / "run/weights/last.safetensors"));
}

TEST_CASE("results never land in a data set") {
  const Workshop w(1);
  write_quarters(w / "set", 1);
  fs::rename(w / "set/images", w / "set/photos");
  const auto listing = [&] {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(w / "set")) names.push_back(entry.path().string());
    std::sort(names.begin(), names.end());
    return names;
  };
  const auto before = listing();
  const std::string train = "train set --images photos" + kSmall + " --out ";
  for (const char* out : {"set", "set/", "set/photos", "set/masks", "set/../set"}) check_error(w.lamina(train + out), 2, {"--out"});
  fs::rename(w / "set/photos", w / "set/images");
  for (const char* out : {"set", "set/images", "set/masks/run"}) {
    check_error(w.lamina("train set" + kSmall + " --out " + out), 2, {"--out"});
    check_error(w.lamina(message("phantom skin ", out, " --count 3 --size 16")), 2, {});
  }
  for (const char* out : {"set/run", "."}) check_error(w.lamina("train set" + kSmall + " --out " + out), 2, {"--out", "the data set set"});
  CHECK(w.lamina("train set --out run --quiet" + kSmall).code == 0);
  for (const char* out : {"set", "set/images", "set/masks/x"})
    check_error(w.lamina(message("predict run set/images --out ", out)), 2, {"--out"});
  check_error(w.lamina("evaluate run set --out set/masks/ev"), 2, {"--out set/masks/ev", "the data set set", "such as --out ev"});
  for (const char* verb : {"evaluate run set --out ", "predict run set/images --out ", "report run run --out ", "study set --out ",
                           "colorize train set/images --out ", "augment set ", "phantom skin ", "import instances data "})
    for (const char* out : {"set/new", "set/images/new"}) {
      CAPTURE(verb);
      check_error(w.lamina(std::string(verb) + out), 2, {out, "the data set", "choose another place, such as "});
    }
  io::create_folders(w / "photos");
  fs::copy(w / "set/images/im0.png", w / "photos/im0.png");
  check_error(w.lamina("colorize train photos --out photos/run"), 2, {"--out photos/run", "the data set photos", "such as --out run"});
  check_error(w.lamina("import instances photos photos/new"), 2, {"is in SOURCE photos", "photos-imported"});
  fs::rename(w / "set/images", w / "set/photos");
  CHECK(listing() == before);
}

TEST_CASE("a photograph or a mask that is a link to itself is named, by check, train and predict") {
  for (const std::string kind : {"images", "masks"}) {
    const Workshop w(1);
    write_quarters(w / "set", 1);
    fs::remove(w / ("set/" + kind + "/im0.png"));
    fs::create_symlink("im0.png", w / ("set/" + kind + "/im0.png"));
    const Result checked = w.lamina("check set");
    CHECK(checked.code == 3);
    CHECK(checked.out.find("set/" + kind + "/im0.png cannot be read") != std::string::npos);
    check_error(w.lamina("train set --out run --quiet" + kSmall), 3, {"im0.png cannot be read"});
    REQUIRE(w.lamina("train data --out run --quiet" + kSmall).code == 0);
    if (kind == "images") check_error(w.lamina("predict run set/images --out p"), 3, {"im0.png", "1 of 6 photographs"});
    if (kind == "images") check_error(w.lamina("predict run set/images/im0.png --out p"), 3, {"lamina: set/images/im0.png cannot be read"});
  }
  const Workshop w(1);
  io::create_folders(w / "set");
  fs::create_symlink("images", w / "set/images");
  check_error(w.lamina("train set --out run"), 3, {"set/images"});
}

TEST_CASE("a run that is started inside its data lies beside it, and advice on other classes works as it stands") {
  const Workshop w(1);
  write_quarters(w / "lab/set", 1);
  const Result r = Program(lamina_program(), fields("train . --quiet" + kSmall, ' '), w / "lab/set").wait();
  REQUIRE_MESSAGE(r.code == 0, r.err);
  CHECK(fs::exists(w / "lab/runs/set/weights/last.safetensors"));
  REQUIRE(w.lamina("train lab/set --out run --quiet" + kSmall).code == 0);
  io::write_file_atomically(w / "lab/set/dataset.json", R"({"labels": {"skin": 0, "wound": 1}})");
  const std::string said = w.lamina("evaluate run lab/set").err;
  const std::size_t begin = said.find("train lab/set --from run");
  REQUIRE_MESSAGE(begin != std::string::npos, said);
  const std::string typed = said.substr(begin, said.find('\n', begin) - begin);
  const Result again = w.lamina(typed + " --quiet --size 32 --epochs 1");
  CHECK_MESSAGE(again.code == 0, again.err);
}
