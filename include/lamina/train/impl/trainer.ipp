// The training loop and what it writes.
#include "lamina/train/trainer.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "lamina/core/names.hpp"
#include "lamina/data/check.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/io/file.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/optim/optimizer.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/run_folder.hpp"
#include "lamina/train/run_report.hpp"

namespace lamina::train {
namespace {

constexpr const char* kNotSaved = "nothing was saved after ";
constexpr const char* kCure = ". Try a smaller --lr or --clip-norm 1";

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::unique_ptr<optim::Optimizer> make_optimizer(const TrainConfig& c, std::vector<nn::NamedTensor> parameters) {
  enum class Kind { adam, adamw, sgd };
  constexpr Named<Kind> kKinds[] = {{Kind::adam, "adam"}, {Kind::adamw, "adamw"}, {Kind::sgd, "sgd"}};
  const Kind kind = parse_name("optimizer", c.optimizer, kKinds);
  const optim::GradientOptions gradient{.clip_norm = c.clip_norm,
                                        .clip_value = c.clip_value,
                                        .weight_decay = c.weight_decay,
                                        .decoupled_decay = kind == Kind::adamw,
                                        .decay_kernels_only = true};
  if (kind == Kind::sgd)
    return std::make_unique<optim::Sgd>(std::move(parameters), optim::SgdOptions{.lr = c.lr, .momentum = c.momentum, .gradient = gradient});
  return std::make_unique<optim::Adam>(std::move(parameters), optim::AdamOptions{.lr = c.lr, .gradient = gradient});
}

/// The numbers of a --class-weights that is a list; empty when it is none or a rule.
std::vector<double> listed_weights(const std::string& text) {
  std::vector<double> weights;
  if (text == "none") return weights;
  if (text.find_first_of("-.0123456789") != 0) return (void)data::weight_rule_named(text), weights;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    double w = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, w);
    require<OptionError>(error == std::errc() && stop == text.data() + end && w >= 0 && std::isfinite(w), "--class-weights: \"",
                         text.substr(begin, end - begin), "\" is not a weight");
    weights.push_back(w);
    begin = end + 1;
  }
  require<OptionError>(*std::max_element(weights.begin(), weights.end()) > 0, "--class-weights ", text, ": every class weighs nothing");
  return weights;
}

/// Class weights, one an output, as the setting asks: none, numbers, or a rule over the pixel counts of the training masks.
std::vector<double> class_weights_for(const TrainConfig& config, const data::Dataset& dataset) {
  const int outputs = dataset.schema.outputs();
  if (config.class_weights == "none") return {};
  if (std::vector<double> weights = listed_weights(config.class_weights); !weights.empty()) {
    require<OptionError>(static_cast<int>(weights.size()) == outputs, "--class-weights has ", weights.size(), " numbers for ", outputs,
                         dataset.schema.task == data::Task::ordinal ? " grades above the lowest" : " classes");
    return weights;
  }
  return data::class_weights(data::weight_rule_named(config.class_weights), data::count_outputs(dataset, data::Split::train));
}

/// Keeps other processes out of a run folder; the system releases it whatever ends the process.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder) : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    const bool taken = fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (taken) ::close(fd_);
    require<OptionError>(!taken, "another process is training in ", folder.string(), "; wait for it or choose another --out");
  }
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

/// Checksum of which images are trained on and validated with.
std::uint32_t checksum_of_items(const data::Dataset& dataset) {
  std::uint32_t sum = 0;
  for (const data::Split split : {data::Split::train, data::Split::val}) {
    for (const data::Item& item : dataset.items(split)) sum = io::crc32c(item.name + "\n", sum);
    sum = io::crc32c("\n", sum);
  }
  return sum;
}

/// The untrained network where it trains.
std::unique_ptr<models::Network> build_model(const TrainConfig& config, int outputs) {
  auto model = models::build_network(model_config(config, outputs), config.seed);
  model->to(parse_device(config.device));
  model->to(parse_precision(config.precision));
  return model;
}

/// One run, from the opened data set to the report.
class Run {
 public:
  Run(const TrainConfig& config, const data::Dataset& dataset, const TrainEvents& events)
      : config_(config),
        dataset_(dataset),
        events_(events),
        folder_{config.out},
        model_(build_model(config, dataset.schema.outputs())),
        device_(parse_device(config.device)),
        optimizer_(make_optimizer(config, model_->named_parameters())),
        loader_(dataset, data::Split::train,
                {.batch = config.batch,
                 .width = config.width,
                 .height = config.height,
                 .resize = data::resize_named(config.resize),
                 .augment = data::parse_augment(config.augment),
                 .shuffle = true,
                 .random_crop = true,
                 .seed = config.seed}),
        val_loader_(dataset, data::Split::val,
                    {.batch = config.batch,
                     .width = config.width,
                     .height = config.height,
                     .resize = data::resize_named(config.resize),
                     .seed = config.seed}),
        schedule_({.kind = optim::parse_schedule(config.schedule), .lr = config.lr, .total_steps = total_steps()}) {
    const LossTerms terms = parse_loss(config.loss);
    loss_ = {.activation = activation_of(dataset.schema.task),
             .ce_weight = terms.ce,
             .dice_weight = terms.dice,
             .ignore_label = data::kIgnoreLabel,
             .empty_class = EmptyClass::penalize};
    require<DataError>(!dataset.items(data::Split::train).empty(), "the training split of ", config.data, " is empty");
    require<OptionError>(std::min(config.width, config.height) >= model_->minimum_size(), "--size ", config.width, "x", config.height,
                         " is below the ", model_->minimum_size(), " pixels that the model needs");
    state_.class_weights = class_weights_for(config, dataset);
    state_.items = checksum_of_items(dataset);
  }

  Outcome go(bool resume, const std::atomic<bool>* stop) {
    prepare_folder(resume);
    if (state_.epoch >= epoch_count()) say("the run is finished; --out another folder trains anew");
    while (state_.epoch < epoch_count()) {
      train_epoch(stop);
      if (stop && stop->load(std::memory_order_relaxed) && state_.epoch < epoch_count()) {
        if (state_.batch > 0) save("last");  // otherwise the end of the epoch saved it
        say("interrupted after step " + std::to_string(state_.step) + "; the same command resumes");
        return Outcome::interrupted;
      }
    }
    say("writing the report");
    write_run_report(folder_, dataset_);
    return Outcome::finished;
  }

 private:
  std::int64_t total_steps() const { return config_.steps > 0 ? config_.steps : std::int64_t{config_.epochs} * loader_.batches(); }
  int epoch_count() const { return static_cast<int>((total_steps() + loader_.batches() - 1) / loader_.batches()); }
  void log(const std::string& text) const { io::append_to_file(folder_.file("log.txt"), text + "\n"); }
  void say(const std::string& text) const {
    log(text);
    if (events_.message) events_.message(text);
  }
  void warn(const std::string& text) const {
    log("warning: " + text);
    if (events_.warning) events_.warning(text);
  }

  void prepare_folder(bool resume) {
    io::create_folders(folder_.root / "weights");
    lock_.emplace(folder_.root);
    for (const auto& folder : {folder_.root, folder_.root / "weights", folder_.root / "plots", folder_.root / "overlays"})
      io::remove_leftovers(folder);
    std::optional<FoundCheckpoint> saved = find_checkpoint(folder_);
    require<OptionError>(resume || !saved, "the run folder ", folder_.root.string(),
                         " holds a run already; choose another --out, or --resume auto to continue it");
    if (saved) {
      RunInfo info = run_info(saved->checkpoint.metadata, saved->path.string());
      const std::string other = differences(config_, info.config);
      require<OptionError>(other.empty(), "the run folder ", folder_.root.string(), " was made with other settings (", other,
                           "); choose another --out");
      require<DataError>(to_json(info.schema) == to_json(dataset_.schema), "the classes of ", config_.data, " changed since ",
                         folder_.root.string(), " was started");
      require<DataError>(info.state.items == checksum_of_items(dataset_), "the images of ", config_.data, " changed since ",
                         folder_.root.string(), " was started; choose another --out");
      model_->load_state(saved->checkpoint.model);
      optimizer_->load_state(saved->checkpoint.optimizer);
      state_ = std::move(info.state);
      schedule_.set_state(state_.schedule);
      replace_last_ = state_.batch > 0 || !saved->damage.empty();
      if (!saved->damage.empty()) warn(saved->damage + "; continuing from " + saved->path.string());
      say("resuming " + folder_.root.string() + " after epoch " + std::to_string(state_.epoch) + ", step " + std::to_string(state_.step));
    } else {
      io::write_file_atomically(folder_.file("config.json"), to_json(config_) + "\n");
      io::write_file_atomically(folder_.file("env.json"), json_object(environment()));
    }
    loss_.class_weights = state_.class_weights;
    for (const data::Finding& f : dataset_.findings) log("warning: " + f.text);
    for (const Setting& s : settings(config_)) log("  " + s.name + ": " + s.value);
    truncate_metrics(folder_, state_.epoch);
  }

  /// Returns early, within the epoch, when stopped.
  void train_epoch(const std::atomic<bool>* stop) {
    const int epoch = state_.epoch + 1;
    loader_.start(epoch, state_.batch);
    const auto start = Clock::now();
    std::int64_t seen = 0;
    data::Batch batch;
    model_->train();
    while (state_.step < total_steps() && loader_.next(batch)) {
      train_step(batch);
      seen += batch.images.size(0);
      const double seconds = seconds_since(start);
      if (events_.step) {
        const double images = static_cast<double>(state_.images), rate = static_cast<double>(seen) / seconds;
        const double left = static_cast<double>(total_steps() - state_.step) * config_.batch / rate;
        events_.step({epoch, epoch_count(), state_.batch, loader_.batches(), state_.loss_sum / images, state_.ce_sum / images,
                      state_.dice_sum / images, optimizer_->lr(), rate, left, memory_stats(device_).peak});
      }
      if (stop && stop->load(std::memory_order_relaxed) && state_.batch < loader_.batches() && state_.step < total_steps()) return;
    }
    const double seconds = seconds_since(start), images = static_cast<double>(std::max<std::int64_t>(state_.images, 1));
    EpochRecord record{.epoch = epoch,
                       .step = state_.step,
                       .lr = optimizer_->lr(),
                       .loss = state_.loss_sum / images,
                       .ce = state_.ce_sum / images,
                       .dice_loss = state_.dice_sum / images,
                       .seconds = seconds,
                       .images_per_second = static_cast<double>(seen) / seconds};
    ++state_.epoch;
    state_.batch = state_.images = 0;
    state_.loss_sum = state_.ce_sum = state_.dice_sum = 0;
    close_epoch(std::move(record));
  }

  void train_step(const data::Batch& batch) {
    const nn::RandomScope random(RandomKey{config_.seed, 0x73746570}.derive(static_cast<std::uint64_t>(state_.step)));
    optimizer_->set_lr(schedule_.lr(state_.step));
    SegmentationLossParts parts;
    const Tensor targets = loss_targets(batch.labels, dataset_.schema).to(device_);
    const Tensor loss = segmentation_loss((*model_)(batch.images), targets, loss_, &parts);
    const double value = loss.item();
    require<NumericError>(std::isfinite(value), "the loss is ", value, " in epoch ", state_.epoch + 1, ", step ", state_.step, ", images ",
                          names_of(batch), "; ", kNotSaved, folder_.weights("last").string(), kCure);
    optimizer_->zero_grad();
    loss.backward();
    optimizer_->step();
    const auto n = static_cast<double>(batch.images.size(0));
    state_.loss_sum += value * n;
    state_.ce_sum += parts.ce * n;
    state_.dice_sum += parts.dice_loss * n;
    state_.images += batch.images.size(0);
    ++state_.batch;
    ++state_.step;
  }

  std::string names_of(const data::Batch& batch) const {
    std::string names;
    for (int i : batch.indices) names += (names.empty() ? "" : " ") + dataset_.items(data::Split::train)[static_cast<std::size_t>(i)].name;
    return names;
  }

  void close_epoch(EpochRecord record) {
    const bool last = state_.epoch >= epoch_count();
    bool best = false;
    if (!dataset_.items(data::Split::val).empty() && (state_.epoch % config_.val_every == 0 || last)) {
      const Evaluation e = evaluate(*model_, val_loader_, dataset_.schema, loss_);
      require<NumericError>(std::isfinite(e.loss), "the validation loss is ", e.loss, " after epoch ", state_.epoch, "; ", kNotSaved,
                            folder_.weights("last").string(), kCure);
      record.val_loss = e.loss;
      record.confusion = e.confusion;
      const double score = std::max(0.0, selection_score(e.confusion, dataset_.schema));  // 0 also when it is undefined
      schedule_.observe(score);
      best = score > state_.best_score;
      if (best) state_.best_score = score, state_.best_epoch = state_.epoch;
    } else if (dataset_.items(data::Split::val).empty()) {
      best = true;  // nothing to choose by: the newest
      state_.best_epoch = state_.epoch;
    }
    const std::size_t warned = history_warnings(state_.history, dataset_.schema.outcomes()).size();
    state_.history.push_back(record);
    if (best) save("best");
    append_metrics(folder_, record, dataset_.schema);
    save("last");
    log(epoch_line(record, epoch_count(), dataset_.schema));
    const auto known = history_warnings(state_.history, dataset_.schema.outcomes());
    for (std::size_t i = warned; i < known.size(); ++i) warn(known[i]);
    if (events_.epoch) events_.epoch(record);
  }

  void save(const char* which) {
    state_.schedule = schedule_.state();
    io::Checkpoint c;
    c.model = model_->state();
    c.optimizer = optimizer_->state();
    c.metadata["config"] = to_json(config_);
    c.metadata["model"] = models::to_json(model_config(config_, dataset_.schema.outputs()));
    c.metadata["input"] = infer::to_json({.width = config_.width, .height = config_.height, .resize = config_.resize});
    c.metadata["labels"] = data::to_json(dataset_.schema);
    c.metadata["trainer"] = to_json(state_);
    // A checkpoint from the middle of an epoch, or a damaged one, is replaced, not kept as prev, so that an interrupted run ends with
    // the files of one that was not.
    const bool is_last = std::string(which) == "last";
    if (is_last && !replace_last_)
      io::save_checkpoint_rotating(folder_.weights("last"), folder_.weights("prev"), c);
    else
      io::save_checkpoint(folder_.weights(which), c);
    if (is_last) replace_last_ = state_.batch > 0;
  }

  TrainConfig config_;
  const data::Dataset& dataset_;
  const TrainEvents& events_;
  RunFolder folder_;
  std::unique_ptr<models::Network> model_;
  Device device_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  data::Loader loader_, val_loader_;
  optim::Schedule schedule_;
  SegmentationLossOptions loss_;
  TrainerState state_;
  std::optional<FolderLock> lock_;
  bool replace_last_ = false;
};

}  // namespace

std::string epoch_line(const EpochRecord& r, int epochs, const data::LabelSchema& schema) {
  auto text = [](const char* format, auto... values) {
    char buffer[256];
    std::snprintf(buffer, sizeof buffer, format, values...);
    return std::string(buffer);
  };
  std::string line = text("epoch %d/%d  loss %.4f", r.epoch, epochs, r.loss);
  if (r.val_loss) line += text("  val loss %.4f", *r.val_loss);
  if (r.confusion && schema.task == data::Task::ordinal) {
    const auto s = r.confusion->ordinal_scores();
    line += text("  quadratic kappa %.4f  mean error %.4f grades", s.quadratic_kappa, s.mean_absolute_error);
  }
  if (r.confusion) {
    const int background = schema.neutral_outcome();
    const auto s = r.confusion->scores(background), base = r.confusion->majority_baseline().scores(background);
    line += background >= 0 ? text("  Dice foreground %.4f macro %.4f", s.dice.macro_foreground, s.dice.macro)
                            : text("  Dice macro %.4f", s.dice.macro);
    line += text("  accuracy %.4f (always the most frequent class: Dice %.4f, accuracy %.4f)", s.accuracy, base.dice.macro_foreground,
                 base.accuracy);
  }
  return line + text("  %.1f img/s", r.images_per_second);
}

std::vector<std::string> history_warnings(const std::vector<EpochRecord>& history, const std::vector<std::string>& class_names) {
  constexpr int kPatience = 5;
  std::vector<std::string> warnings;
  int streak = 0;
  for (const EpochRecord& r : history) {
    if (!r.confusion) continue;
    const metrics::ConfusionMatrix& m = *r.confusion;
    const auto total = static_cast<double>(m.total());
    int collapsed = -1;
    for (int c = 0; c < m.classes() && total > 0; ++c) {
      const double predicted = static_cast<double>(m.prediction_count(c)) / total, labelled = static_cast<double>(m.truth_count(c)) / total;
      if (predicted > 0.9995 && predicted > labelled) collapsed = c;
    }
    streak = collapsed < 0 ? 0 : streak + 1;
    if (streak == kPatience)
      warnings.push_back(message(
          "epoch ", r.epoch, ": for ", kPatience, " validations nearly all pixels were predicted as \"",
          class_names[static_cast<std::size_t>(collapsed)],
          "\". Likely causes, in this order: a learning rate that is too low, a rare foreground without class weights (try --class-weights "
          "median_freq), or masks that are read wrongly (see lamina check)"));
  }
  return warnings;
}

void check_settings(const TrainConfig& c) {
  require<OptionError>(c.epochs >= 1 || c.steps >= 1, "--epochs ", c.epochs, " must be at least 1");
  require<OptionError>(c.steps >= 0, "--steps ", c.steps, " must not be negative");
  require<OptionError>(c.batch >= 1, "--batch ", c.batch, " must be at least 1");
  require<OptionError>(c.width >= 1 && c.height >= 1, "--size ", c.width, "x", c.height, " must be positive");
  require<OptionError>(c.lr > 0, "--lr ", c.lr, " must be positive");
  require<OptionError>(c.val_every >= 1, "--val-every ", c.val_every, " must be at least 1");
  const Device device = parse_device(c.device);
  if (device.is_cuda()) (void)current_cuda(device.index);
  require<OptionError>(parse_precision(c.precision) == DType::f32 || device.is_cuda(), "--precision ", c.precision, " needs --device cuda");
  require<OptionError>(!c.out.empty(), "the run folder has no name");
  // Names that nobody knows, numbers outside their ranges.
  parse_loss(c.loss);
  make_optimizer(c, {{"any", Tensor::zeros({1})}});
  listed_weights(c.class_weights);
  optim::parse_schedule(c.schedule);
  data::resize_named(c.resize);
  data::parse_augment(c.augment);
  models::resolved(model_config(c, 0));
}

Outcome train(const TrainConfig& config, const data::Dataset& dataset, bool resume, const TrainEvents& events,
              const std::atomic<bool>* stop) {
  check_settings(config);
  return Run(config, dataset, events).go(resume, stop);
}

}  // namespace lamina::train
