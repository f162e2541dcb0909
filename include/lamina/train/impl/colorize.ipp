// A colorization run as settings describe it: the task they make, its sample sheets.
#include "lamina/train/colorize.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/train/config.hpp"
#include "lamina/train/impl/decay.hpp"
#include "lamina/train/impl/pair_report.hpp"
#include "lamina/train/sinks/alarms.hpp"
#include "lamina/train/sinks/log.hpp"
#include "lamina/train/sinks/metrics_files.hpp"

namespace lamina::train {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kColorizeFormat = 1;
constexpr const char* kNoColorize = "not a colorization configuration";
constexpr Named<bool> kUnusable[] = {{true, "skip"}, {false, "stop"}};

std::string option(int value) { return std::to_string(value); }

std::shared_ptr<models::Network> build(const models::ModelConfig& model, const ColorizeConfig& c, std::uint64_t stream, bool values) {
  std::shared_ptr<models::Network> network =
      values ? models::build_network(model, RandomKey{c.seed, stream}.derive(0).seed) : models::build_blank(model);
  network->to(parse_device(c.device));
  network->to(parse_precision(c.precision));
  return network;
}

std::unique_ptr<optim::Optimizer> adam(const ColorizeConfig& c, const models::Network& network, double lr_factor) {
  const Decay decay = parse_decay(c.decay_on);
  const double measured = std::numeric_limits<double>::infinity();  // the gradient's norm, and never clipped
  auto optimizer = std::make_unique<optim::Adam>(network.named_parameters(),
                                                 optim::AdamOptions{.lr = c.lr,
                                                                    .beta1 = c.beta1,
                                                                    .beta2 = c.beta2,
                                                                    .gradient = {.clip_norm = c.clip_norm > 0 ? c.clip_norm : measured,
                                                                                 .weight_decay = c.weight_decay,
                                                                                 .decay_kernels_only = decay != Decay::all}});
  optimizer->set_groups(decay_groups(network, decay, lr_factor));
  return optimizer;
}

data::PhotoOptions photo_options(const ColorizeConfig& c) {
  const auto gray = static_cast<std::uint8_t>(c.padding);
  return {.batch = c.batch,
          .width = c.width,
          .height = c.height,
          .resize = data::resize_named(c.resize),
          .center_anywhere = parse_crop_center(c.crop_center, c.resize),
          .border = {{gray, gray, gray}, data::kIgnoreLabel},
          .skip_unusable = parse_name("treatment of unusable photographs", c.unusable, kUnusable),
          .seed = c.seed};
}

/// Those of the photographs held out that can be validated with.
struct HeldOut {
  std::shared_ptr<data::PhotoStream> stream;
  std::string warning;  ///< of the others; empty: there are none
};

HeldOut held_out_of(const ColorizeConfig& c, const data::PhotoList& photos) {
  HeldOut h{std::make_shared<data::PhotoStream>(photos, photo_options(c)), {}};
  if (const std::size_t dropped = h.stream->drop_unusable())
    h.warning = message(dropped == photos.size() ? "nothing is validated with: all " : message("not validated with: ", dropped, " of the "),
                        photos.size(), " photographs held out are gray or cannot be read, such as ", h.stream->example());
  return h;
}

ColorizationTask::Parts parts_of(const ColorizeConfig& c, const data::PhotoSets& photos, const HeldOut& held_out, bool values) {
  data::PhotoOptions training = photo_options(c);
  training.augment = data::parse_augment(c.augment);
  training.shuffle = true;
  training.epoch_batches = c.epoch_steps;
  ColorizationTask::Parts parts{.generator = build(generator_config(c), c, 1, values),
                                .discriminator = build(discriminator_config(c), c, 2, values),
                                .generator_optimizer = nullptr,
                                .discriminator_optimizer = nullptr,
                                .loss = losses::GanLoss(c.gan),
                                .colorization = infer::Colorization(c.colorization),
                                .condition_channels = c.condition_channels,
                                .discriminator_lr_factor = c.discriminator_lr_factor,
                                .training = std::make_shared<data::PhotoStream>(photos.training, training),
                                .validation = held_out.stream};
  parts.generator_optimizer = adam(c, *parts.generator, 1);
  parts.discriminator_optimizer = adam(c, *parts.discriminator, c.discriminator_lr_factor);
  return parts;
}

/// Colorization by settings, which a checkpoint has.
class ConfiguredPair : public ColorizationTask {
 public:
  ConfiguredPair(const ColorizeConfig& config, const data::PhotoSets& photos, const HeldOut& held_out, bool values)
      : ColorizationTask(parts_of(config, photos, held_out, values)),
        config_(config),
        notes_(photos.notes),
        warning_(held_out.warning),
        photos_{photos.training.checksum(), photos.held_out.checksum()} {
    const int least = generator().minimum_size();
    require<OptionError>(std::min(config.width, config.height) >= least, "--size ", config.width, "x", config.height, " is below the ",
                         least, " pixels that G needs");
    const models::ModelConfig g = generator_config(config);
    const nn::MetaScope meta;
    const auto scored = models::build_meta(discriminator_config(config));
    const Tensor picture = (*models::build_meta(g))(Tensor::empty({1, config.height, config.width, 3}, {DType::f32, kMeta}));
    require<OptionError>(std::min(picture.size(1), picture.size(2)) >= scored->minimum_size(), "D needs pictures of at least ",
                         scored->minimum_size(), " pixels, and G makes ", picture.size(2), "x", picture.size(1), " of --size ",
                         config.width, "x", config.height, ": use a larger --size or fewer --discriminator-layers");
  }

  Metadata metadata() const override {
    return {{"task", "colorization"},
            {"config", to_json(config_)},
            {"component", "generator"},
            {"model", models::to_json(models::resolved(generator_config(config_)))},
            {"discriminator", models::to_json(models::resolved(discriminator_config(config_)))},
            {"colorization", infer::to_json(config_.colorization)},
            {"input", infer::to_json({.width = config_.width, .height = config_.height, .resize = config_.resize})},
            {"data", Json{{"format", 2}, {"training", photos_[0]}, {"held_out", photos_[1]}}.dump()}};
  }

  void restore(const Metadata& saved, const std::string& run) override {
    const auto task = saved.find("task"), config = saved.find("config"), data = saved.find("data");
    require<OptionError>(task != saved.end() && task->second == "colorization" && config != saved.end() && data != saved.end(),
                         "the run folder ", run, " holds a run of another kind; choose another --out");
    const std::string other = differences(settings_of(config_), settings_of(colorize_config_from_json(config->second)));
    require<OptionError>(other.empty(), "the run folder ", run, " was made with other settings (", other, "); choose another --out");
    require<DataError>(Json::parse(data->second, nullptr, false).contains("format"), run,
                       " is of a version that did not note what photographs hold; choose another --out");
    require<DataError>(data->second == metadata().at("data"), "the photographs changed since ", run,
                       " was started (their list, or what they hold); choose another --out");
  }

  std::string command(const std::string& changes) const override { return command_with(config_, changes); }

  /// What is wrong with the photographs; empty: nothing.
  const std::string& warning() const { return warning_; }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes = notes_;
    if (!warning_.empty()) notes.push_back("warning: " + warning_);
    for (const Setting& s : settings_of(config_)) notes.push_back("  " + s.name + ": " + to_string(s.value));
    return notes;
  }

 private:
  ColorizeConfig config_;
  std::vector<std::string> notes_;
  std::string warning_;
  std::uint32_t photos_[2];
};

std::unique_ptr<ConfiguredPair> make_configured_pair(const ColorizeConfig& config, const data::PhotoSets& photos, bool values) {
  check_settings(config);
  return std::make_unique<ConfiguredPair>(config, photos, held_out_of(config, photos.held_out), values);
}

/// samples/epoch_N.png after each validation.
class SampleSheets : public Sink {
 public:
  explicit SampleSheets(ColorizationTask& task) : task_(task) {}
  void start(const RunStart& run) override {
    folder_ = run.folder / "samples";
    io::create_folders(folder_);
    io::remove_leftovers(folder_);
  }
  void epoch(const EpochRecord& r, int) override {
    if (r.validation) data::write_png(folder_ / ("epoch_" + std::to_string(r.epoch) + ".png"), task_.samples());
  }

 private:
  ColorizationTask& task_;
  std::filesystem::path folder_;
};

}  // namespace

std::string to_json(const ColorizeConfig& config) { return settings_to_json(settings_of(config), kColorizeFormat); }

ColorizeConfig colorize_config_from_json(const std::string& json) {
  ColorizeConfig config;
  int format = 0;
  std::vector<Setting> settings = settings_from_json(json, kNoColorize, kColorizeFormat, format);
  drop_output_options(settings);
  assign_settings(config, settings, kNoColorize);
  return config;
}

models::ModelConfig generator_config(const ColorizeConfig& c) {
  const int colors = data::color_channels(infer::Colorization(c.colorization).space);
  models::ModelConfig g{
      .model = c.model, .preset = c.preset, .in_channels = 3, .classes = colors, .options = c.options, .outputs = {{"color", colors}}};
  if (c.base) g.options["base"] = option(c.base);
  if (c.depth) g.options["depth"] = option(c.depth);
  g.options["init"] = c.init;
  return g;
}

models::ModelConfig discriminator_config(const ColorizeConfig& c) {
  models::OptionValues options;  // those that are set: a preset refuses what it fixes
  for (const auto& [name, value] :
       {std::pair("base", c.discriminator_base), std::pair("layers", c.discriminator_layers),
        std::pair("last_kernel", c.discriminator_last_kernel), std::pair("last_stride", c.discriminator_last_stride)})
    if (value) options[name] = option(value);
  return {.model = "patchgan",
          .preset = c.discriminator,
          .in_channels = c.condition_channels + data::color_channels(infer::Colorization(c.colorization).space),
          .classes = 1,
          .options = options,
          .outputs = {{"score", 1}}};
}

ColorizeConfig resolved(ColorizeConfig c) {
  const models::ModelConfig g = models::resolved(generator_config(c)), d = models::resolved(discriminator_config(c));
  c.preset = g.preset;
  const auto number = [](const models::ModelConfig& m, const char* name, int& to) {
    if (m.options.contains(name)) to = m.number(name);
  };
  number(g, "base", c.base), number(g, "depth", c.depth);
  if (g.options.contains("init")) c.init = g.options.at("init");
  take_family_options(g, c.options);
  number(d, "base", c.discriminator_base), number(d, "layers", c.discriminator_layers);
  number(d, "last_kernel", c.discriminator_last_kernel), number(d, "last_stride", c.discriminator_last_stride);
  return c;
}

void check_settings(const ColorizeConfig& c) {
  require<OptionError>(c.epochs >= 1 || c.steps >= 1, "--epochs ", c.epochs, " must be at least 1");
  require_ranges(c);
  const Device device = parse_device(c.device);
  if (device.is_cuda()) (void)current_cuda(device.index);
  require<OptionError>(parse_precision(c.precision) == DType::f32 || device.is_cuda(), "--precision ", c.precision, " needs --device cuda");
  require<OptionError>(!c.out.empty(), "the run folder has no name: give --out");
  require<OptionError>(c.condition_channels != 2, "--condition-channels 2: D sees 1 or 3 gray channels");
  (void)losses::GanLoss(c.gan);
  (void)photo_options(c);
  (void)data::parse_augment(c.augment);
  (void)sentinel_policy_named(c.sentinels);
  (void)optim::parse_schedule(c.schedule);
  (void)models::resolved(generator_config(c));
  (void)models::resolved(discriminator_config(c));
  (void)parse_decay(c.decay_on);
}

std::unique_ptr<ColorizationTask> make_colorization_task(const ColorizeConfig& config, const data::PhotoSets& photos, bool values) {
  return make_configured_pair(config, photos, values);
}

Outcome train_colorization(const ColorizeConfig& config, const data::PhotoSets& photos, bool resume, const TrainEvents& events,
                           const std::atomic<bool>* stop) {
  const bool goes_on = resume && holds_checkpoint({config.out});
  const auto task = make_configured_pair(config, photos, !goes_on);
  if (events.warning && !task->warning().empty()) events.warning(task->warning());
  Session session(config.out, *task, resume);
  require_values(session, !goes_on);
  LogFile log;
  MetricsFiles metrics;
  Callbacks callbacks(events);
  AlarmFile alarm_file;
  SampleSheets sheets(*task);
  const std::unique_ptr<Sink> report = pair_report(config, *task, session);
  const LoopOptions loop{.epochs = config.epochs,
                         .steps = config.steps,
                         .val_every = config.val_every,
                         .schedule = {.kind = optim::parse_schedule(config.schedule), .lr = config.lr},
                         .seed = config.seed,
                         .sentinels = sentinel_policy_named(config.sentinels)};
  return run_loop(*task, session, loop, {&metrics, &sheets, &log, &callbacks, &alarm_file, report.get()}, stop);
}

}  // namespace lamina::train
