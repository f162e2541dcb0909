#pragma once
#include <string>

#include "lamina/core/random.hpp"
#include "lamina/data/image.hpp"
#include "lamina/io/file.hpp"

// A data set of three questions to every pixel.
namespace lamina::test {

inline const char* const kThreeHeads = R"({
  "heads": {
    "tissue": {"labels": {"background": 0, "skin": 1, "nail": 2}, "ignore": 9},
    "marks": {"task": "multilabel", "labels": {"hair": 0, "ruler": 1}},
    "damage": {"task": "ordinal", "labels": {"none": 0, "mild": 1, "severe": 2}, "planes": ["A", "B"]}
  }
})";
inline const std::string kPlaneFolders[] = {"tissue", "marks/hair", "marks/ruler", "damage/A", "damage/B"};

/// Blocks of 8 pixels: green says the tissue, blue the marks, red the damage A, which B is the opposite of.
inline void write_three_heads(const std::filesystem::path& out, int count, int size = 32) {
  io::create_folders(out / "images");
  for (const std::string& plane : kPlaneFolders) io::create_folders(out / "masks" / plane);
  io::write_file_atomically(out / "dataset.json", kThreeHeads);
  Random random(RandomKey{5});
  for (int i = 0; i < count; ++i) {
    data::Image image(size, size, 3);
    data::LabelImage planes[5];
    for (data::LabelImage& plane : planes) plane = data::LabelImage(size, size);
    for (int by = 0; by < size; by += 8)
      for (int bx = 0; bx < size; bx += 8) {
        const std::uint64_t most[] = {3, 2, 2, 3, 1};
        int is[5];
        for (int k = 0; k < 5; ++k) is[k] = static_cast<int>(random.below(most[k]));
        is[4] = 2 - is[3];
        for (int y = by; y < by + 8; ++y)
          for (int x = bx; x < bx + 8; ++x) {
            for (int k = 0; k < 5; ++k) planes[k].at(x, y) = static_cast<std::uint8_t>(k == 1 || k == 2 ? 255 * is[k] : is[k]);
            const int colors[] = {100 * is[3], 100 * is[0], 120 * is[1] + 60 * is[2]};
            for (int c = 0; c < 3; ++c) image.at(x, y)[c] = static_cast<std::uint8_t>(colors[c] + static_cast<int>(random.below(10)));
          }
      }
    const std::string file = "p" + std::to_string(10 + i) + ".png";
    data::write_png(out / "images" / file, image);
    for (int k = 0; k < 5; ++k) data::write_png(out / "masks" / kPlaneFolders[k] / file, planes[k]);
  }
}

}  // namespace lamina::test
