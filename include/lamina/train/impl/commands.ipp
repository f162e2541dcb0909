// Commands that train a run again with other options.
#include <algorithm>
#include <map>
#include <sstream>

#include "lamina/core/text.hpp"
#include "lamina/train/colorize.hpp"
#include "lamina/train/config.hpp"
#include "lamina/train/report.hpp"

namespace lamina::train {
namespace {

/// The options of a command line that make `settings` of `defaults`, some replaced with `changes`; empty where they are so already.
std::string options_with(const std::vector<Setting>& settings, const std::vector<Setting>& defaults, const std::string& changes) {
  std::map<std::string, std::string> changed;
  std::istringstream words(changes);
  for (std::string name, value; words >> name >> value;) changed[name] = value;
  std::string line;
  bool news = false;
  for (const Setting& s : settings) {
    std::string name = "--" + s.name, value = to_string(s.value);
    std::replace(name.begin(), name.end(), '_', '-');
    if (const auto it = changed.find(name); it != changed.end()) news |= value != it->second, value = it->second;
    const auto usual = std::find_if(defaults.begin(), defaults.end(), [&](const Setting& d) { return d.name == s.name; });
    if (usual == defaults.end() || to_string(usual->value) != value)
      line += " " + name + (std::holds_alternative<bool>(s.value) ? "" : " " + shell_word(value));
  }
  return news ? line : "";
}

}  // namespace

TrainConfig usual_settings(const TrainConfig& c) {
  const TrainConfig plain = resolved(TrainConfig{});
  TrainConfig usual;
  usual.model = c.model, usual.preset = c.preset;
  usual = resolved(usual);
  usual.data = c.data, usual.model = plain.model, usual.preset = plain.preset;
  return usual;
}

ColorizeConfig usual_settings(const ColorizeConfig& c) {
  ColorizeConfig usual;
  usual.model = c.model, usual.preset = c.preset, usual.discriminator = c.discriminator;
  const ColorizeConfig plain = resolved(ColorizeConfig{});
  usual = resolved(usual);
  usual.photos = c.photos, usual.model = plain.model, usual.preset = plain.preset, usual.discriminator = plain.discriminator;
  return usual;
}

std::string command_with(const TrainConfig& c, const std::string& changes) {
  const std::string options = options_with(settings_of(c), settings_of(usual_settings(c)), changes);
  if (options.empty()) return program_word() + " check " + shell_word(c.data);
  return program_word() + " train " + shell_word(c.data) + options + " --out " + shell_word(c.out + "-2");
}

std::string command_with(const ColorizeConfig& c, const std::string& changes) {
  const std::string options = options_with(settings_of(c), settings_of(usual_settings(c)), changes);
  std::string photos;
  for (const std::string& p : c.photos) photos += " " + shell_word(p);
  return options.empty() ? changes : program_word() + " colorize train" + photos + options + " --out " + shell_word(c.out + "-2");
}

}  // namespace lamina::train
