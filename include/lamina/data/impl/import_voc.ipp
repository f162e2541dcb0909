// VOC's layout: its own, labelme2voc's and CVAT's.
#include <algorithm>
#include <cstdio>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/label_names.hpp"
#include "lamina/data/impl/mask_values.hpp"
#include "lamina/data/impl/pairing.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {
namespace {

constexpr const char* kHowToName =
    "write the names of yours into class_names.txt there, one a line, the background's first; of masks of colors into labelmap.txt, "
    "NAME:R,G,B a line";

/// Numbers of labels, each name once.
void add_label(Json& labels, const std::string& name, int value, const std::string& where) {
  require<DataError>(!labels.contains(name), where, " names '", name, "' twice; rename one of them");
  labels[name] = value;
}

bool is_ignored(const std::string& name) { return name == "__ignore__" || name == "ignored"; }

/// labelme2voc's: the names of 0, 1 ... a line; before them perhaps `__ignore__`, which is 255.
Json schema_of_names(const fs::path& file) {
  Json labels = Json::object();
  int value = 0;
  each_line(io::read_text(file, 1 << 20), [&](const std::string& given, int number) {
    const std::string line = spelled_label(given);
    if (!is_ignored(line)) add_label(labels, line, value, message(file.string(), " line ", number)), ++value;
  });
  return {{"labels", labels}, {"ignore", kIgnoreLabel}, {"encoding", "palette"}};
}

/// CVAT's: NAME:R,G,B:PARTS:ACTIONS a line; masks have these colors.
Json schema_of_colors(const fs::path& file) {
  Json labels = Json::object(), colors = Json::object();
  int value = 0;
  each_line(io::read_text(file, 1 << 20), [&](const std::string& line, int number) {
    const std::string where = message(file.string(), " line ", number);
    unsigned r = 256, g = 256, b = 256;
    std::size_t colon = line.find(':');
    while (colon != std::string::npos && std::sscanf(line.c_str() + colon, ":%3u,%3u,%3u", &r, &g, &b) != 3)
      colon = line.find(':', colon + 1);
    require<DataError>(colon != std::string::npos && r < 256 && g < 256 && b < 256, where, ": '", line, "' is not NAME:R,G,B");
    const std::string name = spelled_label(line.substr(0, colon));
    colors[is_ignored(name) ? "ignore" : name] = mask_values::hex_color(mask_values::packed(r, g, b));
    if (!is_ignored(name)) add_label(labels, name, value++, where);
  });
  return {{"labels", labels}, {"colors", colors}, {"encoding", "colors"}};
}

/// VOC's own. Throws DataError where a mask has something else.
Json schema_of_voc(const fs::path& root, const std::vector<fs::path>& masks, Target& target) {
  const Json labels =
      numbered_labels({"aeroplane",   "bicycle", "bird",  "boat",      "bottle", "bus",         "car",   "cat",  "chair", "cow",
                       "diningtable", "dog",     "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"});
  for (const fs::path& file : masks) {
    const MaskContent mask = inspect_mask(read_raster(file, DecodeLimits{}.of(FileRole::imported_mask)), file.string());
    for (const auto& [value, count] : mask.counts)
      require<DataError>(mask.kind != MaskContent::Kind::color && (value < labels.size() || value == kIgnoreLabel), file.string(), " has ",
                         mask.describe(value), ", which is none of VOC's twenty classes, and ", root.string(),
                         " has no class_names.txt (labelme2voc) or labelmap.txt (CVAT): ", kHowToName);
  }
  target.note(message("the classes are called as VOC's twenty; if they are others, ", kHowToName));
  return {{"labels", labels}, {"ignore", kIgnoreLabel}, {"encoding", "palette"}};
}

/// What a line names, as a stem: all of it or, where that is none, what stands before other columns (VOC's 1, -1), with or without its
/// ending. The line, where nothing is called so.
std::string stem_listed(const std::string& line, const Stems& photos, const Stems& masks) {
  for (const std::string& name : names_in_line(line)) {
    const fs::path file = fs::path(name).filename();
    for (const std::string& stem : {name, has_image_extension(file) ? file.stem().string() : file.string()})
      if (!photos[stem].empty() || !masks[stem].empty()) return stem;
  }
  return line;
}

}  // namespace

/// VOCdevkit/VOC2012/{JPEGImages,SegmentationClass,ImageSets/Segmentation/{train,val}.txt}.
Imported import_voc(const fs::path& source, Target& target) {
  const fs::path root = root_of(source, "SegmentationClass", "VOC");
  const Stems photos(root / "JPEGImages"), drawn(root / "SegmentationClass");
  std::vector<fs::path> masks,
      lists = files_below(root / "ImageSets/Segmentation", [](const fs::path&p) { return p.extension() == ".txt"; });
  std::vector<std::string> without_photo, unlabelled, without_split;
  std::set<std::string> seen;
  const auto split_of = [](const fs::path& list) { return split_named(list.stem().string()); };
  std::stable_partition(lists.begin(), lists.end(), [&](const fs::path& list) { return split_of(list).has_value(); });
  for (const fs::path& list : lists) {
    const auto split = split_of(list);
    bool adds = false;
    each_line(io::read_text(list, 1 << 24), [&](const std::string& line, int) {
      const std::string stem = stem_listed(line, photos, drawn);
      if (!seen.insert(stem).second && !split) return;  // trainval.txt, after the others
      const fs::path photo = photos[stem], mask = drawn[stem];
      if (photo.empty() || mask.empty()) return (photo.empty() ? without_photo : unlabelled).push_back(stem);
      target.add(split, stem, photo, mask, list);
      masks.push_back(mask);
      adds = true;
    });
    if (adds && !split) without_split.push_back(list.filename().string());
  }
  target.tell(without_split, "list", "without the name of a split, taken for training");
  if (lists.empty() && SourceLists::split_lists(source).empty())
    target.note("there are no lists in ImageSets/Segmentation: all that have masks are of training");
  std::vector<std::string> unlisted, homeless;
  for (const fs::path& mask : files_below(root / "SegmentationClass", is_photo)) {
    const std::string stem = mask.stem().string();
    if (const fs::path photo = photos[stem]; photo.empty()) {
      if (!seen.contains(stem)) homeless.push_back(mask.filename().string());
    } else if (lists.empty()) {
      target.add({}, stem, photo, mask);
      masks.push_back(mask);
    } else if (!seen.contains(stem)) {
      unlisted.push_back(photo.filename().string());
    }
  }
  target.tell(unlisted, "photograph", "left out, in no list of ImageSets/Segmentation");
  target.tell(homeless, "mask", "left out, without a photograph in JPEGImages");
  target.tell(without_photo, "listed photograph", "left out, not in JPEGImages");
  target.tell(unlabelled, "listed photograph", "left out, without a mask in SegmentationClass");
  const fs::path colors = root / "labelmap.txt", names = root / "class_names.txt";
  return target.finish(
      fs::exists(colors)  ? schema_of_colors(colors)
      : fs::exists(names) ? schema_of_names(names)
                          : schema_of_voc(root, masks, target),
      source.string() + " is not laid out as VOC: ImageSets/Segmentation lists, or JPEGImages has, nothing of SegmentationClass");
}

}  // namespace lamina::data::detail
