// Texts of --help that are longer than a line: the values of options, and what is registered.
#pragma once
#include <string>

#include "lamina/core/settings.hpp"

namespace cli {

/// A line and then one for each: network families, their presets, layouts to import, terms of --loss with their arguments.
/// `for_pixels`: without those that score whole pictures, which other verbs than training have.
std::string models_help(bool for_pixels = false);
std::string presets_help(bool for_pixels = false);
std::string import_help();
std::string loss_terms_help();

inline constexpr const char* kDatasetHelp = R"(dataset.json says what the masks hold:
  labels        {"background": 0, "face": 2}: names and values
  task          multiclass | multilabel (labels may overlap) | ordinal (grades, the lowest first)
  planes        of ordinal sets: names of what is graded, each by itself
  ignore        the value that counts nowhere
  colors        {"face": [255, 0, 0]} or "#ff0000"
  encoding      index | palette | binary | colors | planes | foreground_planes
  unmarked      of foreground_planes: the label that has none
  mask_channel, mask_threshold, mask_frame, others: as the options
  roles         {"background": "sky", "uncertain": ["blur"], "foreground": [...]}:
    background  the label that foreground scores leave out, or [] for none
    foreground  labels; the one that is none of them and not uncertain is the background
    uncertain   labels: an image of these and the background alone has no foreground
  heads         {"tissue": {"labels": ...}, ...} instead of labels: what is asked of every pixel
Without it a table of classes in DATA or DATA/masks names them: class_dict.csv (name, r, g, b),
_classes.csv (value, name), classes.txt or labels.txt (a name a line), labelmap.txt and alike.
Masks are DATA/masks/NAME.*; of planes, and of classes that have a file each, DATA/masks/PLANE/
NAME.*; of heads DATA/masks/HEAD, and DATA/masks/HEAD/PLANE where one has planes.
DATA/groups.txt, NAME GROUP a line: photographs of one patient or film, which the split that is
made without lists and --folds keep together.
)";

inline constexpr lamina::Choice
    kWeightsChoices[] = {{"best", "of the epoch with the best validation"}, {"last", "of the newest epoch"}, {"prev", "of the one before"}},
    kResumeChoices[] = {{"auto", "continue the run folder"}, {"never", "refuse one that exists"}},
    kSplitChoices[] = {{"train", "what it was trained on"}, {"val", "what the epoch was chosen by"}, {"test", "the rest"}},
    kTileChoices[] = {{"auto", "where the network was trained on crops"},
                      {"always", "windows at the photograph's own scale"},
                      {"never", "the whole photograph, brought to the training size"}},
    kTtaChoices[] = {{"none", "one look"},
                     {"flips", "four: as it is, mirrored, upside down, both"},
                     {"scales", "three: smaller, as it is, larger"},
                     {"all", "twelve: flips of each scale"}},
    kPhantomChoices[] = {{"skin", "nine body regions"},
                         {"sparse", "32 classes, 99 % background"},
                         {"severity", "four kinds of damage, each graded"},
                         {"rgb", "the quarter of red, green and blue"},
                         {"retina", "lesions that may overlap"},
                         {"several", "tissue, marks and graded damage"}},
    kGradeChoices[] = {{"worst", "the highest that was decided"},
                       {"area", "the mean of what was expected, such as 1.4"},
                       {"median", "the middle one of what was expected"}},
    kOverlayChoices[] = {{"fill", "colors over the photograph"},
                         {"outline", "borders alone: what is beneath stays to be seen"},
                         {"error", "what differs from the mask: magenta missed, cyan too much, lime another class"}},
    kMissedChoices[] = {{"worst", "as far off as the image's diagonal, surface Dice 0"}, {"n/a", "in no mean"}},
    kFormChoices[] = {{"bash", "source <(lamina completion bash)"},
                      {"zsh", "lamina completion zsh > FOLDER_OF_FPATH/_lamina"},
                      {"fish", "lamina completion fish | source"},
                      {"man", "the man page"}};

}  // namespace cli
