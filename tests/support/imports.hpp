// Small folders in other layouts, and what they become.
#pragma once
#include "lamina/data/check.hpp"
#include "lamina/data/import.hpp"
#include "support/data_folder.hpp"

namespace lamina::test {

struct Source : TempFolder {
  int next = 0;
  void photo(const std::string& name) {
    io::create_folders((*this / name).parent_path());
    data::write_png(*this / name, data::Image(4, 3, 3, static_cast<std::uint8_t>(++next)));
  }
  void mask(const std::string& name, const std::vector<std::uint8_t>& row, const std::vector<data::Rgb>& palette = {}) {
    io::create_folders((*this / name).parent_path());
    data::LabelImage m(4, 3);
    std::copy(row.begin(), row.end(), m.labels.begin());
    data::write_png(*this / name, m, palette);
  }
  void text(const std::string& name, const std::string& content) {
    io::create_folders((*this / name).parent_path());
    io::write_file_atomically(*this / name, content);
  }
};

/// Imports and checks; the classes of an item's first row.
struct Import {
  TempFolder folder;
  data::Imported made;
  data::Dataset dataset;
  Import(const char* kind, const Source& source) {
    CHECK(data::layout_of(source.path()) == kind);
    made = data::import_dataset(kind, source.path(), folder / "out");
    const data::CheckReport report = data::check_dataset(folder / "out");
    for (const data::Finding& f : report.findings) CHECK_MESSAGE(!f.is_error, f.text);
    dataset = data::open_dataset(folder / "out");
  }
  Labels row(const std::string& stem, std::size_t values = 4) const {
    for (const data::Item& item : dataset.all_items())
      if (item.name == stem) {
        const data::LabelImage mask = data::read_mask(item, dataset.masks);
        return {mask.labels.begin(), mask.labels.begin() + static_cast<std::ptrdiff_t>(values)};
      }
    FAIL(stem);
    return {};
  }
  std::vector<std::string> names(data::Split split) const {
    std::vector<std::string> all;
    for (const data::Item& item : dataset.items(split)) all.push_back(item.name);
    return all;
  }
};
using Names = std::vector<std::string>;

/// Why an import is refused; empty: it is not.
inline std::string import_fault(const char* kind, const Source& source) {
  const TempFolder out;
  try {
    data::import_dataset(kind, source.path(), out / "o");
  } catch (const DataError& e) {
    return e.what();
  }
  return "";
}

}  // namespace lamina::test
