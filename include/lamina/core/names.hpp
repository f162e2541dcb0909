#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/error.hpp"

namespace lamina {

/// The text form of an enumerator, for options, checkpoints and messages. A table of these is the one place its names stand in.
template <class E>
struct Named {
  E value;
  const char* name;
};

/// A value that a text may have, and what it does.
struct Choice {
  const char *name, *help;
};

/// What the photographs (N, H, W, C) of a batch are called; and, where there is one set of labels, they and the output that learns them.
inline constexpr const char* kImage = "image";
inline constexpr const char* kLabels = "labels";
inline constexpr const char* kPixelWeights = "pixel_weights";

/// Levenshtein distance: how many single-character edits turn a into b.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The candidate with the fewest single-character edits from `word` (the first of equals): for "unknown X; did you mean Y?".
std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates);
/// "; did you mean \"X\"?" where a candidate is nearly the word: one that begins as it does, has the same letters, or at most a third of
/// others. Else empty.
std::string suggestion(std::string_view word, std::span<const std::string_view> candidates);
/// Throws OptionError: unknown `what` "text"; did you mean ...? (where one is near) known: ...
[[noreturn]] void throw_unknown_name(const char* what, std::string_view text, std::span<const std::string_view> candidates);

/// Throws OptionError, beginning with `what`, unless `name` can be typed, a letter and then letters, digits, _ and -, and none of `taken`
/// is called so: the rule of every table that programs add to.
void require_new_name(const std::string& what, std::string_view name, std::span<const std::string_view> taken);
/// The same of entries that have a `name`.
template <class Range>
requires requires(const Range& taken) { taken.begin()->name; }
void require_new_name(const std::string& what, std::string_view name, const Range& taken) {
  std::vector<std::string_view> names;
  for (const auto& entry : taken) names.emplace_back(entry.name);
  require_new_name(what, name, std::span<const std::string_view>(names));
}

/// The enumerator called `text`; throws OptionError that names the nearest and lists all.
template <class Table>
auto parse_name(const char* what, std::string_view text, const Table& table) {
  for (const auto& entry : table)
    if (text == entry.name) return entry.value;
  std::vector<std::string_view> names;
  for (const auto& entry : table) names.emplace_back(entry.name);
  throw_unknown_name(what, text, names);
}

/// Which of the choices is called `text`; throws as parse_name.
std::size_t parse_choice(const char* what, std::string_view text, std::span<const Choice> choices);

template <class E, class Table>
const char* name_in(const Table& table, E value) {
  for (const auto& entry : table)
    if (entry.value == value) return entry.name;
  return "?";
}

}  // namespace lamina
