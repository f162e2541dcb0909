#include "lamina/train/evaluate.hpp"

#include <cmath>
#include <cstdio>

#include "lamina/infer/predictor.hpp"

namespace lamina::train {

LossActivation activation_of(data::Task task) { return task == data::Task::multiclass ? LossActivation::softmax : LossActivation::sigmoid; }

Tensor loss_targets(const Tensor& labels, const data::LabelSchema& schema) {
  if (schema.task != data::Task::ordinal) return labels;
  const int outputs = schema.outputs();
  const Tensor targets = Tensor::empty({labels.size(0), labels.size(1), labels.size(2), outputs}, {DType::u8, kCpu});
  std::uint8_t* out = targets.data<std::uint8_t>();
  for (const std::uint8_t grade : labels.to_vector<std::uint8_t>()) {
    const bool ignored = grade == data::kIgnoreLabel;
    require<DataError>(ignored || grade <= outputs, "the label ", int{grade}, " is none of the grades 0 to ", outputs);
    for (int k = 0; k < outputs; ++k) *out++ = ignored ? data::kIgnoreLabel : grade > k;
  }
  return targets;
}

double selection_score(const metrics::ConfusionMatrix& confusion, const data::LabelSchema& schema) {
  if (schema.task == data::Task::ordinal) return confusion.ordinal_scores().quadratic_kappa;
  return confusion.scores(schema.neutral_outcome()).dice.macro_foreground;
}

const char* selection_name(const data::LabelSchema& schema) {
  if (schema.task == data::Task::ordinal) return "quadratic kappa";
  return schema.neutral_outcome() >= 0 ? "foreground Dice" : "macro Dice";
}

std::string grades_text(const metrics::ConfusionMatrix& confusion, const data::LabelSchema& schema) {
  if (schema.task != data::Task::ordinal) return {};
  const auto s = confusion.ordinal_scores(), base = confusion.majority_baseline().ordinal_scores();
  const auto beside = [](double value, double baseline) {
    char text[64];
    std::snprintf(text, sizeof text, "%.4f (%.4f)", value, baseline);
    return std::string(text);
  };
  return "mean absolute error " + beside(s.mean_absolute_error, base.mean_absolute_error) + " grades, within one grade " +
         beside(s.within_one, base.within_one) + ", quadratic kappa " + beside(s.quadratic_kappa, base.quadratic_kappa) +
         "; in brackets always the most frequent grade";
}

metrics::ConfusionMatrix confusion_of(const data::LabelSchema& schema) {
  return metrics::ConfusionMatrix(static_cast<int>(schema.outcomes().size()));
}

void count_labels(metrics::ConfusionMatrix& confusion, const data::LabelSchema& schema, std::span<const std::uint8_t> truth,
                  std::span<const std::uint8_t> prediction) {
  if (schema.task == data::Task::multilabel)
    confusion.add_planes(truth, prediction, data::kIgnoreLabel);
  else
    confusion.add(truth, prediction, data::kIgnoreLabel);
}

Evaluation evaluate(models::Segmenter& model, data::Loader& loader, const data::LabelSchema& schema, SegmentationLossOptions loss,
                    const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const NoGrad no_grad;
  const nn::RandomScope random(RandomKey{0, 0x6576616c});
  const nn::EvalScope eval(model);
  loss.activation = activation_of(schema.task);
  Evaluation result{confusion_of(schema), 0, {}};
  loader.start(0);
  data::Batch batch;
  std::int64_t done = 0;
  while (loader.next(batch)) {
    const Tensor logits = model(batch.images), labels = loss_targets(batch.labels, schema).to(logits.device());
    const std::int64_t n = batch.labels.size(0), values = batch.labels.numel() / std::max<std::int64_t>(n, 1);
    result.loss += segmentation_loss(logits, labels, loss).item() * static_cast<double>(n);
    const auto predicted = infer::decisions(logits, schema.task), truth = batch.labels.to_vector<std::uint8_t>();
    for (std::int64_t i = 0; i < n; ++i) {
      const auto from = static_cast<std::size_t>(i * values), count = static_cast<std::size_t>(values);
      metrics::ConfusionMatrix one = confusion_of(schema);
      count_labels(one, schema, std::span(truth).subspan(from, count), std::span(predicted).subspan(from, count));
      const auto scores = one.scores(schema.neutral_outcome());
      const double error = schema.task == data::Task::ordinal ? one.ordinal_scores().mean_absolute_error : NAN;
      result.images.push_back({batch.indices[static_cast<std::size_t>(i)], scores.dice.macro_foreground, scores.accuracy, error});
      result.confusion.add(one);
    }
    if (progress) progress(++done, loader.batches());
  }
  if (!result.images.empty()) result.loss /= static_cast<double>(result.images.size());
  return result;
}

}  // namespace lamina::train
