// Masks of two classes of which some are marked the other way round.
#include <algorithm>
#include <array>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/survey.hpp"

namespace lamina::data::detail {
namespace {

using TwoCounts = std::array<std::int64_t, 2>;  // of two classes

/// Of a mask that has both classes: the one that its border has, but for a few pixels, while the other lies inside; -1: neither.
int class_around(const TwoCounts& border, const TwoCounts& all) {
  constexpr double kNearlyAll = 0.98;
  if (all[0] == 0 || all[1] == 0 || border[0] + border[1] == 0) return -1;
  for (const std::size_t c : {std::size_t{0}, std::size_t{1}})
    if (static_cast<double>(border[c]) >= kNearlyAll * static_cast<double>(border[0] + border[1])) return static_cast<int>(c);
  return -1;
}

/// Those of a mask's pixels that are the class `of_plane` or, of two classes without planes (-1), each.
TwoCounts of_two(const std::map<std::uint32_t, std::int64_t>& pixels, std::int64_t known, const MaskContent& mask,
                 const MaskDecoder& decoder, int of_plane) {
  TwoCounts of{0, 0};
  for (const auto& [value, n] : pixels)
    if (const int c = decoder.class_of(mask, value); of_plane < 0 ? c == 0 || c == 1 : c == of_plane)
      of[of_plane < 0 ? static_cast<std::size_t>(c) : 1] += n;
  if (of_plane >= 0) of[0] = known - of[1];
  return of;
}

}  // namespace

void Survey::tell_of_inverted(const MaskDecoder& decoder, const LabelSchema& schema, std::vector<Finding>& findings) const {
  if (!schema.heads.empty() || (schema.classes() != 2 && schema.task != Task::multilabel)) return;
  if (schema.plane_names().empty()) return tell_of_inverted(decoder, schema, -1, findings);
  for (int k = 0; schema.task == Task::multilabel && k < schema.classes(); ++k) tell_of_inverted(decoder, schema, k, findings);
}

void Survey::tell_of_inverted(const MaskDecoder& decoder, const LabelSchema& schema, int plane, std::vector<Finding>& findings) const {
  constexpr double kMost = 0.8, kFewest = 0.05;  // of all masks: such as are one way or the other; the rarer way
  std::vector<std::string> around[2];            // masks by the class around the other
  std::size_t all = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const MaskContent& mask = found[i].mask;
    if (items[i].mask.empty() || !found[i].mask_error.empty() || mask.too_many_values) continue;
    const std::int64_t w = mask.width, h = mask.height;
    const TwoCounts pixels = of_two(mask.counts, w * h, mask, decoder, plane);
    const int c = class_around(
        of_two(mask.border, w * h - std::max(w - 2, std::int64_t{0}) * std::max(h - 2, std::int64_t{0}), mask, decoder, plane), pixels);
    all += plane < 0 ? mask.counts.size() > 1 : pixels[0] > 0 && pixels[1] > 0;
    if (c >= 0) around[c].push_back(items[i].mask.filename().string());
  }
  const auto share = [&](std::size_t count) { return static_cast<double>(count) / static_cast<double>(std::max<std::size_t>(all, 1)); };
  const auto name = [&](int c) {
    return plane < 0 ? message("'", schema.names[static_cast<std::size_t>(c)], "'")
                     : message(c ? "'" : "no '", schema.names[static_cast<std::size_t>(plane)], "'");
  };
  const auto is_around = [&](int c) { return message(name(c), " has the border and ", name(1 - c), " lies inside"); };
  const int back = std::max(plane < 0 ? schema.background : 0, 0), other = 1 - back;
  if (share(around[0].size() + around[1].size()) < kMost || share(around[other].size()) < kFewest) return;
  if (plane < 0 && around[back].empty() && around[other].size() > 2 && schema.background_reason.find("by convention") != std::string::npos)
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
