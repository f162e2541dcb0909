#pragma once
// Masks of several files. Of several heads each head's are read, inspected and understood as a data set's masks are.
#include "lamina/data/dataset.hpp"

namespace lamina::data::detail {

/// A mask file as its photograph is seen: turned unless it says itself how. With a threshold (MaskReading) its samples become 0 and 255
/// (1, where 255 is ignored), or the ignored value; an array's numbers are then shares of 1.
Raster read_turned(const std::filesystem::path& path, int turn, const DecodeLimits& limits, const LabelSchema& schema);
/// The files of an item's classes that exclude each other, one a class, as the one-hot planes of an array. As MaskDecoder::read.
Raster stacked(const Item& item, const DecodeLimits& limits, const LabelSchema& schema, MaskContent* about = nullptr);
/// Throws DataError.
void require_same_size(const std::string& origin, int width, int height, const std::string& first, int first_width, int first_height);
/// What the masks of each head hold, and of the files together what is told of files. Throws as inspect_mask.
MaskContent inspect_heads(const Item& item, const LabelSchema& schema, const DecodeLimits& limits);
/// As resolve_masks.
MaskDecoder resolve_heads(const std::vector<MaskContent>& masks, LabelSchema& schema, const std::string& background);

}  // namespace lamina::data::detail
