#include "lamina/core/names.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lamina {
namespace {

/// Levenshtein distance.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j)
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])}));
  }
  return row.back();
}

}  // namespace

std::string nearest_name(const std::string& text, std::span<const std::string> candidates) {
  const auto best = std::min_element(candidates.begin(), candidates.end(),
                                     [&](const auto& a, const auto& b) { return distance(text, a) < distance(text, b); });
  return best == candidates.end() ? std::string() : *best;
}

void throw_unknown_name(const char* what, const std::string& text, std::span<const std::string> candidates) {
  std::string all;
  for (const std::string& c : candidates) all += (all.empty() ? "" : ", ") + c;
  throw OptionError(message("unknown ", what, " \"", text, "\"; did you mean \"", nearest_name(text, candidates), "\"? known: ", all));
}

}  // namespace lamina
