// What sentinels say. A rule is a function of the epochs so far and a line in one of the tables below.
#include "lamina/train/sentinels/rules.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/text.hpp"
#include "lamina/train/sentinels/watch.hpp"

namespace lamina::train {
namespace {

constexpr std::size_t kPatience = 5;  // validations in a row that are more than an accident
constexpr std::size_t kRare = 10;     // the same of a single class: rare ones are learned last
constexpr std::size_t kLooks = 3;     // the same of epochs with a look into the network
constexpr double kUsualMovement = 1e-3, kLeastMovement = 1e-4, kMostMovement = 0.3;
constexpr double kHighRate = 0.1;  // nobody is told to raise one above

constexpr int kNamed = 3;  // of several that a sentinel speaks of

std::string and_more(int count) { return count > kNamed ? message(" and ", count - kNamed, " more") : ""; }

std::string two_digits(double v) { return formatted("%.2g", v); }

std::string percent(double share) { return share < 0.1 ? two_digits(100 * share) : formatted("%.0f", 100 * share); }

/// The newest `count` records that `has` accepts, the newest first; fewer: none.
template <class Has>
std::vector<const EpochRecord*> newest(Records history, std::size_t count, Has&& has) {
  std::vector<const EpochRecord*> found;
  for (auto r = history.rbegin(); r != history.rend() && found.size() < count; ++r)
    if (has(*r)) found.push_back(&*r);
  if (found.size() < count) found.clear();
  return found;
}

double shown(const EpochRecord& r, std::string_view name) {
  const double* v = r.signals.find(name);
  return v ? *v : 0;
}
bool looked(const EpochRecord& r) { return r.signals.find("movement"); }

/// Do updates, when the network was looked into last, move next to nothing?
bool still(Records history) {
  const auto seen = newest(history, 1, looked);
  return !seen.empty() && shown(*seen[0], "movement") * seen[0]->lr < kLeastMovement;
}

/// The layer with the largest share of channels that are 0 at every pixel, as often as the network was looked into, of `count` looks.
std::pair<std::string, double> most_dead(Records history, std::size_t count) {
  const auto judged = newest(history, count, looked);
  std::pair<std::string, double> worst{{}, 0.5};
  for (const EpochRecord* r : judged)
    for (const auto& [name, unused] : r->signals) {
      if (!name.starts_with("dead/")) continue;
      double least = 1;
      for (const EpochRecord* other : judged) least = std::min(least, shown(*other, name));
      if (least > worst.second) worst = {name.substr(5), least};
    }
  return worst;
}

/// The epochs since the learning rate stopped rising: before, a run has hardly begun.
Records settled(Records history) {
  std::size_t first = 0;
  while (first + 1 < history.size() && history[first + 1].lr > history[first].lr) ++first;
  return first + 1 < history.size() || first == 0 ? history.subspan(first) : Records();
}

/// The counts of a head in the newest `count` validations since then, the newest first.
std::vector<const metrics::ConfusionMatrix*> counts_of(const heads::Head& head, Records history, std::size_t count) {
  const auto of = [&](const EpochRecord& r) -> const metrics::ConfusionMatrix* {
    if (r.validation)
      for (const HeadCounts& counts : r.validation->counts)
        if (counts.head == head.name() && counts.confusion.total() > 0) return &counts.confusion;
    return nullptr;
  };
  std::vector<const metrics::ConfusionMatrix*> all;
  for (const EpochRecord* r : newest(settled(history), count, [&](const EpochRecord& e) { return of(e); })) all.push_back(of(*r));
  return all;
}

/// Whether what an outcome's part of the head learns is weighed, and what else brings out what is rare: weights that its loss takes, of a
/// yes beside its no, or of classes and of grades; where there are none, more of it.
struct Weighing {
  bool weighted;
  std::string more;
};
Weighing weighing(const heads::Head& head, const losses::Criterion& criterion, int outcome) {
  heads::Part own = head.parts()[0];
  for (const heads::Part& part : head.parts())
    if (!part.whole && part.plane <= head.regions()[static_cast<std::size_t>(outcome)].plane) own = part;
  const losses::Criterion loss = criterion.of(own);
  if (own.head->activation() == LossActivation::sigmoid && loss.takes_positive_weights())
    return {!loss.options().positive_weights.empty(), "--positive-weights balanced"};
  if (own.takes_weights() && loss.takes_class_weights()) return {!loss.options().class_weights.empty(), "--class-weights median"};
  return {false, "--resize crop --crop-foreground 0.5"};
}

/// The outcome that nearly every pixel has, of what is decided by itself, although the labels hold others; -1: none.
int answered_alone(const heads::Head& head, const metrics::ConfusionMatrix& counts) {
  int first = 0;
  for (const metrics::ConfusionMatrix& m : head.decisions(counts)) {
    const auto total = static_cast<double>(m.total());
    for (int c = 0; c < m.classes(); ++c) {
      const double predicted = static_cast<double>(m.prediction_count(c)) / total, labelled = static_cast<double>(m.truth_count(c)) / total;
      if (predicted > 0.9995 && predicted > labelled) return first + c;
    }
    first += m.classes();
  }
  return -1;
}

/// "the loss rose from 2.57 to 3.63", where a loss is above the training loss of the first epoch by more than that factor; else empty.
std::string rise(Records history, const double* now, double factor, const char* what = "the loss") {
  const double* first = history[0].train.find("loss");
  if (!first || !now || !(*now > *first + (factor - 1) * std::abs(*first))) return {};
  return formatted("%s rose from %.3g to %.3g", what, *first, *now);
}

/// A fifth more than in the first epoch, or in a validation ten times that.
std::optional<Alarm> rising_loss(double lr, Records history) {
  constexpr double kOfTraining = 1.2, kOfValidation = 10;
  const EpochRecord& r = history.back();
  std::string what = rise(history, r.train.find("loss"), kOfTraining);
  if (what.empty() && r.validation)
    what = rise(history, r.validation->scores.find("val_loss"), kOfValidation, "from training to validation the loss");
  if (what.empty()) return {};
  return Alarm{.seen = what,
               .cause = "a learning rate that is too high, " + two_digits(lr),
               .next = "--lr " + two_digits(slower_than(lr)) + " --clip-norm 1",
               .too_fast = true};
}

/// The seed of unbalanced classes: nearly all pixels are one class, and the network answers nothing else.
std::optional<Alarm> collapse(const heads::Head& head, double lr, const losses::Criterion& criterion, Records history) {
  const auto counts = counts_of(head, history, kPatience);
  for (const auto* m : counts)
    if (answered_alone(head, *m) < 0) return {};
  if (counts.empty()) return {};
  const int answer = answered_alone(head, *counts[0]);
  const auto [weighted, more] = weighing(head, criterion, answer);
  std::string fast = rise(history, history.back().train.find("loss"), 1);
  double movement = 0;
  for (const EpochRecord& r : history) movement = std::max(movement, shown(r, "movement") * r.lr);
  if (fast.empty() && movement > kMostMovement)
    fast = message("an update moved the weights by ", two_digits(movement), " of their size, where about ", two_digits(kUsualMovement),
                   " is usual");
  if (const auto [layer, dead] = most_dead(history, 1); fast.empty() && !layer.empty())
    fast = message(percent(dead), " % of the channels of ", layer, " are dead");
  const bool high = !fast.empty() || lr > kHighRate, slow = !high && still(history);
  const char* rate = high ? "too high" : weighted && !slow ? "too high, or too low" : "too low";
  return Alarm{
      .seen = message("for ", kPatience, " validations nearly all pixels were predicted as \"",
                      head.outcomes()[static_cast<std::size_t>(answer)], "\""),
      .cause = message("a learning rate that is ", rate, fast.empty() ? "" : " (" + fast + ")",
                       weighted ? "" : ", a rare foreground without weights", ", or masks that are read wrongly (see ", "lamina check)"),
      .next = fast.empty() && !weighted ? more : "--lr " + two_digits(slow ? 10 * lr : slower_than(lr))};
}

/// Not of a collapsed network, whose foreground is missing altogether.
std::optional<Alarm> no_recall(const heads::Head& head, const losses::Criterion& criterion, Records history) {
  const auto counts = counts_of(head, history, kRare);
  if (counts.empty() || still(history) || collapse(head, 0, criterion, history)) return {};
  std::string classes;
  int count = 0, first = 0;
  for (int c = 0; c < counts[0]->classes(); ++c) {
    const bool missed = std::all_of(counts.begin(), counts.end(), [&](const auto* m) { return m->truth_count(c) > 0 && m->at(c, c) == 0; });
    if (!missed || c == head.neutral_outcome() || ++count > kNamed) continue;
    classes +=
        message(count > 1 ? ", \"" : "\"", head.outcomes()[static_cast<std::size_t>(c)], "\" (", counts[0]->truth_count(c), " pixels)");
    if (count == 1) first = c;
  }
  if (classes.empty()) return {};
  return Alarm{.seen = message("for ", kRare, " validations not one pixel was found of ", classes, and_more(count)),
               .cause = "too few of its pixels among those of other classes",
               .next = weighing(head, criterion, first).more};
}

/// Is at least half of what is wrong labelled with outcomes of which not half is found?
bool mostly_missed(const metrics::ConfusionMatrix& m) {
  std::int64_t wrong = m.total(), missed = 0;
  for (int c = 0; c < m.classes(); ++c) {
    wrong -= m.at(c, c);
    if (2 * m.at(c, c) < m.truth_count(c)) missed += m.truth_count(c) - m.at(c, c);
  }
  return 2 * missed >= wrong;
}

/// What is measured: the share of validation pixels that are decided wrongly within two pixels of a border of the labels, three or four
/// away, and deeper. Exact labels are learned up to their borders, so a fifth that stays wrong there is more than a network can do about,
/// where next to nothing is wrong elsewhere; or, where labels are off by more than two pixels, on average a tenth of the band next to
/// it, three times what is wrong deeper. Small objects lie near their own borders altogether: while half of what is wrong are pixels of
/// outcomes that are not found, their borders say nothing. It cannot tell labels that disagree from borders finer than the network's grid,
/// nor see labels that are off by one pixel.
std::optional<Alarm> noisy_borders(const heads::Head& head, Records history) {
  constexpr double kNear = 0.2, kFar = 0.02, kBand = 0.1, kOfDeep = 3, kFalls = 0.05;
  const auto share = [&](const EpochRecord& r, const char* name) { return shown(r, name + head.name()); };
  const auto judged = newest(settled(history), kRare, [&](const EpochRecord& r) { return r.signals.find("border_error/" + head.name()); });
  double recent = 0, before = 0, band = 0, deep = 0;
  bool narrow = true;
  for (std::size_t i = 0; i < judged.size(); ++i) {
    const double near = share(*judged[i], "border_error/");
    if (!(near > kNear)) return {};
    narrow = narrow && share(*judged[i], "inner_error/") < kFar;
    band += share(*judged[i], "band_error/") / kRare, deep += share(*judged[i], "deep_error/") / kRare;
    (i < judged.size() / 2 ? recent : before) += near;
  }
  const bool wide = band > kBand && band > kOfDeep * deep;
  if (judged.empty() || !(narrow || wide) || recent < (1 - kFalls) * before) return {};
  const auto decided = counts_of(head, history, kRare);
  if (decided.empty() || std::any_of(decided.begin(), decided.end(), [](const auto* m) { return mostly_missed(*m); })) return {};
  const EpochRecord& last = *judged[0];
  const std::string others = narrow ? ", of the others " + percent(share(last, "inner_error/"))
                                    : ", of those 3 or 4 away " + percent(band) + " %, deeper " + percent(deep);
  return Alarm{.seen = message("for ", kRare, " validations ", percent(share(last, "border_error/")),
                               " % of the pixels within 2 of a border are wrong and no longer fewer", others, " %"),
               .cause =
                   "labels that disagree about where borders are (drawn coarsely or by several people), or borders finer than the "
                   "network's grid",
               .next = head.activation() && head.parts().size() == 1 ? "--loss ce:smoothing=0.1+dice" : "--patience 10"};
}

/// Ten epochs and one percent: PyTorch's ReduceLROnPlateau waits as long, and less cannot be told from the noise of an epoch's mean. Steps
/// that are too small are another rule's.
std::optional<Alarm> plateau(Records history) {
  constexpr std::size_t kWindow = 10;
  if (history.size() < 2 * kWindow) return {};
  const Records recent = history.last(kWindow), before = history.subspan(history.size() - 2 * kWindow, kWindow),
                rest = history.first(history.size() - kWindow);
  const auto mean = [](Records records) {
    double sum = 0;
    for (const EpochRecord& r : records) sum += r.train.empty() ? 0 : r.train.begin()->second;
    return sum / static_cast<double>(records.size());
  };
  const auto best = [](Records records) {
    double best = -1;
    for (const EpochRecord& r : records)
      if (r.validation && r.validation->score > best) best = r.validation->score;
    return best;
  };
  double highest = 0;
  for (const EpochRecord& r : history) highest = std::max(highest, r.lr);
  const bool annealed = history.back().lr < 0.5 * highest;  // the schedule does what this would advise
  if (annealed || mean(before) - mean(recent) >= 0.01 * std::abs(mean(before))) return {};
  if (best(recent) > best(rest) + 1e-4 || still(history)) return {};
  return Alarm{.seen = message("the training loss fell by less than 1 % from the ", kWindow, " epochs before to the last ", kWindow,
                               ", and no validation was better"),
               .cause = message("steps of a learning rate of ", two_digits(history.back().lr),
                                " that are too long to get any lower, or a network that has learned what it can"),
               .next = "--schedule plateau"};
}

/// Updates of about a thousandth of the weights are usual (Karpathy, CS231n: "Ratio of weights:updates"); a tenth of that is too little
/// where the loss hardly falls. Rates below a tenth of the run's own are a schedule's, whose updates rounding may swallow. Where channels
/// are dead, another rule says why; where the rate that it would take is high, the gradient is what is small.
std::optional<Alarm> small_steps(double lr, Records history) {
  const auto judged = newest(history, kLooks, [&](const EpochRecord& r) { return looked(r) && r.lr >= 0.1 * lr; });
  double movement = 0;
  for (const EpochRecord* r : judged) movement = std::max(movement, shown(*r, "movement") * lr);
  if (judged.empty() || movement >= kLeastMovement || !most_dead(history, 1).first.empty()) return {};
  const double first = history.front().train.begin()->second, last = history.back().train.begin()->second;
  if (first - last > 0.05 * std::abs(first)) return {};
  const double better = movement > 0 ? lr * std::pow(10, std::round(std::log10(kUsualMovement / movement))) : 1e-3;
  const bool high = std::max(lr, better) > kHighRate;
  return Alarm{.seen = message("an update moves the weights by ", two_digits(movement), " of their size, where about ",
                               two_digits(kUsualMovement), " is usual, and the loss hardly falls"),
               .cause = high ? message("gradients that are next to nothing, at a learning rate of ", two_digits(lr))
                             : message("a learning rate that is too small, ", two_digits(lr)),
               .next = high ? "--optimizer adam --lr 0.001" : "--lr " + two_digits(better)};
}

/// A hundred times what the run's own epochs had; a step is then cut to the usual norm (Pascanu et al. 2013).
std::optional<Alarm> exploding(Records history) {
  const auto before = newest(history.first(history.size() - 1), kLooks, [](const EpochRecord& r) { return shown(r, "gradient") > 0; });
  if (before.empty()) return {};
  std::vector<double> norms;
  for (const EpochRecord& r : history.first(history.size() - 1))
    if (const double norm = shown(r, "gradient"); norm > 0) norms.push_back(norm);
  std::nth_element(norms.begin(), norms.begin() + std::ssize(norms) / 2, norms.end());
  const double usual = norms[norms.size() / 2], now = shown(history.back(), "gradient");
  if (!(now > 100 * usual)) return {};
  return Alarm{
      .seen = message("the gradient's norm rose to ", two_digits(now), ", where ", two_digits(usual), " was an epoch's usual highest"),
      .cause = "a learning rate that is too high, or an image or mask unlike all others",
      .next = "--clip-norm " + two_digits(usual),
      .too_fast = true};
}

std::optional<Alarm> vanishing(double lr, Records history) {
  const auto judged = newest(history, kLooks, looked);
  if (judged.empty()) return {};
  std::string kernels;
  int count = 0;
  for (const auto& signal : judged[0]->signals) {
    const std::string& name = signal.first;
    if (name.starts_with("still/") && std::all_of(judged.begin(), judged.end(), [&](const auto* r) { return shown(*r, name) >= 1; }))
      if (++count <= kNamed) kernels += (kernels.empty() ? "" : ", ") + name.substr(6);
  }
  if (count == 0) return {};
  return Alarm{.seen = message("no gradient arrives at ", kernels, and_more(count), ": it is below ", two_digits(Watch::kStill)),
               .cause =
                   "channels behind it that are dead or saturated, from steps that were too long or from values of inputs that are "
                   "far from 0",
               .next = "--preset bn",
               .otherwise = "--lr " + two_digits(slower_than(lr))};
}

/// Half of a layer; with rates that are too high, 40 % of a network may be dead (Karpathy, CS231n).
std::optional<Alarm> dead_channels(double lr, Records history) {
  const auto [worst, most] = most_dead(history, kLooks);
  if (worst.empty()) return {};
  return Alarm{.seen = message(percent(most), " % of the channels of ", worst, " are 0 at every pixel: dead ReLUs, which learn no more"),
               .cause = "steps that were too long and pushed them below 0",
               .next = "--lr " + two_digits(slower_than(lr))};
}

}  // namespace

std::vector<Sentinel> network_sentinels(double lr) {
  return {
      {"exploding gradients", exploding},
      {"vanishing gradients", [lr](Records r) { return vanishing(lr, r); }},
      {"dead channels", [lr](Records r) { return dead_channels(lr, r); }},
      {"small steps", [lr](Records r) { return small_steps(lr, r); }},
  };
}

std::vector<Sentinel> loss_sentinels(double lr) {
  return {
      {"rising loss", [lr](Records r) { return rising_loss(lr, r); }},
      {"plateau", plateau},
  };
}

std::vector<Sentinel> head_sentinels(const heads::Head& head, double lr, const losses::Criterion& criterion) {
  return {
      {"collapse", [&head, lr, criterion](Records r) { return collapse(head, lr, criterion, r); }},
      {"no recall", [&head, criterion](Records r) { return no_recall(head, criterion, r); }},
      {"noisy borders", [&head](Records r) { return noisy_borders(head, r); }},
  };
}

}  // namespace lamina::train
