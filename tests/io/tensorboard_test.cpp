#include "lamina/io/tensorboard.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>

#include "lamina/io/file.hpp"
#include "support/op_check.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
const std::filesystem::path kGolden = golden("tensorboard.events");

/// A clock that ticks in seconds.
auto ticking() {
  return [t = 1000.5]() mutable { return t++; };
}
}  // namespace

TEST_CASE("an event file is what tensorboard's own writer makes of the same events, also when it is opened again") {
  const TempFolder folder;
  const auto clock = std::make_shared<decltype(ticking())>(ticking());
  const auto now = [clock] { return (*clock)(); };
  io::EventFile first(folder.path(), 0, now);
  first.graph({{"input", "Placeholder", {}, {1, 8, 300, 3}}, {"down.0.conv.conv2d", "conv2d", {"input"}, {1, 8, 300, 16}}});
  first.scalar("train/loss", 0.75, 3);
  first.scalar("train/undefined", std::nan(""), 3);
  first.image("overlays/a", "\x89PNG, or what goes for one", 3, 2, 300);
  io::EventFile again(folder.path(), 300, now);
  again.scalar("val/loss", -2.5, 400);
  CHECK(io::read_file(again.path()) == io::read_file(kGolden));
}

TEST_CASE("what a killed process left of a record is cut off; a file that is none is begun anew") {
  const std::string whole = io::read_file(kGolden);
  std::size_t last = 0;                                                                                     // where the last record begins
  for (std::size_t at = 0; at < whole.size(); at += 16 + static_cast<unsigned char>(whole[at])) last = at;  // all are below 256 bytes
  const TempFolder folder;
  const std::filesystem::path path = io::EventFile(folder.path()).path();
  for (const std::string& damaged : {whole.substr(0, whole.size() - 1), whole.substr(0, last + 5),
                                     whole.substr(0, whole.size() - 6) + "?" + whole.substr(whole.size() - 5)}) {
    io::write_file_atomically(path, damaged);
    const io::EventFile opened(folder.path(), 7);
    const std::string now = io::read_file(path);
    CHECK(now.starts_with(whole.substr(0, last)));
    CHECK(now.size() == last + 16 + 15);  // and the start of a session at step 8
  }
  io::write_file_atomically(path, "no events");
  const io::EventFile opened(folder.path(), 0, [] { return 1000.5; });
  CHECK(io::read_file(path) == whole.substr(0, 16 + static_cast<unsigned char>(whole[0])));
}

TEST_CASE("an event file on a full disk: an error that names it; what was whole is read, and goes on") {
  const TempFolder folder;
  const std::filesystem::path path = io::EventFile(folder.path()).path();
  const auto begun = std::filesystem::file_size(path);
  const ::pid_t child = ::fork();
  if (child == 0) {  // the limit binds the whole process, so a child takes it
    ::signal(SIGXFSZ, SIG_IGN);
    const ::rlimit limit{begun + 150, begun + 150};
    int written = ::setrlimit(RLIMIT_FSIZE, &limit) == 0 ? 0 : 100;
    try {
      io::EventFile events(folder.path(), 0);
      for (; written < 50; ++written) events.scalar("loss", 0.5, 1 + written);
    } catch (const DiskFullError& e) {
      if (std::string(e.what()).find(path.string()) == std::string::npos) written = 101;
    } catch (...) {
      written = 102;
    }
    ::_exit(written);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  const int written = WEXITSTATUS(status);
  CHECK(written >= 1);
  CHECK(written < 10);
  const std::string cut = io::read_file(path);
  CHECK(cut.size() == begun + 150);
  const io::EventFile again(folder.path(), written);
  const std::string now = io::read_file(path);
  const std::size_t record = 16 + static_cast<unsigned char>(cut[begun + 31]);  // of the first scalar, after the start of a session
  CHECK(now.size() == begun + 31 + static_cast<std::size_t>(written) * record + 31);
  CHECK(now.starts_with(cut.substr(0, begun + 31 + static_cast<std::size_t>(written) * record)));
}
