// lamina VERB ...: the command line.
#include <malloc.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <new>

#include "command_line.hpp"
#include "lamina/io/file.hpp"
#include "lamina/lamina.hpp"
#include "lamina/train/memory.hpp"
#include "progress.hpp"

namespace {

using namespace cli;
using lamina::message, lamina::program_word, lamina::wrapped;

int run(int argc, char** argv) {
  CLI::App app("Lamina: dense image prediction in C++. Train, evaluate and run segmentation networks on folders of photographs.");
  Common common;
  std::vector<VerbText> texts;
  common.texts = &texts;
  int code = kOk;
  app.set_version_flag("--version", std::string("lamina ") + LAMINA_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.option_defaults()->always_capture_default();
  app.set_config("--config", "",
                 "TOML file with options in a section per verb, e.g. [train], or a run's config.json, of which a verb takes what it has; "
                 "the command line wins");
  app.config_formatter(std::make_shared<ConfigFile>(app));
  app.get_formatter()->column_width(28);
  app.add_flag("--json", common.json, "print the result as JSON on stdout");
  app.add_flag("--quiet", common.quiet, "print nothing on stderr but errors");
  app.add_flag("--verbose", common.verbose, "list every setting, not only those that differ from the defaults");
  app.add_option("--threads", common.threads, "CPU threads; 0: all")->check(CLI::Range(0, 1024));
#define LAMINA_VERB(name) add_verb(app, name##_verb(), common, code);
  LAMINA_VERBS(LAMINA_VERB)
#undef LAMINA_VERB
  const std::string lamina = program_word();
  app.footer(wrapped(message(lamina, " VERB --help lists a verb's options; `", lamina, " train DATA` does the rest by itself."), 100, 0));
  describe_verbs(app, "", texts);
  wrap_help(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "lamina: %s\nRun %s --help, or %s VERB --help.\n", usage_hint(app, error, argc, argv).c_str(), lamina.c_str(),
                 lamina.c_str());
    return kUsage;
  }
  return code;
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
