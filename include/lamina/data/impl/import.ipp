// Layouts of public data sets: links to their files, lists of their splits, names of their classes.
#include "lamina/data/import.hpp"

#include <algorithm>
#include <map>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data {
namespace detail {

namespace {

/// Where an image is brighter than half.
std::vector<bool> bright(const Image& image) {
  std::vector<bool> set(image.pixels.size() / static_cast<std::size_t>(image.channels));
  for (std::size_t i = 0; i < set.size(); ++i) set[i] = image.pixels[i * static_cast<std::size_t>(image.channels)] > 127;
  return set;
}

/// 1 at vessels, kIgnoreLabel outside of the field of view, whose file may be missing.
LabelImage vessels_in_view(const fs::path& vessels, const fs::path& view) {
  const Image drawn = read_image(vessels);
  const std::vector<bool> vessel = bright(drawn);
  std::vector<bool> seen(vessel.size(), true);
  if (!view.empty()) {
    const Image field = read_image(view);
    require<DataError>(field.width == drawn.width && field.height == drawn.height, view.string(), " has ", field.width, "x", field.height,
                       " pixels, ", vessels.string(), " has ", drawn.width, "x", drawn.height);
    seen = bright(field);
  }
  LabelImage mask(drawn.width, drawn.height);
  for (std::size_t i = 0; i < vessel.size(); ++i) mask.labels[i] = seen[i] ? vessel[i] : kIgnoreLabel;
  return mask;
}

/// DRIVE/{training,test}/images/21_training.tif, 1st_manual/21_manual1.gif, mask/21_training_mask.gif (the field of view).
Imported import_drive(const fs::path& source, Target& target) {
  const fs::path root = root_of(source, "training/1st_manual", "DRIVE");
  int viewed = 0, without = 0;
  std::vector<std::string> unlabelled;
  for (const char* part : {"training", "test"}) {
    const Stems drawn(root / part / "1st_manual"), views(root / part / "mask");
    for (const fs::path& image : files_below(root / part / "images", is_photo)) {
      const std::string stem = image.stem().string();
      const fs::path vessels = drawn[stem.substr(0, stem.find('_')) + "_manual1"], view = views[stem + "_mask"];
      if (vessels.empty()) {
        unlabelled.push_back(image.filename().string());
        continue;
      }
      ++(view.empty() ? without : viewed);
      target.add(split_named(part), stem, image);
      target.write_mask(stem, vessels_in_view(vessels, view));
    }
  }
  target.tell(unlabelled, "photograph", "left out, without 1st_manual/NN_manual1.gif");
  if (viewed) target.note(message(counted(viewed, "photograph"), ": pixels outside of the field of view are ignored (255)"));
  if (without)
    target.note(message(counted(without, "photograph has", "photographs have"),
                        " no mask of the field of view (mask/*_mask.gif): all pixels count"));
  return target.finish({{"labels", numbered_labels({"vessel"})}, {"ignore", kIgnoreLabel}, {"encoding", "index"}},
                       source.string() + " is not laid out as DRIVE: no photograph has a 1st_manual/NN_manual1.gif");
}

/// .../ddb1_fundusimages/image001.png, ddb1_groundtruth/LESION/image001.png: gray where experts saw a lesion, brighter where more did.
Imported import_diaretdb1(const fs::path& source, Target& target) {
  constexpr const char* kLesions[] = {"hardexudates", "softexudates", "hemorrhages", "redsmalldots"};
  constexpr double kThreeOfFour = 0.7;  // between the levels of two and of three experts
  const auto images =
      files_below(source, [](const fs::path& p) { return p.parent_path().filename() == "ddb1_fundusimages" && is_photo(p); });
  std::map<std::string, fs::path> lists[3];  // by split, of stems
  for (const fs::path& list : files_below(source, [](const fs::path& p) { return p.extension() == ".txt"; }))
    if (const auto split = split_named(list.stem().string())) {
      const std::string text = io::read_text(list, 1 << 20);
      for (std::size_t at = text.find("image"); at != std::string::npos; at = text.find("image", at + 1))
        lists[static_cast<int>(*split)].emplace(text.substr(at, 8), list);
    }
  std::vector<std::string> unlisted;
  std::map<std::string, std::vector<std::string>> absent;  // by lesion
  std::map<fs::path, Stems> drawn;                         // by folder of a lesion
  for (const fs::path& image : images) {
    const std::string stem = image.stem().string();
    std::optional<Split> split;
    fs::path its_list;
    for (const Split s : kSplits)
      if (const auto it = lists[static_cast<int>(s)].find(stem); it != lists[static_cast<int>(s)].end()) {
        require<DataError>(!split, stem, " is in ", its_list.string(), " and in ", it->second.string(),
                           ": one photograph in two splits; take it out of one of them");
        split = s, its_list = it->second;
      }
    if (!split && !lists[static_cast<int>(Split::train)].empty()) {
      unlisted.push_back(image.filename().string());
      continue;
    }
    target.add(split, stem, image, {}, its_list);
    for (const char* lesion : kLesions) {
      const fs::path folder = image.parent_path().parent_path() / "ddb1_groundtruth" / lesion;
      const fs::path file = drawn.try_emplace(folder, folder).first->second[stem];
      if (file.empty()) {
        target.add_folder(lesion);
        absent[lesion].push_back(image.filename().string());
        continue;
      }
      target.link_mask(stem, file, lesion);
    }
  }
  target.tell(unlisted, "photograph", "left out, in no list of a split");
  for (const auto& [lesion, which] : absent)
    target.tell(which, "photograph", "without a file of ddb1_groundtruth/" + lesion + ", taken to show none");
  target.note(
      formatted("a lesion is where three of four experts saw it, masks above %g of white; for others, mask_threshold in dataset.json "
                "or --mask-threshold",
                kThreeOfFour));
  Json labels;
  for (const char* lesion : kLesions) labels[lesion] = labels.size();
  return target.finish({{"task", "multilabel"}, {"labels", labels}, {"mask_threshold", kThreeOfFour}},
                       source.string() + " is not laid out as DIARETDB1: there is no folder ddb1_fundusimages");
}

/// *Training*/ISIC_0000000.jpg, *Training*GroundTruth/ISIC_0000000_segmentation.png, or a ..._attribute_NAME.png each; likewise Validation
/// and Test.
Imported import_isic(const fs::path& source, Target& target) {
  constexpr std::string_view kLesion = "_segmentation", kAttribute = "_attribute_";
  std::vector<fs::path> images;
  std::map<std::string, fs::path> lesions;
  std::map<std::string, std::map<std::string, fs::path>> attributes;  // by name of the attribute, and by photograph
  for (const fs::path& path : files_below(source, is_photo)) {
    const std::string stem = path.stem().string(), small = schema_names::in_small_letters(stem);
    if (small.ends_with(kLesion))
      lesions.emplace(stem.substr(0, stem.size() - kLesion.size()), path);
    else if (const std::size_t at = small.find(kAttribute); at != std::string::npos)
      attributes[small.substr(at + kAttribute.size())].emplace(stem.substr(0, at), path);
    else if (!small.ends_with("_superpixels"))
      images.push_back(path);
  }
  if (!lesions.empty() && !attributes.empty())
    target.note("the attributes (ISIC_N_attribute_*.png) are left out: to learn them, import a folder without *_segmentation.png");
  if (!lesions.empty()) attributes.clear();
  std::vector<std::string> unlabelled;
  std::map<std::string, std::vector<std::string>> absent;  // by attribute
  for (const fs::path& image : images) {
    const std::string stem = image.stem().string();
    const auto has = [&](const auto& attribute) { return attribute.second.contains(stem); };
    if (!lesions.contains(stem) && std::none_of(attributes.begin(), attributes.end(), has)) {
      unlabelled.push_back(image.filename().string());
      continue;
    }
    const auto lesion = lesions.find(stem);
    target.add(split_of_path(image.lexically_relative(source).parent_path()), stem, image,
               lesion == lesions.end() ? fs::path() : lesion->second);
    for (const auto& [name, masks] : attributes)
      if (const auto mask = masks.find(stem); mask != masks.end())
        target.link_mask(stem, mask->second, name);
      else
        absent[name].push_back(image.filename().string());
  }
  target.tell(unlabelled, "photograph",
              attributes.empty() ? "left out, without *_segmentation.png" : "left out, without *_attribute_*.png");
  for (const auto& [name, which] : absent) target.tell(which, "photograph", "without *_attribute_" + name + ".png, taken to show none");
  Json planes = Json::object();
  for (const auto& [name, masks] : attributes) planes[name] = planes.size();
  return target.finish(attributes.empty() ? Json{{"labels", numbered_labels({"lesion"})}, {"encoding", "binary"}}
                                          : Json{{"task", "multilabel"}, {"labels", planes}},
                       source.string() +
                           " is not laid out as ISIC: no photograph ISIC_NNNNNNN has an ISIC_NNNNNNN_segmentation.png or "
                           "ISIC_NNNNNNN_attribute_*.png");
}

/// Tells of folders of photographs beside those that are read.
void tell_of_parts(const fs::path& folder, const std::set<std::string>& read, Target& target) {
  std::string names;
  for (const std::string& name : read) names += (names.empty() ? "" : ", ") + name;
  target.tell_of_other_folders(
      folder, [&](const fs::path& other) { return read.contains(other.lexically_relative(folder).begin()->string()); },
      "in none of the folders that are read (" + names + ")");
}

/// leftImg8bit/SPLIT/CITY/X_leftImg8bit.png, gtFine/SPLIT/CITY/X_gtFine_labelIds.png; where there are none, X_gtFine_labelTrainIds.png.
Imported import_cityscapes(const fs::path& source, Target& target) {
  const fs::path images = root_of(source, "leftImg8bit", "Cityscapes") / "leftImg8bit",
                 masks = root_of(source, "gtFine", "Cityscapes") / "gtFine";
  const auto has_ids = [](const fs::path& p) { return is_photo(p) && p.stem().string().ends_with("_labelIds"); };
  const bool by_id = !files_below(masks, has_ids).empty();
  const std::string ending = by_id ? "_gtFine_labelIds" : "_gtFine_labelTrainIds";
  std::vector<std::string> unlabelled;
  for (const char* split : {"train", "val"}) {
    const Stems drawn(masks / split);
    for (const fs::path& image : files_below(images / split, is_photo)) {
      std::string stem = image.stem().string();
      stem = stem.substr(0, stem.rfind("_leftImg8bit"));
      if (const fs::path mask = drawn[stem + ending]; !mask.empty())
        target.add(split_named(split), stem, image, mask);
      else
        unlabelled.push_back(image.filename().string());
    }
  }
  target.tell(unlabelled, "photograph", "left out, without *" + ending + ".png");
  if (!files_below(images / "test", is_photo).empty()) target.note("the test photographs have no public labels and are left out");
  tell_of_parts(images, {"train", "val", "test"}, target);
  Json labels{{"road", 7},  {"sidewalk", 8},       {"building", 11},     {"wall", 12},       {"fence", 13},
              {"pole", 17}, {"traffic light", 19}, {"traffic sign", 20}, {"vegetation", 21}, {"terrain", 22},
              {"sky", 23},  {"person", 24},        {"rider", 25},        {"car", 26},        {"truck", 27},
              {"bus", 28},  {"train", 31},         {"motorcycle", 32},   {"bicycle", 33}};
  int number = 0;
  if (!by_id)
    for (auto& value : labels) value = number++;
  return target.finish(
      {{"labels", labels}, {"others", "ignore"}, {"encoding", "index"}},
      source.string() + " is not laid out as Cityscapes: no photograph has a *_gtFine_labelIds.png or *_gtFine_labelTrainIds.png");
}

/// images/{training,validation}/ADE_train_00000001.jpg, annotations/..., objectInfo150.txt. 0 is what has no label.
Imported import_ade20k(const fs::path& source, Target& target) {
  const fs::path root = root_of(source, "annotations/training", "ADE20K"), masks = root / "annotations";
  std::vector<std::string> unlabelled;
  for (const char* part : {"training", "validation"}) {
    const Stems drawn(masks / part);
    for (const fs::path& image : files_below(root / "images" / part, is_photo))
      if (const fs::path mask = drawn[image.stem().string()]; !mask.empty())
        target.add(split_named(part), image.stem().string(), image, mask);
      else
        unlabelled.push_back(image.filename().string());
  }
  target.tell(unlabelled, "photograph", "left out, without a mask in annotations");
  tell_of_parts(root / "images", {"training", "validation"}, target);
  Json labels;
  std::set<std::string> used;
  std::string table = fs::exists(root / "objectInfo150.txt") ? io::read_text(root / "objectInfo150.txt", 1 << 20) : "";
  for (int value = 1; value <= 150; ++value) {
    std::string name = "class " + std::to_string(value);
    const std::size_t line = table.find("\n" + std::to_string(value) + "\t"),
                      tab = line == std::string::npos ? line : table.rfind('\t', std::min(table.find('\n', line + 1), table.size()) - 1);
    if (line != std::string::npos) name = table.substr(tab + 1, table.find_first_of(",;\r\n", tab + 1) - tab - 1);
    if (!used.insert(name).second) used.insert(name += " " + std::to_string(value));
    labels[name] = value;
  }
  target.note("pixels of none of the 150 classes (0) are ignored");
  return target.finish({{"labels", labels}, {"ignore", 0}, {"encoding", "index"}},
                       source.string() + " is not laid out as ADE20K: no photograph of images/training has a mask in annotations/training");
}

struct Importer {
  ImportKind kind;
  Imported (*run)(const fs::path&, Target&);
};
constexpr Importer kImporters[] = {
    {{"drive", "training/{images,1st_manual,mask}, test/..."}, import_drive},
    {{"diaretdb1", "ddb1_fundusimages, ddb1_groundtruth/LESION"}, import_diaretdb1},
    {{"isic", "*Training*/ISIC_N.jpg, *GroundTruth/ISIC_N_segmentation.png, or ISIC_N_attribute_*.png"}, import_isic},
    {{"cityscapes", "leftImg8bit/SPLIT/CITY, gtFine/SPLIT/CITY"}, import_cityscapes},
    {{"voc", "JPEGImages, SegmentationClass, ImageSets/Segmentation; class_names.txt or CVAT's labelmap.txt"}, import_voc},
    {{"ade20k", "images/training, annotations/training, objectInfo150.txt"}, import_ade20k},
    {{"coco", "JSON with images, annotations and categories, and the photographs"}, import_coco},
    {{"labelme", "photographs, each with a JSON of shapes beside it"}, import_labelme},
    {{"instances", "ID/images/ID.png, ID/masks/*.png; or images/ID.png, masks/ID/*.png, masks/ID_N.png or masks/ID.png that numbers them"},
     import_instances},
    {{"splits", "SPLIT/images, SPLIT/masks; or images/SPLIT, masks/SPLIT (img_dir, ann_dir ...)"}, import_splits},
    {{"tree", "images/PATIENT, masks/PATIENT; or PATIENT/images, PATIENT/masks, at any depth"}, import_tree},
    {{"beside", "X.png, X_mask.png (X_mask_1.png ...) or image.png, mask.png in one folder, or in folders of patients or splits"},
     import_beside}};

}  // namespace
}  // namespace detail

std::vector<ImportKind> import_kinds() {
  std::vector<ImportKind> kinds;
  for (const auto& importer : detail::kImporters) kinds.push_back(importer.kind);
  return kinds;
}

Imported import_dataset(std::string_view kind, const std::filesystem::path& source, const std::filesystem::path& out) {
  std::vector<std::string_view> names;
  for (const auto& importer : detail::kImporters) {
    names.push_back(importer.kind.name);
    if (importer.kind.name != kind) continue;
    require<DataError>(std::filesystem::is_directory(source), "there is no folder ", source.string());
    try {
      detail::Target target(out, source);
      return importer.run(source, target);
    } catch (const DataError& e) {
      const std::string advice = detail::advice_on_beside(source);
      throw DataError(e.what() + (advice.empty() ? "" : ". " + advice));
    }
  }
  throw_unknown_name("kind of data set", kind, names);
}

}  // namespace lamina::data
