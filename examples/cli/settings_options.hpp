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

/// Adds what the values of an option do to its help, a line each: "  NAME: HELP". Completions and the man page read them there.
inline CLI::Option* with_choices(CLI::Option* option, std::span<const lamina::Choice> choices) {
  std::string help = option->get_description();
  for (const lamina::Choice& c : choices) help += std::string("\n  ") + c.name + ": " + c.help;
  return option->description(help);
}

/// The same where nothing else is taken.
inline CLI::Option* one_of(CLI::Option* option, std::span<const lamina::Choice> choices) {
  const auto known = [choices](std::string& text) {
    std::string all;
    for (const lamina::Choice& c : choices) {
      if (text == c.name) return std::string();
      all += (all.empty() ? "" : ", ") + std::string(c.name);
    }
    return "\"" + text + "\" is none of " + all;
  };
  return with_choices(option, choices)->check(CLI::Validator(known, ""));
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
      CLI::Option* option = with_choices(verb.add_option(name, value, field.help), field.choices);
      if (field.positional) option->required();
      const auto no_sign = [](std::string& text) { return text.starts_with("-") ? text + " must not be negative" : std::string(); };
      if (std::is_unsigned_v<T>) option->check(CLI::Validator(no_sign, ""));
    }
  });
}

}  // namespace cli
