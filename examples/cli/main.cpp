// lamina VERB ...: the command line. Options are declared here and nowhere else; the verbs take plain structs.
#include <malloc.h>

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <memory>
#include <new>

#include "command_line.hpp"
#include "lamina/io/file.hpp"
#include "lamina/lamina.hpp"
#include "lamina/train/memory.hpp"
#include "progress.hpp"
#include "shared_options.hpp"

namespace {

using namespace cli;

/// The command line while it is read. A verb is a function that adds its options, a line in kVerbs, and a file with what it does.
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
  template <class Options, class Declare, class Act>
  void verb(CLI::App& parent, const char* name, const char* help, Declare declare, Act act) {
    CLI::App* sub = parent.add_subcommand(name, help);
    sub->option_defaults()->always_capture_default();
    const auto options = std::make_shared<Options>();
    declare(*sub, *options);
    sub->callback([this, options, act] { code = act(*options, common); });
  }
};

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
        sub.add_flag("--fit-thresholds", o.fit_thresholds, "first fit a regression head's thresholds to val and keep them in the weights");
        one_of(sub.add_option("--overlay", o.overlay, "how pictures show labels"), kOverlayChoices);
        sub.add_option("--out", o.out, "folder for scores, tables, pictures and report; empty: RUN/evaluate-SPLIT");
        sub.add_option("--tolerance", o.tolerance, "pixels, at the scored size, within which a border counts as found (surface Dice)")
            ->check(CLI::NonNegativeNumber);
        one_of(sub.add_option("--undefined", o.undefined,
                              "what 0 / 0 counts as, such as the Dice of a class that neither labels nor predictions have"),
               kUndefinedChoices);
        one_of(sub.add_option("--missed", o.missed, "border distance of a class that only labels or only predictions have"),
               kMissedChoices);
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
        with_choices(sub.add_option("--resize", o.resize, "how images get to that size"), lamina::train::kResizeChoices);
        with_choices(sub.add_option("--augment", o.augment, "random changes, as in hflip,rotate=15,jitter=0.2"),
                     lamina::train::kAugmentChoices);
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
        sub.add_option("IMAGE", o.images, "photographs, folders, patterns as 'photos/*.jpg', lists (.txt); runs before them join RUN")
            ->required();
        sub.add_option("--out", o.out, "output folder")->required();
        add_weights(sub, o.weights);
        one_of(sub.add_option("--overlay", o.overlay, "how pictures show labels"), kOverlayChoices);
        sub.add_option("--masks", o.masks, "of --overlay error: folder with the masks of the photographs");
        sub.add_flag("--probabilities", o.probabilities, "also write class probabilities as .npy (H, W, classes)");
        one_of(sub.add_option("--tile", o.tile, "when a window slides over the photograph"), kTileChoices);
        sub.add_option("--overlap", o.overlap, "share of a window that the next one covers again")->check(CLI::Range(0.0, 0.9));
        one_of(sub.add_option("--tta", o.tta, "mean of several looks at each photograph"), kTtaChoices);
        sub.add_option("--mc", o.mc, "mean of so many passes with dropout (Monte Carlo), and a map of how far they are apart")
            ->check(CLI::Range(0, 1000));
        sub.add_option("--with", o.with, "further runs, of the same classes and input, whose answers are averaged with RUN's (an ensemble)")
            ->type_name("RUN")
            ->take_all();
        one_of(sub.add_option("--grade", o.grade, "a photograph's grade, of those of its marked pixels"), kGradeChoices);
        sub.add_option("--max-pixels", o.max_pixels, "larger photographs are refused: against hostile files")->check(CLI::PositiveNumber);
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
      "phantom", "draw a data set with exact labels: skin | sparse | severity | rgb | retina | several",
      [](CLI::App& sub, cli::PhantomOptions& o) {
        sub.add_option("KIND", o.kind,
                       "skin: nine body regions; sparse: 32 classes, 99 % background; severity: four kinds of damage, each graded; rgb: "
                       "the quarter of red, green and blue; retina: lesions that may overlap; several: tissue, marks and graded damage")
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
  } catch (const std::filesystem::filesystem_error& e) {
    return fail(lamina::message(e.path1().string(), " cannot be read: ", e.code().message()).c_str(), cli::kBadData);
  } catch (const std::exception& e) {
    return fail(e.what(), cli::kFailed);
  }
}
