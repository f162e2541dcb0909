#pragma once
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lamina/io/file.hpp"
#include "support/temp_folder.hpp"

namespace lamina::test {

/// What a program that ended left behind.
struct Result {
  int code = -1;  ///< exit code; 128 + signal when a signal ended it, as in a shell
  std::string out, err;
};

/// A program of the build, such as "bin/lamina"; with LAMINA_BUILD in the environment, that of another build (tools/mutate.py).
inline std::string built(const std::string& program) {
  const char* other = std::getenv("LAMINA_BUILD");
  return std::string(other ? other : LAMINA_BINARY_DIR) + "/" + program;
}
inline std::string lamina_program() { return built("bin/lamina"); }

struct Limits {
  rlim_t file_size = RLIM_INFINITY, memory = RLIM_INFINITY;  ///< bytes
};

/// Where a program's standard error goes, and with `terminal_for_both` its output, too; a terminal is kTerminalColumns wide.
enum class ErrorStream { file, pipe, terminal, terminal_for_both };
inline constexpr unsigned short kTerminalColumns = 60;

/// A program running beside the test.
class Program {
 public:
  Program(const std::string& path, const std::vector<std::string>& arguments, const std::filesystem::path& folder,
          const Limits& limits = {}, ErrorStream error_stream = ErrorStream::file) {
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    // Opened here, not by the child: one that is killed at once leaves an empty output.
    const auto open_stream = [&](const char* name) {
      const int stream = ::open((streams_ / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
      REQUIRE(stream >= 0);
      return stream;
    };
    int output = open_stream("out");
    int error = -1;  // the program's end
    if (error_stream == ErrorStream::pipe) {
      int ends[2];
      REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
      errors_ = ends[0];
      error = ends[1];
    } else if (error_stream != ErrorStream::file) {
      errors_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
      REQUIRE((::grantpt(errors_) == 0 && ::unlockpt(errors_) == 0));
      error = ::open(::ptsname(errors_), O_RDWR | O_NOCTTY | O_CLOEXEC);
      const ::winsize size{.ws_row = 24, .ws_col = kTerminalColumns, .ws_xpixel = 0, .ws_ypixel = 0};
      REQUIRE(::ioctl(error, TIOCSWINSZ, &size) == 0);
      if (error_stream == ErrorStream::terminal_for_both) {
        ::close(output);
        output = ::fcntl(error, F_DUPFD_CLOEXEC, 0);
      }
    } else {
      error = open_stream("err");
    }
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(output, STDOUT_FILENO);
      ::dup2(error, STDERR_FILENO);
      const auto limit = [](auto resource, rlim_t bytes) {
        const ::rlimit l{bytes, bytes};
        if (bytes != RLIM_INFINITY) (void)::setrlimit(resource, &l);
      };
      limit(RLIMIT_FSIZE, limits.file_size);
      limit(RLIMIT_AS, limits.memory);
      if (::chdir(folder.c_str()) == 0) ::execv(path.c_str(), argv.data());
      ::_exit(127);
    }
    ::close(output);
    ::close(error);
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      (void)wait();
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number) const { ::kill(pid_, number); }
  Result wait() {
    Result result;
    char text[4096];  // a terminal whose program has ended is an error to read
    for (ssize_t n; errors_ >= 0 && (n = ::read(errors_, text, sizeof text)) > 0;) result.err.append(text, static_cast<std::size_t>(n));
    if (errors_ >= 0) ::close(std::exchange(errors_, -1));
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.out = io::read_file(streams_ / "out");
    if (std::filesystem::exists(streams_ / "err")) result.err = io::read_file(streams_ / "err");
    return result;
  }

 private:
  TempFolder streams_;
  ::pid_t pid_ = -1;
  int errors_ = -1;  ///< our end of a pipe or terminal
};

}  // namespace lamina::test
