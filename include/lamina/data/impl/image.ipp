// Reading any image file; photographs and colors.
#include "lamina/data/image.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/checked.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/impl/decoders.hpp"
#include "lamina/data/impl/raster_facts.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data {
namespace {

Rgb from_hsv(double hue, double saturation, double value) {
  Rgb c{};
  for (int i = 0; i < 3; ++i) {
    const double k = std::fmod(5 - 2 * i + hue * 6, 6);
    c[static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>(std::lround(255 * (value - value * saturation * std::clamp(std::min(k, 4 - k), 0.0, 1.0))));
  }
  return c;
}

constexpr std::string_view kExtensions[] = {".png", ".jpg", ".jpeg", ".bmp", ".dib",  ".gif",  ".tga", ".pbm",
                                            ".pgm", ".ppm", ".pnm",  ".tif", ".tiff", ".webp", ".npy"};

std::string extension_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return extension;
}

/// What a file that is read by no decoder is, from its first bytes; empty: unknown.
const char* name_of_other_format(std::string_view bytes) {
  const auto has = [&](std::size_t at, std::string_view magic) { return bytes.size() >= at && bytes.substr(at, magic.size()) == magic; };
  if (has(4, "ftyp")) return "a HEIC, AVIF or video file";
  if (has(0, std::string_view("\0\0\0\x0cjP", 6)) || has(0, "\xff\x4f\xff\x51")) return "a JPEG 2000 file";
  if (has(0, std::string_view("\0\0\0\x0cJXL", 7)) || has(0, "\xff\x0a")) return "a JPEG XL file";
  if (has(128, "DICM")) return "a DICOM file";
  if (has(344, std::string_view("n+1\0", 4)) || has(0, "\x1f\x8b")) return "a NIfTI or gzip file";
  if (has(0, "\x89HDF")) return "an HDF5 or MATLAB file";
  if (has(0, "MATLAB")) return "a MATLAB file";
  if (has(0, "%PDF")) return "a PDF file";
  if (has(0, "8BPS")) return "a Photoshop file";
  if (has(0, "PK\3\4")) return "a ZIP (or .npz) file";
  if (has(0, "v/1\1")) return "an OpenEXR file";
  if (has(0, "<")) return "an XML, SVG or HTML file";
  if (has(0, "P7\n")) return "a PAM file";
  if (has(0, "version https://git-lfs")) return "a pointer of Git LFS (run git lfs pull)";
  return "";
}

/// Checks `size` values of width x height pixels with `values` each.
void require_values(const char* what, const char* kind, int width, int height, int values, std::size_t size) {
  require<DataError>(width >= 1 && height >= 1, what, ": the ", kind, " is empty: ", width, "x", height, " pixels");
  const std::int64_t expected = checked_product<DataError>({width, height, values}, what, ": the size of the ", kind, " overflows");
  require<DataError>(static_cast<std::int64_t>(size) == expected, what, ": the ", kind, " of ", width, "x", height, " pixels with ", values,
                     " values each holds ", size, " of them, not ", expected);
}
}  // namespace

void require_valid(const char* what, const Image& image) {
  if (image.channels >= 1) require_values(what, "image", image.width, image.height, image.channels, image.samples());
  require_valid(what, ImageView(image));
}
void require_valid(const char* what, const ImageView& image) {
  require<DataError>(image.channels >= 1 && image.channels <= kMostChannels, what, ": an image has 1 to ", kMostChannels, " channels, not ",
                     image.channels);
  require<DataError>(image.max_value == 255 || image.max_value == 65535, what,
                     ": samples have 8 or 16 bits, a max_value of 255 or 65535, not ", image.max_value);
  require<DataError>(image.width > 0 && image.height > 0, what, ": an image of ", image.width, "x", image.height,
                     " pixels; width and height are at least 1");
  require<DataError>(image.pixels, what, ": the pixels of an image of ", image.width, "x", image.height,
                     " are null; give where the first is");
  const auto row = static_cast<std::ptrdiff_t>(image.width) * image.channels * static_cast<std::ptrdiff_t>(image.sample_bytes());
  require<DataError>(image.row_bytes >= row, what, ": rows of ", image.width, " pixels, ", image.channels, " channels and ",
                     8 * image.sample_bytes(), " bits a sample are ", row, " bytes; row_bytes, from a row to the next, is ",
                     image.row_bytes, " and must be as many or more, or 0 where rows follow each other");
}
void require_plain(const char* what, const Image& image) {
  require_valid(what, image);
  require<DataError>((image.channels == 1 || image.channels == 3) && image.max_value == 255, what,
                     ": an image to show has 1 (gray) or 3 (RGB) channels of 8 bits; to_show makes one");
}
void require_valid(const char* what, const LabelImage& mask) {
  require<DataError>(mask.planes >= 0, what, ": a mask of ", mask.planes, " planes");
  require_values(what, "mask", mask.width, mask.height, static_cast<int>(mask.values()), mask.labels.size());
}

const char* name_of(FileFormat format) {
  constexpr const char* kNames[] = {"png", "jpeg", "bmp", "gif", "tga", "pnm", "tiff", "webp", "npy"};
  return kNames[static_cast<std::size_t>(format)];
}

std::string supported_formats() {
  return std::string("png jpeg bmp gif tga pnm ") + (detail::tiff_version().empty() ? "" : "tiff ") +
         (detail::webp_version().empty() ? "" : "webp ") + "npy";
}

std::string decoder_versions() {
  std::string all = detail::png_version() + ", " + detail::jpeg_version();
  for (const std::string& optional : {detail::tiff_version(), detail::webp_version()}) all += optional.empty() ? "" : ", " + optional;
  return all;
}

bool has_image_extension(const std::filesystem::path& path) {
  return std::find(std::begin(kExtensions), std::end(kExtensions), extension_of(path)) != std::end(kExtensions);
}

std::uint64_t detail::number_at(std::string_view bytes, std::size_t at, int size, bool little) {
  std::uint64_t v = 0;
  for (int i = 0; i < size; ++i) {
    const std::size_t k = at + static_cast<std::size_t>(little ? size - 1 - i : i);
    v = v << 8 | (k < bytes.size() ? byte_at(bytes, k) : 0u);
  }
  return v;
}

int detail::exif_orientation(std::string_view block) {
  if (block.substr(0, 6) == std::string_view("Exif\0\0", 6)) block.remove_prefix(6);
  const bool little = block.substr(0, 2) == "II";
  const std::size_t directory = number_at(block, 4, 4, little), entries = number_at(block, directory, 2, little);
  for (std::size_t i = 0; i < entries && directory + 2 + 12 * (i + 1) <= block.size(); ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (number_at(block, entry, 2, little) != 0x0112) continue;
    const auto value = number_at(block, entry + 8, 2, little);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

void detail::require_justified(const Raster& raster, const std::string& origin, std::int64_t least, std::size_t have) {
  require<DataError>(least <= static_cast<std::int64_t>(have), origin, ": the file is truncated: ", raster.width, "x", raster.height,
                     " pixels need at least ", least, " bytes");
}

void detail::allocate_samples(Raster& raster, const std::string& origin, const DecodeLimits& limits, std::int64_t bytes_beside) {
  const std::int64_t pixels = std::int64_t{raster.width} * raster.height;
  require<DataError>(raster.width > 0 && raster.height > 0 && raster.channels > 0, origin, ": an image of ", raster.width, "x",
                     raster.height, " pixels");
  require<DataError>(pixels <= limits.max_pixels, origin, ": ", raster.width, "x", raster.height, " pixels are over the limit of ",
                     limits.max_pixels,
                     ", which keeps damaged or hostile files from taking all memory; if the picture is to be trusted, raise it "
                     "(to predict: --max-pixels ",
                     pixels, ", in C++ DecodeLimits::for_pixels; to train: store the photograph and its mask smaller, or in pieces)");
  const std::int64_t bytes = checked_product<DataError>({pixels, raster.channels, static_cast<std::int64_t>(raster.sample_bytes())}, origin,
                                                        ": the bytes of its pixels overflow");
  require<DataError>(bytes <= limits.max_decoded_bytes && bytes_beside <= limits.max_decoded_bytes - bytes, origin, ": ", bytes,
                     " bytes of pixels", bytes_beside ? message(" and ", bytes_beside, " bytes to decode them") : "",
                     " are over the limit of ", limits.max_decoded_bytes);
  try {
    raster.samples.resize(static_cast<std::size_t>(bytes));
  } catch (const std::bad_alloc&) {
    throw MemoryError(message(origin, ": out of memory for ", bytes, " bytes of pixels"));
  }
}

Raster turned(const Raster& r, int orientation) {
  if (orientation == 1) return r;
  const bool swaps = orientation >= 5;
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const std::size_t size = static_cast<std::size_t>(r.channels) * r.sample_bytes();
  Raster out = r;
  if (swaps) std::swap(out.width, out.height);
  std::uint8_t* to = out.samples.data();
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x, to += size) {
      const int u = swaps ? y : x, v = swaps ? x : y;
      const int from_x = mirror_x ? r.width - 1 - u : u, from_y = mirror_y ? r.height - 1 - v : v;
      std::memcpy(to,
                  r.samples.data() +
                      (static_cast<std::size_t>(from_y) * static_cast<std::size_t>(r.width) + static_cast<std::size_t>(from_x)) * size,
                  size);
    }
  return out;
}

LabelImage as_stored(LabelImage mask, int orientation) {
  Raster raster;
  raster.width = mask.width, raster.height = mask.height, raster.channels = static_cast<int>(mask.values());
  raster.samples = std::move(mask.labels);
  raster = turned(raster, orientation == 6 ? 8 : orientation == 8 ? 6 : orientation);
  mask.width = raster.width, mask.height = raster.height, mask.labels = std::move(raster.samples);
  return mask;
}

Raster decode_raster(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  const auto begins = [&](std::string_view magic) { return bytes.substr(0, magic.size()) == magic; };
  Raster raster;
  if (begins("\x89PNG\r\n\x1a\n"))
    raster = detail::decode_png(bytes, origin, limits);
  else if (begins("\xff\xd8\xff"))
    raster = detail::decode_jpeg(bytes, origin, limits);
  else if (begins("BM"))
    raster = detail::decode_bmp(bytes, origin, limits);
  else if (begins("GIF8"))
    raster = detail::decode_gif(bytes, origin, limits);
  else if (begins("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP")
    raster = detail::decode_webp(bytes, origin, limits);
  else if (bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6')
    raster = detail::decode_pnm(bytes, origin, limits);
  else if (begins(std::string_view("II*\0", 4)) || begins(std::string_view("MM\0*", 4)) || begins(std::string_view("II+\0", 4)) ||
           begins(std::string_view("MM\0+", 4)))
    raster = detail::decode_tiff(bytes, origin, limits);
  else if (begins("\x93NUMPY"))
    raster = detail::decode_npy(bytes, origin, limits);
  else if (const std::string_view other = name_of_other_format(bytes); !other.empty())
    throw DataError(
        message(origin, ": this is ", std::string(other), ", which is not read; convert it to PNG (known: ", supported_formats(), ")"));
  else if (extension_of(origin) == ".tga" && !bytes.empty())
    raster = detail::decode_tga(bytes, origin, limits);
  else
    throw DataError(
        message(origin, bytes.empty() ? ": the file is empty" : ": not an image of a known format", " (known: ", supported_formats(), ")"));
  if (is_mask(limits.role)) raster_facts::drop_faint_colors(raster);
  if (raster.orientation == 1) return raster;
  return detail::turned_within(raster, raster.orientation, origin, limits);
}

Raster detail::turned_within(const Raster& raster, int orientation, const std::string& origin, const DecodeLimits& limits) {
  const auto both = 2 * static_cast<std::int64_t>(raster.samples.size());
  require<DataError>(both <= limits.max_decoded_bytes, origin, ": to turn it by its EXIF orientation takes ", both,
                     " bytes, over the limit of ", limits.max_decoded_bytes);
  return turned(raster, orientation);
}

std::string detail::cure_of(FileRole role, const std::string& mask, const std::string& photograph) {
  return is_mask(role) ? mask : role == FileRole::photograph ? photograph : mask + ". " + photograph;
}

std::string detail::number_fault(double number, FileRole role, double largest, double least) {
  const bool fraction = std::isfinite(number) && number != std::floor(number);
  const std::string fault = std::isnan(number)   ? "is NaN, no number"
                            : std::isinf(number) ? "is infinite"
                            : fraction           ? "is no whole number"
                                                 : "is outside 0..65535";
  const double full = 65535 / scale_of_shares(largest), threshold = largest / 2 / full;  // a share of 1, or of full intensity
  const std::string marks = message("--mask-threshold ", formatted("%.2g", threshold)),
                    whole = "A mask holds whole numbers: ", level = formatted("%.3g", threshold * full);
  const bool imported = role == FileRole::imported_mask;
  const std::string mask =
      fraction && std::min(number, least) < 0
          ? whole +
                "if these are logits, which mark where they are above 0, save (a > 0).astype('u1'), with numpy; of several planes "
                "the greatest one's number, np.argmax"
      : fraction && largest >= 1 && std::abs(number - std::round(number)) < 1e-3
          ? whole + "if these are labels but for rounding, save np.rint(a).astype('u1'), with numpy"
      : fraction
          ? message(whole, "if this one says how much or how surely a pixel is marked, ",
                    imported ? message("save (a > ", level, ").astype('u1'), with numpy") : message(marks, " marks what is above ", level),
                    "; if it is to be a label, save it as a whole number")
          : message("Give pixels without a label a value of their own, such as 255",
                    std::isfinite(number) ? "" : " (numpy: a[~np.isfinite(a)] = 255)", ", and leave them out with --ignore 255",
                    std::isnan(number) && !imported
                        ? message("; where numbers say how surely a pixel is marked, ", marks, " --ignore 255 does without")
                        : "");
  return message(
      fault, ". ",
      cure_of(role, mask,
              "A photograph holds numbers of 8 or 16 bits: scale it, for example with gdal_translate -ot Byte -scale, or with numpy: "
              "(255 * (a - a.min()) / (a.max() - a.min())).astype('u1')"));
}

double detail::scale_of_shares(double largest) { return largest <= 1.001 ? 65535 : largest <= 255 ? 257 : 1; }

std::string detail::pages_fault(int pages) {
  return message(": a mask of ", pages,
                 " pages, which are not one-hot planes (gray pages of one size, of 0 and one other value, at most one of them "
                 "set at a pixel): keep the page that is the mask (tiffcp FILE.tif,0 MASK.tif), or save planes as a .npy array of "
                 "(height, width, planes)");
}

Raster read_raster(const std::filesystem::path& path, const DecodeLimits& limits) {
  return decode_raster(io::read_regular_file(path, static_cast<std::uint64_t>(limits.max_file_bytes)), path.string(), limits);
}

DecodeLimits DecodeLimits::for_pixels(std::int64_t pixels) {
  DecodeLimits limits{.max_pixels = pixels};
  const std::int64_t bytes = pixels < (std::int64_t{1} << 58) ? 16 * pixels : std::int64_t{1} << 62;
  limits.max_decoded_bytes = std::max(limits.max_decoded_bytes, bytes);
  limits.max_file_bytes = std::max(limits.max_file_bytes, bytes);
  return limits;
}

Image decode_image(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  return to_photo(decode_raster(bytes, origin, limits.of(FileRole::photograph)), origin);
}
Image read_image(const std::filesystem::path& path, const DecodeLimits& limits) {
  return to_photo(read_raster(path, limits.of(FileRole::photograph)), path.string());
}
Image read_bands(const std::filesystem::path& path, const DecodeLimits& limits) {
  return to_image(read_raster(path, limits.of(FileRole::photograph)), path.string());
}

std::vector<Rgb> default_colors(int count) {
  // Okabe and Ito's, which the color-blind tell apart; those first that are least like skin, wounds and fundi. Then three of Tol's.
  constexpr Rgb kSafe[] = {{0, 0, 0},    {86, 180, 233},  {230, 159, 0},  {0, 158, 115}, {240, 228, 66}, {0, 114, 178},
                           {213, 94, 0}, {204, 121, 167}, {153, 153, 51}, {51, 34, 136}, {136, 34, 85}};
  constexpr double kGoldenAngle = 0.381966;  // of a turn: neighbours in the list lie far apart on the color circle
  std::vector<Rgb> colors(kSafe, kSafe + std::clamp(count, 0, static_cast<int>(std::size(kSafe))));
  for (int i = static_cast<int>(std::size(kSafe)); i < count; ++i)
    colors.push_back(from_hsv(std::fmod(0.98 + (i - 1) * kGoldenAngle, 1), i % 3 == 0 ? 0.55 : 0.85, i % 2 ? 0.95 : 0.75));
  return colors;
}

std::vector<Rgb> grade_colors(int count) {
  std::vector<Rgb> colors{Rgb{}};
  for (int i = 1; i < count; ++i) {
    const double t = count > 2 ? (i - 1.0) / (count - 2) : 1;
    colors.push_back(from_hsv(0.15 * (1 - t), 0.6 + 0.4 * t, 1 - 0.4 * t));
  }
  return colors;
}

LabelImage LabelImage::plane(int k) const {
  LabelImage one(width, height);
  for (std::size_t i = 0; i < one.labels.size(); ++i) one.labels[i] = labels[i * values() + static_cast<std::size_t>(k)];
  return one;
}

Image overlay(Image image, const LabelImage& labels, std::span<const Rgb> palette, double opacity, int levels) {
  require_plain("overlay", image);
  require_valid("overlay", labels);
  require<DataError>(image.width == labels.width && image.height == labels.height, "overlay: the image has ", image.width, "x",
                     image.height, " pixels, the mask ", labels.width, "x", labels.height);
  const bool gray = image.channels == 1;
  Image out = gray ? Image(image.width, image.height, 3) : std::move(image);
  const double full = 256 * std::clamp(opacity, 0.0, 1.0);
  const std::size_t values = labels.values();
  for (std::size_t i = 0; i < out.pixels.size() / 3; ++i) {
    if (gray) std::fill_n(&out.pixels[3 * i], 3, image.pixels[i]);
    for (std::size_t k = 0; k < values; ++k) {
      const std::size_t label = labels.labels[i * values + k], color = labels.planes ? k : label;
      const bool drawn = labels.planes == 0 || (label >= 1 && label <= static_cast<std::size_t>(levels));
      if (!drawn || color >= palette.size() || palette[color] == Rgb{}) continue;
      const int weight = static_cast<int>(std::lround(labels.planes ? full * static_cast<double>(label) / levels : full));
      for (std::size_t c = 0; c < 3; ++c) {
        std::uint8_t& v = out.pixels[3 * i + c];
        v = static_cast<std::uint8_t>((v * (256 - weight) + palette[color][c] * weight + 128) >> 8);
      }
    }
  }
  return out;
}

}  // namespace lamina::data
