#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lamina/data/label_schema.hpp"

namespace lamina::data {

/// How a data set's mask files spell their classes.
enum class MaskEncoding : std::uint8_t {
  index,       ///< gray values are the labels' values
  palette,     ///< palette indices are the labels' values
  binary,      ///< 0 and full intensity (255), gray or three equal channels: background and foreground
  colors,      ///< RGB: each label has a color
  planes,      ///< one-hot: channel k is set where the pixel has class k
  multilabel,  ///< planes that may overlap: a channel, or a file, for each class
};
const char* name_of(MaskEncoding encoding);

/// The distinct values of one mask file, before their meaning is known.
struct MaskContent {
  enum class Kind : std::uint8_t { gray, palette, color, planes };
  /// Keys of `counts` in a mask of planes, beside the plane numbers: no plane is set, or several are.
  static constexpr std::uint32_t kNoPlane = 0xffffffff, kSeveralPlanes = 0xfffffffe;
  static constexpr std::size_t kMostValues = 256;

  std::string file;
  FileFormat format = FileFormat::png;
  Kind kind = Kind::gray;  ///< three equal channels count as gray
  int width = 0, height = 0;
  unsigned max_value = 255;
  std::map<std::uint32_t, std::int64_t> counts;   ///< pixels by gray value, palette index, 0xRRGGBB or plane
  std::map<std::uint32_t, std::int64_t> ignored;  ///< of multilabel masks: by plane, the pixels where it is not known whether it is set
  bool too_many_values = false;                   ///< more than kMostValues; `counts` is not complete
  std::vector<Rgb> palette;
  bool lossy = false;              ///< as of Raster
  std::vector<std::string> notes;  ///< as of Raster

  /// "the value 7", "the color #ff0000", "several planes"
  std::string describe(std::uint32_t value) const;
};
MaskContent inspect_mask(const Raster& raster, const std::string& file);

/// Turns a data set's mask files into class indices, or planes.
class MaskDecoder {
 public:
  MaskDecoder() = default;
  MaskDecoder(MaskEncoding encoding, const LabelSchema& schema);

  MaskEncoding encoding() const { return encoding_; }
  /// LabelImage::planes of what is decoded.
  int planes() const { return encoding_ == MaskEncoding::multilabel ? static_cast<int>(classes_.size()) : 0; }
  /// The class of a key of MaskContent::counts, kIgnoreLabel, or -1 for a value that is no label.
  int class_of(const MaskContent& content, std::uint32_t value) const;
  /// Throws DataError naming `origin`, the first value that is no label and where it is; of planes, unless there is a channel for every
  /// label and every sample is 0, the ignored value, or the one other value of the file.
  LabelImage decode(const Raster& raster, const std::string& origin) const;
  LabelImage read(const std::filesystem::path& path, const DecodeLimits& limits = {}) const;
  /// One file a class, each gray or of a palette; a class whose path is empty is nowhere. Throws DataError also when sizes differ.
  LabelImage read(std::span<const std::filesystem::path> planes, const DecodeLimits& limits = {}) const;
  /// One line for a person: "gray index masks: 0 background, 1 wound".
  std::string describe(const LabelSchema& schema) const;

 private:
  MaskEncoding encoding_ = MaskEncoding::index;
  std::map<std::uint32_t, int> classes_;  // by value, 0xRRGGBB or plane
  std::optional<unsigned> ignore_;        // of planes
};

/// A PNG whose samples are the `values` of the labels' classes, as an index mask of the data set has them: 8-bit with the classes' colors
/// as its palette, or 16-bit gray where a value is above 255. Throws DataError on labels that are no class.
std::string encode_mask(const LabelImage& labels, const LabelSchema& schema);
/// Written atomically; throws IoError too.
void write_mask(const std::filesystem::path& path, const LabelImage& labels, const LabelSchema& schema);

/// Decides how all the masks of a data set are encoded and completes `schema` (classes, names, values) where dataset.json did not. A
/// multilabel set says in dataset.json what its planes are.
/// Throws DataError, with the values found and what to write into dataset.json, when that would be a guess.
MaskDecoder resolve_masks(const std::vector<MaskContent>& masks, LabelSchema& schema);

}  // namespace lamina::data
