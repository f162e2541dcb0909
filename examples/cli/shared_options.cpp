#include "shared_options.hpp"

#include <algorithm>

namespace cli {

void add_data(Verb& verb, DataOptions& o) {
  verb.add({.name = "DATA", .value = &o.data, .help = "folder with images/ and masks/", .required = true});
  verb.add({.name = "--images", .value = &o.images, .help = "name of the folder with the photographs"});
  verb.add({.name = "--masks", .value = &o.masks, .help = "name of the folder with the masks"});
  verb.add({.name = "--ignore", .value = &o.ignore, .help = "mask value that neither loss nor metrics count; -1: as dataset.json says"});
  verb.add({.name = "--seed", .value = &o.seed, .help = "seed of the split when there are no lists"});
  verb.add({.name = "--mask-channel",
            .value = &o.mask_channel,
            .help = "where masks have their labels; default as dataset.json says",
            .choices = kChannelChoices,
            .open = true});
  verb.add({.name = "--mask-frame",
            .value = &o.mask_frame,
            .help = "what masks were drawn on, of photographs with an EXIF orientation",
            .choices = kFrameChoices,
            .open = true});
  verb.add(
      {.name = "--others", .value = &o.others, .help = "what mask values are that are no label", .choices = kOthersChoices, .open = true});
  add_nearest_color(verb, o.others);
}

void add_model(Verb& verb, lamina::models::ModelConfig& config) {
  verb.add({.name = "--model", .value = &config.model, .help = models_help()});
  verb.add({.name = "--preset", .value = &config.preset, .help = presets_help()});
  for (const std::string& family : lamina::models::family_names())
    for (const auto& option : lamina::models::find_family(family).options) {
      const std::string name = option_name(option.name);
      if (std::none_of(verb.options.begin(), verb.options.end(), [&](const Option& known) { return known.name == name; }))
        verb.add({.name = name, .value = &config.options[option.name], .help = option.help + "; empty: the preset's"});
    }
  verb.add({.name = "--channels", .value = &config.in_channels, .help = "input channels; 0: those of the preset's source"});
  verb.add({.name = "--classes", .value = &config.classes, .help = "output classes; 0: those of the preset's source"});
}

}  // namespace cli
