// What a run is made of, as its settings say.
#include "lamina/train/impl/parts.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "lamina/core/names.hpp"
#include "lamina/io/pretrained.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/train/impl/decay.hpp"
#include "lamina/train/memory.hpp"

namespace lamina::train {
namespace {

/// "class weights: background 1.44, wound 22.3". Empty where there are none.
std::string weights_text(const SegmentationTask& task, const char* what, const std::vector<double>& weights) {
  if (weights.empty()) return {};
  std::string text = message(what, " weights:");
  for (const heads::Part& part : task.heads()[0]->parts()) {
    const std::vector<std::string> names = weighed_names(part);
    if (!part.whole) text += (part.output ? "; " : " ") + part.head->name() + ":";
    for (int c = 0; c < part.weighed(); ++c) {
      const std::string number = formatted(" %.4g", weights[static_cast<std::size_t>(part.output + c)]);
      text += (c ? "," : "") + (names.empty() ? "" : " " + names[static_cast<std::size_t>(c)]) + number;
    }
  }
  return text;
}

/// What --init and --from bring into a new network; none where neither names weights.
std::vector<std::string> load_weights(const TrainConfig& config, const infer::InputConfig& input, models::Network& network) {
  std::vector<std::string> said;
  const auto load = [&](const std::string& file, bool last_layer) {
    said.push_back("weights of " + io::find_best_or_last(file).string());
    const io::WeightMatch match = io::load_pretrained(network, file, {.last_layer = last_layer, .whole = config.init_strict});
    for (const std::string& line : match.lines()) said.push_back("  " + line);
    if (const auto seen = input_of_network(file); seen && (seen->mean != input.mean || seen->sd != input.sd))
      said.push_back(message("  warning: it saw photographs ", seen->mean.empty() ? "as x * 2 - 1" : "by the mean " + seen->mean,
                             ", and now sees them ", input.mean.empty() ? "as x * 2 - 1" : "by the mean " + input.mean,
                             "; --normalize auto shows them the same"));
    else if (!seen && match.torchvision && input.mean != kImagenetMean)
      said.push_back(
          "  its names are torchvision's, whose networks learned from photographs by ImageNet's mean and deviation; if these "
          "weights did, --normalize imagenet shows them the same");
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

std::vector<std::string> weighed_names(const heads::Part& part) {
  const std::vector<std::string> events = part.head->events();
  return events.empty() && part.whole ? part.head->outcomes() : events;
}

std::vector<std::string> weights_lines(const SegmentationTask& task) {
  const losses::CriterionOptions& o = task.criterion().options();
  std::vector<std::string> lines{weights_text(task, "class", o.class_weights), weights_text(task, "positive", o.positive_weights)};
  std::erase(lines, "");
  return lines;
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

/// "1,4,2" of the option `flag`.
std::vector<double> numbers_in(const std::string& text, const char* flag) {
  std::vector<double> weights;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    double w = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, w);
    require<OptionError>(error == std::errc() && stop == text.data() + end && w >= 0 && w <= 1e30, flag, ": \"",
                         text.substr(begin, end - begin), "\" is not a weight, a number from 0 to 1e30");
    weights.push_back(w);
    begin = end + 1;
  }
  require<OptionError>(*std::max_element(weights.begin(), weights.end()) > 0, flag, " ", text, ": every class weighs nothing");
  return weights;
}
bool is_list(const std::string& text) { return text.find_first_of("-.0123456789") == 0; }

std::vector<double> listed_weights(const std::string& text) {
  if (is_list(text)) return numbers_in(text, "--class-weights");
  if (text == "auto" || data::is_weight_rule(text)) return {};
  std::vector<std::string_view> known{"auto"};
  known.insert(known.end(), std::begin(data::kWeightRules), std::end(data::kWeightRules));
  throw_unknown_name("--class-weights, which is a rule or a list of numbers such as 1,4,2:", text, known);
}

std::vector<double> listed_positive_weights(const std::string& text) {
  if (is_list(text)) return numbers_in(text, "--positive-weights");
  constexpr std::string_view kKnown[] = {"none", "balanced"};
  if (std::find(std::begin(kKnown), std::end(kKnown), text) == std::end(kKnown))
    throw_unknown_name("--positive-weights, which are none, balanced or a list of numbers such as 20,5:", text, kKnown);
  return {};
}

/// A number for each, or none.
void require_listed(const char* option, const std::vector<double>& weights, const heads::Head& head, int count, const char* are) {
  if (weights.empty() || std::ssize(weights) == count) return;
  std::string names;
  for (const heads::Part& part : head.parts()) {
    if (!part.whole) names += (names.empty() ? "" : "; ") + part.head->name() + ":";
    const std::vector<std::string> own = weighed_names(part);
    for (const std::string& name : own) names += (names.empty() ? "" : &name == &own[0] ? " " : ", ") + name;
    if (own.empty()) names += message(" 1 for ", counted(part.weighed(), "value"));
  }
  throw OptionError(message(option, " has ", weights.size(), " numbers for ", count, " ", are, ": ", names));
}

std::vector<double> class_weights_for(const TrainConfig& config, const data::Dataset& dataset, const heads::Head& head,
                                      const losses::Criterion& criterion) {
  if (config.class_weights == "none") return {};
  const bool automatic = config.class_weights == "auto";
  if (automatic && !(head.activation() && criterion.takes_class_weights())) return {};
  if (std::vector<double> weights = listed_weights(config.class_weights); !weights.empty()) {
    require_listed("--class-weights", weights, head, head.weighed(), head.weighed_are());
    return weights;
  }
  return heads::class_weights(head, automatic ? data::WeightRule::enet : data::weight_rule_named(config.class_weights),
                              heads::mask_pixels(training_items(config, dataset)));
}

std::vector<double> positive_weights_for(const TrainConfig& config, const data::Dataset& dataset, const heads::Head& head) {
  if (config.positive_weights == "none") return {};
  const std::vector<heads::Part> parts = head.parts();
  require<OptionError>(
      std::any_of(parts.begin(), parts.end(), [](const heads::Part& p) { return p.head->activation() == LossActivation::sigmoid; }),
      "--positive-weights ", config.positive_weights, " are of planes and grades, which are each yes or no; the ", head.kind(),
      " head has none: use --class-weights");
  std::vector<double> weights = listed_positive_weights(config.positive_weights);
  require_listed("--positive-weights", weights, head, head.outputs(), head.outputs_are());
  return weights.empty() ? heads::balanced_positives(head, training_items(config, dataset)) : weights;
}

void take_weights(losses::Criterion& criterion, const nlohmann::json& of_data) {
  criterion.set_class_weights(of_data.value("class_weights", std::vector<double>{}));
  criterion.set_positive_weights(of_data.value("positive_weights", std::vector<double>{}));
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
