// Runs the real program.
#include "lamina/config.hpp"
#include "lamina/data/image.hpp"
#include "lamina/io/npy.hpp"
#include "support/op_check.hpp"
#include "support/sanitized.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;
namespace fs = std::filesystem;

TEST_CASE("check, train, evaluate, predict, info: what scripts rely on") {
  const Workshop w;
  CHECK(json::parse(w.lamina("check data --json").out).is_object());
  CHECK(json::parse(w.lamina("phantom skin a\"b --count 1 --size 32 --json").out).at("out") == "a\"b");
  const Result trained = w.lamina("train data --out run --json --quiet" + kSmall);
  CHECK_MESSAGE(trained.code == 0, trained.err);
  CHECK(trained.err.empty());
  const json summary = json::parse(trained.out);
  CHECK(summary.at("epochs") == 3);
  CHECK(fs::exists(w / summary.at("report").get<std::string>()));

  const Result scored = w.lamina("evaluate run data --split val --json --quiet");
  CHECK(scored.err.empty());
  const json scores = json::parse(scored.out);
  for (const char* kind : {"dice", "iou", "precision", "recall", "specificity"}) {
    CHECK(scores.at(kind).at("per_class").size() == 9);
    for (const char* mean : {"macro", "macro_foreground", "micro"}) CHECK(scores.at(kind).contains(mean));
  }
  CHECK(scores.at("accuracy").is_number());
  CHECK(scores.at("confusion").size() == 9);
  CHECK(scores.at("confusion").at(0).size() == 9);
  CHECK(scores.at("dice").at("macro_foreground").get<double>() == doctest::Approx(summary.at("best_score").get<double>()));
  CHECK(w.lamina("evaluate run data").out.find("always the most frequent class") != std::string::npos);
  CHECK(w.lamina("evaluate run data --split test --original-size").code == 0);

  const json about = json::parse(w.lamina("info run --json").out);
  CHECK(about.at("epoch") == summary.at("best_epoch"));
  // The other presets' counts are checked in tests/models.
  for (const auto& [preset, parameters] :
       {std::pair{"keras --channels 1 --classes 1", 31031685}, {"retina-shallow --channels 1 --classes 3", 3111139}}) {
    const json network = json::parse(w.lamina(std::string("info --model unet --size 32 --json --preset ") + preset).out);
    CHECK(network.at("parameters") == parameters);
    CHECK(network.at("macs") > 0);
    CHECK(network.at("layers") > 0);
  }
  CHECK(w.lamina("doctor").out.find("instruction set") != std::string::npos);
  const json machine = json::parse(w.lamina("doctor --json").out);
  CHECK(machine.contains("image formats"));
  const std::string decoders = machine.at("decoders");
  CHECK(decoders.starts_with("libpng 1."));
  CHECK(decoders.find(", libjpeg") != std::string::npos);
  CHECK((decoders.find("libtiff ") != std::string::npos) ==
        (machine.at("image formats").get<std::string>().find("tiff") != std::string::npos));
  CHECK(decoders.find('\n') == std::string::npos);
}

TEST_CASE("evaluate scores the split that the run was validated on, whatever its seed") {
  const Workshop w;
  for (const char* list : {"train.txt", "val.txt", "test.txt"}) fs::remove(w / "data" / list);
  CHECK(w.lamina("train data --out run --quiet --seed 5" + kSmall).code == 0);
  const json scores = json::parse(w.lamina("evaluate run data --json").out), run = json::parse(w.lamina("info run --json").out);
  CHECK(scores.at("dice").at("macro_foreground").get<double>() == doctest::Approx(run.at("best_score").get<double>()));
}

TEST_CASE("usage errors: exit code 2, the nearest name, nothing written") {
  const Workshop w;
  check_error(w.lamina("train data --epoch 3"), 2, {"--epoch", "did you mean \"--epochs\"?"});
  check_error(w.lamina("train data --quite"), 2, {"did you mean \"--quiet\"?"});
  check_error(w.lamina("evaluate run data --splitt=val"), 2, {"did you mean \"--split\"?"});
  check_error(w.lamina("trian data"), 2, {"did you mean \"train\"?"});
  check_error(w.lamina(""), 2, {"train", "predict"});
  check_error(w.lamina("train"), 2, {"DATA"});
  check_error(w.lamina("train data --epochs many"), 2, {"--epochs", "many"});
  check_error(w.lamina("train data --epochs -1"), 2, {"--epochs -1"});
  check_error(w.lamina("train data --epochs 1 --epochs 2"), 2, {"--epochs takes one value and can be given once"});
  check_error(w.lamina("train data --size 32y32"), 2, {"32y32", "WxH"});
  // Settings are read before data, which can take long: there is none here.
  check_error(w.lamina("train none --optimizer adan"), 2, {"did you mean \"adam\""});
  check_error(w.lamina("train none --loss ce+dise"), 2, {"did you mean \"dice\""});
  check_error(w.lamina("train none --schedule cosin"), 2, {"did you mean \"cosine\""});
  check_error(w.lamina("train none --resize strech"), 2, {"stretch"});
  check_error(w.lamina("train none --augment hfilp"), 2, {"hflip"});
  check_error(w.lamina("train none --precision bf16"), 2, {"--device cuda"});
  check_error(w.lamina("train none --model unett"), 2, {"did you mean \"unet\""});
  check_error(w.lamina("train none --preset kers"), 2, {"did you mean \"keras\"", "smp"});
  check_error(w.lamina("train none --depth 9"), 2, {"depth 9"});
  check_error(w.lamina("train none --seed -1"), 2, {"--seed", "-1"});
  check_error(w.lamina("train none --clip-norm -1"), 2, {"--clip-norm -1", "at least 0"});
  check_error(w.lamina("train none --weight-decay nan"), 2, {"--weight-decay nan", "not a number"});
  check_error(w.lamina("train none --optimizer sgd --momentum 2"), 2, {"momentum = 2"});
  check_error(w.lamina("train none --class-weights balancd"), 2, {"did you mean \"balanced\"", "auto", "1,4,2"});
  check_error(w.lamina("train none --class-weights 1e300,1"), 2, {"--class-weights", "\"1e300\" is not a weight"});
  check_error(w.lamina("train none --class-weights 1,-1"), 2, {"\"-1\" is not a weight"});
  for (const auto& [weights, first, fault] : {std::tuple{"nan", "nan", "not a number"},
                                              {"inf,1", "inf", "too large"},
                                              {"-inf", "-inf", "negative"},
                                              {"-2,1", "-2", "negative"},
                                              {"1,,2", "", "no number"}})
    for (const char* option : {"class", "positive"})
      check_error(w.lamina(message("train none --", option, "-weights ", weights)), 2,
                  {message("--", option, "-weights: \"", first, "\" is not a weight, a number from 0 to 1e30: it is ", fault)});
  check_error(w.lamina("train none --class-weights 0,0"), 2, {"every class weighs nothing"});
  check_error(w.lamina("train none --loss ce --absent-classes skip"), 2, {"--absent-classes skip", "\"ce\"", "+dice"});
  for (const char* verb : {"doctor", "check data --json", "info"})  // results that nobody can read are an error too
    if (!kSanitized)                                                // ThreadSanitizer's own signal handler ends a program at a file's limit
      check_error(w.lamina(verb, {.file_size = 0}, ErrorStream::pipe), 6, {"could not be written to the standard output"});
  check_error(w.lamina("train data --resume nver"), 2, {"auto", "never"});
  check_error(w.lamina("info --preset kers"), 2, {"keras"});
  for (const char* outside : {"train none --folds -1", "evaluate run data --tolerance -1", "evaluate run data --tolerance nan"}) {
    const Result r = w.lamina(outside);
    check_error(r, 2, {"is none of the numbers from 0 on"});
    CHECK_MESSAGE(r.err.size() < 200, r.err);
  }
  check_error(w.lamina("train none --folds abc"), 2, {"--folds", "\"abc\" is no number"});
  check_error(w.lamina("phantom skin out --withhold r0g1b2"), 2, {"--withhold r0g1b2", "no grades", "severity"});
  check_error(w.lamina("phantom skinn out"), 2, {"skin"});
  check_error(w.lamina("phantom skin data --count 3 --size 32"), 2, {"data is not empty (it has "});
  CHECK_FALSE(fs::exists(w / "runs"));
  CHECK(w.entries() == 1);
}

TEST_CASE("a --config file: used, overruled by the command line, unknown entries are errors") {
  const Workshop w;
  io::write_file_atomically(w / "c.toml", "[train]\nbase = 2\ndepth = 2\nsize = \"48x32\"\nepochs = 2\n[evaluate]\nsplit = \"test\"\n");
  CHECK(w.lamina("train data --config c.toml --epochs 1 --out run --quiet").code == 0);
  const json config = json::parse(w.read("run/config.json"));
  CHECK(config.at("base") == 2);
  CHECK(config.at("size") == "48x32");
  CHECK(config.at("epochs") == 1);
  CHECK(json::parse(w.lamina("evaluate run data --config c.toml --json").out).at("images") == lines(w / "data/test.txt").size());
  io::write_file_atomically(w / "wrong.toml", "[train]\nepoch = 2\n");
  check_error(w.lamina("train data --config wrong.toml --out other"), 2, {"wrong.toml", "train.epoch", "did you mean \"epochs\"?"});
  io::write_file_atomically(w / "wrong.toml", "epochs = 2\n");
  check_error(w.lamina("train data --config wrong.toml --out other"), 2, {"wrong.toml", "epochs; it belongs below", "[train]"});
  io::write_file_atomically(w / "wrong.json", "{\"epochs\": 3, \"lr\": }");
  check_error(w.lamina("train data --config wrong.json --out other"), 3, {"wrong.json"});
  io::write_file_atomically(w / "wrong.toml", "[trian]\nepochs = 2\n");
  check_error(w.lamina("train data --config wrong.toml --out other"), 2,
              {"wrong.toml line 1: [trian] is no verb; did you mean \"train\"?"});
  check_error(w.lamina("train data --config missing.toml --out other"), 2, {"missing.toml"});
  CHECK_FALSE(fs::exists(w / "other"));
}

TEST_CASE("errors of a --config file name the file, the line, the option and the rule") {
  const Workshop w;
  const auto refused = [&](const std::string& text, const char* told, const char* verb = "train data --out other") {
    io::write_file_atomically(w / "t.toml", text);
    check_error(w.lamina(std::string(verb) + " --config t.toml"), 2, {"--config t.toml", told});
    CHECK_FALSE(fs::exists(w / "other"));
  };
  refused("[train]\n\nepochs = [1, 2]\n", "t.toml line 3: 'epochs' is a list, and the option takes one value\n");
  refused("[train]\naugment = [\"hflip\", 'rotate=5']\n",
          "line 2: 'augment' is a list, and the option takes one value, such as \"hflip,rotate=5\" in quotes");
  refused("[train]\nlr = 1\nbatch = \"two\"\n", "t.toml line 3: --batch: \"two\" is no number");
  refused("[predict]\noverlap = 7\n", "t.toml line 2: --overlap: 7 is none of the numbers", "predict run a.png --out other");
  refused("[predict]\ntile = \"sometimes\"\n", "t.toml line 2: --tile: ", "predict run a.png --out other");
  refused("[evaluate]\noriginal-size = 3\n", "line 2: 'original-size' is true or false, not \"3\"", "evaluate run data");
  refused("[train]\nlr = 1\nlr = 2\n", "line 3: Error while parsing key-value pair: cannot redefine existing integer 'lr'");
  refused("[train]\nloss = ce, dice\n", "line 2: Error while parsing value: could not determine value type (TOML: NAME = VALUE below a");
  refused("[train]\nloss = {a = 1}\n", "line 2: [train.loss] is no verb");
  refused("[train]\nloss = 1979-05-27\n", "line 2: 'loss' takes text in quotes, numbers, true or false, or a list of these");
  io::write_file_atomically(w / "t.toml",
                            "# options\n[train]  # a verb\nbase = 2 # small\ndepth=2\nsize = '16'\nepochs = 1\n"
                            "out = \"run #1, \\\"a\\\" \\u00e9\"\n[predict]\nwith = [  # none\n]\n");
  CHECK(w.lamina("train data --config t.toml --quiet").code == 0);
  CHECK(fs::exists(w / "run #1, \"a\" \xc3\xa9/config.json"));
}

TEST_CASE("bad data: exit code 3, the file named") {
  const Workshop w;
  check_error(w.lamina("train nowhere"), 3, {"nowhere"});
  const Result missing = w.lamina("check nowhere");
  CHECK(missing.code == 3);
  CHECK((missing.out + missing.err).find("nowhere") != std::string::npos);
  truncate_file(w / "data/images/skin_0003.png", 0.6);
  check_error(w.lamina("train data --out run" + kSmall), 3, {"skin_0003.png"});
  check_error(w.lamina("check data"), 3, {});
  CHECK(w.lamina("check data").out.find("skin_0003.png") != std::string::npos);
  truncate_file(w / "data/masks/skin_0004.png", 0.5);
  check_error(w.lamina("train data --out run2" + kSmall), 3, {"skin_0004.png"});
}

TEST_CASE("predicted masks hold the values of the data set, so that they can be masks of it") {
  const Workshop w;
  json description = json::parse(w.read("data/dataset.json"));
  for (auto& [name, value] : description.at("labels").items()) value = 3 * value.get<int>() + 10;  // none of them a position
  io::write_file_atomically(w / "data/dataset.json", description.dump());
  for (const auto& entry : fs::directory_iterator(w / "data/masks")) {
    const data::Raster old = data::read_raster(entry.path());
    data::LabelImage mask(old.width, old.height);
    for (std::size_t i = 0; i < old.samples.size(); ++i) mask.labels[i] = static_cast<std::uint8_t>(3 * old.samples[i] + 10);
    data::write_png(entry.path(), mask);
  }
  CHECK(w.lamina("train data --out run --quiet" + kSmall).code == 0);
  CHECK(w.lamina("predict run data/images --out p").code == 0);
  fs::remove_all(w / "data/masks");
  fs::rename(w / "p/masks", w / "data/masks");
  const Result checked = w.lamina("check data");
  CHECK_MESSAGE(checked.code == 0, checked.out);
}

TEST_CASE("predict: original sizes, every output, damaged photographs, inputs never overwritten") {
  const Workshop w;
  CHECK(w.lamina("train data --out run --quiet" + kSmall).code == 0);
  small_phantom(w / "big", 3, 77, 53);
  fs::create_directories(w / "photos");
  fs::copy(w / "big/images", w / "photos");
  io::write_file_atomically(w / "photos/broken.png", "no image");
  for (const char* other : {"phone.heic", "phone.jxl"}) io::write_file_atomically(w / "photos" / other, "not read");
  check_error(w.lamina("predict run photos --out p"), 3, {"left out", "phone.heic and 1 more"});
  for (const std::string tile : {"never", "always"}) {
    const Result r = w.lamina("predict run photos --out p_" + tile + " --probabilities --tile " + tile + " --json --quiet");
    check_error(r, 3, {"broken.png"});
    const json done = json::parse(r.out);
    CHECK(done.size() == 3);
    for (const json& one : done) {
      const data::Raster mask = data::read_raster(w / one.at("mask").get<std::string>());
      CHECK(mask.width == 77);
      CHECK(mask.height == 53);
      CHECK(mask.palette.size() >= 9);
      const data::Image overlay = data::read_image(w / one.at("overlay").get<std::string>());
      CHECK(overlay.width == 77);
      const std::string stem = fs::path(one.at("image").get<std::string>()).stem().string();
      const Tensor p = io::read_npy(w / ("p_" + tile) / "probabilities" / (stem + ".npy"));
      REQUIRE(p.shape() == Shape{53, 77, 9});
      const auto v = p.to_vector<float>();
      double sum = 0;
      for (std::size_t k = 0; k < 9; ++k) sum += v[k];
      CHECK(sum == doctest::Approx(1).epsilon(1e-5));
    }
  }
  // Large photographs: said when whole ones lose details; refused with advice beyond a limit.
  data::write_png(w / "large.png", data::Image(400, 290, 3, 90));
  const Result whole = w.lamina("predict run large.png --out large --tile never"),
               tiled = w.lamina("predict run large.png --out large --tile always");
  CHECK(whole.code == 0);
  CHECK(tiled.code == 0);
  CHECK(doctest::String(whole.err.c_str()) == doctest::Contains("large.png: the network sees the whole photograph, 400x290 pixels, "));
  CHECK(doctest::String(whole.err.c_str()) == doctest::Contains("times smaller: details are lost; --tile always"));
  CHECK(tiled.err.find("smaller") == std::string::npos);
  fs::copy_file(w / "large.png", w / "again.png");
  const std::string both = w.lamina("predict run large.png again.png --out large --tile never").err;  // in full once, then counted
  CHECK(both.find("details are lost") == both.rfind("details are lost"));
  CHECK(both.find("warning: of 2 photographs the network saw") != std::string::npos);
  check_error(w.lamina("predict run large.png --out large --max-pixels 115999"), 3,
              {"400x290", "over the limit of 115999", "--max-pixels 116000"});
  CHECK(w.lamina("predict run large.png --out large --max-pixels 116000").code == 0);

  // A window as large as the photograph sees what the whole does.
  CHECK(w.lamina("predict run data/images/skin_0000.png --out whole --probabilities --tile never").code == 0);
  CHECK(w.lamina("predict run data/images/skin_0000.png --out tiled --probabilities --tile always").code == 0);
  CHECK(w.read("whole/masks/skin_0000.png") == w.read("tiled/masks/skin_0000.png"));

  const std::string truth = w.read("data/masks/skin_0000.png");
  check_error(w.lamina("predict run data/images --out data"), 2, {"data", "--out"});
  fs::create_directories(w / "own/masks");
  fs::copy(w / "data/images/skin_0000.png", w / "own/masks/photo.png");
  check_error(w.lamina("predict run own/masks --out own"), 2, {"photo.png would overwrite it"});
  CHECK(w.read("data/masks/skin_0000.png") == truth);
  fs::create_directories(w / "lab");
  fs::rename(w / "own/masks", w / "lab/photos");
  fs::create_directories(w / "lab/masks");
  io::write_file_atomically(w / "lab/masks/photo.png", truth);
  check_error(w.lamina("predict run lab/photos --out lab"), 2, {"lab/masks/photo.png is there already and not from an earlier predict"});
  CHECK(w.read("lab/masks/photo.png") == truth);
  CHECK(w.lamina("predict run data/images/skin_0000.png --out whole --tile never").code == 0);  // but a prediction may be repeated
  check_error(w.lamina("predict run missing.png --out p"), 3, {"missing.png"});
  check_error(w.lamina("predict data/images/skin_0000.png run --out p"), 3, {"skin_0000.png: neither a run folder nor a .safetensors"});
  check_error(w.lamina("predict data run --out p"), 3, {"data: not the folder of a training run"});
  check_error(w.lamina("evaluate norun data"), 3, {"norun: no such run folder"});
  check_error(w.lamina("info norun"), 3, {"norun: no such run folder"});
  fs::remove(w / "run/weights/best.safetensors");
  check_error(w.lamina("evaluate run data"), 3,
              {"best.safetensors is missing (the first validation writes it); the run has the weights last"});
  CHECK(json::parse(w.lamina("info run --json").out).at("checkpoint") == "run/weights/last.safetensors");
  for (const char* command : {"bench --profile run", "report run"}) CHECK_MESSAGE(w.lamina(command).code == 0, command);
  for (const char* which : {"last", "prev"}) fs::remove(w / ("run/weights/" + std::string(which) + ".safetensors"));
  for (const char* command : {"info run", "bench --profile run", "report run"})
    check_error(w.lamina(command), 3, {"it ended before it wrote any; train it again"});
}

TEST_CASE("odd settings train") {
  const Workshop w;
  int name = 0;
  auto trains = [&](const std::string& options) {
    const std::string out = "run" + std::to_string(name++);
    const Result r = w.lamina("train data --base 2 --depth 2 --quiet --out " + out + " " + options);
    CHECK_MESSAGE(r.code == 0, options << ": " << r.err);
    CHECK(r.err.empty());
    CHECK(fs::exists(w / out / "report.html"));
    return out;
  };
  for (const char* schedule : {"constant", "poly", "cosine", "onecycle", "plateau"})
    trains(std::string("--size 32 --epochs 2 --schedule ") + schedule);
  for (const char* optimizer : {"adam", "adamw", "sgd"})
    trains(std::string("--size 32 --epochs 2 --weight-decay 1e-3 --optimizer ") + optimizer);
  for (const char* size : {"48x32", "33x47", "5"}) trains(std::string("--epochs 1 --size ") + size);
  for (const char* resize : {"crop", "pad"}) trains(std::string("--epochs 2 --size 24x40 --resize ") + resize);
  for (const char* weights : {"balanced", "inverse", "median", "enet", "effective", "dice-volume", "1,2,3,4,5,6,7,8,9"})
    trains(std::string("--size 32 --epochs 1 --class-weights ") + weights);
  trains("--size 32 --epochs 1 --batch 64");
  trains("--size 32 --epochs 1 --loss 0.5*ce+2*dice --clip-norm 1 --augment none");
  const auto seven = lines(w / trains("--size 32 --steps 7 --batch 2") / "metrics.csv");  // 3 batches an epoch
  CHECK(seven.size() == 4);
  CHECK(fields(seven.back())[1] == "7");
  int validated = 0;
  for (const std::string& row : lines(w / trains("--size 32 --epochs 7 --val-every 3") / "metrics.csv"))
    validated += fields(row)[8] != "" && fields(row)[8] != "val_loss";
  CHECK(validated == 3);  // after epochs 3, 6 and 7
}

TEST_CASE("small and lopsided data sets train") {
  const Workshop w(3);
  auto trains = [&](const std::string& what, const std::string& data) {
    const Result r = w.lamina("train " + data + " --base 2 --depth 2 --size 32 --epochs 2 --quiet --out run_" + what);
    CHECK_MESSAGE(r.code == 0, what << ": " << r.err);
    CHECK(fs::exists(w / ("run_" + what) / "report.html"));
    return r.out;
  };
  io::write_file_atomically(w / "data/train.txt", "skin_0000\n");
  io::write_file_atomically(w / "data/val.txt", "skin_0001\n");
  io::write_file_atomically(w / "data/test.txt", "skin_0002\n");
  trains("one_image", "data");
  // A validation image without foreground, two classes.
  for (const auto& entry : fs::directory_iterator(w / "data/masks")) {
    data::LabelImage mask(32, 32);
    if (entry.path().stem() == "skin_0000")
      for (int i = 0; i < 300; ++i) mask.labels[static_cast<std::size_t>(i)] = 1;
    data::write_png(entry.path(), mask);
  }
  fs::remove(w / "data/dataset.json");
  trains("no_foreground", "data");
  fs::remove(w / "data/val.txt");
  trains("no_val_but_test", "data");
  CHECK(w.read("run_no_val_but_test/report.html").find("There is no val split: the weights are those of the last epoch") !=
        std::string::npos);
  fs::remove(w / "data/test.txt");
  const std::string out = trains("no_val", "data");
  CHECK(out.find("-1") == std::string::npos);
  CHECK(out.find("report") != std::string::npos);
  check_error(w.lamina("evaluate run_no_val data"), 3, {"val split is empty"});
  const auto steps = lines(w / "run_no_val/next_steps.txt");
  CHECK(w.lamina(steps.at(1).substr(steps.at(1).find(' ') + 1)).code == 0);
  const std::string report = w.read("run_no_val/report.html");
  CHECK(report.find("There is no val split") != std::string::npos);
  for (const char* empty : {"n/a", "Confusion matrix", "Validation scores"}) CHECK_MESSAGE(report.find(empty) == std::string::npos, empty);
}
