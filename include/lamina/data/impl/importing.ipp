// What importers share: the files of their source.
#include "lamina/data/impl/importing.hpp"

#include <algorithm>
#include <tuple>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {

fs::path common_folders(const fs::path& a, const fs::path& b) {
  fs::path same;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end() && *x == *y; ++x, ++y) same /= *x;
  return same;
}

std::vector<fs::path> files_below(const fs::path& folder, const std::function<bool(const fs::path&)>& wanted) {
  std::vector<fs::path> files;
  std::error_code error, none;
  if (fs::is_directory(folder, none))
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (it->is_regular_file(none) && wanted(it->path())) files.push_back(it->path());
  require<IoError>(!error, "cannot list what is below ", folder.string(), ": ", error.message());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> folders_below(const fs::path& root, bool all) {
  constexpr int kDepth = 4, kMost = 20000;
  std::vector<fs::path> folders{root};
  std::error_code error;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end && (all || folders.size() < kMost); it.increment(error)) {
    std::error_code none;
    if (!it->is_directory(none)) continue;
    const bool hidden = it->path().filename().string().front() == '.';
    if (!hidden) folders.push_back(it->path());
    if (hidden || (!all && it.depth() + 1 >= kDepth)) it.disable_recursion_pending();
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

bool holds_images(const fs::path& folder) {
  std::error_code none;
  const fs::directory_iterator files(folder, none);
  return !none && std::any_of(begin(files), end(files), [](const auto& entry) { return is_photo(entry.path()); });
}

std::vector<fs::path> holders_of(const std::vector<fs::path>& folders, const fs::path& part) {
  std::vector<fs::path> holders;
  std::error_code none;
  for (const fs::path& folder : folders)
    if ((holders.empty() || holders[0] != folders[0]) && fs::is_directory(folder / part, none)) holders.push_back(folder);
  return holders;
}

fs::path root_of(const fs::path& source, const fs::path& part, const std::string& layout) {
  const std::vector<fs::path> holders = holders_of(folders_below(source), part);
  require<DataError>(!holders.empty(), source.string(), " is not laid out as ", layout, ": there is no folder ", part.string());
  std::vector<std::string> names;
  for (const fs::path& holder : holders) names.push_back(holder.lexically_relative(source).string());
  require<DataError>(holders.size() == 1, source.string(), " holds ", holders.size(), " data sets laid out as ", layout, " (",
                     examples(names), "): import one at a time, such as ", holders[0].string());
  return holders[0];
}

Stems::Stems(const fs::path& folder) {
  for (const fs::path& p : files_below(folder, is_photo)) files_.emplace(p.stem().string(), p);
}

fs::path Stems::operator[](const std::string& stem) const {
  const auto it = files_.find(stem);
  return it == files_.end() ? fs::path() : it->second;
}

Photos::Photos(const fs::path& root) : root_(root) {
  for (const fs::path& p : files_below(root, is_photo)) by_name_.emplace(composed(p.filename().string()), p);
}

fs::path Photos::find(std::string name, const fs::path& file) const {
  std::replace(name.begin(), name.end(), '\\', '/');
  const fs::path wanted = fs::path(composed(name)).lexically_normal();
  const auto [begin, end] = by_name_.equal_range(wanted.filename().string());
  const auto fit = [&](const fs::path& p) {
    std::vector<fs::path> ours(p.begin(), p.end()), theirs(wanted.begin(), wanted.end());
    const auto split_of = [](const fs::path& path) { return split_of_path(path).value_or(Split::train); };
    return std::tuple(std::mismatch(ours.rbegin(), ours.rend(), theirs.rbegin(), theirs.rend()).first - ours.rbegin(),
                      p.parent_path() == file.parent_path(),
                      split_of(fs::relative(p, root_).parent_path()) == split_of(fs::relative(file, root_)));
  };
  const fs::path* best = nullptr;
  const fs::path* equal = nullptr;
  for (auto it = begin; it != end; ++it)
    if (!best || fit(it->second) > fit(*best))
      best = &it->second, equal = nullptr;
    else if (fit(it->second) == fit(*best))
      equal = &it->second;
  require<DataError>(!equal, file.string(), ": \"", name, "\" may be ", best ? best->string() : "", " or ", equal ? equal->string() : "",
                     "; write its folder, too, or rename one of them");
  return best ? *best : fs::path();
}

void Photos::tell_of_others(const std::map<fs::path, fs::path>& named, Target& target) const {
  std::vector<std::string> others;
  for (const auto& [name, photo] : by_name_)
    if (!named.contains(photo)) others.push_back(photo.string());
  target.tell(others, "photograph", "left out, without an annotation");
}

bool is_photo(const fs::path& path) { return path.filename().string().front() != '.' && has_image_extension(path); }

Json numbered_labels(const std::vector<std::string>& names) {
  Json labels{{"background", 0}};
  int value = 0;
  for (const std::string& name : names) labels[name] = ++value;
  return labels;
}

}  // namespace lamina::data::detail
