// Opening a data set: its masks can be read from then on.
#include <algorithm>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/mask_values.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/data/pixel_weights.hpp"

namespace lamina::data {
namespace {

namespace fs = std::filesystem;

void throw_errors(const DatasetFiles& files) {
  std::string text;
  int errors = 0;
  for (const Finding& f : files.findings)
    if (f.is_error && ++errors <= 5) text += "\n  " + f.text;
  if (errors > 5)
    text += message("\n  and ", errors - 5, " more; `", program_word(), " check ", shell_word(files.root.string()), "` lists all");
  require<DataError>(errors == 0, files.root.string(), ": the data set has ", counted(errors, "error"), ":", text);
}

}  // namespace

Dataset open_dataset(const fs::path& root, const DatasetOptions& options) {
  Dataset dataset{list_dataset(root, options), {}};
  throw_errors(dataset);
  if (!options.need_masks) return dataset;
  const detail::Survey survey(dataset, options, options.compare_photos);
  survey.tell_of_errors(dataset.findings);
  throw_errors(dataset);
  try {
    dataset.masks = survey.resolve(dataset.schema, options.background);
  } catch (const DataError& error) {
    throw DataError(root.string() + ": " + error.what());
  }
  std::vector<Finding> same;
  survey.tell_of_sizes(dataset.findings);
  dataset.photos = survey.photos(dataset.findings);
  throw_errors(dataset);
  if (const std::string& note = dataset.schema.reading_note; !note.empty()) dataset.findings.push_back({false, note});
  survey.tell_of_files(dataset.schema, dataset.findings);
  if (!dataset.has_schema) survey.tell_of_numbers(root, options, dataset.findings);
  survey.tell_of_inverted(dataset.masks, dataset.schema, dataset.findings);
  survey.tell_of_duplicates(same);
  for (Finding& f : same) dataset.findings.push_back({false, std::move(f.text), f.leak});
  for (std::size_t i = 0; i < survey.items.size(); ++i) {
    const auto refuse = [&](const MaskContent& mask, const MaskDecoder& decoder, std::uint32_t value, std::int64_t count) {
      detail::Pairs pairs;
      if (value == MaskContent::kSeveralPlanes) detail::add_overlaps(pairs, mask, decoder);
      throw DataError(message(mask.file, ": ", counted(count, "pixel has", "pixels have"), " ", mask.describe(value),
                              detail::overlaps_text(pairs), mask_values::no_label_cure(mask, value, dataset.schema.has_colors)));
    };
    detail::each_unknown(survey.found[i].mask, dataset.masks, refuse);
  }
  const std::vector<std::size_t> copied = survey.copied();
  std::size_t i = 0;
  for (auto& split : dataset.splits)
    for (Item& item : split) {
      if (copied[i] != i) item.copy_of = survey.items[copied[i]].name;
      const MaskContent& content = survey.found[i++].mask;
      auto [pixels, known] = detail::counts_of(content, dataset.masks, dataset.schema);
      item.pixels = std::move(pixels), item.labelled = std::move(known);
      item.width = content.width, item.height = content.height;
      if (!item.weights.empty()) (void)read_pixel_weights(item, options.limits);
    }
  return dataset;
}

namespace {

bool is_within(const fs::path& inner, const fs::path& outer) {
  const fs::path path = inner.lexically_relative(outer);
  return !path.empty() && *path.begin() != "..";
}

/// Without a slash at its end.
fs::path normal(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

/// As it is typed from here.
std::string as_typed(const fs::path& path) {
  const fs::path from_here = path.lexically_relative(fs::current_path());
  return shell_word((is_within(path, fs::current_path()) ? from_here : path).string());
}

/// The folder above `place`, or `place` itself, that is laid out as a data set; empty: none is.
fs::path dataset_around(fs::path place) {
  std::error_code none;
  for (; place.has_relative_path(); place = place.parent_path())
    if (fs::exists(place / "dataset.json", none) || (fs::is_directory(place / "images", none) && fs::is_directory(place / "masks", none)))
      return place;
  return {};
}

}  // namespace

void require_no_dataset(const std::string& what, const fs::path& folder, const std::vector<fs::path>& data) {
  const auto refuse = [&](const std::string& why, const fs::path& instead) {
    throw OptionError(message(what, " ", folder.string(), " is ", why,
                              ", where results would land among data; choose another place, such as ",
                              what.starts_with("--") ? what + ' ' : "", as_typed(instead)));
  };
  const auto beside = [&](const fs::path& root) {
    const fs::path outer = dataset_around(normal(root).parent_path()), top = outer.empty() ? normal(root) : outer;
    const fs::path name = normal(folder).filename(), own = top.filename();
    const bool taken = name == own || name == "images" || name == "masks";
    return top.parent_path() / (taken ? own.string() + "_results" : name.string());
  };
  std::error_code none;
  for (const char* part : {"images", "dataset.json"})
    if (fs::exists(folder / part, none)) refuse(message("a data set (it has ", part, ")"), beside(folder));
  const fs::path place = fs::weakly_canonical(folder);
  for (const fs::path& own : data) {
    const fs::path theirs = fs::weakly_canonical(own);
    if (is_within(place, theirs)) refuse(place == theirs ? "of the data set" : "in the data set " + own.string(), beside(own));
    if (is_within(theirs, place)) refuse("around the data set " + own.string(), normal(folder) / "results");
  }
  for (const fs::path& path : {normal(folder), place})  // the former is in images/ that is a link, the latter behind a link
    if (const fs::path root = dataset_around(path); !root.empty()) refuse("in the data set " + as_typed(root), beside(root));
}

}  // namespace lamina::data
