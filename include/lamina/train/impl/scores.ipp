#include "lamina/train/scores.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/sinks/metrics_files.hpp"

namespace lamina::train {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(double v) { return std::isnan(v) ? Json(nullptr) : Json(v); }
double number_from(const Json& j) { return j.is_null() ? std::nan("") : j.get<double>(); }
Json json_of(const metrics::Interval& i) { return Json::array({json_of(i.low), json_of(i.high)}); }
metrics::Interval interval_from(const Json& j) { return {number_from(j.at(0)), number_from(j.at(1))}; }

Json json_of(const ScoreIntervals& s) {
  Json j{{"level", s.options.level}, {"resamples", s.options.resamples}, {"images", s.images}, {"selection", json_of(s.selection)}};
  for (const auto& [name, interval] : s.each) j[name] = json_of(interval);
  return j;
}

}  // namespace

std::string to_json(const ScoreIntervals& intervals) { return json_of(intervals).dump(); }

std::string to_json(const SurfaceSummary& s, double tolerance) {
  Json j{{"tolerance", tolerance}};
  for (const auto& [name, score] :
       {std::pair("hausdorff95", &SurfaceSummary::Row::hausdorff95), std::pair("surface_dice", &SurfaceSummary::Row::surface_dice)}) {
    Json each = Json::array();
    for (const SurfaceSummary::Row& row : s.regions) each.push_back(json_of(row.*score));
    j[name] = {{"per_class", each}, {"macro", json_of(s.macro.*score)}, {"macro_foreground", json_of(s.macro_foreground.*score)}};
  }
  for (const SurfaceSummary::Row& row : s.regions) j["images"].push_back(row.images), j["missed"].push_back(row.missed);
  return j.dump();
}

std::vector<ScoredImage> scored_images(const std::vector<data::Item>& items, const std::vector<ImageScore>& scores) {
  std::vector<ScoredImage> all;
  for (const ImageScore& score : scores) {
    const data::Item& item = items[static_cast<std::size_t>(score.item)];
    std::string held = message(item.width, 'x', item.height);
    for (const std::int64_t pixels : item.pixels) held += message(' ', pixels);
    all.push_back({item.name, score.quality, io::crc32c(held)});
  }
  return all;
}

std::string scores_json(const RunScores& s) {
  Json j{{"split", s.split}, {"epoch", s.epoch}, {"score", {{"name", s.score_name}, {"value", json_of(s.score)}}}};
  for (const auto& [name, value] : s.scores) j["scores"][name] = json_of(value);
  j["intervals"] = json_of(s.intervals);
  for (const auto& [name, value] : s.image_means) j["image_means"][name] = json_of(value);
  if (!s.surfaces.regions.empty()) j["borders"] = Json::parse(to_json(s.surfaces, s.tolerance));
  for (const ScoredImage& i : s.images) j["images"].push_back({{"name", i.name}, {"quality", json_of(i.quality)}, {"labels", i.labels}});
  return j.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

RunScores read_scores(const std::filesystem::path& file) {
  try {
    const Json j = Json::parse(io::read_file(file));
    RunScores s{.split = j.at("split"),
                .epoch = j.at("epoch"),
                .score_name = j.at("score").at("name"),
                .score = number_from(j.at("score").at("value"))};
    for (const auto& [name, value] : j.at("scores").items()) s.scores[name] = number_from(value);
    const Json& intervals = j.at("intervals");
    s.intervals.options.level = intervals.at("level");
    s.intervals.options.resamples = intervals.at("resamples");
    s.intervals.images = intervals.at("images");
    s.intervals.selection = interval_from(intervals.at("selection"));
    for (const auto& [name, value] : s.scores) s.intervals.each.emplace_back(name, interval_from(intervals.at(name)));
    for (const Json& image : j.at("images"))
      s.images.push_back({image.at("name"), number_from(image.at("quality")), image.value("labels", 0u)});
    return s;
  } catch (const nlohmann::json::exception& e) {
    throw DataError(message(file.string(), ": no scores of a run: ", json_reason(e.what())));
  }
}

std::string per_image_csv(const heads::Head& head, const std::vector<ImageScore>& images, const std::vector<data::Item>& items,
                          double undefined) {
  std::string text = "image";
  if (!images.empty())
    for (const auto& [name, value] : image_columns(head, images[0], undefined)) text += "," + csv_field(name);
  for (const ImageScore& s : images) {
    text += "\n" + csv_field(items[static_cast<std::size_t>(s.item)].name);
    for (const auto& [name, value] : image_columns(head, s, undefined)) text += "," + decimal(value, 6);
  }
  return text + "\n";
}

std::string confusion_csv(const metrics::ConfusionMatrix& m, const std::vector<std::string>& names) {
  std::string text = "true\\predicted";
  for (const std::string& n : names) text += "," + csv_field(n);
  for (int t = 0; t < m.classes(); ++t) {
    text += "\n" + csv_field(names[static_cast<std::size_t>(t)]);
    for (int p = 0; p < m.classes(); ++p) text += "," + std::to_string(m.at(t, p));
  }
  return text + "\n";
}

}  // namespace lamina::train
