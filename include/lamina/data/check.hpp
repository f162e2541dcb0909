#pragma once
#include <map>
#include <string>
#include <vector>

#include "lamina/data/class_weights.hpp"
#include "lamina/data/combinations.hpp"
#include "lamina/data/dataset.hpp"

namespace lamina::data {

/// What one split holds.
struct SplitSummary {
  int items = 0;
  ClassCounts counts;
  std::vector<std::vector<std::int64_t>> pixels;  ///< of each mask, by class
  std::vector<std::vector<std::int64_t>> known;   ///< the same of those that have it or are known not to
  std::vector<std::int64_t> labelled;             ///< by class: pixels that have it or are known not to; one number unless classes overlap
  bool overlapping = false;                       ///< a pixel can have several classes, or none
  std::vector<int> planes;                        ///< of what is counted, where a plane has one of several labels
  int without_foreground = 0;                     ///< images with nothing but the background and what is uncertain
  /// The accuracy of always answering with the most frequent class, of each plane; where classes overlap, with none.
  double majority_share() const;
  int majority_class() const;
};

/// Everything worth knowing about a data set before training on it.
struct CheckReport {
  std::string root;
  LabelSchema schema;  ///< complete when the encoding could be decided
  bool has_encoding = false;
  MaskEncoding encoding = MaskEncoding::index;
  std::string encoding_text;  ///< for a person; empty without an encoding
  bool splits_from_lists = false;
  SplitSummary splits[3];                                         ///< by Split
  std::map<std::string, int> sizes, image_formats, mask_formats;  ///< how many files have each
  PhotoStatistics photos{};
  std::vector<std::pair<int, int>> extents;  ///< widths and heights of the photographs
  /// By what is counted, but for what is no finding: widths of its connected objects in training masks, as shares of the longer side of the
  /// photograph, ascending; of at most some hundreds of masks.
  std::vector<std::vector<double>> objects{};
  std::vector<Combinations> combinations[3]{};  ///< of what is graded in several planes, by Split
  std::vector<Finding> findings;

  int errors() const;
  int warnings() const;
  /// A page for a person / an object for programs, both ending with a newline.
  std::string text() const;
  std::string json() const;
};

/// Reads every file of the data set. Errors: unpaired, unreadable or truncated files, sizes that differ between image and mask,
/// encodings that would have to be guessed, values that are no label, the same picture in two splits. Warnings: lossy mask files,
/// images without foreground, classes that a split lacks, the same picture twice in a split, files that are no images.
/// Throws nothing for bad data (it is in the report), MemoryError when there is no memory.
CheckReport check_dataset(const std::filesystem::path& root, const DatasetOptions& options = {});

}  // namespace lamina::data
