#pragma once
// Words of dataset.json and the command line.
#include <algorithm>
#include <string>

#include "lamina/core/error.hpp"
#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/label_schema.hpp"

namespace lamina::data::schema_names {

inline constexpr const char* kTasks[] = {"multiclass", "multilabel", "ordinal", "several"};
inline constexpr Named<MaskEncoding> kEncodings[] = {
    {MaskEncoding::index, "index"},          {MaskEncoding::palette, "palette"}, {MaskEncoding::binary, "binary"},
    {MaskEncoding::colors, "colors"},        {MaskEncoding::planes, "planes"},   {MaskEncoding::foreground_planes, "foreground_planes"},
    {MaskEncoding::multilabel, "multilabel"}};
inline constexpr Named<bool> kChannels[] = {{false, "color"}, {true, "alpha"}};
inline constexpr Named<bool> kFrames[] = {{false, "shown"}, {true, "stored"}};
inline constexpr Named<bool> kPlaces[] = {{false, "folders"}, {true, "channels"}};
inline constexpr Named<Others> kOthers[] = {{Others::error, "error"}, {Others::ignore, "ignore"}, {Others::nearest, "nearest"}};
/// Labels with one of these names, in small letters, are the background.
inline constexpr std::string_view kBackgroundNames[] = {"background", "bg", "_background_", "__background__"};

/// Follows a task.
inline constexpr const char* kNoPlanes =
    "has no \"planes\": they are what is graded where it is 'ordinal', and its labels are the grades: write \"task\": \"ordinal\", "
    "\"labels\": {\"none\": 0, \"mild\": 1, \"severe\": 2} beside them";

/// Why the name of a `what` ("label") cannot stand in tables and file names; empty: it can.
inline std::string name_fault(const char* what, const std::string& name) {
  constexpr std::size_t kLongest = 200;
  const bool control = std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 32; });
  if (!name.empty() && !control && name.size() <= kLongest) return {};
  return message("a ", what, " has ",
                 name.empty() ? "no name"
                 : control    ? "a line break or another control character in its name"
                              : message(name.size(), " bytes in its name, '", shortened(name, 40), "', and ", kLongest, " are the most"),
                 ": it stands in tables and file names");
}
inline std::string in_small_letters(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}
inline bool names_background(const std::string& label) {
  return std::find(std::begin(kBackgroundNames), std::end(kBackgroundNames), in_small_letters(label)) != std::end(kBackgroundNames);
}

}  // namespace lamina::data::schema_names
