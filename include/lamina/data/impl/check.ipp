// The data set check: reads everything once, in parallel, then reports in a fixed order.
#include "lamina/data/check.hpp"

#include <algorithm>
#include <set>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/mask_values.hpp"
#include "lamina/data/impl/survey.hpp"

namespace lamina::data {
namespace {

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
    for (const Split split : kSplits) report_.splits[static_cast<int>(split)].items = static_cast<int>(files.items(split).size());
    const detail::Survey survey(files, options_, true);
    check_files(survey);
    survey.tell_of_duplicates(report_.findings);
    const bool decided = decide_encoding(survey);
    survey.tell_of_files(report_.schema, report_.findings);
    if (decided) {
      if (!files.has_schema) survey.tell_of_numbers(report_.root, options_, report_.findings);
      count_classes(survey);
      check_classes();
      survey.tell_of_inverted(decoder_, report_.schema, report_.findings);
      look_closer(survey);
    }
    if (survey.items.empty() && report_.errors() > 0) return std::move(report_);  // which say why
    if (report_.splits[0].items == 0) error(files.why_empty(Split::train));
    if (report_.splits[1].items == 0)
      warn("there is no val split, and nothing will be measured while training: ", files.why_empty(Split::val));
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

  void check_files(const detail::Survey& survey) {
    for (std::size_t i = 0; i < survey.items.size(); ++i) {
      const detail::Inspection& in = survey.found[i];
      if (in.photo_read) {
        ++report_.sizes[message(in.width, "x", in.height)];
        ++report_.image_formats[name_of(in.image_format)];
        report_.extents.emplace_back(in.width, in.height);
      }
      if (!survey.items[i].mask.empty() && in.mask_error.empty()) ++report_.mask_formats[name_of(in.mask.format)];
    }
    survey.tell_of_errors(report_.findings);
    survey.tell_of_sizes(report_.findings);
    report_.photos = survey.photos(report_.findings);
  }

  bool decide_encoding(const detail::Survey& survey) {
    const auto is_readable = [](const detail::Inspection& in) { return in.mask.width > 0; };
    if (std::none_of(survey.found.begin(), survey.found.end(), is_readable)) return false;
    try {
      decoder_ = survey.resolve(report_.schema, options_.background);
    } catch (const DataError& e) {
      return error(e.what()), false;
    }
    report_.has_encoding = true;
    report_.encoding = decoder_.encoding();
    report_.encoding_text = decoder_.describe(report_.schema);
    if (!report_.schema.reading_note.empty()) warn(report_.schema.reading_note);
    return true;
  }

  /// Has the mask anything but the background and what is uncertain?
  bool has_foreground(const std::vector<std::int64_t>& pixels) const {
    const auto& schema = report_.schema;
    for (std::size_t c = 0; c < pixels.size(); ++c) {
      const int k = static_cast<int>(c);
      const bool uncertain =
          schema.plane_names().empty() && std::find(schema.uncertain.begin(), schema.uncertain.end(), k) != schema.uncertain.end();
      if (pixels[c] > 0 && !schema.is_background(k) && !uncertain) return true;
    }
    return false;
  }

  /// What is no label.
  struct Outside {
    std::vector<std::string> files;
    std::map<std::string, std::int64_t> pixels;  // by value, in words
    std::map<std::string, detail::Pairs> overlaps;
  };
  /// In one line, the most frequent values first.
  std::string told(const Outside& found, const std::string& cure) const {
    constexpr std::size_t kShown = 3;
    std::vector<std::pair<std::int64_t, std::string>> values;
    std::int64_t sum = 0;
    for (const auto& [value, count] : found.pixels) {
      const auto pairs = found.overlaps.find(value);
      sum += count, values.emplace_back(-count, value + (pairs == found.overlaps.end() ? "" : detail::overlaps_text(pairs->second)));
    }
    std::sort(values.begin(), values.end());
    std::string text = values.size() == 1 ? values[0].second : message(values.size(), " values, most often ");
    for (std::size_t k = 0; values.size() > 1 && k < std::min(kShown, values.size()); ++k)
      text += message(k ? ", " : "", values[k].second, " (", -values[k].first, ")");
    return message(counted(sum, "pixel"), " in ", counted(std::ssize(found.files), "mask"), " (", detail::examples(found.files),
                   sum == 1 ? ") has " : ") have ", text, cure);
  }

  void count_classes(const detail::Survey& survey) {
    const std::size_t classes = report_.schema.counted().size();
    std::map<std::string, Outside> outside;  // by what to do about it
    Outside left_out;
    std::vector<std::string> empty[3];
    for (SplitSummary& s : report_.splits) {
      s.counts = ClassCounts::zeros(classes);
      s.labelled.resize(classes);
      s.overlapping = !report_.schema.plane_names().empty();
      for (const LabelSchema::Label& label : report_.schema.counted_labels())
        if (report_.schema.task != Task::multilabel && s.overlapping) s.planes.push_back(label.plane);
    }
    for (std::size_t i = 0; i < survey.items.size(); ++i) {
      const MaskContent& mask = survey.found[i].mask;
      if (survey.items[i].mask.empty() || !survey.found[i].mask_error.empty()) continue;
      const std::string name = survey.items[i].mask.filename().string();
      bool leaves_out = false;
      const auto add = [&](const MaskContent& own, const MaskDecoder& decoder, std::uint32_t value, std::int64_t count) {
        Outside& to = leaves_out ? left_out : outside[mask_values::no_label_cure(own, value, report_.schema.has_colors)];
        if (to.files.empty() || to.files.back() != name) to.files.push_back(name);
        to.pixels[own.describe(value)] += count;
        if (value == MaskContent::kSeveralPlanes) detail::add_overlaps(to.overlaps[own.describe(value)], own, decoder);
      };
      detail::each_unknown(mask, decoder_, add);
      leaves_out = true;
      detail::each_unknown(mask, decoder_, add, leaves_out);
      const auto [pixels, known] = detail::counts_of(mask, decoder_, report_.schema);
      SplitSummary& split = report_.splits[static_cast<int>(survey.splits[i])];
      split.counts.add(pixels, known);
      for (std::size_t c = 0; c < classes; ++c) split.labelled[c] += known[c];
      split.pixels.push_back(pixels), split.known.push_back(known);
      if (has_foreground(pixels)) continue;
      ++split.without_foreground;
      empty[static_cast<int>(survey.splits[i])].push_back(name);
    }
    for (const auto& [cure, found] : outside) error(told(found, cure));
    if (!left_out.files.empty()) warn(told(left_out, ": counted nowhere (--others ignore)"));
    for (const Split split : kSplits)
      if (const auto& names = empty[static_cast<int>(split)]; !names.empty())
        warn(names.size(), " of ", report_.splits[static_cast<int>(split)].items, " ", name_of(split),
             " images have no foreground: ", detail::examples(names));
  }

  void check_classes() {
    const std::vector<std::string> names = report_.schema.counted();
    for (const Split split : kSplits) {
      const SplitSummary& s = report_.splits[static_cast<int>(split)];
      std::vector<std::string> absent;
      for (std::size_t c = 0; c < names.size(); ++c)
        if (s.counts.images[c] == 0) absent.push_back(names[c]);
      if (s.items > 0 && !absent.empty()) warn("the ", name_of(split), " split has no pixel of: ", detail::examples(absent));
      if (split != Split::train || s.items == 0 || report_.errors() > 0) continue;
      const auto here = [](std::int64_t pixels) { return pixels > 0; };
      if (std::none_of(s.labelled.begin(), s.labelled.end(), here))
        error("no training pixel has a label, all are ignored: there is nothing to learn");
      else if (!s.overlapping && absent.size() + 1 == names.size())
        warn("every training pixel with a label is '",
             names[static_cast<std::size_t>(std::find_if(s.counts.images.begin(), s.counts.images.end(), here) - s.counts.images.begin())],
             "': there is nothing to tell apart");
    }
  }

  /// Of masks without an error: what lies where. The survey, which checks and counts, keeps what values a mask has and not where; which of
  /// them are labels is known when all are read. So a sample is read again for its objects, and masks with planes for what combines.
  void look_closer(const detail::Survey& survey) {
    if (report_.errors() > 0) return;
    const bool combines = !Combinations::of(report_.schema).empty();
    for (const Split split : kSplits) {
      std::vector<Item> items;
      for (std::size_t i = 0; i < survey.items.size(); ++i)
        if (survey.splits[i] == split) items.push_back(survey.items[i]);
      if (split == Split::train) report_.objects = detail::object_widths(items, decoder_, report_.schema, options_.limits);
      if (combines) report_.combinations[static_cast<int>(split)] = combinations_in(items, decoder_, report_.schema);
    }
    for (const Combinations& train : report_.combinations[0])
      if (const std::vector<std::string> planes = train.nested(); !planes.empty()) {
        std::string chain, labels = "\"none\": 0";
        for (std::size_t k = 0; k < planes.size(); ++k)
          chain += message(k ? " within '" : "'", planes[planes.size() - 1 - k], "'"), labels += message(", \"", planes[k], "\": ", k + 1);
        warn("planes lie in each other, ", chain, mask_values::steps_of_a_scale("{" + labels + "}"));
      }
  }

  const DatasetOptions& options_;
  CheckReport report_;
  MaskDecoder decoder_;
};

}  // namespace

CheckReport check_dataset(const std::filesystem::path& root, const DatasetOptions& options) { return Checker(root, options).run(root); }

}  // namespace lamina::data
