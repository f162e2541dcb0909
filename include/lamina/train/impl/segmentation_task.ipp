#include "lamina/train/segmentation_task.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

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

Scalars SegmentationTask::pass(const data::Batch& batch, const std::vector<double>& shares) {
  const models::Outputs outputs = parts_.network->run(batch.at(kImage));
  Scalars all;
  if (parts_.heads.size() > 1) all["loss"] = 0;
  Tensor total;
  const auto count = [&](const Tensor& loss, double factor) {
    const Tensor counted = factor == 1 ? loss : scale(loss, factor);
    total = total ? add(total, counted) : counted;
  };
  for (std::size_t h = 0; h < parts_.heads.size(); ++h) {
    const heads::Head& head = *parts_.heads[h];
    Scalars values, counted;
    count(parts_.criterion(head, models::named(outputs, head.name()), batch.at(head.name()), &values, batch.pixel_weights(),
                           parts_.network->grid()),
          shares[h]);
    counted.add(values, shares[h]);
    put(all, head, counted);
  }
  for (const Auxiliary& a : parts_.auxiliary) {
    const heads::Head& head = *parts_.heads[0];
    const Tensor loss = parts_.criterion(head, models::named(outputs, a.output), batch.at(head.name()), nullptr, batch.pixel_weights(),
                                         parts_.network->grid());
    all[a.output + "_loss"] = shares[0] * loss.item();
    count(loss, shares[0] * a.weight);
  }
  if (parts_.heads.size() > 1 || !parts_.auxiliary.empty()) all["loss"] = total.item();
  total.backward();
  return all;
}

Scalars SegmentationTask::step(const data::Batch& batch) {
  const std::int64_t images = batch.size(), part = parts_.part > 0 ? parts_.part : images;
  std::vector<data::Batch> passes;
  for (std::int64_t first = 0, count; first < images; first += count) {
    count = std::min(part, images - first);
    if (parts_.merge_single && images - first == part + 1) ++count;
    passes.push_back(count == images ? batch : batch.items(first, count));
  }
  std::vector<std::vector<double>> shares(passes.size(), std::vector<double>(parts_.heads.size(), 1));
  for (std::size_t h = 0; passes.size() > 1 && h < parts_.heads.size(); ++h) {
    const heads::Head& head = *parts_.heads[h];
    double sum = 0;
    for (std::size_t k = 0; k < passes.size(); ++k)
      sum += shares[k][h] = parts_.criterion.divisor(head, passes[k].at(head.name()), passes[k].pixel_weights());
    for (auto& of_pass : shares) of_pass[h] /= std::max(sum, 1e-30);
  }
  Scalars all;
  parts_.optimizer->zero_grad();
  for (std::size_t k = 0; k < passes.size(); ++k) all.add(pass(passes[k], shares[k]));
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
  if (std::string w = divergence_warning(history); !w.empty()) all.push_back(std::move(w));
  return all;
}

namespace {

/// "the loss rose from 2.57 to 3.63", where a loss is above that of the first epoch by more than that factor; else empty.
std::string rise(const std::vector<EpochRecord>& history, const double* now, double factor, const char* what = "the loss") {
  const double* first = history[0].train.find("loss");
  if (!first || !now || !(*now > *first + (factor - 1) * std::abs(*first))) return {};
  char text[96];
  std::snprintf(text, sizeof text, "%s rose from %.3g to %.3g", what, *first, *now);
  return text;
}

}  // namespace

std::string divergence_warning(const std::vector<EpochRecord>& history) {
  constexpr double kOfTraining = 1.2, kOfValidation = 10;
  for (const EpochRecord& r : history) {
    std::string what = rise(history, r.train.find("loss"), kOfTraining);
    if (what.empty() && r.validation)
      what = rise(history, r.validation->scores.find("val_loss"), kOfValidation, "from training to validation the loss");
    if (!what.empty())
      return message("epoch ", r.epoch, ": ", what, ". The learning rate is too high, most likely: try a tenth of --lr, or --clip-norm 1");
  }
  return {};
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
    if (streak == kPatience) {
      const std::string rising = rise(history, r.train.find("loss"), 1);
      warnings.push_back(message(
          "epoch ", r.epoch, ": for ", kPatience, " validations nearly all pixels were predicted as \"",
          outcomes[static_cast<std::size_t>(collapsed)], "\". Likely causes, in this order: a learning rate that is too ",
          rising.empty() ? "low" : "high (" + rising + ")",
          ", a rare foreground without class weights (try --class-weights median), or masks that are read wrongly (see lamina check)"));
    }
  }
  return warnings;
}

}  // namespace lamina::train
