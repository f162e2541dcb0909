// Masks whose values number objects instead of naming classes.
#include <set>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/survey.hpp"

namespace lamina::data::detail {

void Survey::tell_of_numbers(const std::filesystem::path& root, const DatasetOptions& options, std::vector<Finding>& findings) const {
  constexpr std::size_t kMany = 6;  // of fewer values it may be chance
  std::set<std::size_t> counts;     // n, of masks whose values are 1 to n
  std::set<std::uint32_t> all;
  std::size_t without_gap = 0, marked = 0, times = 0;
  for (const Inspection& in : found) {
    std::set<std::uint32_t> values;
    if (in.mask.kind != MaskContent::Kind::planes)
      for (const auto& [value, count] : in.mask.counts)
        if (value != 0 && value != options.ignore) values.insert(value);
    if (values.empty()) continue;
    ++marked, times += values.size();
    all.insert(values.begin(), values.end());
    if (*values.rbegin() != values.size()) continue;
    ++without_gap;
    counts.insert(values.size());
  }
  std::string why;
  if (2 * without_gap > marked && counts.size() >= 3 && *counts.rbegin() >= kMany)
    why = message("1 to n without a gap in ", without_gap, " of ", counted(static_cast<std::int64_t>(marked), "mask"), ", n from ",
                  *counts.begin(), " to ", *counts.rbegin());
  else if (marked >= 3 && all.size() >= kMany && times >= 3 * marked && 3 * times < all.size() * marked)
    why = message(all.size(), " values, most of them in few of the ", marked, " masks");
  if (why.empty()) return;
  findings.push_back({false, message("the masks' values seem to number objects, not to name classes: ", why, ". To learn where objects are",
                                     options.images.empty() && options.masks.empty() ? ": " + import_command("instances", root)
                                                                                     : ", make masks of one value of them",
                                     "; if they are classes, name them in dataset.json")});
}

}  // namespace lamina::data::detail
