#pragma once
// Tables of classes that lie beside masks: classes.txt, class_dict.csv, _classes.csv, id2label.json and alike.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lamina/data/dataset.hpp"
#include "lamina/data/impl/json_text.hpp"

namespace lamina::data::detail {

/// What a table says of each class, a row each: the name, perhaps the value in masks, perhaps the color.
struct ClassTable {
  std::filesystem::path file;
  std::vector<std::string> names;
  std::vector<unsigned> values;     // one a row, or none
  std::vector<std::string> colors;  // "#ff0000": the same

  bool says_values() const { return !values.empty(); }
  /// As dataset.json: rows without a value are numbered from 0.
  Json json() const;
};

/// Whether a file is called as tables of classes are.
bool is_class_table(const std::filesystem::path& file);
/// The table that is read of the first of the folders that has some: of several the one that says most. What is called so and not read is
/// told, unless it seems to be about photographs. Throws DataError on a line that does not fit the first one.
std::optional<ClassTable> class_table_in(const std::vector<std::filesystem::path>& folders, std::vector<Finding>& findings);
/// Of labels that a table says: finds out which values its rows are, unless it says that. What to tell a person; empty: it does not say
/// them. Throws DataError where the masks contradict it.
std::string fit_class_table(const std::vector<MaskContent>& masks, LabelSchema& schema);
/// As dataset.json says it; errors have no line.
LabelSchema schema_of_json(const Json& json, const std::string& origin);

}  // namespace lamina::data::detail
