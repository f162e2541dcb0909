// What --help says of what is registered: families, presets, loss terms, layouts.
#include "help.hpp"

#include "lamina/core/text.hpp"
#include "lamina/data/import.hpp"
#include "lamina/losses/term.hpp"
#include "lamina/models/registry.hpp"

namespace cli {

using namespace lamina;

namespace {
std::vector<std::string> families(bool for_pixels) {
  std::vector<std::string> names = models::family_names();
  if (for_pixels) std::erase_if(names, [](const std::string& name) { return models::find_family(name).discriminator; });
  return names;
}

}  // namespace

std::string models_help(bool for_pixels) {
  std::string help = "network family";
  for (const std::string& name : families(for_pixels)) help += "\n  " + name + ": " + models::find_family(name).help;
  return help;
}
std::string presets_help(bool for_pixels) {
  std::string help = "published network of the family; empty: its first";
  for (const std::string& name : families(for_pixels))
    for (const auto& preset : models::find_family(name).presets)
      help += "\n  " + preset.name + ": " + name + ", " + (preset.help.empty() ? "without a description" : preset.help);
  return help;
}
std::string loss_terms_help() {
  std::string help = "sum of terms such as 0.5*ce+dice or tversky:alpha=0.3; of several heads also NAME=TERMS,...";
  for (const losses::TermType& t : losses::term_types()) {
    help += "\n  " + t.name + ": " + t.help;
    for (const losses::TermArgument& a : t.arguments) help += message(", ", a.name, "=", shortest(a.value));
  }
  return help;
}

std::string import_help() {
  std::string help = "the other layout";
  for (const auto& [name, what] : data::import_kinds()) help += message("\n  ", std::string(name), ": ", std::string(what));
  return help;
}

}  // namespace cli
