#include "lamina/train/evaluate.hpp"

#include "lamina/infer/predictor.hpp"

namespace lamina::train {

LossActivation activation_of(data::Task task) { return task == data::Task::multilabel ? LossActivation::sigmoid : LossActivation::softmax; }

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
  const bool training = model.training();
  const Device device = model.device();
  model.eval();
  loss.activation = activation_of(schema.task);
  Evaluation result{confusion_of(schema), 0, {}};
  loader.start(0);
  data::Batch batch;
  std::int64_t done = 0;
  while (loader.next(batch)) {
    const Tensor logits = model.forward(batch.images.to(device)), labels = batch.labels.to(device);
    const std::int64_t n = batch.labels.size(0), values = batch.labels.numel() / std::max<std::int64_t>(n, 1);
    result.loss += segmentation_loss(logits, labels, loss).item() * static_cast<double>(n);
    const auto predicted = infer::decisions(logits, schema.task), truth = batch.labels.to_vector<std::uint8_t>();
    for (std::int64_t i = 0; i < n; ++i) {
      const auto from = static_cast<std::size_t>(i * values), count = static_cast<std::size_t>(values);
      metrics::ConfusionMatrix one = confusion_of(schema);
      count_labels(one, schema, std::span(truth).subspan(from, count), std::span(predicted).subspan(from, count));
      const auto scores = one.scores(schema.neutral_outcome());
      result.images.push_back({batch.indices[static_cast<std::size_t>(i)], scores.dice.macro_foreground, scores.accuracy});
      result.confusion.add(one);
    }
    if (progress) progress(++done, loader.batches());
  }
  if (!result.images.empty()) result.loss /= static_cast<double>(result.images.size());
  model.train(training);
  return result;
}

}  // namespace lamina::train
