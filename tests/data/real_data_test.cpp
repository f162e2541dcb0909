// Data sets of real photographs: LAMINA_DATA_DIR/name, or ../shared/data/name beside the checkout. Where there is none, its test case is
// skipped: it then shows nothing.
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>

#include "lamina/data/check.hpp"

using namespace lamina;
using namespace lamina::data;

namespace {

namespace fs = std::filesystem;

fs::path real_data(const std::string& name) {
  const char* given = std::getenv("LAMINA_DATA_DIR");
  for (const fs::path& parent :
       {fs::path(given ? given : ""), fs::path(LAMINA_SOURCE_DIR) / "../shared/data", fs::path(LAMINA_SOURCE_DIR) / "../../shared/data"})
    if (!parent.empty() && fs::is_directory(parent / name / "images")) return parent / name;
  return {};
}
bool missing(const std::string& name) {
  const bool none = real_data(name).empty();
  if (none) std::cout << "skipped: no real data set " << name << "; set LAMINA_DATA_DIR\n";
  return none;
}

}  // namespace

TEST_CASE("real data wound_fuseg: binary masks, with the shares that its description states" * doctest::skip(missing("wound_fuseg"))) {
  const fs::path root = real_data("wound_fuseg");
  const Dataset d = open_dataset(root);
  CHECK(d.masks.encoding() == MaskEncoding::binary);
  CHECK(d.items(Split::train).size() == 70);
  CHECK(d.items(Split::val).size() == 24);
  const CheckReport r = check_dataset(root);
  CHECK(r.errors() == 0);
  CHECK(1 - r.splits[0].majority_share() == doctest::Approx(0.01115).epsilon(0.001).scale(0));
  CHECK(r.splits[0].without_foreground == 1);
}

TEST_CASE("real data camvid_small: index masks with a void label" * doctest::skip(missing("camvid_small"))) {
  const fs::path root = real_data("camvid_small");
  const Dataset d = open_dataset(root, {.ignore = 11});
  CHECK(d.masks.encoding() == MaskEncoding::index);
  CHECK(d.schema.classes() == 11);
  CHECK(d.items(Split::train).size() == 56);
  const CheckReport r = check_dataset(root, {.ignore = 11});
  CHECK(r.errors() == 0);
  CHECK(r.splits[0].majority_share() == doctest::Approx(0.31716 / (1 - 0.04197)).epsilon(0.001).scale(0));
}
