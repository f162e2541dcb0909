// What a data set check says, to a person and to programs.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"

namespace lamina::data {
namespace {

constexpr std::size_t kColumns = 100;

std::string joined(const std::map<std::string, int>& counts) {
  std::string s;
  std::size_t n = 0;
  for (const auto& [name, count] : counts) {
    if (n++ == 8) return message(s, ", and ", counts.size() - 8, " more");
    s += message(n > 1 ? ", " : "", name, " (", count, ")");
  }
  return s.empty() ? "none" : s;
}

}  // namespace

namespace {

/// "; 1.2 % of the training pixels that have a class have several: hair+ruler (0.8 %), ..."; of grades nothing.
std::string overlaps_text(const Combinations& train) {
  const Combinations::Overlaps overlaps = train.overlaps();
  if (overlaps.marked == 0) return {};
  if (overlaps.several == 0)
    return "; no training pixel has two of them: where they exclude each other, \"task\": \"multiclass\" in dataset.json says so, and is "
           "easier to learn";
  const auto share = [&](std::int64_t pixels) {
    return formatted("%.3g %%", 100 * static_cast<double>(pixels) / static_cast<double>(overlaps.marked));
  };
  std::string text = message("; ", share(overlaps.several), " of the training pixels that have a class have several: ");
  for (std::size_t k = 0; k < std::min<std::size_t>(overlaps.of.size(), 4); ++k)
    text += message(k ? ", " : "", train.name(overlaps.of[k]), " (", share(train.counts().at(overlaps.of[k]).pixels), ")");
  return text + (overlaps.of.size() > 4 ? message(" and ", overlaps.of.size() - 4, " more") : "");
}

/// "combinations of grades: of 256 that are possible train has 57, val 31, test 40; not in train: A0_B1_C3_D0 (1.2 % of test)".
std::string combinations_text(const CheckReport& report, std::size_t which) {
  const auto of = [&](Split split) -> const Combinations& { return report.combinations[static_cast<int>(split)][which]; };
  const Combinations& train = of(Split::train);
  std::string text = message("  combinations of ", train.schema().name.empty() ? "" : train.schema().name + " ", train.of_what(), ": of ",
                             decimal(train.possible(), 0), " that are possible train has ", train.counts().size());
  std::string lacking;
  std::size_t lacks = 0;
  for (const Split split : {Split::val, Split::test}) {
    if (report.splits[static_cast<int>(split)].items == 0) continue;
    text += message(", ", name_of(split), " ", of(split).counts().size());
    for (const Combinations::Grades& grades : unseen(train, of(split))) {
      const double share = static_cast<double>(of(split).counts().at(grades).pixels) / static_cast<double>(of(split).pixels());
      if (++lacks <= 4)
        lacking += message(lacks > 1 ? ", " : "", train.name(grades), formatted(" (%.3g %% of ", 100 * share), name_of(split), ")");
    }
  }
  text += lacks == 0 ? "; train has all of them"
                     : "; not in train: " + lacking + (lacks > 4 ? message(" and ", lacks - 4, " more") : std::string());
  return text + overlaps_text(train);
}

}  // namespace

int SplitSummary::majority_class() const {
  return static_cast<int>(std::max_element(counts.pixels.begin(), counts.pixels.end()) - counts.pixels.begin());
}
double SplitSummary::majority_share() const {
  if (labelled.empty()) return 0;
  if (!planes.empty()) {  // the most frequent one of each plane
    std::int64_t most = 0, all_planes = 0;
    for (std::size_t first = 0, last; first < planes.size(); first = last) {
      std::int64_t most_of_plane = 0;
      for (last = first; last < planes.size() && planes[last] == planes[first]; ++last)
        most_of_plane = std::max(most_of_plane, counts.pixels[last]);
      most += most_of_plane;
      all_planes += labelled[first];
    }
    return all_planes == 0 ? 0 : static_cast<double>(most) / static_cast<double>(all_planes);
  }
  const auto sum = [](const std::vector<std::int64_t>& n) { return std::accumulate(n.begin(), n.end(), std::int64_t{0}); };
  const auto all = overlapping ? sum(labelled) : labelled[0];
  const auto right = overlapping ? all - sum(counts.pixels) : counts.pixels[static_cast<std::size_t>(majority_class())];
  return all == 0 ? 0 : static_cast<double>(right) / static_cast<double>(all);
}

int CheckReport::errors() const {
  return static_cast<int>(std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return f.is_error; }));
}
int CheckReport::warnings() const { return static_cast<int>(findings.size()) - errors(); }

std::string CheckReport::text() const {
  std::string s = root + '\n';
  s += formatted("  images   train %d, val %d, test %d (%s)\n", splits[0].items, splits[1].items, splits[2].items,
                 splits_from_lists ? "from lists" : "seeded split");
  s += "  sizes    " + joined(sizes) + "\n  formats  images " + joined(image_formats) + "; masks " + joined(mask_formats) + '\n';
  if (photos.channels && (photos.channels != 3 || photos.bits != 8))
    s += message("  bands    ", photos.channels == 3 ? std::string("gray or RGB") : std::to_string(photos.channels), " of ",
                 photos.bits ? message(photos.bits) : "8 and 16", " bits: normalised by their mean and standard deviation\n");
  if (has_encoding) {
    s += wrapped("  masks    " + encoding_text, kColumns, 11) + '\n' + wrapped("  " + schema.background_text(), kColumns, 4) + "\n\n";
    const bool ordinal = schema.task == Task::ordinal, several = schema.task == Task::several, overlapping = splits[0].overlapping;
    std::size_t width = 16;
    const std::vector<std::string> names = schema.counted();
    for (const std::string& name : names) width = std::clamp(display_width(name), width, kColumns - 46);
    const auto cell = [&](const std::string& name) { return "  " + padded(shortened(name, width), width); };
    s += cell("class") + formatted(" %10s %10s %10s %8s\n", "train %", "val %", "test %", "images");
    for (std::size_t c = 0; c < names.size(); ++c) {
      s += cell(names[c]);
      std::int64_t images = 0;
      for (const SplitSummary& split : splits) {
        const auto pixels = static_cast<double>(split.labelled[c]);
        s += pixels > 0 ? formatted(" %10.4f", 100 * static_cast<double>(split.counts.pixels[c]) / pixels) : formatted(" %10s", "-");
        images += split.counts.images[c];
      }
      s += formatted(" %8lld\n", static_cast<long long>(images));
    }
    if (splits[0].majority_share() > 0) {
      const std::string answer = !splits[0].planes.empty() ? "the most frequent label of each plane"
                                 : overlapping
                                     ? "none"
                                     : "'" + shortened(schema.names[static_cast<std::size_t>(splits[0].majority_class())], 40) + "'";
      s += '\n' +
           wrapped(
               message("  Always answering ", answer, formatted(" is right for %.2f %% of the training ", 100 * splits[0].majority_share()),
                       !splits[0].planes.empty() ? "pixels, averaged over the planes"
                       : overlapping             ? "pixels, averaged over the labels"
                                                 : "pixels",
                       ": judge by ",
                       several   ? "each head's own score"
                       : ordinal ? "quadratic kappa"
                                 : "Dice",
                       ", not by accuracy."),
               kColumns, 2) +
           '\n';
    }
    for (std::size_t k = 0; k < combinations[0].size(); ++k) s += '\n' + wrapped(combinations_text(*this, k), kColumns, 2) + '\n';
  }
  s += '\n';
  for (const bool is_error : {true, false})
    for (const Finding& f : findings)
      if (f.is_error == is_error) s += std::string(is_error ? "  error    " : "  warning  ") + f.text + '\n';  // as long as it is: for grep
  return s + "  " + counted(errors(), "error") + ", " + counted(warnings(), "warning") + '\n';
}

std::string CheckReport::json() const {
  using Json = nlohmann::ordered_json;
  Json j;
  j["root"] = root;
  j["ok"] = errors() == 0;
  for (const bool is_error : {true, false}) {
    Json list = Json::array();
    for (const Finding& f : findings)
      if (f.is_error == is_error) list.push_back(f.text);
    j[is_error ? "errors" : "warnings"] = list;
  }
  j["sizes"] = sizes;
  j["image_formats"] = image_formats;
  j["mask_formats"] = mask_formats;
  if (has_encoding) {
    j["task"] = name_of(schema.task);
    j["encoding"] = name_of(encoding);
    j["classes"] = schema.heads.empty() ? schema.names : schema.counted();
    j["values"] = schema.values;
    if (!schema.planes.empty()) j["planes"] = schema.planes;
    j["ignore"] = schema.ignore ? Json(*schema.ignore) : Json(nullptr);
    j["background"] = schema.background >= 0 ? Json(schema.names[static_cast<std::size_t>(schema.background)]) : Json(nullptr);
    j["background_reason"] = schema.background_reason;
  }
  j["splits_from_lists"] = splits_from_lists;
  for (const Split split : kSplits) {
    const SplitSummary& s = splits[static_cast<int>(split)];
    Json& out = j["splits"][name_of(split)];
    out["images"] = s.items;
    out["without_foreground"] = s.without_foreground;
    out["pixels"] = s.counts.pixels;
    out["images_with_class"] = s.counts.images;
    out["majority_share"] = s.majority_share();
    for (std::size_t k = 0; k < combinations[static_cast<int>(split)].size(); ++k) {
      const Combinations &c = combinations[static_cast<int>(split)][k], &train = combinations[static_cast<int>(Split::train)].at(k);
      const auto put = [&](const char* what, Json value) {
        (c.schema().name.empty() ? out[what] : out[what][c.schema().name]) = std::move(value);
      };
      Json pixels_of = Json::object(), fresh = Json::array();
      for (const auto& [grades, count] : c.counts()) pixels_of[c.name(grades)] = count.pixels;
      for (const Combinations::Grades& grades : unseen(train, c)) fresh.push_back(c.name(grades));
      put("combinations", std::move(pixels_of));
      if (split != Split::train) put("not_in_train", std::move(fresh));
    }
  }
  return j.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace lamina::data
