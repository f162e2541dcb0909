// What a run folder holds, and who may go on with it.
#include <optional>

#include "lamina/infer/predictor.hpp"
#include "lamina/io/model_file.hpp"
#include "lamina/train/sinks/metrics_files.hpp"
#include "lamina/train/trainer.hpp"
#include "support/op_check.hpp"
#include "support/painted.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

TEST_CASE("a damaged last checkpoint: training goes on from prev, says so, and ends the same") {
  TempFolder f;
  small_phantom(f / "data");
  const auto whole = small(f / "data", f / "whole");
  run(whole);
  int name = 0;
  for (auto* hurt : {+[](const fs::path& p) { damage(p); }, +[](const fs::path& p) { truncate_file(p); },
                     +[](const fs::path& p) { io::write_file_atomically(p, ""); }})
    for (const std::int64_t step : {6, 7, 9}) {  // at the end of an epoch, within one, at the end
      const auto c = small(f / "data", f / std::to_string(name++));
      run(c, step);
      hurt(fs::path(c.out) / "weights/last.safetensors");
      const Run resumed = run(c);
      CHECK(mentions(resumed.warnings, "last.safetensors"));
      CHECK(mentions(resumed.warnings, "continuing from " + c.out + "/weights/prev.safetensors"));
      check_same_run(whole.out, c.out);
    }
  const auto c = small(f / "data", f / "both");
  run(c, 7);
  damage(fs::path(c.out) / "weights/last.safetensors");
  truncate_file(fs::path(c.out) / "weights/prev.safetensors");
  check_throws<DataError>([&] { run(c); }, {"no usable checkpoint", "last.safetensors", "prev.safetensors"});
}

TEST_CASE("dying right after going on from prev loses nothing") {
  TempFolder f;
  small_phantom(f / "data");
  run(small(f / "data", f / "whole"));
  const auto c = small(f / "data", f / "run");
  run(c, 6);
  damage(fs::path(c.out) / "weights/last.safetensors");
  for (const std::int64_t step : {4, 7, 8}) CHECK_THROWS_AS(run(c, {}, step), Crash);
  run(c);
  check_same_run((f / "whole"), c.out);
}

TEST_CASE("a run folder is continued only by what made it") {
  TempFolder f;
  small_phantom(f / "data");
  auto c = small(f / "data", f / "run");
  run(c, 4);
  const std::string before = io::read_file(f / "run/weights/last.safetensors");
  auto changed = c;
  changed.lr = 0.5;
  changed.optimizer = "sgd";
  check_throws<OptionError>([&] { run(changed); },
                            {"optimizer: \"sgd\" here, \"adam\" there", "lr: 0.5 here, 0.01 there", "choose another --out"});
  check_throws<OptionError>([&] { run(c, {}, {}, false); }, {"holds a run already", "--resume auto"});
  const fs::path mask = fs::directory_iterator(f / "data/masks")->path();
  const std::string drawn = io::read_file(mask);
  data::LabelImage other = data::open_dataset(c.data).masks.read(mask);
  for (std::size_t i = 0; i < other.labels.size() / 2; ++i) other.labels[i] = 1;
  data::write_mask(mask, other, data::open_dataset(c.data).schema);
  const std::string changes = "the masks of " + c.data + " changed since";
  auto copy = c;
  copy.out = (f / "copy").string();
  fs::copy(f / "run", f / "copy", fs::copy_options::recursive);
  CHECK(mentions(run(copy, 6).messages, changes));
  io::write_file_atomically(mask, drawn);
  fs::remove_all(f / "copy");
  fs::copy(f / "run", f / "copy", fs::copy_options::recursive);
  CHECK_FALSE(mentions(run(copy, 6).messages, changes));
  const auto items = lines(f / "data/train.txt");
  io::write_file_atomically(f / "data/train.txt", items[1] + "\n" + items[2] + "\n");
  check_throws<DataError>([&] { run(c); }, {"images", "changed since"});
  CHECK(io::read_file(f / "run/weights/last.safetensors") == before);
}

TEST_CASE("two processes do not train in one folder") {
  TempFolder f;
  small_phantom(f / "data");
  const auto c = train::resolved(small(f / "data", f / "run"));
  const data::Dataset dataset = data::open_dataset(c.data);
  train::TrainEvents events;
  bool refused = false;
  events.epoch = [&](const train::EpochRecord&) {
    check_throws<OptionError>([&] { run(c); }, {"another process is training in", "--out"});
    refused = true;
  };
  train::train(c, dataset, true, events);
  CHECK(refused);
}

TEST_CASE("a finished run says so and writes only its report again") {
  TempFolder f;
  small_phantom(f / "data");
  const auto c = small(f / "data", f / "run");
  run(c);
  const std::string last = io::read_file(f / "run/weights/last.safetensors"), metrics = io::read_file(f / "run/metrics.csv"),
                    report = io::read_file(f / "run/report.html");
  fs::remove(f / "run/report.html");
  const Run again = run(c);
  CHECK(again.outcome == train::Outcome::finished);
  CHECK(again.epochs.empty());
  CHECK(mentions(again.messages, "finished"));
  CHECK(io::read_file(f / "run/weights/last.safetensors") == last);
  CHECK(io::read_file(f / "run/metrics.csv") == metrics);
  CHECK(io::read_file(f / "run/report.html") == report);
}

TEST_CASE("the run folder: every file, the log across a resume, a report that opens offline") {
  TempFolder f;
  small_phantom(f / "data");
  const auto c = small(f / "data", f / "run");
  run(c, 4);
  run(c);
  for (const char* name :
       {"config.json", "env.json", "metrics.csv", "metrics.jsonl", "log.txt", "weights/best.safetensors", "weights/last.safetensors",
        "weights/prev.safetensors", "plots/loss.svg", "plots/scores.svg", "overlays/best_1.png", "overlays/worst_1.png", "confusion.csv",
        "per_image.csv", "report.html", "next_steps.txt"})
    CHECK_MESSAGE(fs::file_size(f / "run" / name) > 0, name);
  const std::string log = io::read_file(f / "run/log.txt");
  for (const char* line : {"lr: 0.01", "epoch 1/3  loss", "interrupted after step 4", "resuming", "epoch 3/3  loss", "writing the report"})
    CHECK_MESSAGE(log.find(line) != std::string::npos, line);
  CHECK(log.find("interrupted") < log.find("resuming"));
  CHECK(lines(f / "run/metrics.csv").size() == 4);
  CHECK(lines(f / "run/metrics.jsonl").size() == 3);
  std::string report = io::read_file(f / "run/report.html");
  for (std::size_t at; (at = report.find("xmlns=\"http")) != std::string::npos;) report.erase(at, 11);
  for (const char* external : {"http://", "https://", "src=\"/", "<link", "<script src", "@import", "url("})
    CHECK_MESSAGE(report.find(external) == std::string::npos, external);
  CHECK(report.find("src=\"data:image/jpeg;base64,") != std::string::npos);
  CHECK(report.find("<i style=\"background:#56b4e9\"></i>face</span>") != std::string::npos);  // what a color means
}

TEST_CASE("names with commas and quotes stay one field of every CSV file, also across a resume") {
  CHECK(train::csv_field("plain") == "plain");
  CHECK(train::csv_field("hand, left") == "\"hand, left\"");
  CHECK(train::csv_field("5\" scar") == "\"5\"\" scar\"");
  CHECK(csv_records(train::csv_field("two\nlines, \"quoted\"\n") + ",\"\r\"\n") ==
        std::vector<std::vector<std::string>>{{"two\nlines, \"quoted\"\n", "\r"}});
  const std::vector<std::string> awkward{"hand, left", "5\" scar", "one; \"quoted\", and so on", ","};
  TempFolder f;
  small_phantom(f / "data");
  data::LabelSchema schema = data::parse_label_schema(io::read_file(f / "data/dataset.json"), "dataset.json");
  std::copy(awkward.begin(), awkward.end(), schema.names.begin() + 1);
  io::write_file_atomically(f / "data/dataset.json", data::to_json(schema));
  for (const char* folder : {"images", "masks"})
    for (const char* list : {"train.txt", "val.txt", "test.txt"}) {
      fs::rename(f / "data" / folder / (lines(f / "data" / list).at(0) + ".png"),
                 f / "data" / folder / (std::string(list) + ", \"1st\".png"));
    }
  for (const char* list : {"train.txt", "val.txt", "test.txt"}) {
    auto items = lines(f / "data" / list);
    items[0] = std::string(list) + ", \"1st\"";
    std::string text;
    for (const std::string& item : items) text += item + "\n";
    io::write_file_atomically(f / "data" / list, text);
  }
  const auto whole = small(f / "data", f / "whole"), c = small(f / "data", f / "run");
  run(whole);
  for (const std::int64_t step : {4, 7}) run(c, step);
  run(c);
  check_same_run(whole.out, c.out);

  const auto metrics = csv_records(io::read_file(f / "run/metrics.csv"));
  CHECK(metrics.size() == 1 + 3);
  for (const std::string& name : schema.names) CHECK(std::count(metrics[0].begin(), metrics[0].end(), "dice_" + name) == 1);
  const auto confusion = csv_records(io::read_file(f / "run/confusion.csv"));
  REQUIRE(confusion.size() == 1 + schema.names.size());
  for (std::size_t k = 0; k < schema.names.size(); ++k) {
    CHECK(confusion[0][k + 1] == schema.names[k]);
    CHECK(confusion[k + 1][0] == schema.names[k]);
    CHECK(confusion[k + 1].size() == confusion[0].size());
  }
  const auto images = csv_records(io::read_file(f / "run/per_image.csv"));
  CHECK(std::any_of(images.begin(), images.end(), [](const auto& row) { return row[0] == "test.txt, \"1st\""; }));
  CHECK(std::all_of(images.begin(), images.end(), [&](const auto& row) { return row.size() == images[0].size(); }));
  for (const std::string& name : schema.names) CHECK(std::count(images[0].begin(), images[0].end(), "surface_dice_" + name) == 1);
  train::MetricsFiles().start({.folder = f / "run", .epoch = 1, .epochs = 3, .score_names = {}, .notes = {}});
  CHECK(csv_records(io::read_file(f / "run/metrics.csv")).size() == 1 + 1);
  CHECK(lines(f / "run/metrics.jsonl").size() == 1);
}

TEST_CASE("metrics.csv: n/a is a score that is undefined, an empty field one of an epoch without a validation") {
  const TempFolder f;
  train::MetricsFiles metrics;
  metrics.start({.folder = f.path(), .epoch = 0, .epochs = 2, .score_names = {"dice_rare", "accuracy"}, .notes = {}});
  metrics.epoch({.epoch = 1, .validation = train::Validation{.scores = {{"dice_rare", NAN}, {"accuracy", 0.5}}}}, 2);
  metrics.epoch({.epoch = 2, .validation = {}}, 2);
  const auto rows = csv_records(io::read_file(f / "metrics.csv"));
  REQUIRE(rows.size() == 3);
  const std::size_t last = rows[0].size() - 1;
  CHECK(rows[0][last - 1] == "dice_rare");
  CHECK(rows[1][last - 1] == "n/a");
  CHECK(rows[1][last] == "0.5");
  CHECK(rows[2][last - 1].empty());
  CHECK(rows[2][last].empty());
  CHECK(nlohmann::json::parse(lines(f / "metrics.jsonl")[0]).at("dice_rare").is_null());
}

TEST_CASE("the best epoch has the highest foreground score, of equal ones the first; weights/best holds its weights") {
  const std::vector<Picture> val{{"v", "00112222", "00112222"}};
  // Green is the background. Where it is taken for sky (0103) the foreground scores 3/4 and the accuracy is 1/2; where red is (0023), 1/3
  // and 3/4; the mean over all classes is then also higher, and without sky in place of green both are 1/2.
  struct Epoch {
    const char* answers;
    float scale;
  };
  struct Case {
    std::vector<Epoch> epochs;  // after the first, whose network nobody made
    int best;
    double score;
  };
  for (const Case& c : {Case{{{"0103", 2}, {"0123", 2}, {"0123", 3}, {"0023", 4}}, 3, 1}, {{{"0103", 2}, {"0023", 3}}, 2, 0.75}}) {
    TempFolder f;
    write_pictures(f / "data", data::Task::multiclass, std::vector<Picture>{{"t0", "00112233", "01232323"}}, val);
    const int epochs = 1 + static_cast<int>(c.epochs.size());
    const auto config = still(f / "data", f / "run", epochs);
    for (int e = 1; e <= epochs; ++e) {
      train_to(config, e);
      if (e < epochs)
        paint_network(f / "run/weights/last.safetensors", data::Task::multiclass, c.epochs[static_cast<std::size_t>(e - 1)].answers,
                      c.epochs[static_cast<std::size_t>(e - 1)].scale);
    }
    const auto scores = column(f / "run", "dice_macro_foreground");
    CHECK(!(scores[0] >= 0.75));
    CHECK(scores[1] == doctest::Approx(0.75));
    CHECK(scores.back() == doctest::Approx(1 / 3.0));
    const auto best = trainer_state(f / "run/weights/best.safetensors"), last = trainer_state(f / "run/weights/last.safetensors");
    CHECK(best.at("epoch") == c.best);
    CHECK(best.at("best_epoch") == c.best);
    CHECK(last.at("epoch") == epochs);
    CHECK(last.at("best_epoch") == c.best);
    CHECK(last.at("best_score").get<double>() == doctest::Approx(c.score));
    const auto scale = [&](const char* which) {
      double most = 0;
      for (const auto& [name, tensor] : io::load_checkpoint(f / "run/weights" / which).model)
        if (name == "head.weight")
          for (const double v : tensor.to_vector<double>()) most = std::max(most, v);
      return most;
    };
    CHECK(scale("best.safetensors") == 2);
    CHECK(scale("last.safetensors") == c.epochs.back().scale);
    CHECK(io::read_file(f / "run/report.html").find("Best epoch " + std::to_string(c.best) + " of " + std::to_string(epochs)) !=
          std::string::npos);
    // A predictor takes the best weights.
    const auto labels = infer::Predictor(f / "run").predict(photograph(val[0], data::Task::multiclass)).labels.labels;
    CHECK(labels[4] == (c.score == 1 ? 2 : 0));
    CHECK(labels[2] == 1);
  }
}
