#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lamina/core/settings.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/heads/head.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/models/registry.hpp"
#include "lamina/optim/schedule.hpp"
#include "lamina/train/sentinels/sentinel.hpp"

namespace lamina::train {

/// Every setting of a run; see describe(). What changes the result is stored in checkpoints.
struct TrainConfig {
  std::string data = {};
  std::string images = "images", masks = "masks", pixel_weights = {};
  std::string model = "unet", preset = {};
  int base = 0, depth = 0;
  std::string init = {}, from = {};
  bool init_strict = false;
  models::OptionValues options = {};  ///< of the network's family, beside base, depth and init; those that are empty: the preset's
  int width = 256, height = 256;
  std::string resize = "stretch", crop_center = "inside";
  int crops = 0;
  double crop_foreground = 0;
  int channels = 0;
  std::string normalize = "auto";
  int border = 0;
  std::string border_label = "ignore";
  std::string augment = "hflip";
  bool exclude_empty = false;
  std::string head = {};
  std::string loss = "ce+dice";
  double aux_weight = 0.5;
  std::string class_weights = "auto", positive_weights = "none", absent_classes = "auto";
  std::string optimizer = "adam";
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, weight_decay = 0, momentum = 0.9, clip_norm = 0, clip_value = 0;
  std::string decay_on = "kernels";
  std::string schedule = "onecycle";
  int epochs = 40;
  std::int64_t steps = 0;
  int batch = 4, accumulate = 1;
  std::uint64_t seed = 0;
  int ignore = -1;
  std::string background = {}, mask_channel = {}, mask_frame = {}, others = {};
  double mask_threshold = 0;
  int val_every = 1, patience = 0, save_every = 0;
  std::string device = "cpu";
  std::string precision = "f32";
  std::string out = {};
  bool tensorboard = false;
  std::string sentinels = "warn";
};

inline constexpr Choice kResizeChoices[] = {{"stretch", "to that size, whatever the proportions"},
                                            {"crop", "crops at the photograph's own scale; whole ones are scored in windows"},
                                            {"pad", "shrunk or enlarged until it fits, the rest filled; what is there is ignored"}};
inline constexpr Choice kCropCenterChoices[] = {{"inside", "inside the photograph, where that is large enough"},
                                                {"anywhere", "its center is inside"}};
inline constexpr Choice kAugmentChoices[] = {{"none", "nothing"},
                                             {"hflip", "left and right exchanged, half of the time (hflip=P: with probability P)"},
                                             {"vflip", "the same of top and bottom"},
                                             {"rotate=15", "turned by at most so many degrees"},
                                             {"shear=5", "slanted by at most so many degrees"},
                                             {"zoom=0.1", "magnified by 0.9 to 1.1 about the center"},
                                             {"shift=0.1", "moved by at most a tenth of the size"},
                                             {"scale=0.5:2", "magnified by a factor between, then cropped anywhere"},
                                             {"brightness=0.2", "times 0.8 to 1.2; contrast and saturation likewise"},
                                             {"hue=0.02", "colors turned by at most so many turns of the color circle"},
                                             {"jitter=0.2", "brightness, contrast and saturation by 0.2, hue by 0.02"}};
inline constexpr Choice kClassWeightChoices[] = {{"auto", "enet, where the loss takes weights; a run that goes on keeps its own"},
                                                 {"none", "every class counts the same"},
                                                 {"balanced", "all pixels over classes times its own (scikit-learn)"},
                                                 {"inverse", "one over its share of the pixels, mean 1"},
                                                 {"median", "median frequency over its own, in the images that hold it (SegNet)"},
                                                 {"enet", "1 / ln(1.02 + share), from 1.42 to 50.5 (ENet)"},
                                                 {"effective", "effective number of samples (Cui et al. 2019)"},
                                                 {"dice-volume", "one over its squared share, as in the generalized Dice"}};
inline constexpr Choice kPositiveWeightChoices[] = {
    {"none", "as often"}, {"balanced", "as often as it takes to weigh as much in all: pixels without over pixels with (scikit-learn)"}};
inline constexpr Choice kAbsentChoices[] = {
    {"auto", "skip of classes that exclude each other, else penalize; a run that goes on keeps its own"},
    {"penalize", "the formula as it stands: what is taken for them costs"},
    {"skip", "left out, gradient and weight: what is taken for them costs nothing here"},
    {"one", "the ratio 1, without gradient"},
    {"zero", "the ratio 0, without gradient"}};
inline constexpr Choice kNormalizeChoices[] = {
    {"auto", "as the network of --from or --init saw them; else half for 8-bit gray or RGB, data for others"},
    {"half", "x * 2 - 1"},
    {"data", "by mean and deviation of the training photographs"},
    {"imagenet", "by ImageNet's: 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225 (torchvision's weights)"}};
inline constexpr Choice kOptimizerChoices[] = {{"adam", "Kingma & Ba 2015; weight decay joins the gradient"},
                                               {"adamw", "weight decay apart from the gradient"},
                                               {"sgd", "with --momentum"}};
inline constexpr Choice kDecayChoices[] = {
    {"kernels", "all of them"}, {"dense", "those that are not depthwise: TensorFlow's DeepLab"}, {"all", "biases and norms, too"}};
inline constexpr Choice kScheduleChoices[] = {{"constant", "--lr throughout"},
                                              {"poly", "falls to 0 as (1 - t)^0.9 (DeepLab)"},
                                              {"cosine", "falls to 0 as a half cosine"},
                                              {"onecycle", "up to --lr within the first 30 %, then down (PyTorch's)"},
                                              {"plateau", "a tenth, after 10 validations without a better score"}};

inline constexpr Choice kChannelChoices[] = {{"color", "gray values, palette or colors"}, {"alpha", "the alpha channel"}};
inline constexpr Choice kFrameChoices[] = {{"shown", "as a viewer turns it"}, {"stored", "as its file stores it, unturned"}};
inline constexpr Choice kOthersChoices[] = {
    {"error", "refused"}, {"ignore", "count nowhere"}, {"nearest", "are the label with the nearest color"}};

inline constexpr Choice kDeviceChoices[] = {{"cpu", "the processor"}, {"cuda", "the first GPU; cuda:1 the next, and so on"}};
inline constexpr Choice kPrecisionChoices[] = {{"f32", "32-bit floats"}, {"bf16", "bfloat16, with --device cuda"}};

/// The options of every registered family of networks for pixels that no field of TrainConfig has.
std::vector<const models::FamilyOption*> family_options();
/// Of these, those that a generator has, which has one output: what older files of settings say of others is left out.
void drop_output_options(std::vector<Setting>& settings);
/// Those that the network has.
void take_family_options(const models::ModelConfig& network, models::OptionValues& to);
template <class Visit>
void describe_family_options(models::OptionValues& values, Visit&& visit, bool one_output = false) {
  for (const models::FamilyOption* o : family_options())
    if (!(one_output && o->adds_output))
      visit(Field{.name = o->name.c_str(), .help = o->help.c_str(), .optional = true, .choices = o->choices}, values[o->name]);
}

/// How masks are read, where it is not as dataset.json says.
template <class Visit>
void describe_reading(TrainConfig& c, Visit&& visit) {
  visit(Field{"ignore", "mask value that neither loss nor metrics count; -1: as dataset.json says", -1, 65535}, c.ignore);
  visit(Field{"background", "label that foreground scores leave out, or none; empty: as the data says"}, c.background);
  visit(Field{.name = "mask_channel", .help = "where masks have their labels; empty: as dataset.json says", .choices = kChannelChoices},
        c.mask_channel);
  visit(Field{"mask_threshold", "samples of masks above this share of full intensity are marked; 0: as dataset.json says", 0, 1},
        c.mask_threshold);
  visit(Field{.name = "mask_frame",
              .help = "what masks were drawn on, of photographs with an EXIF orientation; empty: as dataset.json says",
              .choices = kFrameChoices},
        c.mask_frame);
  visit(Field{.name = "others", .help = "what mask values are that are no label; empty: as dataset.json says", .choices = kOthersChoices},
        c.others);
}

/// What outputs mean, and what is learned by.
template <class Visit>
void describe_loss(TrainConfig& c, Visit&& visit) {
  constexpr const char* kHead = "what the output means; of several heads NAME=KIND,...; empty: as the data's task says";
  visit(Field{.name = "head", .help = kHead, .optional = true, .choices = heads::head_choices()}, c.head);
  visit(Field{"loss", "sum of terms such as 0.5*ce+dice: see lamina train --help"}, c.loss);
  visit(Field{"aux_weight", "of an auxiliary output's loss (preset torchvision with --aux yes) beside the output's", 0}, c.aux_weight);
  visit(
      Field{.name = "class_weights",
            .help =
                "a rule, or numbers such as 1,4,2; of several heads NAME=RULE,..., of others auto. Only inverse, effective and dice-volume "
                "have a mean of 1; losses divide by the sum of the weights, so that it means nothing",
            .choices = kClassWeightChoices},
      c.class_weights);
  visit(
      Field{.name = "positive_weights",
            .help = "how often a plane's yes counts beside its no, in cross-entropies; or numbers such as 20,5; of several heads NAME=...",
            .choices = kPositiveWeightChoices},
      c.positive_weights);
  visit(Field{.name = "absent_classes", .help = "what Dice and other ratios make of a batch's absent classes", .choices = kAbsentChoices},
        c.absent_classes);
}

template <class Visit>
void describe(TrainConfig& c, Visit&& visit) {
  visit(Field{.name = "data", .help = "folder with images/ and masks/", .positional = true}, c.data);
  visit(Field{"images", "name of the folder with the photographs"}, c.images);
  visit(Field{"masks", "name of the folder with the masks"}, c.masks);
  visit(Field{.name = "pixel_weights",
              .help = "name of a folder with a map a photograph, of how often each pixel counts in the loss: gray images hold shares of "
                      "their full intensity, .npy arrays numbers; empty: once",
              .optional = true},
        c.pixel_weights);
  visit(Field{"model", "network family: see lamina info --help"}, c.model);
  visit(Field{"preset", "published network of the family: see lamina info --help; empty: the first"}, c.preset);
  visit(Field{"base", "channels of the first level; 0: the preset's", 0}, c.base);
  visit(Field{"depth", "poolings; 0: the preset's", 0}, c.depth);
  visit(Field{.name = "init",
              .help = "initialiser, or a .safetensors with PyTorch's names; empty: the preset's",
              .choices = nn::init_choices()},
        c.init);
  visit(Field{.name = "from", .help = "run (its best weights) or file to begin with: all its layers but the last", .optional = true},
        c.from);
  visit(Field{.name = "init_strict", .help = "weights that lack any but the last layers' are an error", .stored = false}, c.init_strict);
  describe_family_options(c.options, visit);
  visit(Field{"size", "W[xH] of the training images", 1, infer::kMostSide}, Extent{c.width, c.height});
  visit(Field{.name = "resize", .help = "how images get to that size", .choices = kResizeChoices}, c.resize);
  visit(Field{.name = "crop_center", .help = "where a crop is drawn", .choices = kCropCenterChoices}, c.crop_center);
  visit(Field{"crops", "crops of each photograph an epoch; 0: as many as its pixels fill", 0}, c.crops);
  visit(Field{"crop_foreground", "share of the crops that are centered on a class other than the background, each class as often", 0, 1},
        c.crop_foreground);
  visit(Field{"channels", "bands of the photographs; 1: colors become gray; 0: as they are, gray as RGB", 0, data::kMostChannels},
        c.channels);
  visit(Field{.name = "normalize", .help = "how intensities become the network's input", .choices = kNormalizeChoices}, c.normalize);
  visit(Field{"border", "what pad, crop and augment put outside a photograph, in 255ths of full intensity", 0, 255}, c.border);
  visit(Field{"border_label", "what the loss takes for the label there: ignore, which counts nowhere, or a class"}, c.border_label);
  visit(Field{.name = "augment", .help = "random changes, as in hflip,rotate=15,jitter=0.2", .choices = kAugmentChoices}, c.augment);
  visit(Field{"exclude_empty", "leave out training images that show the background alone; others are scored as ever"}, c.exclude_empty);
  describe_loss(c, visit);
  visit(Field{.name = "optimizer", .help = "what makes updates of gradients", .choices = kOptimizerChoices}, c.optimizer);
  visit(Field{"lr", "learning rate (the maximum of onecycle)", kPositive}, c.lr);
  visit(Field{"beta1", "of adam", 0, 1}, c.beta1), visit(Field{"beta2", "of adam", 0, 1}, c.beta2);
  visit(Field{"weight_decay", "weight decay", 0}, c.weight_decay);
  visit(Field{.name = "decay_on", .help = "what weight decay acts on", .choices = kDecayChoices}, c.decay_on);
  visit(Field{"momentum", "of sgd", 0}, c.momentum);
  visit(Field{"clip_norm", "clip the gradient's norm; 0: off", 0}, c.clip_norm);
  visit(Field{"clip_value", "clip each gradient element; 0: off", 0}, c.clip_value);
  visit(Field{.name = "schedule", .help = "how the learning rate changes", .choices = kScheduleChoices}, c.schedule);
  visit(Field{"epochs", "passes over the training split; a run goes on where it is raised", 0}, c.epochs);
  visit(Field{"steps", "updates instead of epochs; 0: use epochs", 0}, c.steps);
  visit(Field{"batch", "images that are in memory at once", 1}, c.batch);
  visit(
      Field{"accumulate",
            "batches an update: the gradient of one batch of so many times the images where losses are means over pixels (ce, mse); ratios "
            "(Dice) and batch norm see each batch alone",
            1},
      c.accumulate);
  visit(Field{"seed", "seed of everything random"}, c.seed);
  describe_reading(c, visit);
  visit(Field{"val_every", "epochs between validations; the last epoch is always validated", 1}, c.val_every);
  visit(Field{"patience", "stop after so many validations in a row without a better score; 0: never", 0}, c.patience);
  visit(Field{.name = "save_every",
              .help = "also keep the weights of every so many epochs, RUN/weights/epoch_N; 0: none",
              .least = 0,
              .stored = false},
        c.save_every);
  visit(Field{.name = "device", .help = "what computes", .choices = kDeviceChoices}, c.device);
  visit(Field{.name = "precision", .help = "of kernels and activations", .choices = kPrecisionChoices}, c.precision);
  visit(Field{.name = "out", .help = "run folder; default runs/<name of DATA>", .stored = false}, c.out);
  visit(Field{.name = "tensorboard",
              .help = "also write RUN/tensorboard: scalars, pictures and the network's graph as TensorBoard reads them",
              .stored = false},
        c.tensorboard);
  visit(Field{.name = "sentinels", .help = "what alarms do", .stored = false, .choices = kSentinelChoices}, c.sentinels);
}

/// A field of TrainConfig: what other settings that mean the same say of themselves.
const Field& training_field(std::string_view name);

/// The stored settings as ordered JSON text, and back: settings that are missing have their defaults. Throws DataError on text that is no
/// config, on a setting that this version does not know.
std::string to_json(const TrainConfig& config);
TrainConfig config_from_json(const std::string& json);

/// What the settings are where nothing but the data, the network's family and its preset is said.
TrainConfig usual_settings(const TrainConfig& config);
/// The command of a run with other options ("--lr 1e-3 --epochs 9"), into a folder named after them; where they are the run's own, what
/// looks at its data.
std::string command_with(const TrainConfig& config, const std::string& changes);
/// What that command means. Throws OptionError.
TrainConfig config_with(const TrainConfig& config, const std::string& changes);

/// Is --init a file of weights, not an initialiser?
bool names_a_file(const std::string& init);

/// The config with the preset and its options filled in, so that what is printed and saved is what runs. Throws OptionError.
TrainConfig resolved(TrainConfig config);

/// The dtype that --precision names. Throws OptionError.
DType parse_precision(const std::string& name);
/// Whether the center of a crop may be anywhere. Throws OptionError naming the nearest, or where there are no crops.
bool parse_crop_center(const std::string& name, const std::string& resize);

/// Means and standard deviations of ImageNet's red, green and blue, in full intensities, as torchvision and timm have them.
inline constexpr const char *kImagenetMean = "0.485,0.456,0.406", *kImagenetSd = "0.229,0.224,0.225";

/// How the network of a run or file was shown photographs; nothing where that is not known.
std::optional<infer::InputConfig> input_of_network(const std::string& run_or_file);
/// How the settings bring photographs to the network: with "auto" as the one that it begins with saw them. Throws OptionError, DataError
/// where a normalization needs photographs that were not read.
infer::InputConfig input_config(const TrainConfig& config, const data::PhotoStatistics& photos = {});

/// The loader of that input, without augmentation, in the batches of the settings: of crops, the windows that cover photographs.
data::LoaderOptions loader_options(const TrainConfig& config, const infer::InputConfig& input);

/// The network that the settings name, for a head and photographs with so many channels; without a head the outputs are the preset's.
models::ModelConfig model_config(const TrainConfig& config, const heads::Head* head = nullptr, int channels = 3);

}  // namespace lamina::train
