#include "verbs.hpp"

#include <algorithm>
#include <cctype>

namespace cli {

Option& Verb::at(const std::string& option) {
  return *std::find_if(options.begin(), options.end(), [&](const Option& o) { return o.name == option; });
}

std::string option_name(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return "--" + field;
}

Option option_of(const lamina::Field& field, Target value) {
  std::string name = field.name;
  if (field.positional)
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  else
    name = option_name(name);
  return {.name = name,
          .value = std::move(value),
          .help = field.help,
          .required = field.positional,
          .choices = field.choices,
          .open = true,
          .least = field.least,
          .most = field.most};
}

}  // namespace cli
