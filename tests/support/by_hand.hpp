// Training without the trainer: the loss from the logits, updates and rates in double.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lamina/data/loader.hpp"
#include "lamina/models/registry.hpp"
#include "lamina/ops/segmentation_loss.hpp"
#include "lamina/train/config.hpp"

namespace lamina::test {

struct Loss {
  double ce = 0, dice = 0;
};

/// The two terms as ops/segmentation_loss.hpp has them: cross-entropy over the sum of the weights that count, Dice smoothed by 1 over all
/// images at once, a class that is nowhere as `absent` says. `planes`: sigmoids; targets are then 0 and 1, else classes.
inline Loss loss_by_hand(const std::vector<double>& logits, const std::vector<int>& targets, std::size_t classes,
                         std::vector<double> weights, bool planes, EmptyClass absent = EmptyClass::penalize,
                         std::vector<double> positives = {}) {
  if (weights.empty()) weights.assign(classes, 1);
  if (positives.empty()) positives.assign(classes, 1);
  std::vector<double> p(logits.size()), t(logits.size()), counted(logits.size());
  double ce = 0, norm = 0;
  for (std::size_t i = 0; i < logits.size() / classes; ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += std::exp(logits[i * classes + c]);
    for (std::size_t c = 0; c < classes; ++c) {
      const std::size_t at = i * classes + c;
      const int target = targets[planes ? at : i];
      p[at] = planes ? 1 / (1 + std::exp(-logits[at])) : std::exp(logits[at]) / sum;
      counted[at] = target != data::kIgnoreLabel;
      t[at] = counted[at] && (planes ? target == 1 : target == static_cast<int>(c));
      const double entropy = planes ? -std::log(t[at] == 1 ? p[at] : 1 - p[at]) : -t[at] * std::log(p[at]);
      ce += counted[at] * weights[c] * (planes && t[at] == 1 ? positives[c] : 1) * entropy;
      norm += (planes ? counted[at] : t[at]) * weights[c];
    }
  }
  double dice = 0, all = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    double both = 0, sum = 0, labelled = 0;
    for (std::size_t at = c; at < p.size(); at += classes)
      both += counted[at] * p[at] * t[at], sum += counted[at] * (p[at] + t[at]), labelled += counted[at] * t[at];
    const bool by_formula = labelled > 0 || absent == EmptyClass::penalize;
    if (!by_formula && absent == EmptyClass::skip) continue;
    dice += weights[c] * (by_formula ? (2 * both + 1) / (sum + 1) : absent == EmptyClass::one);
    all += weights[c];
  }
  return {ce / norm, 1 - dice / all};
}

struct Recipe {
  std::vector<double> weights{}, positives{};  ///< of the outputs
  double ce = 1, dice = 1;
  std::optional<EmptyClass> absent{};        ///< none: as the settings say
  std::function<double(std::int64_t)> lr{};  ///< of each update; none: the setting
};

struct Values {
  std::vector<double> lr, loss, ce, dice_loss, val_loss;  ///< an epoch each
  std::vector<double> step_lr, step_loss, step_ce;        ///< an update each; means of the epoch so far
  std::vector<nn::NamedTensor> start, weights;
};

/// One update of the parameters from their gradients; m and s: the optimiser's moments.
inline void update_by_hand(const train::TrainConfig& c, const std::vector<nn::NamedTensor>& parameters, double lr, std::int64_t step,
                           std::vector<std::vector<double>>& m, std::vector<std::vector<double>>& s) {
  double squares = 0;
  for (const auto& p : parameters)
    for (const double g : p.tensor.grad().to_vector<double>()) squares += g * g;
  const double shrink = c.clip_norm > 0 && std::sqrt(squares) > c.clip_norm ? c.clip_norm / (std::sqrt(squares) + 1e-6) : 1;
  const auto steps = static_cast<double>(step);
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    auto w = parameters[k].tensor.to_vector<double>();
    const auto grad = parameters[k].tensor.grad().to_vector<double>();
    const bool kernel = parameters[k].tensor.rank() >= 2;  // what decays
    m[k].resize(w.size()), s[k].resize(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      double g = grad[i] * shrink;
      if (c.clip_value > 0) g = std::clamp(g, -c.clip_value, c.clip_value);
      if (kernel && c.optimizer != "adamw") g += c.weight_decay * w[i];
      if (kernel && c.optimizer == "adamw") w[i] *= 1 - lr * c.weight_decay;
      if (c.optimizer == "sgd") {
        m[k][i] = c.momentum * m[k][i] + g;
        w[i] -= lr * m[k][i];
      } else {
        m[k][i] = 0.9 * m[k][i] + 0.1 * g;
        s[k][i] = 0.999 * s[k][i] + 0.001 * g * g;
        w[i] -= lr * (m[k][i] / (1 - std::pow(0.9, steps))) / (std::sqrt(s[k][i] / (1 - std::pow(0.999, steps))) + 1e-8);
      }
    }
    const std::vector<float> rounded(w.begin(), w.end());
    parameters[k].tensor.detach().copy_from(Tensor::from<float>(rounded, parameters[k].tensor.shape()));
  }
}

/// Labels as the loss takes them: classes, or a 0 or 1 for each plane or grade.
inline std::vector<int> targets_by_hand(const Tensor& labels, data::Task task, int outputs) {
  std::vector<int> out;
  for (const std::uint8_t label : labels.to_vector<std::uint8_t>()) {
    if (task != data::Task::ordinal) out.push_back(label);
    for (int k = 0; task == data::Task::ordinal && k < outputs; ++k) out.push_back(label == 255 ? 255 : label > k);
  }
  return out;
}

/// Trains as the settings say, without the trainer.
inline Values by_hand(const train::TrainConfig& c, const Recipe& recipe, int epochs) {
  const data::Dataset dataset = data::open_dataset(c.data);
  const data::Task task = dataset.schema.task;
  const bool planes = task != data::Task::multiclass;
  const int outputs = dataset.schema.classes() - (task == data::Task::ordinal);
  const auto model = models::build_network({.model = c.model,
                                            .preset = c.preset,
                                            .in_channels = 3,
                                            .classes = outputs,
                                            .options = {{"base", std::to_string(c.base)}, {"depth", std::to_string(c.depth)}}},
                                           c.seed);
  const data::LoaderOptions plain{
      .batch = c.batch, .width = c.width, .height = c.height, .resize = data::resize_named(c.resize), .windows = true, .seed = c.seed};
  data::LoaderOptions augmented = plain;
  augmented.augment = data::parse_augment(c.augment);
  augmented.shuffle = augmented.random_crop = true;
  augmented.center_anywhere = c.crop_center == "anywhere";
  augmented.windows = false;
  augmented.crops = c.crops;
  data::Loader loader(dataset, data::Split::train, augmented), val_loader(dataset, data::Split::val, plain);

  const bool skips = c.absent_classes == "auto" && task == data::Task::multiclass;
  const EmptyClass absent = recipe.absent.value_or(skips ? EmptyClass::skip : EmptyClass::penalize);
  const auto terms = [&](const Tensor& logits, const Tensor& labels) {
    return loss_by_hand(logits.to_vector<double>(), targets_by_hand(labels, task, outputs), static_cast<std::size_t>(outputs),
                        recipe.weights, planes, absent, recipe.positives);
  };
  Values v;
  for (const auto& [name, tensor] : model->named_parameters()) v.start.push_back({name, tensor.detach().clone()});
  std::vector<std::vector<double>> m(v.start.size()), s(v.start.size());
  std::int64_t step = 0;
  const std::int64_t total = c.steps ? c.steps : c.epochs * loader.batches();
  data::Batch batch;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    double ce = 0, dice = 0, images = 0;
    double lr = c.lr;
    model->train();
    loader.start(epoch);
    while (step < total && loader.next(batch)) {
      const Tensor logits = (*model)(batch.at(kImage));
      const Loss one = terms(logits, batch.at(kLabels));
      const double n = static_cast<double>(batch.at(kImage).size(0));
      ce += n * one.ce, dice += n * one.dice, images += n;
      // Gradients from the op, whose own tests know them.
      const auto t = targets_by_hand(batch.at(kLabels), task, outputs);
      const Tensor u8 =
          Tensor::from<std::uint8_t>(std::vector<std::uint8_t>(t.begin(), t.end()), planes ? logits.shape() : batch.at(kLabels).shape());
      for (const auto& p : model->named_parameters()) p.tensor.zero_grad();
      segmentation_loss(logits, u8,
                        {.activation = planes ? LossActivation::sigmoid : LossActivation::softmax,
                         .ce_weight = recipe.ce,
                         .regions = {RegionTerm::dice(recipe.dice)},
                         .class_weights = recipe.weights,
                         .positive_weights = recipe.positives,
                         .ignore_label = 255,
                         .empty_class = absent})
          .backward();
      if (recipe.lr) lr = recipe.lr(step);
      update_by_hand(c, model->named_parameters(), lr, ++step, m, s);
      v.step_lr.push_back(lr);
      v.step_ce.push_back(ce / images);
      v.step_loss.push_back((recipe.ce * ce + recipe.dice * dice) / images);
    }
    v.lr.push_back(lr);
    v.ce.push_back(ce / images);
    v.dice_loss.push_back(dice / images);
    v.loss.push_back((recipe.ce * ce + recipe.dice * dice) / images);
    const NoGrad no_grad;
    model->eval();
    val_loader.start(0);
    double val = 0, val_images = 0;
    while (val_loader.next(batch)) {
      const Loss one = terms((*model)(batch.at(kImage)), batch.at(kLabels));
      const double n = static_cast<double>(batch.at(kImage).size(0));
      val += n * (recipe.ce * one.ce + recipe.dice * one.dice), val_images += n;
    }
    v.val_loss.push_back(val / val_images);
  }
  for (const auto& [name, tensor] : model->named_parameters()) v.weights.push_back({name, tensor.detach().clone()});
  return v;
}

}  // namespace lamina::test
