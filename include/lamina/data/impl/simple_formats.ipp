// PNM and .npy: formats simple enough to read here, where every byte is checked.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lamina/data/impl/decoders.hpp"
#include "lamina/io/npy.hpp"

namespace lamina::data {
namespace {

using detail::byte_at;

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
  require_justified(raster, origin, least, bytes.size());
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
  if (bitmap && is_mask(limits.role))
    raster.notes.emplace_back("a bitmap (PBM) counts from white: its 1, which is black, is read as 0, and its 0, which is white, as 1");
  if (!raw) {
    for (std::size_t i = 0; i < count; ++i) store(i, bitmap ? 1 - text.bit() : text.number(65535));
    return raster;
  }
  const std::string_view data = text.raw();
  require_justified(raster, origin, least, data.size());
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

namespace {
/// Of three axes, is the first that of the planes? It is where the other two are the picture's, if its size is known. Else the last one
/// is, unless the first is the smallest and the last too long for planes, or the first too short for the side of a picture.
bool planes_lead(const std::vector<std::int64_t>& shape, const DecodeLimits& limits) {
  const bool lead = shape[1] == limits.height && shape[2] == limits.width, trail = shape[0] == limits.height && shape[1] == limits.width;
  if (lead != trail) return lead;
  constexpr std::int64_t kMostPlanes = 32, kLeastSide = 16;
  const bool smallest = shape[0] < shape[1] && shape[0] < shape[2];
  return smallest && (shape[2] > kMostPlanes || (shape[0] < kLeastSide && shape[2] >= kLeastSide));
}

/// Planes that sum to 1 at every pixel, of numbers between, say how likely each class is: none of them is one-hot.
void require_no_probabilities(const std::vector<double>& numbers, int planes, bool lead, const std::string& origin) {
  const auto count = static_cast<std::size_t>(planes);
  if (count < 3 || numbers.empty()) return;  // of two, what is above a half is the most likely
  const std::size_t pixels = numbers.size() / count;
  bool between = false;
  for (std::size_t p = 0; p < pixels; ++p) {
    double sum = 0;
    for (std::size_t c = 0; c < count; ++c) {
      const double v = numbers[lead ? c * pixels + p : p * count + c];
      if (!(v >= 0)) return;
      between = between || v != std::floor(v);
      sum += v;
    }
    if (std::abs(sum - 1) > 5e-3) return;
  }
  require<DataError>(!between, origin, ": its ", planes,
                     " planes sum to 1 at every pixel: they are the probabilities of the classes. Save the ",
                     "most likely one of each pixel as the mask, in Python: import numpy as np; a = np.load('", origin, "'); np.save('",
                     origin, "', np.argmax(a, ", lead ? 0 : -1, ").astype('u1'))");
}
}  // namespace

Raster detail::decode_npy(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  const io::NpyArray array = io::parse_npy_array(bytes, origin);
  const auto rank = array.shape.size();
  require<DataError>(rank == 2 || rank == 3, origin, ": an array used as an image has shape (H, W), (H, W, C) or (C, H, W), this one of ",
                     array.type, " has ", rank, " axes");
  const bool first = rank == 3 && planes_lead(array.shape, limits);
  const auto extent = [&](std::size_t axis) {
    require<DataError>(array.shape[axis] <= limits.max_pixels, origin, ": an axis of ", array.shape[axis], " is over the limit of ",
                       limits.max_pixels);
    return static_cast<int>(std::min<std::int64_t>(array.shape[axis], std::numeric_limits<int>::max()));
  };
  Raster raster;
  raster.format = FileFormat::npy;
  raster.height = extent(first ? 1 : 0);
  raster.width = extent(first ? 2 : 1);
  raster.channels = rank == 3 ? extent(first ? 0 : 2) : 1;
  if (first) raster.notes.emplace_back("the first axis is that of the planes: (C, H, W)");
  const std::size_t channels = static_cast<std::size_t>(raster.channels), width = static_cast<std::size_t>(raster.width),
                    height = static_cast<std::size_t>(raster.height);
  std::vector<double> numbers;  // of floating-point arrays, in C order
  if (!array.integers) {
    const std::int64_t size =
        checked_product<DataError>({raster.width, raster.height, raster.channels, 16}, origin, ": its size overflows");
    require<DataError>(size <= limits.max_decoded_bytes, origin, ": ", size, " bytes to decode it are over the limit of ",
                       limits.max_decoded_bytes);
    numbers = io::parse_npy(bytes, origin).to_vector<double>();
  }
  const auto unknown = [&](double v) { return limits.ignore && (std::isnan(v) || v == *limits.ignore); };
  double greatest = 0, second = 0, least = 0;
  for (const double v : numbers) {
    if (!std::isfinite(v) || (limits.shares && unknown(v))) continue;
    if (v > greatest) std::swap(second, greatest), greatest = v;
    if (v < greatest) second = std::max(second, v);
    least = std::min(least, v);
  }
  if (is_mask(limits.role) && rank == 3) require_no_probabilities(numbers, raster.channels, first, origin);
  require<DataError>(!limits.shares || greatest < 2 || second == 0 || second >= 1, origin, ": the value ", formatted("%.6g", greatest),
                     " among shares of 1: if it marks pixels to leave out, say --ignore ", formatted("%.6g", greatest));
  raster.shares = limits.shares && !array.integers;
  const unsigned full = limits.ignore ? 65534 : 65535;
  const double scale = detail::scale_of_shares(greatest) * full / 65535;
  const auto refuse = [&](double v, std::size_t x, std::size_t y) {
    throw DataError(message(origin, ": the value ", formatted("%.6g", v), " at (", x, ", ", y, ") ",
                            detail::number_fault(v, limits.role, greatest, least)));
  };
  const auto value = [&](std::size_t c_order, std::size_t file_order, std::size_t x, std::size_t y) {
    if (array.integers) return array.integer(file_order);
    const double v = numbers[c_order];
    if (limits.shares && unknown(v)) return std::int64_t{full} + 1;
    if (limits.shares && v >= 0 && v <= 65535) return std::min<std::int64_t>(std::lround(v * scale), full);
    if (v != std::floor(v) || !(std::abs(v) < 1e15)) refuse(v, x, y);
    return static_cast<std::int64_t>(v);
  };
  std::int64_t largest = 0;
  const auto visit = [&](const auto& take) {  // pixel by pixel
    std::size_t i = 0;
    for (std::size_t y = 0; y < height; ++y)
      for (std::size_t x = 0; x < width; ++x)
        for (std::size_t c = 0; c < channels; ++c, ++i) {
          const std::size_t c_order = first ? x + width * (y + height * c) : i,
                            fortran = first ? c + channels * (y + height * x) : y + height * (x + width * c);
          take(i, x, y, value(c_order, array.fortran_order ? fortran : c_order, x, y));
        }
  };
  visit([&](std::size_t, std::size_t x, std::size_t y, std::int64_t v) {
    if (v < 0 || v > 65535) refuse(static_cast<double>(v), x, y);
    largest = std::max(largest, v);
  });
  raster.max_value = raster.shares ? full : largest > 255 ? 65535 : 255;
  if (array.type != "u1" && (array.type != "u2" || largest <= 255))
    raster.no_photo = message("an array of ", array.type, " with values to ", largest,
                              " says nothing of full intensity; save photographs as u1 (0 to 255) or u2 (0 to 65535)");
  allocate_samples(raster, origin, limits);
  visit([&](std::size_t i, std::size_t, std::size_t, std::int64_t v) {  // little-endian: the low bytes of each number
    std::memcpy(raster.samples.data() + i * raster.sample_bytes(), &v, raster.sample_bytes());
  });
  return raster;
}

}  // namespace lamina::data
