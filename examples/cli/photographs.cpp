#include "photographs.hpp"

#include <glob.h>

#include <algorithm>
#include <sstream>

#include "lamina/core/error.hpp"
#include "lamina/data/image.hpp"
#include "lamina/io/file.hpp"

namespace cli {

using namespace lamina;
namespace fs = std::filesystem;

namespace {

/// What a shell makes of the pattern.
std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  const int failed = glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<std::string> names;
  if (!failed) names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  require<DataError>(!names.empty(), pattern, ": no file fits this pattern");
  return names;
}

/// The paths of a list, a line each, from the list's folder or from here; # begins a comment.
std::vector<std::string> lines_of(const fs::path& list) {
  std::vector<std::string> names;
  std::istringstream text(io::read_text(list, 64 << 20));
  for (std::string line; std::getline(text, line);) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.empty() || line[0] == '#') continue;
    const fs::path beside = list.parent_path() / line;
    names.push_back(fs::exists(beside) ? beside.string() : line);
  }
  require<DataError>(!names.empty(), list.string(), ": the list names no photograph");
  return names;
}

/// Lists and patterns as the names that they stand for.
std::vector<std::string> expanded(const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (const std::string& name : names) {
    std::vector<std::string> several{name};
    if (!fs::exists(name) && name.find_first_of("*?[") != std::string::npos) several = matches(name);
    if (fs::is_regular_file(name) && fs::path(name).extension() == ".txt") several = lines_of(name);
    all.insert(all.end(), several.begin(), several.end());
  }
  return all;
}

}  // namespace

std::vector<fs::path> photographs(const std::vector<std::string>& names, ProgressLine& progress) {
  std::vector<fs::path> files;
  for (const std::string& name : expanded(names)) {
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

nlohmann::ordered_json write_masks(const fs::path& masks, const std::string& stem, const data::LabelImage& labels,
                                   const data::LabelSchema& schema) {
  if (labels.planes == 0) {
    const fs::path mask = masks / (stem + data::mask_ending(schema));
    data::write_mask(mask, labels, schema);
    return mask.string();
  }
  auto files = nlohmann::ordered_json::array();
  for (int k = 0; k < labels.planes; ++k) {
    data::LabelImage plane = labels.plane(k);
    if (schema.planes.empty())
      for (std::uint8_t& v : plane.labels) v *= 255;
    const fs::path folder = masks / schema.plane_names()[static_cast<std::size_t>(k)];
    io::create_folders(folder);
    data::write_png(folder / (stem + ".png"), plane);
    files.push_back((folder / (stem + ".png")).string());
  }
  return files;
}

}  // namespace cli
