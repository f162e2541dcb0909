#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lamina {

/// The candidate with the fewest single-character edits from `word` (the first of equals): for "unknown X; did you mean Y?".
inline std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates) {
  const auto edits = [&](std::string_view other) {
    std::vector<std::size_t> row(other.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t replaced = diagonal + (word[i - 1] != other[j - 1]);
        diagonal = row[j];
        row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
      }
    }
    return row.back();
  };
  std::string_view best;
  std::size_t least = static_cast<std::size_t>(-1);
  for (const std::string_view c : candidates)
    if (const std::size_t n = edits(c); n < least) {
      least = n;
      best = c;
    }
  return best;
}

}  // namespace lamina
