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
    if (item)
      lines.push_back(std::move(*item));
    else
      unknown.add(line, message(where, ": '", line, "' is neither the name of a photograph in ", folders_.images.string(),
                                ", with or without its ending, nor a file in ", root_.string(), near(line)));
  });
  unknown.tell(findings_, "correct the names, or take the lines out");
  return lines;
}

void SplitLists::tell_of_others() {
  const auto is_list = [](const fs::path& file) {
    const std::string stem = schema_names::in_small_letters(file.stem().string()),
                      ending = schema_names::in_small_letters(file.extension().string());
    const bool text = ending.empty() || ending == ".txt" || ending == ".csv" || ending == ".tsv" || ending == ".lst" || ending == ".json";
    const bool word = stem.find_first_of("_-. 0123456789") == std::string::npos;  // not test_scores.csv
    return text && (stem == "split" || stem == "splits" || stem == "groups" || (word && split_named(stem)));
  };
  std::vector<std::string> unread;
  std::error_code none;
  for (const char* folder : {"", "splits", "split", "lists"})
    for (const auto& entry : fs::directory_iterator(*folder ? root_ / folder : root_, none)) {
      const std::string name = entry.path().filename().string();
      const bool read = !*folder && (name == "train.txt" || name == "val.txt" || name == "test.txt" || name == "groups.txt");
      if (!read && entry.is_regular_file(none) && is_list(entry.path())) unread.push_back((fs::path(folder) / name).string());
    }
  std::sort(unread.begin(), unread.end());
  if (!unread.empty())
    findings_.push_back(
        {false,
         message(counted(std::ssize(unread), "file"), " in ", root_.string(), " seem to be lists, and are not read: ", examples(unread),
                 "; ", any_ ? "" : "photographs are split by chance. ",
                 "Lists are called train.txt, val.txt and test.txt, of a name a line, and groups.txt, of NAME GROUP: call them so, or "
                 "write such ones")});
}

/// "; did you mean NAME?"
std::string SplitLists::near(const std::string& line) const {
  std::vector<std::string_view> stems;
  for (const auto& [stem, path] : images_) stems.push_back(stem);
  const std::string_view nearest = nearest_name(composed(fs::path(line).stem().string()), stems);
  return nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?";
}

/// What a line names: a stem, or a file of the data folder or of that of the photographs; its mask may follow. Names may hold spaces, so
/// the whole line is tried first, then each space that leaves two files; a tab always separates. None: nothing that is there.
std::optional<SplitLists::Line> SplitLists::line_of(const std::string& line, const std::string& where) {
  if (const auto it = images_.find(composed(line)); it != images_.end()) return Line{it->first, it->second};
  if (const fs::path file = listed(line, folders_.images, where); fs::is_regular_file(file))
    return Line{composed(file.stem().string()), file};
  if (const fs::path file(line); !file.has_parent_path() && has_image_extension(file))  // composed, or with another ending
    if (const auto it = images_.find(composed(file.stem().string())); it != images_.end()) return Line{it->first, it->second};
  std::size_t gap = line.find('\t');
  if (gap == std::string::npos) {
    gap = line.find(' ');
    for (std::size_t i = gap; i != std::string::npos; i = line.find(' ', i + 1))
      if (fs::is_regular_file(listed(trimmed(line.substr(0, i)), folders_.images, where)) &&
          fs::is_regular_file(listed(trimmed(line.substr(i)), folders_.masks, where)))
        gap = i;
  }
  if (gap != std::string::npos) {
    const std::string image = trimmed(line.substr(0, gap)), mask = trimmed(line.substr(gap));
    Line item{fs::path(image).stem().string(), listed(image, folders_.images, where), listed(mask, folders_.masks, where)};
    for (const fs::path& file : {item.image, *item.mask})
      if (!fs::is_regular_file(file)) findings_.push_back({true, where + ": there is no file " + file.string()});
    return item;
  }
  return std::nullopt;
}

/// A file of a list, which must stay inside the data folder: there, or in the folder of its kind.
fs::path SplitLists::listed(const std::string& name, const fs::path& folder, const std::string& where) const {
  fs::path path(name);
  if (path.is_absolute()) {
    std::error_code none;
    const fs::path inside = path.lexically_normal().lexically_relative(fs::absolute(root_, none).lexically_normal());
    if (!inside.empty() && *inside.begin() != "..") path = inside;
  }
  const bool leaves = path.is_absolute() || std::any_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
  require<DataError>(!leaves, where, ": '", name, "' leaves the data folder; list paths relative to it, without '..'");
  const fs::path here = root_ / path.lexically_normal(), there = folder / path.lexically_normal();
  return !folder.empty() && !fs::is_regular_file(here) && fs::is_regular_file(there) ? there : here;
}

}  // namespace lamina::data::detail
