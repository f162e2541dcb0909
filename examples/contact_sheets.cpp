// Draws a contact sheet of each phantom: photographs and their labels side by side.  usage: contact_sheets OUT_FOLDER
#include <algorithm>
#include <cstdio>

#include "lamina/data/augment.hpp"
#include "lamina/data/phantom.hpp"
#include "lamina/io/file.hpp"

using namespace lamina;

int main(int argc, char** argv) try {
  if (argc != 2) return std::fprintf(stderr, "usage: contact_sheets OUT_FOLDER\n"), 2;
  io::create_folders(argv[1]);
  for (const data::Phantom kind : {data::Phantom::skin, data::Phantom::sparse}) {
    std::vector<data::PhantomSample> samples;
    const int count = kind == data::Phantom::skin ? 16 : 4, side = kind == data::Phantom::skin ? 100 : 128;
    for (int i = 0; i < count; ++i) {
      // Drawn at twice the size and reduced, as thumbnails are.
      auto sample = data::draw_phantom(kind, i % data::phantom_scenes(kind), 2 * side, 2 * side,
                                       RandomKey{2, 0}.derive(static_cast<std::uint64_t>(i)));
      samples.push_back({data::resized(sample.image, side, side), data::resized(sample.labels, side, side)});
    }
    data::Image sheet = data::contact_sheet(samples, data::phantom_schema(kind), kind == data::Phantom::skin ? 4 : 2);
    for (std::uint8_t& v : sheet.pixels) v = static_cast<std::uint8_t>(std::min(255, (v + 4) & ~7));  // 32 levels: a smaller file
    data::write_png(std::filesystem::path(argv[1]) / (std::string(name_of(kind)) + ".png"), sheet);
  }
} catch (const Error& error) {
  std::fprintf(stderr, "contact_sheets: %s\n", error.what());
  return 1;
}
