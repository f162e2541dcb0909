#include "progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "lamina/core/text.hpp"

namespace cli {

using lamina::formatted;

namespace {

int terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 100;
}

}  // namespace

std::string clock_text(double seconds) {
  const auto s = static_cast<long>(std::lround(seconds));
  return s >= 3600 ? formatted("%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60) : formatted("%ld:%02ld", s / 60, s % 60);
}

std::string bytes_text(std::size_t bytes) {
  const double mb = static_cast<double>(bytes) / 1e6;
  return mb >= 1000 ? formatted("%.1f GB", mb / 1000) : formatted("%.0f MB", mb);
}

ProgressLine::ProgressLine(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}
ProgressLine::~ProgressLine() { clear(); }

std::string colored(const std::string& text, const char* color, int stream) {
  const char *off = std::getenv("NO_COLOR"), *terminal = std::getenv("TERM");
  return isatty(stream) && !(off && *off) && !(terminal && std::string_view(terminal) == "dumb") ? color + text + "\x1b[0m" : text;
}

void ProgressLine::clear() {
  if (drawn_) std::fputs("\r\x1b[2K", stderr), std::fflush(stderr);
  drawn_ = false;
}

void ProgressLine::update(const std::string& line, bool last) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(10000);
  if (!last && now - printed_ < pause) return;
  printed_ = now;
  if (terminal_) clear();
  const std::string shown =
      terminal_ ? lamina::shortened(line, static_cast<std::size_t>(terminal_width() - 1)) : lamina::wrapped(line, 100, 2) + '\n';
  std::fputs(shown.c_str(), stderr);
  drawn_ = terminal_;
  std::fflush(stderr);
}

void ProgressLine::note(const std::string& line) {
  if (!quiet_) error(line);
}

void ProgressLine::error(const std::string& line) {
  clear();
  const auto holds = [&](const std::string& part) { return line.find(part) != std::string::npos; };
  const bool whole = !terminal_ || holds("\n") || holds(" --") || holds(lamina::program_word());  // what is searched, or typed
  std::string text = whole ? line : lamina::wrapped(line, 100, 2);
  for (const auto& [word, color] : {std::pair("error:", kRed), std::pair("warning:", kYellow), std::pair("epoch ", kBold)})
    if (line.starts_with(word)) {
      const std::size_t end = text.find(color == kBold ? "  " : " ");
      text = colored(text.substr(0, end), color) + text.substr(std::min(end, text.size()));
    }
  std::fprintf(stderr, "%s\n", text.c_str());
}

void ProgressLine::result(const std::string& line) {
  clear();
  std::printf("%s\n", line.c_str());
  if (terminal_) std::fflush(stdout);
}

std::string step_line(const lamina::train::StepEvent& e) {
  constexpr int kBar = 8;
  const int filled = e.batches ? static_cast<int>(kBar * e.batch / e.batches) : 0;
  std::string bar(static_cast<std::size_t>(filled), '#');
  bar.resize(kBar, '.');
  std::string losses, terms;
  for (const auto& [name, value] : e.train) {
    const std::size_t head = name.find('/');  // of several heads their losses alone
    if (head != std::string::npos && name.substr(head) != "/loss") continue;
    std::string& to = losses.empty() ? losses : terms;
    to += (to.empty() ? "" : ", ") + name.substr(0, head) + " " + lamina::brief(value);
  }
  if (!terms.empty()) losses += " (" + terms + ")";
  return formatted("epoch %d/%d [%s] %ld/%ld  %.1f img/s  left %s  ", e.epoch, e.epochs, bar.c_str(), static_cast<long>(e.batch),
                   static_cast<long>(e.batches), e.images_per_second, clock_text(e.seconds_left).c_str()) +
         losses + formatted("  lr %.2e  ", e.lr) + bytes_text(e.memory) + " peak";
}

}  // namespace cli
