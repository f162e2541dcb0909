// The real program in a folder of its own.
#pragma once
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/program.hpp"
#include "support/runs.hpp"

namespace lamina::test {

using Words = std::vector<std::string>;
inline Words split(const std::string& command) { return fields(command, ' '); }

/// Options of a short training.
inline const std::string kSmall = " --base 2 --depth 2 --size 32 --batch 2 --lr 1e-2 --epochs 3";

/// A folder with the small data set "data", in which commands run.
struct Workshop : TempFolder {
  explicit Workshop(int count = 10) {
    small_phantom(*this / "data", count);
    static const bool on_path = [] {  // commands that the program prints begin with its name, then
      const std::string folder = built("bin"), path = std::getenv("PATH");
      return ::setenv("PATH", (folder + ":" + path).c_str(), 1) == 0;
    }();
    CHECK(on_path);
  }
  Result lamina(const std::string& command, const Limits& limits = {}, ErrorStream errors = ErrorStream::file) const {
    return Program(lamina_program(), fields(command, ' '), path(), limits, errors).wait();
  }
  std::string read(const std::string& name) const { return io::read_file(*this / name); }
};

inline void check_error(const Result& r, int code, const Words& words) {
  CHECK_MESSAGE(r.code == code, r.err);
  for (const std::string& word : words)
    CHECK_MESSAGE(r.err.find(word) != std::string::npos, "\"" << r.err << "\" lacks \"" << word << "\"");
}

}  // namespace lamina::test
