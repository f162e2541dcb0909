// lamina predict: index masks, overlays and probabilities of photographs.
#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <type_traits>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/dataset.hpp"
#include "lamina/data/draw.hpp"
#include "lamina/infer/grade.hpp"
#include "lamina/io/checkpoint.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"
#include "lamina/train/session.hpp"
#include "photographs.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;
namespace fs = std::filesystem;

namespace {

struct PredictOptions {
  std::string run;
  std::vector<std::string> images;
  std::string out, weights = "best";
  std::string overlay = "fill";  ///< fill | outline | error
  std::string masks;
  bool probabilities = false;
  std::string tile = "auto";  ///< auto | always | never
  double overlap = 0.25;
  std::string grade = "worst";  ///< worst | area | median
  std::string tta = "none";     ///< none | flips | scales | all
  int mc = 0;
  std::vector<std::string> with;
  std::int64_t max_pixels = data::DecodeLimits{}.max_pixels;
  std::string device = "cpu";
};

/// Results never land where they could replace photographs or labels: masks that are there already have to be those of an earlier run,
/// which wrote an overlay before each.
void require_safe_output(const fs::path& out, const std::vector<fs::path>& photos, const data::LabelSchema& schema) {
  data::require_no_dataset("--out", out);
  require<OptionError>(!train::holds_checkpoint({out}), "--out ", out.string(),
                       " is a run, whose report has overlays of its own; choose another, such as ", (out / "predictions").string());
  for (const fs::path& photo : photos) {
    const std::string file = photo.stem().string() + ".png";
    const fs::path overlay = out / "overlays" / file;
    std::vector<fs::path> masks = mask_files(out / "masks", photo.stem().string(), schema), results = masks;
    results.push_back(overlay);
    for (const fs::path& result : results)
      require<OptionError>(!fs::exists(result) || !fs::equivalent(result, photo), "the result of ", photo.string(),
                           " would overwrite it; choose another --out");
    for (const fs::path& mask : masks)
      require<OptionError>(!fs::exists(mask) || fs::exists(overlay), mask.string(), " is there already and not from an earlier predict (",
                           overlay.string(), " is missing): it would be overwritten; choose another --out");
  }
}

infer::GradeRule grade_rule(const std::string& name) {
  return static_cast<infer::GradeRule>(std::find(std::begin(infer::kGradeRules), std::end(infer::kGradeRules), name) -
                                       std::begin(infer::kGradeRules));
}

/// Grades of an ordinal network's planes (or of the one that it has), whose first is `plane` of all.
Json grades_of(const infer::Prediction& p, const heads::Head& head, const data::LabelSchema& schema, infer::GradeRule rule, int plane = 0) {
  Json grades = Json::object();
  for (const data::LabelSchema& own : schema.heads) {
    if (Json of_head = grades_of(p, head, own, rule, plane); !of_head.empty()) grades[own.name] = std::move(of_head);
    plane += static_cast<int>(own.labels_per_pixel());
  }
  if (!schema.graded()) return grades;
  if (schema.planes.empty()) grades["grade"] = infer::image_grade(p, head, plane, rule);
  for (const std::string& name : schema.planes) grades[name] = infer::image_grade(p, head, plane++, rule);
  return grades;
}
/// The shares of pixels that each class, or grade, has.
Json shares_of(const data::LabelImage& labels, const data::LabelSchema& schema) {
  const std::vector<std::string> names = schema.counted();
  const std::vector<data::LabelSchema::Label> counted = schema.counted_labels();
  const std::size_t values = labels.values();
  std::vector<std::array<std::int64_t, 256>> counts(values);  // by plane and label
  for (std::size_t v = 0; v < labels.labels.size(); ++v) ++counts[v % values][labels.labels[v]];
  Json shares;
  for (std::size_t c = 0; c < names.size(); ++c)
    shares[names[c]] = static_cast<double>(counts[static_cast<std::size_t>(counted[c].plane)][counted[c].label]) /
                       static_cast<double>(labels.labels.size() / values);
  return shares;
}

/// A map of how far passes are apart, white at 0.5, the most that 0 and 1 can be; and the mean of it.
Json write_uncertainty(const fs::path& file, const Tensor& uncertainty, bool as_array) {
  data::Image map(static_cast<int>(uncertainty.size(1)), static_cast<int>(uncertainty.size(0)), 1);
  const float* spread = uncertainty.data<float>();
  double mean = 0;
  for (std::size_t i = 0; i < map.pixels.size(); ++i) {
    map.pixels[i] = static_cast<std::uint8_t>(std::min(255.0f, 510 * spread[i] + 0.5f));
    mean += static_cast<double>(spread[i]) / static_cast<double>(map.pixels.size());
  }
  data::write_png(file, map);
  if (as_array) io::write_npy(fs::path(file).replace_extension(".npy"), uncertainty);
  return {{"map", file.string()}, {"mean", mean}};
}

/// A photograph as a person sees it, and by which EXIF orientation that is.
struct Photo {
  data::Image image;
  int orientation = 1;
};
Photo read_photo(const fs::path& file, const data::DecodeLimits& limits) {
  data::Raster raster = data::read_raster(file, limits.of(data::FileRole::photograph));
  const int orientation = raster.orientation;
  return {data::to_image(std::move(raster), file.string()), orientation};
}

/// Writes what is said of a photograph, masks on the pixels that those of the data set are drawn on; where to, and what there is to say in
/// numbers. `truth`: to compare with, or without a mask.
Json written(const infer::Prediction& p, Photo photo, const heads::Head& head, const fs::path& file, const PredictOptions& options,
             data::Item truth) {
  const data::LabelSchema& schema = head.schema();
  const fs::path out = options.out;
  const std::string stem = file.stem().string();
  const fs::path overlay = out / "overlays" / (stem + ".png");
  truth.turn = schema.reading.as_stored ? photo.orientation : 0;
  if (!schema.reading.as_stored) photo.orientation = 1;
  truth.width = photo.image.width, truth.height = photo.image.height;
  const data::LabelImage mask =
      truth.mask.empty() ? data::LabelImage()
                         : data::read_mask(truth, data::MaskDecoder(schema.reading.encoding.value_or(data::MaskEncoding::index), schema),
                                           data::DecodeLimits::for_pixels(options.max_pixels));
  data::write_png(overlay, data::draw_prediction(std::move(photo.image), p.labels, mask, schema, data::label_style_named(options.overlay)));
  Json result{{"image", file.string()},
              {"mask", write_masks(out / "masks", stem, data::as_stored(p.labels, photo.orientation), schema)},
              {"overlay", overlay.string()},
              {"shares", shares_of(p.labels, schema)}};
  if (options.probabilities) io::write_npy(out / "probabilities" / (stem + ".npy"), p.probabilities);
  if (Json grades = grades_of(p, head, schema, grade_rule(options.grade)); !grades.empty()) result["grades"] = std::move(grades);
  if (p.uncertainty) result["uncertainty"] = write_uncertainty(out / "uncertainty" / (stem + ".png"), p.uncertainty, options.probabilities);
  return result;
}

/// The same in lines: masks, the map of uncertainty, grades.
void print_written(const Json& result, ProgressLine& progress) {
  const Json& masks = result.at("mask");
  for (const Json& mask : masks.is_array() ? masks : Json::array({masks})) progress.result(mask.get<std::string>());
  if (result.contains("uncertainty")) progress.result(result.at("uncertainty").at("map").get<std::string>());
  if (result.contains("grades")) progress.result(result.at("image").get<std::string>() + " " + result.at("grades").dump());
}

/// Those of the images that are runs, or files of weights; they leave the list.
std::vector<std::string> runs_among(std::vector<std::string>& images) {
  std::error_code unreadable;  // a link to itself is told when it is read
  const auto first = std::stable_partition(images.begin(), images.end(), [&](const std::string& image) {
    return fs::path(image).extension() != ".safetensors" && !fs::is_directory(fs::path(image) / "weights", unreadable);
  });
  std::vector<std::string> runs(first, images.end());
  images.erase(first, images.end());
  require<OptionError>(!images.empty(), "there are no photographs to look at: ", program_word(), " predict RUN RUN2 ... IMAGE ...");
  return runs;
}

/// The masks to compare with, by the photographs' stems; none unless errors are to be shown.
std::vector<data::Item> truths(const std::vector<fs::path>& photos, const PredictOptions& options, const data::LabelSchema& schema) {
  std::vector<data::Item> masks(photos.size());
  const bool errors = data::label_style_named(options.overlay) == data::LabelStyle::error;
  require<OptionError>(errors || options.masks.empty(), "--masks is of --overlay error");
  if (!errors) return masks;
  require<OptionError>(!options.masks.empty(), "--overlay error needs --masks FOLDER: what a prediction is compared with");
  require<OptionError>(schema.plane_names().empty(), "--overlay error compares masks of one label a pixel; lamina evaluate shows planes");
  require<DataError>(fs::is_directory(options.masks), "there is no folder ", options.masks);
  const auto named_like = [](const fs::path& photo, const fs::path& folder) {
    fs::path found;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none))
      if (entry.path().stem() == photo.stem() && data::has_image_extension(entry.path())) found = entry.path();
    return found;
  };
  for (std::size_t i = 0; i < photos.size(); ++i) {
    masks[i].mask = named_like(photos[i], options.masks);
    for (const std::string& name : schema.reading.class_folders) {
      masks[i].planes.push_back(named_like(photos[i], fs::path(options.masks) / name));
      if (masks[i].mask.empty()) masks[i].mask = masks[i].planes.back();
    }
    require<DataError>(!masks[i].mask.empty(), photos[i].string(), " has no mask ", (fs::path(options.masks) / photos[i].stem()).string(),
                       ".*");
  }
  return masks;
}

/// Photographs are read before their turn, and results written after it, while the network works. Of very large photographs one at a time
/// is in memory.
class Pipeline {
 public:
  Pipeline(const std::vector<fs::path>& files, std::int64_t max_pixels)
      : files_(files), limits_(data::DecodeLimits::for_pixels(max_pixels)), apart_(max_pixels <= data::DecodeLimits{}.max_pixels) {}

  /// The next photograph. Throws what reading it threw.
  Photo next() {
    for (const std::size_t most = apart_ ? 3 : 1; ahead_.size() < most && begun_ < files_.size(); ++begun_)
      ahead_.push_back(start([file = files_[begun_], limits = limits_] { return read_photo(file, limits); }));
    std::future<Photo> first = std::move(ahead_.front());
    ahead_.pop_front();
    return first.get();
  }
  /// Has `write` done, and gives what earlier ones returned to `done`, in their order.
  void write(std::function<Json()> write, const std::function<void(Json)>& done) {
    behind_.push_back(start(std::move(write)));
    finish(apart_ ? 2 : 0, done);
  }
  void finish(std::size_t left, const std::function<void(Json)>& done) {
    for (; behind_.size() > left; behind_.pop_front()) done(behind_.front().get());
  }

 private:
  template <class F>
  std::future<std::invoke_result_t<F>> start(F f) const {
    return std::async(apart_ ? std::launch::async : std::launch::deferred, std::move(f));
  }
  const std::vector<fs::path>& files_;
  data::DecodeLimits limits_;
  bool apart_;
  std::size_t begun_ = 0;
  std::deque<std::future<Photo>> ahead_;
  std::deque<std::future<Json>> behind_;
};

std::string rate_text(std::size_t count, double seconds) {
  return formatted("%s in %.1f s: %.2f images/s", counted(static_cast<std::int64_t>(count), "photograph").c_str(), seconds,
                   static_cast<double>(count) / std::max(seconds, 1e-9));
}

int predict(const PredictOptions& options, const Common& common) {
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  infer::PredictOptions how{.overlap = options.overlap, .probabilities = options.probabilities || options.grade != PredictOptions{}.grade};
  using Tiling = infer::PredictOptions::Tiling;
  how.tiling = options.tile == "always" ? Tiling::always : options.tile == "never" ? Tiling::never : Tiling::automatic;
  how.passes = {infer::looks_named(options.tta), options.mc};
  infer::Predictor predictor(io::find_weights(options.run, options.weights), parse_device(options.device));
  std::vector<std::string> images = options.images;
  images.insert(images.end(), options.with.begin(), options.with.end());  // photographs may follow its runs
  const std::vector<std::string> others = runs_among(images);
  const data::LabelSchema& schema = predictor.schema();
  const bool graded = schema.graded() || std::any_of(schema.heads.begin(), schema.heads.end(), [](const auto& h) { return h.graded(); });
  require<OptionError>(graded || options.grade == PredictOptions{}.grade, "--grade ", options.grade, ": ", options.run, " knows no grades");
  for (const std::string& run : others) predictor.add(io::find_weights(run, options.weights), parse_device(options.device));
  if (!others.empty()) progress.note(message("an ensemble: the mean of ", others.size() + 1, " runs is decided by"));
  const auto files = photographs(images, progress);
  require_safe_output(options.out, files, predictor.schema());
  if (options.mc > 0) const infer::DropoutScope has_dropout(predictor.model());  // throws before anything is written
  const std::vector<data::Item> masks = truths(files, options, predictor.schema());
  const std::pair<const char*, bool> kinds[] = {{"masks", true},
                                                {"overlays", true},
                                                {"probabilities", options.probabilities},
                                                {"uncertainty", how.passes.count() > 1 || !others.empty()}};
  for (const auto& [kind, wanted] : kinds)
    if (const fs::path folder = fs::path(options.out) / kind; wanted) {
      before_work([&] { io::require_writable_folder(folder); }, "choose another --out");
      io::create_folders(folder);
    }

  Pipeline pipeline(files, options.max_pixels);
  Json results = Json::array();
  const auto done = [&](Json result) {
    if (!common.json) print_written(result, progress);
    results.push_back(std::move(result));
  };
  int failed = 0, shrunk = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < files.size(); ++i) {
    progress.update("predicting " + std::to_string(i + 1) + " of " + std::to_string(files.size()) + ": " + files[i].string());
    Photo photo;
    try {
      photo = pipeline.next();
      predictor.require_fits(photo.image, files[i].string());
    } catch (const Error& e) {  // one damaged photograph does not cost the others
      progress.error(std::string("error: ") + e.what());
      ++failed;
      continue;
    }
    if (const double times = predictor.shrinks(photo.image, how); times > 4 && ++shrunk == 1) {
      const std::string text = formatted("%dx%d pixels, %.1f", photo.image.width, photo.image.height, times);
      progress.note("warning: " + files[i].string() + ": the network sees the whole photograph, " + text +
                    " times smaller: details are lost; --tile always looks at it in windows, at its own scale");
    }
    auto p = std::make_shared<infer::Prediction>(predictor.predict(photo.image, how));
    auto shown = std::make_shared<Photo>(data::to_show(std::move(photo.image)), photo.orientation);
    pipeline.write([&, i, p, shown] { return written(*p, std::move(*shown), predictor.head(), files[i], options, masks[i]); }, done);
  }
  pipeline.finish(0, done);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  progress.clear();
  if (shrunk > 1) progress.note("warning: of " + counted(shrunk, "photograph") + " the network saw a picture more than 4 times smaller");
  if (!results.empty()) progress.note(rate_text(results.size(), seconds));
  if (common.json) print_json(results);
  if (failed) progress.error(std::to_string(failed) + " of " + std::to_string(files.size()) + " photographs could not be predicted");
  return failed ? kBadData : kOk;
}

}  // namespace

Verb predict_verb() {
  const auto o = std::make_shared<PredictOptions>();
  Verb verb{"predict", "segment photographs: index masks, color overlays, probabilities",
            [o](const Common& common) { return predict(*o, common); }};
  add_run(verb, o->run);
  verb.add(
      {.name = "IMAGE",
       .value = &o->images,
       .help =
           "photographs, folders, patterns as 'photos/*.jpg', lists (.txt: a line each, IMAGE or IMAGE MASK); runs before them join RUN"});
  add_results(verb, o->out);
  add_weights(verb, o->weights);
  add_overlay(verb, o->overlay);
  verb.add({.name = "--masks", .value = &o->masks, .help = "of --overlay error: folder with the masks of the photographs", .own = true});
  verb.add({.name = "--probabilities", .value = &o->probabilities, .help = "also write class probabilities as .npy (H, W, classes)"});
  verb.add({.name = "--tile", .value = &o->tile, .help = "when a window slides over the photograph", .choices = kTileChoices});
  verb.add(
      {.name = "--overlap", .value = &o->overlap, .help = "share of a window that the next one covers again", .least = 0, .most = 0.9});
  verb.add({.name = "--tta", .value = &o->tta, .help = "mean of several looks at each photograph", .choices = kTtaChoices});
  verb.add({.name = "--mc",
            .value = &o->mc,
            .help = "mean of so many passes with dropout (Monte Carlo), and a map of how far they are apart",
            .least = 0,
            .most = 1000});
  verb.add({.name = "--with",
            .value = &o->with,
            .help = "further runs, of the same classes and input, whose answers are averaged with RUN's (an ensemble)",
            .type = "RUN"});
  verb.add(
      {.name = "--grade", .value = &o->grade, .help = "a photograph's grade, of those of its marked pixels", .choices = kGradeChoices});
  add_max_pixels(verb, o->max_pixels);
  add_device(verb, o->device);
  return verb;
}

}  // namespace cli
