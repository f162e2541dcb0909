// Which layout a folder has.
#include <algorithm>
#include <fstream>

#include "lamina/data/impl/importing.hpp"

namespace lamina::data {
namespace {

namespace fs = std::filesystem;

/// The first and the last bytes of a file.
std::string ends_of(const fs::path& path) {
  constexpr std::streamoff kEnd = 1 << 16;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : 0;
  std::string text;
  for (const std::streamoff begin : {std::streamoff{0}, std::max(size - kEnd, std::streamoff{0})}) {
    std::string part(static_cast<std::size_t>(std::min(size, kEnd)), ' ');
    file.seekg(begin);
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    text += part;
  }
  return text;
}

/// Whether one of the first JSON files holds all of the names.
bool says(const std::vector<fs::path>& jsons, std::initializer_list<const char*> names) {
  constexpr std::ptrdiff_t kMost = 16;
  return std::any_of(jsons.begin(), jsons.begin() + std::min(std::ssize(jsons), kMost), [&](const fs::path& json) {
    const std::string text = ends_of(json);
    return std::all_of(names.begin(), names.end(),
                       [&](const char* name) { return text.find(message('"', name, '"')) != std::string::npos; });
  });
}

/// images/ID.png with masks/ID/*.png or several masks/ID_N.png; ID/images and ID/masks.
bool has_instances(const fs::path& root) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error))
    if (fs::is_directory(entry.path() / "images", error) && fs::is_directory(entry.path() / "masks", error)) return true;
  std::map<std::string, int> masks_of;
  for (const auto& entry : fs::directory_iterator(root / "images", error)) masks_of[entry.path().stem().string()];
  for (const auto& entry : fs::directory_iterator(root / "masks", error)) {
    const std::string stem = entry.path().stem().string();
    if (entry.is_directory(error) && masks_of.contains(stem)) return true;
    if (const std::string id = detail::photo_of_instance(stem, masks_of); !id.empty() && ++masks_of[id] > 1) return true;
  }
  return false;
}

}  // namespace

std::string_view layout_of(const fs::path& source) {
  constexpr int kMostFiles = 20000, kDepth = 4;
  std::set<std::string> folders;  // their names, and those with the folder they are in
  std::vector<fs::path> jsons;
  bool isic = false;
  int seen = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(source, error), end; !error && it != end && seen < kMostFiles; it.increment(error), ++seen) {
    const fs::path& path = it->path();
    if (it->is_directory(error)) {
      folders.insert({path.filename().string(), (path.parent_path().filename() / path.filename()).string()});
      if (it.depth() >= kDepth) it.disable_recursion_pending();
    } else if (path.extension() == ".json") {
      jsons.push_back(path);
    } else if (const std::string stem = path.stem().string(); stem.starts_with("ISIC_")) {
      isic |= stem.ends_with("egmentation");
    }
  }
  std::sort(jsons.begin(), jsons.end());
  if (folders.contains("1st_manual")) return "drive";
  if (folders.contains("ddb1_fundusimages")) return "diaretdb1";
  if (folders.contains("leftImg8bit") && folders.contains("gtFine")) return "cityscapes";
  if (folders.contains("SegmentationClass")) return "voc";
  if (folders.contains("annotations/training")) return "ade20k";
  if (isic) return "isic";
  if (says(jsons, {"images", "annotations", "categories"})) return "coco";
  if (says(jsons, {"shapes", "imagePath"}) || says(jsons, {"shapes", "imageData"})) return "labelme";
  return has_instances(source) ? "instances" : "";
}

}  // namespace lamina::data
