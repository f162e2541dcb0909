// Photographs and masks in one folder, or in two that are called otherwise than a data set's.
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/marked_pixels.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/data/impl/survey.hpp"

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
  std::map<std::string, std::vector<fs::path>> masks_of;
  for (const auto& [stem, path] : by_stem)
    if (const std::string photo = photo_before_ending(stem.substr(0, stem.find_last_of("_-. ")), by_stem); !photo.empty() && photo != stem)
      masks_of[photo].push_back(path);
  if (const std::string fault = fault_of_endings(masks_of, root); !fault.empty()) return fault;
  const Files found = masks_beside(by_stem);
  if (found.empty()) return {};
  return message(beside, ", such as ", found.begin()->second.filename().string(), "; read them with ", program_word(), " check ",
                 shell_word(root.string()), " --images . --masks . (train takes these options, too)");
}

std::string advice_on_pairs(const fs::path& root) {
  constexpr std::size_t kMostFolders = 12, kMostPairs = 3;
  std::vector<fs::path> folders;
  for (const fs::path& folder : folders_below(root))
    if (folder != root && holds_images(folder)) folders.push_back(folder);
  if (folders.size() > kMostFolders) return {};
  const auto is_usual = [&](const fs::path& folder, const char* name) { return folder != root / name && holds_images(root / name); };
  const auto values = [](const fs::path& folder) {  // of a mask there are few
    const fs::path file = files_below(folder, is_photo)[0];
    const MaskContent mask = inspect_mask(read_raster(file), file.string());
    return mask.too_many_values ? MaskContent::kMostValues + 1 : mask.counts.size();
  };
  std::vector<std::string> commands;
  for (const fs::path& photos : folders)
    for (const fs::path& masks : folders) {
      if (photos == masks || is_usual(photos, "images") || is_usual(masks, "masks") || !belong_together(photos, masks)) continue;
      if (says_masks(photos, root) || (says_photos(masks, root) && !says_masks(masks, root))) continue;
      if (!says_masks(masks, root) && values(photos) <= values(masks)) continue;
      const auto option = [&](const char* name, const fs::path& folder) {
        return folder == root / (name + 2) ? "" : message(" ", name, " ", shell_word(folder.lexically_relative(root).string()));
      };
      commands.push_back(
          message(program_word(), " check ", shell_word(root.string()), option("--images", photos), option("--masks", masks)));
    }
  if (commands.empty() || commands.size() > kMostPairs) return {};
  std::string all;
  for (const std::string& command : commands) all += (all.empty() ? "" : " or ") + command;
  return message("files of two folders have the same names: if they are photographs and their masks, read them with ", all,
                 " (train takes these options, too)");
}

namespace {

/// Photographs with their masks: beside each other, or in two folders of one folder.
struct Beside {
  std::map<fs::path, std::vector<fs::path>> masks_of;  // by photograph, also without one
  std::vector<std::string> homeless;                   // masks

  explicit Beside(const std::vector<fs::path>& files) {
    const auto stem_of = [](const fs::path& file) { return composed(file.stem().string()); };
    std::set<std::string> stems;
    for (const fs::path& file : files) stems.merge(names_for_masks(file));
    std::map<std::string, std::vector<fs::path>> by_stem;  // in small letters, of what is called as no mask
    std::map<fs::path, std::vector<fs::path>> by_folder;
    std::vector<fs::path> masks;
    for (const fs::path& file : files) {
      if (is_called_mask(file) || stems.contains(MaskName(stem_of(file)).photo)) {
        masks.push_back(file);
        continue;
      }
      masks_of[file], by_folder[file.parent_path()].push_back(file);
      std::set<std::string> names = names_for_masks(file);
      if (is_called_photo(file)) names.insert("");
      for (const std::string& name : names) by_stem[name].push_back(file);
    }
    for (const fs::path& mask : masks) {
      const auto found = by_stem.find(MaskName(stem_of(mask)).photo);
      std::vector<fs::path> here, near;
      for (const fs::path& photo : found == by_stem.end() ? std::vector<fs::path>() : found->second) {
        if (photo.parent_path() == mask.parent_path()) here.push_back(photo);
        if (!found->first.empty() && photo.parent_path().parent_path() == mask.parent_path().parent_path()) near.push_back(photo);
      }
      if (is_called_mask(mask) && here.empty()) here = by_folder[mask.parent_path()];
      const std::vector<fs::path>& photos = here.empty() ? near : here;
      require<DataError>(photos.size() < 2, mask.string(), " may be the mask of ", photos.empty() ? "" : photos[0].string(), " or of ",
                         photos.empty() ? "" : photos.back().string(), "; keep one of them");
      if (photos.empty()) {
        homeless.push_back(mask.string());
        continue;
      }
      std::vector<fs::path>& own = masks_of[photos[0]];
      require<DataError>(own.empty() || MaskName(stem_of(own[0])).ending == MaskName(stem_of(mask)).ending,
                         own.empty() ? "" : own[0].string(), " and ", mask.string(),
                         " are masks of one photograph whose names end otherwise; keep one of them");
      own.push_back(mask);
    }
  }
};

/// Where several masks are each one thing of a photograph: what any of them marks. Throws DataError where two mark a pixel otherwise.
LabelImage united(const std::vector<fs::path>& masks, bool smeared) {
  LabelImage all;
  for (const fs::path& file : masks) {
    const Raster one = read_marks(file, smeared);
    const MarkedPixels pixels(one);
    const MaskContent content = inspect_mask(one, file.string());
    require<DataError>(content.kind != MaskContent::Kind::color && content.kind != MaskContent::Kind::planes && one.max_value <= 255,
                       file.string(),
                       ": several masks of a photograph are united where they are gray of 8 bits, or of a palette; this one has ",
                       counted(one.channels, "channel"));
    if (all.labels.empty()) all = LabelImage(one.width, one.height);
    require<DataError>(one.width == all.width && one.height == all.height, file.string(), ": ", one.width, "x", one.height, " pixels, but ",
                       masks[0].string(), " has ", all.width, "x", all.height);
    for (std::size_t i = 0; i < all.labels.size(); ++i) {
      const unsigned level = pixels.in_alpha() ? 255 : one.sample(i * static_cast<std::size_t>(one.channels));
      const auto v = static_cast<std::uint8_t>(pixels.clear(i) ? 0 : level);
      require<DataError>(
          v == 0 || all.labels[i] == 0 || all.labels[i] == v, file.string(), " and ", masks[0].string(),
          " mark a pixel with different values, and are masks of one photograph; draw classes into one mask of it, and write what is "
          "one thing as 0 and 255");
      all.labels[i] = std::max(all.labels[i], v);
    }
  }
  return all;
}

}  // namespace

bool has_masks_beside(const fs::path& source) {
  if (fs::is_directory(source / "images") && fs::is_directory(source / "masks")) return false;
  const std::vector<fs::path> files = files_below(source, is_photo);
  try {
    const Beside beside(files);
    std::size_t paired = 0;
    bool below = false, other = false;  // than advice_on_beside reads
    for (const auto& [photo, masks] : beside.masks_of) {
      paired += masks.empty() ? 0 : 1 + masks.size();
      below |= !masks.empty() && photo.parent_path() != source;
      other |= masks.size() > 1;
      for (const fs::path& mask : masks)
        other |= MaskName(composed(mask.stem().string())).photo != schema_names::in_small_letters(composed(photo.stem().string()));
    }
    return (below || other) && 2 * paired >= files.size();
  } catch (const DataError&) {
    return false;
  }
}

Imported import_beside(const fs::path& source, Target& target) {
  const Beside beside(files_below(source, is_photo));
  std::map<fs::path, fs::path> folder_of, patient_by_photo;
  std::vector<fs::path> folders;
  std::vector<std::string> bare, several;
  for (const auto& [photo, masks] : beside.masks_of) {
    if (masks.empty()) {
      bare.push_back(photo.lexically_relative(source).string());
      continue;
    }
    folder_of[photo] = photo.parent_path();
    patient_by_photo[photo] = patient_of(photo.parent_path(), source);
    folders.push_back(photo.parent_path());
  }
  const auto names = target.names(folder_of);
  std::vector<fs::path> parts;  // of masks that are united
  for (const auto& [photo, masks] : beside.masks_of)
    if (masks.size() > 1) parts.insert(parts.end(), masks.begin(), masks.end());
  const bool smeared = are_smeared(parts);
  if (smeared) target.note(kToldOfHalves);
  for (const auto& [photo, name] : names) {
    const std::vector<fs::path>& masks = beside.masks_of.at(photo);
    target.add(split_of_path(photo.lexically_relative(source).parent_path()), name, photo, masks.size() == 1 ? masks[0] : fs::path());
    if (masks.size() == 1) continue;
    target.write_mask(name, united(masks, smeared));
    several.push_back(photo.lexically_relative(source).string());
  }
  for (const auto& [photo, group] : target.groups(patient_by_photo)) target.add_to_group(names.at(photo), group);
  target.tell(several, "photograph", "with several masks, which are united");
  target.tell(bare, "photograph", "left out, without a mask");
  target.tell(beside.homeless, "mask", "left out, without a photograph");
  return target.finish(
      schema_of(source, folders, target),
      source.string() + " has no masks beside photographs: X.png with X_mask.png, or image.png with mask.png, in one folder");
}

}  // namespace lamina::data::detail
