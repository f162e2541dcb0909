// Folder data sets.
#include "lamina/data/dataset.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/impl/class_folders.hpp"
#include "lamina/data/impl/class_table.hpp"
#include "lamina/data/impl/groups.hpp"
#include "lamina/data/impl/head_masks.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/pairing.hpp"
#include "lamina/data/impl/split_lists.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSplitNames[] = {"train", "val", "test"};

using detail::Files;

/// Lists one data folder.
class Lister {
 public:
  Lister(const fs::path& root, const DatasetOptions& options) : options_(options) {
    files_.root = root;
    require<OptionError>(options.validation_share >= 0 && options.validation_share < 1, "the validation share ", options.validation_share,
                         " is not in [0, 1)");
    require<DataError>(fs::is_directory(root), "there is no folder ", root.string());
    read_schema();
    images_folder_ = folder(options.images, "images", "--images");
    images_ = detail::files_by_stem(images_folder_, files_.findings, &no_images_);
    if (options.need_masks || fs::is_directory(options.masks.empty() ? root / "masks" : options.masks)) {
      masks_folder_ = folder(options.masks, "masks", "--masks");
      masks_ = detail::files_by_stem(masks_folder_, files_.findings, &no_masks_);
      find_planes();
      if (fs::equivalent(images_folder_, masks_folder_)) separate();
    }
    pairing_.emplace(images_, masks_);
    pairing_->tell(files_.findings);
  }

  DatasetFiles list() {
    const detail::Groups groups(files_.root, images_, files_.findings);
    detail::SplitLists lists(files_.root, {images_folder_, masks_folder_}, images_, files_.findings);
    for (const Split split : kSplits)
      for (auto& line : lists.read(split))
        files_.splits[static_cast<int>(split)].push_back(line.mask ? Item{line.name, line.image, *line.mask}
                                                                   : paired(line.name, line.image));
    files_.splits_from_lists = lists.any();
    lists.tell_of_others();
    lists.tell_of_crossed(masks_);
    if (!files_.splits_from_lists) {
      std::vector<Item> all;
      for (const auto& [stem, image] : images_) all.push_back(paired(stem, image));
      detail::split_by_seed(std::move(all), groups, options_.seed, options_.validation_share, files_);
    }
    groups.tell(files_);
    if (!options_.pixel_weights.empty()) find_weights();
    if (options_.need_masks) find_unpaired();
    tell_of_others();
    return std::move(files_);
  }

 private:
  fs::path folder(const fs::path& given, const char* name, const char* option) const {
    const fs::path path = given.empty() ? files_.root / name : given;
    if (fs::is_directory(path)) return path;
    std::string others;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(files_.root))
      if (entry.is_directory(unreadable)) others += (others.empty() ? "" : ", ") + entry.path().filename().string();
    std::string advice = detail::import_advice(files_.root);
    if (advice.empty()) advice = detail::advice_on_beside(files_.root);
    if (advice.empty() && *name) advice = detail::advice_on_pairs(files_.root);
    throw DataError(message("there is no folder ", path.string(), "; ",
                            advice.empty() ? message(detail::told_of_shapes(files_.root), "name the right one with ", option,
                                                     others.empty() ? "" : " (folders here: " + others + ")",
                                                     ", or bring another layout into this one with ", program_word(), " import")
                                           : advice));
  }
  void read_schema() {
    const fs::path path = files_.root / "dataset.json";
    if (fs::exists(path))
      files_.schema = parse_label_schema(io::read_text(path, 1 << 20), path.string());
    else if (options_.need_masks)
      read_class_table();
    if (!files_.schema.field_note.empty()) files_.findings.push_back({false, files_.schema.field_note});
    files_.has_schema = !files_.schema.names.empty() || !files_.schema.heads.empty();
    files_.schema.reading =
        overridden(files_.schema.reading, options_.mask_channel, options_.mask_frame, options_.others, options_.mask_threshold);
    for (LabelSchema& head : files_.schema.heads)
      head.reading = overridden(head.reading, options_.mask_channel, "", options_.others, options_.mask_threshold);
    if (options_.ignore) files_.schema.set_ignore(*options_.ignore);
    check_labels(files_.schema, path.string());
  }
  void read_class_table() {
    const auto table =
        detail::class_table_in({files_.root, options_.masks.empty() ? files_.root / "masks" : options_.masks}, files_.findings);
    if (!table) return;
    files_.schema = detail::schema_of_json(table->json(), table->file.string());
    files_.schema.table = table->file.string();
    files_.schema.numbered = !table->says_values();
  }
  /// The labels with folders of masks, of classes that exclude each other: all, or all but the background, which is then where none is.
  std::vector<std::string> class_folders() {
    const LabelSchema& schema = files_.schema;
    std::vector<std::string> all, found;
    for (int k = 0; k < schema.classes(); ++k) {
      const std::string& name = schema.names[static_cast<std::size_t>(k)];
      const bool names_folder = !name.empty() && name[0] != '.' && name.find('/') == std::string::npos;
      const bool there = names_folder && fs::is_directory(masks_folder_ / name);
      if (there) found.push_back(name);
      if (there || k != schema.background) all.push_back(name);
    }
    return files_.schema.reading.class_folders = found.empty() ? found : all;
  }
  /// DATA/masks/LABEL/*, where the labels have folders.
  void find_planes() {
    std::string missing;
    folders_ = files_.schema.plane_names();
    if (folders_.empty()) folders_ = class_folders();
    for (const std::string& name : folders_)
      if (fs::is_directory(masks_folder_ / name))
        planes_.push_back(detail::by_photo(images_, detail::files_by_stem(masks_folder_ / name, files_.findings), files_.findings));
      else
        missing += (missing.empty() ? "" : ", ") + name;
    require<DataError>(files_.schema.heads.empty() || missing.empty(), masks_folder_.string(),
                       ": of several heads each, and each plane of one, has a folder of masks, but not ", missing);
    if (planes_.empty()) return;
    require<DataError>(missing.empty(), masks_folder_.string(), ": some planes have a folder, but not ", missing);
    require<DataError>(masks_.empty(), masks_folder_.string(), ": the planes have folders, but there are files beside them");
    for (const auto& files : planes_) masks_.insert(files.begin(), files.end());
    if (std::string fault = detail::fault_of_other_folders(masks_folder_, folders_, files_.schema); !fault.empty())
      files_.findings.push_back({true, std::move(fault)});
  }

  /// Photographs and masks in one folder: those whose name is another one's with an ending are masks.
  void separate() {
    masks_ = detail::masks_beside(images_);
    for (const auto& [stem, path] : masks_) images_.erase(stem);
    if (masks_.empty())
      files_.findings.push_back({true, images_folder_.string() + " holds photographs and masks, and no name ends as a mask's (_mask)"});
  }

  Item paired(const std::string& stem, const fs::path& image) const {
    const auto mask = masks_.find(pairing_->mask_of(stem));
    Item item{stem, image, mask == masks_.end() ? fs::path() : mask->second};
    for (const auto& files : planes_) {
      const auto plane = files.find(stem);
      item.planes.push_back(plane == files.end() ? fs::path() : plane->second);
    }
    return item;
  }

  void find_unpaired() {
    std::set<fs::path> used;
    detail::FileFaults no_mask, no_image;
    std::vector<std::string> unread;  // files that would be what is lacking
    const auto lack = [&](Files& others, const std::string& stem, detail::FileFaults& alike, const fs::path& file,
                          const std::string& text) {
      if (const auto other = others.find(composed(stem)); other != others.end())
        unread.push_back(other->second.string()), others.erase(other);
      else
        alike.add(file, file.string() + text);
    };
    std::size_t items = 0;
    std::vector<std::vector<std::string>> absent(planes_.size());  // names of the photographs without a file, by class
    for (const Item& item : files_.all_items()) {
      ++items;
      for (std::size_t k = 0; k < item.planes.size(); ++k)
        if (item.planes[k].empty() && !item.mask.empty()) absent[k].push_back(item.name);
      used.insert({item.mask, item.image});
      if (!item.mask.empty()) continue;
      lack(no_masks_, item.name, no_mask, item.image, " has no mask " + (masks_folder_ / item.name).string() + ".*");
    }
    std::vector<std::string> unlisted;
    for (const auto& [stem, mask] : masks_)
      if (used.count(mask))
        continue;
      else if (files_.splits_from_lists)
        unlisted.push_back(mask.string());
      else
        lack(no_images_, stem, no_image, mask, " has no image " + (images_folder_ / stem).string() + ".*");
    const std::string advice = no_mask.empty() && no_image.empty() && unread.empty() && items > 0 ? "" : advice_on_all();
    if (!advice.empty()) {  // another layout is one fault, not one a file
      files_.findings.insert(files_.findings.begin(), {true, advice});
    } else {
      if (!unread.empty())
        files_.findings.push_back(
            {true, message(counted(std::ssize(unread), "file is", "files are"), " in a format that is not read (", detail::examples(unread),
                           "): make PNG, JPEG, TIFF, WebP, BMP, GIF, TGA, PNM or .npy files of them")});
      if (items == 0 && unread.empty() && images_.empty()) files_.findings.push_back({true, images_folder_.string() + ": no images"});
      no_mask.tell(files_.findings, message("draw them, list the other photographs in ", (files_.root / "train.txt").string(),
                                            " and val.txt, beside which none is read, or move these out of ", images_folder_.string()));
      no_image.tell(files_.findings,
                    message("a mask is called as its photograph, but for a usual ending such as _mask; move what is none out of ",
                            masks_folder_.string()));
    }
    if (files_.splits_from_lists)
      for (const auto& [stem, image] : images_)
        if (!used.count(image)) unlisted.push_back(image.string());
    if (!unlisted.empty())
      files_.findings.push_back({false, message(counted(std::ssize(unlisted), "image or mask is", "images and masks are"),
                                                " in no list and left out, such as ", unlisted.back())});
    for (std::size_t k = 0; k < absent.size(); ++k)
      if (!absent[k].empty())
        files_.findings.push_back(
            {false, message((masks_folder_ / folders_[k]).string(), " has no file for ", absent[k].size(), " of ", items,
                            " images, such as ", absent[k][0],
                            excludes(k) ? ": nothing is known of it there, and these images teach and count for the other heads alone"
                                        : ": it is taken to be nowhere in them")});
  }

  /// What is wrong with all of the folder; empty: with some of its files alone.
  std::string advice_on_all() const {
    if (const std::string other_layout = detail::import_advice(files_.root); !other_layout.empty()) return other_layout;
    if (std::string folders = images_.empty() && masks_.empty() ? detail::advice_on_pairs(files_.root) : ""; !folders.empty())
      return folders;
    const fs::path json = files_.root / "dataset.json";
    return masks_.empty() ? detail::advice_on_folders(masks_folder_, files_.schema, json)
                          : detail::advice_on_endings(images_, masks_, files_.root);
  }
  void tell_of_others() {
    for (const Files* others : {&no_images_, &no_masks_}) {
      std::vector<fs::path> paths;
      for (const auto& [stem, path] : *others)
        if (path != files_.schema.table) paths.push_back(path);
      detail::tell_of_others(paths, files_.findings);
    }
    if (images_.empty() || files_.splits_from_lists) return;
    std::vector<std::string> unread;
    for (const fs::path& folder : detail::folders_below(images_folder_))
      if (folder != images_folder_ && detail::holds_images(folder)) unread.push_back(folder.string());
    if (!unread.empty())
      files_.findings.push_back(
          {false, message(counted(std::ssize(unread), "folder"), " of photographs inside ", images_folder_.string(),
                          " left out: ", detail::examples(unread), "; ", detail::import_command("tree", files_.root), " reads them, too")});
  }

  void find_weights() {
    const fs::path from = folder(options_.pixel_weights, "", "--pixel-weights");
    const Files files = detail::files_by_stem(from, files_.findings);
    std::vector<std::string> lacking;
    for (auto& split : files_.splits)
      for (Item& item : split) {
        auto found = files.find(composed(item.name));
        if (found == files.end()) found = files.find(composed(item.mask.stem().string()));
        if (found == files.end())
          lacking.push_back(item.name);
        else
          item.weights = found->second;
      }
    if (!lacking.empty())
      files_.findings.push_back({true, message(from.string(), " has no weights of the pixels of ",
                                               counted(std::ssize(lacking), "photograph"), ", such as ", lacking[0], ".*")});
  }

  /// Is the plane a head's whose classes exclude each other?
  bool excludes(std::size_t plane) const {
    std::size_t last = 0;
    for (const LabelSchema& head : files_.schema.heads)
      if (plane < (last += head.labels_per_pixel())) return head.plane_names().empty();
    return false;
  }

  const DatasetOptions& options_;
  DatasetFiles files_;
  fs::path images_folder_, masks_folder_;
  Files images_, masks_, no_images_, no_masks_;  // the latter: other files of their folders
  std::optional<detail::Pairing> pairing_;
  std::vector<std::string> folders_;  // of the planes, or classes
  std::vector<Files> planes_;         // by folder, where there are any
};

}  // namespace

const char* name_of(Split split) { return kSplitNames[static_cast<int>(split)].data(); }

Split split_named(std::string_view name) {
  for (const Split split : kSplits)
    if (name == name_of(split)) return split;
  throw_unknown_name("split", name, kSplitNames);
}

std::string DatasetFiles::why_empty(Split split) const {
  const fs::path list = root / (std::string(name_of(split)) + ".txt");
  const std::string name = message("the ", name_of(split), " split is empty: ");
  if (!splits_from_lists) {
    const std::vector<Item> items = all_items();
    const bool one_group = !items.empty() && !items[0].group.empty() &&
                           std::all_of(items.begin(), items.end(), [&](const Item& item) { return item.group == items[0].group; });
    return name + (one_group ? message("all photographs are of the group '", items[0].group, "' (groups.txt), which stays together")
                             : "without lists, the photographs of " + root.string() + " are split into train and val");
  }
  if (!fs::exists(list)) return name + list.string() + " is missing, while there are other lists";
  const bool in_vain =
      std::any_of(findings.begin(), findings.end(), [&](const Finding& f) { return f.text.starts_with(list.string() + " line "); });
  return name + list.string() + (in_vain ? " lists nothing that is there" : " lists nothing");
}

std::vector<Item> DatasetFiles::all_items() const {
  std::vector<Item> items;
  for (const auto& split : splits) items.insert(items.end(), split.begin(), split.end());
  return items;
}

DatasetFiles list_dataset(const fs::path& root, const DatasetOptions& options) { return Lister(root, options).list(); }

}  // namespace lamina::data
