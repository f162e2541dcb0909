#include "lamina/train/segmentation_task.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/ops/arithmetic.hpp"
#include "lamina/train/sentinels/failed_step.hpp"
#include "lamina/train/sentinels/rules.hpp"

namespace lamina::train {

SegmentationTask::SegmentationTask(Parts parts) : parts_(std::move(parts)) {
  const bool heads = !parts_.heads.empty() && std::all_of(parts_.heads.begin(), parts_.heads.end(), [](const auto& head) { return head; });
  require<OptionError>(parts_.network && parts_.optimizer && heads, "segmentation task: Parts::",
                       !parts_.network     ? "network"
                       : !parts_.optimizer ? "optimizer"
                                           : "heads",
                       " was not given");
  const auto outputs = parts_.network->outputs();
  for (const auto& head : parts_.heads) {
    parts_.criterion.require_fits(*head);
    bool found = false;
    for (const models::OutputSpec& o : outputs) found |= o == models::OutputSpec{head->name(), head->outputs(), head->tied()};
    require(found, "the network has no output \"", head->name(), "\" of ", head->outputs(), " channels",
            head->tied().empty() ? "" : message(", tied in ", head->tied().size(), " rows"), ", which the ", head->kind(),
            " head of that name needs");
  }
}

std::string SegmentationTask::name_of(const heads::Head& head, const std::string& scalar) const {
  return parts_.heads.size() == 1 ? scalar : head.name() + "/" + scalar;
}

void SegmentationTask::put(Scalars& to, const heads::Head& head, const Scalars& values) const {
  for (const auto& [name, value] : values) to.append({{name_of(head, name), value}});
}

Scalars SegmentationTask::pass(const data::Batch& batch, const std::vector<std::vector<double>>& shares) {
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
    Scalars values;
    count(parts_.criterion(head, models::named(outputs, head.name()), batch.at(head.name()), &values, batch.pixel_weights(),
                           parts_.network->grid(), shares[h]),
          1);
    put(all, head, values);
  }
  for (const Auxiliary& a : parts_.auxiliary) {
    const heads::Head& head = *parts_.heads[0];
    const Tensor loss = parts_.criterion(head, models::named(outputs, a.output), batch.at(head.name()), nullptr, batch.pixel_weights(),
                                         parts_.network->grid(), shares[0]);
    all[a.output + "_loss"] = loss.item();
    count(loss, a.weight);
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
  using Shares = std::vector<std::vector<double>>;  // by head and part of it; none: once
  std::vector<Shares> shares(passes.size(), Shares(parts_.heads.size()));
  for (std::size_t h = 0; passes.size() > 1 && h < parts_.heads.size(); ++h) {
    const heads::Head& head = *parts_.heads[h];
    std::vector<double> sum(head.parts().size());
    for (std::size_t k = 0; k < passes.size(); ++k) {
      shares[k][h] = parts_.criterion.divisors(head, passes[k].at(head.name()), passes[k].pixel_weights());
      for (std::size_t p = 0; p < sum.size(); ++p) sum[p] += shares[k][h][p];
    }
    for (Shares& of_pass : shares)
      for (std::size_t p = 0; p < sum.size(); ++p) of_pass[h][p] /= std::max(sum[p], 1e-30);
  }
  Scalars all;
  parts_.optimizer->zero_grad();
  for (std::size_t k = 0; k < passes.size(); ++k) all.add(pass(passes[k], shares[k]));
  if (not_finite(all).empty()) parts_.optimizer->step();
  return all;
}

Validation SegmentationTask::validate() {
  const auto results = evaluate(*parts_.network, *parts_.validation, parts_.heads, &parts_.criterion, {}, {.borders = parts_.watched});
  Validation v;
  v.scores["val_loss"] = 0;
  v.score = 0;
  for (std::size_t h = 0; h < results.size(); ++h) {
    const heads::Head& head = *parts_.heads[h];
    const Evaluation& e = results[h];
    v.scores["val_loss"] += e.losses.at("loss");
    put(v.scores, head, head.summary(e.confusion));
    v.counts.push_back({head.name(), e.confusion});
    if (e.border.near > 0 && e.border.far > 0)
      v.signals.append({{"border_error/" + head.name(), e.border.near_error()}, {"inner_error/" + head.name(), e.border.far_error()}});
    if (e.border.band > 0 && e.border.far > e.border.band)
      v.signals.append({{"band_error/" + head.name(), e.border.band_error()}, {"deep_error/" + head.name(), e.border.deep_error()}});
    v.score += head.selection(e.confusion).value / static_cast<double>(results.size());
    v.text += (h ? "  " : "") + name_of(head, head.text(e.confusion));
    v.baseline += (h ? "  " : "") + name_of(head, head.baseline_text(e.confusion));
    if (!head.is_tested_by(e.confusion))
      v.baseline += results.size() == 1
                        ? "; no val label is of anything to be found: no epoch scores better than another, the newest is kept as the best"
                        : "; no val label is of anything to be found";
  }
  return v;
}

std::vector<std::string> SegmentationTask::score_names() const {
  std::vector<std::string> names{"val_loss"};
  for (const auto& head : parts_.heads)
    for (const auto& [name, value] : head->summary(head->confusion())) names.push_back(name_of(*head, name));
  return names;
}

std::vector<Sentinel> SegmentationTask::sentinels(double lr) const {
  std::vector<Sentinel> all = loss_sentinels(lr);
  for (const auto& head : parts_.heads)
    for (Sentinel& s : head_sentinels(*head, lr, parts_.criterion)) all.push_back(std::move(s));
  return all;
}

}  // namespace lamina::train
