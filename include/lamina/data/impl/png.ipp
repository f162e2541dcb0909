// PNG through libpng. Its errors arrive by longjmp, so the code between setjmp and libpng holds no objects with destructors.
#include <png.h>

#include <algorithm>
#include <csetjmp>

#include "lamina/data/draw.hpp"
#include "lamina/data/impl/decoders.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data {
namespace {

/// What libpng's callbacks reach.
struct PngState {
  std::string_view input;
  std::string output;
  char error[160] = "";
};

void on_error(png_structp png, png_const_charp text) {
  auto& error = static_cast<PngState*>(png_get_error_ptr(png))->error;
  std::strncpy(error, text, sizeof error - 1);
  png_longjmp(png, 1);
}
void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, std::size_t size) {
  auto& input = static_cast<PngState*>(png_get_io_ptr(png))->input;
  if (size > input.size()) png_error(png, "the file is truncated");
  std::memcpy(to, input.data(), size);
  input.remove_prefix(size);
}
void on_write(png_structp png, png_bytep from, std::size_t size) {
  static_cast<PngState*>(png_get_io_ptr(png))->output.append(reinterpret_cast<const char*>(from), size);
}
void on_flush(png_structp) {}

/// A libpng reader or writer.
class Png {
 public:
  enum class Mode { read, write };
  Png(Mode mode, const std::string& origin) : mode_(mode), origin_(origin) {
    const auto create = mode == Mode::read ? png_create_read_struct : png_create_write_struct;
    png = create(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
    if (png) info = png_create_info_struct(png);
    if (!info) {
      destroy();
      throw MemoryError(origin + ": out of memory in libpng");
    }
  }
  ~Png() { destroy(); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;

  /// Runs `f`, which calls libpng and must hold nothing that needs a destructor. Throws DataError with libpng's reason.
  template <class F>
  void guarded(const F& f) {
    if (setjmp(png_jmpbuf(png))) throw DataError(message(origin_, ": ", static_cast<const char*>(state.error)));
    f();
  }

  PngState state;
  png_structp png = nullptr;
  png_infop info = nullptr;

 private:
  void destroy() {
    if (mode_ == Mode::read)
      png_destroy_read_struct(&png, &info, nullptr);
    else
      png_destroy_write_struct(&png, &info);
  }
  Mode mode_;
  const std::string& origin_;
};

std::vector<png_bytep> row_pointers(std::uint8_t* pixels, int height, std::size_t row_bytes) {
  std::vector<png_bytep> rows(static_cast<std::size_t>(height));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = pixels + y * row_bytes;
  return rows;
}

/// `clear`: the palette's last color.
std::string encode(int width, int height, int color_type, const std::uint8_t* pixels, std::size_t row_bytes, std::span<const Rgb> palette,
                   int depth = 8, bool clear = false) {
  static const std::string origin = "PNG encoder";
  require<DataError>(width > 0 && height > 0, origin, ": an image of ", width, "x", height, " pixels");
  Png writer(Png::Mode::write, origin);
  std::vector<png_color> colors;
  for (const Rgb& c : palette) colors.push_back({c[0], c[1], c[2]});
  std::vector<png_byte> alpha(clear ? colors.size() : 0, 255);
  if (clear) alpha.back() = 0;
  const auto rows = row_pointers(const_cast<std::uint8_t*>(pixels), height, row_bytes);
  writer.guarded([&] {
    png_set_write_fn(writer.png, &writer.state, on_write, on_flush);
    png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), depth, color_type,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (!colors.empty()) png_set_PLTE(writer.png, writer.info, colors.data(), static_cast<int>(colors.size()));
    if (clear) png_set_tRNS(writer.png, writer.info, alpha.data(), static_cast<int>(alpha.size()), nullptr);
    png_write_info(writer.png, writer.info);
    if (depth == 16) png_set_swap(writer.png);  // from little-endian
    png_write_image(writer.png, const_cast<png_bytepp>(rows.data()));
    png_write_end(writer.png, nullptr);
  });
  return std::move(writer.state.output);
}

}  // namespace

namespace {
/// Chunks that say nothing about the samples. libpng would inflate and keep them.
constexpr png_byte kSkipped[] =
    "acTL\0bKGD\0cHRM\0eXIf\0fcTL\0fdAT\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0sTER\0tEXt\0tIME\0"
    "zTXt";
constexpr png_alloc_size_t kMostBytesOfChunk = 1 << 20;  // of those that are read: palettes, transparency
constexpr std::int64_t kMostExpansion = 1032;            // of deflate

/// Calls `visit(type, data)` for the chunks that are whole.
template <class Visit>
void visit_chunks(std::string_view png, const Visit& visit) {
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t size = detail::number_at(png, at, 4, false);
    if (size > png.size() - at - 12) return;
    visit(png.substr(at + 4, 4), png.substr(at + 8, size));
    at += size + 12;
  }
}
}  // namespace

Raster detail::decode_png(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  Png reader(Png::Mode::read, origin);
  reader.state.input = bytes;
  Raster raster;
  raster.format = FileFormat::png;
  png_colorp palette = nullptr;
  int colors = 0, depth = 0, passes = 1;
  reader.guarded([&] {
    png_set_read_fn(reader.png, &reader.state, on_read);
    png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
    png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, kSkipped, sizeof kSkipped / 5);
    png_set_chunk_malloc_max(reader.png, kMostBytesOfChunk);
    png_read_info(reader.png, reader.info);
    raster.width = static_cast<int>(png_get_image_width(reader.png, reader.info));
    raster.height = static_cast<int>(png_get_image_height(reader.png, reader.info));
    raster.channels = png_get_channels(reader.png, reader.info);
    depth = png_get_bit_depth(reader.png, reader.info);
    raster.has_alpha = (png_get_color_type(reader.png, reader.info) & PNG_COLOR_MASK_ALPHA) != 0;
    if (png_get_color_type(reader.png, reader.info) == PNG_COLOR_TYPE_PALETTE) png_get_PLTE(reader.png, reader.info, &palette, &colors);
  });
  for (int i = 0; i < colors; ++i) raster.palette.push_back({palette[i].red, palette[i].green, palette[i].blue});
  raster.max_value = colors ? 255 : (1u << depth) - 1;
  const std::int64_t bits = std::int64_t{raster.width} * raster.channels * depth, rows = raster.height;
  require_justified(raster, origin, bits / 8 * rows / kMostExpansion, bytes.size());
  allocate_samples(raster, origin, limits, 2 * (bits / 8));  // two rows, for filters
  visit_chunks(bytes, [&](std::string_view type, std::string_view data) {
    if (type == "eXIf") raster.orientation = exif_orientation(data);
    if (type == "acTL")
      raster.notes.push_back(message("an animation of ", number_at(data, 0, 4, false), " pictures; only the first is read"));
  });
  const std::size_t row_bytes = raster.samples.size() / static_cast<std::size_t>(raster.height);
  reader.guarded([&] {
    png_set_packing(reader.png);                // 1, 2, 4 bits: one byte each, not scaled
    if (depth == 16) png_set_swap(reader.png);  // to little-endian
    passes = png_set_interlace_handling(reader.png);
    png_read_update_info(reader.png, reader.info);
    for (int pass = 0; pass < passes; ++pass)
      for (int y = 0; y < raster.height; ++y)
        png_read_row(reader.png, raster.samples.data() + static_cast<std::size_t>(y) * row_bytes, nullptr);
    png_read_end(reader.png, nullptr);
  });
  return raster;
}

std::string encode_png(const Image& image) {
  require_plain("PNG encoder", image);
  return detail::encode_png_channels(image);
}

std::string detail::encode_png_channels(const Image& image) {
  constexpr int kTypes[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  const auto channels = static_cast<std::size_t>(image.channels);
  return encode(image.width, image.height, kTypes[channels - 1], image.pixels.data(), static_cast<std::size_t>(image.width) * channels, {});
}

std::string encode_png(const LabelImage& labels, std::span<const Rgb> palette) {
  require_valid("PNG encoder", labels);
  require<DataError>(labels.planes == 0, "PNG encoder: a mask of ", labels.planes, " planes is written one plane at a time");
  const auto width = static_cast<std::size_t>(labels.width);
  if (palette.empty()) return encode(labels.width, labels.height, PNG_COLOR_TYPE_GRAY, labels.labels.data(), width, {});
  const int used = labels.labels.empty() ? 0 : 1 + *std::max_element(labels.labels.begin(), labels.labels.end());
  std::vector<Rgb> colors = default_colors(std::max(used, static_cast<int>(palette.size())));
  std::copy(palette.begin(), palette.end(), colors.begin());
  return encode(labels.width, labels.height, PNG_COLOR_TYPE_PALETTE, labels.labels.data(), width, colors);
}

std::string encode_png_layer(const LabelImage& labels, std::span<const Rgb> palette) {
  require_valid("PNG encoder", labels);
  require<DataError>(labels.planes == 0 && palette.size() < 256, "PNG encoder: a layer of ", labels.planes, " planes in ", palette.size(),
                     " colors");
  std::vector<Rgb> colors(palette.begin(), palette.end());
  colors.emplace_back();
  const auto clear = static_cast<std::uint8_t>(palette.size());
  std::vector<std::uint8_t> pixels = labels.labels;
  for (std::uint8_t& p : pixels)
    if (p >= clear || colors[p] == Rgb{}) p = clear;
  return encode(labels.width, labels.height, PNG_COLOR_TYPE_PALETTE, pixels.data(), static_cast<std::size_t>(labels.width), colors, 8,
                true);
}

std::string encode_png(std::span<const std::uint16_t> gray, int width, int height) {
  require<DataError>(gray.size() == static_cast<std::size_t>(width) * static_cast<std::size_t>(height), "PNG encoder: ", gray.size(),
                     " samples for ", width, "x", height, " pixels");
  return encode(width, height, PNG_COLOR_TYPE_GRAY, reinterpret_cast<const std::uint8_t*>(gray.data()), 2 * static_cast<std::size_t>(width),
                {}, 16);
}

std::string detail::encode_png_alpha(const LabelImage& mask) {
  Image image(mask.width, mask.height, 4, 255);
  for (std::size_t i = 0; i < mask.labels.size(); ++i) image.pixels[4 * i + 3] = mask.labels[i];
  return encode_png_channels(image);
}

void write_png(const std::filesystem::path& path, const Image& image) { io::write_file_atomically(path, encode_png(image)); }
void write_png(const std::filesystem::path& path, const LabelImage& labels, std::span<const Rgb> palette) {
  io::write_file_atomically(path, encode_png(labels, palette));
}

std::string detail::png_version() { return std::string("libpng ") + png_get_libpng_ver(nullptr); }

}  // namespace lamina::data
