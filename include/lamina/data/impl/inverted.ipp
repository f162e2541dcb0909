// Masks of two classes of which some are marked the other way round.
#include <algorithm>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/survey.hpp"

namespace lamina::data::detail {
namespace {

/// Of a mask that has both classes: the one that its border has, but for a few pixels, while the other lies inside; -1: neither.
int class_around(const MaskContent& mask, const MaskDecoder& decoder) {
  constexpr double kNearlyAll = 0.98;
  std::int64_t border[2] = {0, 0}, all[2] = {0, 0};
  const auto count = [&](const std::map<std::uint32_t, std::int64_t>& pixels, std::int64_t(&of)[2]) {
    for (const auto& [value, n] : pixels)
      if (const int c = decoder.class_of(mask, value); c == 0 || c == 1) of[c] += n;
  };
  count(mask.border, border), count(mask.counts, all);
  if (all[0] == 0 || all[1] == 0) return -1;
  for (const int c : {0, 1})
    if (static_cast<double>(border[c]) >= kNearlyAll * static_cast<double>(border[0] + border[1])) return c;
  return -1;
}

}  // namespace

void Survey::tell_of_inverted(const MaskDecoder& decoder, const LabelSchema& schema, std::vector<Finding>& findings) const {
  constexpr double kMost = 0.8, kFewest = 0.05;  // of all masks: such as are one way or the other; the rarer way
  if (schema.classes() != 2 || !schema.plane_names().empty() || !schema.heads.empty()) return;
  std::vector<std::string> around[2];  // masks by the class around the other
  std::size_t all = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const MaskContent& mask = found[i].mask;
    if (items[i].mask.empty() || !found[i].mask_error.empty() || mask.too_many_values) continue;
    const int c = class_around(mask, decoder);
    all += mask.counts.size() > 1;
    if (c >= 0) around[c].push_back(items[i].mask.filename().string());
  }
  const auto share = [&](std::size_t count) { return static_cast<double>(count) / static_cast<double>(std::max<std::size_t>(all, 1)); };
  const auto is_around = [&](int c) {
    return message("'", schema.names[static_cast<std::size_t>(c)], "' has the border and '", schema.names[static_cast<std::size_t>(1 - c)],
                   "' lies inside");
  };
  const int back = std::max(schema.background, 0), other = 1 - back;
  if (share(around[0].size() + around[1].size()) < kMost || share(around[other].size()) < kFewest) return;
  if (around[back].empty() && around[other].size() > 2 && schema.background_reason.find("by convention") != std::string::npos)
    findings.push_back({false, message("in ", around[other].size(), " of ", all, " masks ", is_around(other),
                                       ", and in none is it the other "
                                       "way round: if '",
                                       schema.names[static_cast<std::size_t>(back)], "' is what is marked, say --background ",
                                       shell_word(schema.names[static_cast<std::size_t>(other)]))});
  if (share(around[back].size()) >= kFewest)
    findings.push_back(
        {false,
         message("some masks seem to be inverted: in ", around[other].size(), " of ", all, " ", is_around(other), " (",
                 examples(around[other]), "), in ", around[back].size(), " it is the other way round (", examples(around[back]),
                 "). Look at one of each; if both show the same, exchange the values in the inverted ones (0 and 255: mogrify -negate "
                 "FILES, of ImageMagick)")});
}

}  // namespace lamina::data::detail
