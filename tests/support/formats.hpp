#pragma once
#include <cstdint>
#include <string_view>

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

}  // namespace lamina::test
