#pragma once
// What reading the files of a data set once finds: for checking, opening and counting.
#include <map>
#include <string>
#include <vector>

#include "lamina/data/dataset.hpp"

namespace lamina::data::detail {

/// What reading one item gave.
struct Inspection {
  std::string image_error, mask_error;
  bool photo_read = false;
  int width = 0, height = 0, channels = 0, orientation = 1;
  unsigned max_value = 255;
  FileFormat image_format = FileFormat::png;
  std::vector<std::string> image_notes;
  std::uint64_t file_hash = 0, pixel_hash = 0;
  std::vector<double> sums, squares;  // of each band, in full intensities; gray is three
  MaskContent mask;
};

/// The items in the order of DatasetFiles::all_items, with where they stand.
struct Survey {
  std::vector<Item> items;
  std::vector<Split> splits;
  std::vector<Inspection> found;

  /// Reads every file, or only the masks; sets Item::turn, here and in `files`, where masks are drawn on stored pixels.
  Survey(DatasetFiles& files, const DatasetOptions& options, bool photos);

  /// What files hold beside what is read, EXIF orientations that masks lack, alpha channels that are not read.
  void tell_of_files(const LabelSchema& schema, std::vector<Finding>& findings) const;
  /// Photographs that are twice in a split (warnings) or in two (errors).
  /// By item the first one with the same pixels: itself where it is no copy.
  std::vector<std::size_t> copied() const;
  void tell_of_duplicates(std::vector<Finding>& findings) const;
  /// What could not be read (errors).
  void tell_of_errors(std::vector<Finding>& findings) const;
  /// Masks that do not fit their photographs (errors).
  void tell_of_sizes(std::vector<Finding>& findings) const;
  /// Of the training split. Photographs of different bands are errors.
  PhotoStatistics photos(std::vector<Finding>& findings) const;
  /// Masks that seem to number objects, where nothing says what their values are (a warning).
  void tell_of_numbers(const std::filesystem::path& root, const DatasetOptions& options, std::vector<Finding>& findings) const;
  /// Masks of two classes of which some seem to be inverted, or all (a warning each).
  void tell_of_inverted(const MaskDecoder& decoder, const LabelSchema& schema, std::vector<Finding>& findings) const;
  /// Of the plane of one label; of two classes without planes -1.
  void tell_of_inverted(const MaskDecoder& decoder, const LabelSchema& schema, int plane, std::vector<Finding>& findings) const;
  /// How many items have one.
  std::int64_t masks() const;
  /// Completes the schema. Throws as resolve_masks.
  MaskDecoder resolve(LabelSchema& schema, const std::string& background) const;
};

/// Of one mask, in the order of LabelSchema::counted: pixels that have a label, and those that have it or are known not to. Values that are
/// no label are left out.
struct MaskCounts {
  std::vector<std::int64_t> pixels, known;
};
MaskCounts counts_of(const MaskContent& mask, const MaskDecoder& decoder, const LabelSchema& schema);
/// Calls f(mask, decoder, value, pixels) with the values that are no label, those that are left out or the others; of several heads with
/// each one's mask and decoder.
template <class F>
void each_unknown(const MaskContent& mask, const MaskDecoder& decoder, F&& f, bool left_out = false) {
  for (std::size_t h = 0; h < mask.heads.size(); ++h) each_unknown(mask.heads[h], decoder.head(h), f, left_out);
  for (const auto& [value, count] : decoder.counts_of(mask))
    if (left_out ? decoder.leaves_out(mask, value) : decoder.class_of(mask, value) < 0) f(mask, decoder, value, count);
}

/// Pixels by the classes that they have both, "'red' and 'bright'".
using Pairs = std::map<std::string, std::int64_t>;
/// Adds those of a mask whose classes exclude each other.
void add_overlaps(Pairs& to, const MaskContent& mask, const MaskDecoder& decoder);
/// " ('red' and 'bright' at 12, 'red' and 'dark' at 3)", the most frequent first; nothing of none.
std::string overlaps_text(const Pairs& pairs);

/// As CheckReport::objects. Throws as read_mask.
std::vector<std::vector<double>> object_widths(const std::vector<Item>& items, const MaskDecoder& decoder, const LabelSchema& schema,
                                               const DecodeLimits& limits);

/// "a.png, b.png, ..."
std::string examples(const std::vector<std::string>& names);

}  // namespace lamina::data::detail
