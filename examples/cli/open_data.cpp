#include "open_data.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "lamina/core/text.hpp"

namespace cli {

using namespace lamina;

data::DatasetOptions dataset_options(const DataOptions& o) {
  data::DatasetOptions d;
  const std::filesystem::path root(o.data);
  // A plain name is a folder of the data set; anything that exists from here is taken as it stands.
  auto folder = [&](const std::string& name, const char* usual) -> std::filesystem::path {
    if (name == usual) return {};
    return std::filesystem::is_directory(root / name) ? root / name : std::filesystem::path(name);
  };
  d.images = folder(o.images.value_or("images"), "images");
  d.masks = folder(o.masks.value_or("masks"), "masks");
  d.pixel_weights = folder(o.pixel_weights, "");
  if (o.ignore.value_or(-1) >= 0) d.ignore = static_cast<unsigned>(*o.ignore);
  d.seed = o.seed.value_or(0);
  d.background = o.background.value_or("");
  d.mask_channel = o.mask_channel.value_or("");
  d.mask_frame = o.mask_frame.value_or("");
  d.others = o.others.value_or("");
  d.mask_threshold = o.mask_threshold.value_or(0);
  return d;
}

std::string default_out(const std::filesystem::path& data, const std::string& prefix) {
  const std::filesystem::path root = std::filesystem::weakly_canonical(data), here = std::filesystem::current_path();
  const bool named = data.has_filename() && data.filename() != "." && data.filename() != "..";
  const std::filesystem::path name = prefix + (named ? data : root).filename().string();
  const bool inside = std::mismatch(root.begin(), root.end(), here.begin(), here.end()).first == root.end();
  return (inside ? std::filesystem::proximate(root.parent_path()) / "runs" / name : "runs" / name).string();
}

void keep_out_of_data(const std::string& what, const std::string& out, const DataOptions& o) {
  const std::filesystem::path root(o.data);
  const data::DatasetOptions d = dataset_options(o);
  data::require_no_dataset(what, out, {root, d.images.empty() ? root / "images" : d.images, d.masks.empty() ? root / "masks" : d.masks});
}

DataOptions data_of(const train::TrainConfig& config, const std::string& data, std::uint64_t seed) {
  return as_in_run({.data = data, .seed = seed, .pixel_weights = config.pixel_weights}, config);
}

DataOptions as_in_run(DataOptions o, const train::TrainConfig& config) {
  if (!o.images) o.images = config.images;
  if (!o.masks) o.masks = config.masks;
  if (!o.ignore) o.ignore = config.ignore;
  if (!o.background) o.background = config.background;
  if (!o.mask_channel) o.mask_channel = config.mask_channel;
  if (!o.mask_frame) o.mask_frame = config.mask_frame;
  if (!o.others) o.others = config.others;
  if (!o.mask_threshold) o.mask_threshold = config.mask_threshold;
  if (!o.seed) o.seed = config.seed;  // the split of the run: nothing it was trained on is in its val
  return o;
}

namespace {

void tell_of(const data::Dataset& dataset, const std::string& name, ProgressLine& progress) {
  std::string line = name + ":";
  for (data::Split split : data::kSplits) line += " " + std::to_string(dataset.items(split).size()) + " " + data::name_of(split);
  progress.note(line + (dataset.splits_from_lists ? " (from its lists)" : " (seeded split)"));
  progress.note(dataset.masks.describe(dataset.schema));
  progress.note(dataset.schema.background_text());
  for (const data::Finding& f : dataset.findings) progress.note((f.is_error ? "error: " : "warning: ") + f.text);
}

/// "a, b, c, d, e, f and 3 more".
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 6;
  std::string all;
  for (std::size_t k = 0; k < std::min(names.size(), kMost); ++k) all += (k ? ", " : "") + shortened(names[k], 30);
  return all + (names.size() > kMost ? message(" and ", names.size() - kMost, " more") : "");
}

}  // namespace

data::Dataset open_data(const DataOptions& o, ProgressLine& progress, bool compare_photos) {
  data::DatasetOptions options = dataset_options(o);
  options.compare_photos = compare_photos;
  data::Dataset dataset = data::open_dataset(o.data, options);
  tell_of(dataset, o.data, progress);
  return dataset;
}

data::Dataset open_data_of_run(const DataOptions& options, const std::string& run, const train::RunInfo& info, ProgressLine& progress) {
  const DataOptions o = as_in_run(options, info.config);
  data::Dataset dataset = data::open_dataset(o.data, dataset_options(o));
  const std::vector<std::string> here = heads::make_head(dataset.schema)->outcomes(), there = info.head->outcomes();
  require<DataError>(here == there, o.data, ": its classes (", listed(here), ") are not those that ", run, " was trained on (",
                     listed(there), "); to train on them from there: ", program_word(), " train ", shell_word(o.data), " --from ",
                     shell_word(run), " ", models::command_options(train::model_config(info.config)), " --out ", shell_word(run + "-2"));
  dataset.schema.keep_background(info.schema);
  tell_of(dataset, o.data, progress);
  return dataset;
}

}  // namespace cli
