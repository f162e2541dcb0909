#pragma once
#include <filesystem>

#include "lamina/data/loader.hpp"

namespace lamina::data {

struct AugmentedOptions {
  int copies = 1;  ///< of every training image, each augmented otherwise
  int width = 256, height = 256;
  Resize resize = Resize::stretch;
  Augment augment{};
  std::uint64_t seed = 0;
};

/// Writes what training sees of a data set as a data set of arrays: folder/images/NAME_COPY.npy, u8 (height, width, bands), and
/// folder/masks/NAME_COPY.npy of the classes' values, (height, width), or of planes (height, width, planes), of several heads
/// folder/masks/HEAD/PLANE/NAME_COPY.npy; val and test as they are,
/// brought to that size; lists and dataset.json. Ignored pixels have the ignored value, 255 or the next that is free where there was
/// none. Throws OptionError where there is a data set already or a number is below 1, DataError on photographs of more than 8 bits,
/// IoError.
void write_augmented(const Dataset& dataset, const std::filesystem::path& folder, const AugmentedOptions& options);

}  // namespace lamina::data
