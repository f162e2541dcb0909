#include "lamina/data/impl/label_names.hpp"

#include "lamina/core/text.hpp"
#include "lamina/data/impl/schema_names.hpp"

namespace lamina::data::detail {

std::string spelled_label(const std::string& given) {
  constexpr std::string_view kBlanks[] = {" ",        "\t",           "\n",           "\r",           "\v",           "\f",
                                          "\xc2\xa0", "\xe2\x80\x89", "\xe2\x80\x8b", "\xe2\x80\xaf", "\xe3\x80\x80", "\xef\xbb\xbf"};
  std::string_view text = given;
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view blank : kBlanks) {
      if (text.starts_with(blank)) text.remove_prefix(blank.size()), again = true;
      if (text.ends_with(blank)) text.remove_suffix(blank.size()), again = true;
    }
  }
  return composed(text);
}

std::string SpelledLabels::operator()(const std::string& given) {
  const std::string label = spelled_label(given), fault = schema_names::name_fault("label", label);
  require<DataError>(fault.empty(), fault);
  spellings_[label].insert(given);
  return label;
}

void SpelledLabels::tell(Target& target) const {
  std::vector<std::string> changed, alike;
  std::map<std::string, std::string> first;  // by small letters
  for (const auto& [label, spellings] : spellings_) {
    for (const std::string& spelling : spellings)
      if (spelling != label) changed.push_back("'" + spelling + "'");
    if (schema_names::names_background(label)) continue;
    if (const auto [it, is_new] = first.emplace(schema_names::in_small_letters(label), label); !is_new)
      alike.push_back(message("'", it->second, "' and '", label, "'"));
  }
  target.tell(changed, "label", "taken without blanks around, or with letters and their marks as one, and the same as one without");
  target.tell(alike, "pair", "of labels that differ in capitals alone, and are two classes; spell them alike where they are one");
}

}  // namespace lamina::data::detail
