// Studies: the same images for each arm, what is transferred, tables by hand, interruptions, changed data.
#include "lamina/train/study.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "lamina/train/trainer.hpp"
#include "support/counted.hpp"
#include "support/op_check.hpp"
#include "support/runs.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

train::StudyConfig small_study(const fs::path& data, const fs::path& out) {
  train::StudyConfig c;
  c.data = data.string();
  c.preset = "smoke";
  c.base = 2, c.depth = 1, c.width = c.height = 16, c.batch = 2;
  c.pretrain_steps = 4, c.steps = 3;
  c.discriminator = "patchgan", c.discriminator_base = 2, c.discriminator_layers = 1;
  c.out = out.string();
  return c;
}

train::Outcome run_study(const train::StudyConfig& config, int stop_at = -1, std::vector<std::string>* said = nullptr) {
  const data::Dataset dataset = data::open_dataset(config.data);
  train::Study study(config, dataset);
  std::atomic<bool> stop = false;
  int step = 0;
  train::TrainEvents events;
  events.step = [&](const train::StepEvent&) { stop = stop || ++step == stop_at; };
  return study.run(
      events,
      [&](const std::string& line) {
        if (said) said->push_back(line);
      },
      &stop);
}

io::Checkpoint last_of(const fs::path& run) { return io::load_checkpoint(run / "weights/last.safetensors"); }
std::string items_of(const fs::path& run) { return nlohmann::json::parse(last_of(run).metadata.at("data")).at("items").dump(); }

const char* const kTables[] = {"runs.csv", "table.csv", "table.json"};

}  // namespace

TEST_CASE("a mean and its interval by hand") {
  const train::Estimate three = train::estimate({1, 2, 3});
  CHECK(three.n == 3);
  CHECK(three.mean == 2);
  CHECK(three.half_width == doctest::Approx(4.303 / std::sqrt(3.0)).epsilon(1e-4));  // t of 2 degrees of freedom times sd 1 over sqrt 3
  // 41 values, 20 of -1, 20 of 1 and 0: sd 1; t of 40 degrees is 2.021.
  std::vector<double> many(41, 0);
  for (std::size_t i = 0; i < 40; ++i) many[i] = i % 2 ? 1 : -1;
  CHECK(train::estimate(many).half_width == doctest::Approx(2.021 / std::sqrt(41.0)).epsilon(1e-3).scale(0));
  CHECK(std::isnan(train::estimate({5}).half_width));
  CHECK(train::estimate({5}).mean == 5);
  CHECK(std::isnan(train::estimate({}).mean));
}

TEST_CASE("background against the rest, with an uncertain class as skin, as background or not at all") {
  data::LabelSchema s;
  s.names = {"background", "uncertain", "face", "hand"};
  s.background = 0;
  s.uncertain = {1};
  const auto m = metrics::ConfusionMatrix::from_counts({{10, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 11, 12}, {13, 14, 15, 16}});
  const auto counts = [&](const char* uncertain) {
    const auto two = train::background_against_rest(m, s, uncertain);
    return std::vector<std::int64_t>{two.at(0, 0), two.at(0, 1), two.at(1, 0), two.at(1, 1)};
  };
  using Counts = std::vector<std::int64_t>;
  CHECK(counts("skin") == Counts{10, 6, 25, 95});
  CHECK(counts("background") == Counts{10 + 1 + 4 + 5, 2 + 3 + 6 + 7, 8 + 9 + 13 + 14, 11 + 12 + 15 + 16});
  CHECK(counts("ignore") == Counts{10, 6, 21, 77});
}

TEST_CASE("a study: each arm sees the same images, all layers but the last come from the generator, and the tables are those of its runs") {
  TempFolder f;
  small_phantom(f / "data", 12);  // 8 to train on
  train::StudyConfig config = small_study(f / "data", f / "whole");
  config.steps = 1;
  config.lr = 1e-12;  // what is learned does not hide where it began
  std::vector<std::string> said;
  CHECK(run_study(config, -1, &said) == train::Outcome::finished);
  CHECK(said.at(0).find("\"pretrained\" is skipped") != std::string::npos);
  const fs::path runs = f / "whole/runs";
  std::set<std::string> subsets;
  for (const char* share : {"50pct", "100pct"})
    for (const char* seed : {"seed0", "seed1"}) {
      const std::string name = std::string(share) + "_" + seed + "_";
      CHECK(items_of(runs / (name + "scratch")) == items_of(runs / (name + "colorization")));
      subsets.insert(items_of(runs / (name + "scratch")));
    }
  CHECK(subsets.size() == 4);

  const io::Checkpoint g = last_of(f / "whole/colorization_0"), scratch = last_of(runs / "50pct_seed1_scratch"),
                       transferred = last_of(runs / "50pct_seed1_colorization");
  const auto tensor = [](const io::Checkpoint& c, const std::string& name) {
    for (const auto& t : c.model)
      if (t.name == name) return t.tensor;
    throw DataError("no " + name);
  };
  for (const char* name : {"down.0.conv1.weight", "merge.0.conv2.weight", "merge.0.norm1.weight"}) {
    CAPTURE(name);
    CHECK(relative_error(tensor(transferred, name), tensor(g, std::string("generator.") + name)) < 1e-6);
    CHECK_FALSE(same_bytes(tensor(transferred, name), tensor(scratch, name)));
  }
  CHECK(relative_error(tensor(transferred, "head.weight"), tensor(scratch, "head.weight")) < 1e-6);  // of the same seed

  const auto rows = csv_records(io::read_file(f / "whole/runs.csv"));
  CHECK(rows[0] == std::vector<std::string>{"arm", "fraction", "images", "seed", "dice_all", "dice_binary", "dice_image", "accuracy"});
  CHECK(rows.size() == 9);
  std::map<std::string, double> dice;  // by arm, fraction, seed
  for (std::size_t i = 1; i < rows.size(); ++i) dice[rows[i][0] + rows[i][1] + rows[i][3]] = std::stod(rows[i][4]);
  CHECK(rows[1][2] == "4");
  CHECK(rows[8][2] == "8");
  const auto table = nlohmann::json::parse(io::read_file(f / "whole/table.json"));
  int found = 0;
  for (const auto& row : table) {
    if (row.at("score") != "dice_all" || row.at("fraction") != 0.5) continue;
    const std::string arm = row.at("arm");
    const double a = dice.at(arm + "0.50"), b = dice.at(arm + "0.51");
    CHECK(row.at("mean").get<double>() == doctest::Approx((a + b) / 2).epsilon(1e-4));
    CHECK(row.at("half_width_95").get<double>() == doctest::Approx(12.706 * std::abs(a - b) / 2).epsilon(1e-3).scale(0));  // t of 1 degree
    ++found;
    if (arm == "scratch") {
      CHECK(row.at("difference_to_scratch").is_null());
      continue;
    }
    const double first = a - dice.at("scratch0.50"), second = b - dice.at("scratch0.51");
    CHECK(row.at("difference_to_scratch").get<double>() == doctest::Approx((first + second) / 2).epsilon(1e-3).scale(0));
    CHECK(row.at("difference_half_width_95").get<double>() ==
          doctest::Approx(12.706 * std::abs(first - second) / 2).epsilon(1e-2).scale(0));
  }
  CHECK(found == 2);
  for (const char* plot : {"plots/all_classes.svg", "plots/background_skin.svg"})
    CHECK_MESSAGE(io::read_file(f / "whole" / plot).find("class=\"bar\"") != std::string::npos, plot);
  CHECK(io::read_file(f / "whole/report.html").find("against scratch") != std::string::npos);
}

TEST_CASE("a study that is stopped anywhere ends with the tables of one never stopped; other settings and changed data are refused") {
  TempFolder f;
  small_phantom(f / "data", 12);
  CHECK(run_study(small_study(f / "data", f / "whole")) == train::Outcome::finished);
  // In the colorization, between two segmentations, in a later one.
  for (const int stop : {2, 7, 12}) {
    CAPTURE(stop);
    const fs::path out = f / std::to_string(stop);
    CHECK(run_study(small_study(f / "data", out), stop) == train::Outcome::interrupted);
    CHECK_FALSE(fs::exists(out / "table.csv"));
    CHECK(run_study(small_study(f / "data", out)) == train::Outcome::finished);
    for (const char* table : kTables) CHECK_MESSAGE(io::read_file(f / "whole" / table) == io::read_file(out / table), table);
  }
  // A score that was not written in time is made again from the run's weights.
  fs::remove(f / "2/runs/100pct_seed1_scratch/score.json");
  fs::remove(f / "2/table.csv");
  CHECK(run_study(small_study(f / "data", f / "2")) == train::Outcome::finished);
  CHECK(io::read_file(f / "whole/table.csv") == io::read_file(f / "2/table.csv"));

  train::StudyConfig other = small_study(f / "data", f / "whole");
  other.steps = 4;
  check_throws<OptionError>([&] { run_study(other); }, {"other settings", "steps: 4 here, 3 there"});
  const std::string before = io::read_file(f / "whole/table.csv");
  const data::Dataset dataset = data::open_dataset((f / "data").string());
  const fs::path mask = dataset.items(data::Split::test)[0].mask;
  data::LabelImage changed = data::read_mask(dataset.items(data::Split::test)[0], dataset.masks);
  std::fill(changed.labels.begin(), changed.labels.end(), std::uint8_t{2});
  data::write_mask(mask, changed, dataset.schema);
  check_throws<DataError>([&] { run_study(small_study(f / "data", f / "whole")); }, {"the data of the study", "changed", "another --out"});
  CHECK(io::read_file(f / "whole/table.csv") == before);
}

TEST_CASE("what a study goes on with computes no initial values; crops are those of its settings") {
  TempFolder f;
  small_phantom(f / "data", 8);
  train::StudyConfig config = small_study(f / "data", f / "whole");
  config.model = "counted";
  config.fractions = "1:1";
  config.crop_center = "anywhere";
  config.activation = "none", config.weight_decay = 0.01;
  config.discriminator = "surrogate", config.discriminator_layers = 0;
  config.discriminator_last_kernel = 3, config.discriminator_last_stride = 2;
  int& built = built_networks();
  built = 0;
  CHECK(run_study(config) == train::Outcome::finished);
  CHECK(built == 2);  // G and the segmentation from scratch: the other begins with G
  config.out = (f / "stopped").string();
  built = 0;
  for (const int stop : {2, 4, 3}) CHECK(run_study(config, stop) == train::Outcome::interrupted);  // in each of them
  CHECK(run_study(config) == train::Outcome::finished);
  CHECK(built == 2);
  for (const char* table : kTables) CHECK_MESSAGE(io::read_file(f / "whole" / table) == io::read_file(f / "stopped" / table), table);
  const auto stored = [&](const char* run) { return nlohmann::json::parse(last_of(f / "whole" / run).metadata.at("config")); };
  CHECK(stored("runs/100pct_seed0_colorization").at("crop_center") == "anywhere");
  CHECK(stored("runs/100pct_seed0_colorization").at("border") == 255);
  CHECK(stored("colorization_0").at("crop_center") == "anywhere");
  CHECK(stored("colorization_0").at("padding") == 255);
  CHECK(stored("colorization_0").at("activation") == "none");
  CHECK(stored("colorization_0").at("discriminator_last_kernel") == 3);
  CHECK(stored("colorization_0").at("discriminator_last_stride") == 2);
  for (const char* run : {"colorization_0", "runs/100pct_seed0_scratch"}) CHECK(stored(run).at("weight_decay") == 0.01);
}

TEST_CASE("a study's third arm takes a file of weights; a file that does not fit, and settings that mean nothing, are named") {
  TempFolder f;
  small_phantom(f / "data", 8);
  train::StudyConfig config = small_study(f / "data", f / "a");
  config.fractions = "1:1";
  config.steps = config.pretrain_steps = 1;
  config.lr = 1e-12;  // what is learned does not hide where it began
  CHECK(run_study(config) == train::Outcome::finished);
  config.out = (f / "b").string();
  config.first_seed = 1;
  config.pretrained = (f / "a/runs/100pct_seed0_scratch/weights/last.safetensors").string();
  std::vector<std::string> said;
  CHECK(run_study(config, -1, &said) == train::Outcome::finished);
  CHECK(said.size() == 3);
  CHECK(said.at(2).find("pretrained") != std::string::npos);
  CHECK(csv_records(io::read_file(f / "b/runs.csv")).at(3).at(0) == "pretrained");
  // The file has the last layer in the same shape; it is drawn anew all the same.
  const auto of = [&](const char* run, const std::string& name) {
    for (const auto& t : last_of(f / run).model)
      if (t.name == name) return t.tensor;
    throw DataError("no " + name);
  };
  CHECK(relative_error(of("b/runs/100pct_seed1_pretrained", "head.weight"), of("b/runs/100pct_seed1_scratch", "head.weight")) < 1e-6);
  CHECK(relative_error(of("b/runs/100pct_seed1_pretrained", "down.0.conv1.weight"),
                       of("a/runs/100pct_seed0_scratch", "down.0.conv1.weight")) < 1e-6);
  config.out = (f / "c").string();
  config.base = 3;
  check_throws<DataError>([&] { run_study(config); },
                          {"last.safetensors", "do not fit the network", "\n  and ", "its network is --model unet --preset bn --base 2"});
  CHECK_FALSE(fs::exists(f / "c"));  // before anything is trained
  config.pretrained = (f / "nothing.safetensors").string();
  config.out = (f / "d").string();
  check_throws<DataError>([&] { run_study(config); }, {"nothing.safetensors", "no such file"});
  for (const auto& [fractions, word] :
       {std::pair("2:1", "2:1"), std::pair("0.1:x", "\"x\""), std::pair("0.1:1,0.1:2", "twice"), std::pair("0:1", "0:1")}) {
    config.fractions = fractions;
    check_throws<OptionError>([&] { train::resolved(config); }, {"--fractions", word});
  }
  config.fractions = "";
  config.preset = "smal";
  check_throws<OptionError>([&] { train::resolved(config); }, {"did you mean \"small\""});
  config.preset = "paper";
  config.width = 0;
  config.steps = 0;
  const train::StudyConfig paper = train::resolved(config);
  CHECK(paper.width == 513);
  CHECK(paper.steps == 300'000);
  CHECK(paper.crop_center == "anywhere");
  CHECK(paper.segmentation.schedule == "poly");
  CHECK(paper.gan.reconstruction_weight == 1);
  config.gan.reconstruction_weight = 0;
  CHECK(train::resolved(config).gan.reconstruction_weight == 0);
  CHECK(train::resolved(small_study(f / "data", f / "d")).gan.reconstruction_weight == 100);
  CHECK(train::to_json(train::study_config_from_json(train::to_json(paper))) == train::to_json(paper));
}

TEST_CASE("a study's plan counts what is left and what it takes") {
  TempFolder f;
  small_phantom(f / "data", 8);
  train::StudyConfig config = small_study(f / "data", f / "out");
  config.fractions = "1:2";
  const data::Dataset dataset = data::open_dataset(config.data);
  train::Study study(config, dataset);
  const train::StudyPlan plan = study.plan();
  CHECK(plan.runs.size() == 4);
  CHECK(plan.seconds == doctest::Approx(4 * plan.colorization_step + 4 * 3 * plan.segmentation_step));
  CHECK(plan.memory > 0);
  CHECK_FALSE(fs::exists(f / "out"));
  CHECK(plan.text().at(0) == "1 colorization and 4 segmentations, of which 0 are there");
  CHECK(study.run({}, [](const std::string&) {}) == train::Outcome::finished);
  train::Study again(config, dataset);
  CHECK(again.plan().seconds == 0);
  CHECK(again.plan().text().at(0).find("of which 4 are there") != std::string::npos);
}

TEST_CASE("a study goes on with the photographs, labels and weights that it began with, or not at all") {
  TempFolder f;
  data::write_phantom(data::phantom_named("retina"), f / "eyes", {.count = 8, .width = 32, .height = 32, .seed = 3});
  small_phantom(f / "pool", 3);
  train::StudyConfig config = small_study(f / "eyes", f / "first");
  config.fractions = "1:1";
  config.steps = config.pretrain_steps = 1;
  config.photos = {(f / "pool/images").string()};
  CHECK(run_study(config) == train::Outcome::finished);
  const fs::path weights = f / "w.safetensors", runs = f / "first/runs", out = f / "second";
  fs::copy_file(runs / "100pct_seed0_scratch/weights/last.safetensors", weights);
  config.pretrained = weights.string();
  config.out = out.string();
  // Settings of a study that trained nothing bind nobody.
  io::create_folders(out);
  fs::copy_file(f / "first/study.json", out / "study.json");
  CHECK(run_study(config, 1) == train::Outcome::interrupted);

  const auto refused_with = [&](const fs::path& file, const std::string& other) {
    CAPTURE(file);
    const std::string before = io::read_file(file);
    REQUIRE(before != other);
    io::write_file_atomically(file, other);
    check_throws<DataError>([&] { run_study(config); }, {"changed since it was started", weights.string().c_str(), "another --out"});
    io::write_file_atomically(file, before);
  };
  refused_with(f / "pool/images/skin_0000.png", io::read_file(f / "pool/images/skin_0001.png"));
  refused_with(weights, io::read_file(runs / "100pct_seed0_colorization/weights/last.safetensors"));
  auto schema = nlohmann::json::parse(io::read_file(f / "eyes/dataset.json"));
  schema["ignore"] = 128;
  refused_with(f / "eyes/dataset.json", schema.dump());
  std::map<std::string, std::vector<fs::path>> second;  // files of planes that are not the first of their photograph
  const data::Dataset eyes = data::open_dataset(config.data);
  for (const data::Item& item : eyes.items(data::Split::train))
    for (const fs::path& plane : item.planes)
      if (!plane.empty() && plane != item.mask) second[plane.parent_path().string()].push_back(plane);
  const std::vector<fs::path>& planes = second.begin()->second;
  refused_with(planes.at(0), io::read_file(planes.at(1)));
  CHECK(run_study(config) == train::Outcome::finished);

  io::write_file_atomically(out / "runs/100pct_seed0_scratch/score.json", R"({"dice_all": 1})");
  check_throws<DataError>([&] { run_study(config); }, {"100pct_seed0_scratch/score.json", "\"dice_binary\"", "remove it"});
  auto study = nlohmann::json::parse(io::read_file(out / "study.json"));
  study["data"].erase("format");
  io::write_file_atomically(out / "study.json", study.dump());
  check_throws<DataError>([&] { run_study(config); }, {"a version that did not note", "another --out"});
}

TEST_CASE("a study of grades or of several heads is refused, and test images are not learned from") {
  TempFolder f;
  small_grades(f / "grades", 8);
  check_throws<DataError>([&] { run_study(small_study(f / "grades", f / "a")); }, {"grades", "Dice", "ordinal"});
  data::write_phantom(data::phantom_named("several"), f / "heads", {.count = 8, .width = 32, .height = 32, .seed = 3});
  check_throws<DataError>([&] { run_study(small_study(f / "heads", f / "a")); }, {"heads", "Dice of one head", "several heads"});
  CHECK_FALSE(fs::exists(f / "a"));
  small_phantom(f / "data", 12);
  train::StudyConfig config = small_study(f / "data", f / "a");
  config.photos = {(f / "data/images").string()};
  const data::Dataset dataset = data::open_dataset(config.data);
  const train::Study study(config, dataset);
  CHECK(study.notes().at(1).find("4 left out that val or test lists have") != std::string::npos);
}
