#include "lamina/data/impl/split_lists.hpp"

#include <algorithm>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {

namespace fs = std::filesystem;

std::vector<SplitLists::Line> SplitLists::read(Split split) {
  std::vector<Line> lines;
  const fs::path path = root_ / (std::string(name_of(split)) + ".txt");
  if (!fs::exists(path)) return lines;
  any_ = true;
  const std::string text = io::read_text(path, 64 << 20);
  FileFaults unknown;
  each_line(text, [&](const std::string& line, int number) {
    const std::string where = message(path.string(), " line ", number);
    std::optional<Line> item = line_of(line, where);
    if (!item && line.find('\\') != std::string::npos) {  // written on Windows
      std::string other = line;
      std::replace(other.begin(), other.end(), '\\', '/');
      item = line_of(other, where);
    }
    if (item && item->mask) with_masks_.push_back(*item);
    if (item)
      lines.push_back(std::move(*item));
    else if (!names_columns(line, number))
      unknown.add(line, message(where, ": '", line, "' is neither the name of a photograph in ", folders_.images.string(),
                                ", with or without its ending, nor a file in ", root_.string(), cure_of(line)));
  });
  unknown.tell(findings_, "correct the names, or take the lines out");
  tell_of_reading(path.string());
  return lines;
}

void SplitLists::tell_of_reading(const std::string& list) {
  if (!moved_.empty())
    findings_.push_back({false, message(list, ": ", counted(std::ssize(moved_), "path leads", "paths lead"),
                                        " elsewhere, and the files of this data set at their ends are read: ", examples(moved_))});
  if (!columns_.empty())
    findings_.push_back({false, message(list, ": ", counted(std::ssize(columns_), "line has", "lines have"),
                                        " more than names of files, which is not read: ", examples(columns_))});
  moved_.clear(), columns_.clear();
}

/// Whether a table puts photographs into splits, folds or groups: by its columns' names, or by words for splits.
bool SplitLists::assigns(const fs::path& table) const {
  constexpr std::string_view kWords[] = {"split", "set",   "subset",  "partition", "phase", "usage",
                                         "fold",  "group", "patient", "subject",   "case"};
  std::error_code none;
  const std::string ending = schema_names::in_small_letters(table.extension().string());
  if ((ending != ".csv" && ending != ".tsv" && ending != ".txt") || fs::file_size(table, none) > 1 << 20 || none) return false;
  bool by_header = false;
  int lines = 0;
  each_line(io::read_text(table, 1 << 20), [&](const std::string& line, int number) {
    bool photo = false, word = false, split = false;
    for (std::size_t begin = 0, end; begin <= line.size(); begin = end + 1) {
      end = std::min(line.find_first_of(",;\t", begin), line.size());
      const std::string cell = schema_names::in_small_letters(unquoted(line.substr(begin, end - begin))),
                        stem = composed(fs::path(unquoted(line.substr(begin, end - begin))).stem().string());
      photo |= images_.contains(stem);
      split |= split_named(cell).has_value();
      word |= std::any_of(std::begin(kWords), std::end(kWords), [&](std::string_view w) {
        return cell == w || cell == std::string(w) + "_id" || cell == std::string(w) + "id" || cell == std::string(w) + " id";
      });
    }
    if (number == 1) by_header = word && !photo;
    lines += photo && (split || by_header);
  });
  return lines > 1;
}

void SplitLists::tell_of_others() {
  const auto is_list = [&](const fs::path& file) {
    const std::string stem = schema_names::in_small_letters(file.stem().string()),
                      ending = schema_names::in_small_letters(file.extension().string());
    const bool text = ending.empty() || ending == ".txt" || ending == ".csv" || ending == ".tsv" || ending == ".lst" || ending == ".json";
    const bool word = stem.find_first_of("_-. 0123456789") == std::string::npos;  // not test_scores.csv
    return (text && (stem == "split" || stem == "splits" || stem == "groups" || (word && split_named(stem)))) || assigns(file);
  };
  std::vector<std::string> unread;
  std::error_code none;
  for (const char* folder : {"", "splits", "split", "lists", "annotations"})
    for (const auto& entry : fs::directory_iterator(*folder ? root_ / folder : root_, none)) {
      const std::string name = entry.path().filename().string();
      const bool read = !*folder && (name == "train.txt" || name == "val.txt" || name == "test.txt" || name == "groups.txt");
      if (!read && entry.is_regular_file(none) && is_list(entry.path())) unread.push_back((fs::path(folder) / name).string());
    }
  std::sort(unread.begin(), unread.end());
  if (!unread.empty())
    findings_.push_back(
        {false,
         message(counted(std::ssize(unread), "file"), " in ", root_.string(),
                 unread.size() == 1 ? " seems to be a list, and is not read: " : " seem to be lists, and are not read: ", examples(unread),
                 "; ", any_ ? "" : "photographs are split by chance. ",
                 "Lists are called train.txt, val.txt and test.txt, of a name a line, and groups.txt, of NAME GROUP: call them so, or "
                 "write such ones")});
}

void SplitLists::tell_of_crossed(const Files& masks) {
  Files listed;
  for (const Line& line : with_masks_) listed[composed(line.mask->stem().string())] = *line.mask;
  const Pairing by_lists(images_, listed), by_folder(images_, masks);
  std::set<fs::path> belonging;  // those of listed masks that are called as a photograph
  for (const auto& [stem, image] : images_)
    if (const std::string mask = by_lists.mask_of(stem); !mask.empty()) belonging.insert(listed.at(mask));
  std::vector<std::string> crossed;
  for (const Line& line : with_masks_) {
    const std::string own = by_lists.mask_of(line.name), other = by_folder.mask_of(line.name);
    const bool has_own = !own.empty() ? listed.at(own) != *line.mask : !other.empty() && masks.at(other) != *line.mask;
    if (has_own && belonging.contains(*line.mask))
      crossed.push_back(line.image.filename().string() + " with " + line.mask->filename().string());
  }
  if (!crossed.empty())
    findings_.push_back(
        {false, message(counted(std::ssize(crossed), "photograph is", "photographs are"),
                        " listed with the mask that is another one's by its name, and not with the own one: ", examples(crossed),
                        "; a line is IMAGE MASK of one photograph: correct the lists unless it is meant")});
}

/// Whether a file of a list lies in the masks' folder, and photographs have another.
bool SplitLists::is_mask_file(const fs::path& file) const {
  return !folders_.masks.empty() && file.parent_path() == folders_.masks && folders_.masks != folders_.images;
}

/// Whether a line names a mask first and then the photograph.
bool SplitLists::exchanges(const Line& line) const {
  const bool apart = folders_.masks != folders_.images && line.image.parent_path() != folders_.images;
  return apart && line.mask && line.mask->parent_path() == folders_.images;
}

/// What a line that names no photograph seems to be: "; did you mean NAME?"
std::string SplitLists::cure_of(const std::string& line) {
  for (const auto& [before, rest] : cuts_of(line))
    if (photo_named(rest) && !listed(before, folders_.masks).empty())
      return "; the columns are exchanged: a line is IMAGE MASK, the photograph first";
  if (const fs::path file = listed(unquoted(line), folders_.masks); is_mask_file(file))
    return "; it is a mask: a line names the photograph, and the mask may follow";
  std::vector<std::string_view> stems;
  for (const auto& [stem, path] : images_) stems.push_back(stem);
  const std::string_view nearest = nearest_name(composed(fs::path(line).stem().string()), stems);
  return nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?";
}

/// By its stem, or as a file of the data folder or of that of the photographs.
std::optional<SplitLists::Line> SplitLists::photo_named(const std::string& name) {
  if (const auto it = images_.find(composed(name)); it != images_.end()) return Line{it->first, it->second};
  if (const fs::path file = listed(name, folders_.images); !file.empty() && !is_mask_file(file))
    return Line{composed(file.stem().string()), file};
  if (const fs::path file(name); !file.has_parent_path() && has_image_extension(file))  // composed, or with another ending
    if (const auto it = images_.find(composed(file.stem().string())); it != images_.end()) return Line{it->first, it->second};
  return std::nullopt;
}

/// The mask that stands after a photograph, before columns that are no files.
fs::path SplitLists::mask_named(const std::string& text, const std::string& line) {
  if (const fs::path mask = listed(text, folders_.masks); !mask.empty()) return mask;
  for (const auto& [name, others] : cuts_of(text))
    if (const fs::path mask = listed(name, folders_.masks); !mask.empty()) return columns_.push_back(line), mask;
  return {};
}

/// What a line names: a photograph; its mask may follow, and columns that are no files. Names may hold what parts columns: the whole line
/// is tried first, then each cut that leaves two files, then the last one that leaves a photograph.
std::optional<SplitLists::Line> SplitLists::line_of(const std::string& line, const std::string& where) {
  if (auto whole = photo_named(unquoted(line))) return whole;
  std::optional<Line> item;
  std::string after;
  for (const auto& [before, rest] : cuts_of(line)) {
    auto photo = photo_named(before);
    if (!photo) continue;
    item = std::move(photo), after = rest;
    if (const fs::path mask = mask_named(rest, line); !mask.empty()) {
      item->mask = mask;
      return exchanges(*item) ? std::nullopt : item;
    }
  }
  const fs::path unread(item ? after : line);
  const bool leaves = unread.is_absolute() || std::any_of(unread.begin(), unread.end(), [](const fs::path& part) { return part == ".."; });
  require<DataError>(!leaves, where, ": '", unread.string(), "' leaves the data folder; list paths relative to it, without '..'");
  if (item && (has_image_extension(unread) || unread.has_parent_path()))
    findings_.push_back({true, where + ": there is no file " + (root_ / unread).string()});
  else if (item && !after.empty())
    columns_.push_back(line);
  return item;
}

/// A file of a list, in the data folder or in the folder of its kind; of a path that leads elsewhere its end there. Empty: there is none.
fs::path SplitLists::listed(const std::string& name, const fs::path& folder) {
  const fs::path path = fs::path(name).lexically_normal();
  if (path.empty() || std::any_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; })) return {};
  std::error_code none;
  for (const fs::path& own : {root_ / path.relative_path(), folder / path.relative_path()})
    if (!folder.empty() && !path.is_absolute() && fs::is_regular_file(own, none)) return own;
  if (const fs::path inside = path.lexically_relative(fs::absolute(root_, none).lexically_normal());
      !inside.empty() && *inside.begin() != ".." && fs::is_regular_file(root_ / inside, none))
    return root_ / inside;
  for (auto begin = path.begin(); begin != path.end(); ++begin) {
    fs::path end;
    for (auto part = begin; part != path.end(); ++part) end /= *part;
    const fs::path below = (root_ / end).lexically_relative(folder);
    if (end.is_absolute() || below.empty() || *below.begin() == ".." || !end.has_parent_path() || !fs::is_regular_file(root_ / end, none))
      continue;
    moved_.push_back(name);
    return root_ / end;
  }
  return {};
}

}  // namespace lamina::data::detail
