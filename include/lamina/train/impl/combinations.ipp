// Combinations of grades in a report: which training has, which it lacks, how both are decided.
#include <algorithm>
#include <cmath>

#include "lamina/core/text.hpp"
#include "lamina/train/charts.hpp"
#include "lamina/train/impl/sections.hpp"

namespace lamina::train {
namespace {

using data::Combinations;

constexpr const char *kNowhere = "#f0f0f0", *kNew = "#d55e00", *kSeenThere = "#9ecae1";

std::string share_of(double part, double all, int digits = 1) { return all > 0 ? decimal(100 * part / all, digits) + " %" : "n/a"; }

/// Of the pixels here, those of combinations that training has (or lacks).
Combinations::Count counted_where(const Combinations& training, const Combinations& here, bool seen) {
  Combinations::Count all;
  for (const auto& [grades, count] : here.counts())
    if (training.has(grades) == seen) all.pixels += count.pixels, all.right += count.right;
  return all;
}

/// Every combination of the grades of some planes, in ascending order.
std::vector<Combinations::Grades> every_combination(std::size_t planes, int grades) {
  std::vector<Combinations::Grades> all{{}};
  for (std::size_t k = 0; k < planes; ++k) {
    std::vector<Combinations::Grades> longer;
    for (const Combinations::Grades& one : all)
      for (int grade = 0; grade < grades; ++grade) longer.push_back(one), longer.back().push_back(static_cast<std::uint8_t>(grade));
    all = std::move(longer);
  }
  return all;
}

/// The first planes down, the others across.
std::string seen_matrix(const Combinations& training, const Combinations& here, const std::string& split) {
  const std::size_t planes = training.planes().size(), down = (planes + 1) / 2;
  const auto names = [&](const std::vector<Combinations::Grades>& all, std::size_t first) {
    std::vector<std::string> texts;
    for (const Combinations::Grades& grades : all) texts.push_back(training.name(grades, first));
    return texts;
  };
  const auto rows = every_combination(down, training.values()), columns = every_combination(planes - down, training.values());
  std::vector<std::vector<ColoredCell>> cells;
  for (const Combinations::Grades& row : rows) {
    cells.emplace_back();
    for (const Combinations::Grades& column : columns) {
      Combinations::Grades grades = row;
      grades.insert(grades.end(), column.begin(), column.end());
      const auto there = training.counts().find(grades), now = here.counts().find(grades);
      const bool seen = there != training.counts().end(), found = now != here.counts().end();
      const auto pixels = [](const auto& at, bool is) { return is ? static_cast<double>(at->second.pixels) : 0; };
      std::string words = training.name(grades) + ": training " + share_of(pixels(there, seen), static_cast<double>(training.pixels()), 2) +
                          ", " + split + " " + share_of(pixels(now, found), static_cast<double>(here.pixels()), 2);
      if (found) words += ", right " + share_of(static_cast<double>(now->second.right), pixels(now, found));
      cells.back().push_back({!seen ? found ? kNew : kNowhere : found ? "#0072b2" : kSeenThere, words});
    }
  }
  return cells_svg("Combinations: blue in training (dark: in " + split + " too), red in " + split + " alone", names(rows, 0),
                   names(columns, down), cells);
}

}  // namespace

SeenAndUnseen seen_and_unseen(const Combinations& training, const Combinations& here, const std::string& split) {
  SeenAndUnseen out{.head = training.schema().name,
                    .seen = counted_where(training, here, true),
                    .unseen = counted_where(training, here, false),
                    .text = {}};
  const auto right = [](const Combinations::Count& c) {
    return share_of(static_cast<double>(c.right), static_cast<double>(c.pixels)) + " of the pixels";
  };
  out.text =
      message("combinations of ", out.head.empty() ? "" : out.head + " ", training.of_what(), ": training has ", training.counts().size(),
              " of ", decimal(training.possible(), 0), "; all are right in ", right(out.seen), " of those in ", split);
  if (out.unseen.pixels == 0) return out.text += ", which has no others", out;
  out.text += message(", and in ", right(out.unseen), " of the ", unseen(training, here).size(), " that training never shows (",
                      share_of(static_cast<double>(out.unseen.pixels), static_cast<double>(here.pixels())), " of ", split, ")");
  return out;
}

std::vector<SeenAndUnseen> seen_and_unseen(const data::Dataset& dataset, const std::vector<Combinations>& here, const std::string& split) {
  std::vector<SeenAndUnseen> all;
  if (here.empty()) return all;
  const auto training = data::combinations_in(dataset.items(data::Split::train), dataset.masks, dataset.schema);
  for (std::size_t k = 0; k < here.size(); ++k) all.push_back(seen_and_unseen(training.at(k), here[k], split));
  return all;
}

namespace {
ReportSection section_of(const Combinations& training, const Combinations& here, const std::string& split) {
  constexpr double kMostCells = 64 * 64;
  ReportSection section{.title = message("Combinations of ", training.of_what()),
                        .notes = {seen_and_unseen(training, here, split).text + "."}};
  section.notes[0][0] = 'C';
  if (const std::string& name = training.schema().name; !name.empty()) section.title += " (" + name + ")";
  if (training.possible() <= kMostCells)
    section.charts.push_back(
        {"combinations" + (training.schema().name.empty() ? "" : "_" + training.schema().name), seen_matrix(training, here, split)});
  section.rows = {{"combination", "training", split, "right"}};
  const std::vector<Combinations::Grades> fresh = unseen(training, here);
  const auto row = [&](const Combinations::Grades& grades) {
    const auto share = [&](const Combinations& of) {
      const auto at = of.counts().find(grades);
      return at == of.counts().end() ? std::string("-")
                                     : share_of(static_cast<double>(at->second.pixels), static_cast<double>(of.pixels()), 3);
    };
    const auto now = here.counts().find(grades);
    section.rows.push_back(
        {training.name(grades), share(training), share(here),
         now == here.counts().end() ? "n/a" : share_of(static_cast<double>(now->second.right), static_cast<double>(now->second.pixels))});
  };
  for (const Combinations::Grades& grades : fresh) row(grades);
  for (const Combinations::Grades& grades : unseen(Combinations::of(training.schema()).front(), training)) row(grades);
  section.folded = message(section.rows.size() - 1, " combinations, first those that training lacks");
  return section;
}
}  // namespace

void add_combinations(ReportContent& content, const data::Dataset& dataset, const std::vector<Combinations>& scored) {
  if (scored.empty()) return;
  const auto training = data::combinations_in(dataset.items(data::Split::train), dataset.masks, dataset.schema);
  for (std::size_t k = 0; k < scored.size(); ++k) content.sections.push_back(section_of(training.at(k), scored[k], content.split));
}

}  // namespace lamina::train
