// What the runs of a study are told, and what they learn from.
#include <algorithm>

#include "lamina/core/random.hpp"
#include "lamina/train/impl/parts.hpp"
#include "lamina/train/study.hpp"
#include "lamina/train/trainer.hpp"

namespace lamina::train {
namespace {

constexpr std::uint64_t kSubsetStream = 0x737562736574;

}  // namespace

ColorizeConfig Study::colorize_config(std::uint64_t index) const {
  ColorizeConfig c = config_.pretraining;
  c.photos = {config_.data};
  c.photos.insert(c.photos.end(), config_.photos.begin(), config_.photos.end());
  c.model = config_.model, c.preset = config_.model_preset, c.base = config_.base, c.depth = config_.depth;
  c.options = config_.options;
  c.init = config_.init;
  c.colorization.space = config_.colors, c.colorization.activation = config_.activation;
  if (c.weight_decay < 0) c.weight_decay = config_.weight_decay;
  c.discriminator = config_.discriminator, c.discriminator_base = config_.discriminator_base;
  c.discriminator_layers = config_.discriminator_layers;
  c.discriminator_last_kernel = config_.discriminator_last_kernel, c.discriminator_last_stride = config_.discriminator_last_stride;
  c.gan = config_.gan;
  if (c.width == 0) c.width = config_.width, c.height = config_.height;
  if (c.resize.empty()) c.resize = config_.resize;
  if (c.augment.empty()) c.augment = config_.augment;
  if (c.crop_center.empty()) c.crop_center = c.resize == config_.resize ? config_.crop_center : "inside";
  c.lr = config_.pretrain_lr;
  c.steps = config_.pretrain_steps;
  if (c.epoch_steps == 0) c.epoch_steps = std::max<std::int64_t>(1, config_.pretrain_steps / 10);
  if (c.batch == 0) c.batch = config_.batch;
  c.seed = config_.first_seed + index;
  c.device = config_.device, c.precision = config_.precision;
  c.out = colorization_folder(config_.first_seed + index).string();
  return resolved(c);
}

TrainConfig Study::train_config(const StudyRun& run) const {
  TrainConfig c = config_.segmentation;
  c.data = config_.data;
  c.model = config_.model, c.preset = config_.model_preset, c.base = config_.base, c.depth = config_.depth;
  c.init = config_.init;
  c.options = config_.options;
  if (run.arm == "pretrained" && (config_.pretrained_normalize != "auto" || input_of_network(config_.pretrained)))
    c.normalize = config_.pretrained_normalize;
  c.width = config_.width, c.height = config_.height, c.resize = config_.resize, c.augment = config_.augment;
  c.crop_center = config_.crop_center, c.crops = c.resize == data::name_of(data::Resize::crop);
  c.lr = config_.lr, c.weight_decay = config_.weight_decay;
  c.steps = config_.steps, c.batch = config_.batch, c.seed = run.seed;
  c.device = config_.device, c.precision = config_.precision;
  c.out = folder_of(run).string();
  return resolved(c);
}

infer::InputConfig Study::input_of(const StudyRun& run) const {
  TrainConfig c = train_config(run);
  if (run.arm == "pretrained") c.from = config_.pretrained;
  return input_config(c, dataset_.photos);
}

std::string Study::normalization() const {
  std::vector<std::pair<std::string, std::string>> arms;
  for (const StudyRun& run : runs_) {
    if (std::any_of(arms.begin(), arms.end(), [&](const auto& known) { return known.first == run.arm; })) break;
    arms.emplace_back(run.arm, seen_text(input_of(run)));
  }
  if (std::all_of(arms.begin(), arms.end(), [&](const auto& arm) { return arm.second == arms[0].second; }))
    return "all arms see them " + arms[0].second;
  std::string text;
  for (const auto& [arm, seen] : arms) text += message(text.empty() ? "" : "; ", arm, " sees them ", seen);
  return text;
}

/// The run's share of the labelled images, which is the same for each arm and grows with the fraction; so often that an epoch is an eighth
/// of the run. Nothing is validated with.
data::Dataset Study::subset(const StudyRun& run) const {
  data::Dataset some = dataset_;
  std::vector<data::Item>& train = some.splits[static_cast<int>(data::Split::train)];
  Random random(RandomKey{run.seed, kSubsetStream});
  for (std::size_t i = train.size(); i > 1; --i) std::swap(train[i - 1], train[random.below(i)]);
  train.resize(static_cast<std::size_t>(run.images));
  const std::vector<data::Item> once = train;
  const std::int64_t wanted = config_.steps / 8 * config_.batch;
  for (std::int64_t images = 2 * std::ssize(once); images <= wanted; images += std::ssize(once))
    train.insert(train.end(), once.begin(), once.end());
  some.splits[static_cast<int>(data::Split::val)].clear();
  std::erase_if(some.findings, [](const data::Finding& finding) { return finding.leak; });  // of all runs, and said when it was opened
  return some;
}

}  // namespace lamina::train
