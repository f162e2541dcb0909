// Settings as text and JSON.
#include "lamina/core/settings.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"

namespace lamina {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const SettingValue& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

std::string option(const Field& field) {
  std::string name = std::string("--") + field.name;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

[[noreturn]] void throw_wrong_type(const Field& field, const SettingValue& value, const char* wanted) {
  throw DataError(message("the setting \"", field.name, "\" is ", json_of(value).dump(), ", not ", wanted));
}

template <class T>
void assign_whole(const Field& field, T& to, const SettingValue& from) {
  const auto* s = std::get_if<std::int64_t>(&from);
  const auto* u = std::get_if<std::uint64_t>(&from);
  if (s && std::in_range<T>(*s))
    to = static_cast<T>(*s);
  else if (u && std::in_range<T>(*u))
    to = static_cast<T>(*u);
  else
    throw_wrong_type(field, from, "a whole number that fits");
}

}  // namespace

std::string to_string(const Extent& e) { return std::to_string(e.width) + "x" + std::to_string(e.height); }

std::string to_string(const TextList& w) {
  std::string lines;
  for (const std::string& word : w.words) lines += (lines.empty() ? "" : "\n") + word;
  return lines;
}

std::pair<int, int> parse_extent(const std::string& text) {
  const std::size_t x = text.find('x');
  auto number = [&](std::size_t from, std::size_t to) {
    int v = 0;
    const auto [end, error] = std::from_chars(text.data() + from, text.data() + to, v);
    require<OptionError>(error == std::errc() && end == text.data() + to && v >= 1 && v <= 16384, "size \"", text,
                         "\": write W or WxH in pixels, such as 256 or 320x240");
    return v;
  };
  if (x == std::string::npos) return {number(0, text.size()), number(0, text.size())};
  return {number(0, x), number(x + 1, text.size())};
}

std::string to_string(const SettingValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text ? *text : json_of(value).dump();
}

std::string settings_to_json(const std::vector<Setting>& settings, int format) {
  Json j{{"format", format}};
  for (const Setting& s : settings) j[s.name] = json_of(s.value);
  return j.dump(2, ' ', false, Json::error_handler_t::replace);  // file names may be no UTF-8
}

std::vector<Setting> settings_from_json(const std::string& text, const char* what, int newest, int& format) {
  Json j;
  try {
    j = Json::parse(text);
  } catch (const Json::parse_error& e) {
    throw DataError(message(what, line_and_column(text, e.byte ? e.byte - 1 : 0), ": this is no JSON"));
  } catch (const Json::out_of_range& e) {
    throw DataError(message(what, ": a number is too large"));
  }
  require<DataError>(j.is_object(), what, ": not a JSON object");
  std::vector<Setting> settings;
  format = 0;
  for (const auto& [name, value] : j.items()) {
    if (name == "format") {
      require<DataError>(value.is_number_integer(), what, ": \"format\" is not a number");
      format = value.get<int>();
    } else if (value.is_boolean()) {
      settings.push_back({name, value.get<bool>()});
    } else if (value.is_number_unsigned()) {
      settings.push_back({name, value.get<std::uint64_t>()});
    } else if (value.is_number_integer()) {
      settings.push_back({name, value.get<std::int64_t>()});
    } else if (value.is_number_float()) {
      settings.push_back({name, value.get<double>()});
    } else {
      require<DataError>(value.is_string(), what, line_and_column(text, std::min(text.find('"' + name + '"'), text.size())),
                         ": the setting \"", name, "\" is neither a number nor a text", value.is_array() ? ", but a list" : "");
      settings.push_back({name, value.get<std::string>()});
    }
  }
  require<DataError>(format <= newest, what, ": it has format ", format,
                     " and was written by a newer version; this build reads formats up to ", newest);
  return settings;
}

std::vector<Setting> changed_settings(const std::vector<Setting>& settings, const std::vector<Setting>& usual) {
  std::vector<Setting> changed;
  for (const Setting& s : settings)
    if (std::none_of(usual.begin(), usual.end(),
                     [&](const Setting& u) { return u.name == s.name && to_string(u.value) == to_string(s.value); }))
      changed.push_back(s);
  return changed;
}

std::string differences(const std::vector<Setting>& here, const std::vector<Setting>& there) {
  std::string out;
  const auto text = [](const SettingValue& v) { return json_of(v).dump(-1, ' ', false, Json::error_handler_t::replace); };
  for (const Setting& a : here)
    for (const Setting& b : there)
      if (a.name == b.name && a.value != b.value)
        out += (out.empty() ? "" : "; ") + a.name + ": " + text(a.value) + " here, " + text(b.value) + " there";
  return out;
}

namespace detail {

SettingValue setting_value(bool v) { return v; }
SettingValue setting_value(const std::string& v) { return v; }

void assign(const Field& field, bool& to, const SettingValue& from) {
  const auto* v = std::get_if<bool>(&from);
  if (!v) throw_wrong_type(field, from, "true or false");
  to = *v;
}
void assign(const Field& field, std::string& to, const SettingValue& from) {
  const auto* v = std::get_if<std::string>(&from);
  if (!v) throw_wrong_type(field, from, "a text");
  to = *v;
}
void assign(const Field& field, double& to, const SettingValue& from) {
  if (const auto* v = std::get_if<double>(&from))
    to = *v;
  else if (const auto* s = std::get_if<std::int64_t>(&from))
    to = static_cast<double>(*s);
  else if (const auto* u = std::get_if<std::uint64_t>(&from))
    to = static_cast<double>(*u);
  else
    throw_wrong_type(field, from, "a number");
}
void assign(const Field& field, int& to, const SettingValue& from) { assign_whole(field, to, from); }
void assign(const Field& field, std::int64_t& to, const SettingValue& from) { assign_whole(field, to, from); }
void assign(const Field& field, std::uint64_t& to, const SettingValue& from) { assign_whole(field, to, from); }
void assign(const Field& field, Extent to, const SettingValue& from) {
  const auto* v = std::get_if<std::string>(&from);
  if (!v) throw_wrong_type(field, from, "a size such as \"256x256\"");
  if (field.least == 0 && *v == "0x0")  // of something else
    to.width = to.height = 0;
  else
    std::tie(to.width, to.height) = parse_extent(*v);
}
void assign(const Field& field, TextList to, const SettingValue& from) {
  std::string text;
  assign(field, text, from);
  to.words.clear();
  for (std::size_t begin = 0, end; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    to.words.push_back(text.substr(begin, end - begin));
  }
}

void require_in_range(const Field& field, double value) {
  const std::string given = option(field) + " " + shortest(value);
  require<OptionError>(!std::isnan(value), given, " is not a number");
  require<OptionError>(!std::isinf(value), given, " must be finite");
  if (field.least == kPositive) require<OptionError>(value > 0, given, " must be positive");
  require<OptionError>(value >= field.least, given, " must be at least ", shortest(field.least));
  require<OptionError>(value <= field.most, given, " must be at most ", shortest(field.most));
}

void throw_unknown_field(const char* what, const std::string& name, const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  throw DataError(message(what, ": unknown setting \"", name, "\"", suggestion(name, views)));
}

}  // namespace detail
}  // namespace lamina
