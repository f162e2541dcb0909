#pragma once
// What importers share: one function for each layout, and the folder that they fill.
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "lamina/data/impl/json_text.hpp"
#include "lamina/data/import.hpp"

namespace lamina::data::detail {

namespace fs = std::filesystem;

/// A data set that is being made.
class Target {
 public:
  /// Throws OptionError unless `out` is new or empty.
  explicit Target(const fs::path& out);

  /// A photograph and its mask, as links; `mask` may be empty where masks are written otherwise.
  void add(Split split, const std::string& stem, const fs::path& image, const fs::path& mask = {});
  /// A mask that no file of the source is: 0 .. 255 as they are, or a label's plane of 0 and 1.
  void write_mask(const std::string& stem, const LabelImage& mask, const std::string& label = "");
  /// Of a label that is nowhere, so far.
  void add_folder(const std::string& label);
  void note(const std::string& text) { result_.notes.push_back(text); }
  /// Writes lists and dataset.json; without items of val, every fifth of train is. Throws DataError where nothing was added.
  Imported finish(Json dataset_json, const std::string& nothing);

 private:
  fs::path out_;
  std::set<std::string> stems_;
  std::vector<std::string> lists_[3];
  Imported result_;
};

/// The files below a folder whose path `wanted` accepts, in the order of their names.
std::vector<fs::path> files_below(const fs::path& folder, const std::function<bool(const fs::path&)>& wanted);
/// The folder of that name in `root`, or `root` itself where it is called so. Throws DataError naming the layout.
fs::path part_of(const fs::path& root, const std::string& name, const std::string& layout);
/// train, val or test as a name says it ("Training", "validation"); train otherwise.
Split split_in(std::string name);
bool is_photo(const fs::path& path);
/// {"background": 0, names[0]: 1, ...}.
Json numbered_labels(const std::vector<std::string>& names);

Imported import_coco(const fs::path& source, Target& target);
Imported import_labelme(const fs::path& source, Target& target);
Imported import_instances(const fs::path& source, Target& target);

}  // namespace lamina::data::detail
