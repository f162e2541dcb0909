#pragma once
// JSON that people write: faults are told by line and column.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/error.hpp"
#include "lamina/core/text.hpp"

namespace lamina::data::detail {

using Json = nlohmann::ordered_json;

/// Throws DataError naming `origin`, line and column: what is no JSON, a name that an object has twice.
inline Json parse_json(std::string_view text, const std::string& origin) {
  std::vector<std::set<std::string>> names;
  std::string twice;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && !names.back().insert(value.get<std::string>()).second && twice.empty())
      twice = value.get<std::string>();
    return true;
  };
  try {
    Json json = Json::parse(text, watch);
    if (twice.empty()) return json;
  } catch (const Json::parse_error& e) {
    const std::string what = e.what();
    const std::size_t reason = what.find("column");
    throw DataError(message(origin, line_and_column(text, e.byte ? e.byte - 1 : 0), ": this is no JSON",
                            reason == std::string::npos ? "" : what.substr(std::min(what.find(':', reason), what.size()))));
  } catch (const Json::out_of_range& e) {
    const std::string what = e.what(), number = what.substr(std::min(what.find('\''), what.size()));
    const std::string digits = number.substr(0, number.find('\'', 1)).substr(std::min<std::size_t>(1, number.size()));
    throw DataError(
        message(origin, line_and_column(text, std::min(text.find(digits), text.size())), ": the number ", digits, " is too large"));
  }
  const std::size_t first = text.find('"' + twice + '"'), again = text.find('"' + twice + '"', first + 1);
  throw DataError(message(origin, line_and_column(text, std::min(again, text.size())), ": \"", twice, "\" stands twice in one object"));
}

}  // namespace lamina::data::detail
