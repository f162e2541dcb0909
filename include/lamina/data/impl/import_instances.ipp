// Masks of one instance a file, or whose values number instances: merged.
#include <algorithm>
#include <map>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/pairing.hpp"

namespace lamina::data::detail {
namespace {

/// A photograph and the files of its instances.
struct Instances {
  fs::path photo;
  std::vector<fs::path> masks;
};

/// Where something is drawn: in any color but black, and not transparent; in files of one color, wherever they are not transparent.
std::vector<bool> drawn(const Raster& r) {
  const auto channels = static_cast<std::size_t>(r.channels), alpha = channels - r.has_alpha;
  bool one_color = true, one_alpha = true;
  for (std::size_t i = 0; i < r.pixel_count() * channels; ++i)
    (i % channels < alpha ? one_color : one_alpha) &= r.sample(i) == r.sample(i % channels);
  const auto has_color = [&](std::size_t pixel) {
    if (!r.palette.empty()) return r.sample(pixel) >= r.palette.size() || r.palette[r.sample(pixel)] != Rgb{};
    for (std::size_t c = 0; c < alpha; ++c)
      if (r.sample(pixel * channels + c)) return true;
    return false;
  };
  std::vector<bool> set(r.pixel_count());
  for (std::size_t p = 0; p < set.size(); ++p)
    set[p] = one_alpha ? has_color(p) : r.sample(p * channels + alpha) != 0 && (one_color || has_color(p));
  return set;
}

/// 255 where any of the files has something drawn.
LabelImage merged(const std::vector<fs::path>& masks) {
  LabelImage all;
  for (const fs::path& file : masks) {
    const Raster one = read_raster(file, DecodeLimits{}.of(FileRole::mask));
    if (all.labels.empty()) all = LabelImage(one.width, one.height);
    require<DataError>(one.width == all.width && one.height == all.height, file.string(), ": ", one.width, "x", one.height, " pixels, but ",
                       masks[0].string(), " has ", all.width, "x", all.height);
    const std::vector<bool> set = drawn(one);
    for (std::size_t i = 0; i < set.size(); ++i)
      if (set[i]) all.labels[i] = 255;
  }
  return all;
}

/// Files beside each other: by the names of the photographs and a number, or else as the masks of a data set are. The rest is told.
void add_files(const fs::path& folder, std::map<std::string, Instances>& items, Target& target) {
  std::vector<Finding> findings;
  Files files, photos;
  if (fs::is_directory(folder)) files = files_by_stem(folder, findings);
  bool any = false;
  std::erase_if(files, [&](const auto& file) {
    const std::string id = photo_of_instance(file.first, items);
    if (!id.empty()) items.at(id).masks.push_back(file.second);
    any |= !id.empty();
    return !id.empty();
  });
  for (const auto& [stem, item] : items) photos[stem] = item.photo;
  if (!any) files = by_photo(photos, files, findings);
  for (const Finding& f : findings) {
    require<DataError>(!f.is_error, f.text);
    target.note(f.text);
  }
  std::vector<std::string> homeless;
  for (const auto& [stem, file] : files)
    if (const auto item = items.find(stem); item != items.end())
      item->second.masks.push_back(file);
    else
      homeless.push_back(file.filename().string());
  target.tell(homeless, "mask", "left out, without a photograph");
}

}  // namespace

std::map<fs::path, std::vector<fs::path>> instance_folders(const fs::path& source) {
  std::map<fs::path, std::vector<fs::path>> photos;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(source, none))
    if (fs::is_directory(entry.path() / "images", none) && fs::is_directory(entry.path() / "masks", none))
      photos[entry.path()] = files_below(entry.path() / "images", is_photo);
  return photos;
}

Imported import_instances(const fs::path& source, Target& target) {
  std::map<std::string, Instances> items;  // by stem
  const auto add = [&](const fs::path& photo, const fs::path& masks) {
    Instances& item = items[composed(photo.stem().string())];
    require<DataError>(item.photo.empty(), item.photo.string(), " and ", photo.string(), " are of one name; rename one of them");
    item = {photo, files_below(masks, is_photo)};
  };
  for (const auto& [folder, photos] : instance_folders(source)) {
    require<DataError>(photos.size() < 2, (folder / "images").string(), " holds ", photos.size(),
                       " photographs: of instances each has a folder of its own, ID/images/ID.png with its masks ID/masks/*.png");
    for (const fs::path& photo : photos) add(photo, folder / "masks");
  }
  if (items.empty()) {
    for (const fs::path& photo : files_below(source / "images", is_photo)) add(photo, source / "masks" / photo.stem());
    add_files(source / "masks", items, target);
  }
  const std::string nothing =
      source.string() +
      " holds no instances: ID/images/ID.png with ID/masks/*.png, or images/ID.png with masks/ID/*.png, masks/ID_N.png or masks/ID.png";
  require<DataError>(std::any_of(items.begin(), items.end(), [](const auto& item) { return !item.second.masks.empty(); }), nothing);
  std::vector<std::string> bare;
  for (const auto& [stem, item] : items) {
    target.add(Split::train, stem, item.photo);
    if (!item.masks.empty()) {
      target.write_mask(stem, merged(item.masks));
      continue;
    }
    bare.push_back(item.photo.filename().string());
    const Image image = read_image(item.photo);
    target.write_mask(stem, LabelImage(image.width, image.height));
  }
  target.tell(bare, "photograph", "without an instance, all background");
  target.note("instances are merged: where they touch, nothing tells them apart");
  return target.finish({{"labels", numbered_labels({"instance"})}, {"encoding", "binary"}}, nothing);
}

}  // namespace lamina::data::detail
