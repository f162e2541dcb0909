#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace lamina {

/// Adds a character to UTF-8 text.
void append_utf8(std::string& to, char32_t c);

/// UTF-8 text with letters and their marks as one character (nearly Unicode's NFC; Latin, Greek, Cyrillic, kana, Hangul): file names that
/// differ only in this are one name, which macOS spells with marks. Bytes that are no UTF-8 stay.
std::string composed(std::string_view text);

/// The same text where bytes that are no UTF-8 are written as "\xff": what other programs can read.
std::string valid_utf8(std::string_view text);

/// Columns of a terminal that UTF-8 text takes: 2 a wide character of East Asia, 0 a mark, 1 any other.
std::size_t display_width(std::string_view text);
/// The beginning of text in `width` columns at most, with ".." where something is left out.
std::string shortened(const std::string& text, std::size_t width);
/// Text and the spaces after it that a column of a table needs.
std::string padded(const std::string& text, std::size_t width);

/// Text in lines of `width` columns at most, cut at spaces, or at what else is between its fields; those after the first begin with
/// `indent` spaces.
std::string wrapped(const std::string& text, std::size_t width, std::size_t indent, std::string_view between = " ");

/// A path as one word of a shell command.
std::string shell_word(const std::string& path);
/// The same of a command that is written to a file: from whichever folder it is given.
std::string shell_path(const std::string& path);

/// " line 3, column 5" of a byte of the text.
std::string line_and_column(std::string_view text, std::size_t at);

/// What the JSON library says of a value that is missing or of another type, without its own number for it.
std::string json_reason(std::string_view what);

/// Text by the pattern of printf, of any length.
[[gnu::format(printf, 1, 2)]] std::string formatted(const char* pattern, ...);

/// A number for people: with so many digits, its sign too if wanted; "n/a" where it is NaN.
std::string decimal(double v, int digits = 4, bool sign = false);

/// The fewest digits that read back as the number itself.
std::string shortest(double v);

/// A number with four digits after its point, of a million or more in powers of ten: "0.1234", "3.41e+15".
std::string brief(double v);
/// "35.20 %"; "n/a" where it is NaN.
std::string percent(double share, int digits);

/// "1 image", "2 images"; where more than an s changes, what `several` of them are called.
std::string counted(std::int64_t n, std::string_view one, std::string_view several = {});

/// How a command that is printed calls the program: "lamina"; its path where this process is lamina and the PATH finds no other way to it.
std::string program_word();

}  // namespace lamina
