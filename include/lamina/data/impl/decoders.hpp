#pragma once
// One decoder for each file format; decode_raster chooses.
#include "lamina/data/image.hpp"

namespace lamina::data::detail {

/// Allocates the samples of `raster` (its fields are set from a file's header) after checking them against the limits.
/// Throws DataError naming `origin`.
void allocate_samples(Raster& raster, const std::string& origin, const DecodeLimits& limits);

Raster decode_png(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
/// Orientation is reported, not yet applied.
Raster decode_jpeg(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_bmp(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_pnm(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
/// Orientation is reported, not yet applied.
Raster decode_tiff(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_npy(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
bool has_tiff();
/// "libpng 1.6.39"; libtiff's is empty where there is none.
std::string png_version();
std::string jpeg_version();
std::string tiff_version();

}  // namespace lamina::data::detail
