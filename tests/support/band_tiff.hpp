#pragma once
#include <string>
#include <vector>

namespace lamina::test {

/// A little-endian TIFF with `bands` 16-bit samples a pixel, given interleaved: in one strip, or each band in one of its own.
inline std::string band_tiff(int width, int height, int bands, const std::vector<unsigned>& samples, bool planar = false) {
  const auto number = [](unsigned v, int size) {
    std::string s;
    for (int i = 0; i < size; ++i) s += static_cast<char>(v >> 8 * i);
    return s;
  };
  std::string pixels, bits;
  const auto n = static_cast<unsigned>(bands), strips = planar ? n : 1;
  const auto strip_bytes = static_cast<unsigned>(2 * samples.size() / strips);
  for (unsigned c = 0; c < strips; ++c)
    for (std::size_t i = c; i < samples.size(); i += strips) pixels += number(samples[i], 2);
  for (int c = 0; c < bands; ++c) bits += number(16, 2);
  const unsigned end = 8 + 2 + 10 * 12 + 4, shorts = 3, longs = 4;
  const auto entry = [&](unsigned tag, unsigned type, unsigned value, unsigned count = 1) {
    return number(tag, 2) + number(type, 2) + number(count, 4) + number(value, 4);
  };
  const unsigned of_bits = bands > 2 ? end : bands == 2 ? 16u << 16 | 16 : 16;
  const auto behind = end + static_cast<unsigned>(bits.size());  // where each strip is, how long it is, then the strips
  std::string places, lengths;
  for (unsigned c = 0; c < strips; ++c) {
    places += number(behind + 8 * strips + c * strip_bytes, 4);
    lengths += number(strip_bytes, 4);
  }
  const bool one = strips == 1;
  return "II*" + std::string(1, '\0') + number(8, 4) + number(10, 2) + entry(256, longs, static_cast<unsigned>(width)) +
         entry(257, longs, static_cast<unsigned>(height)) + entry(258, shorts, of_bits, n) + entry(259, shorts, 1) + entry(262, shorts, 1) +
         entry(273, longs, one ? behind + 8 : behind, strips) + entry(277, shorts, n) + entry(278, longs, static_cast<unsigned>(height)) +
         entry(279, longs, one ? strip_bytes : behind + 4 * strips, strips) + entry(284, shorts, planar ? 2 : 1) + number(0, 4) + bits +
         places + lengths + pixels;
}

}  // namespace lamina::test
