// Settings of a study: presets, fractions, JSON.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "lamina/core/names.hpp"
#include "lamina/train/study.hpp"

namespace lamina::train {
namespace {

constexpr int kStudyFormat = 2;
constexpr const char* kNoStudy = "not a configuration of a study";

/// What a preset sets where a setting is left open.
struct Preset {
  const char* name;
  const char* fractions;
  const char *model, *model_preset;
  int base, depth, size;
  const char* crop_center;
  std::int64_t pretrain_steps, steps;
  int batch;
  double pretrain_lr, lr;
  const char* discriminator;
  int discriminator_base, discriminator_layers;
  double reconstruction_weight;
};
constexpr Preset kPresets[] = {
    {"smoke", "0.5:2,1:2", "unet", "bn", 4, 2, 32, "inside", 12, 16, 4, 1e-3, 2e-3, "patchgan", 8, 1, 100},
    {"small", "0.1:5,1:5", "deeplabv3plus", "small", 0, 0, 97, "inside", 3000, 600, 4, 1e-3, 3e-3, "patchgan", 16, 2, 100},
    {"full", "0.1:10,0.25:5,0.5:5,1:5", "deeplabv3plus", "small", 0, 0, 97, "inside", 4000, 800, 4, 1e-3, 3e-3, "patchgan", 32, 2, 100},
    {"paper", "0.1:1,0.25:1,0.5:1,1:1", "deeplabv3plus", "beta", 0, 0, 513, "anywhere", 76000, 300000, 4, 2e-4, 1e-4, "surrogate", 64, 0,
     1}};

double number(const std::string& text, const std::string& where) {
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  require<OptionError>(error == std::errc() && end == text.data() + text.size(), "--fractions: \"", text, "\" is not a number in \"", where,
                       "\"; write SHARE:SEEDS,... such as 0.1:5,1:5");
  return v;
}

/// Settings of runs that a study makes itself, or has under another name.
constexpr std::string_view kOfStudy[] = {"images",   "masks", "from",  "seed",     "epochs", "epoch_steps", "val_every",
                                         "patience", "head",  "crops", "channels", "space",  "aux_weight"};

/// Name and help of a field of colorizations.
using Words = std::pair<std::string, std::string>;
const std::map<std::string, Words, std::less<>>& words_of_pretraining() {
  static const std::map<std::string, Words, std::less<>> all = [] {
    std::map<std::string, Words, std::less<>> words;
    ColorizeConfig config;
    describe(config, [&](const Field& field, const auto&) {
      words[field.name] = {std::string("pretrain_") + field.name, std::string("of the colorization: ") + field.help};
    });
    return words;
  }();
  return all;
}

}  // namespace

bool is_of_arms(const Field& field) {
  const auto families = family_options();  // a study says them of both
  const auto of_family = [&](const models::FamilyOption* option) { return option->name == field.name; };
  return field.stored && !field.positional && std::none_of(families.begin(), families.end(), of_family) &&
         std::find(std::begin(kOfStudy), std::end(kOfStudy), field.name) == std::end(kOfStudy);
}

Field of_pretraining(const Field& field, bool renamed) {
  Field own = field;
  const auto words = words_of_pretraining().find(field.name);
  if (words == words_of_pretraining().end()) return own;
  if (renamed) own.name = words->second.first.c_str();
  own.help = words->second.second.c_str();
  return own;
}

TrainConfig study_segmentation() {
  TrainConfig c;
  c.normalize = "half";  // as the generator sees photographs
  c.border = ColorizeConfig{}.padding;
  c.loss = "ce", c.class_weights = "none", c.absent_classes = "penalize";
  c.beta1 = 0.5, c.schedule = "poly";
  return c;
}

ColorizeConfig study_pretraining() {
  ColorizeConfig c;
  c.width = c.height = c.batch = 0;
  c.resize = c.crop_center = c.augment = "";
  c.weight_decay = StudyConfig::kOfPreset;
  c.held_out = 8;
  return c;
}

std::vector<std::pair<double, int>> study_fractions(const std::string& text) {
  std::map<double, int> all;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    const std::size_t colon = std::min(item.find(':'), item.size());
    const double share = number(item.substr(0, colon), text), seeds = colon < item.size() ? number(item.substr(colon + 1), text) : 1;
    require<OptionError>(share > 0 && share <= 1 && seeds >= 1 && seeds <= 1000 && seeds == std::floor(seeds), "--fractions: \"", item,
                         "\" is not a share in (0, 1] with 1 to 1000 seeds");
    require<OptionError>(all.emplace(share, static_cast<int>(seeds)).second, "--fractions: ", item, ": the share is there twice");
    begin = end + 1;
  }
  return {all.begin(), all.end()};
}

std::string to_json(const StudyConfig& config) { return settings_to_json(settings_of(config), kStudyFormat); }

StudyConfig study_config_from_json(const std::string& json) {
  StudyConfig config;
  int format = 0;
  std::vector<Setting> settings = settings_from_json(json, kNoStudy, kStudyFormat, format);
  drop_output_options(settings);
  std::erase_if(settings, [&](const Setting& s) {  // of format 1: two fields
    if (s.name == "width" && format < 2) return detail::assign({"width", ""}, config.width, s.value), true;
    if (s.name == "height" && format < 2) return detail::assign({"height", ""}, config.height, s.value), true;
    return false;
  });
  assign_settings(config, settings, kNoStudy);
  return config;
}

StudyConfig resolved(StudyConfig c) {
  std::vector<Named<const Preset*>> names;
  for (const Preset& p : kPresets) names.push_back({&p, p.name});
  const Preset& p = *parse_name("preset of a study", c.preset, names);
  (void)parse_choice("treatment of uncertain classes", c.uncertain, kUncertainChoices);
  require_ranges(c);
  const auto text = [](std::string& to, const char* preset) {
    if (to.empty()) to = preset;
  };
  const auto set = [](auto& to, auto preset) {
    if (to == 0) to = preset;
  };
  // What belongs to something else than what was asked for is not taken from the preset.
  const auto is = [](const std::string& said, const char* preset) { return said.empty() || said == preset; };
  text(c.fractions, p.fractions);
  text(c.crop_center, c.resize == data::name_of(data::Resize::crop) ? p.crop_center : "inside");
  (void)parse_crop_center(c.crop_center, c.resize);
  const bool own = is(c.model, p.model);
  text(c.model, p.model);
  if (own && is(c.model_preset, p.model_preset)) set(c.base, p.base), set(c.depth, p.depth);
  text(c.model_preset, own ? p.model_preset : "");
  set(c.width, p.size), set(c.height, p.size);
  set(c.pretrain_steps, p.pretrain_steps), set(c.steps, p.steps), set(c.batch, p.batch);
  set(c.pretrain_lr, p.pretrain_lr), set(c.lr, p.lr);
  if (c.discriminator.empty()) {
    c.discriminator = c.discriminator_layers > 0                                      ? "patchgan"  // which alone has such
                      : c.discriminator_last_kernel + c.discriminator_last_stride > 0 ? "surrogate"
                                                                                      : p.discriminator;
    if (c.discriminator == p.discriminator)
      set(c.discriminator_base, p.discriminator_base), set(c.discriminator_layers, p.discriminator_layers);
  }
  if (c.gan.reconstruction_weight == StudyConfig::kOfPreset) c.gan.reconstruction_weight = p.reconstruction_weight;
  if (c.segmentation.normalize == "auto") c.segmentation.normalize = study_segmentation().normalize;
  (void)parse_choice("normalization", c.pretrained_normalize, kNormalizeChoices);
  require<OptionError>(c.pretrained_normalize == "auto" || !c.pretrained.empty(), "--pretrained-normalize ", c.pretrained_normalize,
                       " is of the arm with a file's weights: name it with --pretrained");
  require<OptionError>(!names_a_file(c.init), "--init ", c.init, ": an arm of a study begins with a file's weights by --pretrained");
  (void)study_fractions(c.fractions);
  (void)undefined_score(c.undefined);
  require<OptionError>(c.segmentation.schedule != "plateau",
                       "--schedule plateau needs validations, and the segmentations of a study have none; use poly, cosine or constant");
  require<OptionError>(!c.out.empty(), "the folder of the study has no name: give --out");
  return c;
}

}  // namespace lamina::train
