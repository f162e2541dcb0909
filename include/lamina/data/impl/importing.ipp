// What importers share: the folder that they fill, and the files of their source.
#include "lamina/data/impl/importing.hpp"

#include <algorithm>
#include <tuple>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {

Target::Target(const fs::path& out, const fs::path& source) : out_(out), unfinished_(out / ".unfinished"), was_there_(fs::exists(out)) {
  remove_interrupted();
  require<OptionError>(!fs::exists(out) || (fs::is_directory(out) && fs::is_empty(out)), out.string(),
                       " is there already and not empty; choose another folder for the imported data set");
  require_no_dataset("OUT", out, {source});
}

/// What an import left that was stopped: its own folder, and what of it was in place already; all of it was once images/ is.
void Target::remove_interrupted() {
  if (!fs::is_directory(unfinished_) || fs::exists(out_ / "images")) return;
  const std::set<std::string> ours{".unfinished", "images", "masks", "train.txt", "val.txt", "test.txt", "groups.txt", "dataset.json"};
  const std::vector<fs::path> there(fs::directory_iterator(out_), {});
  for (const fs::path& path : there)
    if (!ours.contains(path.filename().string())) return;
  for (const fs::path& path : there) fs::remove_all(path);
}

Target::~Target() {
  std::error_code none;
  fs::remove_all(unfinished_, none);
  if (!was_there_) fs::remove(out_, none);  // which is empty, unless it is finished
}

namespace {
void link(const fs::path& from, const fs::path& to) {
  io::create_folders(to.parent_path());
  std::error_code error;
  fs::create_symlink(fs::canonical(from), to, error);
  require<IoError>(!error, "cannot link ", to.string(), " to ", from.string(), ": ", error.message());
}
}  // namespace

void Target::add(Split split, const std::string& stem, const fs::path& image, const fs::path& mask) {
  require<DataError>(stems_.insert(stem).second, image.string(), ": two photographs are called ", stem, "; rename one of them");
  link(image, unfinished_ / "images" / (stem + image.extension().string()));
  if (!mask.empty()) link_mask(stem, mask);
  lists_[static_cast<int>(split)].push_back(stem);
}

void Target::add(Split split, const std::string& stem, const std::string& bytes, const std::string& ending, const std::string& origin) {
  require<DataError>(stems_.insert(stem).second, origin, ": two photographs are called ", stem, "; rename one of them");
  io::create_folders(unfinished_ / "images");
  io::write_file_atomically(unfinished_ / "images" / (stem + ending), bytes);
  lists_[static_cast<int>(split)].push_back(stem);
}

void Target::link_mask(const std::string& stem, const fs::path& mask, const std::string& label) {
  link(mask, unfinished_ / "masks" / label / (stem + mask.extension().string()));
}

void Target::add_folder(const std::string& label) { io::create_folders(unfinished_ / "masks" / label); }

void Target::write_mask(const std::string& stem, const LabelImage& mask, const std::string& label) {
  const fs::path file = unfinished_ / "masks" / label / (stem + ".png");
  io::create_folders(file.parent_path());
  write_png(file, mask);
}

std::map<fs::path, std::string> Target::names(const std::map<fs::path, fs::path>& folder_of) {
  std::map<std::string, int> times;
  const auto stem_of = [](const fs::path& photo) { return composed(photo.stem().string()); };
  for (const auto& [photo, folder] : folder_of) ++times[stem_of(photo)];
  std::optional<fs::path> common;  // of the folders that names need: it says nothing
  for (const auto& [photo, folder] : folder_of) {
    if (times[stem_of(photo)] < 2) continue;
    common = common ? common_folders(*common, folder) : folder;
  }
  std::map<fs::path, std::string> names;
  std::vector<std::string> told;
  for (const auto& [photo, folder] : folder_of) {
    std::string name;
    if (times[stem_of(photo)] > 1 && folder != *common)
      for (const fs::path& part : common->empty() ? folder : folder.lexically_relative(*common)) name += composed(part.string()) + '_';
    const bool by_folder = !name.empty();
    name += stem_of(photo);
    if (by_folder) told.push_back(name);
    names[photo] = name;
  }
  tell(told, "photograph", "called by folder and name, as the name alone is another's, too");
  return names;
}

void Target::tell(const std::vector<std::string>& which, const std::string& one, const std::string& what) {
  if (!which.empty()) note(message(counted(std::ssize(which), one), " ", what, ": ", examples(which)));
}

/// Makes a validation split of the training split: every fifth photograph or, of groups, what is at most a fifth of those so far, then
/// others while they fit into a fifth of all.
void Target::hold_out() {
  auto& [train, val, test] = lists_;
  using Unit = std::pair<bool, std::string>;  // a group, or a photograph of none
  const auto unit_of = [&](const std::string& name) {
    const auto group = groups_.find(name);
    return group == groups_.end() ? Unit(false, name) : Unit(true, group->second);
  };
  std::map<Unit, std::size_t> sizes;
  std::vector<Unit> order;
  for (const std::string& name : train)
    if (sizes[unit_of(name)]++ == 0) order.push_back(unit_of(name));
  if (order.size() < 2) return;
  std::set<Unit> held;
  std::size_t seen = 0, taken = 0;
  const auto take = [&](const Unit& unit, std::size_t of) {
    if (5 * (taken + sizes[unit]) <= of && held.insert(unit).second) taken += sizes[unit];
  };
  for (const Unit& unit : order) take(unit, seen += sizes[unit]);
  for (const Unit& unit : order) take(unit, train.size());
  if (held.empty())  // all are too large
    held.insert(*std::min_element(order.rbegin(), order.rend(), [&](const Unit& a, const Unit& b) { return sizes[a] < sizes[b]; }));
  std::vector<std::string> rest;
  for (const std::string& name : train) (held.contains(unit_of(name)) ? val : rest).push_back(name);
  train = std::move(rest);
  note(groups_.empty() ? "it has no validation split: every fifth photograph of training is"
                       : message("it has no validation split: groups of training with ", val.size(), " of its ", val.size() + train.size(),
                                 " photographs are"));
}

Imported Target::finish(Json dataset_json, const std::string& nothing) {
  require<DataError>(!stems_.empty(), nothing);
  auto& [train, val, test] = lists_;
  if (train.empty()) {
    note(message("it has no training split: its ", val.empty() ? "test" : "val", " split becomes one"));
    train.swap(val.empty() ? test : val);
  }
  if (val.empty()) hold_out();
  for (const Split split : kSplits) {
    auto& names = lists_[static_cast<int>(split)];
    result_.items[static_cast<int>(split)] = static_cast<int>(names.size());
    std::string text;
    for (const std::string& name : names) text += name + '\n';
    if (!names.empty()) io::write_file_atomically(unfinished_ / (std::string(name_of(split)) + ".txt"), text);
  }
  std::string lines;
  for (const auto& [name, group] : groups_) lines += name + '\t' + group + '\n';
  if (!groups_.empty()) io::write_file_atomically(unfinished_ / "groups.txt", lines);
  if (!dataset_json.is_null()) io::write_file_atomically(unfinished_ / "dataset.json", dataset_json.dump(2) + '\n');
  std::vector<fs::path> made(fs::directory_iterator(unfinished_), {});
  std::stable_partition(made.begin(), made.end(), [](const fs::path& part) { return part.filename() != "images"; });  // without it: no data
  for (const fs::path& part : made) {
    std::error_code error;
    fs::rename(part, out_ / part.filename(), error);
    require<IoError>(!error, "cannot move ", part.string(), " to ", out_.string(), ": ", error.message());
  }
  return std::move(result_);
}

std::map<fs::path, std::string> Target::groups(const std::map<fs::path, fs::path>& folder_of) {
  constexpr std::size_t kFewest = 5;
  const auto patients = [](const std::set<std::string>& names) {  // numbered, or many: a few words are classes or sites
    return names.size() >= kFewest || (names.size() > 1 && std::all_of(names.begin(), names.end(), [](const std::string& name) {
                                         return name.find_first_of("0123456789") != std::string::npos;
                                       }));
  };
  std::optional<fs::path> common;
  for (const auto& [photo, folder] : folder_of) common = common ? common_folders(*common, folder) : folder;
  std::map<fs::path, std::string> first, whole;
  std::set<std::string> firsts, wholes;
  for (const auto& [photo, folder] : folder_of) {
    const fs::path below = common->empty() ? folder : folder.lexically_relative(*common);
    if (below.empty() || below == ".") continue;
    firsts.insert(first[photo] = below.begin()->string());
    wholes.insert(whole[photo] = below.generic_string());
  }
  if (!patients(firsts)) first = std::move(whole);
  const bool grouped = patients(firsts) || patients(wholes);
  if (grouped)
    note(message("photographs of one folder are one group (groups.txt), such as '", first.begin()->second, "'"));
  else if (!wholes.empty())
    note(counted(std::ssize(wholes), "folder") +
         ": too few, and no numbers, to be patients; groups.txt (NAME GROUP a line) says what belongs together");
  return grouped ? first : std::map<fs::path, std::string>();
}

fs::path common_folders(const fs::path& a, const fs::path& b) {
  fs::path same;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end() && *x == *y; ++x, ++y) same /= *x;
  return same;
}

std::optional<std::map<fs::path, Split>> listed_splits(const fs::path& source, const std::map<fs::path, fs::path>& folder_of) {
  std::map<std::string, std::set<fs::path>> by_path, by_end;
  const auto add = [](auto& names, const fs::path& path, const fs::path& photo) {
    for (const fs::path& name : {path, path.parent_path() / path.stem()}) names[composed(name.generic_string())].insert(photo);
  };
  for (const auto& [photo, folder] : folder_of)
    for (const fs::path& path : {photo.lexically_relative(source), folder / photo.filename()}) {
      add(by_path, path, photo);
      fs::path end = photo.filename();
      for (auto part = std::prev(path.end()); add(by_end, end, photo), part != path.begin();) end = *--part / end;
    }
  std::optional<std::map<fs::path, Split>> splits;
  for (const Split split : kSplits) {
    const fs::path list = source / (std::string(name_of(split)) + ".txt");
    if (!fs::exists(list)) continue;
    if (!splits) splits.emplace();
    each_line(io::read_text(list, 64 << 20), [&](const std::string& line, int number) {
      const std::string where = message(list.string(), " line ", number, ": '", line, "' ");
      std::string name = line;
      std::replace(name.begin(), name.end(), '\\', '/');
      name = composed(fs::path(name).lexically_normal().generic_string());
      const std::set<fs::path>& photos = by_path.contains(name) ? by_path[name] : by_end[name];
      require<DataError>(!photos.empty(), where, "names no photograph in ", source.string(), ", with or without its ending");
      require<DataError>(photos.size() == 1, where, "may be ", photos.begin()->string(), " or ", photos.rbegin()->string(),
                         "; write its folder, too");
      const Split first = splits->emplace(*photos.begin(), split).first->second;
      require<DataError>(first == split, where, "is in ", name_of(first), ".txt, too; keep one of them");
    });
  }
  return splits;
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
    const auto split = split_in(fs::relative(p, root_).parent_path().string());
    return std::tuple(std::mismatch(ours.rbegin(), ours.rend(), theirs.rbegin(), theirs.rend()).first - ours.rbegin(),
                      p.parent_path() == file.parent_path(), split == split_in(fs::relative(file, root_).string()));
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

Split split_in(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name.find("val") != std::string::npos ? Split::val : name.find("test") != std::string::npos ? Split::test : Split::train;
}

bool is_photo(const fs::path& path) { return path.filename().string().front() != '.' && has_image_extension(path); }

Json numbered_labels(const std::vector<std::string>& names) {
  Json labels{{"background", 0}};
  int value = 0;
  for (const std::string& name : names) labels[name] = ++value;
  return labels;
}

}  // namespace lamina::data::detail
