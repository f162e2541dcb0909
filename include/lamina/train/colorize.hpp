#pragma once
#include <atomic>
#include <memory>

#include "lamina/data/photos.hpp"
#include "lamina/train/colorization_task.hpp"
#include "lamina/train/config.hpp"
#include "lamina/train/loop.hpp"
#include "lamina/train/sinks/callbacks.hpp"

namespace lamina::train {

/// Every setting of a colorization run; see describe(). What changes the result is stored in checkpoints. Defaults that the source of
/// surrogate supervision leaves open are those of pix2pix where it has them.
struct ColorizeConfig {
  std::vector<std::string> photos = {};
  std::string model = "unet", preset = {};
  int base = 0, depth = 0;
  std::string init = {};
  models::OptionValues options = {};  ///< as TrainConfig has them
  infer::ColorizationConfig colorization = {};
  std::string discriminator = "patchgan";
  int discriminator_base = 0, discriminator_layers = 0, discriminator_last_kernel = 0, discriminator_last_stride = 0;
  int condition_channels = 3;
  losses::GanOptions gan = {};
  int width = 256, height = 256;
  std::string resize = "crop", crop_center = "inside";
  int padding = 255;
  std::string augment = "hflip";
  std::string unusable = "skip";
  int held_out = 16;
  double lr = 2e-4, discriminator_lr_factor = 1, beta1 = 0.5, beta2 = 0.999, weight_decay = 0, clip_norm = 0;
  std::string decay_on = "kernels";
  std::string schedule = "constant";
  int epochs = 40;
  std::int64_t epoch_steps = 0, steps = 0;
  int batch = 4;
  std::uint64_t seed = 0;
  int val_every = 1;
  std::string device = "cpu";
  std::string precision = "f32";
  std::string out = {};
  std::string sentinels = "warn";
};

inline constexpr Choice kDiscriminatorChoices[] = {{"patchgan", "scores of overlapping patches, 70x70 pixels with 3 layers (pix2pix)"},
                                                   {"surrogate", "few scores, of large patches"},
                                                   {"pixel", "a score of every pixel by itself"}};
inline constexpr Choice kUnusableChoices[] = {{"skip", "the next one is taken, and a line says so"}, {"stop", "an error"}};

template <class Visit>
void describe(ColorizeConfig& c, Visit&& visit) {
  visit(Field{.name = "photos",
              .help = "data sets (train and what is unlabelled), folders, lists (text files: a path a line) or photographs",
              .positional = true},
        TextList{c.photos});
  visit(Field{"model", "network family of the generator G: see lamina info --help"}, c.model);
  visit(Field{"preset", "of the family; empty: the first"}, c.preset);
  visit(training_field("base"), c.base);
  visit(training_field("depth"), c.depth);
  visit(Field{"init", "initialiser; empty: the preset's"}, c.init);
  describe_family_options(c.options, visit, true);
  describe(c.colorization, visit);
  visit(Field{.name = "discriminator", .help = "preset of the discriminator D", .choices = kDiscriminatorChoices}, c.discriminator);
  visit(Field{"discriminator_base", "channels of D's first convolution; 0: the preset's 64", 0}, c.discriminator_base);
  visit(Field{"discriminator_layers", "convolutions of stride 2 of patchgan; 0: the preset's 3", 0}, c.discriminator_layers);
  visit(Field{"discriminator_last_kernel", "of surrogate's last convolution; 0: the preset's 4", 0}, c.discriminator_last_kernel);
  visit(Field{"discriminator_last_stride", "of surrogate's last convolution; 0: the preset's 8", 0}, c.discriminator_last_stride);
  visit(Field{"condition_channels", "gray channels that D sees beside a picture: 3 (gray three times) or 1", 1, 3}, c.condition_channels);
  describe(c.gan, visit);
  visit(training_field("size"), Extent{c.width, c.height});
  visit(training_field("resize"), c.resize);
  visit(training_field("crop_center"), c.crop_center);
  visit(Field{"padding", "gray value of what lies outside a photograph", 0, 255}, c.padding);
  visit(training_field("augment"), c.augment);
  visit(Field{.name = "unusable", .help = "what photographs do that are gray or cannot be read", .choices = kUnusableChoices}, c.unusable);
  visit(Field{"held_out", "photographs that are validated with and not trained on, of a data set its val list's", 0}, c.held_out);
  visit(Field{"lr", "learning rate", kPositive}, c.lr);
  visit(Field{"discriminator_lr_factor", "D's learning rate as a factor of it", kPositive}, c.discriminator_lr_factor);
  visit(training_field("beta1"), c.beta1);
  visit(training_field("beta2"), c.beta2);
  visit(Field{"weight_decay", "weight decay of G and D", 0}, c.weight_decay);
  visit(training_field("decay_on"), c.decay_on);
  visit(Field{"clip_norm", "clip each gradient's norm; 0: off", 0}, c.clip_norm);
  visit(training_field("schedule"), c.schedule);
  visit(Field{"epochs", "passes over the photographs, or of epoch_steps updates", 0}, c.epochs);
  visit(Field{"epoch_steps", "updates that make an epoch, after which is validated and saved; 0: a pass", 0}, c.epoch_steps);
  visit(training_field("steps"), c.steps);
  visit(Field{"batch", "images an update", 1}, c.batch);
  visit(training_field("seed"), c.seed);
  visit(training_field("val_every"), c.val_every);
  visit(training_field("device"), c.device);
  visit(training_field("precision"), c.precision);
  visit(Field{.name = "out", .help = "run folder", .stored = false}, c.out);
  visit(training_field("sentinels"), c.sentinels);
}

std::string to_json(const ColorizeConfig& config);
/// Settings that are missing have their defaults. Throws DataError.
ColorizeConfig colorize_config_from_json(const std::string& json);
/// With the presets' own values filled in. Throws OptionError.
ColorizeConfig resolved(ColorizeConfig config);

/// What the settings are where nothing but the photographs, the network's family and presets is said.
ColorizeConfig usual_settings(const ColorizeConfig& config);
/// The command of a run with other options, into a folder named after them; where they are the run's own, those; empty where the settings
/// do not go with them.
std::string command_with(const ColorizeConfig& config, const std::string& changes);

models::ModelConfig generator_config(const ColorizeConfig& config);
models::ModelConfig discriminator_config(const ColorizeConfig& config);

/// What of the settings can be told wrong before any photograph is looked for. Throws OptionError; DeviceError.
void check_settings(const ColorizeConfig& config);

/// The pair that the settings describe, on those photographs. Throws as check_settings; DataError.
/// Without `values` the networks have none yet: a session gives them those of its checkpoint.
std::unique_ptr<ColorizationTask> make_colorization_task(const ColorizeConfig& config, const data::PhotoSets& photos, bool values = true);

/// Trains the pair on the photographs, validates with those of `held_out` that are in color and can be read (a warning says what is wrong
/// with the others, before the first step; with unusable "stop" an error does), and keeps the run folder as train() does, with
/// weights/{best,last,prev} that hold both networks and both optimisers, and samples/*.png, a sheet a validation: gray, generated, real.
/// The run folder is continued in the same way, byte for byte. Throws as make_colorization_task, Session and run_loop.
Outcome train_colorization(const ColorizeConfig& config, const data::PhotoSets& photos, bool resume, const TrainEvents& events,
                           const std::atomic<bool>* stop = nullptr);

}  // namespace lamina::train
