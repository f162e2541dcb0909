// Photographs and masks in one folder.
#include "lamina/data/impl/importing.hpp"

namespace lamina::data::detail {

Files masks_beside(const Files& files) {
  Files masks;
  std::set<std::string> endings;  // by which names continue another one
  for (const auto& [stem, path] : files) {
    const std::string key = without_ending(stem, kMaskEndings),
                      photo = photo_before_ending(stem.substr(0, stem.find_last_of("_-. ")), files);
    if (key != stem && files.contains(key)) masks.emplace(stem, path);
    if (!photo.empty() && photo != stem) endings.insert(stem.substr(photo.size()));
  }
  if (!masks.empty() || endings.size() != 1) return masks;
  for (const auto& [stem, path] : files)
    if (stem.ends_with(*endings.begin()) && files.contains(stem.substr(0, stem.size() - endings.begin()->size())))
      masks.emplace(stem, path);
  return masks;
}

std::string advice_on_beside(const fs::path& root) {
  std::map<std::string, std::vector<fs::path>> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(root, none))
    if (is_photo(entry.path()) && entry.is_regular_file(none)) files[composed(entry.path().stem().string())].push_back(entry.path());
  Files by_stem;
  std::set<std::string> photos, masks;  // endings, of files of one stem
  const auto is_jpeg = [](const fs::path& path) { return path.extension() == ".jpg" || path.extension() == ".jpeg"; };
  for (auto& [stem, own] : files) {
    by_stem.emplace(stem, own[0]);
    if (own.size() == 2 && is_jpeg(own[0]) != is_jpeg(own[1]))
      for (const fs::path& path : own) (is_jpeg(path) ? photos : masks).insert(path.extension().string());
  }
  const std::string beside = root.string() + " holds photographs and masks beside each other";
  if (photos.size() == 1 && masks.size() == 1) {
    const std::string images_folder = shell_word((root / "images").string()), masks_folder = shell_word((root / "masks").string()),
                      from = shell_word(root.string());
    return message(beside, " that differ in the ending alone; give each a folder: mkdir ", images_folder, ' ', masks_folder, " && mv ",
                   from, "/*", *photos.begin(), ' ', images_folder, " && mv ", from, "/*", *masks.begin(), ' ', masks_folder);
  }
  const Files found = masks_beside(by_stem);
  if (found.empty()) return {};
  return message(beside, ", such as ", found.begin()->second.filename().string(), "; read them with ", program_word(), " check ",
                 shell_word(root.string()), " --images . --masks . (train takes these options, too)");
}

}  // namespace lamina::data::detail
