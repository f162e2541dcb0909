#include "lamina/core/device.hpp"
#include "lamina/core/names.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

namespace lamina {

Device parse_device(const std::string& text) {
  if (text == "cpu") return kCpu;
  if (text == "cuda") return {Device::Type::cuda, 0};
  int index = 0;
  const char* end = text.data() + text.size();
  constexpr std::string_view kDevices[] = {"cpu", "cuda"};
  const std::string near = suggestion(text, kDevices);
  const bool numbered = text.starts_with("cuda:") && text.size() > 5;
  require<OptionError>(numbered && std::from_chars(text.data() + 5, end, index).ptr == end && index >= 0, "unknown device \"", text, "\"",
                       near, near.empty() ? "; use" : " use", " cpu, cuda, or cuda:0, cuda:1, ...");
  return {Device::Type::cuda, index};
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j)
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])}));
  }
  return row.back();
}

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates) {
  const auto best = std::min_element(candidates.begin(), candidates.end(), [&](std::string_view a, std::string_view b) {
    return edit_distance(word, a) < edit_distance(word, b);
  });
  return best == candidates.end() ? std::string_view() : *best;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t kBeginning = 3;
  const auto said = [](std::string_view name) { return message("; did you mean \"", std::string(name), "\"?"); };
  const auto begins = [&](std::string_view a, std::string_view b) { return b.size() >= kBeginning && a.starts_with(b); };
  const std::string_view nearest = nearest_name(word, candidates);
  if (!nearest.empty() && 3 * edit_distance(word, nearest) <= std::max(word.size(), nearest.size()) + 1) return said(nearest);
  for (const std::string_view c : candidates)
    if (begins(c, word) || begins(word, c) || (c.size() == word.size() && std::is_permutation(c.begin(), c.end(), word.begin())))
      return said(c);
  return {};
}

void throw_unknown_name(const char* what, std::string_view text, std::span<const std::string_view> candidates) {
  std::string all;
  for (const std::string_view c : candidates) all += std::string(all.empty() ? "" : ", ") + std::string(c);
  const std::string near = suggestion(text, candidates);
  throw OptionError(message("unknown ", what, " \"", std::string(text), "\"", near, near.empty() ? "; known: " : " known: ", all));
}

void require_new_name(const std::string& what, std::string_view name, std::span<const std::string_view> taken) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto fits = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  require<OptionError>(!name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), fits), what, " cannot be called \"",
                       std::string(name), "\", which nobody could type: a name is a letter, then letters, digits, _ and -");
  require<OptionError>(std::find(taken.begin(), taken.end(), name) == taken.end(), what, " \"", std::string(name),
                       "\" is there already; choose another name");
}

std::size_t parse_choice(const char* what, std::string_view text, std::span<const Choice> choices) {
  std::vector<std::string_view> names;
  for (const Choice& c : choices) names.emplace_back(c.name);
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) throw_unknown_name(what, text, names);
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace lamina
