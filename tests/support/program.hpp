#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "lamina/io/file.hpp"
#include "support/temp_folder.hpp"

namespace lamina::test {

/// What a program that ended left behind.
struct Result {
  int code = -1;  ///< exit code; 128 + signal when a signal ended it, as in a shell
  std::string out, err;
};

struct Limits {
  rlim_t file_size = RLIM_INFINITY, memory = RLIM_INFINITY;  ///< bytes
};

/// A program running beside the test.
class Program {
 public:
  Program(const std::string& path, const std::vector<std::string>& arguments, const std::filesystem::path& folder,
          const Limits& limits = {}) {
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    const std::string out = (streams_ / "out").string(), err = (streams_ / "err").string();
    pid_ = ::fork();
    if (pid_ == 0) {
      const auto redirect = [](const std::string& to, int descriptor) {
        ::dup2(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666), descriptor);
      };
      redirect(out, STDOUT_FILENO);
      redirect(err, STDERR_FILENO);
      const auto limit = [](auto resource, rlim_t bytes) {
        const ::rlimit l{bytes, bytes};
        if (bytes != RLIM_INFINITY) (void)::setrlimit(resource, &l);
      };
      limit(RLIMIT_FSIZE, limits.file_size);
      limit(RLIMIT_AS, limits.memory);
      if (::chdir(folder.c_str()) == 0) ::execv(path.c_str(), argv.data());
      ::_exit(127);
    }
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
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), io::read_file(streams_ / "out"),
            io::read_file(streams_ / "err")};
  }

 private:
  TempFolder streams_;
  ::pid_t pid_ = -1;
};

}  // namespace lamina::test
