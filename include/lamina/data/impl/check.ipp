// The data set check: reads everything once, in parallel, then reports in a fixed order.
#include "lamina/data/check.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "lamina/core/device.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data {
namespace {

/// What reading one item gave.
struct Inspection {
  std::string image_error, mask_error;
  int width = 0, height = 0, orientation = 1;
  FileFormat image_format = FileFormat::png;
  std::vector<std::string> image_notes;
  std::uint64_t file_hash = 0, pixel_hash = 0;
  MaskContent mask;
};

std::uint64_t hash64(std::string_view bytes, std::uint64_t h) {
  const auto stir = [&](std::uint64_t word) {
    h = (h ^ word) * 0x9e3779b97f4a7c15ull;
    h ^= h >> 29;
  };
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    stir(word);
  }
  for (const char c : bytes) stir(static_cast<unsigned char>(c) + 256u);
  return h;
}

Inspection inspect(const Item& item, const LabelSchema& schema, const DecodeLimits& limits) {
  Inspection result;
  try {
    const std::string bytes = io::read_file(item.image, static_cast<std::uint64_t>(limits.max_file_bytes));
    const Raster raster = decode_raster(bytes, item.image.string(), limits);
    const Image image = to_photo(raster, item.image.string());
    result.width = image.width;
    result.height = image.height;
    result.orientation = raster.orientation;
    result.image_format = raster.format;
    result.image_notes = raster.notes;
    result.file_hash = hash64(bytes, bytes.size());
    result.pixel_hash = hash64({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()},
                               static_cast<std::uint64_t>(image.width * 3 + image.channels));
  } catch (const IoError& error) {
    result.image_error = error.what();
  } catch (const DataError& error) {
    result.image_error = error.what();
  }
  if (item.mask.empty()) return result;
  try {
    result.mask = inspect_mask(item, schema, limits);
  } catch (const IoError& error) {
    result.mask_error = error.what();
  } catch (const DataError& error) {
    result.mask_error = error.what();
  }
  return result;
}

/// Pixels of one mask for which each output of a network should say yes, from its pixels of each class. Of grades: those above.
std::vector<std::int64_t> output_pixels(const LabelSchema& schema, std::vector<std::int64_t> pixels) {
  if (schema.task != Task::ordinal) return pixels;
  for (std::size_t grade = pixels.size() - 1; grade-- > 1;) pixels[grade] += pixels[grade + 1];
  pixels.erase(pixels.begin());
  return pixels;
}

/// "3 of 20 train images ...: a.png, b.png, ..."
std::string examples(const std::vector<std::string>& names) {
  std::string s;
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 4); ++i) s += (i ? ", " : "") + names[i];
  return names.size() > 4 ? s + ", ..." : s;
}

class Checker {
 public:
  Checker(const std::filesystem::path& root, const DatasetOptions& options) : options_(options) { report_.root = root.string(); }

  CheckReport run(const std::filesystem::path& root) {
    DatasetFiles files;
    try {
      files = list_dataset(root, options_);
    } catch (const IoError& e) {
      return error(e.what()), report_;
    } catch (const DataError& e) {
      return error(e.what()), report_;
    }
    report_.findings = files.findings;
    report_.splits_from_lists = files.splits_from_lists;
    report_.schema = files.schema;
    items_ = files.all_items();
    for (const Split split : kSplits) {
      report_.splits[static_cast<int>(split)].items = static_cast<int>(files.items(split).size());
      splits_.insert(splits_.end(), files.items(split).size(), split);
    }
    inspections_.resize(items_.size());
    current_cpu().parallel(static_cast<std::int64_t>(items_.size()), [&](std::int64_t i, int) {
      inspections_[static_cast<std::size_t>(i)] = inspect(items_[static_cast<std::size_t>(i)], files.schema, options_.limits);
    });
    check_files();
    check_duplicates();
    if (decide_encoding()) {
      count_classes();
      check_classes();
    }
    return std::move(report_);
  }

 private:
  template <class... Parts>
  void error(const Parts&... parts) {
    report_.findings.push_back({true, message(parts...)});
  }
  template <class... Parts>
  void warn(const Parts&... parts) {
    report_.findings.push_back({false, message(parts...)});
  }

  void check_files() {
    std::vector<std::string> lossy;
    std::map<std::string, std::vector<std::string>> notes;  // files by what is to be said of them
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const Inspection& in = inspections_[i];
      if (!in.image_error.empty())
        error(in.image_error);
      else
        for (const std::string& note : in.image_notes) notes[note].push_back(items_[i].image.string());
      if (in.image_error.empty()) ++report_.sizes[message(in.width, "x", in.height)], ++report_.image_formats[name_of(in.image_format)];
      if (items_[i].mask.empty()) continue;
      if (!in.mask_error.empty()) {
        error(in.mask_error);
        continue;
      }
      ++report_.mask_formats[name_of(in.mask.format)];
      for (const std::string& note : in.mask.notes) notes[note].push_back(items_[i].mask.string());
      if (in.mask.lossy) lossy.push_back(items_[i].mask.filename().string());
      if (in.image_error.empty() && (in.mask.width != in.width || in.mask.height != in.height))
        error(items_[i].mask.string(), ": the mask has ", in.mask.width, "x", in.mask.height, " pixels, its image ", in.width, "x",
              in.height, in.orientation == 1 ? "" : message(" after applying its EXIF orientation ", in.orientation));
    }
    for (const auto& [note, files] : notes)
      warn(files.size() == 1 ? "1 file: " : message(files.size(), " files: "), note, ": ", examples(files));
    if (!lossy.empty())
      warn(lossy.size(), " masks are lossy files (JPEG, WebP), which smear labels at their borders; save masks as PNG: ", examples(lossy));
  }

  void check_duplicates() {
    std::map<std::uint64_t, std::size_t> first;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (!inspections_[i].image_error.empty()) continue;
      const auto [it, added] = first.emplace(inspections_[i].pixel_hash, i);
      if (added) continue;
      const std::size_t other = it->second;
      const char* same = items_[i].image == items_[other].image                       ? "are one file"
                         : inspections_[i].file_hash == inspections_[other].file_hash ? "are the same file"
                                                                                      : "show the same pixels";
      const std::string text = message(items_[other].image.string(), " (", name_of(splits_[other]), ") and ", items_[i].image.string(),
                                       " (", name_of(splits_[i]), ") ", same);
      if (splits_[i] == splits_[other])
        warn(text);
      else
        error(text, ": scores on ", name_of(splits_[i]), " would be too good; keep one of them");
    }
  }

  bool decide_encoding() {
    std::vector<MaskContent> readable;
    for (std::size_t i = 0; i < items_.size(); ++i)
      if (!items_[i].mask.empty() && inspections_[i].mask_error.empty()) readable.push_back(inspections_[i].mask);
    if (readable.empty()) return false;
    try {
      decoder_ = resolve_masks(readable, report_.schema);
    } catch (const DataError& e) {
      return error(e.what()), false;
    }
    report_.has_encoding = true;
    report_.encoding = decoder_.encoding();
    report_.encoding_text = decoder_.describe(report_.schema);
    return true;
  }

  void count_classes() {
    const std::size_t classes = report_.schema.names.size(), background = static_cast<std::size_t>(std::max(report_.schema.background, 0));
    std::map<std::string, std::pair<std::vector<std::string>, std::int64_t>> outside;  // by value: files, pixels
    std::vector<std::string> empty[3];
    for (SplitSummary& s : report_.splits) {
      s.counts = ClassCounts::zeros(classes);
      s.outputs = ClassCounts::zeros(static_cast<std::size_t>(report_.schema.outputs()));
      s.labelled.resize(classes);
      s.overlapping = report_.schema.task == Task::multilabel;
    }
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const MaskContent& mask = inspections_[i].mask;
      if (items_[i].mask.empty() || !inspections_[i].mask_error.empty()) continue;
      std::vector<std::int64_t> pixels(classes);
      for (const auto& [value, count] : mask.counts) {
        const int c = decoder_.class_of(mask, value);
        if (c < 0) {
          auto& [files, sum] = outside[mask.describe(value)];
          files.push_back(items_[i].mask.filename().string());
          sum += count;
        } else if (c != kIgnoreLabel) {
          pixels[static_cast<std::size_t>(c)] += count;
        }
      }
      SplitSummary& split = report_.splits[static_cast<int>(splits_[i])];
      const std::int64_t labelled = split.counts.add(pixels);
      split.outputs.add(output_pixels(report_.schema, pixels));
      for (std::int64_t& n : split.labelled) n += split.overlapping ? std::int64_t{mask.width} * mask.height : labelled;
      for (const auto& [value, count] : mask.ignored) split.labelled[static_cast<std::size_t>(decoder_.class_of(mask, value))] -= count;
      if (split.overlapping ? labelled > 0 : pixels[background] < labelled) continue;  // of overlapping labels, none is background
      ++split.without_foreground;
      empty[static_cast<int>(splits_[i])].push_back(items_[i].mask.filename().string());
    }
    for (const auto& [value, found] : outside)
      error(found.second, " pixels in ", found.first.size(), " masks have ", value,
            ", which is none of the labels: ", examples(found.first));
    for (const Split split : kSplits)
      if (const auto& names = empty[static_cast<int>(split)]; !names.empty())
        warn(names.size(), " of ", report_.splits[static_cast<int>(split)].items, " ", name_of(split),
             " images have no foreground: ", examples(names));
  }

  void check_classes() {
    for (const Split split : kSplits) {
      const SplitSummary& s = report_.splits[static_cast<int>(split)];
      std::vector<std::string> absent;
      for (std::size_t c = 0; c < report_.schema.names.size(); ++c)
        if (s.counts.images[c] == 0) absent.push_back(report_.schema.names[c]);
      if (s.items > 0 && !absent.empty()) warn("the ", name_of(split), " split has no pixel of: ", examples(absent));
    }
    if (report_.splits[0].items == 0) error("the train split is empty");
    if (report_.splits[1].items == 0) warn("there is no val split: nothing will be measured while training");
  }

  const DatasetOptions& options_;
  CheckReport report_;
  std::vector<Item> items_;
  std::vector<Split> splits_;
  std::vector<Inspection> inspections_;
  MaskDecoder decoder_;
};

}  // namespace

CheckReport check_dataset(const std::filesystem::path& root, const DatasetOptions& options) { return Checker(root, options).run(root); }

ClassCounts count_outputs(const Dataset& dataset, Split split) {
  const auto classes = static_cast<std::size_t>(dataset.schema.classes());
  ClassCounts counts = ClassCounts::zeros(static_cast<std::size_t>(dataset.schema.outputs()));
  for (const Item& item : dataset.items(split)) {
    std::vector<std::int64_t> mask(classes);
    const LabelImage labels = read_mask(item, dataset.masks);
    for (std::size_t i = 0; i < labels.labels.size(); ++i)
      if (const std::uint8_t label = labels.labels[i]; labels.planes)
        mask[i % labels.values()] += label == 1;
      else if (label != kIgnoreLabel)
        ++mask[label];
    counts.add(output_pixels(dataset.schema, std::move(mask)));
  }
  return counts;
}

}  // namespace lamina::data
