#pragma once
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace lamina::test {

/// A data set of real photographs: LAMINA_DATA_DIR/name, or ../shared/data/name beside the checkout; empty where there is none.
inline std::filesystem::path real_data(const std::string& name) {
  namespace fs = std::filesystem;
  const char* given = std::getenv("LAMINA_DATA_DIR");
  for (const fs::path& parent :
       {fs::path(given ? given : ""), fs::path(LAMINA_SOURCE_DIR) / "../shared/data", fs::path(LAMINA_SOURCE_DIR) / "../../shared/data"})
    if (!parent.empty() && fs::is_directory(parent / name / "images")) return parent / name;
  return {};
}

/// Decorates a test of such a set: without it the test is skipped, and counted so.
inline auto needs_real_data(const char* name) { return doctest::skip(real_data(name).empty()); }

}  // namespace lamina::test
