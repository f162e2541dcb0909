// What a person sees on stderr while something runs.
#pragma once
#include <chrono>
#include <string>

#include "lamina/train/events.hpp"

namespace cli {

/// "1:05", "2:03:04".
std::string clock_text(double seconds);
/// "412 MB", "1.3 GB".
std::string bytes_text(std::size_t bytes);

inline constexpr const char *kRed = "\x1b[31m", *kYellow = "\x1b[33m", *kBold = "\x1b[1m";
/// In that color where `stream` (2: standard error) is a terminal and NO_COLOR is not set.
std::string colored(const std::string& text, const char* color, int stream = 2);

/// One line that is redrawn on a terminal; elsewhere a plain line every few seconds. Silent when quiet.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine();
  /// Shows `line`; `last` forces it out.
  void update(const std::string& line, bool last = false);
  /// Prints a line that stays, above the progress line.
  void note(const std::string& line);
  /// The same, also when quiet.
  void error(const std::string& line);
  /// Prints a line of the result, on standard output; the progress line makes way.
  void result(const std::string& line);
  /// Takes the progress line away.
  void clear();

 private:
  bool quiet_, terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point printed_{};
};

std::string step_line(const lamina::train::StepEvent& event);

}  // namespace cli
