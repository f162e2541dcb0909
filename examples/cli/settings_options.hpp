// Options of a verb from a described settings struct.
#pragma once
#include <CLI/CLI.hpp>

#include <algorithm>

#include "lamina/core/settings.hpp"

namespace cli {

/// "--class-weights" for class_weights.
inline std::string option_name(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return "--" + field;
}

/// Adds every field of `config`, which must outlive the parsing: "--class-weights" for class_weights, DATA for a positional one. Ranges are
/// the library's to check; only a sign that the type cannot have is told here.
template <class Config>
void add_settings(CLI::App& verb, Config& config) {
  describe(config, [&](const lamina::Field& field, auto&& value) {
    using T = std::remove_cvref_t<decltype(value)>;
    std::string name = field.name;
    if (field.positional)
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
    else
      name = option_name(name);
    if constexpr (std::is_same_v<T, lamina::Extent>) {
      const auto set = [value](const std::string& text) { std::tie(value.width, value.height) = lamina::parse_extent(text); };
      verb.add_option_function<std::string>(name, set, field.help)->default_str(to_string(value));
    } else if constexpr (std::is_same_v<T, lamina::TextList>) {
      verb.add_option(name, value.words, field.help)->required(field.positional);
    } else if constexpr (std::is_same_v<T, bool>) {
      verb.add_flag(name, value, field.help);
    } else {
      CLI::Option* option = verb.add_option(name, value, field.help);
      if (field.positional) option->required();
      const auto no_sign = [](std::string& text) { return text.starts_with("-") ? text + " must not be negative" : std::string(); };
      if (std::is_unsigned_v<T>) option->check(CLI::Validator(no_sign, ""));
    }
  });
}

}  // namespace cli
