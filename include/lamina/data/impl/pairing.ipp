#include "lamina/data/impl/pairing.hpp"

#include "lamina/data/impl/survey.hpp"

namespace lamina::data::detail {
namespace {

constexpr std::string_view kPhotoBeginnings[] = {"image", "images", "img", "photo", "rgb"};
constexpr std::string_view kMaskBeginnings[] = {"mask", "masks", "label", "labels", "seg", "gt"};

/// In small letters, and without a usual word before a digit, or before what parts words.
template <std::size_t N>
std::string without_beginning(const std::string& stem, const std::string_view (&words)[N]) {
  const std::string small = schema_names::in_small_letters(stem);
  const std::size_t end = small.find_first_of("_-. 0123456789");
  if (end == std::string::npos || std::find(std::begin(words), std::end(words), small.substr(0, end)) == std::end(words)) return small;
  const std::size_t rest = small.find_first_not_of("_-. ", end);
  return rest == std::string::npos ? small : small.substr(rest);
}

/// Without zeros before other digits.
std::string without_zeros(const std::string& stem) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string s;
  for (std::size_t i = 0; i < stem.size(); ++i)
    if (stem[i] != '0' || i + 1 == stem.size() || !is_digit(stem[i + 1]) || (!s.empty() && is_digit(s.back()))) s += stem[i];
  return s;
}

std::string names_of(const std::vector<std::string>& stems, const Files& files) {
  std::string s;
  for (const std::string& stem : stems) s += (s.empty() ? "" : ", ") + files.at(stem).filename().string();
  return s;
}

}  // namespace

MaskName::MaskName(const std::string& stem) {
  std::string small = schema_names::in_small_letters(stem);
  if (take(small)) return;
  small = small.substr(0, small.find_last_not_of("0123456789()") + 1);
  take(small.substr(0, small.find_last_not_of("_-. ") + 1));
}

bool MaskName::take(const std::string& small) {
  photo = without_ending(small, kMaskEndings);
  ending = small.substr(photo.size());
  if (ending.empty()) photo.clear();
  return !ending.empty();
}

std::set<std::string> names_for_masks(const fs::path& photo) {
  const std::string small = schema_names::in_small_letters(composed(photo.stem().string()));
  return {small, without_ending(small, kPhotoEndings)};
}

namespace {
template <std::size_t N>
bool is_called(const fs::path& file, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), schema_names::in_small_letters(file.stem().string())) != std::end(words);
}
}  // namespace

bool is_called_mask(const fs::path& file) {
  constexpr std::string_view kMasks[] = {"mask", "masks", "label", "labels", "seg", "segmentation", "gt", "groundtruth", "annotation"};
  return is_called(file, kMasks);
}

bool is_called_photo(const fs::path& file) {
  constexpr std::string_view kPhotos[] = {"image", "img", "photo", "input", "rgb", "original"};
  return is_called(file, kPhotos);
}

std::vector<std::pair<std::string, std::string>> cuts_of(const std::string& line) {
  std::vector<std::pair<std::string, std::string>> cuts;
  for (std::size_t at = line.find_first_of("\t,; "); at != std::string::npos; at = line.find_first_of("\t,; ", at + 1))
    cuts.emplace_back(unquoted(std::string_view(line).substr(0, at)), unquoted(std::string_view(line).substr(at + 1)));
  return cuts;
}

bool names_columns(const std::string& line, int number) {
  constexpr std::string_view kNames[] = {"image", "images", "image_path", "image_name", "image_id", "image_file", "img",   "img_path",
                                         "file",  "files",  "filename",   "file_name",  "filepath", "name",       "names", "path",
                                         "paths", "photo",  "photograph", "id",         "input",    "stem"};
  constexpr std::string_view kOthers[] = {"mask", "masks", "mask_path", "label", "labels", "group", "patient", "patient_id", "case"};
  const auto is = [](const auto& words, const std::string& text) {
    return std::find(std::begin(words), std::end(words), schema_names::in_small_letters(text)) != std::end(words);
  };
  const auto cuts = cuts_of(line);
  if (number != 1) return false;
  if (cuts.empty()) return is(kNames, unquoted(line));
  return is(kNames, cuts[0].first) || (is(kOthers, cuts[0].first) && is(kNames, cuts[0].second));
}

void FileFaults::tell(std::vector<Finding>& findings, const std::string& cure) const {
  const bool many = faults_.size() > 2;
  std::vector<std::string> names;
  std::set<std::string> endings;
  for (const auto& [file, text] : faults_) {
    names.push_back(file.filename().string());
    const std::string stem = file.stem().string();
    const std::size_t at = stem.find_last_of("_-.");
    endings.insert(at == std::string::npos ? "" : stem.substr(at));
    if (!many) findings.push_back({true, text});
  }
  if (!many) return;
  const std::string ending = endings.size() == 1 ? *endings.begin() : "";
  findings.push_back({true, message(faults_[0].second, " (", faults_.size(), " are so: ", examples(names),
                                    ending.empty() ? "" : message(", all of them with '", ending, "' at the end"), "): ", cure)});
}

Files files_by_stem(const fs::path& folder, std::vector<Finding>& findings, Files* others) {
  std::vector<fs::path> paths, left_out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) paths.push_back(it->path());
  require<IoError>(!error, "cannot list ", folder.string(), ": ", error.message());
  std::sort(paths.begin(), paths.end());
  Files files;
  FileFaults unreadable, same;
  for (const fs::path& path : paths) {
    const fs::file_type type = fs::status(path, error).type();
    if (path.filename().string().front() == '.' || type == fs::file_type::directory) continue;
    if (type != fs::file_type::regular) {
      unreadable.add(path, path.string() + " cannot be read: it is a pipe, a device, or a link that leads nowhere");
      continue;
    }
    if (!has_image_extension(path)) {
      left_out.push_back(path);
      continue;
    }
    const auto [it, added] = files.emplace(composed(path.stem().string()), path);
    if (!added) same.add(path, path.string() + " and " + it->second.string() + " have the same stem; keep one of them");
  }
  unreadable.tell(findings,
                  message("if they are links of an import whose source was moved, move it back or repeat ", program_word(), " import"));
  same.tell(findings, "keep one of each");
  if (!others) tell_of_others(left_out, findings);
  if (others)
    for (const fs::path& path : left_out) {
      const fs::path stem = path.stem();
      others->emplace(composed((path.extension() == ".gz" ? stem.stem() : stem).string()), path);
    }
  return files;
}

void tell_of_others(const std::vector<fs::path>& others, std::vector<Finding>& findings) {
  if (!others.empty())
    findings.push_back({false, message(others[0].string(), others.size() == 1 ? " is no image file; it is left out"
                                                                              : message(" and ", others.size() - 1,
                                                                                        " others are no image files; they are left out"))});
}

Pairing::Pairing(const Files& images, const Files& masks) : images_(images), masks_(masks) {
  for (const auto& [stem, path] : images)
    if (masks.contains(stem)) add(stem, stem, "");
  const Key photo = [](const std::string& stem) { return without_ending(stem, kPhotoEndings); };
  const Key mask = [](const std::string& stem) { return without_ending(stem, kMaskEndings); };
  pair(without_zeros, without_zeros, "by the number without its zeros");
  pair([](const std::string& stem) { return stem; }, mask, "by the ending of the name");
  pair(photo, mask, "by the ending of the name");
  pair([&](const std::string& stem) { return schema_names::in_small_letters(photo(stem)); },
       [&](const std::string& stem) { return schema_names::in_small_letters(mask(stem)); }, "by the name without regard to capitals");
  pair([&](const std::string& stem) { return without_beginning(photo(stem), kPhotoBeginnings); },
       [&](const std::string& stem) { return without_beginning(mask(stem), kMaskBeginnings); }, "by the name after its beginning");
  pair([&](const std::string& stem) { return without_zeros(without_beginning(photo(stem), kPhotoBeginnings)); },
       [&](const std::string& stem) { return without_zeros(without_beginning(mask(stem), kMaskBeginnings)); },
       "by the number without its zeros");
  if (mask_.empty()) pair_by_common_ending();
}

void Pairing::add(const std::string& photo, const std::string& mask, const std::string& how) {
  mask_[photo] = mask;
  used_.insert(mask);
  if (how.empty()) return;
  Way& way = ways_[how];
  const fs::path& file = masks_.at(mask);
  if (way.count++ == 0)
    way.example = message(images_.at(photo).filename().string(), " with ", (file.parent_path().filename() / file.filename()).string());
}

void Pairing::pair(const Key& of_photo, const Key& of_mask, const std::string& how) {
  std::map<std::string, std::vector<std::string>> photos_of, masks_of;
  for (const auto& [stem, path] : images_)
    if (!mask_.contains(stem)) photos_of[of_photo(stem)].push_back(stem);
  for (const auto& [stem, path] : masks_)
    if (!used_.contains(stem)) masks_of[of_mask(stem)].push_back(stem);
  for (const auto& [key, photos] : photos_of) {
    const auto found = masks_of.find(key);
    if (found == masks_of.end()) continue;
    if (photos.size() == 1 && found->second.size() == 1)
      add(photos[0], found->second[0], how);
    else if (several_.empty())
      several_ = names_of(photos, images_) + " and the masks " + names_of(found->second, masks_);
  }
}

void Pairing::pair_by_common_ending() {
  if (masks_.empty()) return;
  const std::string first = masks_.begin()->first, ending = first.substr(photo_before_ending(first, images_).size());
  const auto photo_of = [&](const std::string& mask) { return mask.substr(0, mask.size() - std::min(mask.size(), ending.size())); };
  for (const auto& [mask, path] : masks_)
    if (!mask.ends_with(ending) || !images_.contains(photo_of(mask))) return;
  for (const auto& [mask, path] : masks_) add(photo_of(mask), mask, "by the ending that all of them have");
}

std::string Pairing::mask_of(const std::string& stem) const {
  const auto it = mask_.find(stem);
  return it == mask_.end() ? std::string() : it->second;
}

void Pairing::tell(std::vector<Finding>& findings) const {
  for (const auto& [how, way] : ways_)
    findings.push_back({false, message(counted(way.count, "mask belongs to its photograph", "masks belong to their photographs"), " ", how,
                                       ": ", way.example)});
  if (!several_.empty())
    findings.push_back({true, "the names say not which mask belongs to which photograph: " + several_ +
                                  "; keep one mask a photograph. Masks of one instance each are merged by " + program_word() +
                                  " import instances SOURCE OUT"});
}

Files by_photo(const Files& images, const Files& masks, std::vector<Finding>& findings) {
  const Pairing pairing(images, masks);
  pairing.tell(findings);
  Files files;
  std::set<std::string> used;
  for (const auto& [stem, path] : images)
    if (const std::string mask = pairing.mask_of(stem); !mask.empty()) used.insert(mask), files.emplace(stem, masks.at(mask));
  for (const auto& [stem, path] : masks)
    if (!used.contains(stem)) files.emplace(stem, path);
  return files;
}

}  // namespace lamina::data::detail
