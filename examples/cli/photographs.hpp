// The photographs that a command names.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lamina/data/mask.hpp"
#include "progress.hpp"

namespace cli {

/// The named files, those of patterns and lists (.txt), and the images directly in the named folders, in order of their names, each once;
/// says what it leaves out. Throws DataError: a name that is nothing, a folder without images; OptionError: two of one stem.
std::vector<std::filesystem::path> photographs(const std::vector<std::string>& names, ProgressLine& progress);

/// Where the masks of a photograph are: one, of planes a file each, FOLDER/PLANE/STEM, of several heads those of each, FOLDER/HEAD/...
std::vector<std::filesystem::path> mask_files(const std::filesystem::path& folder, const std::string& stem,
                                              const lamina::data::LabelSchema& schema);
/// The masks of a photograph, as the data set has them, and where they are.
nlohmann::ordered_json write_masks(const std::filesystem::path& folder, const std::string& stem, const lamina::data::LabelImage& labels,
                                   const lamina::data::LabelSchema& schema);

}  // namespace cli
