#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/data/image.hpp"

namespace lamina::test {

/// Was the library built with libtiff?
inline bool reads_tiff() { return data::supported_formats().find("tiff") != std::string::npos; }

/// Of a PNG's chunk: its type and data.
inline std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t c = ~0u;
  for (const unsigned char b : bytes) {
    c ^= b;
    for (int k = 0; k < 8; ++k) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
  }
  return ~c;
}

inline std::string be32(unsigned v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8), static_cast<char>(v)};
}
/// A PNG with a chunk behind its header.
inline std::string with_chunk(const std::string& png, const std::string& type, const std::string& data) {
  return png.substr(0, 33) + be32(static_cast<unsigned>(data.size())) + type + data + be32(crc32(type + data)) + png.substr(33);
}
/// "Exif" of one entry, big-endian: the orientation.
inline std::string oriented(const std::string& png, int orientation) {
  return with_chunk(
      png, "eXIf",
      std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) + static_cast<char>(orientation) + std::string(6, '\0'));
}
/// An RGBA PNG, stored without compression: pixels of four bytes, one row.
inline std::string rgba_png(const std::vector<std::array<unsigned, 4>>& pixels) {
  std::string row(1, '\0');
  for (const auto& p : pixels)
    for (const unsigned v : p) row += static_cast<char>(v);
  unsigned a = 1, b = 0;
  for (const unsigned char v : row) a = (a + v) % 65521, b = (b + a) % 65521;
  const auto size = static_cast<unsigned>(row.size());
  const std::string length{static_cast<char>(size & 255), static_cast<char>(size >> 8), static_cast<char>(~size & 255),
                           static_cast<char>(~size >> 8 & 255)};
  const std::string deflated = std::string("\x78\x01\x01", 3) + length + row + be32(b << 16 | a);
  const auto chunk = [](const std::string& type, const std::string& data) {
    return be32(static_cast<unsigned>(data.size())) + type + data + be32(crc32(type + data));
  };
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", be32(static_cast<unsigned>(pixels.size())) + be32(1) + std::string("\x08\x06\0\0\0", 5)) +
         chunk("IDAT", deflated) + chunk("IEND", "");
}

}  // namespace lamina::test
