// BMP, GIF and TGA through stb_image. It trusts files and expands palettes, so their structure is read here first: sizes are checked
// against the limits, and a palette is replaced by one that gives each index itself as gray, which makes the decoder return the indices.
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>

#include "lamina/data/impl/decoders.hpp"

namespace lamina::data {
namespace {

/// What stb_image may still allocate for the file that this thread decodes.
thread_local std::int64_t allowance = 0;
constexpr std::size_t kHead = alignof(std::max_align_t);  // in front of each allocation: its size

/// Zeroed, so that no byte of an image is left to chance.
void* stb_allocate(std::size_t size) {
  if (static_cast<std::int64_t>(size) > allowance) return nullptr;
  void* block = std::calloc(1, size + kHead);
  if (!block) return nullptr;
  allowance -= static_cast<std::int64_t>(size);
  std::memcpy(block, &size, sizeof size);
  return static_cast<char*>(block) + kHead;
}
void stb_release(void* p) {
  if (!p) return;
  void* block = static_cast<char*>(p) - kHead;
  std::size_t size;
  std::memcpy(&size, block, sizeof size);
  allowance += static_cast<std::int64_t>(size);
  std::free(block);
}
void* stb_reallocate(void* p, std::size_t size) {
  void* grown = stb_allocate(size);
  if (!grown || !p) return grown;
  std::size_t old;
  std::memcpy(&old, static_cast<char*>(p) - kHead, sizeof old);
  std::memcpy(grown, p, std::min(old, size));
  stb_release(p);
  return grown;
}

}  // namespace
}  // namespace lamina::data

#define STBI_MALLOC(size) lamina::data::stb_allocate(size)
#define STBI_REALLOC(p, size) lamina::data::stb_reallocate(p, size)
#define STBI_FREE(p) lamina::data::stb_release(p)
#define STBI_ASSERT(condition) ((void)0)
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_ONLY_TGA
#define STBI_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

namespace lamina::data {
namespace {

using detail::byte_at;

/// A file as stb_image's callbacks see it; past the end they give zeros, which must not pass for pixels.
struct Source {
  std::string_view rest;
  bool ended = false;
};

/// Decodes into `raster`, whose size and channels are set and whose samples are allocated.
void stb_decode(std::string_view bytes, Raster& raster, const std::string& origin, std::int64_t most_bytes) {
  constexpr stbi_io_callbacks kCallbacks{[](void* user, char* to, int size) {
                                           auto& s = *static_cast<Source*>(user);
                                           const std::size_t n = std::min(s.rest.size(), static_cast<std::size_t>(size));
                                           if (n == 0) s.ended = true;
                                           std::memcpy(to, s.rest.data(), n);
                                           s.rest.remove_prefix(n);
                                           return static_cast<int>(n);
                                         },
                                         [](void* user, int size) {
                                           auto& s = *static_cast<Source*>(user);
                                           if (static_cast<std::size_t>(size) > s.rest.size()) s.ended = true;
                                           s.rest.remove_prefix(std::min(s.rest.size(), static_cast<std::size_t>(std::max(size, 0))));
                                         },
                                         [](void* user) { return static_cast<int>(static_cast<Source*>(user)->rest.empty()); }};
  Source source{bytes};
  allowance = most_bytes;
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_callbacks(&kCallbacks, &source, &width, &height, &channels, raster.channels), stb_release);
  require<DataError>(!source.ended, origin, ": the file is truncated");
  require<DataError>(pixels != nullptr, origin, ": ", stbi_failure_reason(), "; convert the file to PNG");
  require<DataError>(width == raster.width && height == raster.height, origin, ": the file's sizes contradict each other");
  std::copy_n(pixels.get(), raster.samples.size(), raster.samples.data());
}

/// Room for the pixels, a converted copy of them, GIF's background and history, and what does not depend on the size.
std::int64_t stb_bytes(const Raster& r, const std::string& origin) { return detail::bytes_of_pixels(r, 9, origin) + (1 << 20); }

/// The indices of a file whose palette is the identity: one channel of those that were decoded.
void keep_indices(Raster& raster, std::size_t channels) {
  const std::size_t pixels = raster.pixel_count();
  for (std::size_t i = 0; i < pixels; ++i) raster.samples[i] = raster.samples[i * channels];
  raster.samples.resize(pixels);
  raster.channels = 1;
}

std::string identity_palette(int bytes_an_entry) {
  std::string palette;
  for (int i = 0; i < 256; ++i)
    palette += std::string(3, static_cast<char>(i)) + std::string(static_cast<std::size_t>(bytes_an_entry - 3), '\0');
  return palette;
}

/// Entries of three or four bytes.
std::vector<Rgb> palette_of(std::string_view entries, std::size_t size, bool blue_first) {
  std::vector<Rgb> palette;
  for (std::size_t i = 0; i + size <= entries.size(); i += size) {
    palette.push_back({byte_at(entries, i), byte_at(entries, i + 1), byte_at(entries, i + 2)});
    if (blue_first) std::swap(palette.back()[0], palette.back()[2]);
  }
  return palette;
}

std::string little_endian(std::size_t v, int size) {
  std::string s;
  for (int i = 0; i < size; ++i) s += static_cast<char>(v >> 8 * i);
  return s;
}

}  // namespace

Raster detail::decode_bmp(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  const auto number = [&](std::size_t at, int size) { return number_at(bytes, at, size, true); };
  const std::size_t data = number(10, 4), header = number(14, 4);
  const bool core = header == 12;
  const auto height = static_cast<std::int32_t>(core ? number(20, 2) : number(22, 4));
  const auto bits = number(core ? 24 : 28, 2);
  require<DataError>(height > -(1 << 30), origin, ": a BMP of ", number(18, core ? 2 : 4), "x", height, " pixels");
  Raster raster;
  raster.format = FileFormat::bmp;
  raster.width = static_cast<int>(number(18, core ? 2 : 4));
  raster.height = std::abs(height);
  raster.channels = 3;
  const bool indexed = bits <= 8;
  require<DataError>(bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32, origin, ": BMP with ", bits,
                     " bits is not supported; convert it to PNG");
  require<DataError>(core || number(30, 4) != 1, origin, ": run-length coded BMP is not read; convert the file to PNG");
  allocate_samples(raster, origin, limits, stb_bytes(raster, origin));
  const std::int64_t row_bytes = (std::int64_t{raster.width} * static_cast<std::int64_t>(bits) + 31) / 32 * 4;
  require_justified(raster, origin, static_cast<std::int64_t>(data) + row_bytes * raster.height, bytes.size());
  if (!indexed) {
    stb_decode(bytes, raster, origin, stb_bytes(raster, origin));
    return raster;
  }
  const std::size_t entry = core ? 3 : 4, begin = 14 + header, most = std::size_t{1} << bits, stated = core ? 0 : number(46, 4);
  require<DataError>(stated <= most, origin, ": a BMP palette of ", stated, " colors");
  const std::size_t room = begin <= data ? (data - begin) / entry : 0;
  require<DataError>(room > 0, origin, ": the BMP has no palette");
  raster.palette = palette_of(bytes.substr(begin, entry * std::min(room, stated ? stated : most)), entry, true);
  std::string file(bytes.substr(0, begin));
  file.replace(10, 4, little_endian(begin + 256 * entry, 4));
  file.append(identity_palette(static_cast<int>(entry))).append(bytes.substr(data));
  stb_decode(file, raster, origin, stb_bytes(raster, origin));
  keep_indices(raster, 3);
  return raster;
}

namespace {
/// The blocks of a GIF, rewritten up to the end of the first picture: palettes by the identity, nothing transparent, no background.
class Gif {
 public:
  Gif(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {
    need(13);
    const unsigned flags = byte_at(bytes, 10);
    file_ = bytes.substr(0, 10);
    file_ += std::string{static_cast<char>(flags | 7u), '\0', static_cast<char>(bytes[12])};
    at_ = 13;
    if (flags & 0x80) read_palette(flags);
    for (unsigned block = 0; block != 0x3b;) {
      need(1);
      block = byte_at(bytes, at_);
      require<DataError>(block == 0x2c || block == 0x21 || block == 0x3b, origin, ": the GIF is damaged");
      if (block == 0x2c) read_picture();
      if (block == 0x21) read_extension();
    }
    require<DataError>(pictures > 0 && !palette.empty(), origin, ": the GIF has no picture or no palette");
    file_.resize(end_);
    file_ += '\x3b';
  }
  const std::string& file() const { return file_; }
  /// Whether the first picture, which may be smaller than the whole, has a pixel there.
  bool covers(std::size_t x, std::size_t y) const { return x >= left_ && x < left_ + width_ && y >= top_ && y < top_ + height_; }

  std::vector<Rgb> palette;
  int pictures = 0;

 private:
  void need(std::size_t size) const {
    require<DataError>(size <= bytes_.size() && at_ <= bytes_.size() - size, origin_, ": the file is truncated");
  }
  void take(std::size_t size) {
    need(size);
    file_ += bytes_.substr(at_, size);
    at_ += size;
  }
  void take_sub_blocks() {
    for (std::size_t size = 1; size > 0;) {
      need(1);
      size = byte_at(bytes_, at_);
      take(size + 1);
    }
  }
  void read_palette(unsigned flags) {
    const std::size_t size = std::size_t{3} * (2u << (flags & 7));
    need(size);
    if (pictures == 0) palette = palette_of(bytes_.substr(at_, size), 3, false);
    at_ += size;
    file_ += identity_palette(3);
  }
  void read_picture() {
    const std::size_t start = at_ + 1;
    take(9);
    need(1);
    const unsigned flags = byte_at(bytes_, at_++);
    file_ += static_cast<char>(flags | 7u);
    if (flags & 0x80) read_palette(flags);
    take(1);  // the size of the first codes
    take_sub_blocks();
    if (pictures++ > 0) return;
    end_ = file_.size();
    std::size_t* const sides[] = {&left_, &top_, &width_, &height_};
    for (std::size_t i = 0; i < 4; ++i) *sides[i] = detail::number_at(bytes_, start + 2 * i, 2, true);
  }
  void read_extension() {
    take(2);
    const bool control = byte_at(bytes_, at_ - 1) == 0xf9;
    const std::size_t begin = file_.size();
    take_sub_blocks();
    if (control && file_.size() > begin + 1) file_[begin + 1] = static_cast<char>(file_[begin + 1] & ~1);
  }

  std::string_view bytes_;
  const std::string& origin_;
  std::string file_;
  std::size_t at_ = 0, end_ = 0, left_ = 0, top_ = 0, width_ = 0, height_ = 0;
};
}  // namespace

Raster detail::decode_gif(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  const Gif gif(bytes, origin);
  Raster raster;
  raster.format = FileFormat::gif;
  raster.width = static_cast<int>(number_at(bytes, 6, 2, true));
  raster.height = static_cast<int>(number_at(bytes, 8, 2, true));
  raster.channels = 4;
  raster.palette = gif.palette;
  allocate_samples(raster, origin, limits, stb_bytes(raster, origin));
  stb_decode(gif.file(), raster, origin, stb_bytes(raster, origin));
  for (std::size_t y = 0; y < static_cast<std::size_t>(raster.height); ++y)
    for (std::size_t x = 0; x < static_cast<std::size_t>(raster.width); ++x) {
      std::uint8_t* pixel = raster.samples.data() + 4 * (y * static_cast<std::size_t>(raster.width) + x);
      if (pixel[3]) continue;
      require<DataError>(!gif.covers(x, y), origin, ": the file is truncated or damaged: the pixel at (", x, ", ", y, ") is missing");
      pixel[0] = byte_at(bytes, 11);  // the background
    }
  keep_indices(raster, 4);
  if (gif.pictures > 1) raster.notes.push_back(message("an animation of ", gif.pictures, " pictures; only the first is read"));
  return raster;
}

Raster detail::decode_tga(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  require<DataError>(bytes.size() >= 18, origin, ": the file is truncated");
  const auto number = [&](std::size_t at, int size) { return static_cast<std::size_t>(number_at(bytes, at, size, true)); };
  const std::size_t id = number(0, 1), kind = number(2, 1), first = number(3, 2), colors = number(5, 2), color_bits = number(7, 1),
                    bits = number(16, 1), descriptor = number(17, 1);
  const bool palette = number(1, 1) == 1, indexed = kind == 1 || kind == 9, gray = kind == 3 || kind == 11;
  require<DataError>(number(1, 1) <= 1 && (indexed || gray || kind == 2 || kind == 10), origin,
                     ": not an image of a known format (known: ", supported_formats(), ")");
  require<DataError>((descriptor & 0xd0) == 0, origin, ": a TGA stored from right to left or interleaved is not read; convert it to PNG");
  require<DataError>(palette == indexed && (!indexed || (bits == 8 && (color_bits == 24 || color_bits == 32))), origin, ": a TGA of ", bits,
                     " bits with ", palette ? "a" : "no", " palette of ", color_bits, " bits is not supported; convert it to PNG");
  Raster raster;
  raster.format = FileFormat::tga;
  raster.width = static_cast<int>(number(12, 2));
  raster.height = static_cast<int>(number(14, 2));
  raster.channels = gray ? static_cast<int>(bits / 8) : bits == 32 ? 4 : 3;
  raster.has_alpha = !indexed && raster.channels % 2 == 0;
  const std::size_t begin = 18 + id, palette_bytes = colors * (color_bits / 8) * indexed, data = begin + palette_bytes;
  const std::int64_t pixels = std::int64_t{raster.width} * raster.height, pixel_bytes = static_cast<std::int64_t>(bits + 7) / 8;
  require_justified(raster, origin, static_cast<std::int64_t>(data) + (kind < 8 ? pixels * pixel_bytes : pixels / 128), bytes.size());
  allocate_samples(raster, origin, limits, stb_bytes(raster, origin));
  if (!indexed) {
    stb_decode(bytes, raster, origin, stb_bytes(raster, origin));
    return raster;
  }
  raster.palette.resize(first);
  for (const Rgb& c : palette_of(bytes.substr(begin, palette_bytes), color_bits / 8, true)) raster.palette.push_back(c);
  std::string file(bytes.substr(0, begin));
  file.replace(3, 5, little_endian(0, 2) + little_endian(256, 2) + '\x18');
  file.append(identity_palette(3)).append(bytes.substr(data));
  stb_decode(file, raster, origin, stb_bytes(raster, origin));
  keep_indices(raster, 3);
  return raster;
}

}  // namespace lamina::data
