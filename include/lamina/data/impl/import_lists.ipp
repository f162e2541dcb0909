// What lists of a source say of its photographs: their splits, their groups, which of them have no labels.
#include <algorithm>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/groups.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {

namespace {

/// "p0/a.png", "p0/a", "a.png", "a" of a path, the longest first.
std::vector<std::string> path_ends(const fs::path& path) {
  std::vector<std::string> ends;
  for (auto begin = path.begin(); begin != path.end(); ++begin) {
    fs::path end;
    for (auto part = begin; part != path.end(); ++part) end /= *part;
    for (const fs::path& name : {end, end.parent_path() / end.stem()}) ends.push_back(composed(name.generic_string()));
  }
  return ends;
}

fs::path list_of(const fs::path& source, Split split) { return source / (std::string(name_of(split)) + ".txt"); }

}  // namespace

std::vector<std::string> SourceLists::Named::names_of(const fs::path& photo) const {
  std::vector<std::string> names;
  const fs::path path = photo.lexically_relative(source);
  for (const fs::path& whole : {path, without_kind(path.parent_path()) / path.filename()})
    for (std::string& name : path_ends(whole)) names.push_back(std::move(name));
  return names;
}

void SourceLists::Named::add(const fs::path& photo) {
  const fs::path path = photo.lexically_relative(source), folder = without_kind(path.parent_path());
  for (const fs::path& whole : {path, folder / path.filename()})
    for (const fs::path& name : {whole, whole.parent_path() / whole.stem()}) by_path[composed(name.generic_string())].insert(photo);
  for (const std::string& name : names_of(photo)) by_end[name].insert(photo);
}

const std::set<fs::path>* SourceLists::Named::find(const std::string& name) const {
  for (const auto* names : {&by_path, &by_end})
    if (const auto it = names->find(name); it != names->end()) return &it->second;
  return nullptr;
}

SourceLists::SourceLists(const fs::path& source, const std::vector<fs::path>& photos)
    : source_(source), imported_{source}, others_{source}, photos_(photos) {
  for (const char* name : {"groups.txt", "unlabelled.txt"}) any_ |= fs::exists(source / name);
  any_ |= !split_lists(source).empty();
  if (!any_) return;
  for (const fs::path& photo : photos) imported_.add(photo);
  const std::set<fs::path> ours(photos.begin(), photos.end());
  for (const fs::path& file : files_below(source, is_photo))
    if (!ours.contains(file)) others_.add(file);
}

std::vector<fs::path> SourceLists::split_lists(const fs::path& source) {
  std::vector<fs::path> lists;
  for (const Split split : kSplits)
    if (fs::exists(list_of(source, split))) lists.push_back(list_of(source, split));
  return lists;
}

/// The photograph of a line, which its mask may follow, and whether it is imported; none of a line of columns' names. Throws DataError
/// where it names none, or several.
std::pair<fs::path, bool> SourceLists::photo_of(const std::string& line, int number, const std::string& where) const {
  std::string text = line;
  std::replace(text.begin(), text.end(), '\\', '/');
  for (const std::string& name : names_in_line(text)) {
    const std::string part = composed(fs::path(name).lexically_normal().generic_string());
    if (const auto* found = imported_.find(part)) {
      require<DataError>(found->size() == 1, where, "may be ", found->begin()->string(), " or ", found->rbegin()->string(),
                         "; write its folder, too");
      return {*found->begin(), true};
    }
    if (const auto* found = others_.find(part)) return {*found->begin(), false};
  }
  if (names_columns(line, number)) return {};
  throw DataError(message(where, "names no photograph in ", source_.string(), ", with or without its ending"));
}

std::map<fs::path, Split> SourceLists::splits(std::vector<std::string>& idle) const {
  std::map<fs::path, Split> splits;
  for (const Split split : kSplits) {
    const fs::path list = list_of(source_, split);
    if (!fs::exists(list)) continue;
    each_line(io::read_text(list, 64 << 20), [&](const std::string& line, int number) {
      const std::string where = message(list.string(), " line ", number, ": '", line, "' ");
      const auto& [photo, imported] = photo_of(line, number, where);
      if (photo.empty()) return;
      if (!imported) return idle.push_back(line);
      const Split first = splits.emplace(photo, split).first->second;
      require<DataError>(first == split, where, "is in ", name_of(first), ".txt, too; keep one of them");
    });
  }
  return splits;
}

std::map<fs::path, std::string> SourceLists::groups() const {
  if (!fs::exists(source_ / "groups.txt")) return {};
  Files names;
  for (const Named* named : {&imported_, &others_})
    for (const auto& [name, photos] : named->by_end) names.emplace(name, *photos.begin());
  std::vector<Finding> findings;
  const Groups groups(source_, names, findings);
  for (const Finding& finding : findings) throw DataError(finding.text);
  std::map<fs::path, std::string> group_of;
  for (const fs::path& photo : photos_)
    for (const std::string& name : imported_.names_of(photo))
      if (const std::string group = groups.of(name); !group.empty()) {
        group_of.emplace(photo, group);
        break;
      }
  return group_of;
}

std::set<fs::path> SourceLists::unlabelled() const {
  std::set<fs::path> photos;
  const fs::path list = source_ / "unlabelled.txt";
  if (fs::exists(list))
    each_line(io::read_text(list, 64 << 20), [&](const std::string& line, int number) {
      photos.insert(photo_of(line, number, message(list.string(), " line ", number, ": '", line, "' ")).first);
    });
  photos.erase(fs::path());
  return photos;
}

}  // namespace lamina::data::detail
