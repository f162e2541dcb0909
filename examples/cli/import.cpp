// lamina import: another layout as a data set.
#include "lamina/data/import.hpp"

#include <cstdio>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;

namespace {

struct ImportOptions {
  std::string kind, source, out;
};

int import_data(const ImportOptions& options, const Common& common) {
  const data::Imported made = data::import_dataset(options.kind, options.source, options.out);
  if (common.json) {
    print_json({{"out", options.out}, {"train", made.items[0]}, {"val", made.items[1]}, {"test", made.items[2]}, {"notes", made.notes}});
    return kOk;
  }
  std::printf("%s: %d train, %d val, %d test\n", options.out.c_str(), made.items[0], made.items[1], made.items[2]);
  for (const std::string& note : made.notes) std::printf("%s\n", wrapped("note: " + note, 100, 2).c_str());
  std::printf("next    %s check %s\n", program_word().c_str(), shell_word(options.out).c_str());
  return kOk;
}

}  // namespace

Verb import_verb() {
  const auto o = std::make_shared<ImportOptions>();
  Verb verb{"import", "make a data set, by links, of what lies in another layout",
            [o](const Common& common) { return import_data(*o, common); }};
  verb.add({.name = "KIND", .value = &o->kind, .help = import_help(), .required = true});
  verb.add({.name = "SOURCE", .value = &o->source, .help = "folder that the data set or the annotation tool left", .required = true});
  add_new_folder(verb, o->out);
  return verb;
}

}  // namespace cli
