#pragma once
// What importers share: one function for each layout, and the folder that they fill.
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lamina/data/impl/json_text.hpp"
#include "lamina/data/impl/pairing.hpp"
#include "lamina/data/import.hpp"
#include "lamina/data/photos.hpp"

namespace lamina::data::detail {

namespace fs = std::filesystem;

/// What train.txt, val.txt, test.txt, groups.txt and unlabelled.txt of a source say of its photographs, which they name by paths or ends of
/// paths, with or without ending. All throw DataError where a line names no photograph, or several.
class SourceLists {
 public:
  /// `photos` are those that are imported.
  SourceLists(const fs::path& source, const std::vector<fs::path>& photos);
  static std::vector<fs::path> split_lists(const fs::path& source);
  /// `idle` are lines that name a photograph which is not imported. Throws DataError where one is in two lists.
  std::map<fs::path, Split> splits(std::vector<std::string>& idle) const;
  std::map<fs::path, std::string> groups() const;
  std::set<fs::path> unlabelled() const;

 private:
  struct Named {
    fs::path source;
    std::map<std::string, std::set<fs::path>> by_path{}, by_end{};
    void add(const fs::path& photo);
    std::vector<std::string> names_of(const fs::path& photo) const;
    const std::set<fs::path>* find(const std::string& name) const;
  };
  std::pair<fs::path, bool> photo_of(const std::string& line, int number, const std::string& where) const;

  fs::path source_;
  Named imported_, others_;
  std::vector<fs::path> photos_;
  bool any_ = false;
};

/// A data set that is being made; nothing of it is left unless it is finished.
class Target {
 public:
  /// Throws OptionError unless `out` is new or empty, in no data set, and neither in the source nor around it.
  Target(const fs::path& out, const fs::path& source);
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  ~Target();

  /// A photograph and its mask, as links; `mask` may be empty where masks are written or linked otherwise. `split` is what the layout says:
  /// its own `list` or JSON, or else a folder; the lists of the source say it over a folder, or where nothing does.
  void add(std::optional<Split> split, const std::string& stem, const fs::path& image, const fs::path& mask = {},
           const fs::path& list = {});
  /// A photograph that no file of the source is, but in `origin`.
  void add(std::optional<Split> split, const std::string& stem, const std::string& bytes, const std::string& ending,
           const fs::path& origin);
  /// A mask of one label.
  void link_mask(const std::string& stem, const fs::path& mask, const std::string& label = "");
  /// A mask that no file of the source is: 0 .. 255 as they are, or a label's plane of 0 and 1.
  void write_mask(const std::string& stem, const LabelImage& mask, const std::string& label = "");
  /// A table of classes.
  void keep(const fs::path& table);
  /// Of a label that is nowhere, so far.
  void add_folder(const std::string& label);
  /// What photographs are called, each given with its folder: by the stem, and where that is another's, too, by the folder as well; told.
  std::map<fs::path, std::string> names(const std::map<fs::path, fs::path>& folder_of);
  /// Of photographs, each given with the folder of its patient, the groups: the first of the folders that differ, or else all of these;
  /// none where that makes a few words. Tells which.
  std::map<fs::path, std::string> groups(const std::map<fs::path, fs::path>& folder_of);
  /// Photographs of one group belong together: no split that is made here parts them. Kept in groups.txt.
  void add_to_group(const std::string& name, const std::string& group) { groups_[name] = group; }
  /// Says how many of the source were left out, or assumed, and which are the first; silent where none was.
  void tell(const std::vector<std::string>& which, const std::string& one, const std::string& what);
  /// Tells of the folders below `root` that have photographs and are not read, by name and count.
  void tell_of_other_folders(const fs::path& root, const std::function<bool(const fs::path&)>& is_read, const std::string& why);
  void note(const std::string& text) { result_.notes.push_back(text); }
  /// Writes lists, with what those of the source say, and, unless it is null, dataset.json; without items of val, every fifth of train is,
  /// or groups with about a fifth. Throws DataError where nothing was added.
  Imported finish(Json dataset_json, const std::string& nothing);

 private:
  struct Entry {
    std::string name;
    fs::path photo, list;  // the latter: of the layout, which says the split
    std::optional<Split> split;
    std::vector<fs::path> made;  // its files; the photograph is the first
  };

  void require_apart() const;
  bool holds_only_ours() const;
  void remove_interrupted();
  Entry& enter(std::optional<Split> split, const std::string& name, const fs::path& photo, const fs::path& list);
  void drop(const std::set<std::string>& names);
  void take_lists();
  std::optional<std::map<fs::path, Split>> listed_splits(const SourceLists& lists);
  void group_copies();
  void hold_out();

  fs::path out_, unfinished_, source_;  // what is asked for; a folder in it
  bool was_there_;
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> index_;  // of entries, by name
  std::vector<std::string> lists_[3];
  std::map<std::string, std::string> groups_;  // by name
  Imported result_;
};

/// The folders that both paths begin with.
fs::path common_folders(const fs::path& a, const fs::path& b);
/// The files below a folder whose path `wanted` accepts, in the order of their names.
std::vector<fs::path> files_below(const fs::path& folder, const std::function<bool(const fs::path&)>& wanted);
/// `root` and the folders in it, four levels down unless all are asked for, in the order of their names; hidden ones are left out.
std::vector<fs::path> folders_below(const fs::path& root, bool all = false);
/// Whether files of a format that photographs have lie in it; not, where it cannot be read.
bool holds_images(const fs::path& folder);
/// Those that hold a folder `part`, such as "annotations/training"; the first alone where it does.
std::vector<fs::path> holders_of(const std::vector<fs::path>& folders, const fs::path& part);
/// The only one. Throws DataError naming the layout where there is none, or several.
fs::path root_of(const fs::path& source, const fs::path& part, const std::string& layout);
/// The images below a folder, in whatever format, by their stems.
class Stems {
 public:
  explicit Stems(const fs::path& folder);
  /// Empty: there is none.
  fs::path operator[](const std::string& stem) const;

 private:
  std::map<std::string, fs::path> files_;
};
/// The photographs below a folder, by the names that annotations give them.
class Photos {
 public:
  explicit Photos(const fs::path& root);
  /// The one that `name` means ("a.jpg", "train/a.jpg", "..\\images\\a.jpg"), written in `file`: of several that are called so the one that
  /// shares the most folders with it, then the one beside `file`, then the one whose folders name its split. Empty: none. Throws DataError
  /// where two are left.
  fs::path find(std::string name, const fs::path& file) const;
  /// Tells of those that no annotation names.
  void tell_of_others(const std::map<fs::path, fs::path>& named, Target& target) const;

 private:
  fs::path root_;
  std::multimap<std::string, fs::path> by_name_;
};

/// Runs `f`; a field that lacks or has another type is a DataError that says where.
template <class F>
void reading(const std::string& where, const F& f) {
  try {
    f();
  } catch (const Json::exception& e) {
    throw DataError(message(where, ": ", json_reason(e.what())));
  } catch (const DataError& e) {
    throw DataError(std::string(e.what()).find(where) == std::string::npos ? where + ": " + e.what() : e.what());
  }
}

/// Of masks of one instance each, "ID_3", "ID-cell-07", "ID.2" or "ID": the ID that is a photograph's stem. Empty: none.
template <class Stems>
std::string photo_of_instance(const std::string& stem, const Stems& photos) {
  const std::string id = photo_before_ending(stem, photos);
  return id == stem || stem.find_first_of("0123456789", id.size()) != std::string::npos ? id : std::string();
}

/// The split that a word of the name is ("Train", "val_2017", "dev"), not a part of a word ("trainval").
std::optional<Split> split_named(const std::string& name);
/// That of the last part of a path that names one.
std::optional<Split> split_of_path(const fs::path& path);
/// A path but for the parts that say that it has photographs, or masks.
fs::path without_kind(const fs::path& folder);
/// What of a folder's path may be a patient: not words of splits, photographs and masks.
fs::path patient_of(const fs::path& folder, const fs::path& source);
/// Whether words of a folder's path say that it has masks, or photographs.
bool says_masks(const fs::path& folder, const fs::path& source);
bool says_photos(const fs::path& folder, const fs::path& source);
/// Whether each mask belongs to one photograph at most, and any does.
bool belong_together(const fs::path& photos, const fs::path& masks);
/// The dataset.json of the source or of a folder of photographs; else what their tables of classes say, of which one of names alone is
/// kept for the target instead. Throws DataError where two differ.
Json schema_of(const fs::path& source, const std::vector<fs::path>& photos, Target& target);
bool is_photo(const fs::path& path);
/// {"background": 0, names[0]: 1, ...}.
Json numbered_labels(const std::vector<std::string>& names);
/// "lamina import KIND SOURCE SOURCE-imported"
std::string import_command(const std::string& kind, const fs::path& source);
/// What is wrong with a folder that is laid out in another way: a sentence with the command that makes a data set of it; empty: it is in no
/// layout that is known.
std::string import_advice(const fs::path& source);
/// That files of shapes are there which are in none of the formats that are read; empty: there are none.
std::string told_of_shapes(const fs::path& source);
/// Of a folder with photographs and masks beside each other: what reads them; empty: it is none.
std::string advice_on_beside(const fs::path& root);
/// Of a folder that lacks images/, or masks/: the commands that name two folders whose files belong together; empty: there are none.
std::string advice_on_pairs(const fs::path& root);
/// Whether masks lie beside their photographs in folders of `source`, or several of one photograph in itself.
bool has_masks_beside(const fs::path& source);
/// Why masks whose names end in words that recur over photographs are no instances, and what to do; empty: they do not. `masks_of` are by
/// stem of the photograph.
std::string fault_of_endings(const std::map<std::string, std::vector<fs::path>>& masks_of, const fs::path& source);
/// ID/images/* and ID/masks/* below `source`: the photographs by ID's folder.
std::map<fs::path, std::vector<fs::path>> instance_folders(const fs::path& source);
/// Whether folders are named by splits, each with photographs and masks of their names.
bool has_split_folders(const fs::path& source);
/// Whether photographs and masks of their names lie in folders of the same paths, but for the words that say which of them.
bool has_mirrored_folders(const fs::path& source);

Imported import_coco(const fs::path& source, Target& target);
Imported import_labelme(const fs::path& source, Target& target);
Imported import_instances(const fs::path& source, Target& target);
Imported import_splits(const fs::path& source, Target& target);
Imported import_beside(const fs::path& source, Target& target);
Imported import_tree(const fs::path& source, Target& target);
Imported import_voc(const fs::path& source, Target& target);

}  // namespace lamina::data::detail
