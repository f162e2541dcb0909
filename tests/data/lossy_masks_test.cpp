// Gray masks as lossy files of three channels, of which some pixels then have faint colors.
#include "lamina/data/check.hpp"
#include "support/data_folder.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {

/// A white disk on black of 16x12 pixels, by libwebp at quality 75: a channel of some pixels differs by 1 from the others.
std::string lossy_disk() {
  constexpr std::string_view kHex =
      "52494646700000005745425056503820640000009002009d012a10000c0002003425a4004e0032c27fd21a6ba51636490000fefea10f137fa77d0c37e3535206ee"
      "725ffe1158a36c1cdcd785e925d52a2a7ff319fff70047fe27ed9fb729968230887bd9cf0b3f937d1f9d3409c914f1cfe0c7d7f6d0c000";
  std::string bytes;
  for (std::size_t i = 0; i < kHex.size(); i += 2) bytes += static_cast<char>(std::stoi(std::string(kHex.substr(i, 2)), nullptr, 16));
  return bytes;
}

}  // namespace

TEST_CASE("lossy WebP of a gray mask is gray, and what reads it is named, as of a JPEG") {
  if (supported_formats().find("webp") == std::string::npos) return;
  const TempFolder f;
  for (const char* folder : {"images", "masks"}) io::create_folders(f / folder);
  for (const std::string stem : {"a", "b", "c"}) {
    write_png(f / ("images/" + stem + ".png"), Image(16, 12, 3, static_cast<std::uint8_t>(stem[0])));
    io::write_file_atomically(f / ("masks/" + stem + ".webp"), lossy_disk());
  }
  const auto findings = check_dataset(f.path()).findings;
  CHECK(told(findings, "3 masks are lossy files (JPEG, WebP), which smear labels at their borders") == 1);
  CHECK(told(findings, "--mask-threshold 0.5 marks what is above", true) == 1);
  CHECK(told(findings, "RGB-coloured", true) == 0);
  const Dataset read = open_dataset(f.path(), {.mask_threshold = 0.5});
  const LabelImage mask = read_mask(read.items(Split::train)[0], read.masks);
  CHECK(mask.at(8, 6) == 1);
  CHECK(mask.at(0, 0) == 0);
}
