#include "lamina/data/impl/class_table.hpp"

#include <algorithm>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/label_names.hpp"
#include "lamina/data/impl/mask_values.hpp"
#include "lamina/data/impl/pairing.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {
namespace {

constexpr std::size_t kMostRows = 255;
constexpr std::string_view kNameWords[] = {"name",  "names",  "title",      "class",      "classes",
                                           "label", "labels", "class_name", "label_name", "category"},
                           kValueWords[] = {"pixel value", "value", "id", "index", "class_id", "label_id", "class_index", "pixel_value"},
                           kColorWords[] = {"color", "colour", "rgb", "hex"};
constexpr std::string_view kParts[3][2] = {{"r", "red"}, {"g", "green"}, {"b", "blue"}};

template <class Words>
bool is_word(const Words& words, const std::string& text) {
  return std::find(std::begin(words), std::end(words), schema_names::in_small_letters(text)) != std::end(words);
}

bool is_number(const std::string& text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos; }

/// The numbers of "128 0 255", "(128, 0, 255)" and "128"; none where there is anything else.
std::vector<std::string> numbers_in(const std::string& cell) {
  std::vector<std::string> numbers;
  for (std::size_t begin = cell.find_first_not_of(" ,;()[]"), end; begin != std::string::npos;
       begin = cell.find_first_not_of(" ,;()[]", end)) {
    end = std::min(cell.find_first_of(" ,;()[]", begin), cell.size());
    numbers.push_back(cell.substr(begin, end - begin));
    if (!is_number(numbers.back())) return {};
  }
  return numbers;
}

/// The cells of a line. Quotes may hold what parts cells.
std::vector<std::string> cells_of(const std::string& line, const char* parts) {
  std::vector<std::string> cells;
  for (std::size_t begin = 0, end; begin <= line.size(); begin = end + 1) {
    const std::size_t first = std::min(line.find_first_not_of(' ', begin), line.size()),
                      quote = first < line.size() && line[first] == '"' ? line.find('"', first + 1) : std::string::npos;
    end = std::min(line.find_first_of(parts, quote == std::string::npos ? begin : quote), line.size());
    cells.push_back(spelled_label(unquoted(line.substr(begin, end - begin))));
  }
  return cells;
}

struct Row {
  std::string line, where;
  std::vector<std::string> cells;
};

/// Columns, -1: there is none.
struct Columns {
  int name = -1, value = -1, color = -1, part[3] = {-1, -1, -1};
  bool colors() const { return color >= 0 || part[0] >= 0; }
};

std::optional<Columns> named_columns(const std::vector<std::string>& header) {
  Columns columns;
  for (int k = 0; k < static_cast<int>(header.size()); ++k) {
    const std::string& cell = header[static_cast<std::size_t>(k)];
    if (is_number(cell)) return std::nullopt;
    if (columns.name < 0 && is_word(kNameWords, cell)) columns.name = k;
    if (columns.value < 0 && is_word(kValueWords, cell)) columns.value = k;
    if (columns.color < 0 && is_word(kColorWords, cell)) columns.color = k;
    for (int c = 0; c < 3; ++c)
      if (is_word(kParts[c], cell)) columns.part[c] = k;
  }
  return columns.name < 0 ? std::nullopt : std::optional(columns);
}

/// Of rows without names of columns: by what they hold. Nothing: they are no table of classes.
std::optional<Columns> guessed_columns(std::vector<Row>& rows) {
  const auto leads = [](const Row& row) {  // "0 background"
    const std::size_t blank = row.cells[0].find(' ');
    return row.cells.size() == 1 && blank != std::string::npos && is_number(row.cells[0].substr(0, blank));
  };
  const bool all_lead = std::all_of(rows.begin(), rows.end(), leads);
  for (Row& row : rows) {
    std::vector<std::string> cells;
    for (const std::string& cell : row.cells) {
      const std::vector<std::string> numbers = numbers_in(cell);
      cells.insert(cells.end(), numbers.begin(), numbers.end());
      if (numbers.empty() && !cell.empty()) cells.push_back(cell);
    }
    if (all_lead) cells = {row.cells[0].substr(0, row.cells[0].find(' ')), spelled_label(row.cells[0].substr(row.cells[0].find(' ')))};
    row.cells = std::move(cells);
    if (row.cells.size() != rows[0].cells.size()) return std::nullopt;
  }
  std::vector<int> names, numbers;
  for (std::size_t k = 0; k < rows[0].cells.size(); ++k) {
    const bool all_numbers = std::all_of(rows.begin(), rows.end(), [&](const Row& row) { return is_number(row.cells[k]); });
    (all_numbers ? numbers : names).push_back(static_cast<int>(k));
  }
  if (names.size() != 1 || (numbers.size() > 1 && numbers.size() != 3 && numbers.size() != 4)) return std::nullopt;
  Columns columns;
  columns.name = names[0];
  if (numbers.size() % 3 == 1) columns.value = numbers[0];
  for (std::size_t c = 0; c < 3 && numbers.size() > 1; ++c) columns.part[c] = numbers[numbers.size() - 3 + c];
  return columns;
}

unsigned byte_in(const Row& row, int column) {
  const std::string text = column >= 0 && column < std::ssize(row.cells) ? row.cells[static_cast<std::size_t>(column)] : "";
  require<DataError>(is_number(text) && text.size() < 4 && std::stoi(text) < 256, row.where, ": '", row.line,
                     "' lacks a number from 0 to 255 where the first line names one");
  return static_cast<unsigned>(std::stoi(text));
}

std::string color_in(const Row& row, const Columns& columns) {
  if (columns.color < 0)
    return mask_values::hex_color(
        mask_values::packed(byte_in(row, columns.part[0]), byte_in(row, columns.part[1]), byte_in(row, columns.part[2])));
  const std::string cell = columns.color < std::ssize(row.cells) ? row.cells[static_cast<std::size_t>(columns.color)] : "";
  if (cell.size() == 7 && cell[0] == '#' && cell.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string::npos)
    return schema_names::in_small_letters(cell);
  const Row parts{row.line, row.where, numbers_in(cell)};
  require<DataError>(parts.cells.size() == 3, row.where, ": '", row.line, "' has no color as #ff8000 or \"255, 128, 0\"");
  return color_in(parts, {.part = {0, 1, 2}});
}

bool is_of_files(const std::vector<Row>& rows) {
  return std::any_of(rows.begin(), rows.end(), [](const Row& row) {
    return std::any_of(row.cells.begin(), row.cells.end(), [](const std::string& cell) { return has_image_extension(cell); });
  });
}

/// A JSON value as a cell: text, a number, a list of numbers.
std::string cell_of(const Json& value) {
  std::string text = value.is_string() ? spelled_label(value.get<std::string>()) : value.is_array() ? "" : value.dump();
  for (std::size_t k = 0; value.is_array() && k < value.size(); ++k) text += (k ? ", " : "") + value[k].dump();
  return text;
}

/// The rows that such JSON is: a list of names, or of objects with names; an object of names by value, or of values or colors by name; or
/// one of these below "id2label", "label2id", "classes", "labels", "names" or "categories". None, where it is anything else.
std::vector<Row> rows_of_json(const Json& json, const std::string& where) {
  const auto row = [&](const Json& of, std::vector<std::string> cells) { return Row{of.dump(), where, std::move(cells)}; };
  std::vector<Row> rows;
  if (json.is_array() && std::all_of(json.begin(), json.end(), [](const Json& one) { return one.is_string(); })) {
    for (const Json& name : json) rows.push_back(row(name, {cell_of(name)}));
    return rows;
  }
  if (json.is_array()) {
    std::vector<std::string> header;
    for (const Json& one : json) {
      if (!one.is_object()) return {};
      for (const auto& [key, value] : one.items())
        if (rows.empty() && (is_word(kNameWords, key) || is_word(kValueWords, key) || is_word(kColorWords, key))) header.push_back(key);
      std::vector<std::string> cells;
      for (const std::string& key : header) cells.push_back(one.contains(key) ? cell_of(one[key]) : "");
      rows.push_back(row(one, std::move(cells)));
    }
    if (header.empty()) return {};
    rows.insert(rows.begin(), row(json, header));
    return rows;
  }
  if (!json.is_object()) return {};
  for (const char* key : {"id2label", "label2id", "classes", "labels", "names", "categories"})
    if (json.contains(key) && json[key].is_structured()) return rows_of_json(json[key], where);
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) return {};
    rows.push_back(row(Json{{key, value}}, {spelled_label(key), cell_of(value)}));
  }
  const auto all = [&](auto&& holds) { return std::all_of(rows.begin(), rows.end(), holds); };
  const bool by_value = all([](const Row&r) { return is_number(r.cells[0]); }),
             of_values = all([](const Row&r) { return is_number(r.cells[1]); }),
             of_colors = all([](const Row&r) { return r.cells[1].starts_with('#') || numbers_in(r.cells[1]).size() == 3; });
  if (!by_value && !of_values && !of_colors) return is_of_files(rows) ? rows : std::vector<Row>{};
  rows.insert(rows.begin(), row(json, by_value ? std::vector<std::string>{"value", "name"}
                                               : std::vector<std::string>{"name", of_values ? "value" : "color"}));
  return rows;
}

/// The rows of a file: its lines, or what stands in JSON for them.
std::vector<Row> rows_of(const fs::path& file, bool is_json) {
  const std::string text = io::read_text(file, 1 << 20);
  if (is_json) return rows_of_json(parse_json(text, file.string()), file.string());
  std::vector<Row> rows;
  const bool by_colon = text.find_first_of(",;\t") == std::string::npos || file.stem() == "labelmap";
  each_line(text, [&](const std::string& line, int number) {
    rows.push_back({line, message(file.string(), " line ", number), cells_of(line, by_colon ? ",;\t:" : ",;\t")});
  });
  return rows;
}

/// The file's rows as a table; nothing, where they are none, with `why`, unless that is plain.
std::optional<ClassTable> table_of(const fs::path& file, std::string& why) {
  const std::string ending = schema_names::in_small_letters(file.extension().string());
  if (ending == ".yaml" || ending == ".yml") {
    why = "is YAML: write the names into classes.txt beside it, a line each from value 0 on";
    return std::nullopt;
  }
  const bool is_json = ending == ".json";
  std::vector<Row> rows = rows_of(file, is_json);
  if ((rows.empty() && !is_json) || is_of_files(rows)) return std::nullopt;
  const auto header = rows.empty() ? std::nullopt : named_columns(rows[0].cells);
  if (header) rows.erase(rows.begin());
  const auto columns = header || rows.empty() || rows.size() > kMostRows ? header : guessed_columns(rows);
  why =
      rows.size() > kMostRows ? message("has ", rows.size(), " lines, and a mask has 255 classes at most")
      : (!columns || rows.empty()) && is_json
          ? "is no table of classes: it is [NAME, ...], {VALUE: NAME, ...}, or [{\"name\": NAME, \"color\": \"#ff0000\"}, ...]"
      : !columns || rows.empty()
          ? "is no table of classes: a line is NAME, VALUE NAME, or NAME and three numbers of its color; or the first says what columns are"
          : "";
  if (!why.empty()) return std::nullopt;
  ClassTable table;
  table.file = file;
  for (const Row& row : rows) {
    const std::string name = columns->name < std::ssize(row.cells) ? row.cells[static_cast<std::size_t>(columns->name)] : "";
    const auto again = [](const auto& all, const auto& one) { return std::find(all.begin(), all.end(), one) != all.end(); };
    require<DataError>(!name.empty() && !again(table.names, name), row.where, ": '", row.line, "' names no class, or one again");
    if (columns->value >= 0) {
      const unsigned value = byte_in(row, columns->value);
      require<DataError>(!again(table.values, value), row.where, ": '", row.line, "' has the value of a line before");
      table.values.push_back(value);
    }
    if (columns->colors()) {
      const std::string color = color_in(row, *columns);
      require<DataError>(!again(table.colors, color), row.where, ": '", row.line, "' has the color of a line before");
      table.colors.push_back(color);
    }
    table.names.push_back(name);
  }
  return table;
}

}  // namespace

Json ClassTable::json() const {
  Json json{{"labels", Json::object()}};
  for (std::size_t k = 0; k < names.size(); ++k) {
    json["labels"][names[k]] = says_values() ? values[k] : static_cast<unsigned>(k);
    if (!colors.empty()) json["colors"][names[k]] = colors[k];
  }
  return json;
}

bool is_class_table(const fs::path& file) {
  constexpr std::string_view kNames[] = {"classes",   "classnames", "classdict", "classdictseg",    "classcolors",  "classlist",
                                         "labels",    "labelnames", "labelmap",  "labelcolors",     "labelscolors", "labellist",
                                         "labeldict", "colormap",   "classmap",  "labelsclassdict", "classmapping", "labelmapping",
                                         "id2label",  "label2id",   "categories"};
  std::string stem = schema_names::in_small_letters(file.stem().string());
  std::erase_if(stem, [](char c) { return c == '_' || c == '-' || c == ' '; });
  const std::string ending = schema_names::in_small_letters(file.extension().string());
  constexpr std::string_view kEndings[] = {".txt", ".csv", ".tsv", ".json", ".yaml", ".yml"};
  return ending == ".names" || (stem == "data" && (ending == ".yaml" || ending == ".yml")) ||  // of Darknet and YOLO
         (std::find(std::begin(kEndings), std::end(kEndings), ending) != std::end(kEndings) &&
          std::find(std::begin(kNames), std::end(kNames), stem) != std::end(kNames));
}

std::optional<ClassTable> class_table_in(const std::vector<fs::path>& folders, std::vector<Finding>& findings) {
  std::vector<ClassTable> tables;
  for (const fs::path& folder : folders) {
    std::vector<fs::path> files;
    std::error_code none;
    if (tables.empty())
      for (const auto& entry : fs::directory_iterator(folder, none))
        if (entry.is_regular_file(none) && is_class_table(entry.path())) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      std::string why;
      if (auto table = table_of(file, why))
        tables.push_back(std::move(*table));
      else if (!why.empty())
        findings.push_back({false, message(file.string(), " is called as a table of classes, is not read, and ", why)});
    }
  }
  if (tables.empty()) return std::nullopt;
  const auto says = [](const ClassTable& table) { return table.says_values() + !table.colors.empty(); };
  const auto best = std::max_element(tables.begin(), tables.end(), [&](const auto& a, const auto& b) { return says(a) < says(b); });
  const std::set<std::string> names(best->names.begin(), best->names.end());
  for (const ClassTable& other : tables)
    if (std::set<std::string>(other.names.begin(), other.names.end()) != names)
      findings.push_back({false, message(other.file.string(), " names other classes than ", best->file.string(),
                                         ", which is read: keep the one that is right")});
  return std::move(*best);
}

}  // namespace lamina::data::detail
