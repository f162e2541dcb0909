// Photographs and masks in other folders than a data set's: of splits, or of patients.
#include <algorithm>
#include <map>
#include <optional>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/pairing.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {
namespace {

/// A folder with photographs or masks, as its path says it.
struct Place {
  std::optional<Split> split;
  bool photos = false, masks = false, of_two_splits = false;
  std::string label;  // of its masks; empty: they hold all labels
  fs::path rest;      // of its path, but for what says that it has photographs or masks
  fs::path patient;   // of that, but for words of splits
  fs::path folder;
};

constexpr std::pair<std::string_view, Split> kSplitWords[] = {
    {"train", Split::train},    {"training", Split::train}, {"val", Split::val},      {"valid", Split::val},
    {"validation", Split::val}, {"dev", Split::val},        {"eval", Split::val},     {"evaluation", Split::val},
    {"test", Split::test},      {"testing", Split::test},   {"holdout", Split::test}, {"heldout", Split::test}};
constexpr std::string_view kOfSplits[] = {"data", "dataset", "set", "input", "split", "list"};
constexpr std::string_view kMaskWords[] = {"mask",        "masks", "label",       "labels", "ann",          "annot",        "annotation",
                                           "annotations", "gt",    "groundtruth", "truth",  "segmentation", "segmentations"};
constexpr std::string_view kPhotoWords[] = {"image", "images", "img", "imgs", "photo", "photos", "photographs", "input", "inputs"};

template <class Words>
bool is_in(const Words& words, std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

std::optional<Split> split_of(const std::string& word) {
  for (const auto& [spelled, split] : kSplitWords)
    if (word == spelled) return split;
  return std::nullopt;
}

/// Whether a capital follows a small letter there.
bool goes_up(const std::string& name, std::size_t at) {
  return at > 0 && at < name.size() && std::islower(static_cast<unsigned char>(name[at - 1])) &&
         std::isupper(static_cast<unsigned char>(name[at]));
}

/// Those of a name, in small letters; of "trainannot", "valimages" and "testA" two.
std::vector<std::string> words_of(const std::string& given) {
  const std::string name = schema_names::in_small_letters(given);
  std::vector<std::string> words;
  for (std::size_t begin = 0, end; begin < name.size(); begin = end + 1) {
    end = std::min(name.find_first_of("_-. 0123456789", begin), name.size());
    std::string word = name.substr(begin, end - begin);
    for (const auto& [spelled, split] : kSplitWords)
      if (const std::string rest = word.starts_with(spelled) ? word.substr(spelled.size()) : "";
          !rest.empty() &&
          (is_in(kMaskWords, rest) || is_in(kPhotoWords, rest) || is_in(kOfSplits, rest) || goes_up(given, begin + spelled.size()))) {
        words.emplace_back(spelled);
        word = rest;
        break;
      }
    words.push_back(std::move(word));
  }
  return words;
}

/// "p1" of "train_p1" and "train2017-p1".
std::string without_split(const std::string& name) {
  std::string rest;
  for (std::size_t begin = 0, end; begin < name.size(); begin = end + 1) {
    end = std::min(name.find_first_of("_-. 0123456789", begin), name.size());
    const std::string word = name.substr(begin, end - begin);
    if (split_of(schema_names::in_small_letters(word)))
      end = std::min(name.find_first_not_of("0123456789", end), name.size());
    else
      rest += word;
    rest += name.substr(end, 1);
  }
  const std::size_t begin = rest.find_first_not_of("_-. ");
  return begin == std::string::npos ? "" : rest.substr(begin, rest.find_last_not_of("_-. ") + 1 - begin);
}

/// "img_dir/train": by the words of its parts, of which one may be a split; after that a part of masks is a label.
Place place_of(const fs::path& folder, const fs::path& source) {
  Place place;
  place.folder = folder;
  for (const fs::path& part : folder.lexically_relative(source)) {
    if (part == ".") continue;
    bool holds = false;  // says what it holds
    std::optional<Split> split;
    for (const std::string& word : words_of(part.string())) {
      if (is_in(kPhotoWords, word)) holds = place.photos = true;
      if (is_in(kMaskWords, word)) holds = place.masks = true;
      if (const auto named = split_of(word)) {
        place.of_two_splits |= place.split && place.split != named;
        place.split = split = named;
      }
    }
    if (holds || split)
      place.label.clear();
    else if (place.split && place.masks)
      place.label = part.string();
    if (!holds)
      place.rest /= part;
    else if (split)
      place.rest /= name_of(*split);
    if (const std::string patient = holds ? "" : without_split(part.string()); !patient.empty()) place.patient /= patient;
  }
  return place;
}

/// By split the folder of photographs, and that of their masks, or one a label.
struct SplitFolders {
  fs::path photos;
  std::vector<Place> masks;
};

/// Empty where the folders are laid out otherwise; `two` are then two of photographs of one split, if that is why.
std::map<Split, SplitFolders> split_folders(const fs::path& source, std::string* two = nullptr) {
  std::map<Split, SplitFolders> found;
  for (const fs::path& folder : folders_below(source)) {
    const Place place = place_of(folder, source);
    if (!place.split || place.of_two_splits || !holds_images(folder)) continue;
    SplitFolders& of_split = found[*place.split];
    if (place.masks)
      of_split.masks.push_back(place);
    else if (of_split.photos.empty())
      of_split.photos = folder;
    else {
      if (two) *two = message(of_split.photos.string(), " and ", folder.string(), " are both of ", name_of(*place.split));
      return {};  // which of them?
    }
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

/// Folders of photographs and of masks whose paths are the same but for the words that say which.
struct Mirrored {
  Place photos;
  fs::path masks;
};

/// By what is the same of their paths. Empty where it is not clear which belong together, and where none is below others (images/, masks/).
std::map<fs::path, Mirrored> mirrored_folders(const std::vector<fs::path>& folders, const fs::path& source) {
  std::map<fs::path, Mirrored> found;
  for (const fs::path& folder : folders) {
    const Place place = place_of(folder, source);
    if (!(place.photos || place.masks) || !holds_images(folder)) continue;
    Mirrored& both = found[place.rest];
    if (!(place.masks ? both.masks : both.photos.folder).empty()) return {};  // which of them?
    if (place.masks)
      both.masks = folder;
    else
      both.photos = place;
  }
  const auto is_below = [](const auto& f) { return !f.first.empty() && !f.second.photos.folder.empty() && !f.second.masks.empty(); };
  return std::any_of(found.begin(), found.end(), is_below) ? found : std::map<fs::path, Mirrored>{};
}

/// Files of a folder by the stems of their photographs. Throws DataError with what is wrong; the rest is added to `notes`.
Files files_of(const fs::path& folder, const Files* photos, std::vector<std::string>& notes) {
  std::vector<Finding> findings;
  Files files = files_by_stem(folder, findings);
  if (photos) files = by_photo(*photos, files, findings);
  for (const Finding& f : findings) {
    require<DataError>(!f.is_error, f.text);
    notes.push_back(f.text);
  }
  return files;
}

}  // namespace

std::optional<Split> split_named(const std::string& name) {
  for (const std::string& word : words_of(name))
    if (const auto split = split_of(word)) return split;
  return std::nullopt;
}

std::optional<Split> split_of_path(const fs::path& path) {
  std::optional<Split> last;
  for (const fs::path& part : path)
    if (const auto split = split_named(part.string())) last = split;
  return last;
}

bool belong_together(const fs::path& photos, const fs::path& masks) {
  std::vector<Finding> findings;
  const Files images = files_by_stem(photos, findings), found = by_photo(images, files_by_stem(masks, findings), findings);
  return std::none_of(findings.begin(), findings.end(), [](const Finding& f) { return f.is_error; }) &&
         std::any_of(images.begin(), images.end(), [&](const auto& image) { return found.contains(image.first); });
}

fs::path without_kind(const fs::path& folder) { return place_of(folder, {}).rest; }

fs::path patient_of(const fs::path& folder, const fs::path& source) { return place_of(folder, source).patient; }

bool says_masks(const fs::path& folder, const fs::path& source) { return place_of(folder, source).masks; }
bool says_photos(const fs::path& folder, const fs::path& source) { return place_of(folder, source).photos; }

bool has_split_folders(const fs::path& source) {
  const auto splits = split_folders(source);
  for (const auto& [split, folders] : splits)
    for (const Place& place : folders.masks)
      if (!folders.photos.empty() && !belong_together(folders.photos, place.folder)) return false;
  return !splits.empty();
}

bool has_mirrored_folders(const fs::path& source) {
  const auto mirrored = mirrored_folders(folders_below(source), source);
  for (const auto& [rest, both] : mirrored)
    if (!both.photos.folder.empty() && !both.masks.empty() && !belong_together(both.photos.folder, both.masks)) return false;
  return !mirrored.empty();
}

namespace {

/// Tells of the folders of photographs that are none of `read`.
void tell_of_unread(const fs::path& source, const std::set<fs::path>& read, Target& target, const std::string& why) {
  target.tell_of_other_folders(
      source, [&](const fs::path& folder) { return read.contains(folder) || place_of(folder, source).masks; }, why);
}

}  // namespace

Imported import_splits(const fs::path& source, Target& target) {
  std::string two;
  const auto splits = split_folders(source, &two);
  std::map<Split, Files> photos;
  std::map<fs::path, fs::path> split_of_photo;
  std::vector<fs::path> folders_of_photos;
  std::vector<std::string> notes;
  for (const auto& [split, folders] : splits) {
    if (folders.photos.empty()) continue;
    folders_of_photos.push_back(folders.photos);
    photos[split] = files_of(folders.photos, nullptr, notes);
    for (const auto& [stem, path] : photos[split]) split_of_photo[path] = name_of(split);
  }
  const auto names = target.names(split_of_photo);
  std::vector<std::string> unlabelled, homeless;
  for (const auto& [split, folders] : splits) {
    std::map<std::string, std::vector<std::pair<std::string, fs::path>>> masks;  // labels and files by photograph
    for (const Place& place : folders.masks) {
      if (!place.label.empty()) target.add_folder(place.label);
      for (const auto& [stem, mask] : files_of(place.folder, &photos[split], notes))
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
      target.add(split, names.at(photo), photo);
      for (const auto& [label, mask] : found->second) target.link_mask(names.at(photo), mask, label);
    }
  }
  for (const std::string& note : notes) target.note(note);
  target.tell(unlabelled, "photograph", "left out, without a mask");
  target.tell(homeless, "mask", "left out, without a photograph");
  tell_of_unread(source, {folders_of_photos.begin(), folders_of_photos.end()}, target, "whose names say no split (train, val, test)");
  return target.finish(splits.empty() ? Json() : schema_of(source, folders_of_photos, target),
                       two.empty() ? source.string() +
                                         " has no folders of splits: SPLIT/images and SPLIT/masks, or images/SPLIT and masks/SPLIT, "
                                         "with one folder of photographs a split (train, val, test)"
                                   : two +
                                         ", and a split has one folder of photographs; rename the one that is of another split (train, "
                                         "val, test), or move it out");
}

Imported import_tree(const fs::path& source, Target& target) {
  const auto mirrored = mirrored_folders(folders_below(source, true), source);
  std::map<fs::path, fs::path> rest_of, patient_of, mask_of;  // by photograph
  std::map<fs::path, std::optional<Split>> split_of_photo;
  std::vector<fs::path> folders;
  std::vector<std::string> notes, unlabelled, homeless;
  for (const auto& [rest, both] : mirrored) {
    const Files images = both.photos.folder.empty() ? Files() : files_of(both.photos.folder, nullptr, notes);
    const Files masks = both.masks.empty() ? Files() : files_of(both.masks, &images, notes);
    if (!images.empty()) folders.push_back(both.photos.folder);
    for (const auto& [stem, photo] : images) {
      const auto mask = masks.find(stem);
      if (mask == masks.end()) {
        unlabelled.push_back(photo.string());
        continue;
      }
      mask_of[photo] = mask->second, rest_of[photo] = rest, patient_of[photo] = both.photos.patient;
      split_of_photo[photo] = both.photos.of_two_splits ? std::nullopt : both.photos.split;
    }
    for (const auto& [stem, mask] : masks)
      if (!images.contains(stem)) homeless.push_back(mask.string());
  }
  const auto names = target.names(rest_of);
  for (const auto& [photo, name] : names) target.add(split_of_photo.at(photo), name, photo, mask_of.at(photo));
  if (!notes.empty())
    target.note(notes[0] + (notes.size() == 1 ? "" : message("; ", counted(std::ssize(notes) - 1, "note"), " more of other folders")));
  for (const auto& [photo, group] : target.groups(patient_of)) target.add_to_group(names.at(photo), group);
  target.tell(unlabelled, "photograph", "left out, without a mask");
  target.tell(homeless, "mask", "left out, without a photograph");
  tell_of_unread(source, {folders.begin(), folders.end()}, target, "whose paths do not say that they have photographs (images)");
  return target.finish(schema_of(source, folders, target),
                       source.string() +
                           " has no folders of photographs with folders of masks that mirror them: images/PATIENT and masks/PATIENT, or "
                           "PATIENT/images and PATIENT/masks, with masks of the photographs' names");
}

}  // namespace lamina::data::detail
