// TIFF through libtiff 4.5 or later: the first version whose errors and allocations can be handled per file instead of globally.
#include "lamina/core/text.hpp"
#include "lamina/data/impl/decoders.hpp"

#if LAMINA_HAS_TIFF
#include <tiffio.h>

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <memory>
#if TIFFLIB_VERSION < 20221213
#undef LAMINA_HAS_TIFF
#define LAMINA_HAS_TIFF 0
#endif
#endif

namespace lamina::data::detail {

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

/// How libtiff's errors begin, of a file called so: messages name the file already.
constexpr std::string_view kName = "TIFF: ";

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
  const std::string_view said = text;
  if (error.empty()) error = said.substr(said.starts_with(kName) ? kName.size() : 0);
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
  Handle tiff(TIFFClientOpenExt("TIFF", "rm", &source, on_read, on_write, on_seek, on_close, on_size, nullptr, nullptr, options));
  TIFFOpenOptionsFree(options);
  require<DataError>(tiff != nullptr, origin, ": ", source.error.empty() ? "the file is truncated or damaged" : source.error);
  return tiff;
}

/// What the tags of a page say of its samples.
struct Layout {
  std::uint32_t width = 0, height = 0, tile_width = 0, tile_height = 0;
  std::uint16_t bits = 1, channels = 1, planar = PLANARCONFIG_CONTIG, photometric = PHOTOMETRIC_MINISBLACK, format = SAMPLEFORMAT_UINT,
                orientation = 1, compression = COMPRESSION_NONE;
  bool has_alpha = false, tiled = false;

  explicit Layout(TIFF* tiff) {
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &channels);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
    if (channels == 1) planar = PLANARCONFIG_CONTIG;
    std::uint16_t extra = 0, *kinds = nullptr;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
    has_alpha = extra > 0 && (kinds[extra - 1] == EXTRASAMPLE_ASSOCALPHA || kinds[extra - 1] == EXTRASAMPLE_UNASSALPHA);
    tiled = TIFFIsTiled(tiff) != 0;
    if (tiled) {
      TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &tile_width);
      TIFFGetField(tiff, TIFFTAG_TILELENGTH, &tile_height);
    }
  }
  /// Color models that only libtiff's own conversion knows.
  bool needs_conversion() const {
    return photometric == PHOTOMETRIC_YCBCR || photometric == PHOTOMETRIC_SEPARATED || photometric == PHOTOMETRIC_CIELAB ||
           photometric == PHOTOMETRIC_ICCLAB || photometric == PHOTOMETRIC_ITULAB || photometric == PHOTOMETRIC_LOGL ||
           photometric == PHOTOMETRIC_LOGLUV;
  }
};

/// Sample `i` of a row as libtiff gives it: packed from the high bits down, or whole numbers in this machine's order.
double sample_of(const std::uint8_t* row, std::size_t i, const Layout& l) {
  const auto as = [&]<class T>(T v) {
    std::memcpy(&v, row + i * sizeof v, sizeof v);
    return static_cast<double>(v);
  };
  const bool is_signed = l.format == SAMPLEFORMAT_INT;
  if (l.format == SAMPLEFORMAT_IEEEFP) return l.bits == 32 ? as(0.0f) : as(0.0);
  if (l.bits == 8) return is_signed ? as(std::int8_t{}) : as(std::uint8_t{});
  if (l.bits == 16) return is_signed ? as(std::int16_t{}) : as(std::uint16_t{});
  if (l.bits == 32) return is_signed ? as(std::int32_t{}) : as(std::uint32_t{});
  std::int32_t v = 0;
  for (std::size_t bit = i * l.bits, end = bit + l.bits; bit < end; ++bit) v = v << 1 | (row[bit / 8] >> (7 - bit % 8) & 1);
  return is_signed && v >> (l.bits - 1) ? v - (1 << l.bits) : v;
}

/// Calls `take(x, y, channel, sample)` for every sample of the page, from strips or tiles, together or in planes.
template <class Take>
void visit_samples(TIFF* tiff, const Layout& l, std::size_t block_bytes, const Source& source, const std::string& origin,
                   const Take& take) {
  std::vector<std::uint8_t> block(block_bytes);
  const std::uint32_t across = l.tiled ? l.tile_width : l.width, down = l.tiled ? l.tile_height : 1;
  const unsigned together = l.planar == PLANARCONFIG_CONTIG ? l.channels : 1;
  const std::size_t row_bytes = l.tiled ? static_cast<std::size_t>(TIFFTileRowSize(tiff)) : block_bytes;
  require<DataError>(row_bytes >= (std::size_t{across} * together * l.bits + 7) / 8 && block_bytes >= row_bytes * down, origin,
                     ": the TIFF's rows are too short");
  for (unsigned plane = 0; plane < l.channels; plane += together)
    for (std::uint32_t top = 0; top < l.height; top += down)
      for (std::uint32_t left = 0; left < l.width; left += across) {
        const auto first = static_cast<std::uint16_t>(plane);
        const bool read =
            l.tiled ? TIFFReadTile(tiff, block.data(), left, top, 0, first) >= 0 : TIFFReadScanline(tiff, block.data(), top, first) == 1;
        require<DataError>(read && source.error.empty(), origin, ": ", source.error.empty() ? "the file is truncated" : source.error);
        for (std::uint32_t y = top; y < std::min(top + down, l.height); ++y)
          for (std::uint32_t x = left; x < std::min(left + across, l.width); ++x)
            for (unsigned c = 0; c < together; ++c)
              take(x, y, plane + c, sample_of(block.data() + (y - top) * row_bytes, std::size_t{x - left} * together + c, l));
      }
}

/// YCbCr, CMYK and the like through libtiff's own conversion to 8-bit RGB. Asked for the file's own orientation, it turns nothing.
void read_converted(TIFF* tiff, Raster& raster, const Source& source, const std::string& origin) {
  std::vector<std::uint32_t> pixels(raster.pixel_count());
  const bool read = TIFFReadRGBAImageOriented(tiff, static_cast<std::uint32_t>(raster.width), static_cast<std::uint32_t>(raster.height),
                                              pixels.data(), raster.orientation, 1) == 1;
  require<DataError>(read && source.error.empty(), origin, ": ",
                     source.error.empty() ? "the TIFF cannot be converted to RGB" : source.error);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    for (unsigned c = 0; c < 3; ++c) raster.samples[3 * i + c] = static_cast<std::uint8_t>(pixels[i] >> 8 * c);
}

/// Bytes that decode to at least one byte of a file, by its compression; 0: no bound is known.
std::int64_t most_expansion(std::uint16_t compression) {
  switch (compression) {
    case COMPRESSION_NONE: return 1;
    case COMPRESSION_PACKBITS: return 128;
    case COMPRESSION_LZW: return 4096;
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ADOBE_DEFLATE: return 1032;
    default: return 0;
  }
}

std::vector<Rgb> colors_of(TIFF* tiff, const Layout& l, const std::string& origin) {
  std::uint16_t *r = nullptr, *g = nullptr, *b = nullptr;
  require<DataError>(TIFFGetField(tiff, TIFFTAG_COLORMAP, &r, &g, &b) == 1, origin, ": the TIFF has no palette");
  std::vector<Rgb> palette;
  for (std::size_t i = 0; i < std::size_t{1} << l.bits; ++i)
    palette.push_back({static_cast<std::uint8_t>(r[i] >> 8), static_cast<std::uint8_t>(g[i] >> 8), static_cast<std::uint8_t>(b[i] >> 8)});
  return palette;
}

Raster read_page(TIFF* tiff, const Source& source, const std::string& origin, const DecodeLimits& limits) {
  const Layout l(tiff);
  require<DataError>(l.width <= 1u << 30 && l.height <= 1u << 30 && l.channels > 0, origin, ": a TIFF of ", l.width, "x", l.height,
                     " pixels");
  const bool integers = l.format == SAMPLEFORMAT_UINT || l.format == SAMPLEFORMAT_INT || l.format == SAMPLEFORMAT_VOID;
  const bool fractions = l.format == SAMPLEFORMAT_IEEEFP && (l.bits == 32 || l.bits == 64);
  require<DataError>((integers && (l.bits <= 16 || l.bits == 32) && l.bits > 0) || fractions, origin, ": TIFF samples of ", l.bits,
                     " bits in format ", l.format, " are not read; convert them to 8- or 16-bit unsigned numbers");
  Raster raster;
  raster.format = FileFormat::tiff;
  raster.width = static_cast<int>(l.width);
  raster.height = static_cast<int>(l.height);
  raster.orientation = l.orientation >= 1 && l.orientation <= 8 ? l.orientation : 1;
  raster.lossy = l.compression == COMPRESSION_JPEG || l.compression == COMPRESSION_OJPEG;
  if (l.needs_conversion()) {
    raster.channels = 3;
    allocate_samples(raster, origin, limits, bytes_of_pixels(raster, 8, origin));
    read_converted(tiff, raster, source, origin);
    return raster;
  }
  const bool palette = l.photometric == PHOTOMETRIC_PALETTE;
  require<DataError>(!palette || (l.channels == 1 && l.bits <= 16 && integers), origin, ": a TIFF palette with ", l.channels,
                     " channels of ", l.bits, " bits is not read; convert the file to PNG");
  const bool wide = l.bits > 16 || fractions;  // the values tell how many bits there are; of 32-bit numbers none is full intensity
  raster.channels = l.channels;
  raster.has_alpha = l.has_alpha && l.channels > 1;
  raster.max_value = wide ? 65535 : palette && l.bits <= 8 ? 255 : (1u << l.bits) - 1;
  require<DataError>(!wide || l.photometric != PHOTOMETRIC_MINISWHITE, origin, ": ", l.bits,
                     "-bit samples that count from white are not read; convert them to 8- or 16-bit unsigned numbers");
  if (const std::int64_t most = most_expansion(l.compression); most > 0 && raster.width > 0)
    require_justified(raster, origin, bytes_of_pixels(raster, l.channels * l.bits, origin) / 8 / most, source.bytes.size());
  const auto block_bytes = static_cast<std::int64_t>(l.tiled ? TIFFTileSize64(tiff) : TIFFScanlineSize64(tiff));
  require<DataError>(block_bytes >= 0 && block_bytes <= limits.max_decoded_bytes, origin, ": a block of ", block_bytes,
                     " bytes is over the limit of ", limits.max_decoded_bytes);
  const bool shares = limits.shares && fractions;
  const auto unknown = [&](double v) { return shares && limits.ignore && (std::isnan(v) || v == *limits.ignore); };
  double largest = 0;  // of numbers that say not themselves what is full intensity
  if (wide)
    visit_samples(tiff, l, static_cast<std::size_t>(block_bytes), source, origin, [&](std::uint32_t, std::uint32_t, unsigned, double v) {
      largest = std::max(largest, std::isfinite(v) && !unknown(v) ? v : 0);
    });
  raster.shares = shares;
  if (shares && limits.ignore) raster.max_value = 65534;
  const double scale = shares ? scale_of_shares(largest) * raster.max_value / 65535 : 1;
  if (wide && largest <= 255 && !shares) raster.max_value = 255;
  allocate_samples(raster, origin, limits, block_bytes);
  if (palette) raster.palette = colors_of(tiff, l, origin);
  const std::string kind = message(l.bits, fractions ? "-bit floating-point" : l.format == SAMPLEFORMAT_INT ? "-bit signed" : "-bit");
  const auto refuse = [&](std::uint32_t x, std::uint32_t y, double v) {
    throw DataError(message(origin, ": the pixel at (", x, ", ", y, ") has the value ", formatted("%.10g", v), " (", kind,
                            " samples), which ", number_fault(v, limits.role, largest)));
  };
  const bool inverted = l.photometric == PHOTOMETRIC_MINISWHITE && !wide;
  visit_samples(tiff, l, static_cast<std::size_t>(block_bytes), source, origin,
                [&](std::uint32_t x, std::uint32_t y, unsigned c, double v) {
                  if (unknown(v))
                    v = raster.max_value + 1;
                  else if (shares && v >= 0 && v <= 65535)
                    v = std::min<double>(std::round(v * scale), raster.max_value);
                  if (!(v >= 0 && v <= 65535 && v == std::floor(v))) refuse(x, y, v);
                  const unsigned value = inverted ? raster.max_value - static_cast<unsigned>(v) : static_cast<unsigned>(v);
                  const std::size_t i = (std::size_t{y} * l.width + x) * l.channels + c;
                  if (raster.max_value <= 255) {
                    raster.samples[i] = static_cast<std::uint8_t>(value);
                  } else {
                    const auto two = static_cast<std::uint16_t>(value);
                    std::memcpy(raster.samples.data() + 2 * i, &two, 2);
                  }
                });
  if (wide || l.format == SAMPLEFORMAT_INT)
    raster.no_photo = message(kind,
                              " samples say nothing of their full intensity; scale the photograph to 8 or 16 bits, for example with "
                              "gdal_translate -ot Byte -scale");
  if (inverted && (l.bits > 1 || is_mask(limits.role)))  // fax pages are pictures
    raster.notes.emplace_back("its samples are stored inverted (min-is-white) and are turned: 0 is full intensity");
  if (l.channels == 3 && !l.has_alpha && !palette && l.photometric != PHOTOMETRIC_RGB)
    raster.notes.emplace_back("three gray bands, taken as red, green and blue");
  return raster;
}

/// The places of the pages, but for smaller copies of others and masks of them.
std::vector<tdir_t> pictures(TIFF* tiff) {
  std::vector<tdir_t> pages;
  for (bool more = true; more; more = !TIFFLastDirectory(tiff) && TIFFReadDirectory(tiff)) {
    std::uint32_t kind = 0;
    TIFFGetField(tiff, TIFFTAG_SUBFILETYPE, &kind);
    if (pages.empty() || (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == 0) pages.push_back(TIFFCurrentDirectory(tiff));
  }
  return pages;
}

/// The pages as the channels of one mask.
Raster together(TIFF* tiff, const std::vector<tdir_t>& pages, const Source& source, const std::string& origin, const DecodeLimits& limits) {
  const auto count = pages.size();
  const auto require_alike = [&](bool alike) { require<DataError>(alike, origin, pages_fault(static_cast<int>(count))); };
  require_alike(count <= kIgnoreLabel);
  Raster all;
  for (std::size_t k = 0; k < count; ++k) {
    require<DataError>(TIFFSetDirectory(tiff, pages[k]) == 1, origin, ": page ", k + 1, " cannot be read");
    const Raster page = read_page(tiff, source, origin, limits);
    if (k == 0) {
      all = page;
      all.channels = all.pages = static_cast<int>(count);
      allocate_samples(all, origin, limits, static_cast<std::int64_t>(page.samples.size()));
    }
    require_alike(page.channels == 1 && page.palette.empty() && page.width == all.width && page.height == all.height &&
                  page.max_value == all.max_value);
    const std::size_t size = page.sample_bytes();
    for (std::size_t i = 0; i < page.pixel_count(); ++i)
      std::memcpy(all.samples.data() + (i * count + k) * size, page.samples.data() + i * size, size);
  }
  return all;
}

}  // namespace

Raster decode_tiff(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  Source source{bytes, 0, {}};
  const Handle tiff = open(source, origin, limits);
  const bool several = !TIFFLastDirectory(tiff.get());
  if (several && is_mask(limits.role))
    if (const std::vector<tdir_t> pages = pictures(tiff.get()); pages.size() > 1)
      return together(tiff.get(), pages, source, origin, limits);
  if (several) TIFFSetDirectory(tiff.get(), 0);
  Raster raster = read_page(tiff.get(), source, origin, limits);
  if (several) raster.notes.push_back(message(static_cast<int>(TIFFNumberOfDirectories(tiff.get())), " pages; only the first is read"));
  return raster;
}
#else
Raster decode_tiff(std::string_view, const std::string& origin, const DecodeLimits&) {
  throw DataError(origin + ": this build reads no TIFF; build with libtiff 4.5 or later, or convert the file to PNG");
}
#endif

}  // namespace lamina::data::detail
