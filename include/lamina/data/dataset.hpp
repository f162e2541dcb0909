#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lamina/data/mask.hpp"

namespace lamina::data {

enum class Split : std::uint8_t { train, val, test };
inline constexpr Split kSplits[] = {Split::train, Split::val, Split::test};
const char* name_of(Split split);
/// Throws OptionError.
Split split_named(std::string_view name);

/// One photograph and its mask; `mask` is empty where there is none.
struct Item {
  std::string name;  ///< the photograph's file name without its ending
  std::filesystem::path image, mask;
  std::vector<std::filesystem::path> planes{};  ///< one file a plane, empty where nothing of it is there; `mask` is then the first of them
  std::vector<std::int64_t> pixels{};           ///< of the mask as LabelSchema::counted, once the data set is open
  std::vector<std::int64_t> labelled{};         ///< the same: of each its plane's pixels that have a label
  int width = 0, height = 0;                    ///< as its photograph is seen, once the data set is open
  std::string group = {};                       ///< what it belongs to, such as a patient, by groups.txt; empty: nothing is said
  std::string copy_of = {};                     ///< the name of the first item of the same pixels, once the photographs were compared
  int turn = 0;  ///< of masks that are drawn on stored pixels: their photograph's EXIF orientation, by which they are turned; else 0
  std::filesystem::path weights{};  ///< how often each pixel counts in losses, see read_pixel_weights; empty: once
};
/// The item's mask, as its photograph is seen. Throws IoError, DataError.
LabelImage read_mask(const Item& item, const MaskDecoder& decoder, const DecodeLimits& limits = {});
/// What an item's mask holds, before its meaning is known; the planes of a multilabel set are known from `schema`. Throws IoError,
/// DataError.
MaskContent inspect_mask(const Item& item, const LabelSchema& schema, const DecodeLimits& limits = {});

struct DatasetOptions {
  std::filesystem::path images, masks;  ///< folders to use instead of DATA/images and DATA/masks; relative to the working directory
  std::filesystem::path pixel_weights;  ///< folder with Item::weights; empty: there are none
  std::optional<unsigned> ignore;       ///< overrides dataset.json
  std::string background;               ///< as of LabelSchema::set_background
  std::string mask_channel, mask_frame, others;  ///< as of overridden(MaskReading), over dataset.json
  double mask_threshold = 0;                     ///< the same
  bool need_masks = true;
  bool compare_photos = false;    ///< open_dataset also reads every photograph: the same in two splits, orientations that masks lack, ...
  std::uint64_t seed = 0;         ///< of the split when there are no lists
  double validation_share = 0.2;  ///< of that split
  DecodeLimits limits;
};

/// Something to tell the person about a data set.
struct Finding {
  bool is_error = false;
  std::string text;
  bool leak = false;  ///< a photograph is in two splits
};

/// A data folder, read but not yet opened: which files belong together.
struct DatasetFiles {
  std::filesystem::path root;
  std::vector<Item> splits[3];     ///< by Split
  bool splits_from_lists = false;  ///< else: seeded split into train and val
  bool has_schema = false;         ///< there is a dataset.json with labels
  LabelSchema schema;
  std::vector<Finding> findings;  ///< unpaired files, bad list lines, ...

  const std::vector<Item>& items(Split split) const { return splits[static_cast<int>(split)]; }
  std::vector<Item> all_items() const;
  /// A sentence that names the list of a split without items.
  std::string why_empty(Split split) const;
};

/// What the photographs of training are, where they were read.
struct PhotoStatistics {
  int channels = 0;              ///< bands: 3 where they are gray or RGB; 0: not read
  int bits = 8;                  ///< of each; 0: some have 8, some 16
  std::vector<double> mean, sd;  ///< of each band, in full intensities
};

/// A data set whose masks can be read.
struct Dataset : DatasetFiles {
  MaskDecoder masks;
  PhotoStatistics photos{};
};

/// Throws OptionError, naming `what` and a place to write instead, where `folder` (or file) holds a data set, is in one (a folder that has
/// dataset.json, or images/ and masks/), or is, is in or is around one of `data`: results would land among data.
void require_no_dataset(const std::string& what, const std::filesystem::path& folder, const std::vector<std::filesystem::path>& data = {});

/// Lists DATA/images/*, DATA/masks/* (same stem; or one that begins or ends as names of photographs and masks often do: _mask, _labelIds,
/// _0000; in capitals or not; Unicode composed or not), train.txt, val.txt and test.txt (one item a line: a stem, or `IMAGE [MASK]` as
/// paths inside DATA; `#` starts a comment) and reads dataset.json, or else a table of classes (class_dict.csv, classes.txt, _classes.csv
/// and alike, in DATA or among the masks). Without lists, a split that depends only on `seed` and the names;
/// photographs of one group (groups.txt: NAME GROUP a line) stay together. Of planes (LabelSchema::plane_names) each may have a file,
/// DATA/masks/PLANE/*, and so may classes that exclude each other, DATA/masks/CLASS/*, but for the background, which is then where none is;
/// where there is no file, nothing of it is there. Throws DataError when there is no such folder, a list or dataset.json is malformed, or
/// an option is wrong; unpaired and missing files are findings.
DatasetFiles list_dataset(const std::filesystem::path& root, const DatasetOptions& options = {});

/// Also inspects every mask and decides their encoding, and reads weights of pixels. Throws DataError with the first few findings when any
/// is an error.
Dataset open_dataset(const std::filesystem::path& root, const DatasetOptions& options = {});

}  // namespace lamina::data
