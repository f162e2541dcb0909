#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lamina/io/file.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
namespace fs = std::filesystem;

TEST_CASE("a file is written whole and read back") {
  test::TempFolder folder;
  const std::string_view pieces[] = {"one", "", std::string_view("\0two", 4)};
  io::write_file_atomically(folder / "f", pieces);
  CHECK(io::read_file(folder / "f") == std::string("one\0two", 7));
  io::write_file_atomically(folder / "f", "");
  CHECK(io::read_file(folder / "f").empty());
  CHECK(folder.entries() == 1);
}

TEST_CASE("odd names work: spaces, newlines, UTF-8, the longest possible") {
  test::TempFolder folder;
  for (const std::string& name : {std::string("a b\nc"), std::string("\xc3\xa4\xe2\x82\xac"), std::string(255, 'x')}) {
    io::write_file_atomically(folder / name, name);
    CHECK(io::read_file(folder / name) == name);
  }
  CHECK(folder.entries() == 3);
}

TEST_CASE("errors name the path and the reason") {
  test::TempFolder folder;
  CHECK_THROWS_WITH_AS(io::read_file(folder / "none"), doctest::Contains("none: No such file"), IoError);
  CHECK_THROWS_WITH_AS(io::read_file(folder.path()), doctest::Contains("Is a directory"), IoError);
  CHECK_THROWS_WITH_AS(io::write_file_atomically(folder / "none/f", "x"), doctest::Contains("none/f: No such file"), IoError);
  CHECK_THROWS_WITH_AS(io::write_file_atomically(folder.path(), "x"), doctest::Contains("Is a directory"), IoError);
  io::write_file_atomically(folder / "f", "12345");
  CHECK(io::read_file(folder / "f", 5) == "12345");
  CHECK_THROWS_WITH_AS(io::read_file(folder / "f", 4), doctest::Contains("more than 4 bytes"), DataError);
  CHECK_THROWS_AS(io::read_file("/dev/zero", 100000), DataError);
  CHECK_THROWS_AS(io::create_folders(folder / "f/sub"), IoError);
}

TEST_CASE("a full device is told apart from other errors") {
  CHECK_THROWS_WITH_AS(io::write_file_atomically("/dev/full", "x"), doctest::Contains("/dev/full: No space left"), DiskFullError);
  CHECK(fs::is_character_file("/dev/full"));
}

TEST_CASE("without room the old file stays and no other is left") {
  test::TempFolder folder;
  io::write_file_atomically(folder / "f", "old");
  const ::pid_t child = ::fork();
  if (child == 0) {  // the limit binds the whole process, so a child takes it
    ::signal(SIGXFSZ, SIG_IGN);
    const ::rlimit limit{1000, 1000};
    int result = ::setrlimit(RLIMIT_FSIZE, &limit) == 0 ? 1 : 2;
    try {
      io::write_file_atomically(folder / "f", std::string(5000, 'n'));
    } catch (const DiskFullError&) {
      if (result == 1) result = 0;
    } catch (...) {
      result = 3;
    }
    ::_exit(result);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(io::read_file(folder / "f") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("CRC-32C of the published vectors") {
  CHECK(io::crc32c("123456789") == 0xe3069283u);
  CHECK(io::crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(io::crc32c("") == 0);
  CHECK(io::crc32c("6789", io::crc32c("12345")) == 0xe3069283u);
}
