#pragma once
// Words of dataset.json and the command line.
#include "lamina/core/names.hpp"
#include "lamina/data/label_schema.hpp"

namespace lamina::data::schema_names {

inline constexpr const char* kTasks[] = {"multiclass", "multilabel", "ordinal", "several"};
inline constexpr Named<MaskEncoding> kEncodings[] = {
    {MaskEncoding::index, "index"},          {MaskEncoding::palette, "palette"}, {MaskEncoding::binary, "binary"},
    {MaskEncoding::colors, "colors"},        {MaskEncoding::planes, "planes"},   {MaskEncoding::foreground_planes, "foreground_planes"},
    {MaskEncoding::multilabel, "multilabel"}};
inline constexpr Named<bool> kChannels[] = {{false, "color"}, {true, "alpha"}};
inline constexpr Named<bool> kFrames[] = {{false, "shown"}, {true, "stored"}};
inline constexpr Named<Others> kOthers[] = {{Others::error, "error"}, {Others::ignore, "ignore"}, {Others::nearest, "nearest"}};

}  // namespace lamina::data::schema_names
