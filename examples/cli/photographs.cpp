#include "photographs.hpp"

#include <glob.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "lamina/core/error.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/image.hpp"
#include "lamina/data/photos.hpp"
#include "lamina/io/file.hpp"

namespace cli {

using namespace lamina;
namespace fs = std::filesystem;

namespace {

/// Also a link to itself is there: what is wrong with it is told when it is read.
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found && !error;
}

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

/// A path of a list, from the list's folder, that of the photographs there, or from here. Empty: there is nothing.
fs::path listed(const fs::path& list, const std::string& name) {
  for (const fs::path& path : {list.parent_path() / name, list.parent_path() / "images" / name, fs::path(name)})
    if (is_there(path)) return path;
  return {};
}

/// The paths of a list, a line each; a mask may follow, as in the lists of data sets; # begins a comment.
std::vector<std::string> lines_of(const fs::path& list) {
  std::vector<std::string> names;
  std::istringstream text(io::read_text(list, 64 << 20));
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.empty() || line[0] == '#') continue;
    require<DataError>(!data::names_mask_first(line), list.string(), " line ", number,
                       ": a mask stands before the photograph; the columns are exchanged: a line is IMAGE, or IMAGE MASK");
    fs::path photo;
    for (const std::string& name : data::names_in_line(line))
      if (photo.empty() && !name.empty()) photo = listed(list, name);
    const fs::path beside = list.parent_path() / line;
    require<DataError>(!photo.empty(), list.string(), " line ", number, ": there is no ", beside.string(),
                       beside == line ? "" : ", and no " + line + " here", " (a line is IMAGE, or IMAGE MASK)");
    names.push_back(photo.string());
  }
  require<DataError>(!names.empty(), list.string(), ": the list names no photograph");
  return names;
}

bool is_list(const fs::path& file) {
  const std::string ending = file.extension().string();
  return ending == ".txt" || ending == ".csv" || ending == ".tsv" || ending == ".lst";
}

/// Lists and patterns as the names that they stand for.
std::vector<std::string> expanded(const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (const std::string& name : names) {
    std::vector<std::string> several{name};
    if (!fs::exists(name) && name.find_first_of("*?[") != std::string::npos) several = matches(name);
    if (fs::is_regular_file(name) && is_list(name)) several = lines_of(name);
    all.insert(all.end(), several.begin(), several.end());
  }
  return all;
}

/// Each file once. Results are called as photographs: two of one name are refused.
std::vector<fs::path> once(const std::vector<fs::path>& files, ProgressLine& progress) {
  std::vector<fs::path> all;
  std::map<std::string, fs::path> named;
  std::size_t again = 0;
  for (const fs::path& file : files) {
    const auto [it, is_new] = named.emplace(file.stem().string(), file);
    std::error_code none;
    const bool same = !is_new && (it->second == file || fs::equivalent(it->second, file, none));
    require<OptionError>(is_new || same, it->second.string(), " and ", file.string(),
                         " have one name, and results are called as photographs; give each an --out of its own");
    if (is_new) all.push_back(file);
    again += same;
  }
  if (again)
    progress.note(message("warning: ", counted(static_cast<std::int64_t>(again), "photograph"), " named twice; each is taken once"));
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
    std::vector<fs::path> inside, others, folders;
    std::error_code unreadable;  // a link to itself is told when it is read
    for (const auto& entry : fs::directory_iterator(name))
      if (entry.path().filename().string().front() != '.')
        (entry.is_directory(unreadable) ? folders : data::has_image_extension(entry.path()) ? inside : others).push_back(entry.path());
    const fs::path below = fs::path(name) / "images";
    const std::string pattern = shell_word((fs::path(name) / "*" / "*").string());
    require<DataError>(!inside.empty(), name, ": the folder holds no image (", data::supported_formats(), ")",
                       fs::is_directory(below) ? "; name the one with its photographs, " + below.string()
                       : folders.empty()       ? ""
                                               : "; of its folders: " + pattern);
    if (!folders.empty())
      progress.note("warning: " + name + ": left out, " + counted(std::ssize(folders), "folder") + "; name what is in them: " + pattern);
    std::sort(inside.begin(), inside.end());
    if (const std::vector<fs::path> masks = data::take_masks(inside); !masks.empty())
      progress.note("warning: " + name + ": left out, being called as the mask of another one: " + masks[0].filename().string() +
                    (masks.size() > 1 ? " and " + std::to_string(masks.size() - 1) + " more" : ""));
    if (!others.empty())
      progress.note("warning: " + name + ": left out, being none of " + data::supported_formats() + ": " +
                    std::min_element(others.begin(), others.end())->filename().string() +
                    (others.size() > 1 ? " and " + std::to_string(others.size() - 1) + " more" : ""));
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return once(files, progress);
}

std::vector<fs::path> mask_files(const fs::path& masks, const std::string& stem, const data::LabelSchema& schema) {
  std::vector<fs::path> files;
  for (const data::LabelSchema& head : schema.heads) {
    const std::vector<fs::path> own = mask_files(masks / head.name, stem, head);
    files.insert(files.end(), own.begin(), own.end());
  }
  if (!schema.heads.empty()) return files;
  if (schema.has_one_file()) return {masks / (stem + data::mask_ending(schema))};
  for (const std::string& plane : schema.plane_names()) files.push_back(masks / plane / (stem + ".png"));
  for (const std::string& name : schema.reading.class_folders) files.push_back(masks / name / (stem + ".png"));
  return files;
}

nlohmann::ordered_json write_masks(const fs::path& masks, const std::string& stem, const data::LabelImage& labels,
                                   const data::LabelSchema& schema) {
  nlohmann::ordered_json written;
  for (std::size_t h = 0; h < schema.heads.size(); ++h) {
    const auto own = write_masks(masks / schema.heads[h].name, stem, schema.of_head(labels, h), schema.heads[h]);
    for (const auto& file : own.is_array() ? own : nlohmann::ordered_json::array({own})) written.push_back(file);
  }
  if (!schema.heads.empty()) return written;
  const std::vector<fs::path> files = mask_files(masks, stem, schema);
  for (const fs::path& file : files) io::create_folders(file.parent_path());
  if (schema.has_one_file()) {
    data::write_mask(files[0], labels, schema);
    return files[0].string();
  }
  for (std::size_t k = 0; k < files.size(); ++k) {
    data::LabelImage plane = labels.planes ? labels.plane(static_cast<int>(k)) : labels;
    if (labels.planes == 0)
      for (std::uint8_t& v : plane.labels) v = v == schema.class_named(schema.reading.class_folders[k]);
    if (schema.planes.empty())
      for (std::uint8_t& v : plane.labels) v *= 255;
    data::write_png(files[k], plane);
    written.push_back(files[k].string());
  }
  return written;
}

}  // namespace cli
