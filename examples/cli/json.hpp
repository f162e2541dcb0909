// Scores as the JSON that scripts rely on.
#pragma once
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "lamina/core/text.hpp"
#include "lamina/heads/head.hpp"

namespace cli {

using Json = nlohmann::ordered_json;

/// Prints it as a result; bytes of file names that are no UTF-8 are replaced.
inline void print_json(const Json& j) { std::printf("%s\n", j.dump(2, ' ', false, Json::error_handler_t::replace).c_str()); }

/// "key  value" lines, or one JSON object.
inline void print_items(const Json& items, bool json) {
  if (json) {
    print_json(items);
    return;
  }
  constexpr std::size_t kColumns = 100, kKeys = 19;
  for (const auto& [key, value] : items.items()) {
    std::string line = lamina::padded(key, kKeys);
    std::size_t column = kKeys;
    if (value.is_string()) line += value.get<std::string>();
    if (!value.is_string() && !value.is_array()) line += value.dump();
    for (std::size_t k = 0; value.is_array() && k < value.size(); ++k) {
      const std::string word = lamina::shortened(value[k].dump(), kColumns - kKeys - 2) + (k + 1 < value.size() ? "," : "");
      const std::size_t width = lamina::display_width(word);
      if (column > kKeys && column + 1 + width > kColumns)
        line += '\n' + std::string(kKeys, ' '), column = kKeys;
      else if (column > kKeys)
        line += ' ', ++column;
      line += word, column += width;
    }
    std::printf("%s\n", line.c_str());
  }
}

/// NaN (no such class) is null.
inline Json json_number(double v) { return std::isnan(v) ? Json(nullptr) : Json(v); }

inline Json json_scores(const lamina::metrics::ConfusionMatrix& m, const lamina::heads::Head& head,
                        double undefined = lamina::metrics::kUndefined) {
  const auto s = head.scores(m, undefined);
  auto kind = [](const lamina::metrics::ClassScores& c) {
    Json per_class = Json::array();
    for (double v : c.per_class) per_class.push_back(json_number(v));
    return Json{{"per_class", per_class},
                {"macro", json_number(c.macro)},
                {"macro_foreground", json_number(c.macro_foreground)},
                {"micro", json_number(c.micro)},
                {"micro_foreground", json_number(c.micro_foreground)}};
  };
  Json confusion = Json::array();
  for (int t = 0; t < m.classes(); ++t) {
    Json row = Json::array();
    for (int p = 0; p < m.classes(); ++p) row.push_back(m.at(t, p));
    confusion.push_back(row);
  }
  Json result{{"dice", kind(s.dice)},
              {"iou", kind(s.iou)},
              {"precision", kind(s.precision)},
              {"recall", kind(s.recall)},
              {"specificity", kind(s.specificity)},
              {"additive_dice", json_number(s.additive_dice)},
              {"accuracy", json_number(s.accuracy)},
              {"confusion", confusion}};
  const lamina::Scalars all = head.summary(m, undefined);
  for (const char* name : {"mean_absolute_error", "within_one", "quadratic_kappa"})
    if (const double* value = all.find(name)) result["ordinal"][name] = json_number(*value);
  const auto parts = head.parts();
  for (std::size_t k = 0; parts.size() > 1 && k < parts.size(); ++k) {
    Json& own = result["heads"][parts[k].head->name()] = json_scores(head.of_part(m, k), *parts[k].head, undefined);
    own["classes"] = parts[k].head->outcomes();
  }
  return result;
}

}  // namespace cli
