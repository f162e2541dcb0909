#pragma once
// One decoder for each file format; decode_raster chooses.
#include "lamina/core/checked.hpp"
#include "lamina/data/image.hpp"

namespace lamina::data::detail {

/// Allocates the samples of `raster` (its fields are set from a file's header) after checking them, and the bytes that its decoder
/// needs beside them, against the limits. Throws DataError naming `origin`.
void allocate_samples(Raster& raster, const std::string& origin, const DecodeLimits& limits, std::int64_t bytes_beside = 0);
/// What its pixels take at so many bytes, or bits, each. Throws DataError naming `origin` where that overflows.
inline std::int64_t bytes_of_pixels(const Raster& raster, std::int64_t each, const std::string& origin) {
  return checked_product<DataError>({raster.width, raster.height, each}, origin, ": the bytes of its pixels overflow");
}
/// As turned; throws DataError naming `origin` where both copies of the samples are over the limits.
Raster turned_within(const Raster& raster, int orientation, const std::string& origin, const DecodeLimits& limits);
/// What to do about samples that are no labels, or no intensities, by what the file is to be.
std::string cure_of(FileRole role, const std::string& mask, const std::string& photograph);
/// What a number is that is no sample ("is NaN, no number"), and what to do about it in a file whose largest one is `largest`.
std::string number_fault(double number, FileRole role, double largest, double least = 0);
/// By what numbers of masks that are shares of 1, or of full intensity, become samples of 16 bits, as the largest of the file tells.
double scale_of_shares(double largest);
/// Throws DataError unless a file of `have` bytes can hold `raster`, which takes at least `least` bytes of it: a short file cannot ask for
/// a large image.
void require_justified(const Raster& raster, const std::string& origin, std::int64_t least, std::size_t have);
/// The orientation (1..8) of an EXIF block, with or without its "Exif\0\0"; 1 when there is none.
int exif_orientation(std::string_view block);
/// A big- or little-endian number of 1 to 8 bytes; 0 beyond the end.
std::uint64_t number_at(std::string_view bytes, std::size_t at, int size, bool little);
inline unsigned char byte_at(std::string_view s, std::size_t i) { return static_cast<unsigned char>(s[i]); }

// The orientation is reported, not yet applied.
Raster decode_png(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_jpeg(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_bmp(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_gif(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_tga(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_pnm(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_tiff(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_webp(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
Raster decode_npy(std::string_view bytes, const std::string& origin, const DecodeLimits& limits);
/// What is wrong with a mask of several pages, and the cure; follows the name of the file.
std::string pages_fault(int pages);
/// A PNG of 1 to 4 channels: gray, with alpha, RGB, RGBA.
std::string encode_png_channels(const Image& image);
/// A white PNG whose alpha channel is the mask.
std::string encode_png_alpha(const LabelImage& mask);
/// "libpng 1.6.39"; empty where the library is not built in.
std::string png_version();
std::string jpeg_version();
std::string tiff_version();
std::string webp_version();

}  // namespace lamina::data::detail
