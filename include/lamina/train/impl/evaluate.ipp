#include "lamina/train/evaluate.hpp"

#include "lamina/nn/nn.hpp"
#include "lamina/ops/resize.hpp"

namespace lamina::train {

Tensor decisions_at(const heads::Head& head, const Tensor& logits, std::int64_t height, std::int64_t width, ResizeGrid grid) {
  const bool same = logits.size(1) == height && logits.size(2) == width;
  return head.decide(same ? logits : resize_bilinear(logits, height, width, grid)).to(kCpu);
}

std::vector<Evaluation> evaluate(models::Network& model, data::Batches& batches, const Heads& heads, const losses::Criterion* criterion,
                                 const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const NoGrad no_grad;
  const nn::RandomScope random(RandomKey{0, 0x6576616c});
  const nn::EvalScope eval(model);
  std::vector<Evaluation> results;
  for (const auto& head : heads) results.push_back({head->confusion(), {}, {}});
  batches.start(0);
  data::Batch batch;
  std::int64_t done = 0;
  while (batches.next(batch)) {
    const models::Outputs outputs = model.run(batch.at(kImage));
    for (std::size_t h = 0; h < heads.size(); ++h) {
      const heads::Head& head = *heads[h];
      const Tensor &logits = models::named(outputs, head.name()), &labels = batch.at(head.name());
      if (criterion) {
        Scalars values;
        (void)(*criterion)(head, logits, labels, &values, batch.pixel_weights(), model.grid());
        results[h].losses.add(values, static_cast<double>(batch.size()));
      }
      const auto predicted = decisions_at(head, logits, labels.size(1), labels.size(2), model.grid()).to_vector<std::uint8_t>();
      const auto truth = labels.to_vector<std::uint8_t>();
      const std::size_t count = truth.size() / static_cast<std::size_t>(batch.size());
      for (std::size_t i = 0; i < batch.indices.size(); ++i) {
        metrics::ConfusionMatrix one = head.confusion();
        head.count(one, std::span(truth).subspan(i * count, count), std::span(predicted).subspan(i * count, count));
        Scalars scores = head.image_summary(one);
        const double quality = head.quality(scores);
        results[h].images.push_back({batch.indices[i], std::move(scores), quality});
        results[h].confusion.add(one);
      }
    }
    if (progress) progress(++done, batches.batches());
  }
  for (Evaluation& e : results)
    if (!e.images.empty()) e.losses = e.losses.divided_by(static_cast<double>(e.images.size()));
  return results;
}

}  // namespace lamina::train
