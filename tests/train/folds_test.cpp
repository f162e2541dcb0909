// Cross-validation; training images that show nothing.
#include "lamina/train/folds.hpp"

#include <cmath>
#include <set>

#include "support/op_check.hpp"
#include "support/painted.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;
using data::Split;

namespace {

std::vector<std::string> names(const data::Dataset& set, Split split) {
  std::vector<std::string> all;
  for (const data::Item& item : set.items(split)) all.push_back(item.name);
  return all;
}

train::CrossValidation validated(train::TrainConfig config, int folds, std::optional<int> stop_at = {}, train::Outcome* outcome = nullptr) {
  config = train::resolved(config);
  std::atomic<bool> stop{false};
  train::TrainEvents events;
  int steps = 0;
  events.step = [&](const train::StepEvent&) { stop = ++steps == stop_at; };
  train::CrossValidation c;
  const auto got = train::cross_validate(config, data::open_dataset(config.data), folds, true, events, c, {}, &stop);
  if (outcome) *outcome = got;
  return c;
}

}  // namespace

TEST_CASE("folds: every image of train and val is held out once, test never; by names and seed alone") {
  const TempFolder f;
  small_phantom(f / "data", 13);
  data::Dataset set = data::open_dataset(f / "data");
  std::set<std::string> all;
  for (const Split split : {Split::train, Split::val})
    for (const std::string& name : names(set, split)) all.insert(name);
  REQUIRE(!set.items(Split::test).empty());
  for (const int folds : {2, 3, static_cast<int>(all.size())}) {
    std::set<std::string> held;
    for (int k = 0; k < folds; ++k) {
      const data::Dataset one = train::fold_of(set, folds, k, 5);
      const auto train = names(one, Split::train), val = names(one, Split::val);
      CHECK(train.size() + val.size() == all.size());
      CHECK(val.size() >= all.size() / static_cast<std::size_t>(folds));
      CHECK(val.size() <= (all.size() - 1) / static_cast<std::size_t>(folds) + 1);
      for (const std::string& name : val) {
        CHECK(held.insert(name).second);
        CHECK(std::find(train.begin(), train.end(), name) == train.end());
      }
      CHECK(one.items(Split::test).empty());
    }
    CHECK(held == all);
  }
  const auto first = names(train::fold_of(set, 3, 0, 5), Split::val);
  CHECK(names(train::fold_of(set, 3, 0, 6), Split::val) != first);
  std::swap(set.splits[0], set.splits[1]);  // what was called val before says nothing
  CHECK(names(train::fold_of(set, 3, 0, 5), Split::val) == first);
  const std::string count = std::to_string(all.size()), more = "--folds " + std::to_string(all.size() + 1);
  check_throws<OptionError>([&] { train::fold_of(set, static_cast<int>(all.size()) + 1, 0, 5); }, {more.c_str(), count.c_str()});
  check_throws<OptionError>([&] { train::fold_of(set, 1, 0, 5); }, {"--folds 1"});
}

TEST_CASE("folds: groups stay together") {
  const TempFolder f;
  small_phantom(f / "data", 13);
  data::Dataset set = data::open_dataset(f / "data");
  std::map<std::string, std::string> group;  // three of three or more, and one photograph alone
  int i = 0;
  for (auto& split : set.splits)
    for (data::Item& item : split)
      item.group = i == 0 ? "" : std::string(1, static_cast<char>('a' + i % 3)), group[item.name] = item.group, ++i;
  set.splits[2].clear();
  std::size_t held = 0;
  for (int k = 0; k < 4; ++k) {
    const data::Dataset one = train::fold_of(set, 4, k, 5);
    held += one.items(Split::val).size();
    std::set<std::string> inside;
    for (const std::string& name : names(one, Split::val)) inside.insert(group.at(name));
    CHECK(inside.size() == 1);
    for (const std::string& name : names(one, Split::train)) CHECK(!inside.contains(group.at(name)));
  }
  CHECK(held == set.all_items().size());
  check_throws<OptionError>([&] { train::fold_of(set, 5, 0, 5); }, {"--folds 5", "in 4 groups"});
}

TEST_CASE("folds: copies of a photograph stay together, in its group, and are no leak") {
  const TempFolder f;
  small_phantom(f / "data", 9);
  for (const auto& [from, to] : {std::pair{"skin_0000", "zz"}, {"skin_0003", "aa"}, {"skin_0005", "yy"}})
    for (const char* folder : {"images/", "masks/"})
      fs::copy_file(f / "data" / (folder + std::string(from) + ".png"), f / "data" / (folder + std::string(to) + ".png"));
  for (const char* list : {"train.txt", "val.txt", "test.txt"}) fs::remove(f / "data" / list);
  std::string train, val;
  for (const auto& entry : fs::directory_iterator(f / "data/images"))
    (entry.path().stem() == "zz" ? val : train) += entry.path().stem().string() + "\n";
  io::write_file_atomically(f / "data/train.txt", train);
  io::write_file_atomically(f / "data/val.txt", val);
  io::write_file_atomically(f / "data/groups.txt", "yy patient\nskin_0007 patient\n");
  const data::Dataset set = data::open_dataset(f / "data", {.compare_photos = true});
  const auto leaks = [](const data::Dataset& d) {
    return std::count_if(d.findings.begin(), d.findings.end(), [](const data::Finding& finding) { return finding.leak; });
  };
  CHECK(leaks(set) == 1);
  std::map<std::string, int> fold;
  for (int k = 0; k < 5; ++k) {
    const data::Dataset one = train::fold_of(set, 5, k, 3);
    CHECK(leaks(one) == 0);
    for (const std::string& name : names(one, Split::val)) fold[name] = k;
  }
  CHECK(fold.at("zz") == fold.at("skin_0000"));
  CHECK(fold.at("aa") == fold.at("skin_0003"));
  CHECK(fold.at("yy") == fold.at("skin_0007"));
  CHECK(fold.at("skin_0005") == fold.at("yy"));
  check_throws<OptionError>([&] { train::fold_of(set, 9, 0, 3); }, {"12 in 8 groups"});
}

TEST_CASE("cross-validation: scores of images that a run had not seen, a table, and the same again when it was interrupted") {
  const TempFolder f;
  small_phantom(f / "data", 8);
  auto c = small(f / "data", f / "whole");
  c.epochs = 2;
  const train::CrossValidation whole = validated(c, 3);
  const data::Dataset set = data::open_dataset(c.data);
  REQUIRE(whole.folds.size() == 3);
  CHECK(whole.all.images.size() == set.items(Split::train).size() + set.items(Split::val).size());
  // By hand: the last weights of each run, image by image.
  metrics::ConfusionMatrix pooled = whole.all.confusion;
  std::vector<double> dice;
  std::int64_t pixels = 0;
  for (int k = 0; k < 3; ++k) {
    infer::Predictor predictor(f / "whole" / message("fold_", k + 1) / "weights/last.safetensors");
    metrics::ConfusionMatrix counts = predictor.head().confusion();
    const data::Dataset fold = train::fold_of(set, 3, k, c.seed);
    for (const data::Item& item : fold.items(Split::val)) {
      const auto truth = data::read_mask(item, set.masks);
      predictor.head().count(counts, truth.labels, predictor.predict(data::read_image(item.image)).labels.labels);
    }
    dice.push_back(counts.scores(set.schema.background).dice.macro);
    CHECK(whole.folds[static_cast<std::size_t>(k)].at("dice_macro") == doctest::Approx(dice.back()));
    pixels += counts.total();
  }
  CHECK(whole.all.confusion.total() == pixels);
  const auto rows = csv_records(io::read_file(f / "whole/folds.csv"));
  CHECK(rows[0] == std::vector<std::string>{"score", "fold_1", "fold_2", "fold_3", "mean", "sd", "pooled", "low", "high"});
  const auto row = *std::find_if(rows.begin(), rows.end(), [](const auto& r) { return r[0] == "dice_macro"; });
  const double mean = (dice[0] + dice[1] + dice[2]) / 3;
  double squares = 0;
  for (const double v : dice) squares += (v - mean) * (v - mean);
  CHECK(std::abs(std::stod(row[4]) - mean) < 1e-6);
  CHECK(std::abs(std::stod(row[5]) - std::sqrt(squares / 2)) < 1e-6);
  CHECK(std::abs(std::stod(row[6]) - pooled.scores(set.schema.background).dice.macro) < 1e-6);
  CHECK(std::stod(row[7]) <= std::stod(row[6]));
  CHECK(std::stod(row[8]) >= std::stod(row[6]));
  const auto images = csv_records(io::read_file(f / "whole/per_image.csv"));
  CHECK(images.size() == 1 + whole.all.images.size());

  c.out = (f / "halves").string();
  train::Outcome outcome{};
  (void)validated(c, 3, 7, &outcome);  // in the second run
  CHECK(outcome == train::Outcome::interrupted);
  CHECK(!fs::exists(f / "halves/folds.csv"));
  CHECK(fs::exists(f / "halves/fold_2"));
  check_throws<OptionError>([&] { validated(c, 2); }, {"has the runs of --folds 3"});
  (void)validated(c, 3, {}, &outcome);
  CHECK(outcome == train::Outcome::finished);
  for (const char* file : {"folds.csv", "per_image.csv"}) CHECK(io::read_file(f / "halves" / file) == io::read_file(f / "whole" / file));
  check_throws<OptionError>([&] { validated(c, 4); }, {"has the runs of --folds 3", "another --out for 4"});
  c.out += "/fold_1";
  check_throws<OptionError>([&] { validated(c, 3); }, {"holds a run, which", "another --out"});
  c.out = (f / "whole").string();
  check_throws<OptionError>([&] { train::train(c, data::open_dataset(c.data), true, {}); }, {"whole", "holds the runs of --folds"});
  c.out = (f / "more").string();
  check_throws<OptionError>([&] { validated(c, 99); }, {"--folds 99"});
  CHECK(!fs::exists(f / "more"));
}

TEST_CASE("--exclude-empty leaves out training images of the background alone, and says how many") {
  // Green (2) is the background; x is ignored.
  const std::vector<Picture> train{
      {"a", "22222222", "22222222"}, {"b", "22222221", "22222222"}, {"c", "2222xxxx", "22222222"}, {"d", "00112233", "22222222"}};
  const std::vector<Picture> val{{"v", "22222222", "22222222"}};
  const TempFolder f;
  write_pictures(f / "data", data::Task::multiclass, train, val);
  auto c = still(f / "data", f / "run");
  c.exclude_empty = true, c.class_weights = "inverse", c.batch = 1, c.loss = "ce";
  const Run r = run(c);
  CHECK(r.epochs.at(0).step == 2);  // b and d
  CHECK(train::command_with(train::resolved(c), "--lr 1e-5").find(" --exclude-empty --") != std::string::npos);
  CHECK(mentions(r.messages, "2 of 4 training images are left out (--exclude-empty)"));
  CHECK(r.epochs.at(0).validation->counts.at(0).confusion.total() == 8);  // v is scored
  // Weights are those of what is trained on, as of a set that never had the others.
  write_pictures(f / "fewer", data::Task::multiclass, {train[1], train[3]}, val);
  auto fewer = c;
  fewer.data = (f / "fewer").string(), fewer.out = (f / "run2").string(), fewer.exclude_empty = false;
  run(fewer);
  CHECK(stored_class_weights(f / "run/weights/last.safetensors") == stored_class_weights(f / "run2/weights/last.safetensors"));
  // Planes are empty where nothing is in any.
  write_pictures(f / "planes", data::Task::multilabel,
                 {{"a", "00000000", "00000000"}, {"b", "00000010", "00000000"}, {"c", "00000002", "00000000"}}, {});
  auto planes = still(f / "planes", f / "run3");
  planes.exclude_empty = true, planes.batch = 1;
  CHECK(mentions(run(planes).messages, "1 of 3 training images are left out"));
  write_pictures(f / "none", data::Task::multiclass, {train[0], train[2]}, val);
  auto none = still(f / "none", f / "run4");
  none.exclude_empty = true;
  check_throws<DataError>([&] { run(none); }, {"--exclude-empty leaves nothing"});
  c.background = "none", c.out = (f / "run5").string();
  check_throws<DataError>([&] { train::make_task(train::resolved(c), data::open_dataset(c.data, {.background = "none"})); },
                          {"no class is the background", "--background"});
}
