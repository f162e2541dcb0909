// What a run is made of, as its settings say.
#include "lamina/train/impl/parts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lamina/core/names.hpp"
#include "lamina/io/pretrained.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/train/impl/decay.hpp"
#include "lamina/train/memory.hpp"

namespace lamina::train {
namespace {

/// What --init and --from bring into a new network; none where neither names weights.
std::vector<std::string> load_weights(const TrainConfig& config, const infer::InputConfig& input, models::Network& network) {
  std::vector<std::string> said;
  const auto load = [&](const std::string& file, bool last_layer) {
    said.push_back("weights of " + io::find_best_or_last(file).string());
    const io::WeightMatch match = io::load_pretrained(network, file, {.last_layer = last_layer, .whole = config.init_strict});
    for (const std::string& line : match.lines()) said.push_back("  " + line);
    if (const std::string advice = advice_on_input(file, match, input); !advice.empty()) said.push_back("  " + advice);
  };
  if (names_a_file(config.init)) load(config.init, true);
  if (!config.from.empty()) load(config.from, false);
  return said;
}

/// The network as training begins, where it trains. `notes` become what it begins with. Without `values`: for a checkpoint's.
std::shared_ptr<models::Network> build_model(const TrainConfig& config, const models::ModelConfig& described,
                                             const infer::InputConfig& input, bool values, std::vector<std::string>& notes) {
  std::shared_ptr<models::Network> model = values ? models::build_meta(described, config.seed) : models::build_blank(described);
  if (values) notes = load_weights(config, input, *model), model->initialise();
  model->to(parse_device(config.device));
  model->to(parse_precision(config.precision));
  return model;
}

/// Whether the last of an epoch's images joins the batch before it. Throws OptionError where every batch would be of one image.
bool merges_last_image(const TrainConfig& config, std::int64_t images, const heads::Head& head) {
  if ((config.batch > 1 && images > 1 && images % config.batch != 1) || !needs_two_images(config, head)) return false;
  require<OptionError>(
      config.batch > 1 && images > 1, "a step of one image of ", config.width, "x", config.height,
      " cannot be trained on: the network's deepest level is one pixel, and batch norm needs more than one value. Use a larger "
      "--size, a smaller --depth, or ",
      images > 1 ? "a --batch of 2 or more" : "more images than the one there is");
  return true;
}

}  // namespace

std::string seen_text(const infer::InputConfig& input) { return input.mean.empty() ? "as x * 2 - 1" : "by the mean " + input.mean; }

std::string advice_on_input(const std::string& file, const io::WeightMatch& match, const infer::InputConfig& input, const char* option) {
  if (const auto seen = input_of_network(file)) {
    if (seen->mean == input.mean && seen->sd == input.sd) return {};
    return message("warning: it saw photographs ", seen_text(*seen), ", and now sees them ", seen_text(input), "; ", option,
                   " auto shows them the same");
  }
  if (!match.torchvision || input.mean == kImagenetMean) return {};
  return message("its names are torchvision's, whose networks learned from photographs by ImageNet's mean and deviation; if these weights ",
                 "did, ", option, " imagenet shows them the same");
}

std::string changed_input(const infer::InputConfig& now, const infer::InputConfig& saved, const std::string& run) {
  if (saved.mean == now.mean && saved.sd == now.sd) return {};
  const auto name = [](const infer::InputConfig& input) -> std::string {
    return input.mean.empty() ? "half" : input.mean == kImagenetMean && input.sd == kImagenetSd ? "imagenet" : "data";
  };
  require<OptionError>(name(saved) == name(now), "the run folder ", run, " was made with --normalize ", name(saved), ", not ", name(now),
                       "; say --normalize ", name(saved), ", or choose another --out");
  return "warning: the photographs changed since " + run + " was started: their mean was " + saved.mean + " and is " + now.mean +
         ", by which it goes on; to start anew choose another --out";
}

data::LoaderOptions training_options(const TrainConfig& config, const data::Dataset& dataset, const infer::InputConfig& input) {
  data::LoaderOptions training = loader_options(config, input);
  training.batch = config.batch * config.accumulate;
  training.augment = data::parse_augment(config.augment);
  require<OptionError>(input.channels == 3 || (training.augment.saturation == 0 && training.augment.hue == 0), "--augment ", config.augment,
                       ": saturation and hue need red, green and blue, and these photographs have ", input.channels,
                       " channels; use brightness and contrast");
  training.shuffle = training.random_crop = true;
  training.center_anywhere = parse_crop_center(config.crop_center, config.resize);
  training.windows = false;
  training.crops = config.crops;
  training.foreground = config.crop_foreground;
  training.counted = dataset.schema.counted_labels();
  if (config.border_label != "ignore") {
    require<OptionError>(dataset.schema.plane_names().empty(), "--border-label ", config.border_label,
                         ": these labels say several things of a pixel, and of what lies outside a photograph nothing; use ignore");
    const int label = dataset.schema.class_called(config.border_label);
    if (label < 0) {
      std::vector<std::string_view> known(dataset.schema.names.begin(), dataset.schema.names.end());
      known.emplace_back("ignore");
      throw_unknown_name("--border-label", config.border_label, known);
    }
    training.border.label = static_cast<std::uint8_t>(label);
  }
  return training;
}

std::vector<data::Item> training_items(const TrainConfig& config, const data::Dataset& dataset) {
  std::vector<data::Item> items = dataset.items(data::Split::train);
  if (!config.exclude_empty) return items;
  const std::vector<bool> none = dataset.schema.no_finding();
  require<DataError>(!none.empty(), config.data,
                     ": no class is the background, so --exclude-empty has nothing to go by; name it with --background");
  std::erase_if(items, [&](const data::Item& item) {
    for (std::size_t k = 0; k < item.pixels.size(); ++k)
      if (!none[k] && item.pixels[k] > 0) return false;
    return true;
  });
  require<DataError>(!items.empty(), config.data, ": --exclude-empty leaves nothing: every training image shows the background alone");
  return items;
}

bool needs_two_images(const TrainConfig& config, const heads::Head& head) {
  const auto network = models::build_meta(model_config(config, &head));
  const NoGrad no_grad;
  const nn::RandomScope random(RandomKey{0, 0});
  const auto fails = [&](std::int64_t images) {
    try {
      (void)network->run(Tensor::empty({images, config.height, config.width, network->in_channels()}, {DType::f32, kMeta}));
    } catch (const ShapeError&) {
      return true;
    }
    return false;
  };
  network->train();
  return fails(1) && !fails(2);
}

std::vector<SegmentationTask::Auxiliary> auxiliary_of(const TrainConfig& config, const models::Network& network, const heads::Head& head) {
  std::vector<SegmentationTask::Auxiliary> all;
  for (const models::OutputSpec& o : network.outputs())
    if (o.name != head.name() && config.aux_weight > 0) all.push_back({o.name, config.aux_weight});
  return all;
}

std::unique_ptr<optim::Optimizer> make_optimizer(const TrainConfig& c, const nn::Module& network) {
  enum class Kind { adam, adamw, sgd };
  constexpr Named<Kind> kKinds[] = {{Kind::adam, "adam"}, {Kind::adamw, "adamw"}, {Kind::sgd, "sgd"}};
  const Kind kind = parse_name("optimizer", c.optimizer, kKinds);
  const Decay decay = parse_decay(c.decay_on);
  const double measured = std::numeric_limits<double>::infinity();  // the gradient's norm, and never clipped
  const bool watched = sentinel_policy_named(c.sentinels) != SentinelPolicy::off;
  const optim::GradientOptions gradient{.clip_norm = c.clip_norm > 0 || !watched ? c.clip_norm : measured,
                                        .clip_value = c.clip_value,
                                        .weight_decay = c.weight_decay,
                                        .decoupled_decay = kind == Kind::adamw,
                                        .decay_kernels_only = decay != Decay::all};
  std::unique_ptr<optim::Optimizer> optimizer;
  if (kind == Kind::sgd)
    optimizer = std::make_unique<optim::Sgd>(network.named_parameters(),
                                             optim::SgdOptions{.lr = c.lr, .momentum = c.momentum, .gradient = gradient});
  else
    optimizer = std::make_unique<optim::Adam>(network.named_parameters(),
                                              optim::AdamOptions{.lr = c.lr, .beta1 = c.beta1, .beta2 = c.beta2, .gradient = gradient});
  optimizer->set_groups(decay_groups(network, decay));
  return optimizer;
}

EmptyClass empty_class_of(const TrainConfig& config, const heads::Head* head) {
  if (config.absent_classes != "auto") return losses::empty_class_named(config.absent_classes);
  return head && head->exclusive() && losses::Criterion(config.loss).has_ratios() ? EmptyClass::skip : EmptyClass::penalize;
}

SegmentationTask::Parts parts_of(const TrainConfig& config, const data::Dataset& dataset, bool values) {
  require<DataError>(!dataset.items(data::Split::train).empty(),
                     dataset.items(data::Split::train).empty() ? dataset.why_empty(data::Split::train) : "");
  const std::shared_ptr<const heads::Head> head = heads::make_head(dataset.schema, config.head);
  const infer::InputConfig input = input_config(config, dataset.photos);
  data::LoaderOptions validation = loader_options(config, input), training = training_options(config, dataset, input);
  const models::ModelConfig described = model_config(config, head.get(), input.channels);
  const int least = models::build_meta(described)->minimum_size();
  require<OptionError>(std::min(config.width, config.height) >= least, "--size ", config.width, "x", config.height, " is below the ", least,
                       " pixels that the model needs");
  const FreeMemory free = free_memory();
  const HostMemory host(free);
  const StepMemory step = step_memory(config, *head, input.channels);
  if (const Device device = parse_device(config.device); device.is_cuda())
    require_memory(config, step, free_memory(device).bytes, free_memory(device).limit);
  else
    require_memory(config, step, host.step, free.limit);
  training.cache_bytes = validation.cache_bytes = host.photographs;
  std::vector<std::string> notes;
  std::shared_ptr<models::Network> network = build_model(config, described, input, values, notes);
  const std::vector<data::Item> items = training_items(config, dataset);
  const std::int64_t images = data::Loader(items, dataset.masks, training).size();
  if (const std::size_t all = dataset.items(data::Split::train).size(); config.exclude_empty)
    notes.push_back(
        message(all - items.size(), " of ", all, " training images are left out (--exclude-empty): they show the background alone"));
  if (training.resize == data::Resize::crop)
    notes.push_back(message("an epoch has ", images,
                            config.crops ? " crops, --crops of each photograph" : " crops, as many as the photographs' pixels fill",
                            config.crops ? "" : " (--crops N: of each; --steps N: so many updates in all)",
                            "; scores are of whole photographs, in windows that overlap"));
  training.merge_single = merges_last_image(config, images, *head);
  if (config.accumulate > 1)
    notes.push_back(message("an update adds up the gradients of ", config.accumulate, " batches of ", config.batch,
                            ", each by its share of the pixels that count; Dice and batch norm see each batch alone"));
  if (training.merge_single)
    notes.push_back("an epoch's last image joins the batch before it: a batch of one cannot be trained on at this size");
  std::unique_ptr<optim::Optimizer> optimizer = make_optimizer(config, *network);
  std::vector<SegmentationTask::Auxiliary> auxiliary = auxiliary_of(config, *network, *head);
  return {.network = std::move(network),
          .heads = {head},
          .auxiliary = std::move(auxiliary),
          .criterion = losses::Criterion(config.loss, {.empty_class = empty_class_of(config, head.get())}),
          .optimizer = std::move(optimizer),
          .part = config.batch,
          .merge_single = training.merge_single,
          .watched = sentinel_policy_named(config.sentinels) != SentinelPolicy::off,
          .notes = std::move(notes),
          .training = std::make_shared<data::Loader>(items, dataset.masks, training),
          .validation = std::make_shared<data::Loader>(dataset, data::Split::val, validation)};
}

}  // namespace lamina::train
