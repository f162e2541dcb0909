// Files of options, in TOML.
#pragma once
#include <string>
#include <vector>

namespace cli {

/// What stands below a [section.below], "name = value" or "name = [value, ...]"; values as they are typed on the command line. A section
/// itself is one without a name.
struct TomlEntry {
  std::vector<std::string> section;
  std::string name;
  std::vector<std::string> values;
  bool list = false;
  int line = 0;
};

/// In the order of the lines. Throws OptionError naming `origin`, the line and the rule.
std::vector<TomlEntry> read_toml(const std::string& text, const std::string& origin);

}  // namespace cli
