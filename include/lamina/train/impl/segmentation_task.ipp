#include "lamina/train/segmentation_task.hpp"

#include "lamina/ops/arithmetic.hpp"

namespace lamina::train {

SegmentationTask::SegmentationTask(Parts parts) : parts_(std::move(parts)) {
  const auto outputs = parts_.network->outputs();
  for (const auto& head : parts_.heads) {
    parts_.criterion.require_fits(*head);
    bool found = false;
    for (const models::OutputSpec& o : outputs) found |= o == models::OutputSpec{head->name(), head->outputs()};
    require(found, "the network has no output \"", head->name(), "\" of ", head->outputs(), " channels, which the ", head->kind(),
            " head of that name needs");
  }
}

std::string SegmentationTask::name_of(const heads::Head& head, const std::string& scalar) const {
  return parts_.heads.size() == 1 ? scalar : head.name() + "/" + scalar;
}

void SegmentationTask::put(Scalars& to, const heads::Head& head, const Scalars& values) const {
  for (const auto& [name, value] : values) to.append({{name_of(head, name), value}});
}

Scalars SegmentationTask::step(const data::Batch& batch) {
  const models::Outputs outputs = parts_.network->run(batch.at(kImage));
  Scalars all;
  if (parts_.heads.size() > 1) all["loss"] = 0;
  Tensor total;
  for (const auto& head : parts_.heads) {
    Scalars values;
    const Tensor loss = parts_.criterion(*head, models::named(outputs, head->name()), batch.at(head->name()), &values,
                                         batch.pixel_weights(), parts_.network->grid());
    put(all, *head, values);
    total = total ? add(total, loss) : loss;
  }
  for (const Auxiliary& a : parts_.auxiliary) {
    const heads::Head& head = *parts_.heads[0];
    const Tensor loss = parts_.criterion(head, models::named(outputs, a.output), batch.at(head.name()), nullptr, batch.pixel_weights(),
                                         parts_.network->grid());
    all[a.output + "_loss"] = loss.item();
    total = add(total, scale(loss, a.weight));
  }
  if (parts_.heads.size() > 1 || !parts_.auxiliary.empty()) all["loss"] = total.item();
  parts_.optimizer->zero_grad();
  total.backward();
  parts_.optimizer->step();
  return all;
}

Validation SegmentationTask::validate() {
  const auto results = evaluate(*parts_.network, *parts_.validation, parts_.heads, &parts_.criterion);
  Validation v;
  v.scores["val_loss"] = 0;
  v.score = 0;
  for (std::size_t h = 0; h < results.size(); ++h) {
    const heads::Head& head = *parts_.heads[h];
    const Evaluation& e = results[h];
    v.scores["val_loss"] += e.losses.at("loss");
    put(v.scores, head, head.summary(e.confusion));
    v.counts.push_back({head.name(), e.confusion});
    v.score += head.selection(e.confusion).value / static_cast<double>(results.size());
    v.text += (h ? "  " : "") + name_of(head, head.text(e.confusion));
  }
  return v;
}

std::vector<std::string> SegmentationTask::score_names() const {
  std::vector<std::string> names{"val_loss"};
  for (const auto& head : parts_.heads)
    for (const auto& [name, value] : head->summary(head->confusion())) names.push_back(name_of(*head, name));
  return names;
}

std::vector<std::string> SegmentationTask::warnings(const std::vector<EpochRecord>& history) const {
  std::vector<std::string> all;
  for (const auto& head : parts_.heads)
    for (std::string& w : collapse_warnings(history, *head)) all.push_back(std::move(w));
  return all;
}

std::vector<std::string> collapse_warnings(const std::vector<EpochRecord>& history, const heads::Head& head) {
  constexpr int kPatience = 5;
  const std::vector<std::string> outcomes = head.outcomes();
  std::vector<std::string> warnings;
  int streak = 0;
  for (const EpochRecord& r : history) {
    const metrics::ConfusionMatrix* m = nullptr;
    if (r.validation)
      for (const HeadCounts& counts : r.validation->counts)
        if (counts.head == head.name()) m = &counts.confusion;
    if (!m) continue;
    const auto total = static_cast<double>(m->total());
    int collapsed = -1;
    for (int c = 0; c < m->classes() && total > 0; ++c) {
      const double predicted = static_cast<double>(m->prediction_count(c)) / total,
                   labelled = static_cast<double>(m->truth_count(c)) / total;
      if (predicted > 0.9995 && predicted > labelled) collapsed = c;
    }
    streak = collapsed < 0 ? 0 : streak + 1;
    if (streak == kPatience)
      warnings.push_back(message(
          "epoch ", r.epoch, ": for ", kPatience, " validations nearly all pixels were predicted as \"",
          outcomes[static_cast<std::size_t>(collapsed)],
          "\". Likely causes, in this order: a learning rate that is too low, a rare foreground without class weights (try --class-weights "
          "median), or masks that are read wrongly (see lamina check)"));
  }
  return warnings;
}

}  // namespace lamina::train
