// A run as settings describe it: the task they make, the sinks of a run folder, the loop.
#include "lamina/train/trainer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/data/pixel_weights.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/io/file.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/train/impl/parts.hpp"
#include "lamina/train/impl/raised.hpp"
#include "lamina/train/impl/report_sink.hpp"
#include "lamina/train/segmentation_task.hpp"
#include "lamina/train/sinks/alarms.hpp"
#include "lamina/train/sinks/log.hpp"
#include "lamina/train/sinks/metrics_files.hpp"
#include "lamina/train/sinks/tensorboard.hpp"

namespace lamina::train {
namespace {

using Json = nlohmann::ordered_json;

/// Checksum of which images are trained on and validated with.
std::uint32_t checksum_of_items(const data::Dataset& dataset) {
  std::uint32_t sum = 0;
  for (const data::Split split : {data::Split::train, data::Split::val}) {
    for (const data::Item& item : dataset.items(split)) sum = io::crc32c(item.name + "\n", sum);
    sum = io::crc32c("\n", sum);
  }
  return sum;
}

/// Checksum of what the masks of these hold.
std::uint32_t checksum_of_masks(const data::Dataset& dataset) {
  std::uint32_t sum = 0;
  for (const data::Split split : {data::Split::train, data::Split::val})
    for (const data::Item& item : dataset.items(split))
      for (const std::int64_t pixels : item.pixels) sum = io::crc32c(std::to_string(pixels) + " ", sum);
  return sum;
}

/// What a checkpoint says of the data; older ones have it in their trainer's state.
Json data_state(const io::Metadata& saved) {
  const auto own = saved.find("data");
  Json state = Json::parse(own != saved.end() ? own->second : saved.at("trainer"), nullptr, false);
  return state.is_object() ? state : Json::object();
}

TrainConfig beginning_with(const std::string& from, TrainConfig config) {
  if (!from.empty()) config.from = from;
  return config;
}

/// Whether some pixel of a split is counted: as a class, or as one that may be.
bool any_pixel(const std::vector<data::Item>& items, std::vector<std::int64_t> data::Item::*counts) {
  return std::any_of(items.begin(), items.end(), [&](const data::Item& item) {
    return std::any_of((item.*counts).begin(), (item.*counts).end(), [](std::int64_t n) { return n > 0; });
  });
}

/// Segmentation of a data set by settings; a checkpoint has both, so that networks are rebuilt and runs told from each other.
class ConfiguredTask : public SegmentationTask {
 public:
  ConfiguredTask(const TrainConfig& config, const data::Dataset& dataset, bool values, const std::string& from)
      : SegmentationTask(parts_of(beginning_with(from, config), dataset, values)),
        config_(config),
        dataset_(dataset),
        input_(input_config(beginning_with(from, config), dataset.photos)),
        items_(checksum_of_items(dataset)),
        masks_(checksum_of_masks(dataset)) {
    weigh(criterion(), config);
    tell_of_weightless();
    require_weight();
  }

  Metadata metadata() const override {
    return {{"config", to_json(config_)},      {"model", models::to_json(model_config(config_, heads()[0].get(), input_.channels))},
            {"input", infer::to_json(input_)}, {"labels", data::to_json(dataset_.schema)},
            {"head", heads()[0]->kind()},      {"data", criterion_state().dump()}};
  }

  void restore(const Metadata& saved, const std::string& run) override {
    const RunInfo info = run_info(saved, run);
    TrainConfig there = info.config;
    if (std::string said = take_raised(config_, there, training().batches(), info.state.step); !said.empty()) note(std::move(said));
    if (config_.class_weights == "auto") config_.class_weights = there.class_weights;
    if (config_.absent_classes == "auto") config_.absent_classes = there.absent_classes;
    there.head = config_.head, there.normalize = config_.normalize;  // compared below, by what they are
    if (std::string said = changed_input(input_, info.input, run); !said.empty()) note(std::move(said));
    const std::string other = differences(settings_of(config_from_json(to_json(config_))), settings_of(there));
    require<OptionError>(config_.epochs >= there.epochs, "the run folder ", run, " was made with --epochs ", there.epochs,
                         ", which can be raised, not lowered to ", config_.epochs, "; choose another --out");
    require<OptionError>(other.empty(), "the run folder ", run, " was made with other settings (", other, "); choose another --out");
    require<OptionError>(std::string(info.head->kind()) == heads()[0]->kind(), "the run folder ", run, " was made with --head ",
                         info.head->kind(), ", not ", heads()[0]->kind(), "; choose another --out");
    require_same_classes(info.schema, run);
    const Json of_data = data_state(saved);
    require<DataError>(info.items == items_, "the images of ", config_.data, " changed since ", run, " was started; choose another --out");
    if (of_data.value("masks", masks_) != masks_)
      note("warning: the masks of " + config_.data + " changed since " + run +
           " was started: it goes on with the new ones, and its best score so far is of the old ones; to start anew choose another --out");
    take_loss(criterion(), of_data, empty_class_of(config_, heads()[0].get()));
  }

  std::vector<Sentinel> sentinels(double lr) const override {
    std::vector<Sentinel> all = SegmentationTask::sentinels(lr);
    all.push_back({"leak", [this](Records) { return leak(); }});
    return all;
  }
  std::string command(const std::string& options) const override {
    try {
      const TrainConfig other = config_with(config_, options);
      check_settings(other);
      losses::Criterion loss(other.loss, {.empty_class = empty_class_of(other, heads()[0].get())});
      weigh(loss, other);
      loss.require_fits(*heads()[0]);
    } catch (const Error&) {
      return {};
    }
    return command_with(config_, options);
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes = SegmentationTask::notes();
    notes.push_back(dataset_.schema.background_text());
    for (const data::Finding& f : dataset_.findings) notes.push_back("warning: " + f.text);
    for (const Setting& s : settings_of(config_)) notes.push_back("  " + s.name + ": " + to_string(s.value));
    for (std::string& weights : weights_lines(*this)) notes.push_back(std::move(weights));
    return notes;
  }

 private:
  void weigh(losses::Criterion& loss, const TrainConfig& config) const {
    loss.set_class_weights(class_weights_for(config, dataset_, *heads()[0], loss));
    loss.set_positive_weights(positive_weights_for(config, dataset_, *heads()[0]));
  }
  const std::vector<double>& class_weights() const { return criterion().options().class_weights; }
  Json criterion_state() const {
    Json state{{"items", items_}, {"masks", masks_}};
    put_loss(state, criterion());
    return state;
  }

  std::optional<Alarm> leak() const {
    const auto leaks = [](const data::Finding& f) { return f.leak; };
    const auto count = std::count_if(dataset_.findings.begin(), dataset_.findings.end(), leaks);
    if (count == 0) return {};
    return Alarm{.seen = message(counted(count, "photograph"), " of another split trained on, too: ",
                                 std::find_if(dataset_.findings.begin(), dataset_.findings.end(), leaks)->text),
                 .cause = "lists that overlap, or copies of a photograph under two names",
                 .next = program_word() + " check " + shell_word(config_.data)};
  }

  /// Classes that no training pixel has, of which weights say nothing. Throws where none is left from which to learn.
  void tell_of_weightless() {
    const std::vector<double>& weights = class_weights();
    const std::vector<data::Item> items = training_items(config_, dataset_);
    if (weights.empty() && std::any_of(items.begin(), items.end(), [](const data::Item& item) { return item.pixels.empty(); }))
      return;  // of a program that made its items itself
    const auto masks = heads::mask_pixels(items);
    require<DataError>(any_pixel(items, &data::Item::pixels), config_.data, ": no training pixel ",
                       any_pixel(items, &data::Item::labelled) ? "is of any class" : "has a label, all are ignored",
                       ": nothing can be learnt");
    const auto& val = dataset_.items(data::Split::val);
    if (!val.empty() && !any_pixel(val, &data::Item::labelled))
      note("warning: no pixel of the val split has a label, all are ignored: its loss is 0 and its scores are n/a");
    if (weights.empty()) return;
    for (std::string& line : told_of_weightless(config_, *heads()[0], weights, heads::output_counts(*heads()[0], masks).pixels))
      note(std::move(line));
  }

  void require_weight() const {
    const auto weighs = [](const data::Item& item) {
      if (item.weights.empty()) return true;
      const data::PixelWeights map = data::read_pixel_weights(item);
      return map.most > 0 && std::any_of(map.image.pixels.begin(), map.image.pixels.end(), [](auto byte) { return byte > 0; });
    };
    const std::vector<data::Item> items = training_items(config_, dataset_);
    require<DataError>(std::any_of(items.begin(), items.end(), weighs), config_.data, ": --pixel-weights ", config_.pixel_weights,
                       ": every map of the training split is 0 everywhere: nothing can be learnt");
  }

  /// What files masks are in says nothing of classes.
  static void keep_form(data::LabelSchema& now, const data::LabelSchema& saved) {
    now.file_ending = saved.file_ending, now.reading.in_channels = saved.reading.in_channels;
    for (std::size_t h = 0; h < std::min(now.heads.size(), saved.heads.size()); ++h) keep_form(now.heads[h], saved.heads[h]);
  }
  /// Runs of version 0.1.0 do not say how their masks were read, and took the class with the value 0 for the background.
  void require_same_classes(const data::LabelSchema& saved, const std::string& run) const {
    const auto name = [](const data::LabelSchema& s) {
      return s.background < 0 ? "none" : s.names[static_cast<std::size_t>(s.background)];
    };
    data::LabelSchema now = dataset_.schema;
    if (saved.names == now.names)
      require<DataError>(saved.background == now.background, "the background of ", run, " is ", name(saved), ", that of ", config_.data,
                         " ", name(now), "; to go on say --background ", shell_word(name(saved)));
    if (!saved.reading.encoding) {
      now.reading = saved.reading;
      now.has_colors = saved.has_colors;
    }
    keep_form(now, saved);
    require<DataError>(data::to_json(saved) == data::to_json(now), "the classes of ", config_.data, " changed since ", run, " was started");
  }

  TrainConfig config_;
  const data::Dataset& dataset_;
  infer::InputConfig input_;
  std::uint32_t items_, masks_;
};

}  // namespace

void check_settings(const TrainConfig& c) {
  require<OptionError>(c.epochs >= 1 || c.steps >= 1, "--epochs ", c.epochs, " must be at least 1");
  require_ranges(c);
  const Device device = parse_device(c.device);
  if (device.is_cuda()) (void)current_cuda(device.index);
  require<OptionError>(parse_precision(c.precision) == DType::f32 || device.is_cuda(), "--precision ", c.precision, " needs --device cuda");
  require<OptionError>(!c.out.empty(), "the run folder has no name");
  // Names that nobody knows, numbers outside their ranges.
  (void)losses::Criterion(c.loss, {.empty_class = empty_class_of(c)});
  make_optimizer(c, nn::BatchNorm2d({.channels = 1}));
  check_weights(c);
  optim::parse_schedule(c.schedule);
  data::resize_named(c.resize);
  parse_crop_center(c.crop_center, c.resize);
  require<OptionError>(c.resize == data::name_of(data::Resize::crop) || (c.crops == 0 && c.crop_foreground == 0),
                       c.crops ? message("--crops ", c.crops) : "--crop-foreground " + to_string(SettingValue(c.crop_foreground)),
                       " needs --resize crop, not ", c.resize);
  const int bands = c.channels ? c.channels : 3;
  (void)input_config(c, {.channels = bands,
                         .mean = std::vector<double>(static_cast<std::size_t>(bands)),
                         .sd = std::vector<double>(static_cast<std::size_t>(bands), 1)});
  data::parse_augment(c.augment);
  (void)sentinel_policy_named(c.sentinels);
  models::resolved(model_config(c));
}

std::unique_ptr<SegmentationTask> make_task(const TrainConfig& config, const data::Dataset& dataset, bool values, const std::string& from) {
  check_settings(config);
  return std::make_unique<ConfiguredTask>(config, dataset, values, from);
}

LoopOptions loop_options(const TrainConfig& c) {
  return {.epochs = c.epochs,
          .steps = c.steps,
          .val_every = c.val_every,
          .patience = c.patience,
          .save_every = c.save_every,
          .schedule = {.kind = optim::parse_schedule(c.schedule), .lr = c.lr},
          .seed = c.seed,
          .sentinels = sentinel_policy_named(c.sentinels)};
}

Outcome train(const TrainConfig& config, const data::Dataset& dataset, bool resume, const TrainEvents& events,
              const std::atomic<bool>* stop) {
  require<OptionError>(!std::filesystem::exists(std::filesystem::path(config.out) / "fold_1"), "--out ", config.out,
                       " holds the runs of --folds, and is no place for another; choose another --out");
  const bool goes_on = resume && holds_checkpoint({config.out});
  const auto task = make_task(config, dataset, !goes_on);
  Session session(config.out, *task, resume);
  require_values(session, !goes_on);
  LogFile log;
  MetricsFiles metrics;
  AlarmFile alarm_file;
  Callbacks callbacks(events);
  for (const std::string& line : task->SegmentationTask::notes()) callbacks.message(line);
  for (const std::string& weights : weights_lines(*task)) callbacks.message(wrapped(weights, 100, 2));
  const Sinks listening{&log, &callbacks};
  ReportSink report(config, dataset, *task, session, listening);
  Sinks sinks{&metrics, &log, &callbacks, &alarm_file, &report};
  std::optional<TensorBoard> board;
  if (config.tensorboard)
    sinks.add(board.emplace(
        models::model_graph(model_config(config, task->heads()[0].get(), task->network().in_channels()), config.height, config.width)));
  return run_loop(*task, session, loop_options(config), sinks, stop);
}

infer::InputConfig input_of(const io::ModelFile& file) {
  const auto input = file.metadata().find("input");
  return input == file.metadata().end()
             ? run_info(file).input
             : infer::input_config_from_json(input->second, file.path().string());  // version 1 has settings alone
}

bool is_data_of(const RunInfo& info, const data::Dataset& dataset) {
  const auto place = [](const std::filesystem::path& root) { return std::filesystem::weakly_canonical(root / ""); };
  const bool here = place(info.config.data) == place(dataset.root), same = info.items == checksum_of_items(dataset);
  return info.items == 0 ? here : same && (here || !std::filesystem::exists(info.config.data));
}

std::string told_of_other_data(const RunInfo& info) {
  return "the run was trained, and its epoch chosen, on the photographs of " + info.config.data +
         ": where these were among them, their scores are optimistic";
}

RunInfo run_info(const io::Metadata& metadata, const std::string& origin) {
  const auto task = metadata.find("task");
  require<DataError>(task == metadata.end() || task->second != "colorization", origin,
                     ": it is a colorization run (lamina colorize), not one of segmentation");
  for (const char* key : {"config", "labels", "trainer"})
    require<DataError>(metadata.contains(key), origin, ": no training checkpoint: its metadata lacks \"", key, "\"");
  RunInfo info{config_from_json(metadata.find("config")->second),
               data::parse_label_schema(metadata.find("labels")->second, origin),
               nullptr,
               run_state(metadata, origin),
               {},
               data_state(metadata).value("items", std::uint32_t{0})};
  const auto head = metadata.find("head");  // older checkpoints have it in their settings alone
  if (head != metadata.end()) info.config.head = head->second;
  const auto input = metadata.find("input");
  info.input = input == metadata.end() ? input_config(info.config) : infer::input_config_from_json(input->second, origin);
  info.head = heads::make_head(info.schema, info.config.head);
  for (EpochRecord& r : info.state.history)
    if (r.validation && r.validation->scores.size() == 1 && !r.validation->counts.empty())  // version 1 kept the counts alone
      r.validation->scores.append(info.head->summary(r.validation->counts[0].confusion));
  return info;
}

}  // namespace lamina::train
