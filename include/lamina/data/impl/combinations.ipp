#include "lamina/data/combinations.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "lamina/core/device.hpp"

namespace lamina::data {

std::vector<Combinations> Combinations::of(const LabelSchema& schema) {
  std::vector<Combinations> all;
  std::size_t first = 0;
  const auto consider = [&](const LabelSchema& own) {
    if ((own.task == Task::ordinal || own.overlaps()) && own.plane_names().size() > 1) {
      all.emplace_back();
      all.back().schema_ = own, all.back().first_ = first, all.back().all_ = schema.labels_per_pixel();
    }
    first += own.labels_per_pixel();
  };
  for (const LabelSchema& head : schema.heads) consider(head);
  if (schema.heads.empty()) consider(schema);
  return all;
}

void Combinations::add(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided) {
  const std::size_t planes = schema_.plane_names().size();
  require(truth.size() == decided.size() && truth.size() % all_ == 0, "combinations: ", truth.size(), " labels and ", decided.size(),
          " decisions of ", all_, " planes");
  auto last = counts_.end();  // neighbours are mostly alike
  for (std::size_t i = first_; i < truth.size(); i += all_) {
    const std::span<const std::uint8_t> is = truth.subspan(i, planes), said = decided.subspan(i, planes);
    if (std::find(is.begin(), is.end(), kIgnoreLabel) != is.end()) continue;
    if (last == counts_.end() || !std::equal(is.begin(), is.end(), last->first.begin()))
      last = counts_.try_emplace(Grades(is.begin(), is.end())).first;
    ++last->second.pixels;
    last->second.right += std::equal(is.begin(), is.end(), said.begin());
  }
}

void Combinations::add(const Combinations& other) {
  for (const auto& [grades, count] : other.counts_) {
    Count& to = counts_[grades];
    to.pixels += count.pixels, to.right += count.right;
  }
}

std::int64_t Combinations::pixels() const {
  std::int64_t sum = 0;
  for (const auto& [grades, count] : counts_) sum += count.pixels;
  return sum;
}

double Combinations::possible() const { return std::pow(values(), static_cast<double>(planes().size())); }

std::string Combinations::name(const Grades& grades, std::size_t first) const {
  const std::vector<std::string> names = planes();
  std::string text;
  for (std::size_t k = 0; k < grades.size(); ++k)
    if (!schema_.overlaps())
      text += (k ? "_" : "") + names[first + k] + std::to_string(grades[k]);
    else if (grades[k])
      text += (text.empty() ? "" : "+") + names[first + k];
  return text.empty() ? "(none)" : text;
}

Combinations::Overlaps Combinations::overlaps() const {
  Overlaps all;
  if (!schema_.overlaps()) return all;
  for (const auto& [classes, count] : counts_) {
    const auto set = std::count(classes.begin(), classes.end(), 1);
    if (set > 0) all.marked += count.pixels;
    if (set > 1) all.several += count.pixels, all.of.push_back(classes);
  }
  std::stable_sort(all.of.begin(), all.of.end(),
                   [&](const Grades& a, const Grades& b) { return counts_.at(a).pixels > counts_.at(b).pixels; });
  return all;
}

std::vector<std::string> Combinations::nested() const {
  std::map<std::ptrdiff_t, const Grades*> seen;  // by how many classes it has
  for (const auto& [classes, count] : counts_)
    if (const auto set = std::count(classes.begin(), classes.end(), 1); set > 0 && !seen.emplace(set, &classes).second) return {};
  if (!schema_.overlaps() || seen.size() < 2) return {};
  std::vector<std::string> order;
  const Grades* inner = nullptr;
  for (const auto& [set, classes] : seen) {
    for (std::size_t k = 0; k < classes->size(); ++k) {
      if (inner && (*inner)[k] > (*classes)[k]) return {};
      if ((*classes)[k] && !(inner && (*inner)[k])) order.push_back(planes()[k]);
    }
    inner = classes;
  }
  return order;
}

std::vector<Combinations> combinations_in(const std::vector<Item>& items, const MaskDecoder& masks, const LabelSchema& schema) {
  std::vector<Combinations> all = Combinations::of(schema);
  if (all.empty()) return all;
  std::mutex mutex;  // sums do not depend on the order
  current_cpu().parallel(std::ssize(items), [&](std::int64_t i, int) {
    if (items[static_cast<std::size_t>(i)].mask.empty()) return;
    const LabelImage mask = read_mask(items[static_cast<std::size_t>(i)], masks);
    std::vector<Combinations> own = Combinations::of(schema);
    for (Combinations& c : own) c.add(mask.labels, mask.labels);
    const std::lock_guard lock(mutex);
    for (std::size_t k = 0; k < all.size(); ++k) all[k].add(own[k]);
  });
  return all;
}

std::vector<Combinations::Grades> unseen(const Combinations& training, const Combinations& here) {
  std::vector<Combinations::Grades> all;
  for (const auto& [grades, count] : here.counts())
    if (!training.has(grades)) all.push_back(grades);
  std::stable_sort(all.begin(), all.end(),
                   [&](const auto& a, const auto& b) { return here.counts().at(a).pixels > here.counts().at(b).pixels; });
  return all;
}

}  // namespace lamina::data
