#include "photographs.hpp"

#include <algorithm>

#include "lamina/core/error.hpp"
#include "lamina/data/image.hpp"

namespace cli {

using namespace lamina;
namespace fs = std::filesystem;

std::vector<fs::path> photographs(const std::vector<std::string>& names, ProgressLine& progress) {
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    require<DataError>(fs::exists(name), name, ": no such file or folder");
    if (!fs::is_directory(name)) {
      files.emplace_back(name);
      continue;
    }
    std::vector<fs::path> inside, others;
    for (const auto& entry : fs::directory_iterator(name))
      if (entry.is_regular_file() && entry.path().filename().string().front() != '.')
        (data::has_image_extension(entry.path()) ? inside : others).push_back(entry.path());
    require<DataError>(!inside.empty(), name, ": the folder holds no image (", data::supported_formats(), ")");
    std::sort(inside.begin(), inside.end());
    if (!others.empty())
      progress.note("warning: " + name + ": left out, being none of " + data::supported_formats() + ": " +
                    std::min_element(others.begin(), others.end())->filename().string() +
                    (others.size() > 1 ? " and " + std::to_string(others.size() - 1) + " more" : ""));
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

}  // namespace cli
