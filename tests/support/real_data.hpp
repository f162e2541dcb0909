#pragma once
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace lamina::test {

/// A data set of real photographs: LAMINA_DATA_DIR/name, or ../shared/data/name beside the checkout. Empty, with a message, where
/// there is none: the test then shows nothing about real data.
inline std::filesystem::path real_data(const std::string& name) {
  namespace fs = std::filesystem;
  const char* given = std::getenv("LAMINA_DATA_DIR");
  for (const fs::path& parent :
       {fs::path(given ? given : ""), fs::path(LAMINA_SOURCE_DIR) / "../shared/data", fs::path(LAMINA_SOURCE_DIR) / "../../shared/data"})
    if (!parent.empty() && fs::is_directory(parent / name / "images")) return parent / name;
  MESSAGE("skipped: no real data set " << name << "; set LAMINA_DATA_DIR");
  return {};
}

}  // namespace lamina::test
