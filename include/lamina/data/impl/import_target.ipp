// What importers share: the folder that they fill.
#include <algorithm>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/class_table.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {

namespace {
constexpr const char* kMark = ".imported";  // in what an import made
}  // namespace

Target::Target(const fs::path& out, const fs::path& source)
    : out_(out), unfinished_(out / ".unfinished"), source_(source), was_there_(fs::exists(out)) {
  require_apart();
  remove_interrupted();
  require<OptionError>(!fs::exists(out) || fs::is_directory(out), out.string(),
                       " is a file; choose another name for the imported data set");
  if (fs::exists(out) && !fs::is_empty(out))
    throw OptionError(message(out.string(), " is there already and not empty; choose another folder for the imported data set",
                              fs::exists(out / kMark) && holds_only_ours()
                                  ? " or, to import it again, remove this one first: rm -r " + shell_word(out.string())
                                  : ""));
  require_no_dataset("OUT", out, {source});
}

/// Throws OptionError where the source is the folder, in it or around it.
void Target::require_apart() const {
  const fs::path ours = fs::weakly_canonical(out_), theirs = fs::weakly_canonical(source_), common = common_folders(ours, theirs);
  if (common != ours && common != theirs) return;
  throw OptionError(message("OUT ", out_.string(), " is ",
                            common != ours     ? "in "
                            : common != theirs ? "around "
                                               : "",
                            "SOURCE ", source_.string(), ", of which nothing is to be changed; choose another folder, such as ",
                            shell_word((theirs.parent_path() / (theirs.filename().string() + "-imported")).string())));
}

/// Whether nothing is there but what imports make.
bool Target::holds_only_ours() const {
  const std::set<std::string> ours{".unfinished", kMark,     "images",   "masks",      "unlabelled",
                                   "train.txt",   "val.txt", "test.txt", "groups.txt", "dataset.json"};
  return std::all_of(fs::directory_iterator(out_), {},
                     [&](const fs::path& path) { return ours.contains(path.filename().string()) || is_class_table(path); });
}

/// What an import left that was stopped: its own folder, and what of it was in place already; all of it was once images/ is.
void Target::remove_interrupted() {
  if (!fs::is_directory(unfinished_) || fs::exists(out_ / "images") || !holds_only_ours()) return;
  for (const fs::path& path : std::vector<fs::path>(fs::directory_iterator(out_), {})) fs::remove_all(path);
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

Target::Entry& Target::enter(std::optional<Split> split, const std::string& name, const fs::path& photo, const fs::path& list) {
  const auto [it, is_new] = index_.emplace(name, entries_.size());
  if (is_new) return entries_.emplace_back(Entry{name, photo, list, split, {}});
  const Entry& other = entries_[it->second];
  require<DataError>(other.photo == photo, photo.string(), " and ", other.photo.string(), ": two photographs are called ", name,
                     "; rename one of them");
  require<DataError>(other.list != list, photo.string(), " stands twice in ", list.string(), "; take one out");
  throw DataError(message(photo.string(), " is in ", other.list.string(), " and in ", list.string(),
                          other.split == split ? "" : ": one photograph in two splits", "; take it out of one of them"));
}

void Target::add(std::optional<Split> split, const std::string& stem, const fs::path& image, const fs::path& mask, const fs::path& list) {
  Entry& entry = enter(split, stem, image, list);
  entry.made.push_back(unfinished_ / "images" / (stem + image.extension().string()));
  link(image, entry.made[0]);
  if (!mask.empty()) link_mask(stem, mask);
}

void Target::add(std::optional<Split> split, const std::string& stem, const std::string& bytes, const std::string& ending,
                 const fs::path& origin) {
  Entry& entry = enter(split, stem, origin, {});
  entry.made.push_back(unfinished_ / "images" / (stem + ending));
  io::create_folders(unfinished_ / "images");
  io::write_file_atomically(entry.made[0], bytes);
}

void Target::link_mask(const std::string& stem, const fs::path& mask, const std::string& label) {
  const fs::path file = unfinished_ / "masks" / label / (stem + mask.extension().string());
  link(mask, file);
  entries_[index_.at(stem)].made.push_back(file);
}

void Target::keep(const fs::path& table) { link(table, unfinished_ / table.filename()); }

void Target::add_folder(const std::string& label) { io::create_folders(unfinished_ / "masks" / label); }

void Target::write_mask(const std::string& stem, const LabelImage& mask, const std::string& label) {
  const fs::path file = unfinished_ / "masks" / label / (stem + ".png");
  io::create_folders(file.parent_path());
  write_png(file, mask);
  entries_[index_.at(stem)].made.push_back(file);
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

void Target::tell_of_other_folders(const fs::path& root, const std::function<bool(const fs::path&)>& is_read, const std::string& why) {
  std::vector<std::string> others;
  for (const fs::path& folder : folders_below(root, true)) {
    if (is_read(folder)) continue;
    std::error_code none;
    const fs::directory_iterator files(folder, none);
    if (const auto n = std::count_if(begin(files), end(files), [](const auto& entry) { return is_photo(entry.path()); }))
      others.push_back(message(folder.lexically_relative(source_).string(), " (", n, ")"));
  }
  tell(others, "folder", "of photographs left out, " + why);
}

/// As if they had not been added.
void Target::drop(const std::set<std::string>& names) {
  std::erase_if(entries_, [&](const Entry& entry) {
    if (!names.contains(entry.name)) return false;
    for (const fs::path& file : entry.made) fs::remove(file);
    groups_.erase(entry.name);
    return true;
  });
  index_.clear();
  for (const Entry& entry : entries_) index_.emplace(entry.name, index_.size());
}

/// What train.txt, val.txt and test.txt of the source say; nothing where there are none, where the layout has lists of its own, or where
/// they cannot be read and folders say all splits.
std::optional<std::map<fs::path, Split>> Target::listed_splits(const SourceLists& lists) {
  std::vector<fs::path> files = SourceLists::split_lists(source_);
  std::set<fs::path> own;
  const auto has_own = [](const Entry& entry) { return entry.split && !entry.list.empty(); };
  for (const Entry& entry : entries_) own.insert(entry.list);
  std::erase_if(files, [&](const fs::path& file) { return own.contains(file); });
  if (files.empty()) return std::nullopt;
  std::vector<std::string> names, idle;
  for (const fs::path& file : files) names.push_back(file.filename().string());
  if (std::all_of(entries_.begin(), entries_.end(), has_own)) {
    tell(names, "list", message("of ", source_.string(), " not read, as ", own.begin()->string(), " says the splits"));
    return std::nullopt;
  }
  try {
    auto splits = lists.splits(idle);
    tell(idle, "listed photograph", "left out, without labels");
    return splits;
  } catch (const DataError& e) {
    if (std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) { return !entry.split; })) throw;
    tell(names, "list", message("not read, so folders alone say the splits; ", e.what()));
    return std::nullopt;
  }
}

/// Of the source: splits, groups, and what has no labels.
void Target::take_lists() {
  std::vector<fs::path> photos;
  for (const Entry& entry : entries_) photos.push_back(entry.photo);
  const SourceLists lists(source_, photos);
  auto unlabelled = lists.unlabelled();
  const auto splits = listed_splits(lists);
  const auto groups = lists.groups();
  std::vector<std::string> unlisted, other_folders;
  std::set<std::string> dropped;
  for (Entry& entry : entries_) {
    if (const auto group = groups.find(entry.photo); group != groups.end()) groups_[entry.name] = group->second;
    if (const bool own = entry.split && !entry.list.empty(); own || (splits && splits->contains(entry.photo))) {
      if (!own && entry.split && entry.split != splits->at(entry.photo)) other_folders.push_back(entry.name);
      if (!own) entry.split = splits->at(entry.photo);
      unlabelled.erase(entry.photo);
    } else if (unlabelled.contains(entry.photo)) {
      dropped.insert(entry.name);
    } else if (splits && !entry.split) {
      dropped.insert(entry.name), unlisted.push_back(entry.photo.string());
    }
  }
  drop(dropped);
  std::erase_if(unlabelled, [](const fs::path& photo) { return !is_photo(photo); });
  for (const fs::path& photo : unlabelled) link(photo, unfinished_ / "unlabelled" / photo.lexically_relative(source_));
  tell(other_folders, "photograph", "in another split by the lists of the source than by the folder; the lists count");
  tell(unlisted, "photograph", "left out, in no list of a split");
  if (!unlabelled.empty()) note(counted(std::ssize(unlabelled), "photograph") + " of unlabelled.txt are in unlabelled/");
}

/// Roboflow calls copies of a photograph that it changes NAME.rf.HASH; they are of one split, where it made splits.
void Target::group_copies() {
  std::map<std::string, std::vector<std::string>> copies;
  for (const Entry& entry : entries_)
    if (const std::size_t at = entry.name.find(".rf."); at != std::string::npos)
      copies[(entry.split ? name_of(*entry.split) + std::string("/") : "") + entry.name.substr(0, at)].push_back(entry.name);
  const auto several = [](const auto& of) { return of.second.size() > 1; };
  if (std::none_of(copies.begin(), copies.end(), several)) return;
  for (const auto& [photo, names] : copies)
    for (const std::string& name : names) groups_.emplace(name, photo);
  note("changed copies of one photograph (NAME.rf.HASH, by Roboflow) are one group (groups.txt)");
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
  require<DataError>(!entries_.empty(), nothing);
  take_lists();
  group_copies();
  require<DataError>(!entries_.empty(), source_.string(), ": its lists name none of the photographs that have labels");
  for (const Entry& entry : entries_) lists_[static_cast<int>(entry.split.value_or(Split::train))].push_back(entry.name);
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
  io::write_file_atomically(unfinished_ / kMark, "made by lamina import\n");
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

}  // namespace lamina::data::detail
