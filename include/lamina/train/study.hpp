#pragma once
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/data/dataset.hpp"
#include "lamina/train/colorize.hpp"
#include "lamina/train/config.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/segmentation_task.hpp"

namespace lamina::train {

/// What a study trains with where nothing else is said, beside what its preset says.
TrainConfig study_segmentation();
/// The same of the colorization. Numbers below 0 or that are 0, and texts that are empty, are as the segmentations have them.
ColorizeConfig study_pretraining();

/// Every setting of a study; see describe(). Numbers that are 0 and texts that are empty are the preset's.
struct StudyConfig {
  static constexpr double kOfPreset = -1;  ///< of a number that may be 0
  std::string data = {};
  std::string preset = "small";
  std::vector<std::string> photos = {};
  std::string pretrained = {}, pretrained_normalize = "auto";
  std::string fractions = {};
  std::uint64_t first_seed = 0;
  int pretrainings = 1;
  std::string model = {}, model_preset = {}, init = {};
  int base = 0, depth = 0;
  models::OptionValues options = {};  ///< as TrainConfig has them
  int width = 0, height = 0;
  std::string resize = "crop", crop_center = {};
  std::int64_t pretrain_steps = 0, steps = 0;
  int batch = 0;
  double pretrain_lr = 0, lr = 0;
  std::string augment = "hflip";
  std::string discriminator = {};
  int discriminator_base = 0, discriminator_layers = 0, discriminator_last_kernel = 0, discriminator_last_stride = 0;
  losses::GanOptions gan{.reconstruction_weight = kOfPreset};
  std::string colors = "rgb", activation = "tanh";
  double weight_decay = 0;
  std::string uncertain = "skin", undefined = "n/a";
  std::string device = "cpu", precision = "f32";
  std::string out = {};
  /// All else that the runs of either kind can be told; what the fields above say of them is not looked at here.
  TrainConfig segmentation = study_segmentation();
  ColorizeConfig pretraining = study_pretraining();
};

inline constexpr Choice kStudyChoices[] = {
    {"smoke", "a tiny U-Net, half and all of the labels, 2 seeds each"},
    {"small", "DeepLab at 97x97 pixels, a tenth and all of the labels, 5 seeds each"},
    {"full", "the same with four shares of the labels, 5 to 10 seeds, more updates"},
    {"paper", "DeepLab at 513x513 pixels, 300,000 updates, a seed each, reconstruction weight 1 instead of 100"}};
inline constexpr Choice kUncertainChoices[] = {
    {"skin", "the same as what is not background"}, {"background", "the same as background"}, {"ignore", "nowhere"}};

/// Is it a setting that all runs of a kind can share, and the study does not make itself (as it does seeds and folders)?
bool is_of_arms(const Field& field);
/// A field of a colorization's settings as a study says it; one that segmentations have, too, has a name of its own, "pretrain_schedule".
Field of_pretraining(const Field& field, bool renamed);

/// What the colorization has otherwise than the segmentations.
template <class Visit>
void describe_pretraining(ColorizeConfig& c, Visit&& visit) {
  visit(Field{"pretrain_size", "of the colorization: W[xH] of the images; 0x0: as --size", 0, infer::kMostSide}, Extent{c.width, c.height});
  visit(Field{.name = "pretrain_resize",
              .help = "of the colorization: how images get to that size; empty: as --resize",
              .choices = kResizeChoices},
        c.resize);
  visit(Field{.name = "pretrain_crop_center",
              .help = "of the colorization: where a crop is drawn; empty: as --crop-center",
              .choices = kCropCenterChoices},
        c.crop_center);
  visit(Field{.name = "pretrain_augment", .help = "of the colorization: random changes; empty: as --augment", .choices = kAugmentChoices},
        c.augment);
  visit(Field{"pretrain_batch", "of the colorization: images an update; 0: as --batch", 0}, c.batch);
  visit(Field{"pretrain_weight_decay", "of the colorization: of G's and D's kernels; -1: as --weight-decay", StudyConfig::kOfPreset},
        c.weight_decay);
  visit(Field{"pretrain_epoch_steps", "of the colorization: updates after which is validated and saved; 0: a tenth of them", 0},
        c.epoch_steps);
  visit(Field{"pretrain_val_every", "of the colorization: of these epochs, how many between validations", 1}, c.val_every);
}

/// What a study says of itself and of both kinds of runs.
template <class Visit>
void describe_study(StudyConfig& c, Visit&& visit) {
  visit(Field{.name = "data",
              .help = "labelled data set with train, val and test lists; scores are of the test list, or else of val",
              .positional = true},
        c.data);
  visit(Field{.name = "preset", .help = "sizes, steps, fractions and seeds", .choices = kStudyChoices}, c.preset);
  visit(Field{"photos",
              "photographs that the colorization learns from beside the data set's train list and what is unlabelled there: "
              "folders, lists, data sets; those of the data set's val and test lists are left out"},
        TextList{c.photos});
  visit(Field{"pretrained", "weights of the third arm, a .safetensors file; empty: the arm is skipped"}, c.pretrained);
  visit(Field{.name = "pretrained_normalize",
              .help = "how that arm sees intensities; auto: as the network of the file saw them, where it says so, else by --normalize",
              .choices = kNormalizeChoices},
        c.pretrained_normalize);
  visit(Field{"fractions", "shares of the labelled images and how many seeds each has, such as 0.1:5,1:5; empty: the preset's"},
        c.fractions);
  visit(Field{"first_seed", "of the seeds, which follow each other"}, c.first_seed);
  visit(Field{"pretrainings", "colorization runs; seeds take them in turn", 1}, c.pretrainings);
  visit(Field{"model", "network family; empty: the preset's"}, c.model);
  visit(Field{"model_preset", "of the family; empty: the preset's"}, c.model_preset);
  visit(training_field("base"), c.base);
  visit(training_field("depth"), c.depth);
  visit(Field{.name = "init", .help = "initialiser of what begins without weights; empty: the network's", .choices = nn::init_choices()},
        c.init);
  describe_family_options(c.options, visit, true);
  visit(Field{"size", "W[xH] of the images; 0x0: the preset's", 0, infer::kMostSide}, Extent{c.width, c.height});
  visit(training_field("resize"), c.resize);
  visit(Field{.name = "crop_center", .help = "where a crop is drawn; empty: the preset's", .choices = kCropCenterChoices}, c.crop_center);
  visit(Field{"pretrain_steps", "updates of the colorization; 0: the preset's", 0}, c.pretrain_steps);
  visit(Field{"steps", "updates of each segmentation; 0: the preset's", 0}, c.steps);
  visit(Field{"batch", "images an update; 0: the preset's", 0}, c.batch);
  visit(Field{"pretrain_lr", "learning rate of the colorization; 0: the preset's", 0}, c.pretrain_lr);
  visit(Field{"lr", "learning rate of the segmentations; 0: the preset's", 0}, c.lr);
  visit(Field{.name = "augment", .help = "random changes, of both", .choices = kAugmentChoices}, c.augment);
  visit(Field{.name = "discriminator", .help = "preset of the discriminator; empty: the preset's", .choices = kDiscriminatorChoices},
        c.discriminator);
  visit(Field{"discriminator_base", "channels of D's first convolution; 0: its preset's", 0}, c.discriminator_base);
  visit(Field{"discriminator_layers", "convolutions of stride 2 of patchgan; 0: its preset's", 0}, c.discriminator_layers);
  visit(Field{"discriminator_last_kernel", "of surrogate's last convolution; 0: its preset's", 0}, c.discriminator_last_kernel);
  visit(Field{"discriminator_last_stride", "of surrogate's last convolution; 0: its preset's", 0}, c.discriminator_last_stride);
  describe(c.gan, [&](Field field, auto& value) {
    if (static_cast<const void*>(&value) == &c.gan.reconstruction_weight)
      field.help = "of that distance in G's loss; -1: the preset's", field.least = StudyConfig::kOfPreset;
    visit(field, value);
  });
  visit(Field{.name = "colors", .help = "what G makes of gray", .choices = infer::kSpaceChoices}, c.colors);
  visit(Field{.name = "activation", .help = "of G's output", .choices = infer::kActivationChoices}, c.activation);
  visit(Field{"weight_decay", "of all networks' kernels", 0}, c.weight_decay);
  describe_pretraining(c.pretraining, visit);
  visit(Field{.name = "uncertain", .help = "how a class of that role counts for background against skin", .choices = kUncertainChoices},
        c.uncertain);
  visit(Field{.name = "undefined",
              .help = "what 0 / 0 counts as, such as the Dice of a class that neither labels nor predictions have",
              .choices = kUndefinedChoices},
        c.undefined);
  visit(training_field("device"), c.device);
  visit(training_field("precision"), c.precision);
  visit(Field{.name = "out", .help = "folder of the study", .stored = false}, c.out);
}

/// And then every other setting of `lamina train` and of `lamina colorize train` that runs of a kind can share, under their names there; of
/// those that both have the colorization's is "pretrain_" and the name.
template <class Visit>
void describe(StudyConfig& c, Visit&& visit) {
  std::vector<std::string_view> both, seen;
  const auto has = [](const std::vector<std::string_view>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  describe_study(c, [&](const Field& field, auto&& value) {
    both.emplace_back(field.name);
    visit(field, std::forward<decltype(value)>(value));
  });
  describe(c.segmentation, [&](const Field& field, auto&& value) {
    if (!is_of_arms(field) || has(both, field.name)) return;
    seen.emplace_back(field.name);
    visit(field, std::forward<decltype(value)>(value));
  });
  describe(c.pretraining, [&](const Field& field, auto&& value) {
    if (!is_of_arms(field) || has(both, field.name)) return;
    const Field own = of_pretraining(field, has(seen, field.name));
    if (!has(both, own.name)) visit(own, std::forward<decltype(value)>(value));
  });
}

std::string to_json(const StudyConfig& config);
StudyConfig study_config_from_json(const std::string& json);
/// With the preset's values filled in. Throws OptionError.
StudyConfig resolved(StudyConfig config);

/// The shares of labelled images, ascending, and how many seeds each has. Throws OptionError.
std::vector<std::pair<double, int>> study_fractions(const std::string& text);

/// One segmentation of a study.
struct StudyRun {
  std::string arm;  ///< scratch, colorization or pretrained
  double fraction = 1;
  std::uint64_t seed = 0;
  int images = 0;    ///< labelled ones that it learns from
  Scalars scores{};  ///< kStudyScores; none: not run yet
};
inline constexpr const char* kStudyScores[] = {"dice_all", "dice_binary", "dice_image", "accuracy"};

/// What is to be done and what it costs here.
struct StudyPlan {
  std::vector<StudyRun> runs;
  int colorizations = 0;
  double colorization_step = 0, segmentation_step = 0;  ///< seconds, as measured by a few updates
  std::string normalization;                            ///< which arms see photographs how
  std::size_t memory = 0;                               ///< bytes of tensors that the larger of the two takes
  double seconds = 0;                                   ///< in all, without what is done already
  std::vector<std::string> text() const;
};

/// Mean, and half of its 95 % confidence interval (Student's t; NaN for a single value).
struct Estimate {
  int n = 0;
  double mean = 0, half_width = 0;
};
Estimate estimate(const std::vector<double>& values);

/// Two classes of a confusion matrix: the schema's background, and everything else. A class of the role "uncertain" counts as skin, as
/// background, or where it is labelled not at all (ignore).
metrics::ConfusionMatrix background_against_rest(const metrics::ConfusionMatrix& confusion, const data::LabelSchema& schema,
                                                 const std::string& uncertain);

/// A comparison of surrogate supervision: the same network learns to segment from scratch, from a generator that learned to color
/// photographs (its last weights), and from a file of weights, from the same shares of the labelled images for the same seeds.
class Study {
 public:
  /// Looks into the folder of the study, where it is there. Throws OptionError (other settings than what was trained there), DataError: its
  /// data changed (images, masks, labels and lists; photographs as PhotoList::checksum tells them; the file of weights), a file of weights
  /// that does not fit, labels whose score is not Dice; and as find_photos.
  Study(const StudyConfig& config, const data::Dataset& dataset);

  /// Measures a few updates of each kind.
  StudyPlan plan();
  /// Trains what is not there yet, scores it on the test list, and writes runs.csv, table.csv, table.json, plots/*.svg and report.html. A
  /// study that was stopped at any moment goes on and ends with the same tables, byte for byte. `said` gets a line a run.
  Outcome run(const TrainEvents& events, const std::function<void(const std::string&)>& said, const std::atomic<bool>* stop = nullptr);

  const std::vector<StudyRun>& runs() const { return runs_; }
  /// Where the photographs come from, which are left out, and which images are scored.
  std::vector<std::string> notes() const;

 private:
  void list_runs();
  void take_up();
  std::filesystem::path colorization_folder(std::uint64_t seed) const;
  std::filesystem::path folder_of(const StudyRun& run) const;
  ColorizeConfig colorize_config(std::uint64_t index) const;
  infer::InputConfig input_of(const StudyRun& run) const;
  std::string normalization() const;
  TrainConfig train_config(const StudyRun& run) const;
  data::Dataset subset(const StudyRun& run) const;
  Outcome colorize(std::uint64_t index, const TrainEvents& events, const std::atomic<bool>* stop);
  Outcome segment(StudyRun& run, const TrainEvents& events, const std::atomic<bool>* stop);
  data::Split scored() const;
  std::string scored_text() const;
  Scalars score(const StudyRun& run, SegmentationTask& task) const;
  void write_tables() const;

  StudyConfig config_;
  const data::Dataset& dataset_;
  data::PhotoSets photos_;
  std::vector<StudyRun> runs_;
  std::string advice_;  ///< on how the network of the file of weights sees photographs
  std::string record_;  ///< of settings and data, what study.json says
};

}  // namespace lamina::train
