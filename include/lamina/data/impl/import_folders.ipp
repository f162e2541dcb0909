// Masks that lie in other folders than a data set's: an instance a file, a folder a split.
#include <algorithm>
#include <map>
#include <optional>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/groups.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/pairing.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {
namespace {

/// A folder with photographs or masks, as its path says it.
struct Place {
  std::optional<Split> split;
  bool masks = false;
  std::string label;  // of its masks; empty: they hold all labels
  fs::path folder;
};

constexpr std::pair<std::string_view, Split> kSplitWords[] = {{"train", Split::train}, {"training", Split::train}, {"val", Split::val},
                                                              {"valid", Split::val},   {"validation", Split::val}, {"test", Split::test},
                                                              {"testing", Split::test}};
constexpr std::string_view kMaskWords[] = {"mask",        "masks", "label",       "labels", "ann",          "annot",        "annotation",
                                           "annotations", "gt",    "groundtruth", "truth",  "segmentation", "segmentations"};
constexpr std::string_view kPhotoWords[] = {"image", "images", "img", "imgs", "photo", "photos", "photographs", "input", "inputs"};

template <class Words>
bool is_in(const Words& words, std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// Those of a name in small letters; of "trainannot" and "valimages" two.
std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> words;
  for (std::size_t begin = 0, end; begin < name.size(); begin = end + 1) {
    end = std::min(name.find_first_of("_-. 0123456789", begin), name.size());
    std::string word = name.substr(begin, end - begin);
    for (const auto& [spelled, split] : kSplitWords)
      if (const std::string rest = word.starts_with(spelled) ? word.substr(spelled.size()) : "";
          is_in(kMaskWords, rest) || is_in(kPhotoWords, rest)) {
        words.emplace_back(spelled);
        word = rest;
        break;
      }
    words.push_back(std::move(word));
  }
  return words;
}

/// "img_dir/train": by the words of its parts, of which one is a split; after these a part of masks is a label. None: it is no such folder.
std::optional<Place> place_of(const fs::path& folder, const fs::path& source) {
  Place place;
  place.folder = folder;
  for (const fs::path& part : folder.lexically_relative(source)) {
    const std::string name = schema_names::in_small_letters(part.string());
    bool named = false;
    for (const std::string& word : words_of(name)) {
      named |= is_in(kPhotoWords, word);
      if (is_in(kMaskWords, word)) named = place.masks = true;
      for (const auto& [spelled, split] : kSplitWords) {
        if (word != spelled) continue;
        if (place.split && *place.split != split) return std::nullopt;
        place.split = split;
        named = true;
      }
    }
    if (named) place.label.clear();
    if (!named && place.split && place.masks) place.label = part.string();
  }
  return place.split ? std::optional(place) : std::nullopt;
}

/// By split the folder of photographs, and that of their masks, or one a label.
struct SplitFolders {
  fs::path photos;
  std::vector<Place> masks;
};

/// Empty where the folders are laid out otherwise.
std::map<Split, SplitFolders> split_folders(const fs::path& source) {
  std::map<Split, SplitFolders> found;
  for (const fs::path& folder : folders_below(source)) {
    const auto place = place_of(folder, source);
    std::error_code none;
    const fs::directory_iterator files(folder, none);
    if (!place || none || std::none_of(begin(files), end(files), [](const auto& entry) { return is_photo(entry.path()); })) continue;
    SplitFolders& of_split = found[*place->split];
    if (place->masks)
      of_split.masks.push_back(*place);
    else if (of_split.photos.empty())
      of_split.photos = folder;
    else
      return {};  // which of them?
  }
  bool any = false;
  for (const auto& [split, folders] : found) {
    std::set<std::string> labels;
    for (const Place& place : folders.masks) labels.insert(place.label);
    if (labels.size() != folders.masks.size() || (labels.contains("") && labels.size() > 1)) return {};
    any |= !folders.photos.empty() && !labels.empty();
  }
  return any ? found : std::map<Split, SplitFolders>{};
}

/// The dataset.json of the source or of a folder of a split. Throws DataError where they differ.
Json schema_of(const fs::path& source, const std::map<Split, SplitFolders>& splits) {
  Json schema;
  fs::path origin;
  const auto look_in = [&](const fs::path& folder) {
    const fs::path path = folder / "dataset.json";
    if (!fs::exists(path)) return;
    Json json = parse_json(io::read_text(path, 1 << 20), path.string());
    require<DataError>(origin.empty() || json == schema, origin.string(), " and ", path.string(), " differ; keep one of them");
    schema = std::move(json), origin = path;
  };
  look_in(source);
  for (const auto& [split, folders] : splits) {
    fs::path folder = source;
    for (const fs::path& part : folders.photos.lexically_relative(source)) look_in(folder /= part);
  }
  return schema;
}

/// Files of a folder by the stems of their photographs. Throws DataError with what is wrong; `target` is told the rest.
Files files_of(const fs::path& folder, const Files* photos, Target& target) {
  std::vector<Finding> findings;
  Files files = files_by_stem(folder, findings);
  if (photos) files = by_photo(*photos, files, findings);
  for (const Finding& f : findings) {
    require<DataError>(!f.is_error, f.text);
    target.note(f.text);
  }
  return files;
}

}  // namespace

bool has_split_folders(const fs::path& source) { return !split_folders(source).empty(); }

Imported import_splits(const fs::path& source, Target& target) {
  const auto splits = split_folders(source);
  std::map<Split, Files> photos;
  std::map<std::string, int> splits_of;  // by stem
  for (const auto& [split, folders] : splits) {
    if (!folders.photos.empty()) photos[split] = files_of(folders.photos, nullptr, target);
    for (const auto& [stem, path] : photos[split]) ++splits_of[stem];
  }
  std::vector<Finding> findings;
  Files all;
  for (const auto& [split, of_split] : photos) all.insert(of_split.begin(), of_split.end());
  const Groups groups(source, all, findings);
  for (const Finding& finding : findings) throw DataError(finding.text);
  std::string group_lines;
  std::vector<std::string> again, unlabelled, homeless;
  for (const auto& [stem, times] : splits_of)
    if (times > 1) again.push_back(stem);
  target.tell(again, "name", "of several splits: all photographs are called by their split, too");
  for (const auto& [split, folders] : splits) {
    std::map<std::string, std::vector<std::pair<std::string, fs::path>>> masks;  // labels and files by photograph
    for (const Place& place : folders.masks) {
      if (!place.label.empty()) target.add_folder(place.label);
      for (const auto& [stem, mask] : files_of(place.folder, &photos[split], target))
        if (photos[split].contains(stem))
          masks[stem].emplace_back(place.label, mask);
        else
          homeless.push_back(mask.string());
    }
    for (const auto& [stem, photo] : photos[split]) {
      const auto found = masks.find(stem);
      if (found == masks.end()) {
        unlabelled.push_back(photo.string());
        continue;
      }
      const std::string name = again.empty() ? stem : message(name_of(split), '_', stem);
      target.add(split, name, photo);
      if (const std::string group = groups.of(stem); !group.empty()) group_lines += name + '\t' + group + '\n';
      for (const auto& [label, mask] : found->second) target.link_mask(name, mask, label);
    }
  }
  target.tell(unlabelled, "photograph", "left out, without a mask");
  target.tell(homeless, "mask", "left out, without a photograph");
  if (!group_lines.empty()) target.write_groups(group_lines);
  return target.finish(splits.empty() ? Json() : schema_of(source, splits),
                       source.string() +
                           " has no folders of splits: SPLIT/images and SPLIT/masks, or images/SPLIT and masks/SPLIT, "
                           "with one folder of photographs a split (train, val, test)");
}

std::map<fs::path, std::vector<fs::path>> instance_folders(const fs::path& source) {
  std::map<fs::path, std::vector<fs::path>> photos;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(source, none))
    if (fs::is_directory(entry.path() / "images", none) && fs::is_directory(entry.path() / "masks", none))
      photos[entry.path()] = files_below(entry.path() / "images", is_photo);
  return photos;
}

Imported import_instances(const fs::path& source, Target& target) {
  std::map<std::string, std::pair<fs::path, std::vector<fs::path>>> items;  // photograph and masks by stem
  const auto add_masks = [](std::vector<fs::path>& to, const fs::path& folder) {
    for (fs::path& p : files_below(folder, is_photo)) to.push_back(std::move(p));
  };
  for (const auto& [folder, photos] : instance_folders(source)) {
    require<DataError>(photos.size() < 2, (folder / "images").string(), " holds ", photos.size(),
                       " photographs: of instances each has a folder of its own, ID/images/ID.png with its masks ID/masks/*.png");
    for (const fs::path& image : photos) {
      auto& [photo, masks] = items[image.stem().string()];
      require<DataError>(photo.empty(), photo.string(), " and ", image.string(), " are of one name; rename one of them");
      photo = image;
      add_masks(masks, folder / "masks");
    }
  }
  if (items.empty()) {
    for (const fs::path& image : files_below(source / "images", is_photo)) {
      const std::string stem = image.stem().string();
      items[stem].first = image;
      add_masks(items[stem].second, source / "masks" / stem);
    }
    if (fs::is_directory(source / "masks"))
      for (const auto& entry : fs::directory_iterator(source / "masks"))
        if (const std::string id = photo_of_instance(entry.path().stem().string(), items);
            !id.empty() && entry.is_regular_file() && is_photo(entry.path()))
          items.at(id).second.push_back(entry.path());
  }
  for (const auto& [stem, found] : items) {
    const auto& [photo, masks] = found;
    LabelImage all;
    for (const fs::path& file : masks) {
      const Image one = read_image(file);
      if (all.labels.empty()) all = LabelImage(one.width, one.height);
      require<DataError>(one.width == all.width && one.height == all.height, file.string(), ": ", one.width, "x", one.height,
                         " pixels, but ", masks[0].string(), " has ", all.width, "x", all.height);
      for (std::size_t i = 0; i < all.labels.size(); ++i)
        if (one.pixels[i * static_cast<std::size_t>(one.channels)]) all.labels[i] = 255;
    }
    if (masks.empty()) {
      const Image image = read_image(photo);
      all = LabelImage(image.width, image.height);
    }
    target.add(Split::train, stem, photo);
    target.write_mask(stem, all);
  }
  target.note("instances are merged: where they touch, nothing tells them apart");
  return target.finish(
      {{"labels", numbered_labels({"instance"})}, {"encoding", "binary"}},
      source.string() +
          " holds no instances: ID/images/ID.png with ID/masks/*.png, or images/ID.png with masks/ID/*.png or masks/ID_N.png");
}

}  // namespace lamina::data::detail
