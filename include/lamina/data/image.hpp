#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/checked.hpp"

namespace lamina::data {

using Rgb = std::array<std::uint8_t, 3>;

/// The most channels of an Image.
inline constexpr int kMostChannels = 16;

/// A photograph: samples of 8 or 16 bits, interleaved, 1 (gray), 3 (RGB) or, of other sensors, 1 to 16 channels, rows from the top.
struct Image {
  int width = 0, height = 0, channels = 3;
  unsigned max_value = 255;          ///< the sample that means full intensity: 255, or 65535
  std::vector<std::uint8_t> pixels;  ///< two bytes a sample, in this machine's order, where max_value is 65535

  Image() = default;
  Image(int w, int h, int c, std::uint8_t value = 0)
      : width(w),
        height(h),
        channels(c),
        pixels(static_cast<std::size_t>(checked_product<DataError>({w, h, c}, "an image of ", w, "x", h, "x", c, " samples")), value) {}
  std::uint8_t* at(int x, int y) { return pixels.data() + offset(x, y) * sample_bytes(); }
  const std::uint8_t* at(int x, int y) const { return const_cast<Image*>(this)->at(x, y); }
  std::size_t sample_bytes() const { return max_value > 255 ? 2 : 1; }
  std::size_t samples() const { return pixels.size() / sample_bytes(); }
  unsigned sample(std::size_t i) const {
    if (max_value <= 255) return pixels[i];
    std::uint16_t v;
    std::memcpy(&v, pixels.data() + 2 * i, 2);
    return v;
  }
  void set_sample(std::size_t i, unsigned v) {
    const auto two = static_cast<std::uint16_t>(v);
    if (max_value <= 255)
      pixels[i] = static_cast<std::uint8_t>(v);
    else
      std::memcpy(pixels.data() + 2 * i, &two, 2);
  }

 private:
  std::size_t offset(int x, int y) const {
    return (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) *
           static_cast<std::size_t>(channels);
  }
};

/// A photograph in somebody else's memory, such as a camera's frame: looked at, not copied. An Image is one.
struct ImageView {
  const std::uint8_t* pixels = nullptr;
  int width = 0, height = 0, channels = 3;
  std::ptrdiff_t row_bytes = 0;  ///< from a row to the next
  unsigned max_value = 255;      ///< as Image

  ImageView() = default;
  /// `row` is 0 where rows follow each other without a gap.
  ImageView(const std::uint8_t* data, int w, int h, int c = 3, std::ptrdiff_t row = 0, unsigned max = 255)
      : pixels(data), width(w), height(h), channels(c), row_bytes(row), max_value(max) {
    if (row_bytes == 0) row_bytes = static_cast<std::ptrdiff_t>(w) * c * static_cast<std::ptrdiff_t>(sample_bytes());
  }
  /// No pixels where they are not as many as the image's size says.
  ImageView(const Image& image) : ImageView(image.pixels.data(), image.width, image.height, image.channels, 0, image.max_value) {
    const auto row = static_cast<std::size_t>(row_bytes);
    if (width <= 0 || height <= 0 || row == 0 || image.pixels.size() % row || image.pixels.size() / row != static_cast<std::size_t>(height))
      pixels = nullptr;
  }
  std::size_t sample_bytes() const { return max_value > 255 ? 2 : 1; }
  const std::uint8_t* at(int x, int y) const {
    return pixels + y * row_bytes + static_cast<std::ptrdiff_t>(x) * channels * static_cast<std::ptrdiff_t>(sample_bytes());
  }
  Image copy() const;
};

/// Throws DataError naming `what` unless the image has pixels, 1 to 16 channels, and as many samples as its size says.
void require_valid(const char* what, const Image& image);
void require_valid(const char* what, const ImageView& image);
/// The same, and that it can be shown as it is: 8 bits, gray or RGB.
void require_plain(const char* what, const Image& image);
/// An image of `width` x `height` with the channels and depth of `like`, every sample at `value` of 255.
Image blank_like(const ImageView& like, int width, int height, std::uint8_t value = 0);
/// The image as gray or RGB of 8 bits, to look at: of many channels the first three (of two the first), of 16 bits stretched from the
/// darkest to the brightest.
Image to_show(Image image);
/// Does a network of `channels` take the image as it is? Gray is repeated for three.
inline bool has_channels(const ImageView& image, int channels) {
  return image.channels == channels || (image.channels == 1 && channels == 3);
}
/// Throws DataError naming `origin` unless with_channels can bring the image to `channels`.
void require_channels(const ImageView& image, int channels, const std::string& origin);
/// Throws DataError naming `origin` unless its samples have so many bits, 8 or 16; 0: either.
void require_bits(const ImageView& image, int bits, const std::string& origin);
/// The image for a network of `channels`: as it is, or RGB made gray (by ITU-R BT.601). Throws DataError naming `origin` where that would
/// be a guess.
Image with_channels(Image image, int channels, const std::string& origin);

/// The label of pixels that neither the loss nor the metrics count.
inline constexpr std::uint8_t kIgnoreLabel = 255;

/// A mask: one class index (or kIgnoreLabel) a pixel; or, of classes that may overlap, `planes` values a pixel, interleaved: 1 where the
/// class is, 0 where it is not, or kIgnoreLabel. Not an Image, so that nothing can blend labels: it is only ever sampled at the nearest
/// pixel.
struct LabelImage {
  int width = 0, height = 0;
  int planes = 0;  ///< 0: class indices
  std::vector<std::uint8_t> labels;

  LabelImage() = default;
  LabelImage(int w, int h, std::uint8_t label = 0, int p = 0) : width(w), height(h), planes(p) {
    labels.assign(static_cast<std::size_t>(checked_product<DataError>({w, h, p ? p : 1}, "a mask of ", w, "x", h, "x", p, " labels")),
                  label);
  }
  /// Labels that a pixel has.
  std::size_t values() const { return static_cast<std::size_t>(planes ? planes : 1); }
  /// The (first) label of a pixel.
  std::uint8_t& at(int x, int y) {
    return labels[(static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) * values()];
  }
  const std::uint8_t& at(int x, int y) const { return const_cast<LabelImage*>(this)->at(x, y); }
  /// One plane as a mask of 0, 1 and kIgnoreLabel.
  LabelImage plane(int k) const;
};

/// The same of a mask: it has pixels, and as many labels as its size and planes say.
void require_valid(const char* what, const LabelImage& mask);

/// What a file is to be, where that is known: what its errors then say is about that alone. Masks of an import are read without options.
enum class FileRole : std::uint8_t { any, photograph, mask, imported_mask };
inline bool is_mask(FileRole role) { return role == FileRole::mask || role == FileRole::imported_mask; }

/// What a decoder accepts; checked against the file's header before anything is allocated. `max_decoded_bytes` is for all that a decoder
/// allocates for one file: the samples and what it needs beside them.
struct DecodeLimits {
  std::int64_t max_pixels = std::int64_t{64} << 20;
  std::int64_t max_decoded_bytes = std::int64_t{1} << 30;
  std::int64_t max_file_bytes = std::int64_t{512} << 20;
  FileRole role = FileRole::any;
  int width = 0, height = 0;            ///< of the picture, where that is known: it tells the axes of an array apart
  bool shares = false;                  ///< an array's numbers may be shares of 1, which become samples of 16 bits
  std::optional<unsigned> ignore = {};  ///< of shares: such a number, and NaN, becomes a sample above max_value

  DecodeLimits of(FileRole r) const {
    DecodeLimits own = *this;
    own.role = r;
    return own;
  }
  /// For files of up to so many pixels, which can be as large in every other way: 16 bytes a pixel, decoded or not.
  static DecodeLimits for_pixels(std::int64_t pixels);
};

enum class FileFormat : std::uint8_t { png, jpeg, bmp, gif, tga, pnm, tiff, webp, npy };
const char* name_of(FileFormat format);

/// The samples of an image file as they are stored: not scaled, palettes not expanded; but gray always counts from black, also where the
/// file counts from white (PBM, TIFF's WhiteIsZero). Masks are interpreted from this.
struct Raster {
  FileFormat format = FileFormat::png;
  int width = 0, height = 0, channels = 1;
  unsigned max_value = 255;           ///< the sample that means full intensity: 1, 3, 15, 255, 65535, or any other in a PNM
  std::vector<std::uint8_t> samples;  ///< interleaved; two bytes each, in this machine's order, when max_value > 255
  std::vector<Rgb> palette;           ///< not empty: the samples are indices into it
  int orientation = 1;                ///< the EXIF orientation that was found; it is already applied
  bool has_alpha = false;             ///< the last channel is alpha
  bool shares = false;                ///< the samples are scaled shares; those above max_value say nothing (DecodeLimits::ignore)
  int pages = 1;                      ///< of a mask; where there are several, each is a channel
  bool lossy = false;                 ///< the file keeps its samples only nearly
  std::string no_photo;               ///< not empty: why the samples cannot be scaled to a photograph, and the cure
  std::vector<std::string> notes;     ///< what the file holds that is not read, or is read otherwise than one would think

  std::size_t pixel_count() const { return static_cast<std::size_t>(width) * static_cast<std::size_t>(height); }
  std::size_t sample_bytes() const { return max_value > 255 ? 2 : 1; }
  unsigned sample(std::size_t i) const {
    if (max_value <= 255) return samples[i];
    std::uint16_t v;
    std::memcpy(&v, samples.data() + 2 * i, 2);
    return v;
  }
};

/// Decodes PNG, JPEG, BMP (not run-length coded), GIF (its first picture), TGA, PNM (P1 to P6), TIFF (when built with libtiff 4.5 or later;
/// its first page, as a mask gray pages of one size together), WebP (when built with libwebp) and .npy arrays (H,W), (H,W,C) or (C,H,W) (as
/// photographs u1 or u2). The format is told from the content, of TGA, which has no mark, from the name in `origin`. Palettes stay indices.
/// Throws DataError naming `origin`: unknown format, truncated or corrupt data, negative or fractional samples, over a limit.
Raster decode_raster(std::string_view bytes, const std::string& origin, const DecodeLimits& limits = {});
/// Also throws IoError; for anything but a file, a pipe or device for example, at once.
Raster read_raster(const std::filesystem::path& path, const DecodeLimits& limits = {});
/// The pixels in the order a person sees where the file says EXIF `orientation`: 2 mirrored, 3 rotated by 180, 4 flipped, 5 transposed, 6
/// to be turned right, 7 transversed, 8 to be turned left.
Raster turned(const Raster& raster, int orientation);
/// The other way: a mask of what a person sees, on the pixels as a photograph with that orientation stores them.
LabelImage as_stored(LabelImage mask, int orientation);
/// Whether the name ends as one of the formats above does (".png", ".JPG", ...).
bool has_image_extension(const std::filesystem::path& path);
/// The formats this build reads: "png jpeg bmp gif tga pnm tiff webp npy".
std::string supported_formats();
/// The libraries that decode them: "libpng 1.6.39, libjpeg-turbo 2.1.5, libtiff 4.5.0".
std::string decoder_versions();

/// As a photograph: samples scaled to 8 bits, palettes expanded, alpha dropped, CMYK converted. Throws DataError where that would be a
/// guess: channels that are neither gray nor RGB, samples without a full intensity.
Image to_photo(Raster raster, const std::string& origin);
/// The same, but with all the bits (8 or 16) and bands (1 to 16) that the file has. Samples that fit are taken over, not copied.
Image to_image(Raster raster, const std::string& origin);
Image decode_image(std::string_view bytes, const std::string& origin, const DecodeLimits& limits = {});
Image read_image(const std::filesystem::path& path, const DecodeLimits& limits = {});
/// With all the bits and bands that the file has: for a Predictor whose network was trained on them.
Image read_bands(const std::filesystem::path& path, const DecodeLimits& limits = {});

/// A PNG file in memory.
std::string encode_png(const Image& image);
/// An 8-bit palette PNG whose indices are the labels; labels beyond `palette` get a default color. Without a palette, a gray PNG
/// whose values are the labels.
std::string encode_png(const LabelImage& labels, std::span<const Rgb> palette = {});
/// A 16-bit gray PNG of height x width samples.
std::string encode_png(std::span<const std::uint16_t> gray, int width, int height);
/// Written atomically; throw IoError.
void write_png(const std::filesystem::path& path, const Image& image);
void write_png(const std::filesystem::path& path, const LabelImage& labels, std::span<const Rgb> palette = {});

/// `count` colors that are easy to tell apart; the first is black.
std::vector<Rgb> default_colors(int count);
/// `count` colors that show an order: black, then from yellow to dark red.
std::vector<Rgb> grade_colors(int count);
/// The image with each label's color blended over it, planes one after the other, each in a color of its own and as strong as its label is
/// of `levels`; labels that are black or beyond the palette stay clear. Throws DataError unless sizes agree.
Image overlay(Image image, const LabelImage& labels, std::span<const Rgb> palette, double opacity = 0.5, int levels = 1);

}  // namespace lamina::data
