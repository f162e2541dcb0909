// TIFF through libtiff 4.5 or later: the first version whose errors and allocations can be handled per file instead of globally.
#include "lamina/data/impl/decoders.hpp"

#if LAMINA_HAS_TIFF
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <memory>
#if TIFFLIB_VERSION < 20221213
#undef LAMINA_HAS_TIFF
#define LAMINA_HAS_TIFF 0
#endif
#endif

namespace lamina::data::detail {

bool has_tiff() { return LAMINA_HAS_TIFF; }

std::string tiff_version() {
#if LAMINA_HAS_TIFF
  const std::string text = TIFFGetVersion();  // "LIBTIFF, Version 4.5.0", then lines of copyright
  const std::size_t end = text.find('\n'), begin = text.rfind(' ', end);
  return "libtiff " + text.substr(begin + 1, end - begin - 1);
#else
  return "";
#endif
}

#if LAMINA_HAS_TIFF
namespace {

/// The file in memory, as libtiff's callbacks see it.
struct Source {
  std::string_view bytes;
  toff_t position = 0;
  std::string error;
};
Source& source_of(thandle_t h) { return *static_cast<Source*>(h); }

tmsize_t on_read(thandle_t h, void* to, tmsize_t size) {
  Source& s = source_of(h);
  const toff_t left = s.position < s.bytes.size() ? s.bytes.size() - s.position : 0;
  const toff_t n = std::min<toff_t>(left, static_cast<toff_t>(size));
  if (n) std::memcpy(to, s.bytes.data() + s.position, n);
  s.position += n;
  return static_cast<tmsize_t>(n);
}
tmsize_t on_write(thandle_t, void*, tmsize_t) { return 0; }
toff_t on_seek(thandle_t h, toff_t offset, int whence) {
  Source& s = source_of(h);
  return s.position = whence == SEEK_SET ? offset : whence == SEEK_CUR ? s.position + offset : s.bytes.size() + offset;
}
int on_close(thandle_t) { return 0; }
toff_t on_size(thandle_t h) { return source_of(h).bytes.size(); }
int on_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  char text[200];
  std::vsnprintf(text, sizeof text, format, arguments);
  auto& error = static_cast<Source*>(user)->error;
  if (error.empty()) error = text;
  return 1;
}
int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct Closer {
  void operator()(TIFF* t) const { TIFFClose(t); }
};
using Handle = std::unique_ptr<TIFF, Closer>;

Handle open(Source& source, const std::string& origin, const DecodeLimits& limits) {
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  require<MemoryError>(options != nullptr, origin, ": out of memory in libtiff");
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, static_cast<tmsize_t>(limits.max_decoded_bytes));
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, nullptr);
  // "m": do not map; the bytes are already here.
  Handle tiff(TIFFClientOpenExt(origin.c_str(), "rm", &source, on_read, on_write, on_seek, on_close, on_size, nullptr, nullptr, options));
  TIFFOpenOptionsFree(options);
  require<DataError>(tiff != nullptr, origin, ": ", source.error);
  return tiff;
}

/// Scanlines as stored: gray, palette, RGB or RGBA of 1 to 16 bits.
void read_stored(TIFF* tiff, Raster& raster, int bits, const Source& source, const std::string& origin) {
  std::vector<std::uint8_t> line(static_cast<std::size_t>(TIFFScanlineSize(tiff)));
  const std::size_t row = static_cast<std::size_t>(raster.width) * static_cast<std::size_t>(raster.channels);
  const unsigned step = static_cast<unsigned>(bits), mask = (1u << step) - 1;
  require<DataError>(line.size() >= (row * step + 7) / 8, origin, ": the TIFF's rows are too short");
  for (int y = 0; y < raster.height; ++y) {
    const bool read = TIFFReadScanline(tiff, line.data(), static_cast<std::uint32_t>(y), 0) == 1;
    require<DataError>(read && source.error.empty(), origin, ": ", source.error.empty() ? "the file is truncated" : source.error);
    std::uint8_t* out = raster.samples.data() + static_cast<std::size_t>(y) * row * raster.sample_bytes();
    if (bits >= 8)
      std::memcpy(out, line.data(), row * raster.sample_bytes());  // libtiff has set the byte order
    else
      for (std::size_t i = 0; i < row; ++i) out[i] = static_cast<std::uint8_t>(line[i * step / 8] >> (8 - step - i * step % 8) & mask);
  }
}

/// Everything else (tiles, planes, YCbCr, CMYK, ...) through libtiff's own conversion to 8-bit RGB.
void read_converted(TIFF* tiff, Raster& raster, const Source& source, const std::string& origin) {
  std::vector<std::uint32_t> pixels(raster.pixel_count());
  const bool read = TIFFReadRGBAImageOriented(tiff, static_cast<std::uint32_t>(raster.width), static_cast<std::uint32_t>(raster.height),
                                              pixels.data(), ORIENTATION_TOPLEFT, 1) == 1;
  require<DataError>(read && source.error.empty(), origin, ": ",
                     source.error.empty() ? "the TIFF cannot be converted to RGB" : source.error);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    for (unsigned c = 0; c < 3; ++c) raster.samples[3 * i + c] = static_cast<std::uint8_t>(pixels[i] >> 8 * c);
}

}  // namespace

Raster decode_tiff(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  Source source{bytes, 0, {}};
  const Handle tiff = open(source, origin, limits);
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, channels = 1, planar = PLANARCONFIG_CONTIG, photometric = PHOTOMETRIC_MINISBLACK, format = SAMPLEFORMAT_UINT,
                orientation = 1;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, &channels);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_PLANARCONFIG, &planar);
  TIFFGetField(tiff.get(), TIFFTAG_PHOTOMETRIC, &photometric);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SAMPLEFORMAT, &format);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_ORIENTATION, &orientation);
  require<DataError>(width <= 1u << 30 && height <= 1u << 30, origin, ": a TIFF of ", width, "x", height, " pixels");

  const bool gray = channels == 1 && (photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE);
  const bool palette = channels == 1 && photometric == PHOTOMETRIC_PALETTE && bits <= 8;
  const bool rgb = (channels == 3 || channels == 4) && photometric == PHOTOMETRIC_RGB && bits >= 8;
  const bool stored = (gray || palette || rgb) && (bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16) &&
                      format == SAMPLEFORMAT_UINT && planar == PLANARCONFIG_CONTIG && !TIFFIsTiled(tiff.get());
  Raster raster;
  raster.format = FileFormat::tiff;
  raster.width = static_cast<int>(width);
  raster.height = static_cast<int>(height);
  raster.channels = stored ? channels : 3;
  raster.max_value = stored && !palette ? (1u << bits) - 1 : 255;
  raster.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
  allocate_samples(raster, origin, limits);
  if (!stored) {
    read_converted(tiff.get(), raster, source, origin);
    raster.orientation = 1;
    return raster;
  }
  if (palette) {
    std::uint16_t *r = nullptr, *g = nullptr, *b = nullptr;
    require<DataError>(TIFFGetField(tiff.get(), TIFFTAG_COLORMAP, &r, &g, &b) == 1, origin, ": the TIFF has no palette");
    for (std::size_t i = 0; i < std::size_t{1} << bits; ++i)
      raster.palette.push_back(
          {static_cast<std::uint8_t>(r[i] >> 8), static_cast<std::uint8_t>(g[i] >> 8), static_cast<std::uint8_t>(b[i] >> 8)});
  }
  read_stored(tiff.get(), raster, bits, source, origin);
  if (photometric == PHOTOMETRIC_MINISWHITE)
    for (std::size_t i = 0; i < raster.samples.size(); ++i)
      raster.samples[i] = static_cast<std::uint8_t>((raster.max_value & 255) - raster.samples[i]);
  return raster;
}
#else
Raster decode_tiff(std::string_view, const std::string& origin, const DecodeLimits&) {
  throw DataError(origin + ": this build reads no TIFF; build with libtiff 4.5 or later, or convert the file to PNG");
}
#endif

}  // namespace lamina::data::detail
