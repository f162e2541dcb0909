// What the classes of an imported data set are called, where a file of it says so.
#include "lamina/core/text.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/mask_values.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {
namespace {

/// A table of classes: "Pixel Value, Class" (Roboflow's _classes.csv) or "name, r, g, b" (class_dict.csv).
Json schema_of_table(const fs::path& file) {
  std::vector<std::string> header;
  Json labels = Json::object(), colors = Json::object();
  bool by_color = false;
  each_line(io::read_text(file, 1 << 20), [&](const std::string& line, int number) {
    const std::string where = message(file.string(), " line ", number);
    std::vector<std::string> cells;
    for (std::size_t begin = 0, end; begin <= line.size(); begin = end + 1) {
      const std::size_t first = std::min(line.find_first_not_of(' ', begin), line.size()),
                        quote = first < line.size() && line[first] == '"' ? line.find('"', first + 1) : std::string::npos;
      end = std::min(line.find_first_of(",;\t", quote == std::string::npos ? begin : quote), line.size());
      cells.push_back(unquoted(line.substr(begin, end - begin)));
    }
    if (header.empty()) {
      for (const std::string& cell : cells) header.push_back(schema_names::in_small_letters(cell));
      return;
    }
    const auto cell = [&](std::initializer_list<const char*> names) {
      for (std::size_t k = 0; k < std::min(header.size(), cells.size()); ++k)
        for (const char* name : names)
          if (header[k] == name) return cells[k];
      return std::string();
    };
    const auto byte = [&](const std::string& text) {
      require<DataError>(
          !text.empty() && text.size() < 4 && text.find_first_not_of("0123456789") == std::string::npos && std::stoi(text) < 256, where,
          ": '", line, "' lacks a number from 0 to 255 where the first line names one");
      return static_cast<unsigned>(std::stoi(text));
    };
    const std::string name = cell({"name", "class", "label"});
    by_color = cell({"pixel value", "value", "id"}).empty();
    require<DataError>(!name.empty() && !labels.contains(name), where, ": '", line, "' names no class, or one again");
    labels[name] = by_color ? static_cast<unsigned>(labels.size()) : byte(cell({"pixel value", "value", "id"}));
    if (by_color)
      colors[name] =
          mask_values::hex_color(mask_values::packed(byte(cell({"r", "red"})), byte(cell({"g", "green"})), byte(cell({"b", "blue"}))));
  });
  if (by_color) return {{"labels", labels}, {"colors", colors}, {"encoding", "colors"}};
  return {{"labels", labels}};
}

/// labelme's label_names.txt of one picture: the names of 0, 1 ... a line.
Json schema_of_lines(const fs::path& file) {
  Json labels = Json::object();
  each_line(io::read_text(file, 1 << 20), [&](const std::string& line, int) { labels[line] = labels.size(); });
  return {{"labels", labels}};
}

}  // namespace

Json schema_of(const fs::path& source, const std::vector<fs::path>& photos) {
  Json schema;
  fs::path origin;
  for (const char* name : {"dataset.json", "_classes.csv", "class_dict.csv", "label_names.txt"}) {
    if (!schema.is_null()) break;
    const auto look_in = [&](const fs::path& folder) {
      const fs::path path = folder / name;
      if (!fs::exists(path)) return;
      Json json = path.extension() == ".csv"   ? schema_of_table(path)
                  : path.extension() == ".txt" ? schema_of_lines(path)
                                               : parse_json(io::read_text(path, 1 << 20), path.string());
      require<DataError>(origin.empty() || json == schema, origin.string(), " and ", path.string(), " differ; ",
                         path.extension() == ".txt"
                             ? "the same number is another class there: import the JSON files that they were made of "
                               "(import labelme), or export all at once (labelme2voc)"
                         : path.extension() == ".csv"
                             ? "where a number, or a color, is another class there, export all splits at once, or give the masks one "
                               "numbering; else keep one of them"
                             : "keep one of them");
      schema = std::move(json), origin = path;
    };
    look_in(source);
    for (const fs::path& below : photos) {
      fs::path folder = source;
      for (const fs::path& part : below.lexically_relative(source)) look_in(folder /= part);
    }
  }
  return schema;
}

}  // namespace lamina::data::detail
