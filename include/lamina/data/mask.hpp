#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/data/label_schema.hpp"

namespace lamina::data {

/// The distinct values of one mask file, before their meaning is known.
struct MaskContent {
  enum class Kind : std::uint8_t { gray, palette, color, planes };
  /// Keys of `counts` in a mask of planes, beside the plane numbers: no plane is set, or several are.
  static constexpr std::uint32_t kNoPlane = 0xffffffff, kSeveralPlanes = 0xfffffffe;
  /// Another one: values that are none of the labels, where those are left out.
  static constexpr std::uint32_t kOther = 0xfffffffd;
  static constexpr std::size_t kMostValues = 256;

  std::string file;
  FileFormat format = FileFormat::png;
  Kind kind = Kind::gray;  ///< three equal channels count as gray
  int width = 0, height = 0;
  int planes = 0;  ///< channels of the file, where they are planes
  unsigned max_value = 255;
  int orientation = 1;                            ///< as of Raster
  bool alpha_varies = false;                      ///< there is an alpha channel, of more than one value, and it is not what is read
  bool alpha_alone = false;                       ///< it does, and color does not
  std::map<std::uint32_t, std::int64_t> counts;   ///< pixels by gray value, palette index, 0xRRGGBB or plane
  std::map<std::uint32_t, std::int64_t> border;   ///< the same of the outer rows and columns of what is not ignored
  std::map<std::uint32_t, std::int64_t> ignored;  ///< of planes that may overlap: the pixels where it is not known
  std::map<std::uint32_t, std::int64_t> rgba;     ///< pixels by plane, if the channels of RGBA may be one-hot planes; `counts` is by color
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> overlaps;  ///< pixels that have both planes, of one-hot ones none
  unsigned plane_values[2] = {0, 0};  ///< of planes: the first two different values that are set in them; 0: there are less
  bool too_many_values = false;       ///< more than kMostValues; `counts` is not complete
  std::vector<Rgb> palette;
  bool lossy = false;              ///< as of Raster
  std::vector<std::string> notes;  ///< as of Raster
  std::vector<MaskContent> heads;  ///< of Task::several: each one's own, which are counted instead; of width 0 where a mask has none

  /// Takes what is told of files from one of the mask's.
  void tell_of(const Raster& raster);
  /// "the value 7", "the color #ff0000", "several planes"
  std::string describe(std::uint32_t value) const;
};
/// Throws DataError where the labels are to be in an alpha channel and there is a varying color instead.
MaskContent inspect_mask(const Raster& raster, const std::string& file, const LabelSchema& schema = {});

/// Turns a data set's mask files into class indices, or planes.
class MaskDecoder {
 public:
  MaskDecoder() = default;
  MaskDecoder(MaskEncoding encoding, const LabelSchema& schema);
  /// Of several heads, each with its own.
  MaskDecoder(std::vector<MaskDecoder> heads, const LabelSchema& schema)
      : encoding_(MaskEncoding::multilabel), schema_(schema), heads_(std::move(heads)) {}

  MaskEncoding encoding() const { return encoding_; }
  /// LabelImage::planes of what is decoded.
  int planes() const { return encoding_ == MaskEncoding::multilabel ? static_cast<int>(schema_.plane_names().size()) : 0; }
  const LabelSchema& schema() const { return schema_; }
  const MaskDecoder& head(std::size_t k) const { return heads_[k]; }
  /// What is counted in a mask: its counts, or those of its four channels, where these are planes.
  const std::map<std::uint32_t, std::int64_t>& counts_of(const MaskContent& content) const;
  /// The class of a key of counts_of, kIgnoreLabel, or -1 for a value that is no label.
  int class_of(const MaskContent& content, std::uint32_t value) const;
  /// Whether it is counted nowhere because it is no label (Others::ignore).
  bool leaves_out(const MaskContent& content, std::uint32_t value) const;
  /// Throws DataError naming `origin`, the first value that is no label and where it is; of planes, unless there is a channel for every
  /// label and every sample is 0, the ignored value, or the one other value of the file.
  LabelImage decode(const Raster& raster, const std::string& origin) const;
  LabelImage read(const std::filesystem::path& path, const DecodeLimits& limits = {}) const;
  /// One file a plane, each gray or of a palette; nothing of one whose path is empty is there. Of several heads the files of each; where
  /// one of classes that exclude each other has none, nothing is known of it (kIgnoreLabel). Throws DataError also when sizes differ.
  /// `turn` is as of Item; `about` is told of each file.
  LabelImage read(std::span<const std::filesystem::path> planes, const DecodeLimits& limits = {}, int turn = 0,
                  MaskContent* about = nullptr) const;
  /// One line for a person: "gray index masks: 0 background, 1 wound".
  std::string describe(const LabelSchema& schema) const;

 private:
  /// The one-hot plane that a pixel of a picture has set.
  std::uint32_t plane_of_color(std::uint32_t color) const;
  /// What classes are found by.
  std::uint32_t key_of(const MaskContent& content, std::uint32_t value) const;
  LabelImage read_heads(std::span<const std::filesystem::path> planes, const DecodeLimits& limits, int turn) const;

  MaskEncoding encoding_ = MaskEncoding::index;
  LabelSchema schema_;
  std::map<std::uint32_t, int> classes_;  // by value, 0xRRGGBB or plane
  std::vector<MaskDecoder> heads_;
};

/// A mask file as the data set has them (LabelSchema::reading): gray, palette, 0 and 255, RGB, white with labels in alpha; planes in the
/// channels of one file become a PNG where they fit and were pictures (one-hot ones RGB or RGBA), otherwise .npy (H, W, planes). Without an
/// encoding, a palette PNG of the labels' values and colors, or 16-bit gray where a value is above 255. Throws DataError on labels that are
/// no class.
std::string encode_mask(const LabelImage& labels, const LabelSchema& schema);
/// ".png" or ".npy": what encode_mask gives.
const char* mask_ending(const LabelSchema& schema);
/// Written atomically; throws IoError too.
void write_mask(const std::filesystem::path& path, const LabelImage& labels, const LabelSchema& schema);

/// Decides how all the masks of a data set are encoded and completes `schema` (classes, names, values) where dataset.json did not. A
/// multilabel set says in dataset.json what its planes are. `background` is as of LabelSchema::set_background.
/// Throws DataError, with the values found and what to write into dataset.json, when that would be a guess.
MaskDecoder resolve_masks(const std::vector<MaskContent>& masks, LabelSchema& schema, const std::string& background = "");

}  // namespace lamina::data
