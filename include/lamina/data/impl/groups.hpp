#pragma once
// Photographs that belong together, such as those of a patient: no score may come from some of them while others are learned from.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lamina/data/impl/pairing.hpp"

namespace lamina::data::detail {

/// DATA/groups.txt, where there is one: a photograph and its group a line, with a tab, or else the last space, between; `#` starts a
/// comment.
class Groups {
 public:
  /// Lines that name no photograph, or no group, or another group than a line before become findings.
  Groups(const std::filesystem::path& root, const Files& images, std::vector<Finding>& findings);
  /// Empty where nothing is said of the photograph.
  std::string of(const std::string& name) const;
  /// Says it to the items, and what groups are in two splits.
  void tell(DatasetFiles& files) const;

 private:
  std::map<std::string, std::string> group_;  // by composed names
};

/// Items in the order of a random number of their group, or name, so that the split of one hardly depends on the others; the first
/// `validation_share` of them, and what belongs to these, is for validation.
void split_by_seed(std::vector<Item> items, const Groups& groups, std::uint64_t seed, double validation_share, DatasetFiles& files);

}  // namespace lamina::data::detail
