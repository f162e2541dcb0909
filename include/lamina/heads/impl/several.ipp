#include "lamina/heads/several.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/ops/concat.hpp"
#include "lamina/ops/reshape.hpp"
#include "lamina/ops/slice_channels.hpp"

namespace lamina::heads {
namespace {

/// "damage=corn,tissue=multiclass" by name.
std::map<std::string, std::string> kinds_by_name(const std::string& text) {
  std::map<std::string, std::string> kinds;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size()), equals = text.find('=', begin);
    require<OptionError>(equals < end, "head \"", text, "\": of several heads write NAME=KIND, with commas between");
    kinds[text.substr(begin, equals - begin)] = text.substr(equals + 1, end - equals - 1);
    begin = end + 1;
  }
  return kinds;
}

/// Over the heads that have a value.
double mean(const std::vector<double>& values) {
  double sum = 0;
  int defined = 0;
  for (const double v : values)
    if (!std::isnan(v)) sum += v, ++defined;
  return defined ? sum / defined : metrics::kUndefined;
}

}  // namespace

template <class T>
std::vector<T> Several::Own::values(std::span<const T> of_all, int all, int first, int count) {
  const auto a = static_cast<std::size_t>(all), f = static_cast<std::size_t>(first), n = static_cast<std::size_t>(count);
  std::vector<T> own(of_all.size() / a * n);
  for (std::size_t i = 0; i < own.size(); ++i) own[i] = of_all[i / n * a + f + i % n];
  return own;
}

Several::Several(const data::LabelSchema& schema, const std::string& kinds, const std::string& name) : Head(schema, name) {
  const auto asked = kinds_by_name(kinds);
  Own next;
  std::vector<std::string_view> names;
  for (const data::LabelSchema& own : schema.heads) {
    const auto kind = asked.find(own.name);
    next.head = make_head(own, kind == asked.end() ? "" : kind->second, own.name);
    next.overlaps = own.overlaps();
    heads_.push_back(next);
    kinds_ += (kinds_.empty() ? "" : ",") + own.name + "=" + next.head->kind();
    names.emplace_back(own.name);
    next.output += next.head->outputs();
    next.plane += next.planes();
    next.outcome += static_cast<int>(own.counted().size()) * (next.overlaps ? 2 : 1);
  }
  for (const auto& [asked_for, kind] : asked)
    if (std::find(names.begin(), names.end(), asked_for) == names.end()) throw_unknown_name("head", asked_for, names);
}

int Several::outputs() const { return heads_.back().output + heads_.back().head->outputs(); }

std::vector<int> Several::tied() const {
  std::vector<int> all;
  for (const Own& own : heads_) {
    const std::vector<int> rows = own.head->tied();
    all.insert(all.end(), rows.begin(), rows.end());
    if (rows.empty()) all.insert(all.end(), static_cast<std::size_t>(own.head->outputs()), 1);
  }
  return std::all_of(all.begin(), all.end(), [](int row) { return row == 1; }) ? std::vector<int>{} : all;
}

std::vector<Part> Several::parts() const {
  std::vector<Part> all;
  for (const Own& own : heads_) all.push_back({own.head.get(), own.output, own.plane, false});
  return all;
}

std::optional<LossActivation> Several::activation() const {
  for (const Own& own : heads_)
    if (const auto one = own.head->activation()) return one;
  return {};
}

Tensor Several::probabilities(const Tensor& logits) const {
  std::vector<Tensor> all;
  for (const Own& own : heads_) all.push_back(own.head->probabilities(slice_channels(logits, own.output, own.head->outputs())));
  return concat(all);
}

Tensor Several::decide(const Tensor& scores, Scale scale) const {
  const Tensor all = Tensor::empty(scores.shape().with(-1, planes()), {DType::u8, scores.device()});
  for (const Own& own : heads_) {
    const Tensor planes = all.channels(own.plane, own.planes());
    planes.copy_from(reshape(own.head->decide(slice_channels(scores, own.output, own.head->outputs()), scale), planes.shape()));
  }
  return all;
}

std::vector<std::int64_t> Several::Own::counted(const std::vector<std::int64_t>& all) const {
  std::vector<std::int64_t> own;
  const std::size_t count = head->schema().counted().size();
  for (std::size_t k = 0; k < count; ++k) own.push_back(all[static_cast<std::size_t>(outcome) + (overlaps ? 2 * k + 1 : k)]);
  return own;
}

std::vector<std::int64_t> Several::of_heads(const std::function<std::vector<std::int64_t>(const Own&)>& of) const {
  std::vector<std::int64_t> all;
  for (const Own& own : heads_) {
    std::vector<std::int64_t> of_head = of(own);
    of_head.resize(static_cast<std::size_t>(own.head->outputs()));
    all.insert(all.end(), of_head.begin(), of_head.end());
  }
  return all;
}

std::vector<std::int64_t> Several::output_pixels(std::vector<std::int64_t> pixels) const {
  return of_heads([&](const Own& own) { return own.head->output_pixels(own.counted(pixels)); });
}

std::vector<std::int64_t> Several::output_negatives(std::vector<std::int64_t> pixels, std::vector<std::int64_t> labelled) const {
  return of_heads([&](const Own& own) { return own.head->output_negatives(own.counted(pixels), own.counted(labelled)); });
}

void Several::count(metrics::ConfusionMatrix& into, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided) const {
  require(truth.size() == decided.size() && truth.size() % static_cast<std::size_t>(planes()) == 0, "heads of ", planes(),
          " planes: ", truth.size(), " labels and ", decided.size(), " predictions");
  for (const Own& own : heads_) {
    metrics::ConfusionMatrix one = own.head->confusion();
    own.head->count(one, Own::values(truth, planes(), own.plane, own.planes()), Own::values(decided, planes(), own.plane, own.planes()));
    const int none = one.classes() - 1;  // of classes that may overlap
    for (const metrics::Cell& c : one.cells()) {
      const int plane = c.truth < none ? c.truth : c.prediction < none ? c.prediction : c.plane;
      const int truth_at = own.overlaps ? 2 * plane + (c.truth < none) : c.truth;
      const int prediction_at = own.overlaps ? 2 * plane + (c.prediction < none) : c.prediction;
      into.add({own.outcome + truth_at, own.outcome + prediction_at, c.count});
    }
  }
}

std::vector<std::string> Several::events() const {
  std::vector<std::string> all;
  for (const Own& own : heads_)
    for (const std::string& event : own.head->events()) all.push_back(own.head->name() + ' ' + event);
  return all;
}

std::string Several::of_each(std::string (Head::*text)() const) const {
  std::string all;
  for (const Own& own : heads_)
    if (!own.head->events().empty()) all += (all.empty() ? "" : "; ") + own.head->name() + ": " + ((*own.head).*text)();
  return all;
}

int Several::outcome_of(int event) const {
  for (const Own& own : heads_) {
    const int count = static_cast<int>(own.head->events().size());
    if (event < count) return own.outcome + (own.overlaps ? 2 * event + 1 : own.head->outcome_of(event));
    event -= count;
  }
  return -1;
}

void Several::count(metrics::ProbabilityCounts& into, std::span<const std::uint8_t> truth, std::span<const float> probabilities) const {
  int first = 0;
  for (const Own& own : heads_) {
    metrics::ProbabilityCounts one = own.head->probability_counts();
    own.head->count(one, Own::values(truth, planes(), own.plane, own.planes()),
                    Own::values(probabilities, outputs(), own.output, own.head->outputs()));
    into.add(one, first);
    first += one.events();
  }
}

const Several::Own& Several::owner(int plane) const {
  return *std::find_if(heads_.begin(), heads_.end(), [&](const Own& own) { return plane < own.plane + own.planes(); });
}

void Several::distribution(std::span<const float> probabilities, int plane, std::vector<float>& labels) const {
  const Own& own = owner(plane);
  own.head->distribution(own.outputs_in(probabilities), plane - own.plane, labels);
}

float Several::expected_grade(std::span<const float> probabilities, int plane) const {
  const Own& own = owner(plane);
  return own.head->expected_grade(own.outputs_in(probabilities), plane - own.plane);
}

std::string Several::image_score_meaning() const {
  return "An image's score is its Dice, the mean over the heads: of each over the classes other than the background that its label or its "
         "prediction has.";
}

metrics::ConfusionMatrix Several::of_part(const metrics::ConfusionMatrix& confusion, std::size_t part) const {
  const Own& own = heads_[part];
  metrics::ConfusionMatrix one = own.head->confusion();
  const auto at = [&](int truth, int prediction) { return confusion.at(own.outcome + truth, own.outcome + prediction); };
  const int none = one.classes() - 1;
  for (int t = 0; !own.overlaps && t <= none; ++t)
    for (int p = 0; p <= none; ++p) one.add({t, p, at(t, p)});
  for (int plane = 0; own.overlaps && plane < none; ++plane) {
    const int no = 2 * plane, yes = no + 1;
    one.add({plane, plane, at(yes, yes)});
    one.add({plane, none, at(yes, no)});
    one.add({none, plane, at(no, yes)});
    one.add({none, none, at(no, no), plane});
  }
  return one;
}

std::vector<metrics::ConfusionMatrix> Several::decisions(const metrics::ConfusionMatrix& confusion) const {
  const auto labels = schema().counted_labels();
  std::vector<metrics::ConfusionMatrix> all;
  for (std::size_t first = 0, last; first < labels.size(); first = last) {
    for (last = first; last < labels.size() && labels[last].plane == labels[first].plane;) ++last;
    const int begin = static_cast<int>(first), count = static_cast<int>(last - first);
    metrics::ConfusionMatrix one(count);
    for (int t = 0; t < count; ++t)
      for (int p = 0; p < count; ++p) one.add({t, p, confusion.at(begin + t, begin + p)});
    all.push_back(std::move(one));
  }
  return all;
}

metrics::ConfusionMatrix Several::baseline(const metrics::ConfusionMatrix& of_all) const {
  metrics::ConfusionMatrix all = confusion();
  int first = 0;
  for (const metrics::ConfusionMatrix& plane : decisions(of_all)) {
    for (const metrics::Cell& cell : plane.majority_baseline().cells()) all.add({first + cell.truth, first + cell.prediction, cell.count});
    first += plane.classes();
  }
  return all;
}

std::vector<metrics::Region> Several::regions() const {
  std::vector<metrics::Region> all;
  for (const data::LabelSchema::Label& label : schema().counted_labels()) all.push_back({label.plane, label.label});
  return all;
}

metrics::Scores Several::scores(const metrics::ConfusionMatrix& confusion, double undefined) const {
  constexpr metrics::ClassScores metrics::Scores::*kKinds[] = {&metrics::Scores::dice, &metrics::Scores::iou, &metrics::Scores::precision,
                                                               &metrics::Scores::recall, &metrics::Scores::specificity};
  constexpr double metrics::ClassScores::*kMeans[] = {&metrics::ClassScores::macro, &metrics::ClassScores::macro_foreground,
                                                      &metrics::ClassScores::micro, &metrics::ClassScores::micro_foreground};
  std::vector<metrics::Scores> of_heads, of_planes;
  for (std::size_t k = 0; k < heads_.size(); ++k) of_heads.push_back(heads_[k].head->scores(of_part(confusion, k), undefined));
  for (const metrics::ConfusionMatrix& plane : decisions(confusion)) of_planes.push_back(plane.scores(-1, undefined));
  metrics::Scores all;
  for (const auto kind : kKinds) {
    for (const metrics::Scores& plane : of_planes)
      (all.*kind).per_class.insert((all.*kind).per_class.end(), (plane.*kind).per_class.begin(), (plane.*kind).per_class.end());
    for (const auto of : kMeans) {
      std::vector<double> each;
      for (const metrics::Scores& head : of_heads) each.push_back(head.*kind.*of);
      all.*kind.*of = mean(each);
    }
  }
  all.additive_dice = metrics::kUndefined;
  for (const metrics::Scores& head : of_heads)
    if (!std::isnan(head.additive_dice)) all.additive_dice = (std::isnan(all.additive_dice) ? 0 : all.additive_dice) + head.additive_dice;
  all.accuracy = confusion.scores().accuracy;
  return all;
}

Scalars Several::summary(const metrics::ConfusionMatrix& confusion, double undefined) const {
  Scalars all = Head::summary(confusion, undefined);
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    const Head& head = *heads_[k].head;
    const std::vector<std::string> outcomes = head.outcomes();
    for (const auto& score : head.summary(of_part(confusion, k), undefined))
      if (std::none_of(outcomes.begin(), outcomes.end(), [&](const std::string& of) { return score.first.ends_with('_' + of); }))
        all.append({{head.name() + '/' + score.first, score.second}});
  }
  return all;
}

bool Several::is_tested_by(const metrics::ConfusionMatrix& confusion) const {
  for (std::size_t k = 0; k < heads_.size(); ++k)
    if (heads_[k].head->is_tested_by(of_part(confusion, k))) return true;
  return false;
}

Selection Several::selection(const metrics::ConfusionMatrix& confusion, double undefined) const {
  std::vector<double> each;
  for (std::size_t k = 0; k < heads_.size(); ++k) each.push_back(heads_[k].head->selection(of_part(confusion, k), undefined).value);
  return {"mean of the heads", "of each the score that it would be chosen by: Dice, of grades quadratic kappa", mean(each)};
}

std::string Several::text(const metrics::ConfusionMatrix& confusion) const {
  std::string all;
  for (std::size_t k = 0; k < heads_.size(); ++k)
    all += (k ? "  " : "") + heads_[k].head->name() + " " + decimal(heads_[k].head->selection(of_part(confusion, k)).value, 4);
  return all;
}

std::string Several::note(const metrics::ConfusionMatrix& confusion) const {
  std::string all;
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    const auto one = of_part(confusion, k);
    const Head& head = *heads_[k].head;
    const Selection chosen = head.selection(one);
    const std::string note = head.note(one);
    all += (k ? "; " : "") + head.name() + ": " + chosen.name + " " + decimal(chosen.value, 4) + (note.empty() ? "" : ", " + note);
  }
  return all;
}

}  // namespace lamina::heads
