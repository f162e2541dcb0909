// Cross-validation: K runs, one table.
#include "lamina/train/folds.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "lamina/core/random.hpp"
#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/scores.hpp"
#include "lamina/train/sinks/metrics_files.hpp"

namespace lamina::train {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

/// Mean and standard deviation (of a sample) over the folds that have a value.
std::pair<double, double> spread(const std::vector<Scalars>& folds, const std::string& name) {
  double sum = 0, squares = 0;
  int count = 0;
  for (const Scalars& fold : folds)
    if (const double v = fold.at(name); !std::isnan(v)) sum += v, ++count;
  if (count == 0) return {std::nan(""), std::nan("")};
  const double mean = sum / count;
  for (const Scalars& fold : folds)
    if (const double v = fold.at(name); !std::isnan(v)) squares += (v - mean) * (v - mean);
  return {mean, count > 1 ? std::sqrt(squares / (count - 1)) : std::nan("")};
}

/// "score,fold_1,...,mean,sd,pooled,low,high".
std::string table(const heads::Head& head, const CrossValidation& c) {
  std::string csv = "score";
  for (std::size_t k = 1; k <= c.folds.size(); ++k) csv += message(",fold_", k);
  csv += ",mean,sd,pooled,low,high\n";
  std::size_t row = 0;
  for (const auto& [name, pooled] : head.summary(c.all.confusion)) {
    csv += csv_field(name);
    for (const Scalars& fold : c.folds) csv += "," + decimal(fold.at(name), 6);
    const auto [mean, sd] = spread(c.folds, name);
    const metrics::Interval& interval = c.intervals.each[row++].second;
    for (const double v : {mean, sd, pooled, interval.low, interval.high}) csv += "," + decimal(v, 6);
    csv += "\n";
  }
  return csv;
}

std::string json_of(const heads::Head& head, const CrossValidation& c) {
  const auto number = [](double v) { return std::isnan(v) ? Json(nullptr) : Json(v); };
  const heads::Selection chosen = head.selection(c.all.confusion);
  Json j{{"folds", c.folds.size()},
         {"images", c.all.images.size()},
         {"runs", c.runs},
         {"score", {{"name", chosen.name}, {"value", number(chosen.value)}}}};
  for (const auto& [name, pooled] : head.summary(c.all.confusion)) {
    const auto [mean, sd] = spread(c.folds, name);
    Json each = Json::array();
    for (const Scalars& fold : c.folds) each.push_back(number(fold.at(name)));
    j["scores"][name] = {{"folds", each}, {"mean", number(mean)}, {"sd", number(sd)}, {"pooled", number(pooled)}};
  }
  j["intervals"] = Json::parse(to_json(c.intervals));
  return j.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Throws OptionError where the folder has the runs of another number of folds; else it says the number, before there is a result.
void require_dealt_alike(const fs::path& out, int folds) {
  const fs::path file = out / "folds.json";
  if (fs::exists(file)) {
    const Json there = Json::parse(io::read_file(file), nullptr, false);
    const int dealt = there.is_object() ? there.value("folds", folds) : folds;
    require<OptionError>(dealt == folds, "--out ", out.string(), " has the runs of --folds ", dealt, "; choose another --out for ", folds);
    return;
  }
  io::create_folders(out);
  io::write_file_atomically(file, Json{{"folds", folds}}.dump() + "\n");
}

}  // namespace

data::Dataset fold_of(const data::Dataset& dataset, int folds, int index, std::uint64_t seed) {
  std::vector<data::Item> items;
  for (const data::Split split : {data::Split::train, data::Split::val})
    items.insert(items.end(), dataset.items(split).begin(), dataset.items(split).end());
  std::map<std::string, std::vector<data::Item>> together;  // groups, and images that are in none
  std::map<std::string, std::string> group_of;              // that of a photograph is also that of its copies
  for (const data::Item& item : items)
    if (!item.group.empty()) group_of.emplace(item.copy_of.empty() ? item.name : item.copy_of, item.group + "\n");
  for (data::Item& item : items) {
    const std::string& name = item.copy_of.empty() ? item.name : item.copy_of;
    const auto group = group_of.find(name);
    together[!item.group.empty() ? item.group + "\n" : group != group_of.end() ? group->second : name].push_back(std::move(item));
  }
  require<OptionError>(folds >= 2 && folds <= std::ssize(together) && index >= 0 && index < folds, "--folds ", folds,
                       ": the images of train and val, ", items.size(),
                       together.size() < items.size() ? message(" in ", together.size(), " groups") : "",
                       ", can be dealt into 2 to as many folds");
  std::vector<const std::vector<data::Item>*> order;
  for (const auto& [name, own] : together) order.push_back(&own);
  Random random(RandomKey{seed, 0x666f6c64});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  data::Dataset one = dataset;
  std::erase_if(one.findings, [](const data::Finding& finding) { return finding.leak; });  // copies are in one fold
  for (auto& split : one.splits) split.clear();
  for (std::size_t i = 0; i < order.size(); ++i) {
    auto& split = one.splits[static_cast<int>(static_cast<int>(i) % folds == index ? data::Split::val : data::Split::train)];
    split.insert(split.end(), order[i]->begin(), order[i]->end());
  }
  for (auto& split : one.splits)
    std::sort(split.begin(), split.end(), [](const data::Item& a, const data::Item& b) { return a.name < b.name; });
  return one;
}

Outcome cross_validate(const TrainConfig& config, const data::Dataset& dataset, int folds, bool resume, const TrainEvents& events,
                       CrossValidation& result, const OutOfFold& predicted, const std::atomic<bool>* stop) {
  const fs::path out = config.out;
  require_no_other(out, Trained::folds);
  (void)fold_of(dataset, folds, 0, config.seed);
  require_dealt_alike(out, folds);
  const auto say = [&](const std::string& line) {
    if (events.message) events.message(line);
  };
  const std::vector<data::Item> items = dataset.all_items();
  const bool grouped = std::any_of(items.begin(), items.end(), [](const data::Item& item) { return !item.group.empty(); });
  say(message("cross-validation: the images of train and val are dealt into ", folds, " folds by their names and --seed",
              dataset.items(data::Split::test).empty() ? "" : "; test is left alone",
              grouped ? "; those of a group (groups.txt) stay together"
                      : "; what belongs together (a patient, a film) is not kept together without a groups.txt of lines NAME GROUP"));
  std::string per_image;
  result = {{}, Evaluation{heads::make_head(dataset.schema, config.head)->confusion(), {}, {}}, {}, {}};
  std::shared_ptr<const heads::Head> head;
  for (int k = 0; k < folds; ++k) {
    TrainConfig one = config;
    one.out = (out / message("fold_", k + 1)).string();
    result.runs.push_back(one.out);
    const data::Dataset set = fold_of(dataset, folds, k, config.seed);
    say(message("fold ", k + 1, " of ", folds, ": ", counted(std::ssize(set.items(data::Split::train)), "image"), " to train on, ",
                set.items(data::Split::val).size(), " held out"));
    if (const Outcome outcome = train(one, set, resume, events, stop); outcome != Outcome::finished) return outcome;
    const io::ModelFile file(RunFolder{one.out}.weights("last"));
    head = run_info(file).head;
    infer::Predictor predictor(file.path(), parse_device(config.device));
    const auto& items = set.items(data::Split::val);
    const Evaluation e = evaluate_at_original_size(predictor, set, data::Split::val, {}, [&](int item, const data::LabelImage& decided) {
      if (predicted) predicted(items[static_cast<std::size_t>(item)], decided);
    });
    result.folds.push_back(head->summary(e.confusion));
    result.all.confusion.add(e.confusion);
    for (const ImageScore& image : e.images) {
      const Scalars columns = image_columns(*head, image);
      if (per_image.empty()) {
        per_image = "image,fold";
        for (const auto& [name, value] : columns) per_image += "," + csv_field(name);
      }
      per_image += "\n" + csv_field(items[static_cast<std::size_t>(image.item)].name) + message(",", k + 1);
      for (const auto& [name, value] : columns) per_image += "," + decimal(value, 6);
      result.all.images.push_back(image);
    }
  }
  result.intervals = score_intervals(*head, result.all.images);
  io::write_file_atomically(out / "per_image.csv", per_image + "\n");
  io::write_file_atomically(out / "folds.csv", table(*head, result));
  io::write_file_atomically(out / "folds.json", json_of(*head, result));
  return Outcome::finished;
}

}  // namespace lamina::train
