#pragma once
// Which mask belongs to which photograph, by their names and sizes.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/text.hpp"
#include "lamina/data/dataset.hpp"
#include "lamina/data/impl/schema_names.hpp"

namespace lamina::data::detail {

namespace fs = std::filesystem;

/// Files by the stems of their names, composed.
using Files = std::map<std::string, std::filesystem::path>;

/// Without spaces and carriage returns at its ends.
inline std::string trimmed(std::string_view s) {
  const std::size_t begin = s.find_first_not_of(" \t\r");
  return begin == std::string_view::npos ? std::string() : std::string(s.substr(begin, s.find_last_not_of(" \t\r") + 1 - begin));
}

/// Also without quotes, or apostrophes, around it.
inline std::string unquoted(std::string_view s) {
  std::string text = trimmed(s);
  const bool quoted = text.size() > 1 && text.front() == text.back() && (text.front() == '"' || text.front() == '\'');
  return quoted ? trimmed(std::string_view(text).substr(1, text.size() - 2)) : text;
}

/// Calls f(line, number) with the lines of a list, trimmed, but for empty ones and comments (`#`). They end as on Unix, Windows or old
/// Macs.
template <class F>
void each_line(std::string_view text, F&& f) {
  int number = 0;
  for (std::size_t begin = 0, end; begin < text.size(); begin = end + 1) {
    end = std::min(text.find_first_of("\r\n", begin), text.size());
    const std::string line = trimmed(text.substr(begin, end - begin));
    if (end + 1 < text.size() && text[end] == '\r' && text[end + 1] == '\n') ++end;
    ++number;
    if (!line.empty() && line[0] != '#') f(line, number);
  }
}

/// What stands before and after each tab, comma, semicolon and space of a line, any of which may part columns or be in a name.
std::vector<std::pair<std::string, std::string>> cuts_of(const std::string& line);
/// Whether the first line of a list says what its columns are ("image,mask").
bool names_columns(const std::string& line, int number);

/// How the names of masks, and of photographs that have masks, often end, in small letters.
inline constexpr std::string_view kMaskEndings[] = {"_mask",
                                                    "_masks",
                                                    "-mask",
                                                    ".mask",
                                                    "_label",
                                                    "_labels",
                                                    "-label",
                                                    "_labelids",
                                                    "_gtfine_labelids",
                                                    "_gtcoarse_labelids",
                                                    "_labeltrainids",
                                                    "_gtfine_labeltrainids",
                                                    "_seg",
                                                    "_segmentation",
                                                    "_gt",
                                                    "_groundtruth",
                                                    "_annotation",
                                                    "_manual1",
                                                    "_anno",
                                                    "_lesion",
                                                    "_l"};
inline constexpr std::string_view kPhotoEndings[] = {"_leftimg8bit", "_0000", "_image",    "_img", "_photo",
                                                     "_rgb",         "_sat",  "_training", "_test"};

/// The stem without a usual ending, whichever of its letters are capitals.
template <std::size_t N>
std::string without_ending(const std::string& stem, const std::string_view (&endings)[N]) {
  const std::string small = schema_names::in_small_letters(stem);
  std::string_view longest;
  for (const std::string_view e : endings)
    if (e.size() < small.size() && small.ends_with(e) && e.size() > longest.size()) longest = e;
  return stem.substr(0, stem.size() - longest.size());
}

/// What a mask's name says, in small letters: photograph "a" and ending "_mask" of "a_mask", "a_Mask_1" and "a_mask (2)"; nothing where it
/// is called as none.
struct MaskName {
  std::string photo, ending;
  explicit MaskName(const std::string& stem);

 private:
  bool take(const std::string& small);
};
/// What a mask may call its photograph, in small letters: by the stem, or that without a usual ending.
std::set<std::string> names_for_masks(const fs::path& photo);
/// Whether the whole name is a word of masks ("mask.png"), or of photographs ("image.png").
bool is_called_mask(const fs::path& file);
bool is_called_photo(const fs::path& file);

/// Faults of one kind. Up to two are a line each; of more the first one's line says how many there are, which, and what to do.
class FileFaults {
 public:
  void add(const std::filesystem::path& file, const std::string& text) { faults_.emplace_back(file, text); }
  bool empty() const { return faults_.empty(); }
  void tell(std::vector<Finding>& findings, const std::string& cure) const;

 private:
  std::vector<std::pair<std::filesystem::path, std::string>> faults_;
};

/// The image files of a folder by stem. Several files of one stem are an error finding. Others are a warning, unless they are asked for.
Files files_by_stem(const std::filesystem::path& folder, std::vector<Finding>& findings, Files* others = nullptr);
/// Warns of files that are no images.
void tell_of_others(const std::vector<std::filesystem::path>& others, std::vector<Finding>& findings);

/// The masks of photographs: the one of the same stem, otherwise the only one whose stem is the same without endings, then in small
/// letters, then without beginnings, then without zeros before numbers; where all this finds none, those that end in the same way. Each
/// belongs to one photograph.
class Pairing {
 public:
  Pairing(const Files& images, const Files& masks);
  /// The stem of a photograph's mask; empty: it has none.
  std::string mask_of(const std::string& stem) const;
  void tell(std::vector<Finding>& findings) const;

 private:
  using Key = std::function<std::string(const std::string&)>;
  void pair(const Key& of_photo, const Key& of_mask, const std::string& how);
  void pair_by_common_ending();
  void add(const std::string& photo, const std::string& mask, const std::string& how);

  const Files &images_, &masks_;
  std::map<std::string, std::string> mask_;
  std::set<std::string> used_;  // masks
  struct Way {
    int count = 0;
    std::string example;
  };
  std::map<std::string, Way> ways_;  // but for the same stem
  std::string several_;
};

/// The masks by the stems of their photographs; those of none by their own.
Files by_photo(const Files& images, const Files& masks, std::vector<Finding>& findings);

/// Of photographs and masks in one folder the masks: what is called as another file with a usual ending of masks or, where none is, with
/// the one ending by which names continue others.
Files masks_beside(const Files& files);

/// Of masks of one thing each, "ID_3", "ID-cell-07", "ID.2" or "ID": the ID that is a photograph's stem; the longest. Empty: none.
template <class Stems>
std::string photo_before_ending(const std::string& stem, const Stems& photos) {
  for (std::size_t end = stem.size(); end != std::string::npos && end > 0; end = stem.find_last_of("_-. ", end - 1))
    if (photos.contains(stem.substr(0, end))) return stem.substr(0, end);
  return {};
}

/// Why a mask of that size is not of a photograph of this one, as both are seen by their EXIF orientations; empty: it is.
inline std::string size_fault(const Item& item, int mask_width, int mask_height, int width, int height, int orientation, int of_mask = 1) {
  if (mask_width == width && mask_height == height) return {};
  const bool exchanged = mask_width == height && mask_height == width;
  return message(item.mask.string(), ": the mask has ", mask_width, "x", mask_height, " pixels",
                 of_mask == 1 ? "" : message(" after applying its EXIF orientation ", of_mask), ", its image ", item.image.string(), " ",
                 width, "x", height, orientation == 1 ? "" : message(" after applying its EXIF orientation ", orientation),
                 !exchanged                         ? "; it must be as large: resize it with nearest neighbors"
                 : orientation >= 5 || of_mask >= 5 ? "; masks that were drawn on the pixels as they are stored need --mask-frame stored"
                                                    : "; its axes are exchanged: rows come first, as (height, width)");
}

}  // namespace lamina::data::detail
