// Which layout a folder has.
#include <algorithm>
#include <fstream>
#include <set>

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

/// images/ID.png with masks/ID/*.png or several masks/ID_N.png; ID/images, of one photograph each, and ID/masks. The masks by photograph;
/// none where it is no such layout.
std::map<std::string, std::vector<fs::path>> instances_in(const fs::path& root) {
  std::map<std::string, std::vector<fs::path>> masks_of;
  bool any = false;
  for (const auto& [folder, photos] : detail::instance_folders(root)) {
    if (photos.size() > 1) return {};
    for (const fs::path& photo : photos) {
      auto& masks = masks_of[composed(photo.stem().string())];
      if (!masks.empty()) return {};
      masks = detail::files_below(folder / "masks", detail::is_photo);
      any |= !masks.empty();
    }
  }
  if (!masks_of.empty()) return any ? masks_of : decltype(masks_of)();
  std::error_code error;
  for (const fs::path& photo : detail::files_below(root / "images", detail::is_photo))
    if (!masks_of.emplace(composed(photo.stem().string()), std::vector<fs::path>()).second) return {};
  for (const auto& entry : fs::directory_iterator(root / "masks", error)) {
    const std::string stem = composed(entry.path().stem().string());
    if (entry.is_directory(error) && masks_of.contains(stem)) {
      masks_of[stem] = detail::files_below(entry.path(), detail::is_photo);
      any |= !masks_of[stem].empty();
    } else if (const std::string id = detail::photo_of_instance(stem, masks_of); !id.empty() && detail::is_photo(entry.path())) {
      masks_of[id].push_back(entry.path());
      any |= masks_of[id].size() > 1;
    }
  }
  return any ? masks_of : decltype(masks_of)();
}

/// What names of files say.
struct FileNames {
  std::vector<fs::path> jsons;
  bool isic_photo = false, isic_mask = false;

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
        const bool is_mask = stem.ends_with("egmentation") || stem.find("_attribute_") != std::string::npos;
        (is_mask ? isic_mask : isic_photo) |= detail::is_photo(path);
      }
    }
    std::sort(jsons.begin(), jsons.end());
  }
};

/// A layout and the folders that are laid out so: the one that was asked about, or several in it.
struct Layout {
  std::string_view kind;
  std::vector<fs::path> roots;
  std::string fault{};  // of what looks so, and what to do about it
};

Layout found_layout(const fs::path& source) {
  const std::vector<fs::path> folders = detail::folders_below(source);
  struct Parts {
    std::string_view kind;
    const char *labels, *photos;
  };
  constexpr Parts kParts[] = {{"drive", "training/1st_manual", "training/images"},
                              {"diaretdb1", "ddb1_fundusimages", "ddb1_fundusimages"},
                              {"cityscapes", "gtFine", "leftImg8bit"},
                              {"voc", "SegmentationClass", "JPEGImages"},
                              {"ade20k", "annotations/training", "images/training"}};
  for (const Parts& parts : kParts)
    if (std::vector<fs::path> roots = detail::holders_of(folders, parts.labels); !roots.empty()) {
      if (!detail::holders_of(folders, parts.photos).empty())
        return {parts.kind, roots.size() == 1 ? std::vector{source} : std::move(roots)};
      const fs::path photos = roots[0] / parts.photos;
      return {"",
              {source},
              message("it looks like ", std::string(parts.kind), " without its photographs: put them into ", photos.string(), ", then ",
                      detail::import_command(std::string(parts.kind), source))};
    }
  const FileNames names(source);
  if (names.isic_photo && names.isic_mask) return {"isic", {source}};
  if (says(names.jsons, {"images", "annotations", "categories"})) return {"coco", {source}};
  if (says(names.jsons, {"shapes", "imagePath"}) || says(names.jsons, {"shapes", "imageData"})) return {"labelme", {source}};
  if (detail::has_split_folders(source)) return {"splits", {source}};
  if (detail::has_mirrored_folders(source)) return {"tree", {source}};
  if (const auto masks_of = instances_in(source); !masks_of.empty()) {
    std::string fault = detail::fault_of_endings(masks_of, source);
    return {fault.empty() ? "instances" : "", {source}, std::move(fault)};
  }
  return {detail::has_masks_beside(source) ? "beside" : "", {source}};
}

}  // namespace

std::string_view layout_of(const fs::path& source) { return found_layout(source).kind; }

namespace {
std::string without_slash(const fs::path& p) { return (p.has_filename() ? p : p.parent_path()).string(); }
}  // namespace

std::string detail::import_command(const std::string& kind, const fs::path& source) {
  const std::string name = without_slash(source);
  return message(program_word(), " import ", kind, ' ', shell_word(name), ' ', shell_word(name + "-imported"));
}

std::string detail::told_of_shapes(const fs::path& source) {
  std::map<std::string, int> files;
  std::error_code error;
  int seen = 0;
  constexpr int kMostFiles = 20000, kDepth = 3;
  for (fs::recursive_directory_iterator it(source, error), end; !error && it != end && seen < kMostFiles; it.increment(error), ++seen) {
    if (it.depth() >= kDepth) it.disable_recursion_pending();
    const std::string ending = it->path().extension().string();
    if (ending == ".xml" || (ending == ".json" && it->path().filename() != "dataset.json") || (ending == ".txt" && it.depth() > 0))
      ++files[ending];
  }
  std::string told;
  for (const auto& [ending, count] : files) told += message(told.empty() ? "" : " and ", counted(count, ending + " file"));
  return told.empty() ? ""
                      : message(told,
                                " may hold shapes (VOC, CVAT, YOLO, VIA, Supervisely ...), which are not read: export them as masks, COCO "
                                "or labelme; or ");
}

std::string detail::import_advice(const fs::path& source) {
  const auto [name_of_kind, roots, fault] = found_layout(source);
  const std::string kind(name_of_kind);
  if (kind.empty()) return fault;
  return message(without_slash(source),
                 roots.size() == 1 ? message(" looks like ", kind, "; make a data set of it: ")
                                   : message(" holds ", roots.size(), " data sets that look like ", kind, "; make one at a time of them: "),
                 import_command(kind, roots[0]));
}

}  // namespace lamina::data
