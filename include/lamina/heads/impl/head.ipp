#include "lamina/heads/head.hpp"

#include <cmath>
#include <cstdio>

#include "lamina/core/names.hpp"
#include "lamina/heads/corn.hpp"
#include "lamina/heads/multiclass.hpp"
#include "lamina/heads/multilabel.hpp"
#include "lamina/heads/regression.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/concat.hpp"
#include "lamina/ops/slice_channels.hpp"

namespace lamina::heads {
namespace {

std::string format(const char* pattern, auto... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// A kind of head, and the labels that it can learn.
struct Kind {
  const char* name;
  data::Task task;
  std::shared_ptr<const Head> (*make)(const data::LabelSchema&, const std::string&);
};
template <class H>
std::shared_ptr<const Head> make(const data::LabelSchema& schema, const std::string& name) {
  return std::make_shared<H>(schema, name);
}
/// The first one of a task is what its labels get unless something else is asked for.
constexpr Kind kKinds[] = {{"multiclass", data::Task::multiclass, make<Multiclass>},
                           {"multilabel", data::Task::multilabel, make<Multilabel>},
                           {"ordinal", data::Task::ordinal, make<Ordinal>},
                           {"corn", data::Task::ordinal, make<Corn>},
                           {"regression", data::Task::ordinal, make<Regression>}};

}  // namespace

std::shared_ptr<const Head> make_head(const data::LabelSchema& schema, const std::string& kind, const std::string& name) {
  std::vector<std::string_view> names;
  for (const Kind& k : kKinds) {
    names.emplace_back(k.name);
    if (kind.empty() ? k.task != schema.task : kind != k.name) continue;
    require<OptionError>(k.task == schema.task, "a ", k.name, " head learns ", data::name_of(k.task), " labels, and these are ",
                         data::name_of(schema.task));
    return k.make(schema, name);
  }
  throw_unknown_name("head", kind, names);
}

data::ClassCounts output_counts(const Head& head, const std::vector<std::vector<std::int64_t>>& masks) {
  data::ClassCounts counts = data::ClassCounts::zeros(static_cast<std::size_t>(head.outputs()));
  for (const auto& pixels : masks) counts.add(head.output_pixels(pixels));
  return counts;
}

data::ClassCounts output_counts(const Head& head, const std::vector<data::Item>& items) {
  std::vector<std::vector<std::int64_t>> masks;
  for (const data::Item& item : items) {
    require<DataError>(!item.pixels.empty(), item.image.string(), ": the pixels of its mask were not counted; open_dataset does");
    masks.push_back(item.pixels);
  }
  return output_counts(head, masks);
}

void Head::count(metrics::ConfusionMatrix& into, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided) const {
  into.add(truth, decided, data::kIgnoreLabel);
}

Scalars Head::summary(const metrics::ConfusionMatrix& confusion) const {
  const auto s = confusion.scores(neutral_outcome());
  const std::vector<std::string> names = outcomes();
  Scalars out{{"accuracy", s.accuracy}};
  const std::pair<const char*, const metrics::ClassScores*> kinds[] = {
      {"dice", &s.dice}, {"iou", &s.iou}, {"precision", &s.precision}, {"recall", &s.recall}};
  for (const auto& [kind, scores] : kinds) {
    const std::string k = kind;
    Scalars of_kind{{k + "_macro", scores->macro}, {k + "_macro_foreground", scores->macro_foreground}, {k + "_micro", scores->micro}};
    for (std::size_t c = 0; c < names.size(); ++c) of_kind.append({{k + "_" + names[c], scores->per_class[c]}});
    out.append(of_kind);
  }
  return out;
}

Selection Head::selection(const metrics::ConfusionMatrix& confusion) const {
  const double dice = confusion.scores(neutral_outcome()).dice.macro_foreground;
  if (neutral_outcome() >= 0) return {"foreground Dice", "mean over the classes that are not background", dice};
  return {"macro Dice", "mean over the classes", dice};
}

Scalars Head::image_summary(const metrics::ConfusionMatrix& one) const {
  const auto s = one.scores(neutral_outcome());
  return {{"dice", s.dice.macro_foreground}, {"accuracy", s.accuracy}};
}

std::string Head::quality_text(const Scalars& image) const { return format("Dice %.3f", image.at("dice")); }

std::string Head::text(const metrics::ConfusionMatrix& confusion) const {
  const auto s = confusion.scores(neutral_outcome()), base = confusion.majority_baseline().scores(neutral_outcome());
  const std::string dice = neutral_outcome() >= 0 ? format("Dice foreground %.4f macro %.4f", s.dice.macro_foreground, s.dice.macro)
                                                  : format("Dice macro %.4f", s.dice.macro);
  return dice + format("  accuracy %.4f (always the most frequent class: Dice %.4f, accuracy %.4f)", s.accuracy, base.dice.macro_foreground,
                       base.accuracy);
}

Scalars Graded::summary(const metrics::ConfusionMatrix& confusion) const {
  const auto s = confusion.ordinal_scores();
  Scalars out{{"accuracy", 0},
              {"mean_absolute_error", s.mean_absolute_error},
              {"within_one", s.within_one},
              {"quadratic_kappa", s.quadratic_kappa}};
  for (const auto& [name, value] : Head::summary(confusion)) out[name] = value;
  return out;
}

Selection Graded::selection(const metrics::ConfusionMatrix& confusion) const {
  return {"quadratic kappa", "1 perfect, 0 as by chance", confusion.ordinal_scores().quadratic_kappa};
}

Scalars Graded::image_summary(const metrics::ConfusionMatrix& one) const {
  Scalars out = Head::image_summary(one);
  out["absolute_error"] = one.ordinal_scores().mean_absolute_error;
  return out;
}

std::string Graded::quality_text(const Scalars& image) const { return format("off by %.3f grades on average", image.at("absolute_error")); }

std::string Graded::text(const metrics::ConfusionMatrix& confusion) const {
  const auto s = confusion.ordinal_scores();
  return format("quadratic kappa %.4f  mean error %.4f grades  ", s.quadratic_kappa, s.mean_absolute_error) + Head::text(confusion);
}

std::string Graded::note(const metrics::ConfusionMatrix& confusion) const {
  const auto s = confusion.ordinal_scores(), base = confusion.majority_baseline().ordinal_scores();
  return format("mean absolute error %.4f (%.4f) grades, within one grade %.4f (%.4f), quadratic kappa %.4f (%.4f)", s.mean_absolute_error,
                base.mean_absolute_error, s.within_one, base.within_one, s.quadratic_kappa, base.quadratic_kappa) +
         "; in brackets always the most frequent grade";
}

namespace {
/// Labels (N, H, W) as targets (N, H, W, outputs): of each grade the answer to "above k?" for every k; kIgnoreLabel stays.
template <class Answer>
Tensor cumulative_targets(const Tensor& labels, int outputs, Answer answer) {
  const Tensor targets = Tensor::empty({labels.size(0), labels.size(1), labels.size(2), outputs}, {DType::u8, kCpu});
  std::uint8_t* out = targets.data<std::uint8_t>();
  for (const std::uint8_t grade : labels.to_vector<std::uint8_t>()) {
    const bool ignored = grade == data::kIgnoreLabel;
    require<DataError>(ignored || grade <= outputs, "the label ", int{grade}, " is none of the grades 0 to ", outputs);
    for (int k = 0; k < outputs; ++k) *out++ = ignored ? data::kIgnoreLabel : answer(grade, k);
  }
  return targets;
}
}  // namespace

Tensor Ordinal::targets(const Tensor& labels) const {
  return cumulative_targets(labels, outputs(), [](int grade, int k) -> std::uint8_t { return grade > k; });
}

Tensor Corn::targets(const Tensor& labels) const {
  return cumulative_targets(labels, outputs(), [](int grade, int k) -> std::uint8_t { return grade < k ? data::kIgnoreLabel : grade > k; });
}

Tensor Corn::probabilities(const Tensor& logits) const {
  const Tensor conditional = sigmoid(logits);
  std::vector<Tensor> above{slice_channels(conditional, 0, 1)};
  for (int k = 1; k < outputs(); ++k) above.push_back(mul(above.back(), slice_channels(conditional, k, 1)));
  return concat(above);
}

}  // namespace lamina::heads
