// The photographs that a command names.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "progress.hpp"

namespace cli {

/// The named files, those of patterns and lists (.txt), and the images directly in the named folders, in order of their names; says what it
/// leaves out. Throws DataError: a name that is nothing, a folder without images.
std::vector<std::filesystem::path> photographs(const std::vector<std::string>& names, ProgressLine& progress);

}  // namespace cli
