// The verbs of the `lamina` program. Each says what it is called, which options it takes and what it does in a file of its own; only
// main.cpp knows CLI11.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "lamina/core/settings.hpp"

/// In the order in which --help lists them: each is a function NAME_verb().
#define LAMINA_VERBS(verb)                                                                                                             \
  verb(check) verb(augment) verb(train) verb(evaluate) verb(report) verb(replay) verb(predict) verb(colorize) verb(study) verb(import) \
      verb(phantom) verb(info) verb(bench) verb(completion) verb(doctor)

namespace cli {

enum ExitCode {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kBadData = 3,
  kNumerical = 4,
  kOutOfMemory = 5,
  kDisk = 6 /* a file cannot be read or written */,
  kStopped = 7 /* a sentinel ended the run */,
  kInterrupted = 130
};

struct VerbText;
/// Flags that every verb has.
struct Common {
  bool json = false;     ///< machine-readable result on stdout
  bool quiet = false;    ///< nothing on stderr but errors
  bool verbose = false;  ///< every setting
  int threads = 0;
  const std::vector<VerbText>* texts = nullptr;  ///< of all verbs
};

/// Where the value of an option goes: into a field that is there while the verb is, or to a function of one that takes none.
using Target =
    std::variant<bool*, int*, std::int64_t*, std::uint64_t*, double*, std::string*, std::vector<std::string>*, std::optional<int>*,
                 std::optional<double>*, std::optional<std::uint64_t>*, std::optional<std::string>*, lamina::Extent, std::function<void()>>;

/// An option of a verb.
struct Option {
  std::string name;  ///< "--size", or "DATA" of a word
  Target value;
  std::string help;
  bool required = false;
  std::span<const lamina::Choice> choices = {};
  bool open = false;  ///< takes what is none of the choices, or out of range, too: the library checks it
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();
  const char* type = "";  ///< what --help calls a value, where that is not its type
  bool own = false;       ///< not the setting of a run that has its name: a run's config.json says nothing of it
};

struct Verb {
  const char *name, *help;
  std::function<int(const Common&)> run;  ///< gives the exit code; none: it has verbs of its own
  std::vector<Option> options = {};
  std::function<std::string()> footer = {};
  std::vector<Verb> verbs = {};

  void add(Option option) { options.push_back(std::move(option)); }
  Option& at(const std::string& option);
};

/// "--class-weights" for class_weights.
std::string option_name(std::string field);
/// The option of a field, "DATA" of a positional one.
Option option_of(const lamina::Field& field, Target value);

/// Adds every field of `config`, which must outlive the verb. Ranges are the library's to check.
template <class Config>
void add_settings(Verb& verb, Config& config) {
  describe(config, [&](const lamina::Field& field, auto&& value) {
    using T = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_same_v<T, lamina::Extent>)
      verb.add(option_of(field, value));
    else if constexpr (std::is_same_v<T, lamina::TextList>)
      verb.add(option_of(field, &value.words));
    else
      verb.add(option_of(field, &value));
  });
}

#define LAMINA_VERB(name) Verb name##_verb();
LAMINA_VERBS(LAMINA_VERB)
#undef LAMINA_VERB

}  // namespace cli
