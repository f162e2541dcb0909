// Commands that train a run again with other options.
#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <sstream>
#include <type_traits>
#include <utility>

#include "lamina/core/text.hpp"
#include "lamina/train/colorize.hpp"
#include "lamina/train/config.hpp"
#include "lamina/train/report.hpp"

namespace lamina::train {
namespace {

std::string option_of(const Setting& s) {
  std::string name = "--" + s.name;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

/// What a number's or a text's setting is when `text` is typed.
SettingValue typed(const SettingValue& like, const std::string& text) {
  return std::visit(
      [&](const auto& v) -> SettingValue {
        using T = std::remove_cvref_t<decltype(v)>;
        if constexpr (std::is_arithmetic_v<T>) {
          T number{};
          std::istringstream(text) >> number;
          return number;
        } else {
          return text;
        }
      },
      like);
}

/// The settings of a run with `changes` that are not usual; nothing where the changes are its own already.
template <class Config>
std::optional<std::vector<Setting>> settings_with(const Config& config, const std::string& changes) {
  std::map<std::string, std::string> changed;
  std::istringstream words(changes);
  for (std::string name, value; words >> name >> value;) changed[name] = value;
  const std::vector<Setting> defaults = settings_of(usual_settings(config));
  std::vector<Setting> all;
  bool news = false;
  for (Setting s : settings_of(config)) {
    if (const auto it = changed.find(option_of(s)); it != changed.end()) {
      const SettingValue before = std::exchange(s.value, typed(s.value, it->second));
      news |= s.value != before;
    }
    if (std::find(defaults.begin(), defaults.end(), s) == defaults.end()) all.push_back(std::move(s));
  }
  return news ? std::optional(std::move(all)) : std::nullopt;
}

std::string options_of(const std::vector<Setting>& settings) {
  std::string line;
  for (const Setting& s : settings)
    line += " " + option_of(s) + (std::holds_alternative<bool>(s.value) ? "" : " " + shell_word(to_string(s.value)));
  return line;
}

/// The folder of a run with other options, which it is named after: "--lr 0.001" of "run" is "run-lr-0.001". Two commands that a run
/// advises never share one.
std::string folder_with(const std::string& out, std::string changes) {
  for (std::size_t at; (at = changes.find("--")) != std::string::npos;) changes.erase(at, 2);
  for (char& c : changes)
    if (c == ' ')
      c = '-';
    else if (!std::isalnum(static_cast<unsigned char>(c)) && std::string_view("-+.=").find(c) == std::string_view::npos)
      c = '_';
  return shell_word(out + "-" + changes);
}

}  // namespace

TrainConfig usual_settings(const TrainConfig& c) {
  TrainConfig usual;
  usual.model = c.model;
  const std::string preset = resolved(usual).preset;  // where none is said
  usual.preset = c.preset;
  usual = resolved(usual);
  usual.data = c.data, usual.model = TrainConfig().model, usual.preset = preset;
  return usual;
}

ColorizeConfig usual_settings(const ColorizeConfig& c) {
  const ColorizeConfig plain = resolved(ColorizeConfig{});
  ColorizeConfig usual;
  usual.model = c.model;
  const std::string preset = resolved(usual).preset;  // where none is said
  usual.preset = c.preset, usual.discriminator = c.discriminator;
  usual = resolved(usual);
  usual.photos = c.photos, usual.model = plain.model, usual.preset = preset, usual.discriminator = plain.discriminator;
  return usual;
}

std::string command_with(const TrainConfig& c, const std::string& changes) {
  const auto settings = settings_with(c, changes);
  if (!settings) return program_word() + " check " + shell_word(c.data);
  return program_word() + " train " + shell_word(c.data) + options_of(*settings) + " --out " + folder_with(c.out, changes);
}

TrainConfig config_with(const TrainConfig& c, const std::string& changes) {
  const auto settings = settings_with(c, changes);
  if (!settings) return c;
  TrainConfig other;
  other.data = c.data, other.out = c.out;
  assign_settings(other, *settings, "advice");
  return resolved(other);
}

std::string command_with(const ColorizeConfig& c, const std::string& changes) {
  const auto settings = settings_with(c, changes);
  const std::string look =
      changes.empty() ? "" : "look at the pictures in " + shell_path(c.out + "/samples") + " and at " + shell_path(c.out + "/report.html");
  if (!settings) return look;
  ColorizeConfig other;
  other.photos = c.photos, other.out = c.out;
  try {
    assign_settings(other, *settings, "advice");
    check_settings(resolved(other));
  } catch (const OptionError&) {  // another network's option
    return look;
  }
  std::string photos;
  for (const std::string& p : c.photos) photos += " " + shell_word(p);
  return program_word() + " colorize train" + photos + options_of(*settings) + " --out " + folder_with(c.out, changes);
}

}  // namespace lamina::train
