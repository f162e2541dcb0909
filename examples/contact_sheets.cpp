// Draws a contact sheet of each phantom: photographs and their labels side by side.  usage: contact_sheets OUT_FOLDER [RUN_FOLDER]
// With a run, only what it did best: photograph, label and prediction of four validation images, as the README shows them:
// contact_sheets examples/pictures runs/quickstart
#include <algorithm>
#include <cstdio>

#include "lamina/data/augment.hpp"
#include "lamina/data/phantom.hpp"
#include "lamina/io/file.hpp"

using namespace lamina;

/// In 32 levels, which make a smaller file.
void write_small(const std::filesystem::path& path, data::Image sheet) {
  for (std::uint8_t& v : sheet.pixels) v = static_cast<std::uint8_t>(std::min(255, (v + 4) & ~7));
  data::write_png(path, sheet);
}

/// The pictures overlays/best_{1,2,3,4}.png of a run folder, two a row.
data::Image best_of(const std::filesystem::path& run) {
  data::Image sheet;
  for (int i = 0; i < 4; ++i) {
    const auto path = run / "overlays" / ("best_" + std::to_string(i + 1) + ".png");
    if (i > 0 && !std::filesystem::exists(path)) break;
    const data::Image picture = data::read_image(path);
    if (i == 0) sheet = data::Image(2 * picture.width, 2 * picture.height, 3, 255);
    for (int y = 0; y < picture.height; ++y)
      std::copy_n(picture.at(0, y), 3 * picture.width, sheet.at(i % 2 * picture.width, i / 2 * picture.height + y));
  }
  return sheet;
}

int main(int argc, char** argv) try {
  if (argc != 2 && argc != 3) return std::fprintf(stderr, "usage: contact_sheets OUT_FOLDER [RUN_FOLDER]\n"), 2;
  io::create_folders(argv[1]);
  if (argc == 3) {
    const auto run = (std::filesystem::path(argv[2]) / "").parent_path();
    write_small(std::filesystem::path(argv[1]) / (run.filename().string() + ".png"), best_of(run));
    return 0;
  }
  struct Sheet {
    data::Phantom kind;
    int count, side, columns;
  };
  for (const auto& [kind, count, side, columns] :
       {Sheet{data::Phantom::skin, 16, 100, 4}, Sheet{data::Phantom::sparse, 4, 128, 2}, Sheet{data::Phantom::retina, 6, 128, 3},
        Sheet{data::Phantom::severity, 6, 128, 3}, Sheet{data::Phantom::several, 6, 128, 3}}) {
    std::vector<data::PhantomSample> samples;
    for (int i = 0; i < count; ++i) {
      // Drawn at twice the size and reduced, as thumbnails are.
      auto sample = data::draw_phantom(kind, i % data::phantom_scenes(kind), 2 * side, 2 * side,
                                       RandomKey{2, 0}.derive(static_cast<std::uint64_t>(i)));
      samples.push_back({data::resized(sample.image, side, side), data::resized(sample.labels, side, side)});
    }
    write_small(std::filesystem::path(argv[1]) / (std::string(name_of(kind)) + ".png"),
                data::contact_sheet(samples, data::phantom_schema(kind), columns));
  }
} catch (const Error& error) {
  std::fprintf(stderr, "contact_sheets: %s\n", error.what());
  return 1;
}
