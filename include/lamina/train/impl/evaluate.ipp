#include "lamina/train/evaluate.hpp"

#include "lamina/ops/argmax.hpp"

namespace lamina::train {

Evaluation evaluate(models::Segmenter& model, data::Loader& loader, int classes, int background, const SegmentationLossOptions& loss,
                    const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const NoGrad no_grad;
  const nn::RandomScope random(RandomKey{0, 0x6576616c});
  const bool training = model.training();
  const Device device = model.device();
  model.eval();
  Evaluation result{metrics::ConfusionMatrix(classes), 0, {}};
  loader.start(0);
  data::Batch batch;
  std::int64_t done = 0;
  while (loader.next(batch)) {
    const Tensor logits = model.forward(batch.images.to(device)), labels = batch.labels.to(device);
    const std::int64_t n = batch.labels.size(0), pixels = batch.labels.numel() / std::max<std::int64_t>(n, 1);
    result.loss += segmentation_loss(logits, labels, loss).item() * static_cast<double>(n);
    const auto predicted = argmax(logits).to_vector<std::uint8_t>(), truth = batch.labels.to_vector<std::uint8_t>();
    for (std::int64_t i = 0; i < n; ++i) {
      const auto from = static_cast<std::size_t>(i * pixels), count = static_cast<std::size_t>(pixels);
      metrics::ConfusionMatrix one(classes);
      one.add(std::span(truth).subspan(from, count), std::span(predicted).subspan(from, count), data::kIgnoreLabel);
      const auto scores = one.scores(background);
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
