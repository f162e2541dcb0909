// Photographs without labels: found, and which of them are learned from.
#include "lamina/data/photos.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "lamina/core/random.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/impl/pairing.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kHoldOutStream = 0x686f6c64;
constexpr std::uint64_t kReadBytes = std::uint64_t{256} << 20, kFileCost = 4096;

/// The number of masks that are left out.
std::size_t add_folder(const fs::path& folder, PhotoList& to) {
  std::vector<fs::path> found;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    const bool hidden = path.filename().string().front() == '.';
    if (hidden && it->is_directory()) it.disable_recursion_pending();
    if (!hidden && has_image_extension(path) && !it->is_directory()) found.push_back(path);
  }
  require<IoError>(!error, "cannot list ", folder.string(), ": ", error.message());
  const std::size_t masks = take_masks(found).size();
  std::sort(found.begin(), found.end());
  for (const fs::path& path : found) to.add(path.string());
  return masks;
}

/// What the lines of a list name: paths from its folder, files or stems of images/ there, with a mask after them or not, as in the lists of
/// data sets.
class Lines {
 public:
  explicit Lines(fs::path folder) : folder_(std::move(folder)) {}
  fs::path operator()(std::string_view line) {
    for (const std::string& name : names_in_line(std::string(line))) {
      for (const fs::path& path : {folder_ / name, folder_ / "images" / name})
        if (has_image_extension(path) && is_there(path)) return path;
      if (const auto it = stems().find(name); it != stems().end()) return it->second;
    }
    return folder_ / line;  // found when it is its turn
  }

 private:
  static bool is_there(const fs::path& path) {
    std::error_code none;
    return fs::symlink_status(path, none).type() != fs::file_type::not_found && !none;
  }
  const std::map<std::string, fs::path>& stems() {
    PhotoList all;
    if (!stems_ && fs::is_directory(folder_ / "images")) add_folder(folder_ / "images", all);
    if (!stems_) stems_.emplace();
    for (std::size_t i = 0; i < all.size(); ++i)
      stems_->emplace(fs::path(all[i]).lexically_relative(folder_ / "images").replace_extension().generic_string(), all[i]);
    return *stems_;
  }
  fs::path folder_;
  std::optional<std::map<std::string, fs::path>> stems_;
};

void add_list(const fs::path& list, PhotoList& to) {
  const std::string text = io::read_file(list, std::uint64_t{1} << 30);
  Lines named(list.parent_path());
  for (std::size_t begin = text.starts_with("\xef\xbb\xbf") ? 3 : 0, end; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || line[first] == '#') continue;
    line = line.substr(first, line.find_last_not_of(" \t\r") + 1 - first);
    require<DataError>(line.find('\0') == std::string_view::npos, list.string(), " is no list of photographs: it holds binary data");
    require<DataError>(!names_mask_first(std::string(line)), list.string(), ": '", std::string(line),
                       "' names a mask before the photograph; the columns are exchanged: a line is IMAGE, or IMAGE MASK");
    to.add(named(line).string());
  }
}

/// What a source has; of a data set also what is without labels, and what must not be trained on.
struct Found {
  const char* kind = "photograph";
  PhotoList photos, unlabelled, validation, test;
  std::size_t masks = 0;
};

void add_dataset(const fs::path& root, Found& to, std::uint64_t seed) {
  DatasetOptions options;
  options.need_masks = false;
  options.seed = seed;
  const DatasetFiles files = list_dataset(root, options);
  for (const Item& item : files.items(Split::train)) to.photos.add(item.image.string());
  for (const Item& item : files.items(Split::val)) to.validation.add(item.image.string());
  for (const Item& item : files.items(Split::test)) to.test.add(item.image.string());
  if (fs::is_regular_file(root / "unlabelled.txt"))
    add_list(root / "unlabelled.txt", to.unlabelled);
  else if (fs::is_directory(root / "unlabelled"))
    to.masks = add_folder(root / "unlabelled", to.unlabelled);
}

Found found_in(const std::string& source, std::uint64_t seed) {
  Found found;
  if (fs::is_directory(fs::path(source) / "images"))
    found.kind = "data set", add_dataset(source, found, seed);
  else if (fs::is_directory(source))
    found.kind = "folder", found.masks = add_folder(source, found.photos);
  else if (fs::exists(source) && has_image_extension(source))
    found.photos.add(source);
  else {
    require<DataError>(fs::is_regular_file(source), source, " is no data set, folder, list or photograph: there is no such file or folder");
    found.kind = "list";
    add_list(source, found.photos);
  }
  require<DataError>(found.photos.size() + found.unlabelled.size() + found.validation.size() > 0, source, ": the ", found.kind,
                     " holds no photographs (", supported_formats(), ")");
  return found;
}

/// Numbers of files, the same whatever path leads there.
class FileNumbers {
 public:
  std::uint64_t operator()(std::string_view path) {
    const fs::path p(path);
    std::error_code none;
    const auto [folder, fresh] = folders_.try_emplace(p.parent_path().string());
    if (fresh) folder->second = fs::weakly_canonical(p.has_parent_path() ? p.parent_path() : fs::path("."), none);
    fs::path file = folder->second / p.filename();
    if (fs::is_symlink(file, none)) file = fs::weakly_canonical(file, none);
    return std::hash<std::string>()(file.string());
  }

 private:
  std::unordered_map<std::string, fs::path> folders_;
};

/// What files hold, whatever they are called. Those of other sizes than all of these are not read.
class Contents {
 public:
  void add(const PhotoList& list) {
    for (std::size_t i = 0; i < list.size(); ++i)
      if (const auto bytes = size_of(list[i])) sizes_[*bytes].paths.emplace_back(list[i]);
  }
  bool contain(std::string_view path) {
    const auto bytes = sizes_.empty() ? std::nullopt : size_of(path);
    const auto same = bytes ? sizes_.find(*bytes) : sizes_.end();
    if (same == sizes_.end()) return false;
    for (const std::string& other : std::exchange(same->second.paths, {}))
      if (const auto sum = sum_of(other)) same->second.sums.insert(*sum);
    const auto sum = sum_of(path);
    return sum && same->second.sums.contains(*sum);
  }

 private:
  struct OfSize {
    std::vector<std::string> paths;  // not read yet
    std::unordered_set<std::uint32_t> sums;
  };
  static std::optional<std::uintmax_t> size_of(std::string_view path) {
    std::error_code none;
    const auto bytes = fs::file_size(fs::path(path), none);
    return none ? std::nullopt : std::optional(bytes);
  }
  static std::optional<std::uint32_t> sum_of(std::string_view path) {
    try {
      return io::crc32c(io::read_regular_file(fs::path(path)));
    } catch (const IoError&) {  // found when it is its turn
      return {};
    }
  }
  std::unordered_map<std::uintmax_t, OfSize> sizes_;
};

/// What of several sources is trained on and validated with: each file once, and nothing of val and test lists trained on, under other
/// names neither.
class Chooser {
 public:
  PhotoList all, validation;

  explicit Chooser(const std::vector<Found>& sources)
      : compare_(sources.size() > 1 || sources[0].validation.size() + sources[0].test.size() + sources[0].unlabelled.size() > 0) {
    for (const Found& f : sources)
      for (const PhotoList* list : {&f.validation, &f.test}) {
        for (std::size_t i = 0; i < list->size(); ++i) first_.emplace(number_((*list)[i]), kApart);
        apart_.add(*list);
      }
  }

  /// And a line on the source.
  std::string take(const std::string& source, Found f) {
    std::size_t again = 0, apart = 0;
    std::string note =
        message(source, ": a ", f.kind, " of ", counted(static_cast<std::int64_t>(f.photos.size() + f.unlabelled.size()), "photograph"));
    if (f.validation.size() > 0) note += message(", and ", f.validation.size(), " for validation");
    if (f.unlabelled.size() > 0)
      note += message("; ", f.unlabelled.size(), " have no labels (unlabelled.txt or unlabelled/ of the data set)");
    if (f.masks > 0)
      note += message("; ", counted(static_cast<std::int64_t>(f.masks), "file"), " left out, called as the mask of one beside it");
    if (!compare_) all = std::exchange(f.photos, {});  // there is nothing else
    for (const PhotoList* list : {&f.photos, &f.unlabelled}) {
      ++part_;
      for (std::size_t i = 0; i < list->size(); ++i) {
        const auto [first, fresh] = first_.try_emplace(number_((*list)[i]), part_);
        if (fresh && apart_.contain((*list)[i])) first->second = kApart;
        const int owner = first->second;
        if (owner == part_)
          all.add((*list)[i]);
        else
          ++(owner == kApart ? apart : again);
      }
    }
    for (std::size_t i = 0; i < f.validation.size(); ++i)
      if (validated_.insert(number_(f.validation[i])).second) validation.add(f.validation[i]);
    if (again) note += message("; ", again, " left out that came before");
    if (apart) note += message("; ", apart, " left out that val or test lists have, or copies of them");
    return note;
  }

 private:
  static constexpr int kApart = -1;
  bool compare_;
  int part_ = 0;
  FileNumbers number_;
  Contents apart_;
  std::unordered_map<std::uint64_t, int> first_;  // the part that a file is taken from
  std::unordered_set<std::uint64_t> validated_;
};

/// A number that puts the names of a list in an order of chance.
std::uint64_t lot(std::string_view name, std::uint64_t seed) {
  const Philox p = RandomKey{seed, kHoldOutStream}.derive(io::crc32c(name)).block(io::crc32c(name, 1));
  return (std::uint64_t{p.v[0]} << 32) | p.v[1];
}

/// `count` of the list, chosen by the lot of their file names, wherever the folder lies, and the others, both in its order.
void hold_out(const PhotoList& list, std::size_t count, std::uint64_t seed, PhotoList& chosen, PhotoList& others) {
  std::vector<std::pair<std::uint64_t, std::size_t>> lots(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) lots[i] = {lot(fs::path(list[i]).filename().string(), seed), i};
  std::nth_element(lots.begin(), lots.begin() + static_cast<std::ptrdiff_t>(count), lots.end());
  std::vector<bool> held(list.size());
  for (std::size_t i = 0; i < count; ++i) held[lots[i].second] = true;
  for (std::size_t i = 0; i < list.size(); ++i) (held[i] ? chosen : others).add(list[i]);
}

}  // namespace

std::vector<std::string> names_in_line(const std::string& line) {
  std::vector<std::string> names{detail::unquoted(line)};
  for (const auto& [before, rest] : detail::cuts_of(line)) names.insert(names.begin() + 1, before);
  return names;
}

bool names_mask_first(const std::string& line) {
  const auto folder = [](const fs::path& file) { return file.parent_path().filename(); };
  for (const auto& [before, rest] : detail::cuts_of(line)) {
    const fs::path first(before), second(detail::unquoted(rest));
    if (has_image_extension(first) && has_image_extension(second) && folder(second) == "images" && first.has_parent_path() &&
        folder(first) != "images")
      return true;
  }
  return false;
}

std::vector<fs::path> take_masks(std::vector<fs::path>& files) {
  std::unordered_set<std::string> names;  // by which masks call the others; of a folder with a photograph called so, its path with a slash
  for (const fs::path& file : files) {
    for (const std::string& name : detail::names_for_masks(file)) names.insert((file.parent_path() / name).string());
    if (detail::is_called_photo(file)) names.insert((file.parent_path() / "").string());
  }
  const auto first = std::stable_partition(files.begin(), files.end(), [&](const fs::path& file) {
    const std::string photo = detail::MaskName(composed(file.stem().string())).photo;
    const bool may_be_mask = !photo.empty() || detail::is_called_mask(file);
    return !may_be_mask || !names.contains((file.parent_path() / photo).string());
  });
  std::vector<fs::path> masks(first, files.end());
  files.erase(first, files.end());
  return masks;
}

std::uint32_t PhotoList::checksum() const {
  const auto with = [](std::uint32_t sum, std::int64_t value) {
    return io::crc32c({reinterpret_cast<const char*>(&value), sizeof value}, sum);
  };
  std::uint32_t paths = io::crc32c(text_);
  for (const std::uint64_t end : ends_) paths = with(paths, static_cast<std::int64_t>(end));
  std::uint32_t changes = paths, contents = paths;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    std::error_code none;
    const fs::path path((*this)[i]);
    const std::uintmax_t length = fs::file_size(path, none);
    bytes += kFileCost + (none ? 0 : length);
    changes = with(with(changes, static_cast<std::int64_t>(length)), fs::last_write_time(path, none).time_since_epoch().count());
  }
  if (bytes > kReadBytes) return changes;
  for (std::size_t i = 0; i < size(); ++i) {
    std::int64_t content = -1;
    try {
      content = io::crc32c(io::read_regular_file((*this)[i]));
    } catch (const IoError&) {  // found when it is its turn
    }
    contents = with(contents, content);
  }
  return contents;
}

PhotoSets find_photos(const std::vector<std::string>& sources, int held_out, std::uint64_t seed) {
  require<OptionError>(held_out >= 0, "photographs held out: ", held_out, " is negative");
  require<DataError>(!sources.empty(), "there is no photograph to train on");
  std::vector<Found> found;
  for (const std::string& source : sources) found.push_back(found_in(source, seed));
  Chooser chosen(found);
  PhotoSets sets;
  for (std::size_t i = 0; i < sources.size(); ++i) sets.notes.push_back(chosen.take(sources[i], std::move(found[i])));
  PhotoList &all = chosen.all, &validation = chosen.validation;
  const std::size_t wanted = static_cast<std::size_t>(held_out);
  if (validation.size() > 0) {
    PhotoList unused;
    hold_out(validation, std::min(wanted, validation.size()), seed, sets.held_out, unused);
    sets.training = std::move(all);
  } else {
    hold_out(all, std::min(wanted, all.size() / 2), seed, sets.held_out, sets.training);
  }
  std::string where;
  for (const std::string& note : sets.notes) where += "\n  " + note;
  require<DataError>(sets.training.size() > 0, "there is no photograph to train on", where);
  return sets;
}

}  // namespace lamina::data
