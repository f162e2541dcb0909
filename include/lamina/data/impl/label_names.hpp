#pragma once
// Names of labels as annotations and tables spell them.
#include <map>
#include <set>
#include <string>

#include "lamina/data/impl/importing.hpp"

namespace lamina::data::detail {

/// Composed, and without blanks around it, of whichever width.
std::string spelled_label(const std::string& given);

/// The labels of annotations, one however it is spelled.
class SpelledLabels {
 public:
  /// Throws DataError where it cannot be one: it is empty, too long, or has a line break.
  std::string operator()(const std::string& given);
  /// Says which had blanks around them, and which differ in capitals alone.
  void tell(Target& target) const;

 private:
  std::map<std::string, std::set<std::string>> spellings_;
};

}  // namespace lamina::data::detail
