// lamina colorize train, lamina colorize predict.
#include <cstdio>
#include <filesystem>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "lamina/infer/colorizer.hpp"
#include "lamina/io/checkpoint.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/colorize.hpp"
#include "photographs.hpp"
#include "run_events.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;
namespace fs = std::filesystem;

namespace {

struct ColorizePredictOptions {
  std::string run;
  std::vector<std::string> images;
  std::string out, weights = "last";
  int side = 0;
  bool network_lightness = false;
  std::int64_t max_pixels = data::DecodeLimits{}.max_pixels;
  std::string device = "cpu";
};

std::vector<fs::path> folders_in(const std::vector<std::string>& sources) {
  std::vector<fs::path> folders;
  std::copy_if(sources.begin(), sources.end(), std::back_inserter(folders), [](const fs::path& p) { return fs::is_directory(p); });
  return folders;
}

int colorize_train(train::ColorizeConfig config, bool resume, const Common& common) {
  for (std::string& source : config.photos) source = fs::path(source).lexically_normal().string();
  if (config.out.empty()) {
    fs::path first = config.photos.at(0);
    if (!first.has_filename()) first = first.parent_path();  // "photos/", as shells complete it, is "photos"
    config.out = (fs::path("runs") / ("colorize_" + first.stem().string())).string();
  }
  config = train::resolved(config);
  train::check_settings(config);
  data::require_no_dataset("--out", config.out, folders_in(config.photos));
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  const data::PhotoSets photos = data::find_photos(config.photos, config.held_out, config.seed);
  for (const std::string& note : photos.notes) progress.note(wrapped(note, 100, 2));
  progress.note(message("training on ", counted(static_cast<std::int64_t>(photos.training.size()), "photograph"), ", validating with ",
                        photos.held_out.size()));
  note_settings(progress, settings_of(config), settings_of(train::usual_settings(config)), common.verbose, pool.concurrency(), config.out);

  RunEvents events(progress);
  const train::Outcome outcome =
      events.run([&](const std::atomic<bool>* stop) { return train::train_colorization(config, photos, resume, events.events(), stop); });
  if (outcome == train::Outcome::interrupted) return kInterrupted;
  if (outcome == train::Outcome::stopped) return kStopped;

  const train::RunFolder folder{config.out};
  const io::ModelFile last(folder.weights("last"));
  const train::RunState state = train::run_state(last.metadata(), last.path().string());
  const train::EpochRecord& end = state.history.back();
  const std::string report = folder.file("report.html").string();
  if (common.json) {
    nlohmann::ordered_json result{{"run", config.out}, {"epochs", state.epoch}, {"steps", state.step}};
    for (const auto& [name, value] : end.train) result[name] = value;
    if (end.validation)
      for (const auto& [name, value] : end.validation->scores) result[name] = value;
    result["report"] = report;
    print_json(result);
  } else {
    if (end.validation) std::printf("%s\n", end.validation->text.c_str());
    std::printf("report  %s\nnext    %s\n", report.c_str(), folder.file("next_steps.txt").string().c_str());
  }
  return kOk;
}

int colorize_predict(const ColorizePredictOptions& options, const Common& common) {
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  infer::Colorizer colorizer(io::find_weights(options.run, options.weights), parse_device(options.device));
  const auto files = photographs(options.images, progress);
  for (const fs::path& f : files) {
    const fs::path result = fs::path(options.out) / (f.stem().string() + ".png");
    require<OptionError>(!fs::exists(result) || !fs::equivalent(result, f), "the result of ", f.string(),
                         " would overwrite it; choose another --out");
  }
  data::require_no_dataset("--out", options.out);
  before_work([&] { io::require_writable_folder(options.out); }, "choose another --out");
  io::create_folders(options.out);
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  int failed = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    progress.update("coloring " + std::to_string(i + 1) + " of " + std::to_string(files.size()) + ": " + files[i].string());
    data::Image photo;
    try {
      photo = data::read_image(files[i], data::DecodeLimits::for_pixels(options.max_pixels));
    } catch (const Error& e) {  // one damaged photograph does not cost the others
      progress.error(std::string("error: ") + e.what());
      ++failed;
      continue;
    }
    const data::Image colored = colorizer.color(photo, {.side = options.side, .network_lightness = options.network_lightness});
    const fs::path result = fs::path(options.out) / (files[i].stem().string() + ".png");
    data::write_png(result, colored);
    const std::vector<float> samples(colored.pixels.begin(), colored.pixels.end());
    results.push_back({{"image", files[i].string()}, {"colored", result.string()}, {"colorfulness", data::colorfulness(samples)}});
    if (!common.json) progress.result(result.string());
  }
  progress.clear();
  if (common.json) print_json(results);
  if (failed) progress.error(std::to_string(failed) + " of " + std::to_string(files.size()) + " photographs could not be read");
  return failed ? kBadData : kOk;
}

Verb train_verb_of_colorize() {
  struct Options {
    train::ColorizeConfig config;
    std::string resume = "auto";
  };
  const auto o = std::make_shared<Options>();
  Verb verb{"train", "train a generator and a discriminator on photographs",
            [o](const Common& common) { return colorize_train(o->config, o->resume == "auto", common); }};
  add_settings(verb, o->config);
  add_resume(verb, o->resume);
  return verb;
}

Verb predict_verb_of_colorize() {
  const auto o = std::make_shared<ColorizePredictOptions>();
  Verb verb{"predict", "color photographs: their lightness, the network's colors",
            [o](const Common& common) { return colorize_predict(*o, common); }};
  add_run(verb, o->run);
  verb.add({.name = "IMAGE", .value = &o->images, .help = "photographs, or folders of them", .required = true});
  add_results(verb, o->out);
  add_weights(verb, o->weights);
  verb.add({.name = "--side",
            .value = &o->side,
            .help = "pixels of the longer side that the network sees at most; 0: twice the training size",
            .least = 0,
            .most = 16384});
  verb.add({.name = "--network-lightness", .value = &o->network_lightness, .help = "the network's own picture, enlarged, instead"});
  add_max_pixels(verb, o->max_pixels);
  add_device(verb, o->device);
  return verb;
}

}  // namespace

Verb colorize_verb() {
  Verb verb{"colorize", "learn to color gray photographs, and color them", {}};
  verb.verbs.push_back(train_verb_of_colorize());
  verb.verbs.push_back(predict_verb_of_colorize());
  return verb;
}

}  // namespace cli
