// A study of surrogate supervision: its runs, one after the other, and their tables.
#include "lamina/train/study.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/io/checkpoint.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/pretrained.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/impl/parts.hpp"
#include "lamina/train/sinks/log.hpp"
#include "lamina/train/sinks/metrics_files.hpp"
#include "lamina/train/trainer.hpp"

namespace lamina::train {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string percent_of(double fraction) { return formatted("%.4g", 100 * fraction); }

std::uint32_t checksum_of(const data::Dataset& dataset, const data::PhotoSets& photos, const std::string& pretrained) {
  std::uint32_t sum = photos.training.checksum() ^ photos.held_out.checksum();
  for (const data::Item& item : dataset.all_items()) {
    std::vector<fs::path> files{item.image, item.mask};
    if (!item.planes.empty()) files.back() = "", files.insert(files.end(), item.planes.begin(), item.planes.end());
    for (const fs::path& file : files) sum = io::crc32c(file.empty() ? "" : io::read_file(file), io::crc32c(item.name, sum));
  }
  sum = io::crc32c(data::to_json(dataset.schema), sum);
  if (!pretrained.empty()) sum = io::crc32c(io::read_file(io::find_best_or_last(pretrained)), sum);
  for (const data::Split split : data::kSplits) sum = io::crc32c(std::to_string(dataset.items(split).size()), sum);
  return sum;
}

/// Whether something was trained in the folder of a study.
bool is_begun(const fs::path& study) {
  for (const fs::path& folder : {study, study / "runs"})
    if (fs::is_directory(folder))
      for (const auto& entry : fs::directory_iterator(folder))
        if (holds_checkpoint({entry.path()})) return true;
  return false;
}

/// What a study would write over must be a study's.
void require_own_folder(const fs::path& out) {
  require_no_other(out, Trained::study);
  for (const char* file : {"runs.csv", "table.csv", "table.json", "report.html", "plots", "runs"})
    require<OptionError>(fs::exists(out / "study.json") || !fs::exists(out / file), "--out ", out.string(), " holds ", file,
                         ", which no study wrote and this one would write over; choose another --out");
}

Scalars study_scores(const fs::path& file) {
  const Json j = Json::parse(io::read_file(file), nullptr, false);
  Scalars scores;
  for (const char* name : kStudyScores) {
    const auto number = j.is_object() ? j.find(name) : j.end();
    require<DataError>(number != j.end() && (number->is_number() || number->is_null()), file.string(), " is damaged: it has no \"", name,
                       "\"; remove it to score the run again");
    scores[name] = number->is_null() ? std::nan("") : number->get<double>();
  }
  return scores;
}

template <class F>
double seconds_of_second_call(F&& f) {
  f();
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string duration(double seconds) {
  return seconds < 90     ? formatted("%.0f s", seconds)
         : seconds < 5400 ? formatted("%.0f min", seconds / 60)
                          : formatted("%.1f h", seconds / 3600);
}

}  // namespace

metrics::ConfusionMatrix background_against_rest(const metrics::ConfusionMatrix& m, const data::LabelSchema& schema,
                                                 const std::string& uncertain) {
  std::vector<std::vector<std::int64_t>> counts(2, std::vector<std::int64_t>(2));
  const auto unsure = [&](int c) { return std::find(schema.uncertain.begin(), schema.uncertain.end(), c) != schema.uncertain.end(); };
  const auto side = [&](int c) { return c == schema.background || (unsure(c) && uncertain == "background") ? 0u : 1u; };
  for (int t = 0; t < m.classes(); ++t)
    for (int p = 0; p < m.classes(); ++p)
      if (!(unsure(t) && uncertain == "ignore")) counts[side(t)][side(p)] += m.at(t, p);
  return metrics::ConfusionMatrix::from_counts(counts);
}

Estimate estimate(const std::vector<double>& values) {
  // Student's t at 97.5 %, by degrees of freedom from 1; beyond them 1.96 + 2.4 / df, which is right to 0.002.
  constexpr double kT[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
                           2.120,  2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
  Estimate e{.n = static_cast<int>(values.size()), .mean = std::nan(""), .half_width = std::nan("")};
  if (e.n == 0) return e;
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  e.mean = sum / e.n;
  if (e.n == 1) return e;
  for (const double v : values) squares += (v - e.mean) * (v - e.mean);
  const int df = e.n - 1;
  const double t = df <= 30 ? kT[df - 1] : 1.96 + 2.4 / df;
  e.half_width = t * std::sqrt(squares / df / e.n);
  return e;
}

std::vector<std::string> StudyPlan::text() const {
  const std::string numbers = formatted("measured: %.3g s an update of a colorization, %.3g s of a segmentation, %.2f GB of tensors",
                                        colorization_step, segmentation_step, static_cast<double>(memory) / 1e9);
  int left = 0;
  for (const StudyRun& r : runs) left += r.scores.empty();
  return {message(counted(colorizations, "colorization"), " and ", counted(std::ssize(runs), "segmentation"), ", of which ",
                  runs.size() - static_cast<std::size_t>(left), " are there"),
          "photographs: " + normalization, numbers, "about " + duration(seconds) + " to go"};
}

Study::Study(const StudyConfig& config, const data::Dataset& dataset) : config_(resolved(config)), dataset_(dataset) {
  require_own_folder(config_.out);
  require<DataError>(!dataset.items(data::Split::train).empty(), "the training split of ", config_.data, " is empty");
  require<DataError>(!dataset.items(data::Split::test).empty() || !dataset.items(data::Split::val).empty(), config_.data,
                     ": there is neither a test nor a val list to score");
  const auto head = heads::make_head(dataset.schema, "");
  require<DataError>(dataset.schema.heads.empty() && head->quality_is() == "Dice", config_.data,
                     ": a study compares the Dice of one head, with one label a pixel or planes; these labels are ", head->kind(),
                     dataset.schema.heads.empty() ? "" : ", several heads: make a data set of one of them");
  const int channels = dataset.photos.channels ? dataset.photos.channels : 3;
  require<DataError>(channels == 3, config_.data, ": its photographs have ", channels,
                     " bands, and a study learns to color them: colors are of three");
  std::vector<std::string> sources{config_.data};
  sources.insert(sources.end(), config_.photos.begin(), config_.photos.end());
  photos_ = data::find_photos(sources, config_.pretraining.held_out, config_.first_seed);
  list_runs();
  check_settings(train_config(runs_[0])), check_settings(colorize_config(0));
  const auto arm = std::find_if(runs_.begin(), runs_.end(), [](const StudyRun& r) { return r.arm == "pretrained"; });
  if (arm != runs_.end()) {  // before anything is trained
    const auto network = models::build_meta(model_config(train_config(*arm), head.get(), channels));
    const io::WeightMatch match = io::load_pretrained(*network, config_.pretrained, {.last_layer = false});
    advice_ = advice_on_input(config_.pretrained, match, input_of(*arm), "--pretrained-normalize");
  }
  take_up();
}

void Study::list_runs() {
  std::vector<std::string> arms{"scratch", "colorization"};
  if (!config_.pretrained.empty()) {
    require<DataError>(fs::exists(config_.pretrained), config_.pretrained, ": no such file; --pretrained takes a .safetensors file");
    arms.push_back("pretrained");
  }
  const auto n = static_cast<double>(dataset_.items(data::Split::train).size());
  for (const auto& [fraction, seeds] : study_fractions(config_.fractions))
    for (int s = 0; s < seeds; ++s)
      for (const std::string& arm : arms)
        runs_.push_back(
            {arm, fraction, config_.first_seed + static_cast<std::uint64_t>(s), std::max(1, static_cast<int>(std::lround(fraction * n)))});
}

/// What was trained already must be of these settings and data.
void Study::take_up() {
  const fs::path out = config_.out, file = out / "study.json";
  const Json data_now{{"format", 2}, {"checksum", checksum_of(dataset_, photos_, config_.pretrained)}};
  record_ = Json{{"settings", Json::parse(to_json(config_))}, {"data", data_now}}.dump(2) + "\n";
  if (!fs::exists(file) || !is_begun(out)) return;
  const Json saved = Json::parse(io::read_file(file), nullptr, false);
  require<DataError>(saved.is_object() && saved.contains("settings") && saved.contains("data"), file.string(), " is damaged");
  const std::string other = differences(settings_of(config_), settings_of(study_config_from_json(saved.at("settings").dump())));
  require<OptionError>(other.empty(), "the study in ", out.string(), " was made with other settings (", other, "); choose another --out");
  require<DataError>(saved.at("data").contains("format"), "the study in ", out.string(),
                     " is of a version that did not note what photographs hold and labels mean; choose another --out");
  require<DataError>(saved.at("data") == data_now, "the data of the study in ", out.string(),
                     " changed since it was started: images, masks, labels, lists, photographs", config_.pretrained.empty() ? "" : " or ",
                     config_.pretrained, "; choose another --out");
  for (StudyRun& run : runs_)
    if (const fs::path scores = folder_of(run) / "score.json"; fs::exists(scores)) run.scores = study_scores(scores);
}

fs::path Study::colorization_folder(std::uint64_t seed) const {
  const auto runs = static_cast<std::uint64_t>(config_.pretrainings);
  return fs::path(config_.out) / ("colorization_" + std::to_string((seed - config_.first_seed) % runs));
}

fs::path Study::folder_of(const StudyRun& r) const {
  return fs::path(config_.out) / "runs" / (percent_of(r.fraction) + "pct_seed" + std::to_string(r.seed) + "_" + r.arm);
}

Outcome Study::colorize(std::uint64_t index, const TrainEvents& events, const std::atomic<bool>* stop) {
  const ColorizeConfig c = colorize_config(index);
  if (fs::exists(fs::path(c.out) / "report.html")) return Outcome::finished;
  return train_colorization(c, photos_, true, events, stop);
}

Scalars Study::score(const StudyRun& run, SegmentationTask& task) const {
  data::Loader loader(dataset_, scored(), loader_options(train_config(run), input_of(run)));
  const Evaluation e = std::move(evaluate(task.network(), loader, task.heads(), nullptr)[0]);
  const heads::Head& head = *task.heads()[0];
  const data::LabelSchema& schema = head.schema();
  const double undefined = undefined_score(config_.undefined);
  const metrics::Scores all = e.confusion.scores(-1, undefined);
  return {{"dice_all", all.dice.macro},
          {"dice_binary", schema.background < 0
                              ? std::nan("")
                              : background_against_rest(e.confusion, schema, config_.uncertain).scores(-1, undefined).dice.macro},
          {"dice_image", image_means(head, e.images, undefined).at("dice")},
          {"accuracy", all.accuracy}};
}

Outcome Study::segment(StudyRun& run, const TrainEvents& events, const std::atomic<bool>* stop) {
  const TrainConfig config = train_config(run);
  const data::Dataset some = subset(run);
  const bool goes_on = holds_checkpoint({config.out});
  fs::path from;
  if (run.arm == "pretrained")
    from = config_.pretrained;  // also of a run that goes on: its network sees photographs as the file's
  else if (run.arm == "colorization" && !goes_on)
    from = io::find_weights(colorization_folder(run.seed), "last");
  const auto task = make_task(config, some, !goes_on, from.string());
  Session session(config.out, *task, true);
  require_values(session, !goes_on);
  LogFile log;
  MetricsFiles metrics;
  Callbacks callbacks(events);
  const Outcome outcome = run_loop(*task, session, loop_options(config), {&metrics, &log, &callbacks}, stop);
  if (outcome != Outcome::finished) return outcome;
  run.scores = score(run, *task);
  Json j = Json::object();
  for (const auto& [name, value] : run.scores) j[name] = value;
  io::write_file_atomically(folder_of(run) / "score.json", j.dump() + "\n");
  return outcome;
}

StudyPlan Study::plan() {
  StudyPlan plan{.runs = runs_, .colorizations = config_.pretrainings, .normalization = normalization()};
  const ColorizeConfig c = colorize_config(0);
  data::Batch batch;
  const auto set_images = [&](int images, int height, int width) {
    batch.set(kImage, Tensor::uniform({images, height, width, 3}, {1, 1}, -1, 1));
    batch.indices.resize(static_cast<std::size_t>(images));
  };
  {
    set_images(c.batch, c.height, c.width);
    const auto pair = make_colorization_task(c, photos_);
    plan.colorization_step = seconds_of_second_call([&] { (void)pair->step(batch); });
  }
  {
    set_images(config_.batch, config_.height, config_.width);
    const data::Dataset some = subset(runs_[0]);
    const auto task = make_task(train_config(runs_[0]), some);
    const int planes = task->heads()[0]->planes();
    const Shape shape{config_.batch, config_.height, config_.width};
    const Shape planar{config_.batch, config_.height, config_.width, planes};
    batch.set(kLabels, Tensor::zeros(planes ? planar : shape, {DType::u8, kCpu}));
    plan.segmentation_step = seconds_of_second_call([&] { (void)task->step(batch); });
  }
  plan.memory = memory_stats(parse_device(config_.device)).peak;
  int colorizations = 0, segmentations = 0;
  for (int i = 0; i < config_.pretrainings; ++i)
    colorizations += !fs::exists(colorization_folder(config_.first_seed + static_cast<std::uint64_t>(i)) / "report.html");
  for (const StudyRun& r : runs_) segmentations += r.scores.empty();
  plan.seconds = colorizations * static_cast<double>(config_.pretrain_steps) * plan.colorization_step +
                 segmentations * static_cast<double>(config_.steps) * plan.segmentation_step;
  return plan;
}

Outcome Study::run(const TrainEvents& events, const std::function<void(const std::string&)>& said, const std::atomic<bool>* stop) {
  const auto stopped = [&] { return stop && stop->load(std::memory_order_relaxed); };
  const auto interrupted_in = [&](const fs::path& run) {
    said(message("interrupted in ", run.string(), "; the same command goes on there"));
    return Outcome::interrupted;
  };
  io::create_folders(fs::path(config_.out) / "runs");
  io::write_file_atomically(fs::path(config_.out) / "study.json", record_);
  for (int i = 0; i < config_.pretrainings; ++i)
    if (colorize(static_cast<std::uint64_t>(i), events, stop) != Outcome::finished)
      return interrupted_in(colorization_folder(config_.first_seed + static_cast<std::uint64_t>(i)));
  if (config_.pretrained.empty()) said("the arm \"pretrained\" is skipped: it needs a file of weights (--pretrained FILE.safetensors)");
  for (StudyRun& r : runs_) {
    if (!r.scores.empty()) continue;
    if (stopped() || segment(r, events, stop) != Outcome::finished) return interrupted_in(folder_of(r));
    said(message(percent_of(r.fraction), " % (", counted(r.images, "image"), "), seed ", r.seed, ", ", r.arm, ": Dice ",
                 decimal(r.scores.at("dice_all")), " of all classes, ", decimal(r.scores.at("dice_binary")),
                 " of background and the rest"));
  }
  write_tables();
  return Outcome::finished;
}

}  // namespace lamina::train
