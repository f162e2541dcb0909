#pragma once
// Which mask belongs to which photograph, by their names and sizes.
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/text.hpp"
#include "lamina/data/dataset.hpp"

namespace lamina::data::detail {

/// Files by the stems of their names, composed.
using Files = std::map<std::string, std::filesystem::path>;

/// Without spaces and carriage returns at its ends.
inline std::string trimmed(std::string_view s) {
  const std::size_t begin = s.find_first_not_of(" \t\r");
  return begin == std::string_view::npos ? std::string() : std::string(s.substr(begin, s.find_last_not_of(" \t\r") + 1 - begin));
}

/// Calls f(line, number) with the lines of a list, trimmed, but for empty ones and comments (`#`).
template <class F>
void each_line(std::string_view text, F&& f) {
  int number = 0;
  for (std::size_t begin = 0, end; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    ++number;
    if (const std::string line = trimmed(text.substr(begin, end - begin)); !line.empty() && line[0] != '#') f(line, number);
  }
}

/// How the names of masks, and of photographs that have masks, often end.
inline constexpr std::string_view kMaskEndings[] = {"_mask",
                                                    "_masks",
                                                    "-mask",
                                                    ".mask",
                                                    "_label",
                                                    "_labels",
                                                    "-label",
                                                    "_labelIds",
                                                    "_gtFine_labelIds",
                                                    "_gtCoarse_labelIds",
                                                    "_labelTrainIds",
                                                    "_gtFine_labelTrainIds",
                                                    "_seg",
                                                    "_segmentation",
                                                    "_Segmentation",
                                                    "_gt",
                                                    "_GT",
                                                    "_groundtruth",
                                                    "_annotation",
                                                    "_anno",
                                                    "_L"};
inline constexpr std::string_view kPhotoEndings[] = {"_leftImg8bit", "_0000", "_image", "_img", "_photo", "_rgb"};

/// The stem without a usual ending.
template <std::size_t N>
std::string without_ending(const std::string& stem, const std::string_view (&endings)[N]) {
  std::string_view longest;
  for (const std::string_view e : endings)
    if (e.size() < stem.size() && stem.ends_with(e) && e.size() > longest.size()) longest = e;
  return stem.substr(0, stem.size() - longest.size());
}

/// The masks of photographs: the one of the same stem, otherwise the only one whose stem is the same without endings; each belongs to one
/// photograph.
class Pairing {
 public:
  Pairing(const Files& images, const Files& masks) {
    std::map<std::string, std::vector<std::string>> photos_of, masks_of;
    for (const auto& [stem, path] : images)
      if (masks.contains(stem))
        mask_[stem] = stem;
      else
        photos_of[without_ending(stem, kPhotoEndings)].push_back(stem);
    for (const auto& [stem, path] : masks)
      if (!images.contains(stem)) masks_of[without_ending(stem, kMaskEndings)].push_back(stem);
    for (const auto& [key, photos] : photos_of) {
      const auto found = masks_of.find(key);
      if (found == masks_of.end()) continue;
      const auto& candidates = found->second;
      if (photos.size() == 1 && candidates.size() == 1) {
        mask_[photos[0]] = candidates[0];
        if (paired_by_ending_++ == 0)
          example_ = images.at(photos[0]).filename().string() + " with " + masks.at(candidates[0]).filename().string();
      } else if (several_.empty()) {
        for (const std::string& s : photos) several_ += (several_.empty() ? "" : ", ") + images.at(s).filename().string();
        several_ += " and the masks ";
        for (const std::string& s : candidates) several_ += (&s == candidates.data() ? "" : ", ") + masks.at(s).filename().string();
      }
    }
  }
  /// The stem of a photograph's mask; empty: it has none.
  std::string mask_of(const std::string& stem) const {
    const auto it = mask_.find(stem);
    return it == mask_.end() ? std::string() : it->second;
  }
  void tell(std::vector<Finding>& findings) const {
    if (paired_by_ending_)
      findings.push_back({false, message(counted(paired_by_ending_, "mask belongs to its photograph", "masks belong to their photographs"),
                                         " by the ending of the name: ", example_)});
    if (!several_.empty())
      findings.push_back({true, "the names say not which mask belongs to which photograph: " + several_ +
                                    "; keep one mask a photograph. Masks of one instance each are merged by lamina import instances"});
  }

 private:
  std::map<std::string, std::string> mask_;
  int paired_by_ending_ = 0;
  std::string example_, several_;
};

/// Why a mask of that size is not of a photograph of this one, as it is seen by its EXIF orientation; empty: it is.
inline std::string size_fault(const Item& item, int mask_width, int mask_height, int width, int height, int orientation) {
  if (mask_width == width && mask_height == height) return {};
  const bool exchanged = mask_width == height && mask_height == width;
  return message(item.mask.string(), ": the mask has ", mask_width, "x", mask_height, " pixels, its image ", item.image.string(), " ",
                 width, "x", height, orientation == 1 ? "" : message(" after applying its EXIF orientation ", orientation),
                 !exchanged         ? "; it must be as large: resize it with nearest neighbors"
                 : orientation >= 5 ? "; masks that were drawn on the pixels as they are stored need --mask-frame stored"
                                    : "; its axes are exchanged: rows come first, as (height, width)");
}

}  // namespace lamina::data::detail
