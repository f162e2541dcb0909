#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "lamina/core/names.hpp"

// Settings are described once: `describe(config, visit)` calls visit(Field, value) for every field of a struct in its order. Command line,
// TOML, JSON, printing, comparison and checks visit it.
namespace lamina {

/// What is known of a field beside its type and default.
struct Field {
  const char* name = "";  ///< with underscores, as files have it; the command line has dashes
  const char* help = "";  ///< one line
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();  ///< of a number
  bool stored = true;                    ///< false: the result does not depend on it; it stays out of files and comparisons
  bool positional = false;               ///< on the command line: a word, not an option
  bool optional = false;                 ///< a text that is left out of files and comparisons while it is empty
  std::span<const Choice> choices = {};  ///< the values of a text, or the items of a list
};
/// Field::least of numbers that must be above 0.
inline constexpr double kPositive = std::numeric_limits<double>::min();

/// A width and a height that stand in one field, as "320x240"; "256" is both.
struct Extent {
  int &width, &height;
};
std::string to_string(const Extent& extent);
/// Throws OptionError.
std::pair<int, int> parse_extent(const std::string& text);

/// Texts that stand in one field; in files a line each.
struct TextList {
  std::vector<std::string>& words;
};
std::string to_string(const TextList& words);

/// A field's value, whatever struct it is in.
using SettingValue = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;
struct Setting {
  std::string name;
  SettingValue value;
  bool operator==(const Setting&) const = default;
};
std::string to_string(const SettingValue& value);

/// {"format": N, "name": value, ...}.
std::string settings_to_json(const std::vector<Setting>& settings, int format);
/// The format number becomes `format` (0: it has none). Throws DataError beginning with `what` on text that is none, or on a format above
/// `newest`.
std::vector<Setting> settings_from_json(const std::string& text, const char* what, int newest, int& format);

namespace detail {
SettingValue setting_value(bool v);
SettingValue setting_value(const std::string& v);
template <class T>
SettingValue setting_value(const T& v) {
  if constexpr (std::is_same_v<T, Extent> || std::is_same_v<T, TextList>)
    return to_string(v);
  else if constexpr (std::is_floating_point_v<T>)
    return double{v};
  else if constexpr (std::is_unsigned_v<T>)
    return std::uint64_t{v};
  else
    return std::int64_t{v};
}
// Throw DataError naming the field.
void assign(const Field& field, bool& to, const SettingValue& from);
void assign(const Field& field, std::string& to, const SettingValue& from);
void assign(const Field& field, double& to, const SettingValue& from);
void assign(const Field& field, int& to, const SettingValue& from);
void assign(const Field& field, std::int64_t& to, const SettingValue& from);
void assign(const Field& field, std::uint64_t& to, const SettingValue& from);
void assign(const Field& field, Extent to, const SettingValue& from);
void assign(const Field& field, TextList to, const SettingValue& from);
void require_in_range(const Field& field, double value);
[[noreturn]] void throw_unknown_field(const char* what, const std::string& name, const std::vector<std::string>& known);
}  // namespace detail

/// The stored fields of a described struct.
template <class Config>
std::vector<Setting> settings_of(const Config& config) {
  std::vector<Setting> out;
  describe(const_cast<Config&>(config), [&](const Field& field, const auto& value) {
    Setting s{field.name, detail::setting_value(value)};
    if (field.stored && !(field.optional && s.value == SettingValue(std::string()))) out.push_back(std::move(s));
  });
  return out;
}

/// Sets the fields that are given; others keep what they have. Throws DataError beginning with `what`: a name that is no field (with the
/// nearest), a value of another type.
template <class Config>
void assign_settings(Config& config, const std::vector<Setting>& given, const char* what) {
  std::vector<std::string> known;
  describe(config, [&](const Field& field, auto&& value) {
    if (!field.stored) return;
    known.emplace_back(field.name);
    for (const Setting& s : given)
      if (s.name == field.name) detail::assign(field, value, s.value);
  });
  for (const Setting& s : given) {
    bool found = false;
    for (const std::string& name : known) found |= name == s.name;
    if (!found) detail::throw_unknown_field(what, s.name, known);
  }
}

/// Throws OptionError, naming the option, where a number is outside its field's range.
template <class Config>
void require_ranges(const Config& config) {
  describe(const_cast<Config&>(config), [](const Field& field, const auto& value) {
    using T = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
      detail::require_in_range(field, static_cast<double>(value));
    else if constexpr (std::is_same_v<T, Extent>) {
      detail::require_in_range(field, value.width);
      detail::require_in_range(field, value.height);
    }
  });
}

/// Those of `settings` that are otherwise in `usual`, or not at all.
std::vector<Setting> changed_settings(const std::vector<Setting>& settings, const std::vector<Setting>& usual);

/// "lr: 0.002 here, 0.001 there; ..." for settings that differ; empty when none does.
std::string differences(const std::vector<Setting>& here, const std::vector<Setting>& there);

}  // namespace lamina
