#include "toml.hpp"

#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>

#include "lamina/core/error.hpp"
#include "lamina/core/text.hpp"

namespace cli {

using namespace lamina;

namespace {

int line_of(const toml::source_region& place) { return static_cast<int>(place.begin.line); }

class TomlEntries {
 public:
  explicit TomlEntries(const std::string& origin) : origin_(origin) {}

  void add(const toml::table& table, const std::vector<std::string>& section) {
    for (const auto& [key, node] : table) {
      TomlEntry entry{section, std::string(key.str()), {}, node.is_array(), line_of(key.source())};
      if (const toml::table* below = node.as_table()) {
        entry.section.push_back(std::exchange(entry.name, {}));
        entries_.push_back(entry);
        add(*below, entry.section);
        continue;
      }
      if (const toml::array* list = node.as_array())
        for (const toml::node& value : *list) entry.values.push_back(text_of(value, entry));
      else
        entry.values.push_back(text_of(node, entry));
      entries_.push_back(std::move(entry));
    }
  }
  std::vector<TomlEntry> by_line() && {
    std::stable_sort(entries_.begin(), entries_.end(), [](const TomlEntry& a, const TomlEntry& b) { return a.line < b.line; });
    return std::move(entries_);
  }

 private:
  std::string text_of(const toml::node& value, const TomlEntry& entry) const {
    if (const auto* text = value.as_string()) return text->get();
    if (const auto* whole = value.as_integer()) return std::to_string(whole->get());
    if (const auto* number = value.as_floating_point()) return shortest(number->get());
    if (const auto* yes = value.as_boolean()) return yes->get() ? "true" : "false";
    throw OptionError(message(origin_, " line ", line_of(value.source()), ": '", entry.name,
                              "' takes text in quotes, numbers, true or false, or a list of these"));
  }

  const std::string& origin_;
  std::vector<TomlEntry> entries_;
};

}  // namespace

std::vector<TomlEntry> read_toml(const std::string& text, const std::string& origin) {
  TomlEntries entries(origin);
  try {
    entries.add(toml::parse(text, origin), {});
  } catch (const toml::parse_error& error) {
    throw OptionError(message(origin, " line ", line_of(error.source()), ": ", std::string(error.description()),
                              " (TOML: NAME = VALUE below a [section], text in quotes, lists in [ ])"));
  }
  return std::move(entries).by_line();
}

}  // namespace cli
