// Options that several verbs have.
#pragma once
#include "help.hpp"
#include "lamina/models/registry.hpp"
#include "settings_options.hpp"
#include "verbs.hpp"

namespace cli {

template <class Text>
void add_nearest_color(CLI::App& sub, Text& others) {
  sub.add_flag_callback(
      "--nearest-color", [&others] { others = "nearest"; }, "the same as --others nearest");
}

inline void add_data(CLI::App& sub, DataOptions& o) {
  sub.add_option("DATA", o.data, "folder with images/ and masks/")->required();
  sub.add_option("--images", o.images, "name of the folder with the photographs");
  sub.add_option("--masks", o.masks, "name of the folder with the masks");
  sub.add_option("--ignore", o.ignore, "mask value that neither loss nor metrics count; -1: as dataset.json says");
  sub.add_option("--seed", o.seed, "seed of the split when there are no lists")->check(CLI::NonNegativeNumber);
  with_choices(sub.add_option("--mask-channel", o.mask_channel, "where masks have their labels; default as dataset.json says"),
               kChannelChoices);
  with_choices(sub.add_option("--mask-frame", o.mask_frame, "what masks were drawn on, of photographs with an EXIF orientation"),
               kFrameChoices);
  with_choices(sub.add_option("--others", o.others, "what mask values are that are no label"), kOthersChoices);
  add_nearest_color(sub, o.others);
}

inline void add_device(CLI::App& sub, std::string& device) { sub.add_option("--device", device, "cpu | cuda | cuda:N"); }

inline void add_weights(CLI::App& sub, std::string& weights) {
  one_of(sub.add_option("--weights", weights, "which checkpoint of the run"), kWeightsChoices);
}

inline void add_resume(CLI::App& sub, std::string& resume) {
  one_of(sub.add_option("--resume", resume, "what becomes of a run folder that is there"), kResumeChoices);
}

/// Options of every family that is registered; a family says which are its own.
inline void add_model(CLI::App& sub, lamina::models::ModelConfig& config) {
  sub.add_option("--model", config.model, models_help());
  sub.add_option("--preset", config.preset, presets_help());
  for (const std::string& family : lamina::models::family_names())
    for (const auto& option : lamina::models::find_family(family).options)
      if (const std::string name = option_name(option.name); !sub.get_option_no_throw(name))
        sub.add_option(name, config.options[option.name], option.help + "; empty: the preset's");
  sub.add_option("--channels", config.in_channels, "input channels; 0: those of the preset's source");
  sub.add_option("--classes", config.classes, "output classes; 0: those of the preset's source");
}

}  // namespace cli
