#include "shared_options.hpp"

#include <algorithm>

namespace cli {

void add_training(Verb& verb, std::string_view field, Target value) {
  verb.add(option_of(lamina::train::training_field(field), std::move(value)));
}

void add_data(Verb& verb, DataOptions& o) {
  add_training(verb, "data", &o.data);
  add_training(verb, "images", &o.images);
  add_training(verb, "masks", &o.masks);
  add_training(verb, "ignore", &o.ignore);
  verb.add({.name = "--seed", .value = &o.seed, .help = "seed of the split when there are no lists"});
  add_training(verb, "mask_channel", &o.mask_channel);
  add_training(verb, "mask_threshold", &o.mask_threshold);
  add_training(verb, "mask_frame", &o.mask_frame);
  add_training(verb, "others", &o.others);
  add_nearest_color(verb, o.others);
}

void add_model(Verb& verb, lamina::models::ModelConfig& config) {
  verb.add({.name = "--model", .value = &config.model, .help = models_help()});
  verb.add({.name = "--preset", .value = &config.preset, .help = presets_help()});
  for (const std::string& family : lamina::models::family_names())
    for (const auto& option : lamina::models::find_family(family).options) {
      const std::string name = option_name(option.name);
      if (std::none_of(verb.options.begin(), verb.options.end(), [&](const Option& known) { return known.name == name; }))
        verb.add({.name = name, .value = &config.options[option.name], .help = option.help, .choices = option.choices, .open = true});
    }
  verb.add({.name = "--channels", .value = &config.in_channels, .help = "input channels; 0: those of the preset's source"});
  verb.add({.name = "--classes", .value = &config.classes, .help = "output classes; 0: those of the preset's source"});
}

}  // namespace cli
