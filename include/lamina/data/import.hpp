#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/data/dataset.hpp"

namespace lamina::data {

/// A layout in which public data sets, or annotation tools, keep photographs and labels.
struct ImportKind {
  std::string_view name, help;
};
/// drive, diaretdb1, isic, cityscapes, voc, ade20k, coco, labelme, instances, splits, tree, beside.
std::vector<ImportKind> import_kinds();

/// The layout that a folder seems to have, one of import_kinds, by names of its files and folders and by the ends of its JSON files; empty:
/// none of them.
std::string_view layout_of(const std::filesystem::path& source);

/// What an import made.
struct Imported {
  int items[3] = {0, 0, 0};  ///< by Split
  std::vector<std::string> notes;
};

/// Makes the folder `out` a data set from what lies in `source`: images/ and masks/ with links to its files, or masks drawn from polygons
/// and instances; lists of its splits; dataset.json. train.txt, val.txt, test.txt, groups.txt and unlabelled.txt in `source` count, over
/// folders of splits, but not over lists that the layout has. What fails leaves nothing. Throws OptionError (unknown kind with the nearest;
/// `out` is not empty), DataError that says which files the layout has and `source` lacks, IoError.
Imported import_dataset(std::string_view kind, const std::filesystem::path& source, const std::filesystem::path& out);

}  // namespace lamina::data
