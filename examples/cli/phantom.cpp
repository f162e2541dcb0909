// lamina phantom: data sets with exact labels.
#include "lamina/data/phantom.hpp"

#include <cstdio>
#include <filesystem>

#include "json.hpp"
#include "lamina/data/dataset.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;

namespace {

struct PhantomOptions {
  std::string kind, out;
  int count = 40;
  std::string size = "256";
  std::uint64_t seed = 0;
  std::string withhold;
};

int phantom(const PhantomOptions& options, const Common& common) {
  const auto [width, height] = parse_extent(options.size);
  // One that was not drawn to its end is drawn again; write_phantom refuses all others.
  if (!std::filesystem::exists(std::filesystem::path(options.out) / "images")) data::require_no_dataset("OUT", options.out);
  data::write_phantom(data::phantom_named(options.kind), options.out,
                      {.count = options.count, .width = width, .height = height, .seed = options.seed, .withhold = options.withhold});
  if (!common.json)
    std::printf("wrote %d %s phantoms of %dx%d to %s\n", options.count, options.kind.c_str(), width, height, options.out.c_str());
  else
    print_json(Json{{"out", options.out}, {"count", options.count}});
  return kOk;
}

}  // namespace

Verb phantom_verb() {
  const auto o = std::make_shared<PhantomOptions>();
  Verb verb{"phantom", "draw a data set with exact labels", [o](const Common& common) { return phantom(*o, common); }};
  verb.add({.name = "KIND", .value = &o->kind, .help = "what is drawn", .required = true, .choices = kPhantomChoices, .open = true});
  add_new_folder(verb, o->out);
  verb.add({.name = "--count", .value = &o->count, .help = "images"});
  verb.add({.name = "--size", .value = &o->size, .help = "W[xH]"});
  verb.add({.name = "--seed", .value = &o->seed, .help = "seed"});
  verb.add({.name = "--withhold",
            .value = &o->withhold,
            .help = "of severity and rgb: combinations of grades that only test pictures have, such as r0g1b2,r2g3b0"});
  return verb;
}

}  // namespace cli
