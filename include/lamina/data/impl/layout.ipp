// Which layout a folder has.
#include <algorithm>
#include <fstream>

#include "lamina/core/text.hpp"
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

/// images/ID.png with masks/ID/*.png or several masks/ID_N.png; ID/images, of one photograph, and ID/masks.
bool has_instances(const fs::path& root) {
  for (const auto& [id, photos] : detail::instance_folders(root))
    if (photos.size() == 1) return true;
  std::error_code error;
  std::map<std::string, int> masks_of;
  for (const auto& entry : fs::directory_iterator(root / "images", error)) masks_of[entry.path().stem().string()];
  for (const auto& entry : fs::directory_iterator(root / "masks", error)) {
    const std::string stem = entry.path().stem().string();
    if (entry.is_directory(error) && masks_of.contains(stem)) return true;
    if (const std::string id = detail::photo_of_instance(stem, masks_of); !id.empty() && ++masks_of[id] > 1) return true;
  }
  return false;
}

/// What names of files say.
struct FileNames {
  std::vector<fs::path> jsons;
  bool isic = false;

  explicit FileNames(const fs::path& source) {
    constexpr int kMostFiles = 20000, kDepth = 4;
    int seen = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator it(source, error), end; !error && it != end && seen < kMostFiles; it.increment(error), ++seen) {
      const fs::path& path = it->path();
      if (it->is_directory(error)) {
        if (it.depth() >= kDepth) it.disable_recursion_pending();
      } else if (path.extension() == ".json") {
        jsons.push_back(path);
      } else if (const std::string stem = path.stem().string(); stem.starts_with("ISIC_")) {
        isic |= stem.ends_with("egmentation");
      }
    }
    std::sort(jsons.begin(), jsons.end());
  }
};

/// A layout and the folders that are laid out so: the one that was asked about, or several in it.
struct Layout {
  std::string_view kind;
  std::vector<fs::path> roots;
};

Layout found_layout(const fs::path& source) {
  const std::vector<fs::path> folders = detail::folders_below(source);
  constexpr std::pair<std::string_view, const char*> kParts[] = {{"drive", "training/1st_manual"},
                                                                 {"diaretdb1", "ddb1_fundusimages"},
                                                                 {"cityscapes", "gtFine"},
                                                                 {"voc", "SegmentationClass"},
                                                                 {"ade20k", "annotations/training"}};
  for (const auto& [kind, part] : kParts)
    if (std::vector<fs::path> roots = detail::holders_of(folders, part); !roots.empty())
      if (kind != "cityscapes" || !detail::holders_of(folders, "leftImg8bit").empty())
        return {kind, roots.size() == 1 ? std::vector{source} : std::move(roots)};
  const FileNames names(source);
  if (names.isic) return {"isic", {source}};
  if (says(names.jsons, {"images", "annotations", "categories"})) return {"coco", {source}};
  if (says(names.jsons, {"shapes", "imagePath"}) || says(names.jsons, {"shapes", "imageData"})) return {"labelme", {source}};
  if (detail::has_split_folders(source)) return {"splits", {source}};
  return {has_instances(source) ? "instances" : "", {source}};
}

}  // namespace

std::string_view layout_of(const fs::path& source) { return found_layout(source).kind; }

std::string detail::import_advice(const fs::path& source) {
  const auto without_slash = [](const fs::path& p) { return (p.has_filename() ? p : p.parent_path()).string(); };
  const auto [name_of_kind, roots] = found_layout(source);
  const std::string kind(name_of_kind);
  if (kind.empty()) return kind;
  const std::string name = without_slash(source), first = without_slash(roots[0]);
  return message(name,
                 roots.size() == 1 ? message(" looks like ", kind, "; make a data set of it: ")
                                   : message(" holds ", roots.size(), " data sets that look like ", kind, "; make one at a time of them: "),
                 program_word(), " import ", kind, ' ', shell_word(first), ' ', shell_word(first + "-imported"));
}

}  // namespace lamina::data
