// Unicode in file names and texts.
#include "lamina/core/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "lamina/core/error.hpp"

namespace lamina {
namespace {

/// A mark, and the pairs of letters without and with it (Unicode 15: Latin, Greek, Cyrillic, kana).
struct Mark {
  char32_t mark;
  std::u32string_view letters;
};
// clang-format off
constexpr Mark kMarks[] = {
    {0x0300, U"AÀEÈIÌOÒUÙaàeèiìoòuùÜǛüǜNǸnǹЕЀИЍеѐиѝĒḔēḕŌṐōṑWẀwẁÂẦâầĂẰăằÊỀêềÔỒôồƠỜơờƯỪưừYỲyỳ"},
    {0x0301, U"AÁEÉIÍOÓUÚYÝaáeéiíoóuúyýCĆcćLĹlĺNŃnńRŔrŕSŚsśZŹzźÜǗüǘGǴgǵÅǺåǻÆǼæǽØǾøǿ¨΅ΑΆΕΈΗΉΙΊΟΌΥΎΩΏϊΐαάεέηήιίϋΰοόυύωώϒϓГЃКЌгѓ"
             U"кќÇḈçḉĒḖēḗÏḮïḯKḰkḱMḾmḿÕṌõṍŌṒōṓPṔpṕŨṸũṹWẂwẃÂẤâấĂẮăắÊẾêếÔỐôốƠỚơớƯỨưứ"},
    {0x0302, U"AÂEÊIÎOÔUÛaâeêiîoôuûCĈcĉGĜgĝHĤhĥJĴjĵSŜsŝWŴwŵYŶyŷZẐzẑẠẬạậẸỆẹệỌỘọộ"},
    {0x0303, U"AÃNÑOÕaãnñoõIĨiĩUŨuũVṼvṽÂẪâẫĂẴăẵEẼeẽÊỄêễÔỖôỗƠỠơỡƯỮưữYỸyỹ"},
    {0x0304, U"AĀaāEĒeēIĪiīOŌoōUŪuūÜǕüǖÄǞäǟȦǠȧǡÆǢæǣǪǬǫǭÖȪöȫÕȬõȭȮȰȯȱYȲyȳИӢиӣУӮуӯGḠgḡḶḸḷḹṚṜṛṝ"},
    {0x0306, U"AĂaăEĔeĕGĞgğIĬiĭOŎoŏUŬuŭУЎИЙийуўЖӁжӂАӐаӑЕӖеӗȨḜȩḝẠẶạặ"},
    {0x0307, U"CĊcċEĖeėGĠgġIİZŻzżAȦaȧOȮoȯBḂbḃDḊdḋFḞfḟHḢhḣMṀmṁNṄnṅPṖpṗRṘrṙSṠsṡŚṤśṥŠṦšṧṢṨṣṩTṪtṫWẆwẇXẊxẋYẎyẏſẛ"},
    {0x0308, U"AÄEËIÏOÖUÜaäeëiïoöuüyÿYŸΙΪΥΫιϊυϋϒϔЕЁІЇеёіїАӒаӓӘӚәӛЖӜжӝЗӞзӟИӤиӥОӦоӧӨӪөӫЭӬэӭУӰуӱЧӴчӵЫӸыӹHḦhḧÕṎõṏŪṺūṻWẄwẅXẌxẍtẗ"},
    {0x0309, U"AẢaảÂẨâẩĂẲăẳEẺeẻÊỂêểIỈiỉOỎoỏÔỔôổƠỞơởUỦuủƯỬưửYỶyỷ"},
    {0x030a, U"AÅaåUŮuůwẘyẙ"},
    {0x030b, U"OŐoőUŰuűУӲуӳ"},
    {0x030c, U"CČcčDĎdďEĚeěLĽlľNŇnňRŘrřSŠsšTŤtťZŽzžAǍaǎIǏiǐOǑoǒUǓuǔÜǙüǚGǦgǧKǨkǩƷǮʒǯjǰHȞhȟ"},
    {0x031b, U"OƠoơUƯuư"},
    {0x0323, U"BḄbḅDḌdḍHḤhḥKḲkḳLḶlḷMṂmṃNṆnṇRṚrṛSṢsṣTṬtṭVṾvṿWẈwẉZẒzẓAẠaạEẸeẹIỊiịOỌoọƠỢơợUỤuụƯỰưựYỴyỵ"},
    {0x0326, U"SȘsșTȚtț"},
    {0x0327, U"CÇcçGĢgģKĶkķLĻlļNŅnņRŖrŗSŞsşTŢtţEȨeȩDḐdḑHḨhḩ"},
    {0x0328, U"AĄaąEĘeęIĮiįUŲuųOǪoǫ"},
    {0x3099, U"かがきぎくぐけげこごさざしじすずせぜそぞただちぢつづてでとどはばひびふぶへべほぼうゔゝゞカガキギクグケゲコゴサザシジスズセゼソゾタダチヂツヅテデトドハバヒビフブヘベホボウヴワヷヰヸヱヹヲヺヽヾ"},
    {0x309a, U"はぱひぴふぷへぺほぽハパヒピフプヘペホポ"},
};
// clang-format on

/// `first` with `mark` as one letter; 0: there is none. Hangul is composed by rule.
char32_t together(char32_t first, char32_t mark) {
  if (first >= 0x1100 && first < 0x1113 && mark >= 0x1161 && mark < 0x1176) return 0xac00 + ((first - 0x1100) * 21 + (mark - 0x1161)) * 28;
  if (first >= 0xac00 && first < 0xd7a4 && (first - 0xac00) % 28 == 0 && mark > 0x11a7 && mark < 0x11c3) return first + (mark - 0x11a7);
  for (const Mark& m : kMarks)
    if (m.mark == mark)
      for (std::size_t i = 0; i < m.letters.size(); i += 2)
        if (m.letters[i] == first) return m.letters[i + 1];
  return 0;
}

/// A character of UTF-8, and its bytes; of a byte that is none 0, and 1.
struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
};

Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[at + k]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (lead < 0xc2 || lead > 0xf4 || at + bytes > text.size()) return {};
  char32_t c = lead & (0xff >> (bytes + 1));
  for (std::size_t k = 1; k < bytes; ++k) {
    if (byte(k) >> 6 != 2) return {};
    c = c << 6 | (byte(k) & 0x3f);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = c >= 0xd800 && c < 0xe000;
  return c < kLeast[bytes] || surrogate || c > 0x10ffff ? Character{} : Character{c, bytes};
}

/// Columns of a terminal (after Unicode's East Asian widths).
std::size_t columns_of(char32_t c) {
  constexpr std::pair<char32_t, char32_t> kNone[] = {{0x0300, 0x036f}, {0x200b, 0x200f}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}},
                                          kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},  {0xac00, 0xd7a3},
                                                     {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6},
                                                     {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
  const auto in = [c](const auto& range) { return c >= range.first && c <= range.second; };
  return std::any_of(std::begin(kNone), std::end(kNone), in) ? 0 : std::any_of(std::begin(kWide), std::end(kWide), in) ? 2 : 1;
}

}  // namespace

void append_utf8(std::string& to, char32_t c) {
  const auto put = [&](char32_t byte) { to += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
  if (c < 0x10000) return put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
}

std::string composed(std::string_view text) {
  std::string out;
  char32_t last = 0;
  std::size_t last_at = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    if (const char32_t both = c.code && last ? together(last, c.code) : 0) {
      out.resize(last_at);
      append_utf8(out, last = both);
    } else {
      last = c.code;
      last_at = out.size();
      out += text.substr(i, c.bytes);
    }
    i += c.bytes;
  }
  return out;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    out += c.code || text[i] == 0 ? std::string(text.substr(i, c.bytes)) : formatted("\\x%02x", static_cast<unsigned char>(text[i]));
    i += c.bytes;
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    columns += columns_of(c.code);
    i += c.bytes;
  }
  return columns;
}

std::string shortened(const std::string& text, std::size_t width) {
  if (display_width(text) <= width) return text;
  std::size_t end = 0, columns = std::min<std::size_t>(width, 2);  // of the dots
  const std::string dots(columns, '.');
  while (end < text.size()) {
    const Character c = character_at(text, end);
    if ((columns += columns_of(c.code)) > width) break;
    end += c.bytes;
  }
  return text.substr(0, end) + dots;
}

std::string padded(const std::string& text, std::size_t width) {
  const std::size_t columns = display_width(text);
  return text + std::string(columns < width ? width - columns : 0, ' ');
}

std::string shell_word(const std::string& path) {
  if (path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=") == std::string::npos && !path.empty())
    return path;
  std::string out = "'";
  for (char c : path) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string shell_path(const std::string& path) { return shell_word(std::filesystem::absolute(path).lexically_normal().string()); }

std::string formatted(const char* pattern, ...) {
  std::va_list arguments, again;
  va_start(arguments, pattern);
  va_copy(again, arguments);
  std::string text(static_cast<std::size_t>(std::max(0, std::vsnprintf(nullptr, 0, pattern, arguments))), '\0');
  std::vsnprintf(text.data(), text.size() + 1, pattern, again);
  va_end(again);
  va_end(arguments);
  return text;
}

std::string counted(std::int64_t n, std::string_view one, std::string_view several) {
  return std::to_string(n) + " " + (n == 1 ? std::string(one) : several.empty() ? std::string(one) + "s" : std::string(several));
}

std::string decimal(double v, int digits, bool sign) { return std::isnan(v) ? "n/a" : formatted(sign ? "%+.*f" : "%.*f", digits, v); }

std::string shortest(double v) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, v).ptr);
}

std::string brief(double v) { return std::abs(v) < 1e6 || std::isnan(v) ? decimal(v) : formatted("%.2e", v); }

std::string percent(double share, int digits) { return decimal(100 * share, digits) + (std::isnan(share) ? "" : " %"); }

std::string program_word() {
  constexpr const char* kName = "lamina";
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error || self.filename() != kName) return kName;
  const char* variable = std::getenv("PATH");
  const std::string path = variable ? variable : "";
  for (std::size_t begin = 0, end; begin < path.size(); begin = end + 1) {
    end = std::min(path.find(':', begin), path.size());
    const auto file = std::filesystem::path(path.substr(begin, end - begin)) / kName;
    if (std::filesystem::is_regular_file(file, error))
      return std::filesystem::equivalent(file, self, error) ? kName : shell_word(self.string());
  }
  return shell_word(self.string());
}

std::string line_and_column(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t begin = before.rfind('\n');
  return message(" line ", static_cast<std::int64_t>(line), ", column ",
                 before.size() - (begin == std::string_view::npos ? 0 : begin + 1) + 1);
}

std::string json_reason(std::string_view what) {
  const std::size_t number = what.find("] ");
  return std::string(number == std::string_view::npos ? what : what.substr(number + 2));
}

std::string wrapped(const std::string& text, std::size_t width, std::size_t indent, std::string_view between) {
  const std::size_t first = std::min(text.find_first_not_of(' '), text.size());
  std::string out = text.substr(0, first);
  std::size_t column = 0;
  for (std::size_t begin = first; begin < text.size();) {
    const std::size_t end = std::min(text.find(between, begin), text.size());
    const std::size_t columns = display_width(std::string_view(text).substr(begin, end - begin));
    if (column > 0 && column + between.size() + columns > width) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > 0) {
      out += between, column += between.size();
    }
    if (column == 0) column = first;
    out += text.substr(begin, end - begin);
    column += columns;
    begin = end + between.size();
  }
  return out;
}

}  // namespace lamina
