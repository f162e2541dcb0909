#pragma once
// Masks of one class each, in a folder a class: what is wrong with them, and what to do about it. Empty: nothing is.
#include "lamina/data/impl/pairing.hpp"

namespace lamina::data::detail {

/// What to write in dataset.json where each of these folders has the masks of a class.
std::string schema_of_folders(const std::set<std::string>& names, const std::filesystem::path& json);
/// Folders in that of the masks, which has no mask itself.
std::string advice_on_folders(const std::filesystem::path& masks, const LabelSchema& schema, const std::filesystem::path& json);
/// Masks beside each other, such as a_scar.png and a_burn.png.
std::string advice_on_endings(const Files& images, const Files& masks, const std::filesystem::path& root);
/// Folders with masks that are none of `planes`, which have theirs; those of classes that exclude each other, of one of several heads, too.
std::string fault_of_other_folders(const std::filesystem::path& masks, const std::vector<std::string>& planes, const LabelSchema& schema);

}  // namespace lamina::data::detail
