// A run whose every score is known by hand, and pieces of its report.
#pragma once
#include <algorithm>
#include <regex>

#include "support/painted.hpp"

namespace lamina::test {

inline const std::vector<Picture> kReportTrain{{"t0", "00112233", "01232323"}, {"t1", "33221100", "00112233"}};
inline const std::vector<std::string> kNames{"sky", "red", "green", "blue"};
/// Not in the order of any score; f has no foreground. By accuracy c is not the worst.
inline const std::vector<Picture> kPictures{
    {"c", "22222220", "22222221"}, {"f", "2222xxxx", "22220000"}, {"b", "00112233", "00112223"},
    {"d", "00001111", "00111100"}, {"a", "00002222", "00002222"}, {"e", "33331122", "33331222"},
};

inline const Picture& picture(const std::string& name) {
  return *std::find_if(kPictures.begin(), kPictures.end(), [&](const Picture& p) { return p.name == name; });
}

/// A painted run of kPictures, made once.
struct Painted : TempFolder {
  Painted() {
    write_pictures(*this / "data", data::Task::multiclass, kReportTrain, kPictures);
    auto config = still(*this / "data", *this / "run");
    config.schedule = "poly";
    painted_run(config, data::Task::multiclass);
  }
  std::string read(const std::string& name) const { return io::read_file(*this / "run" / name); }
  static const Painted& once() {
    static const Painted painted;
    return painted;
  }
};

inline std::string section(const std::string& html, const std::string& title) {
  const auto begin = html.find("<h2>" + title);
  REQUIRE_MESSAGE(begin != std::string::npos, title);
  return html.substr(begin, html.find("<h2>", begin + 1) - begin);
}

inline std::string without_tags(const std::string& html) { return std::regex_replace(html, std::regex("<[^>]*>"), ""); }

inline std::string decoded(const std::string& base64) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0, count = 0;
  for (const char c : base64.substr(0, base64.find('='))) {
    bits = bits << 6 | static_cast<unsigned>(digits.find(c));
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8));
  }
  return bytes;
}

/// A picture of a report: what is embedded of it.
struct ShownPicture {
  std::string name, caption, photograph;
  std::vector<std::pair<std::string, std::string>> layers;  ///< classes and PNG
};

/// Those of a part of a report. (No expressions: they do not match megabytes.)
inline std::vector<ShownPicture> shown_pictures(const std::string& html) {
  std::vector<ShownPicture> pictures;
  std::size_t at = 0;
  const auto between = [&](const std::string& from, const std::string& to) {
    const std::size_t begin = html.find(from, at) + from.size(), end = html.find(to, begin);
    REQUIRE(end != std::string::npos);
    at = end;
    return html.substr(begin, end - begin);
  };
  while ((at = html.find("<figure>", at)) != std::string::npos) {
    ShownPicture& p = pictures.emplace_back();
    const std::size_t end = html.find("</figure>", at);
    p.name = between("<img alt=\"", "\"");
    p.photograph = decoded(between("data:image/jpeg;base64,", "\""));
    for (std::size_t next; (next = html.find("<img class=\"", at)) < end;) {
      at = next;
      p.layers.emplace_back(between("<img class=\"", "\""), "");
      p.layers.back().second = decoded(between("data:image/png;base64,", "\""));
    }
    p.caption = between("<span class=caption>", "<");
  }
  return pictures;
}

}  // namespace lamina::test
