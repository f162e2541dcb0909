// Writes two small data sets as one's own would lie on disk, one whose labels overlap and one of grades, and reads them back.
// usage: own_data FOLDER
#include <cstdio>
#include <filesystem>
#include <functional>

#include "lamina/io/file.hpp"
#include "lamina/lamina.hpp"

using namespace lamina;
namespace fs = std::filesystem;

namespace {

/// A photograph of 24 x 16 pixels whose left part is darker.
void write_photo(const fs::path& path, int number) {
  data::Image photo(24, 16, 3);
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 24; ++x) photo.at(x, y)[0] = static_cast<std::uint8_t>((x < 12 ? 60 : 180) + number);
  io::create_folders(path.parent_path());
  data::write_png(path, photo);
}

void write_mask(const fs::path& path, const std::function<int(int x, int y)>& value) {
  data::LabelImage mask(24, 16);
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 24; ++x) mask.at(x, y) = static_cast<std::uint8_t>(value(x, y));
  io::create_folders(path.parent_path());
  data::write_png(path, mask);
}

void tell(const fs::path& root) {
  const data::Dataset dataset = data::open_dataset(root);
  std::printf("%s: %zu train, %zu val; %s\n", root.c_str(), dataset.items(data::Split::train).size(),
              dataset.items(data::Split::val).size(), dataset.masks.describe(dataset.schema).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: own_data FOLDER\n");
    return 2;
  }
  try {
    const fs::path lesions = fs::path(argv[1]) / "lesions", wounds = fs::path(argv[1]) / "wounds";
    for (int i = 0; i < 5; ++i) {
      const std::string name = "photo" + std::to_string(i);
      // Labels that overlap: a mask a label, 0 and 255, in a folder that is called like the label.
      write_photo(lesions / "images" / (name + ".png"), i);
      write_mask(lesions / "masks/bleeding" / (name + ".png"), [](int x, int) { return x < 10 ? 255 : 0; });
      write_mask(lesions / "masks/exudate" / (name + ".png"), [](int, int y) { return y < 6 ? 255 : 0; });
      // Grades: one mask, its values are the grades, from the least on.
      write_photo(wounds / "images" / (name + ".png"), i);
      write_mask(wounds / "masks" / (name + ".png"), [i](int x, int y) { return (x < 12) + (y < 8) + (i % 2); });
    }
    io::write_file_atomically(lesions / "dataset.json", R"({"task": "multilabel", "labels": {"bleeding": 0, "exudate": 1}})");
    io::write_file_atomically(wounds / "dataset.json",
                              R"({"task": "ordinal", "labels": {"none": 0, "mild": 1, "moderate": 2, "severe": 3}})");
    tell(lesions);
    tell(wounds);
    std::printf("next: lamina train %s, lamina train %s\n", lesions.c_str(), wounds.c_str());
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "own_data: %s\n", e.what());
    return 1;
  }
}
