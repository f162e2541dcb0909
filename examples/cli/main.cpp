// lamina VERB ...: the command line. Options are declared here and nowhere else; the verbs take plain structs.
// Long: CLI11, which takes longer to compile than the rest of the program, is compiled once.
#include <malloc.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <new>
#include <sstream>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/import.hpp"
#include "lamina/io/file.hpp"
#include "lamina/lamina.hpp"
#include "lamina/losses/term.hpp"
#include "lamina/train/memory.hpp"
#include "manual.hpp"
#include "progress.hpp"
#include "settings_options.hpp"
#include "verbs.hpp"

namespace {

using cli::one_of, cli::with_choices;

/// The usual reason for a usage error is a misspelt name: say which one is near.
std::string usage_hint(const CLI::App& app, const CLI::Error& error, int argc, char** argv) {
  const CLI::App* deepest = &app;  // of the verbs that were used
  while (!deepest->get_subcommands().empty()) deepest = deepest->get_subcommands()[0];
  const auto verbs = deepest->get_subcommands([](const CLI::App*) { return true; });
  const auto remaining = app.remaining(true);
  auto unknown = [&](bool option) -> std::string {  // the first argument, in their order, that nothing took
    for (int i = 1; i < argc; ++i)
      if ((argv[i][0] == '-') == option && std::find(remaining.begin(), remaining.end(), argv[i]) != remaining.end()) return argv[i];
    return {};
  };
  std::vector<std::string> names;
  std::string word, kind;
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ConfigError)) {
    const std::string text = error.what(), entry = text.substr(text.rfind(' ') + 1);  // "[section]" is "section.++" to CLI11
    return "the --config file has an entry that is unknown or malformed: " + entry.substr(0, entry.find(".++"));
  }
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ArgumentMismatch)) {
    const std::string text = error.what();
    return text.substr(0, text.find(':')) + " takes one value and can be given once";
  }
  if (!verbs.empty()) {
    for (const CLI::App* verb : verbs) names.push_back(verb->get_name());
    kind = "verb";
    word = unknown(false);
    if (word.empty() && error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
      std::string all;
      for (const std::string& name : names) all += " " + name;
      return "name a verb:" + all;
    }
  } else {
    for (const CLI::App* a : {deepest, static_cast<const CLI::App*>(&app)})
      for (const CLI::Option* o : a->get_options())
        for (const std::string& name : o->get_lnames()) names.push_back(name);
    kind = "option";
    word = unknown(true);
  }
  if (word.empty()) return error.what();
  const std::size_t dashes = kind == "option" ? std::min(word.find_first_not_of('-'), word.size()) : 0;
  const std::vector<std::string_view> views(names.begin(), names.end());
  std::string known, near = lamina::suggestion(word.substr(dashes, word.find('=') - dashes), views);
  if (const std::size_t quote = near.find('"'); dashes && quote != std::string::npos) near.insert(quote + 1, "--");
  for (const std::string& name : names) known += (known.empty() ? "" : " ") + std::string(dashes ? "--" : "") + name;
  return "unknown " + kind + " " + word + (near.empty() ? lamina::wrapped("; known: " + known, 100, 2) : near);
}

/// What options of every family share: its name.
std::string models_help() {
  std::string help = "network family";
  for (const std::string& name : lamina::models::family_names()) help += "\n  " + name + ": " + lamina::models::find_family(name).help;
  return help;
}
std::string presets_help() {
  std::string help = "published network of the family; empty: its first";
  for (const std::string& name : lamina::models::family_names())
    for (const auto& preset : lamina::models::find_family(name).presets)
      help += "\n  " + preset.name + ": " + name + ", " + (preset.help.empty() ? "without a description" : preset.help);
  return help;
}
std::string loss_terms_help() {
  std::string help = "Terms of --loss, as in 0.5*ce+dice:smooth=1e-5, each with its arguments' defaults:\n";
  for (const lamina::losses::TermType& t : lamina::losses::term_types()) {
    help += "  " + t.name;
    for (const lamina::losses::TermArgument& a : t.arguments) {
      char text[64];
      std::snprintf(text, sizeof text, ":%s=%.3g", a.name, a.value);
      help += text;
    }
    help += "\n" + lamina::wrapped("      " + t.help, 100, 6) + "\n";
  }
  return help;
}

constexpr const char* kDatasetHelp = R"(dataset.json says what the masks hold:
  labels        {"background": 0, "face": 2}: names and values
  task          multiclass | multilabel (labels may overlap) | ordinal (grades, the lowest first)
  planes        of ordinal sets: names of what is graded, each by itself
  ignore        the value that counts nowhere
  colors        {"face": [255, 0, 0]} or "#ff0000"
  encoding      index | palette | binary | colors | planes | foreground-planes
  mask_channel, mask_frame, others: as the options
  roles         {"background": "sky", "uncertain": ["blur"], "foreground": [...]}:
    background  the label that foreground scores leave out, or [] for none
    foreground  labels; the one that is none of them and not uncertain is the background
    uncertain   labels: an image of these and the background alone has no foreground
)";

constexpr lamina::Choice
    kWeightsChoices[] = {{"best", "of the epoch with the best validation"}, {"last", "of the newest epoch"}, {"prev", "of the one before"}},
    kResumeChoices[] = {{"auto", "continue the run folder"}, {"never", "refuse one that exists"}},
    kSplitChoices[] = {{"train", "what it was trained on"}, {"val", "what the epoch was chosen by"}, {"test", "the rest"}},
    kTileChoices[] = {{"auto", "where the network was trained on crops"},
                      {"always", "windows at the photograph's own scale"},
                      {"never", "the whole photograph, brought to the training size"}},
    kTtaChoices[] = {{"none", "one look"},
                     {"flips", "four: as it is, mirrored, upside down, both"},
                     {"scales", "three: smaller, as it is, larger"},
                     {"all", "twelve: flips of each scale"}},
    kGradeChoices[] = {{"worst", "the highest"}, {"area", "their mean"}, {"median", "the middle one"}},
    kOverlayChoices[] = {{"fill", "colors over the photograph"},
                         {"outline", "borders alone: what is beneath stays to be seen"},
                         {"error", "what differs from the mask: orange missed, blue too much, purple another class"}},
    kChannelChoices[] = {{"color", "gray values, palette or colors"}, {"alpha", "the alpha channel"}},
    kFrameChoices[] = {{"shown", "as a viewer turns it"}, {"stored", "as its file stores it, unturned"}},
    kOthersChoices[] = {{"error", "refused"}, {"ignore", "count nowhere"}, {"nearest", "are the label with the nearest color"}},
    kFormChoices[] = {{"bash", "source <(lamina completion bash)"},
                      {"zsh", "lamina completion zsh > FOLDER_OF_FPATH/_lamina"},
                      {"fish", "lamina completion fish | source"},
                      {"man", "the man page"}};

/// The descriptions of a verb and of those below it; lines of an option's help after the first are its values.
void describe_verbs(const CLI::App& app, const std::string& name, std::vector<cli::VerbText>& to) {
  cli::VerbText verb{name, app.get_description(), {}};
  for (const CLI::Option* o : app.get_options()) {
    const std::string help = o->get_description();
    cli::OptionText text{.name = o->get_positional() ? o->get_name(true) : "--" + o->get_lnames()[0],
                         .value = o->get_items_expected() == 0 ? "" : o->get_type_name(),
                         .help = help.substr(0, help.find('\n')),
                         .standard = o->get_default_str(),
                         .required = o->get_required(),
                         .choices = {}};
    for (std::size_t at = help.find("\n  "); at != std::string::npos; at = help.find("\n  ", at + 1)) {
      const std::string line = help.substr(at + 3, help.find('\n', at + 1) - at - 3);
      text.choices.emplace_back(line.substr(0, line.find(": ")), line.substr(std::min(line.find(": ") + 2, line.size())));
    }
    verb.options.push_back(std::move(text));
  }
  to.push_back(std::move(verb));
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    describe_verbs(*sub, (name.empty() ? "" : name + " ") + sub->get_name(), to);
}

/// Help that fits 100 columns.
void wrap_help(CLI::App& app) {
  for (CLI::Option* o : app.get_options()) {
    std::string help;
    std::istringstream lines(o->get_description());
    for (std::string line; std::getline(lines, line);)
      help += (help.empty() ? "" : "\n") + lamina::wrapped(line, 70, line.starts_with("  ") ? 6 : 0);
    o->description(help);
  }
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) wrap_help(*sub);
}

/// --config: TOML, or the config.json of a run, whose settings are those of the verb.
class ConfigFile : public CLI::ConfigTOML {
 public:
  explicit ConfigFile(const CLI::App& app) : app_(app) {}
  std::vector<CLI::ConfigItem> from_config(std::istream& in) const override {
    const std::string text(std::istreambuf_iterator<char>(in), {});
    if (const std::size_t first = text.find_first_not_of(" \t\r\n"); first == std::string::npos || text[first] != '{') {
      std::istringstream toml(text);
      return CLI::ConfigTOML::from_config(toml);
    }
    std::vector<std::string> verbs;
    for (const CLI::App* app = &app_; !app->get_subcommands().empty(); verbs.push_back(app->get_name())) app = app->get_subcommands()[0];
    std::vector<CLI::ConfigItem> items;
    int format = 0;
    for (const lamina::Setting& s : lamina::settings_from_json(text, "--config", 1 << 20, format)) {
      CLI::ConfigItem item;
      item.parents = verbs;
      item.name = s.name == "data" ? "DATA" : s.name == "photos" ? "PHOTOS" : cli::option_name(s.name).substr(2);
      std::istringstream lines(lamina::to_string(s.value));
      for (std::string line; std::getline(lines, line);) item.inputs.push_back(line);
      if (!item.inputs.empty()) items.push_back(std::move(item));
    }
    return items;
  }

 private:
  const CLI::App& app_;
};

/// The command line while it is read. A verb is a function that adds its options, and a line in kVerbs; what it does stands in its own
/// file.
struct Program {
  CLI::App app{"Lamina: dense image prediction in C++. Train, evaluate and run segmentation networks on folders of photographs."};
  cli::Common common;
  std::vector<cli::VerbText> texts;  // of all verbs
  int code = cli::kOk;

  /// A verb whose options are a struct: `declare(verb, options)` adds them, `act(options, common)` is the verb.
  template <class Options, class Declare, class Act>
  void verb(const char* name, const char* help, Declare declare, Act act) {
    verb<Options>(app, name, help, declare, act);
  }
  /// One below another.
  template <class Options, class Declare, class Act>
  void verb(CLI::App& parent, const char* name, const char* help, Declare declare, Act act) {
    CLI::App* sub = parent.add_subcommand(name, help);
    sub->option_defaults()->always_capture_default();
    const auto options = std::make_shared<Options>();
    declare(*sub, *options);
    sub->callback([this, options, act] { code = act(*options, common); });
  }
};

template <class Text>
void add_nearest_color(CLI::App& sub, Text& others) {
  sub.add_flag_callback(
      "--nearest-color", [&others] { others = "nearest"; }, "the same as --others nearest");
}

void add_data(CLI::App& sub, cli::DataOptions& o) {
  sub.add_option("DATA", o.data, "folder with images/ and masks/")->required();
  sub.add_option("--images", o.images, "name of the folder with the photographs");
  sub.add_option("--masks", o.masks, "name of the folder with the masks");
  sub.add_option("--ignore", o.ignore, "mask value that neither loss nor metrics count; -1: as dataset.json says");
  sub.add_option("--seed", o.seed, "seed of the split when there are no lists")->check(CLI::NonNegativeNumber);
  with_choices(sub.add_option("--mask-channel", o.mask_channel, "where masks have their labels; default as dataset.json says"),
               kChannelChoices);
  with_choices(sub.add_option("--mask-frame", o.mask_frame, "what masks were drawn on, of photographs with an EXIF orientation"),
               kFrameChoices);
  with_choices(sub.add_option("--others", o.others, "what mask values are that are no label"), kOthersChoices);
  add_nearest_color(sub, o.others);
}

void add_device(CLI::App& sub, std::string& device) { sub.add_option("--device", device, "cpu | cuda | cuda:N"); }

void add_weights(CLI::App& sub, std::string& weights) {
  one_of(sub.add_option("--weights", weights, "which checkpoint of the run"), kWeightsChoices);
}

void add_resume(CLI::App& sub, std::string& resume) {
  one_of(sub.add_option("--resume", resume, "what becomes of a run folder that is there"), kResumeChoices);
}

/// Options of every family that is registered; a family says which are its own.
void add_model(CLI::App& sub, lamina::models::ModelConfig& config) {
  sub.add_option("--model", config.model, models_help());
  sub.add_option("--preset", config.preset, presets_help());
  for (const std::string& family : lamina::models::family_names())
    for (const auto& option : lamina::models::find_family(family).options)
      if (const std::string name = cli::option_name(option.name); !sub.get_option_no_throw(name))
        sub.add_option(name, config.options[option.name], option.help + "; empty: the preset's");
  sub.add_option("--channels", config.in_channels, "input channels; 0: those of the preset's source");
  sub.add_option("--classes", config.classes, "output classes; 0: those of the preset's source");
}

void add_check(Program& program) {
  program.verb<cli::CheckOptions>(
      "check", "examine a data set: files, classes, encodings, sizes, duplicates; recommend how to train on it",
      [](CLI::App& sub, cli::CheckOptions& o) {
        add_data(sub, o.data);
        sub.add_option("--background", o.data.background, "label that foreground scores leave out, or none; default as the data says");
        sub.add_flag("--write-dataset-json", o.write_dataset_json, "write DATA/dataset.json, complete, to start from");
        sub.footer(kDatasetHelp);
      },
      cli::check);
}

void add_train(Program& program) {
  struct Options {
    lamina::train::TrainConfig config;
    int folds = 0;
    std::string resume = "auto";
  };
  program.verb<Options>(
      "train", "train a network on a data set; the same command again resumes",
      [](CLI::App& sub, Options& o) {
        cli::add_settings(sub, o.config);
        sub.add_option("--folds", o.folds,
                       "cross-validation: so many runs OUT/fold_N, each holding out other images of train and val; one table; 0: one run")
            ->check(CLI::NonNegativeNumber);
        add_resume(sub, o.resume);
        add_nearest_color(sub, o.config.others);
        sub.get_option("--model")->description(models_help());
        sub.get_option("--preset")->description(presets_help());
        sub.footer([] { return loss_terms_help() + "\n" + kDatasetHelp; });
      },
      [](const Options& o, const cli::Common& common) { return cli::train(o.config, o.folds, o.resume == "auto", common); });
}

void add_evaluate(Program& program) {
  program.verb<cli::EvaluateOptions>(
      "evaluate", "score a trained run on a split of a data set",
      [](CLI::App& sub, cli::EvaluateOptions& o) {
        sub.add_option("RUN", o.run, "run folder or .safetensors file")->required();
        add_data(sub, o.data);
        one_of(sub.add_option("--split", o.split, "photographs to score"), kSplitChoices);
        add_weights(sub, o.weights);
        sub.add_flag("--original-size", o.original_size,
                     "score at the photographs' own size instead of the training size (with --resize crop that is always so)");
        one_of(sub.add_option("--overlay", o.overlay, "how pictures show labels"), kOverlayChoices);
        sub.add_option("--out", o.out, "folder for scores, tables, pictures and report; empty: RUN/evaluate-SPLIT");
        sub.add_option("--tolerance", o.tolerance, "pixels, at the scored size, within which a border counts as found (surface Dice)")
            ->check(CLI::NonNegativeNumber);
        sub.add_option(
               "--undefined", o.undefined,
               "what 0 / 0 counts as, such as the Dice of a class that neither labels nor predictions have: n/a (in no mean) | 0 | 1")
            ->check(CLI::IsMember({"n/a", "0", "1"}));
        sub.add_option("--missed", o.missed,
                       "border distance of a class that only labels or only predictions have: worst (the diagonal, surface Dice 0) | n/a")
            ->check(CLI::IsMember({"worst", "n/a"}));
        add_device(sub, o.device);
      },
      cli::evaluate);
}

void add_report(Program& program) {
  program.verb<cli::ReportOptions>(
      "report", "write a run's report again; of several runs: scores, differences, settings and curves side by side",
      [](CLI::App& sub, cli::ReportOptions& o) {
        sub.add_option("RUN", o.runs, "run folders")->required();
        sub.add_option("--data", o.data, "where the run's data set is; empty: where it was");
        sub.add_option("--out", o.out, "file of a comparison; empty: comparison.html");
      },
      cli::report);
}

void add_augment(Program& program) {
  program.verb<cli::AugmentOptions>(
      "augment", "write what training sees of a data set, several times augmented, as a data set of .npy arrays",
      [](CLI::App& sub, cli::AugmentOptions& o) {
        add_data(sub, o.data);
        sub.add_option("OUT", o.out, "folder to create")->required();
        sub.add_option("--copies", o.copies, "of every training image")->check(CLI::Range(1, 100000));
        sub.add_option("--size", o.size, "W[xH]");
        sub.add_option("--resize", o.resize, "how images get to that size: stretch | crop | pad");
        sub.add_option("--augment", o.augment, "list such as hflip,rotate=15,zoom=0.1,jitter=0.2, or none");
      },
      cli::augment);
}

void add_replay(Program& program) {
  program.verb<cli::ReplayOptions>(
      "replay", "take the step again whose loss or gradient was not finite: which op and layer was the first, and why",
      [](CLI::App& sub, cli::ReplayOptions& o) {
        sub.add_option("RUN", o.run, "run folder, or its failed_step.safetensors")->required();
        sub.add_option("--device", o.device, "cpu | cuda | cuda:N; empty: the run's");
      },
      cli::replay);
}

void add_predict(Program& program) {
  program.verb<cli::PredictOptions>(
      "predict", "segment photographs: index masks, color overlays, probabilities",
      [](CLI::App& sub, cli::PredictOptions& o) {
        sub.add_option("RUN", o.run, "run folder or .safetensors file")->required();
        sub.add_option("IMAGE", o.images, "photographs, folders of them, patterns such as 'photos/*.jpg', lists (.txt: a path a line)")
            ->required();
        sub.add_option("--out", o.out, "output folder")->required();
        add_weights(sub, o.weights);
        one_of(sub.add_option("--overlay", o.overlay, "how pictures show labels"), kOverlayChoices);
        sub.add_option("--masks", o.masks, "of --overlay error: folder with the masks of the photographs");
        sub.add_flag("--probabilities", o.probabilities, "also write class probabilities as .npy (H, W, classes)");
        one_of(sub.add_option("--tile", o.tile, "when a window slides over the photograph"), kTileChoices);
        sub.add_option("--overlap", o.overlap, "share of a window that the next one covers again")->check(CLI::Range(0.0, 0.9));
        one_of(sub.add_option("--tta", o.tta, "mean of several looks at each photograph"), kTtaChoices);
        sub.add_option("--mc", o.mc, "mean of that many passes with dropout (Monte Carlo), and a map of how far they are apart")
            ->check(CLI::Range(0, 1000));
        sub.add_option("--with", o.with, "further runs, of the same classes and input, whose answers are averaged with RUN's (an ensemble)")
            ->type_name("RUN")
            ->take_all();
        one_of(sub.add_option("--grade", o.grade, "a photograph's grade, of those of its marked pixels"), kGradeChoices);
        sub.add_option("--max-pixels", o.max_pixels, "larger photographs are refused: a limit against damaged and hostile files")
            ->check(CLI::PositiveNumber);
        add_device(sub, o.device);
      },
      cli::predict);
}

void add_colorize(Program& program) {
  CLI::App& colorize = *program.app.add_subcommand("colorize", "learn to color gray photographs, and color them");
  colorize.require_subcommand(1);
  colorize.fallthrough();
  struct Options {
    lamina::train::ColorizeConfig config;
    std::string resume = "auto";
  };
  program.verb<Options>(
      colorize, "train", "train a generator and a discriminator on photographs; the same command again resumes",
      [](CLI::App& sub, Options& o) {
        cli::add_settings(sub, o.config);
        add_resume(sub, o.resume);
      },
      [](const Options& o, const cli::Common& common) { return cli::colorize_train(o.config, o.resume == "auto", common); });
  program.verb<cli::ColorizePredictOptions>(
      colorize, "predict", "color photographs: their lightness, the network's colors",
      [](CLI::App& sub, cli::ColorizePredictOptions& o) {
        sub.add_option("RUN", o.run, "run folder or .safetensors file")->required();
        sub.add_option("IMAGE", o.images, "photographs, or folders of them")->required();
        sub.add_option("--out", o.out, "output folder")->required();
        add_weights(sub, o.weights);
        sub.add_option("--side", o.side, "pixels of the longer side that the network sees at most; 0: twice the training size")
            ->check(CLI::Range(0, 16384));
        sub.add_flag("--network-lightness", o.network_lightness, "the network's own picture, enlarged, instead");
        add_device(sub, o.device);
      },
      cli::colorize_predict);
}

void add_study(Program& program) {
  struct Options {
    lamina::train::StudyConfig config;
    bool plan = false;
  };
  program.verb<Options>(
      "study", "does learning to color photographs help to segment them? from scratch against pretrained",
      [](CLI::App& sub, Options& o) {
        cli::add_settings(sub, o.config);
        sub.add_flag("--plan", o.plan, "say what it takes, in time and memory, and stop");
      },
      [](const Options& o, const cli::Common& common) { return cli::study(o.config, o.plan, common); });
}

void add_phantom(Program& program) {
  program.verb<cli::PhantomOptions>(
      "phantom", "draw a data set with exact labels: skin | sparse | severity | rgb | retina",
      [](CLI::App& sub, cli::PhantomOptions& o) {
        sub.add_option("KIND", o.kind,
                       "skin: nine body regions; sparse: 32 classes, 99 % background; severity: four kinds of damage, each graded; rgb: "
                       "the quarter of red, green and blue; retina: four kinds of lesions that may overlap")
            ->required();
        sub.add_option("OUT", o.out, "folder to create")->required();
        sub.add_option("--count", o.count, "images");
        sub.add_option("--size", o.size, "W[xH]");
        sub.add_option("--seed", o.seed, "seed")->check(CLI::NonNegativeNumber);
        sub.add_option("--withhold", o.withhold,
                       "of severity and rgb: combinations of grades that only test pictures have, such as r0g1b2,r2g3b0");
      },
      cli::phantom);
}

std::string import_help() {
  std::string help = "the other layout";
  for (const auto& [name, what] : lamina::data::import_kinds()) help += lamina::message("\n  ", std::string(name), ": ", std::string(what));
  return help;
}

void add_import(Program& program) {
  program.verb<cli::ImportOptions>(
      "import", "make a data set, by links, of what lies in another layout",
      [](CLI::App& sub, cli::ImportOptions& o) {
        sub.add_option("KIND", o.kind, import_help())->required();
        sub.add_option("SOURCE", o.source, "folder that the data set or the annotation tool left")->required();
        sub.add_option("OUT", o.out, "folder to create")->required();
      },
      cli::import_data);
}

void add_info(Program& program) {
  program.verb<cli::InfoOptions>(
      "info", "what a run, a checkpoint or a model preset is: parameters, multiply-adds, layers",
      [](CLI::App& sub, cli::InfoOptions& o) {
        sub.add_option("RUN", o.target, "run folder or .safetensors file");
        add_model(sub, o.model);
        sub.add_option("--size", o.size, "W[xH] for the multiply-adds");
      },
      cli::info);
}

void add_bench(Program& program) {
  program.verb<cli::BenchOptions>(
      "bench", "measure a network layer by layer: time, bytes, algorithm",
      [](CLI::App& sub, cli::BenchOptions& o) {
        sub.add_option("--profile", o.profile, "run folder or .safetensors file; none: the model named by the other options");
        add_model(sub, o.model);
        sub.add_option("--size", o.size, "W[xH]; empty: the run's, or 256");
        sub.add_option("--batch", o.batch, "images a pass")->check(CLI::Range(1, 4096));
        sub.add_option("--repeats", o.repeats, "passes that are averaged, after one that is not")->check(CLI::Range(1, 100000));
        sub.add_flag("--train", o.train, "forward and backward of a training step instead of evaluation");
        add_device(sub, o.device);
      },
      cli::bench);
}

void add_completion(Program& program) {
  struct Options {
    std::string form;
  };
  program.verb<Options>(
      "completion", "print completions for a shell, or the man page",
      [](CLI::App& sub, Options& o) { one_of(sub.add_option("FORM", o.form, "what to print"), kFormChoices)->required(); },
      [&program](const Options& o, const cli::Common&) {
        return std::fputs(cli::manual(o.form, program.texts).c_str(), stdout), cli::kOk;
      });
}

void add_doctor(Program& program) {
  struct None {};
  program.verb<None>(
      "doctor", "what this machine and this build can do", [](CLI::App&, None&) {},
      [](const None&, const cli::Common& common) { return cli::doctor(common); });
}

constexpr void (*kVerbs[])(Program&) = {add_check,   add_augment, add_train,    add_evaluate,   add_report,
                                        add_replay,  add_predict, add_colorize, add_study,      add_import,
                                        add_phantom, add_info,    add_bench,    add_completion, add_doctor};

int run(int argc, char** argv) {
  Program program;
  CLI::App& app = program.app;
  app.set_version_flag("--version", std::string("lamina ") + LAMINA_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.option_defaults()->always_capture_default();
  app.set_config("--config", "",
                 "TOML file with options in a section per verb, e.g. [train], or a run's config.json; the command line wins");
  app.config_formatter(std::make_shared<ConfigFile>(app));
  app.get_formatter()->column_width(28);
  app.add_flag("--json", program.common.json, "print the result as JSON on stdout");
  app.add_flag("--quiet", program.common.quiet, "print nothing on stderr but errors");
  app.add_flag("--verbose", program.common.verbose, "list every setting, not only those that differ from the defaults");
  app.add_option("--threads", program.common.threads, "CPU threads; 0: all")->check(CLI::Range(0, 1024));
  for (const auto& add : kVerbs) add(program);
  app.footer("lamina VERB --help lists a verb's options; `lamina train DATA` does the rest by itself.");
  describe_verbs(app, "", program.texts);
  wrap_help(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "lamina: %s\nRun lamina --help, or lamina VERB --help.\n", usage_hint(app, error, argc, argv).c_str());
    return cli::kUsage;
  }
  return program.code;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit then is an error like a full disk
  auto fail = [](const char* what, int code) {
    std::fprintf(stderr, "%s%s\n", cli::colored("lamina:", cli::kRed).c_str(), (std::string(" ") + what).c_str());
    return code;
  };
  try {
    mallopt(M_MMAP_THRESHOLD, 1 << 17);  // blocks above, when they are freed, go back to the system
    lamina::set_memory_limit(static_cast<std::size_t>(lamina::train::HostMemory().tensors));  // an error then, and no kill
    const int code = run(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) return fail("the results could not be written to the standard output", cli::kDisk);
    return code;
  } catch (const lamina::OptionError& e) {
    return fail(e.what(), cli::kUsage);
  } catch (const lamina::DataError& e) {
    return fail(e.what(), cli::kBadData);
  } catch (const lamina::NumericError& e) {
    return fail(e.what(), cli::kNumerical);
  } catch (const lamina::MemoryError& e) {
    return fail(e.what(), cli::kOutOfMemory);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", cli::kOutOfMemory);
  } catch (const lamina::IoError& e) {
    return fail(e.what(), cli::kDisk);
  } catch (const std::exception& e) {
    return fail(e.what(), cli::kFailed);
  }
}
