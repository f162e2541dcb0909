// What --help says of what is registered: families, presets, loss terms, layouts.
#include "help.hpp"

#include "lamina/core/text.hpp"
#include "lamina/data/import.hpp"
#include "lamina/losses/term.hpp"
#include "lamina/models/registry.hpp"

namespace cli {

using namespace lamina;

std::string models_help() {
  std::string help = "network family";
  for (const std::string& name : models::family_names()) help += "\n  " + name + ": " + models::find_family(name).help;
  return help;
}
std::string presets_help() {
  std::string help = "published network of the family; empty: its first";
  for (const std::string& name : models::family_names())
    for (const auto& preset : models::find_family(name).presets)
      help += "\n  " + preset.name + ": " + name + ", " + (preset.help.empty() ? "without a description" : preset.help);
  return help;
}
std::string loss_terms_help() {
  std::string help = "Terms of --loss, as in 0.5*ce+dice:smooth=1e-5, each with its arguments' defaults:\n";
  for (const losses::TermType& t : losses::term_types()) {
    help += "  " + t.name;
    for (const losses::TermArgument& a : t.arguments) {
      const std::string text = formatted(":%s=%.3g", a.name, a.value);
      help += text;
    }
    help += "\n" + wrapped("      " + t.help, 100, 6) + "\n";
  }
  return help;
}

std::string import_help() {
  std::string help = "the other layout";
  for (const auto& [name, what] : data::import_kinds()) help += message("\n  ", std::string(name), ": ", std::string(what));
  return help;
}

}  // namespace cli
