// The verbs of the `lamina` program: plain option structs in, an exit code out. Only main.cpp knows CLI11.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lamina/metrics/surface.hpp"
#include "lamina/models/registry.hpp"
#include "lamina/train/colorize.hpp"
#include "lamina/train/config.hpp"
#include "lamina/train/study.hpp"

namespace cli {

enum ExitCode {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kBadData = 3,
  kNumerical = 4,
  kOutOfMemory = 5,
  kDisk = 6 /* a file cannot be read or written */,
  kStopped = 7 /* a sentinel ended the run */,
  kInterrupted = 130
};

/// Flags that every verb has.
struct Common {
  bool json = false;     ///< machine-readable result on stdout
  bool quiet = false;    ///< nothing on stderr but errors
  bool verbose = false;  ///< every setting
  int threads = 0;
};

/// A data set; what is not given is as in the run, or the usual.
struct DataOptions {
  std::string data;
  std::optional<std::string> images, masks;
  std::optional<int> ignore;
  std::optional<std::uint64_t> seed;
  std::optional<std::string> background, mask_channel, mask_frame, others;
};

struct CheckOptions {
  DataOptions data;
  bool write_dataset_json = false;
};

struct EvaluateOptions {
  std::string run;
  DataOptions data;
  std::string split = "val", weights = "best";
  bool original_size = false, fit_thresholds = false;
  double tolerance = lamina::metrics::SurfaceOptions{}.tolerance;
  std::string undefined = "n/a";  ///< n/a | 0 | 1
  std::string missed = "worst";   ///< worst | n/a
  std::string overlay = "fill", out;
  std::string device = "cpu";
};

struct ReportOptions {
  std::vector<std::string> runs;
  std::string data, out;
};

struct AugmentOptions {
  DataOptions data;
  std::string out, size = "256", resize = "stretch", augment = "hflip";
  int copies = 4;
};

struct ReplayOptions {
  std::string run;
  std::string device;  ///< empty: the run's
};

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
  std::int64_t max_pixels = lamina::data::DecodeLimits{}.max_pixels;
  std::string device = "cpu";
};

struct ColorizePredictOptions {
  std::string run;
  std::vector<std::string> images;
  std::string out, weights = "last";
  int side = 0;
  bool network_lightness = false;
  std::string device = "cpu";
};

struct PhantomOptions {
  std::string kind, out;
  int count = 40;
  std::string size = "256";
  std::uint64_t seed = 0;
  std::string withhold;
};

struct ImportOptions {
  std::string kind, source, out;
};

struct InfoOptions {
  std::string target;  ///< a run folder or a checkpoint; empty: the model named below
  lamina::models::ModelConfig model;
  std::string size = "256";
};

struct BenchOptions {
  std::string profile;  ///< a run folder or a checkpoint; empty: the model named below
  lamina::models::ModelConfig model;
  std::string size;  ///< empty: the run's, or 256
  int batch = 4, repeats = 3;
  bool train = false;
  std::string device = "cpu";
};

int check(const CheckOptions& options, const Common& common);
/// `folds` > 0: so many runs, each of which holds out other images.
int train(lamina::train::TrainConfig config, int folds, bool resume, const Common& common);
int evaluate(const EvaluateOptions& options, const Common& common);
int report(const ReportOptions& options, const Common& common);
int augment(const AugmentOptions& options, const Common& common);
int replay(const ReplayOptions& options, const Common& common);
int predict(const PredictOptions& options, const Common& common);
int colorize_train(lamina::train::ColorizeConfig config, bool resume, const Common& common);
int colorize_predict(const ColorizePredictOptions& options, const Common& common);
int study(lamina::train::StudyConfig config, bool plan, const Common& common);
int import_data(const ImportOptions& options, const Common& common);
int phantom(const PhantomOptions& options, const Common& common);
int info(const InfoOptions& options, const Common& common);
int bench(const BenchOptions& options, const Common& common);
int doctor(const Common& common);

}  // namespace cli
