// Verbs as CLI11 has them, and what the program adds to it: hints on errors, descriptions for the manual, help that fits a terminal, runs'
// settings as --config.
#pragma once
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "manual.hpp"
#include "toml.hpp"
#include "verbs.hpp"

namespace cli {

/// Adds what the values of an option do to its help, a line each: "  NAME: HELP". Completions and the man page read them there.
inline void add_choices(CLI::Option& option, std::span<const lamina::Choice> choices, bool open) {
  std::string help = option.get_description();
  for (const lamina::Choice& c : choices) help += std::string("\n  ") + c.name + ": " + c.help;
  option.description(help);
  const auto known = [choices](std::string& text) -> std::string {
    try {
      return lamina::parse_choice("value", text, choices), "";
    } catch (const lamina::OptionError& e) {
      return e.what();
    }
  };
  if (!open) option.check(CLI::Validator(known, ""));
}

/// The numbers that an option takes, as --help names them; `unchecked`: the library refuses others.
inline void add_range(CLI::Option& option, double least, double most, bool unchecked) {
  if (std::isinf(least)) return;
  const bool above = least == lamina::kPositive, open = std::isinf(most);
  const std::string range = above ? "above 0" : lamina::formatted(open ? "from %g on" : "from %g to %g", least, most);
  const auto inside = [=](std::string& text) -> std::string {
    double v = 0;
    if (unchecked) return "";
    if (!CLI::detail::lexical_cast(text, v)) return "\"" + text + "\" is no number";
    return v >= least && v <= most ? "" : text + " is none of the numbers " + range;
  };
  option.check(CLI::Validator(inside, above ? ">0" : lamina::formatted(open ? ">=%g" : "%g..%g", least, most)));
}

/// Options that are not the settings of runs that have their names.
inline std::set<const CLI::Option*>& own_options() {
  static std::set<const CLI::Option*> all;
  return all;
}

inline void add_option(CLI::App& app, const Option& o) {
  CLI::Option* option = std::visit(
      [&](auto value) -> CLI::Option* {
        using T = decltype(value);
        if constexpr (std::is_same_v<T, bool*>) {
          return app.add_flag(o.name, *value, o.help);
        } else if constexpr (std::is_same_v<T, std::function<void()>>) {
          return app.add_flag_callback(o.name, value, o.help);
        } else if constexpr (std::is_same_v<T, lamina::Extent>) {
          const auto set = [value](const std::string& text) { std::tie(value.width, value.height) = lamina::parse_extent(text); };
          return app.add_option_function<std::string>(o.name, set, o.help)->default_str(to_string(value));
        } else {
          CLI::Option* added = app.add_option(o.name, *value, o.help);
          const auto no_sign = [](std::string& text) { return text.starts_with("-") ? text + " must not be negative" : std::string(); };
          if constexpr (std::is_same_v<T, std::uint64_t*> || std::is_same_v<T, std::optional<std::uint64_t>*>)
            added->check(CLI::Validator(no_sign, ""));
          const auto no_number = [](std::string& text) { return text.empty() ? std::string("a number is missing") : std::string(); };
          if constexpr (
              requires { *value + 1; } || requires { **value + 1; })
            added->check(CLI::Validator(no_number, ""));
          if constexpr (std::is_same_v<T, double*> || std::is_same_v<T, int*> || std::is_same_v<T, std::int64_t*>)
            add_range(*added, o.least, o.most, o.open);
          return added;
        }
      },
      o.value);
  option->required(o.required);
  if (o.own) own_options().insert(option);
  if (*o.type) option->type_name(o.type)->take_all();
  if (!o.choices.empty()) add_choices(*option, o.choices, o.open);
}

/// The verb below `parent`; what it returns becomes `code`.
inline void add_verb(CLI::App& parent, const Verb& verb, const Common& common, int& code) {
  CLI::App* sub = parent.add_subcommand(verb.name, verb.help);
  sub->option_defaults()->always_capture_default();
  for (const Option& o : verb.options) add_option(*sub, o);
  if (verb.footer) sub->footer(verb.footer);
  for (const Verb& below : verb.verbs) add_verb(*sub, below, common, code);
  if (verb.run)
    sub->callback([run = verb.run, &common, &code] { code = run(common); });
  else
    sub->require_subcommand(1)->fallthrough();
}

/// An entry of a --config file, "train.epoch", and what may have been meant: another option, or the section of a verb that has it.
inline std::string config_hint(const CLI::App& app, const std::string& entry) {
  const std::size_t dot = entry.rfind('.');
  const std::string section = entry.substr(0, dot == std::string::npos ? 0 : dot), name = entry.substr(dot + 1);
  std::string having;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    std::vector<std::string> names;
    for (const CLI::Option* o : verb->get_options()) names.insert(names.end(), o->get_lnames().begin(), o->get_lnames().end());
    if (verb->get_name() == section) return entry + lamina::suggestion(name, std::vector<std::string_view>(names.begin(), names.end()));
    if (section.empty() && std::find(names.begin(), names.end(), name) != names.end()) having += " [" + verb->get_name() + "]";
  }
  return entry + (having.empty() ? "" : "; it belongs below the section of a verb:" + having);
}

/// --config: TOML, or the config.json of a run, of which a verb takes the settings that it has.
class ConfigFile : public CLI::ConfigTOML {
 public:
  explicit ConfigFile(const CLI::App& app) : app_(app) {}
  std::vector<CLI::ConfigItem> from_config(std::istream& in) const override {
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);  // what Windows marks UTF-8 with
    if (const std::size_t first = text.find_first_not_of(" \t\r\n"); first == std::string::npos || text[first] != '{')
      return from_toml(text);
    std::vector<std::string> verbs;
    const CLI::App* verb = &app_;
    for (; !verb->get_subcommands().empty(); verbs.push_back(verb->get_name())) verb = verb->get_subcommands()[0];
    std::vector<CLI::ConfigItem> items;
    int format = 0;
    for (const lamina::Setting& s : lamina::settings_from_json(text, origin().c_str(), 1 << 20, format)) {
      CLI::ConfigItem item;
      item.parents = verbs;
      const std::string option = s.name == "data" ? "DATA" : s.name == "photos" ? "PHOTOS" : option_name(s.name);
      const CLI::Option* here = verb->get_option_no_throw(option);
      if (here ? own_options().contains(here) : known(app_, option)) continue;  // of the run's verb, and nothing to this one
      item.name = option.substr(option.find_first_not_of('-'));
      std::istringstream lines(lamina::to_string(s.value));
      for (std::string line; std::getline(lines, line);) item.inputs.push_back(line);
      if (here) lines_[here] = 0;
      if (!item.inputs.empty()) items.push_back(std::move(item));
    }
    return items;
  }

  /// "--config FILE line 3: " of an option that the file gives; else empty.
  std::string place_of(const CLI::Option& option) const {
    const auto it = lines_.find(&option);
    return it == lines_.end() ? "" : origin() + (it->second ? lamina::message(" line ", it->second, ": ") : std::string(": "));
  }

 private:
  std::string origin() const { return "--config " + app_.get_config_ptr()->as<std::string>(); }

  std::vector<CLI::ConfigItem> from_toml(const std::string& text) const {
    std::vector<CLI::ConfigItem> items;
    for (TomlEntry& entry : read_toml(text, origin())) {
      const std::string where = lamina::message(origin(), " line ", entry.line, ": ");
      const CLI::App* verb = &app_;
      std::string whole;
      for (const std::string& name : entry.section) {
        const auto verbs = verb->get_subcommands([](const CLI::App*) { return true; });
        std::vector<std::string> names;
        for (const CLI::App* v : verbs) names.push_back(v->get_name());
        const auto at = std::find(names.begin(), names.end(), name);
        lamina::require<lamina::OptionError>(at != names.end(), where, "[", whole, name, "] is no verb",
                                             lamina::suggestion(name, std::vector<std::string_view>(names.begin(), names.end())));
        verb = verbs[static_cast<std::size_t>(at - names.begin())];
        whole += name + '.';
      }
      if (entry.name.empty()) continue;
      const CLI::Option* option = verb->get_option_no_throw("--" + entry.name);
      if (!option) option = verb->get_option_no_throw(entry.name);
      lamina::require<lamina::OptionError>(option, where, "unknown option: ", config_hint(app_, whole + entry.name));
      require_fits(*option, entry, where);
      lines_[option] = entry.line;
      CLI::ConfigItem item;
      item.parents = entry.section, item.name = entry.name, item.inputs = std::move(entry.values);
      if (!item.inputs.empty()) items.push_back(std::move(item));
    }
    return items;
  }
  /// A list where one value is due is an error; one value where a list is due is a list of it.
  static void require_fits(const CLI::Option& option, const TomlEntry& entry, const std::string& where) {
    const bool flag = option.get_items_expected() == 0, one = flag || option.get_items_expected_max() == 1;
    std::string all;
    for (const std::string& value : entry.values) all += (all.empty() ? "" : ",") + value;
    lamina::require<lamina::OptionError>(!one || !entry.list, where, "'", entry.name, "' is a list, and the option takes ",
                                         flag ? "true or false" : "one value",
                                         flag || option.get_type_name() != "TEXT" ? "" : ", such as \"" + all + "\" in quotes");
    const bool yes_or_no = all == "true" || all == "false" || all == "1" || all == "0";
    lamina::require<lamina::OptionError>(!flag || yes_or_no, where, "'", entry.name, "' is true or false, not \"", all, "\"");
  }

  /// Whether some verb has the option.
  static bool known(const CLI::App& app, const std::string& option) {
    const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
    return app.get_option_no_throw(option) || std::any_of(verbs.begin(), verbs.end(), [&](const CLI::App* v) { return known(*v, option); });
  }

  const CLI::App& app_;
  mutable std::map<const CLI::Option*, int> lines_;
};

/// The usual reason for a usage error is a misspelt name: say which one is near.
inline std::string usage_hint(const CLI::App& app, const CLI::Error& error, int argc, char** argv) {
  const CLI::App* deepest = &app;  // of the verbs that were used
  while (!deepest->get_subcommands().empty()) deepest = deepest->get_subcommands()[0];
  const auto verbs = deepest->get_subcommands([](const CLI::App*) { return true; });
  const auto remaining = app.remaining(true);
  auto unknown = [&](bool option) -> std::string {  // the first argument, in their order, that nothing took
    for (int i = 1; i < argc; ++i)
      if ((argv[i][0] == '-') == option && std::find(remaining.begin(), remaining.end(), argv[i]) != remaining.end()) return argv[i];
    return {};
  };
  const auto typed = [&](const std::string& name) {
    return std::any_of(argv + 1, argv + argc, [&](const std::string_view word) { return word.substr(0, word.find('=')) == name; });
  };
  const std::string text = error.what(), named = text.substr(std::min(text.find("--"), text.size()));
  std::string place;  // in a file, of the option that the error is about
  const std::string option_named = named.substr(0, named.find_first_of(": ="));
  if (const auto file = std::dynamic_pointer_cast<const ConfigFile>(app.get_config_formatter()); !named.empty() && !typed(option_named))
    if (const CLI::Option* option = deepest->get_option_no_throw(option_named)) place = file->place_of(*option);
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ConfigError)) {
    return "--config " + app.get_config_ptr()->as<std::string>() +
           ": an entry that is unknown: " + config_hint(app, text.substr(text.rfind(' ') + 1));
  }
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ConversionError)) {
    const std::size_t end = named.find(" = ");
    if (end != std::string::npos) return place + named.substr(0, end) + ": \"" + named.substr(end + 3) + "\" is no number";
  }
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ArgumentMismatch))
    return place + text.substr(0, text.find(':')) + " takes one value and can be given once";
  std::string word = verbs.empty() ? "" : unknown(false);
  const std::string kind = word.empty() ? "option" : "verb";
  if (word.empty()) word = unknown(true);
  std::vector<std::string> names;
  if (word.empty() || kind == "verb")
    for (const CLI::App* verb : verbs) names.push_back(verb->get_name());
  else
    for (const CLI::App* a : {deepest, deepest == &app ? nullptr : &app})
      for (const CLI::Option* o : a ? a->get_options() : std::vector<const CLI::Option*>())
        names.insert(names.end(), o->get_lnames().begin(), o->get_lnames().end());
  if (word.empty() && !verbs.empty() && error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
    std::string all;
    for (const std::string& name : names) all += " " + name;
    return "name a verb:" + all;
  }
  if (word.empty()) return place + text;
  const std::size_t dashes = kind == "option" ? std::min(word.find_first_not_of('-'), word.size()) : 0;
  const std::vector<std::string_view> views(names.begin(), names.end());
  std::string known, near = lamina::suggestion(word.substr(dashes, word.find('=') - dashes), views);
  if (const std::size_t quote = near.find('"'); dashes && quote != std::string::npos) near.insert(quote + 1, "--");
  for (const std::string& name : names) known += (known.empty() ? "" : " ") + std::string(dashes ? "--" : "") + name;
  return "unknown " + kind + " " + word + (near.empty() ? lamina::wrapped("; known: " + known, 100, 2) : near);
}

/// The descriptions of a verb and of those below it; lines of an option's help after the first are its values.
inline void describe_verbs(const CLI::App& app, const std::string& name, std::vector<VerbText>& to) {
  VerbText verb{name, app.get_description(), {}};
  for (const CLI::Option* o : app.get_options()) {
    const std::string help = o->get_description();
    OptionText text{.name = o->get_positional() ? o->get_name(true) : "--" + o->get_lnames()[0],
                    .value = o->get_items_expected() == 0 ? "" : o->get_type_name(),
                    .help = help.substr(0, help.find('\n')),
                    .standard = o->get_default_str(),
                    .required = o->get_required(),
                    .choices = {}};
    for (std::size_t at = help.find("\n  "); at != std::string::npos; at = help.find("\n  ", at + 1)) {
      const std::string line = help.substr(at + 3, help.find('\n', at + 1) - at - 3);
      text.choices.emplace_back(line.substr(0, line.find(": ")), line.substr(std::min(line.find(": ") + 2, line.size())));
    }
    verb.options.push_back(std::move(text));
  }
  to.push_back(std::move(verb));
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    describe_verbs(*sub, (name.empty() ? "" : name + " ") + sub->get_name(), to);
}

/// Help that fits 100 columns.
inline void wrap_help(CLI::App& app) {
  app.description(lamina::wrapped(app.get_description(), app.get_parent() ? 70 : 100, 0));
  for (CLI::Option* o : app.get_options()) {
    std::string help;
    std::istringstream lines(o->get_description());
    for (std::string line; std::getline(lines, line);)
      help += (help.empty() ? "" : "\n") + lamina::wrapped(line, 70, line.starts_with("  ") ? 6 : 0);
    o->description(help);
  }
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) wrap_help(*sub);
}

}  // namespace cli
