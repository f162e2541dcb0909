// Pieces of HTML and SVG.
#pragma once
#include <algorithm>
#include <string>

#include "lamina/core/text.hpp"

namespace lamina::train {

/// Text between tags or in an attribute's quotes.
inline std::string escaped(const std::string& s) {
  std::string out;
  for (const char c : valid_utf8(s)) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

/// A file inside of an attribute: data:TYPE;base64,...
inline std::string data_url(const std::string& type, const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out = "data:" + type + ";base64,";
  out.reserve(out.size() + bytes.size() / 3 * 4 + 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u; };
    const unsigned v = at(0) << 16 | at(1) << 8 | at(2);
    const std::size_t kept = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 4; ++k) out += k <= kept ? kDigits[v >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

/// Of a class that pictures do not draw, where it needs a color.
inline constexpr const char* kClearColor = "#767676";
inline std::string color_or_clear(const std::string& color) { return color.empty() ? kClearColor : color; }

/// A colored square.
inline std::string swatch(const std::string& color) { return "<i style=\"background:" + color_or_clear(color) + "\"></i>"; }

}  // namespace lamina::train
