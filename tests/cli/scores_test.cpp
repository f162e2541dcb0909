// What the program says of a run whose every prediction is known.
#include <cmath>

#include "support/op_check.hpp"
#include "support/painted.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using data::Task;
using nlohmann::json;

namespace {

const std::vector<Picture> kTrain{{"t0", "00112233", "01232323"}, {"t1", "33221100", "00112233"}};
const std::vector<Picture> kVal{{"a", "00112233", "00112223"}, {"b", "00001111", "01111122"}, {"c", "2222222x", "22200001"}};
const std::vector<Picture> kTest{{"z", "33333333", "33333312"}};
const char* const kKinds[] = {"dice", "iou", "precision", "recall", "specificity"};

bool close(const json& got, double hand) { return std::isnan(hand) ? got.is_null() : std::abs(got.get<double>() - hand) < 1e-9; }

/// `neutral`: the outcome that foreground means leave out.
void check_scores(const json& got, const Counts& hand, std::size_t neutral) {
  CHECK(close(got.at("accuracy"), hand.accuracy()));
  for (std::size_t t = 0; t < hand.n.size(); ++t)
    for (std::size_t p = 0; p < hand.n.size(); ++p) CHECK(got.at("confusion").at(t).at(p) == hand.n[t][p]);
  for (const std::string kind : kKinds) {
    CAPTURE(kind);
    const json& scores = got.at(kind);
    for (std::size_t c = 0; c < hand.n.size(); ++c) CHECK(close(scores.at("per_class").at(c), hand.score(kind, c)));
    CHECK(close(scores.at("macro"), hand.mean(kind)));
    CHECK(close(scores.at("macro_foreground"), hand.mean(kind, neutral)));
    CHECK(close(scores.at("micro"), hand.micro(kind)));
    CHECK(close(scores.at("micro_foreground"), hand.micro(kind, neutral)));
  }
  CHECK(close(got.at("additive_dice"), hand.additive(neutral)));
}

}  // namespace

TEST_CASE("evaluate: every number of the JSON and of the table against counts by hand") {
  for (const auto& [task, neutral] : {std::pair{Task::multiclass, 2}, {Task::multilabel, 2}, {Task::ordinal, 0}}) {
    CAPTURE(name_of(task));
    const Workshop w(1);
    write_pictures(w / "set", task, kTrain, kVal, kTest);
    auto config = still(w / "set", w / "run");
    config.resize = "pad";  // what is added around the picture counts nowhere
    config.height = 6;
    painted_run(config, task);
    const auto background = static_cast<std::size_t>(neutral);
    const json val = json::parse(w.lamina("evaluate run set --json --quiet").out),
               test = json::parse(w.lamina("evaluate run set --split test --json --quiet").out);
    CHECK(val.at("images") == 3);
    CHECK(test.at("images") == 1);
    check_scores(val, Counts(task, kVal), background);
    check_scores(test, Counts(task, kTest), background);
    if (task != Task::multiclass) continue;
    check_scores(json::parse(w.lamina("evaluate run set --original-size --json --quiet").out), Counts(task, kVal), background);
    check_scores(json::parse(w.lamina("evaluate run set --weights last --json --quiet").out),
                 Counts(task, {{"a", kVal[0].label, "11111111"}, {"b", kVal[1].label, "11111111"}, {"c", kVal[2].label, "11111111"}}),
                 background);
    std::vector<Picture> always = kVal;  // green, the most frequent label
    for (Picture& p : always) p.answer = "22222222";
    check_scores(val.at("baseline"), Counts(task, always), background);

    const Counts hand(task, kVal);
    std::map<std::string, std::vector<std::string>> table;
    std::string said = w.lamina("evaluate run set").out;
    said.resize(said.find("borders,"));
    for (const std::string& line : fields(said, '\n'))
      if (line.size() > 40) {
        std::istringstream words(line.substr(40));
        auto& row = table[line.substr(0, line.find("  "))];
        for (std::string word; words >> word;) row.push_back(word);
      }
    CHECK(table.at("class") == Words{"Dice", "IoU", "precision", "recall", "specificity"});
    const auto check_row = [&](const std::string& name, auto&& value) {
      CAPTURE(name);
      for (std::size_t k = 0; k < 5; ++k) CHECK(std::abs(std::stod(table.at(name).at(k)) - value(kKinds[k])) <= 5.01e-5);
    };
    const char* names[] = {"sky", "red", "green", "blue"};
    for (std::size_t c = 0; c < 4; ++c) check_row(names[c], [&](const char* kind) { return hand.score(kind, c); });
    check_row("macro", [&](const char* kind) { return hand.mean(kind); });
    check_row("macro foreground", [&](const char* kind) { return hand.mean(kind, background); });
    check_row("micro", [&](const char* kind) { return hand.micro(kind); });
    check_row("micro foreground", [&](const char* kind) { return hand.micro(kind, background); });
  }
}

TEST_CASE("evaluate: border distances, means over images, and what counts where there is nothing, by hand") {
  // a: sky is the upper row, of which one pixel was taken for green. b: red, all of it taken for blue.
  const Workshop w(1);
  write_pictures(w / "set", Task::multiclass, kTrain, {{"a", "00002222", "02002222"}, {"b", "11111111", "33333333"}});
  painted_run(still(w / "set", w / "run"), Task::multiclass);
  const auto said = [&](const std::string& options) { return json::parse(w.lamina("evaluate run set --json --quiet" + options).out); };
  const double diagonal = std::sqrt(20.0);
  for (const char* size : {"", " --original-size"}) {
    const json all = said(std::string(size) + " --tolerance 0"), borders = all.at("borders");
    const double distances[] = {0.85, diagonal, 0.8, diagonal}, shares[] = {6.0 / 7, 0, 8.0 / 9, 0};
    for (std::size_t c = 0; c < 4; ++c) {
      CHECK(close(borders.at("hausdorff95").at("per_class").at(c), distances[c]));
      CHECK(close(borders.at("surface_dice").at("per_class").at(c), shares[c]));
      CHECK(borders.at("images").at(c) == 1);
      CHECK(borders.at("missed").at(c) == (c % 2 ? 1 : 0));
    }
    CHECK(close(borders.at("hausdorff95").at("macro"), (0.85 + 0.8 + 2 * diagonal) / 4));
    CHECK(close(borders.at("hausdorff95").at("macro_foreground"), (0.85 + 2 * diagonal) / 3));
    CHECK(close(borders.at("surface_dice").at("macro_foreground"), 6.0 / 7 / 3));
    const json& means = all.at("image_means");
    CHECK(close(means.at("hausdorff95"), (0.85 + diagonal) / 2));  // the foreground's of each image first
    CHECK(close(means.at("hausdorff95_green"), 0.8));
    CHECK(close(means.at("dice_sky"), 6.0 / 7));
    CHECK(close(means.at("accuracy"), 7.0 / 16));
    CHECK(json::parse(w.read("run/evaluate-val/scores.json")).at("borders") == borders);  // what it leaves says the same
    CHECK(w.read("run/evaluate-val/report.html").find("share within 0 pixels") != std::string::npos);
  }
  CHECK(said("").at("borders").at("tolerance") == 2);
  CHECK(close(said("").at("borders").at("surface_dice").at("per_class").at(0), 1));
  const json skipped = said(" --missed n/a").at("borders");
  CHECK(skipped.at("hausdorff95").at("per_class").at(1).is_null());
  CHECK(close(skipped.at("hausdorff95").at("macro_foreground"), 0.85));
  CHECK(skipped.at("missed").at(1) == 1);
  const std::string told = w.read("run/evaluate-val/report.html");
  CHECK(told.find("(missed or invented) counts nowhere") != std::string::npos);
  CHECK(told.find("all is in pixels of the images as they were scored") != std::string::npos);
  // Neither has sky in b; blue is never labelled, red never predicted.
  for (const auto& [word, value] : {std::pair("n/a", std::nan("")), std::pair("0", 0.0), std::pair("1", 1.0)}) {
    const json all = said(std::string(" --undefined ") + word);
    CHECK(close(all.at("image_means").at("dice_sky"), std::isnan(value) ? 6.0 / 7 : (6.0 / 7 + value) / 2));
    CHECK(close(all.at("precision").at("per_class").at(1), value));
    CHECK(close(all.at("recall").at("per_class").at(3), value));
    CHECK(all.at("dice").at("per_class").at(1) == 0);  // that is no question of undefined
    CHECK(all.at("undefined") == word);
    const json left = json::parse(w.read("run/evaluate-val/scores.json"));
    CHECK(close(left.at("scores").at("precision_red"), value));
    CHECK(left.at("image_means") == all.at("image_means"));
    CHECK(left.at("intervals") == all.at("intervals"));
    CHECK(close(left.at("score").at("value"), all.at("dice").at("macro_foreground").get<double>()));
  }
  check_error(w.lamina("evaluate run set --tolerance -1"), 2, {"--tolerance"});
  check_error(w.lamina("evaluate run set --undefined 2"), 2, {"--undefined"});
  const std::string table = w.lamina("evaluate run set").out;
  CHECK(table.find("additive Dice 0.8571") != std::string::npos);
  CHECK(table.find("Hausdorff95") != std::string::npos);
  // The run's own files say the same.
  const json scores = json::parse(w.read("run/scores.json"));
  CHECK(scores.at("borders") == said("").at("borders"));
  CHECK(scores.at("image_means") == said("").at("image_means"));
  CHECK(close(scores.at("scores").at("specificity_sky"), 1));
  CHECK(close(scores.at("scores").at("specificity_blue"), 0.5));
  const auto rows = csv_records(w.read("run/per_image.csv"));
  const auto at = std::find(rows[0].begin(), rows[0].end(), "hausdorff95_red") - rows[0].begin();
  for (const auto& row : rows)
    if (row[0] == "b") CHECK(std::abs(std::stod(row.at(static_cast<std::size_t>(at))) - diagonal) < 1e-5);
  CHECK(w.read("run/report.html").find("Hausdorff 95") != std::string::npos);
  CHECK(w.read("run/metrics.csv").find("specificity_macro_foreground") != std::string::npos);
}

TEST_CASE("report writes a run's report again, wherever its data is now, and puts runs side by side") {
  const Workshop w(1);
  write_pictures(w / "set", Task::multiclass, kTrain, kVal);
  for (const char* run : {"run", "run2"}) {
    auto config = still(w / "set", w / run);
    config.seed = run[3] ? 4 : 0;
    painted_run(config, Task::multiclass);
  }
  const std::string before = w.read("run/report.html");
  for (const char* file : {"run/report.html", "run/plots/loss.svg", "run/scores.json", "run/overlays/best_1.png"})
    CHECK(std::filesystem::remove(w / file));
  const Result again = w.lamina("report " + (w / "run").string());
  CHECK(again.code == 0);
  CHECK(again.out.find("val: foreground Dice") != std::string::npos);
  CHECK(w.read("run/report.html") == before);
  for (const char* file : {"run/plots/loss.svg", "run/scores.json", "run/overlays/best_1.png"}) CHECK(std::filesystem::exists(w / file));

  const Result both = w.lamina("report run run2");
  CHECK(both.code == 0);
  CHECK(both.out.find("image by image") != std::string::npos);
  CHECK(w.read("comparison.html").find("run2") != std::string::npos);
  const json sides = json::parse(w.lamina("report run run2 --json --out both.html").out);
  CHECK(sides.at("report") == "both.html");
  CHECK(sides.at("runs").at(1).at("difference").at("images") == 3);
  CHECK(sides.at("runs").at(1).at("difference").at("mean") == 0);

  check_error(w.lamina("report set"), 3, {"set: not the folder of a training run"});
  check_error(w.lamina("report run nowhere"), 3, {"nowhere: no such run folder"});
  std::filesystem::rename(w / "set", w / "moved");
  check_error(w.lamina("report run"), 6, {"--data", "run"});
  CHECK(w.lamina("report run --data moved").code == 0);
  check_error(w.lamina("report run --out x.html --data moved"), 2, {"--out"});
  const json scores = json::parse(w.lamina("evaluate run moved --json --quiet").out);
  CHECK(scores.at("intervals").at("resamples") == 1000);
  CHECK(scores.at("intervals").at("level") == 0.95);
  CHECK(scores.at("intervals").at("images") == 3);
  CHECK(scores.at("intervals") == json::parse(w.read("run/scores.json")).at("intervals"));
  const auto says = [&](const std::string& options, const char* text) { return w.lamina(options).out.find(text) != std::string::npos; };
  CHECK(says("evaluate run moved", "1000 bootstrap resamples of 3 images"));
  CHECK(says("evaluate run moved", "the epoch was chosen on this split: its scores are optimistic"));
  // Other photographs of the same names: the run's own are there, too.
  std::filesystem::copy(w / "moved", w / "set", std::filesystem::copy_options::recursive);
  CHECK(says("evaluate run set", "the epoch was chosen on this split"));
  CHECK_FALSE(says("evaluate run moved", "the epoch was chosen on this split"));
  CHECK(says("evaluate run moved", "the run was trained, and its epoch chosen, on the photographs"));
  CHECK(w.read("run/evaluate-val/report.html").find("Of other data or splits: the run was trained") != std::string::npos);
  CHECK(w.read("run/evaluate-val/report.html").find("these very images") == std::string::npos);
}

TEST_CASE("predict: masks and shares are the best network's answers") {
  const Workshop w(1);
  write_pictures(w / "set", Task::multiclass, kTrain, kVal);
  painted_run(still(w / "set", w / "run"), Task::multiclass);
  const json done = json::parse(w.lamina("predict run set/images/b.png --out p --json --quiet").out);
  const data::Raster mask = data::read_raster(w / "p/masks/b.png");
  for (std::size_t i = 0; i < 8; ++i) CHECK(mask.samples[i] == kVal[1].answer[i] - '0');
  const json& shares = done.at(0).at("shares");
  CHECK(shares.at("sky") == 1 / 8.0);
  CHECK(shares.at("red") == 5 / 8.0);
  CHECK(shares.at("green") == 2 / 8.0);
  CHECK(shares.at("blue") == 0);
}

TEST_CASE("every option of train reaches the run's settings") {
  const Workshop w(1);
  write_pictures(w / "set", Task::multiclass, kTrain, kVal);
  std::filesystem::rename(w / "set/images", w / "set/photos");
  std::filesystem::rename(w / "set/masks", w / "set/labels");
  const std::pair<const char*, json> options[] = {{"images", "photos"},
                                                  {"masks", "labels"},
                                                  {"ignore", 255},
                                                  {"model", "unet"},
                                                  {"preset", "milesial"},
                                                  {"base", 3},
                                                  {"depth", 1},
                                                  {"init", "he_normal"},
                                                  {"resize", "crop"},
                                                  {"crop_center", "anywhere"},
                                                  {"crops", 2},
                                                  {"crop_foreground", 0.5},
                                                  {"channels", 1},
                                                  {"normalize", "data"},
                                                  {"border", 7},
                                                  {"border_label", "red"},
                                                  {"augment", "vflip"},
                                                  {"background", "red"},
                                                  {"mask_channel", "color"},
                                                  {"mask_threshold", 0.25},
                                                  {"mask_frame", "shown"},
                                                  {"others", "ignore"},
                                                  {"loss", "ce+2*dice"},
                                                  {"aux_weight", 0.4},
                                                  {"class_weights", "1,2,3,4"},
                                                  {"positive_weights", "none"},
                                                  {"absent_classes", "skip"},
                                                  {"optimizer", "sgd"},
                                                  {"lr", 0.01},
                                                  {"beta1", 0.6},
                                                  {"beta2", 0.7},
                                                  {"weight_decay", 0.02},
                                                  {"decay_on", "dense"},
                                                  {"momentum", 0.3},
                                                  {"clip_norm", 0.4},
                                                  {"clip_value", 0.05},
                                                  {"schedule", "poly"},
                                                  {"epochs", 6},
                                                  {"steps", 1},
                                                  {"batch", 2},
                                                  {"accumulate", 2},
                                                  {"seed", 8},
                                                  {"val_every", 9},
                                                  {"patience", 3},
                                                  {"device", "cpu"},
                                                  {"precision", "f32"},
                                                  {"head", "multiclass"}};
  std::string command = "train set --out run --quiet --size 6x4 --exclude-empty";
  for (const auto& [name, value] : options) {
    std::string option = name;
    std::replace(option.begin(), option.end(), '_', '-');
    command += " --" + option + " " + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  const Result r = w.lamina(command);
  REQUIRE_MESSAGE(r.code == 0, r.err);
  const json config = json::parse(w.read("run/config.json"));
  for (const auto& [name, value] : options) CHECK_MESSAGE(config.at(name) == value, name);
  CHECK(config.at("size") == "6x4");
  const train::TrainConfig read = train::config_from_json(config.dump());
  CHECK((read.width == 6 && read.height == 4));
  CHECK(config.at("exclude_empty") == true);
  CHECK(config.size() == 4 + std::size(options));  // and format, data, size, exclude_empty
  CHECK(stored_class_weights(w / "run/weights/last.safetensors") == json{1, 2, 3, 4});
  const auto metadata = io::load_checkpoint(w / "run/weights/last.safetensors").metadata;
  CHECK(metadata.at("head") == "multiclass");
  // A run's settings make the same run, its head too.
  const Result again = w.lamina("train --config run/config.json --out again --quiet");
  REQUIRE_MESSAGE(again.code == 0, again.err);
  CHECK(io::load_checkpoint(w / "again/weights/last.safetensors").metadata.at("config") == metadata.at("config"));
}
