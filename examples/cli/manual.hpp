// What is said of verbs and options, as completions of shells and as a man page.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace cli {

struct OptionText {
  std::string name;   ///< "--size", or "DATA" of a word that is not an option
  std::string value;  ///< "TEXT", "INT", ...; empty: a flag
  std::string help, standard;
  bool required = false;
  std::vector<std::pair<std::string, std::string>> choices;  ///< values and what they do
};

/// A verb, or the program itself, whose name is empty.
struct VerbText {
  std::string name, help;
  std::vector<OptionText> options;
};

}  // namespace cli
