// BMP, PNM and .npy: formats simple enough to read here, where every byte is checked.
#include <algorithm>
#include <numeric>

#include "lamina/data/impl/decoders.hpp"
#include "lamina/io/npy.hpp"

namespace lamina::data {
namespace {

/// Little-endian numbers of a file; reading past the end is a DataError.
class Bytes {
 public:
  Bytes(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}
  std::uint32_t number(std::size_t at, int size) const {
    const std::string_view field = range(at, static_cast<std::size_t>(size));
    std::uint32_t v = 0;
    for (int i = 0; i < size; ++i) v |= std::uint32_t{static_cast<unsigned char>(field[static_cast<std::size_t>(i)])} << 8 * i;
    return v;
  }
  std::string_view range(std::size_t at, std::size_t size) const {
    require<DataError>(at <= bytes_.size() && size <= bytes_.size() - at, origin_, ": the file is truncated");
    return bytes_.substr(at, size);
  }

 private:
  std::string_view bytes_;
  const std::string& origin_;
};

unsigned char byte_at(std::string_view s, std::size_t i) { return static_cast<unsigned char>(s[i]); }

/// One row of `width` packed samples of 1, 2, 4 or 8 bits, the first in the highest bits.
void unpack_row(std::string_view row, int bits, int width, std::uint8_t* out) {
  const unsigned mask = (1u << bits) - 1;
  for (int x = 0; x < width; ++x) {
    const unsigned bit = static_cast<unsigned>(x * bits);
    out[x] = static_cast<std::uint8_t>(byte_at(row, bit / 8) >> (8 - static_cast<unsigned>(bits) - bit % 8) & mask);
  }
}

/// PNM's header numbers and text samples: separated by white space, comments run from # to the end of a line.
class PnmText {
 public:
  PnmText(std::string_view rest, const std::string& origin) : rest_(rest), origin_(origin) {}
  unsigned number(unsigned largest) {
    skip();
    unsigned v = 0;
    require<DataError>(!rest_.empty(), origin_, ": the file is truncated");
    require<DataError>(rest_[0] >= '0' && rest_[0] <= '9', origin_, ": the PNM header or text holds something that is not a number");
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      v = v * 10 + static_cast<unsigned>(rest_[0] - '0');
      require<DataError>(v <= largest, origin_, ": a PNM number is above ", largest);
      rest_.remove_prefix(1);
    }
    return v;
  }
  /// Text bitmaps need no space between their digits.
  unsigned bit() {
    skip();
    require<DataError>(!rest_.empty() && (rest_[0] == '0' || rest_[0] == '1'), origin_, ": the PNM bitmap is truncated or not 0 and 1");
    const unsigned v = rest_[0] == '1';
    rest_.remove_prefix(1);
    return v;
  }
  /// What follows the header and its single white space.
  std::string_view raw() const {
    require<DataError>(!rest_.empty(), origin_, ": the file is truncated");
    return rest_.substr(1);
  }

 private:
  void skip() {
    while (!rest_.empty() && (rest_[0] == '#' || rest_[0] == ' ' || (rest_[0] >= '\t' && rest_[0] <= '\r'))) {
      const std::size_t n = rest_[0] == '#' ? std::min(rest_.find('\n'), rest_.size()) : 1;
      rest_.remove_prefix(n);
    }
  }
  std::string_view rest_;
  const std::string& origin_;
};

}  // namespace

Raster detail::decode_bmp(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  const Bytes file(bytes, origin);
  const std::size_t data = file.number(10, 4), header = file.number(14, 4);
  const bool core = header == 12;
  require<DataError>(core || (header >= 40 && header <= 124), origin, ": unknown BMP header of ", header, " bytes");
  const int width = core ? static_cast<int>(file.number(18, 2)) : static_cast<int>(file.number(18, 4));
  const int signed_height = core ? static_cast<int>(file.number(20, 2)) : static_cast<int>(file.number(22, 4));
  const int bits = static_cast<int>(file.number(core ? 24 : 28, 2));
  const unsigned compression = core ? 0 : file.number(30, 4);
  require<DataError>(signed_height > -(1 << 30), origin, ": a BMP of ", width, "x", signed_height, " pixels");
  const bool indexed = bits == 1 || bits == 4 || bits == 8;
  // 32 bits with bit fields are blue, green, red, alpha in every writer we know; other fields are refused.
  const bool plain_fields =
      compression == 3 && bits == 32 && file.number(54, 4) == 0xff0000 && file.number(58, 4) == 0xff00 && file.number(62, 4) == 0xff;
  require<DataError>((compression == 0 && (indexed || bits == 24 || bits == 32)) || plain_fields, origin, ": BMP with ", bits,
                     " bits and compression ", compression, " is not supported; convert it to PNG");
  Raster raster;
  raster.format = FileFormat::bmp;
  raster.width = width;
  raster.height = std::abs(signed_height);
  raster.channels = indexed ? 1 : 3;
  allocate_samples(raster, origin, limits);

  if (indexed) {
    const std::size_t entry = core ? 3 : 4, most = std::size_t{1} << bits, stated = core ? 0 : file.number(46, 4);
    require<DataError>(stated <= most, origin, ": a BMP palette of ", stated, " colors");
    const std::string_view colors = file.range(14 + header, entry * (stated ? stated : most));
    for (std::size_t i = 0; i < colors.size(); i += entry)
      raster.palette.push_back({byte_at(colors, i + 2), byte_at(colors, i + 1), byte_at(colors, i)});
  }
  const std::size_t row_bytes = (static_cast<std::size_t>(width) * static_cast<std::size_t>(bits) + 31) / 32 * 4;
  const std::string_view rows = file.range(data, row_bytes * static_cast<std::size_t>(raster.height));
  const std::size_t step = static_cast<std::size_t>(bits) / 8;
  for (int y = 0; y < raster.height; ++y) {
    const std::string_view row =
        rows.substr(static_cast<std::size_t>(signed_height < 0 ? y : raster.height - 1 - y) * row_bytes, row_bytes);
    std::uint8_t* out = raster.samples.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width * raster.channels);
    if (indexed)
      unpack_row(row, bits, width, out);
    else
      for (std::size_t x = 0; x < static_cast<std::size_t>(width); ++x)
        for (std::size_t c = 0; c < 3; ++c) out[3 * x + c] = byte_at(row, x * step + 2 - c);
  }
  return raster;
}

Raster detail::decode_pnm(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  const int kind = bytes[1] - '0';  // 1..6: text then raw; bitmap, gray, RGB
  const bool bitmap = kind == 1 || kind == 4, raw = kind >= 4;
  PnmText text(bytes.substr(2), origin);
  constexpr unsigned kLargest = 1u << 30;
  Raster raster;
  raster.format = FileFormat::pnm;
  raster.width = static_cast<int>(text.number(kLargest));
  raster.height = static_cast<int>(text.number(kLargest));
  raster.max_value = bitmap ? 1 : text.number(65535);
  require<DataError>(raster.max_value > 0, origin, ": the largest PNM value is 0");
  raster.channels = kind == 3 || kind == 6 ? 3 : 1;
  // Each sample takes at least this much of the file, so that a short file cannot ask for a large image.
  const std::int64_t samples = std::int64_t{raster.width} * raster.height * raster.channels;
  const std::int64_t row_bytes =
      bitmap ? (std::int64_t{raster.width} + 7) / 8 : std::int64_t{raster.width} * raster.channels * (raster.max_value > 255 ? 2 : 1);
  const std::int64_t least = raw ? row_bytes * raster.height : bitmap ? samples : 2 * samples - 1;
  require<DataError>(least <= static_cast<std::int64_t>(bytes.size()), origin, ": the file is truncated: ", raster.width, "x",
                     raster.height, " pixels need at least ", least, " bytes");
  allocate_samples(raster, origin, limits);

  const std::size_t count = raster.pixel_count() * static_cast<std::size_t>(raster.channels);
  const auto store = [&](std::size_t i, unsigned v) {
    require<DataError>(v <= raster.max_value, origin, ": the sample ", v, " is above the largest value ", raster.max_value);
    const auto wide = static_cast<std::uint16_t>(v);
    if (raster.max_value > 255)
      std::memcpy(raster.samples.data() + 2 * i, &wide, 2);
    else
      raster.samples[i] = static_cast<std::uint8_t>(v);
  };
  if (!raw) {
    for (std::size_t i = 0; i < count; ++i) store(i, bitmap ? 1 - text.bit() : text.number(65535));
    return raster;
  }
  const std::string_view data = Bytes(text.raw(), origin).range(0, static_cast<std::size_t>(least));
  if (bitmap) {
    for (int y = 0; y < raster.height; ++y)
      unpack_row(data.substr(static_cast<std::size_t>(y * row_bytes)), 1, raster.width,
                 raster.samples.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(raster.width));
    for (auto& v : raster.samples) v ^= 1;  // a bitmap's 1 is black
  } else {
    for (std::size_t i = 0; i < count; ++i)
      store(i, raster.max_value > 255 ? static_cast<unsigned>(byte_at(data, 2 * i) << 8 | byte_at(data, 2 * i + 1)) : byte_at(data, i));
  }
  return raster;
}

Raster detail::decode_npy(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  const Tensor array = io::parse_npy(bytes, origin);
  const bool integers = array.dtype() == DType::u8 || array.dtype() == DType::i32 || array.dtype() == DType::i64;
  require<DataError>(integers && (array.rank() == 2 || array.rank() == 3), origin,
                     ": an array used as an image holds integers of shape (H, W) or (H, W, C), this one ", name_of(array.dtype()),
                     " of shape ", array.shape());
  const auto values = array.to(DType::i64).to_vector<std::int64_t>();
  const std::int64_t largest = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
  require<DataError>(values.empty() || (*std::min_element(values.begin(), values.end()) >= 0 && largest <= 65535), origin,
                     ": values outside 0..65535");
  require<DataError>(array.size(0) <= limits.max_pixels && array.size(1) <= limits.max_pixels, origin, ": shape ", array.shape(),
                     " is over the limit");
  Raster raster;
  raster.format = FileFormat::npy;
  raster.height = static_cast<int>(array.size(0));
  raster.width = static_cast<int>(array.size(1));
  raster.channels = array.rank() == 3 ? static_cast<int>(array.size(2)) : 1;
  raster.max_value = largest > 255 ? 65535 : 255;
  allocate_samples(raster, origin, limits);
  for (std::size_t i = 0; i < values.size(); ++i)  // little-endian: the low bytes of each number
    std::memcpy(raster.samples.data() + i * raster.sample_bytes(), &values[i], raster.sample_bytes());
  return raster;
}

}  // namespace lamina::data
