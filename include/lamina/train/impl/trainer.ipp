// The training loop and what it writes.
#include "lamina/train/trainer.hpp"

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

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::unique_ptr<optim::Optimizer> make_optimizer(const TrainConfig& c, std::vector<nn::NamedTensor> parameters) {
  enum class Kind { adam, adamw, sgd };
  constexpr Named<Kind> kKinds[] = {{Kind::adam, "adam"}, {Kind::adamw, "adamw"}, {Kind::sgd, "sgd"}};
  const Kind kind = parse_name("optimizer", c.optimizer, kKinds);
  const optim::GradientOptions gradient{
      .clip_norm = c.clip_norm, .clip_value = c.clip_value, .weight_decay = c.weight_decay, .decoupled_decay = kind == Kind::adamw, .decay_kernels_only = true};
  if (kind == Kind::sgd) return std::make_unique<optim::Sgd>(std::move(parameters), optim::SgdOptions{.lr = c.lr, .momentum = c.momentum, .gradient = gradient});
  return std::make_unique<optim::Adam>(std::move(parameters), optim::AdamOptions{.lr = c.lr, .gradient = gradient});
}

void check_config(const TrainConfig& c) {
  require<OptionError>(c.epochs >= 1 || c.steps >= 1, "--epochs ", c.epochs, " must be at least 1");
  require<OptionError>(c.steps >= 0, "--steps ", c.steps, " must not be negative");
  require<OptionError>(c.batch >= 1, "--batch ", c.batch, " must be at least 1");
  require<OptionError>(c.width >= 1 && c.height >= 1, "--size ", c.width, "x", c.height, " must be positive");
  require<OptionError>(c.val_every >= 1, "--val-every ", c.val_every, " must be at least 1");
  require<OptionError>(c.device == "cpu", "--device ", c.device, ": this build has no such device; known: cpu");
  require<OptionError>(!c.out.empty(), "the run folder has no name");
}

/// Class weights as the setting asks: none, numbers, or a rule over the pixel counts of the training masks.
std::vector<double> class_weights_for(const TrainConfig& config, const data::Dataset& dataset) {
  const std::string& text = config.class_weights;
  const int classes = dataset.schema.classes();
  if (text == "none") return {};
  if (text.find_first_of("0123456789") == 0) {
    std::vector<double> weights;
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      double w = 0;
      const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, w);
      require<OptionError>(error == std::errc() && stop == text.data() + end && w >= 0, "--class-weights: \"", text.substr(begin, end - begin), "\" is not a weight");
      weights.push_back(w);
      begin = end + 1;
    }
    require<OptionError>(static_cast<int>(weights.size()) == classes, "--class-weights has ", weights.size(), " numbers for ", classes, " classes");
    return weights;
  }
  const data::WeightRule rule = data::weight_rule_named(text);
  return data::class_weights(rule, data::count_classes(dataset, data::Split::train));
}

/// One run, from the opened data set to the report.
class Run {
 public:
  Run(const TrainConfig& config, const data::Dataset& dataset, const TrainEvents& events)
      : config_(config),
        dataset_(dataset),
        events_(events),
        folder_{config.out},
        has_background_(dataset.schema.background >= 0),
        model_(models::build_segmenter(model_config(config, dataset.schema.classes()), config.seed)),
        optimizer_(make_optimizer(config, model_->named_parameters())),
        loader_(dataset, data::Split::train,
                {.batch = config.batch, .width = config.width, .height = config.height, .resize = data::resize_named(config.resize),
                 .augment = data::parse_augment(config.augment), .shuffle = true, .seed = config.seed}),
        val_loader_(dataset, data::Split::val,
                    {.batch = config.batch, .width = config.width, .height = config.height, .resize = data::resize_named(config.resize), .seed = config.seed}),
        schedule_({.kind = optim::parse_schedule(config.schedule), .lr = config.lr, .total_steps = total_steps()}) {
    require<DataError>(!dataset.items(data::Split::train).empty(), "the training split of ", config.data, " is empty");
    require<OptionError>(std::min(config.width, config.height) >= model_->minimum_size(), "--size ", config.width, "x", config.height, " is below the ",
                         model_->minimum_size(), " pixels that the model needs");
  }

  Outcome go(bool resume, const std::atomic<bool>* stop) {
    prepare_folder(resume);
    const int epochs = epoch_count();
    while (state_.epoch < epochs && state_.step < total_steps()) {
      if (!train_epoch(stop)) {
        save("last");
        say("interrupted in epoch " + std::to_string(state_.epoch + 1) + "; the same command resumes");
        return Outcome::interrupted;
      }
    }
    finish();
    return Outcome::finished;
  }

 private:
  std::int64_t total_steps() const { return config_.steps > 0 ? config_.steps : std::int64_t{config_.epochs} * loader_.batches(); }
  int epoch_count() const { return static_cast<int>((total_steps() + loader_.batches() - 1) / loader_.batches()); }
  void say(const std::string& text) const {
    if (events_.message) events_.message(text);
  }
  void warn(const std::string& text) {
    warnings_.push_back(text);
    if (events_.warning) events_.warning(text);
  }

  void prepare_folder(bool resume) {
    io::create_folders(folder_.root / "weights");
    std::optional<io::Checkpoint> saved = find_checkpoint(folder_, [&](const std::string& m) { warn(m); });
    require<OptionError>(resume || !saved, "the run folder ", folder_.root.string(), " holds a run already; choose another --out, or --resume auto to continue it");
    if (saved) {
      RunInfo info = run_info(*saved, folder_.root.string());
      const std::string other = differences(config_, info.config);
      require<OptionError>(other.empty(), "the run folder ", folder_.root.string(), " was made with other settings (", other, "); choose another --out");
      require<DataError>(to_json(info.schema) == to_json(dataset_.schema), "the classes of ", config_.data, " changed since ", folder_.root.string(), " was started");
      model_->load_state(saved->model);
      optimizer_->load_state(saved->optimizer);
      state_ = std::move(info.state);
      schedule_.set_state(state_.schedule);
      last_is_partial_ = state_.batch > 0;
      say("resuming " + folder_.root.string() + " after epoch " + std::to_string(state_.epoch) + ", step " + std::to_string(state_.step));
    } else {
      state_.class_weights = class_weights_for(config_, dataset_);
      io::write_file_atomically(folder_.file("config.json"), to_json(config_) + "\n");
      io::write_file_atomically(folder_.file("env.json"), json_object(environment()));
    }
    const LossTerms terms = parse_loss(config_.loss);
    loss_ = {.ce_weight = terms.ce, .dice_weight = terms.dice, .ignore_label = data::kIgnoreLabel, .empty_class = EmptyClass::penalize};
    loss_.class_weights = state_.class_weights;
    truncate_metrics(folder_, state_.epoch);
  }

  /// False when stopped before its end.
  bool train_epoch(const std::atomic<bool>* stop) {
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
        events_.step({epoch, epoch_count(), state_.batch, loader_.batches(), state_.loss_sum / images, state_.ce_sum / images, state_.dice_sum / images, optimizer_->lr(),
                      rate, left, memory_stats().peak});
      }
      if (stop && stop->load(std::memory_order_relaxed) && state_.batch < loader_.batches()) return false;
    }
    const double seconds = seconds_since(start), images = static_cast<double>(std::max<std::int64_t>(state_.images, 1));
    EpochRecord record{.epoch = epoch, .step = state_.step, .lr = optimizer_->lr(), .loss = state_.loss_sum / images, .ce = state_.ce_sum / images,
                       .dice_loss = state_.dice_sum / images, .seconds = seconds, .images_per_second = static_cast<double>(seen) / seconds};
    ++state_.epoch;
    state_.batch = state_.images = 0;
    state_.loss_sum = state_.ce_sum = state_.dice_sum = 0;
    close_epoch(std::move(record));
    return !(stop && stop->load(std::memory_order_relaxed) && state_.epoch < epoch_count());
  }

  void train_step(const data::Batch& batch) {
    const nn::RandomScope random(RandomKey{config_.seed, 0x73746570}.derive(static_cast<std::uint64_t>(state_.step)));
    optimizer_->set_lr(schedule_.lr(state_.step));
    SegmentationLossParts parts;
    const Tensor loss = segmentation_loss(model_->forward(batch.images), batch.labels, loss_, &parts);
    const double value = loss.item();
    require<NumericError>(std::isfinite(value), "the loss is ", value, " in epoch ", state_.epoch + 1, ", step ", state_.step, ", images ", names_of(batch),
                          "; nothing was saved after ", folder_.weights("last").string(), ". Try a smaller --lr or --clip-norm 1");
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
    const bool last = state_.epoch >= epoch_count() || state_.step >= total_steps();
    bool best = false;
    if (!dataset_.items(data::Split::val).empty() && (state_.epoch % config_.val_every == 0 || last)) {
      const Evaluation e = evaluate(*model_, val_loader_, dataset_.schema.classes(), has_background_, loss_);
      record.val_loss = e.loss;
      record.confusion = e.confusion;
      const double score = selection_score(e.confusion, has_background_);
      schedule_.observe(score);
      best = score > state_.best_score;
      if (best) state_.best_score = score, state_.best_epoch = state_.epoch;
      watch_for_collapse(e.confusion);
    } else if (dataset_.items(data::Split::val).empty()) {
      best = true;  // nothing to choose by: the newest
      state_.best_epoch = state_.epoch;
    }
    state_.history.push_back(record);
    append_metrics(folder_, record, dataset_.schema.names);
    if (best) save("best");
    save("last");
    if (events_.epoch) events_.epoch(record);
  }

  /// Says so when nearly everything is predicted as one class although the labels hold others.
  void watch_for_collapse(const metrics::ConfusionMatrix& m) {
    const auto total = static_cast<double>(m.total());
    for (int c = 0; c < m.classes() && total > 0; ++c) {
      const double predicted = static_cast<double>(m.prediction_count(c)) / total, labelled = static_cast<double>(m.truth_count(c)) / total;
      const bool collapsed = predicted > 0.9995 && predicted > labelled;
      if (collapsed && collapse_since_ == 0) collapse_since_ = state_.epoch;
      if (collapsed && state_.epoch - collapse_since_ + 1 == 5)
        warn("for five validations nearly all pixels were predicted as \"" + dataset_.schema.names[static_cast<std::size_t>(c)] +
             "\". Likely causes, in this order: a learning rate that is too low, a rare foreground without class weights (try --class-weights median_freq), or masks that "
             "are read wrongly (see lamina check)");
      if (collapsed) return;
    }
    collapse_since_ = 0;
  }

  void save(const char* which) {
    state_.schedule = schedule_.state();
    io::Checkpoint c;
    c.model = model_->state();
    c.optimizer = optimizer_->state();
    c.metadata["config"] = to_json(config_);
    c.metadata["model"] = models::to_json(model_config(config_, dataset_.schema.classes()));
    c.metadata["input"] = infer::to_json({.width = config_.width, .height = config_.height, .resize = config_.resize});
    c.metadata["labels"] = data::to_json(dataset_.schema);
    c.metadata["trainer"] = to_json(state_);
    // A checkpoint from the middle of an epoch is replaced, not kept as prev, so that an interrupted run ends with the files of one
    // that was not.
    const bool is_last = std::string(which) == "last";
    if (is_last && !last_is_partial_)
      io::save_checkpoint_rotating(folder_.weights("last"), folder_.weights("prev"), c);
    else
      io::save_checkpoint(folder_.weights(which), c);
    if (is_last) last_is_partial_ = state_.batch > 0;
  }

  void finish() {
    say("writing the report");
    write_run_report(folder_, dataset_, warnings_);
  }

  TrainConfig config_;
  const data::Dataset& dataset_;
  const TrainEvents& events_;
  RunFolder folder_;
  bool has_background_;
  std::unique_ptr<models::Segmenter> model_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  data::Loader loader_, val_loader_;
  optim::Schedule schedule_;
  SegmentationLossOptions loss_;
  TrainerState state_;
  std::vector<std::string> warnings_;
  int collapse_since_ = 0;
  bool last_is_partial_ = false;
};

}  // namespace

double selection_score(const metrics::ConfusionMatrix& confusion, bool has_background) {
  const auto dice = confusion.scores().dice;
  const double score = has_background ? dice.macro_foreground : dice.macro;
  return std::isnan(score) ? 0 : score;
}

Outcome train(const TrainConfig& config, const data::Dataset& dataset, bool resume, const TrainEvents& events, const std::atomic<bool>* stop) {
  check_config(config);
  return Run(config, dataset, events).go(resume, stop);
}

}  // namespace lamina::train
