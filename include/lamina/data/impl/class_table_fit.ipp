// Which values of masks the rows of a class table are, where it does not say.
#include <algorithm>
#include <set>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/class_table.hpp"
#include "lamina/data/impl/mask_values.hpp"

namespace lamina::data::detail {
namespace {

using mask_values::Kind;

/// What gray masks, and those of palettes, hold beside what is ignored.
struct UsedValues {
  std::map<std::uint32_t, std::string> first_file{};
  bool marks = true;  // 0 and full intensity alone

  UsedValues(const std::vector<MaskContent>& masks, const LabelSchema& schema) {
    for (const MaskContent& m : masks)
      for (const auto& [value, count] : m.counts)
        if ((m.kind == Kind::gray || m.kind == Kind::palette) && value != schema.ignore) {
          first_file.emplace(value, m.file);
          marks = marks && (value == 0 || (value == m.max_value && value > 1)) && m.kind == Kind::gray;
        }
    marks = marks && !first_file.empty();
  }
  std::size_t last() const { return marks ? first_file.rbegin()->first > 0 : first_file.rbegin()->first; }
};

void number_from_one(LabelSchema& schema, bool zero_is_used) {
  for (unsigned& v : schema.values) ++v;
  if (!zero_is_used) return;
  schema.values.insert(schema.values.begin(), 0);
  schema.names.insert(schema.names.begin(), "background");
  schema.background = 0;
  schema.background_reason = "the table of classes does not name the value 0";
  schema.has_colors = schema.has_colors && std::find(schema.colors.begin(), schema.colors.end(), Rgb{}) == schema.colors.end();
  if (schema.has_colors) schema.colors.insert(schema.colors.begin(), Rgb{});
  schema.set_default_colors();
}

std::string fitted_rows(const std::vector<MaskContent>& masks, LabelSchema& schema) {
  const auto is_known = [&](const MaskContent& m) {
    return m.kind != Kind::planes && std::all_of(m.counts.begin(), m.counts.end(), [&](const auto& v) {
             return mask_values::is_label_color(schema, mask_values::color_of(m, v.first));
           });
  };
  if (schema.has_colors && std::all_of(masks.begin(), masks.end(), is_known)) {
    schema.reading.encoding = MaskEncoding::colors;
    return "its colors are those of the masks";
  }
  const UsedValues used(masks, schema);
  const std::string unlike = schema.has_colors ? ", as the masks do not have its colors" : "";
  if (used.first_file.empty()) return schema.has_colors ? "its colors" : "its rows, in their order";
  const std::size_t rows = schema.names.size(), last = used.last();
  const bool beyond = last > rows || (last == rows && schema.background >= 0);
  require<DataError>(!beyond && !(used.marks && rows == 2 && schema.background < 0), schema.table, " names ",
                     counted(std::ssize(schema.names), "class", "classes"), schema.background >= 0 ? "" : ", none of them the background",
                     ", and the masks hold ",
                     used.marks ? "0 and full intensity, what is marked and what is not"
                                : mask_values::list(used.first_file, [](const auto& v) { return std::to_string(v.first); }),
                     ": which is which has to be written into dataset.json, which counts instead: {\"labels\": {\"", schema.names[0],
                     "\": 0, ...}}", last == 255 && !used.marks ? "; if 255 marks pixels to leave out, say so with --ignore 255" : "");
  if (last < rows) return "its rows are the values from 0" + unlike;
  const bool zero_is_used = used.first_file.contains(0);
  number_from_one(schema, zero_is_used);
  return message("its rows are the values from 1", unlike,
                 zero_is_used ? ", and 0, which it does not name, is the background" : ", as no mask holds 0");
}

}  // namespace

std::string fit_class_table(const std::vector<MaskContent>& masks, LabelSchema& schema) {
  if (schema.table.empty()) return {};
  const bool readable = std::none_of(masks.begin(), masks.end(), [](const MaskContent& m) { return m.too_many_values; });
  const std::string how = !schema.reading.class_folders.empty() ? "its names are those of folders"
                          : schema.numbered && readable         ? fitted_rows(masks, schema)
                                                                : "its values";
  return message(schema.table, " says the classes, as there is no dataset.json: ", how,
                 ". If that is not right, write dataset.json, which counts instead (check --write-dataset-json makes one to start from)");
}

}  // namespace lamina::data::detail
