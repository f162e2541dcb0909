#include "toml.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "lamina/core/error.hpp"
#include "lamina/core/text.hpp"

namespace cli {

using namespace lamina;

namespace {

constexpr std::string_view kBlanks = " \t\r";

class TomlReader {
 public:
  TomlReader(const std::string& text, const std::string& origin) : text_(text), origin_(origin) {}

  std::vector<TomlEntry> read() {
    std::vector<std::string> section;
    for (skip(true); at_ < text_.size(); skip(true)) {
      if (text_[at_] == '[') {
        section = header();
        entries_.push_back({section, {}, {}, false, line_});
      } else {
        entries_.push_back(entry(section));
        std::string whole;
        for (const std::string& part : entries_.back().section) whole += part + '.';
        const auto [it, is_new] = lines_.emplace(whole + entries_.back().name, line_);
        check(is_new, "'", entries_.back().name, "' stands in line ", it->second, ", too; keep one of them");
      }
      skip(false);
      check(at_ == text_.size() || text_[at_] == '\n', "there is more after it, '", rest(), "': text with blanks stands in quotes");
    }
    return std::move(entries_);
  }

 private:
  template <class... Parts>
  void check(bool condition, const Parts&... parts) const {
    require<OptionError>(condition, origin_, " line ", line_, ": ", parts...);
  }
  std::string rest() const { return text_.substr(at_, std::min(text_.find('\n', at_), text_.size()) - at_); }
  /// Blanks and comments; ends of lines, too.
  void skip(bool lines) {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '#' || (lines && text_[at_] == ';')) at_ = std::min(text_.find('\n', at_), text_.size());
      if (at_ == text_.size() || (text_[at_] == '\n' ? !lines : kBlanks.find(text_[at_]) == kBlanks.npos)) return;
      line_ += text_[at_] == '\n';
    }
  }
  static std::vector<std::string> parts_of(const std::string& dotted) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0, end; begin <= dotted.size(); begin = end + 1) {
      end = std::min(dotted.find('.', begin), dotted.size());
      std::string part = dotted.substr(begin, end - begin);
      std::erase_if(part, [](char c) { return c == '"' || c == '\'' || kBlanks.find(c) != kBlanks.npos; });
      parts.push_back(std::move(part));
    }
    return parts;
  }
  std::vector<std::string> header() {
    const std::string line = rest();
    const std::size_t end = line.find(']');
    const std::string name = line.substr(0, end).substr(line.find_first_not_of('['));
    check(end != std::string::npos && !name.empty(), "'", line, "' is no [section], which a verb names, such as [train]");
    at_ += std::min(line.find_first_not_of(']', end), line.size());
    return name == "default" ? std::vector<std::string>() : parts_of(name);
  }
  TomlEntry entry(const std::vector<std::string>& section) {
    const std::string line = rest();
    const std::size_t equals = line.find('=');
    check(equals != std::string::npos && equals > 0, "'", line, "' is neither NAME = VALUE nor a [section]");
    TomlEntry e{section, {}, {}, false, line_};
    std::vector<std::string> name = parts_of(line.substr(0, equals));
    e.name = std::move(name.back());
    e.section.insert(e.section.end(), name.begin(), name.end() - 1);
    name_ = e.name;
    check(!e.name.empty(), "'", line, "' has no name before the equals sign");
    at_ += equals + 1;
    skip(false);
    e.list = at_ < text_.size() && text_[at_] == '[';
    if (e.list)
      read_list(e.values);
    else
      e.values.push_back(value());
    return e;
  }
  void read_list(std::vector<std::string>& values) {
    for (++at_, skip(true); at_ < text_.size() && text_[at_] != ']'; skip(true)) {
      check(text_[at_] != '[', "'", name_, "' is a list with a list in it, which no option takes");
      values.push_back(value());
      skip(true);
      if (at_ < text_.size() && text_[at_] == ',')
        ++at_;
      else
        check(at_ < text_.size() && text_[at_] == ']', "the list of '", name_, "' has no comma or ] after '", values.back(), "'");
    }
    check(at_ < text_.size(), "the list of '", name_, "' has no ] at its end");
    ++at_;
  }
  std::string value() {
    check(at_ < text_.size() && text_[at_] != '\n', "'", name_, "' has no value");
    const char quote = text_[at_];
    check(quote != '{', "'", name_, "' has a table for a value, which no option takes");
    if (quote == '"' || quote == '\'') return quoted(quote);
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_of(" \t\r\n,]#\"'", at_), text_.size());
    check(at_ > begin, "'", name_, "' has no value before '", rest(), "'");
    if (at_ < text_.size()) check(text_[at_] != '"' && text_[at_] != '\'', "'", name_, "' has a quote inside its value; quote all of it");
    return text_.substr(begin, at_ - begin);
  }
  std::string quoted(char quote) {
    std::string value;
    for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == quote) return ++at_, value;
      value += text_[at_] == '\\' && quote == '"' ? escaped() : text_.substr(at_, 1);
    }
    check(false, "the text of '", name_, "' has no ", std::string(1, quote), " at its end");
    return value;
  }
  std::string escaped() {
    constexpr std::string_view kLetters = "\"\\nrtbf", kMeant = "\"\\\n\r\t\b\f";
    const char letter = at_ + 1 < text_.size() ? text_[++at_] : ' ';
    if (const std::size_t k = kLetters.find(letter); k != kLetters.npos) return std::string(1, kMeant[k]);
    const std::size_t digits = letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    const std::string code = text_.substr(std::min(at_ + 1, text_.size()), digits);
    check(digits > 0 && code.size() == digits && code.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos, "the text of '",
          name_, "' has a backslash before '", std::string(1, letter), "'; write \\\\ for one, or put the text between apostrophes");
    at_ += digits;
    std::string character;
    append_utf8(character, static_cast<char32_t>(std::stoul(code, nullptr, 16)));
    return character;
  }

  const std::string &text_, &origin_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::string name_;
  std::vector<TomlEntry> entries_;
  std::map<std::string, int> lines_;
};

}  // namespace

std::vector<TomlEntry> read_toml(const std::string& text, const std::string& origin) { return TomlReader(text, origin).read(); }

}  // namespace cli
