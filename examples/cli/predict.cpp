// lamina predict: index masks, overlays and probabilities of photographs.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "json.hpp"
#include "lamina/data/dataset.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/io/checkpoint.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"
#include "photographs.hpp"
#include "progress.hpp"
#include "verbs.hpp"

namespace cli {

using namespace lamina;
namespace fs = std::filesystem;

namespace {

/// Results never land where they could replace photographs or labels: masks that are there already have to be those of an earlier run,
/// which wrote an overlay before each.
void require_safe_output(const fs::path& out, const std::vector<fs::path>& photos, const data::LabelSchema& schema) {
  data::require_no_dataset("--out", out);
  for (const fs::path& photo : photos) {
    const std::string file = photo.stem().string() + ".png";
    const fs::path overlay = out / "overlays" / file;
    std::vector<fs::path> masks{out / "masks" / (photo.stem().string() + data::mask_ending(schema))};
    for (const std::string& name : schema.names) masks.push_back(out / "masks" / name / file);
    for (const fs::path& result : {masks[0], overlay})
      require<OptionError>(!fs::exists(result) || !fs::equivalent(result, photo), "the result of ", photo.string(),
                           " would overwrite it; choose another --out");
    for (const fs::path& mask : masks)
      require<OptionError>(!fs::exists(mask) || fs::exists(overlay), mask.string(), " is there already and not from an earlier predict (",
                           overlay.string(), " is missing): it would be overwritten; choose another --out");
  }
}

}  // namespace

int predict(const PredictOptions& options, const Common& common) {
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  infer::PredictOptions how{.overlap = options.overlap, .probabilities = options.probabilities};
  using Tiling = infer::PredictOptions::Tiling;
  how.tiling = options.tile == "always" ? Tiling::always : options.tile == "never" ? Tiling::never : Tiling::automatic;
  infer::Predictor predictor(io::find_weights(options.run, options.weights), parse_device(options.device));
  const auto files = photographs(options.images, progress);
  std::set<std::string> stems;
  for (const fs::path& f : files)
    require<OptionError>(stems.insert(f.stem().string()).second, "two photographs are called ", f.stem().string(),
                         ": predict them into different --out folders");
  require_safe_output(options.out, files, predictor.schema());
  for (const char* kind : {"masks", "overlays"}) io::create_folders(fs::path(options.out) / kind);
  if (options.probabilities) io::create_folders(fs::path(options.out) / "probabilities");

  const auto limits = data::DecodeLimits::for_pixels(options.max_pixels);
  Json results = Json::array();
  int failed = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string stem = files[i].stem().string();
    progress.update("predicting " + std::to_string(i + 1) + " of " + std::to_string(files.size()) + ": " + files[i].string());
    data::Image photo;
    try {
      photo = data::read_bands(files[i], limits);
      predictor.require_fits(photo, files[i].string());
    } catch (const Error& e) {  // one damaged photograph does not cost the others
      progress.error(std::string("error: ") + e.what());
      ++failed;
      continue;
    }
    if (const double times = predictor.shrinks(photo, how); times > 4) {
      char text[64];
      std::snprintf(text, sizeof text, "%dx%d pixels, %.1f", photo.width, photo.height, times);
      progress.note("warning: " + files[i].string() + ": the network sees the whole photograph, " + text +
                    " times smaller: details are lost; --tile always looks at it in windows, at its own scale");
    }
    const infer::Prediction p = predictor.predict(photo, how);
    const auto& names = predictor.schema().names;
    const fs::path masks = fs::path(options.out) / "masks", over = fs::path(options.out) / "overlays" / (stem + ".png");
    data::write_png(over, data::overlay(data::to_show(std::move(photo)), p.labels, predictor.schema().colors));
    std::vector<fs::path> written;  // a mask; of classes that may overlap one a class, in the folders from which a data set reads them
    if (p.labels.planes == 0) {
      written.push_back(masks / (stem + data::mask_ending(predictor.schema())));
      data::write_mask(written[0], p.labels, predictor.schema());
    }
    for (int k = 0; k < p.labels.planes; ++k) {
      data::LabelImage plane = p.labels.plane(k);
      for (std::uint8_t& v : plane.labels) v *= 255;
      io::create_folders(masks / names[static_cast<std::size_t>(k)]);
      written.push_back(masks / names[static_cast<std::size_t>(k)] / (stem + ".png"));
      data::write_png(written.back(), plane);
    }
    if (options.probabilities) io::write_npy(fs::path(options.out) / "probabilities" / (stem + ".npy"), p.probabilities);
    Json shares, files_written = Json::array();
    std::vector<std::int64_t> counts(256);
    const std::size_t values = p.labels.values();
    for (std::size_t v = 0; v < p.labels.labels.size(); ++v)
      if (const std::uint8_t label = p.labels.labels[v]; p.labels.planes == 0 || label == 1) ++counts[p.labels.planes ? v % values : label];
    for (std::size_t c = 0; c < names.size(); ++c)
      shares[names[c]] = static_cast<double>(counts[c]) / static_cast<double>(p.labels.labels.size() / values);
    for (const fs::path& mask : written) {
      files_written.push_back(mask.string());
      if (!common.json) std::printf("%s\n", mask.c_str());
    }
    results.push_back({{"image", files[i].string()},
                       {"mask", p.labels.planes ? files_written : files_written[0]},
                       {"overlay", over.string()},
                       {"shares", shares}});
  }
  if (common.json) print_json(results);
  if (failed) progress.error(std::to_string(failed) + " of " + std::to_string(files.size()) + " photographs could not be predicted");
  return failed ? kBadData : kOk;
}

}  // namespace cli
