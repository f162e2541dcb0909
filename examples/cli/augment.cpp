// lamina augment: what training sees of a data set, as a data set of arrays.
#include "lamina/data/augmented.hpp"

#include <cstdio>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;

namespace {

struct AugmentOptions {
  DataOptions data;
  std::string out, size = "256", resize = "stretch", augment = "hflip";
  int copies = 4;
};

int augment(const AugmentOptions& options, const Common& common) {
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  const auto [width, height] = parse_extent(options.size);
  const data::AugmentedOptions how{.copies = options.copies,
                                   .width = width,
                                   .height = height,
                                   .resize = data::resize_named(options.resize),
                                   .augment = data::parse_augment(options.augment),
                                   .seed = options.data.seed.value_or(0)};
  keep_out_of_data("OUT", options.out, options.data);
  before_work([&] { io::require_writable_folder(options.out); }, "choose another OUT");
  const data::Dataset dataset = open_data(options.data, progress, true);
  data::write_augmented(dataset, options.out, how);
  const auto images = static_cast<std::size_t>(how.copies) * dataset.items(data::Split::train).size();
  if (common.json)
    print_json({{"out", options.out}, {"training_images", images}});
  else
    std::printf("%s as arrays  %s\nnext    %s check %s\n", counted(static_cast<std::int64_t>(images), "training image").c_str(),
                options.out.c_str(), program_word().c_str(), shell_word(options.out).c_str());
  return kOk;
}

}  // namespace

Verb augment_verb() {
  const auto o = std::make_shared<AugmentOptions>();
  Verb verb{"augment", "write what training sees of a data set, several times augmented, as a data set of .npy arrays",
            [o](const Common& common) { return augment(*o, common); }};
  add_data(verb, o->data);
  add_new_folder(verb, o->out);
  verb.add({.name = "--copies", .value = &o->copies, .help = "of every training image", .least = 1, .most = 100000});
  verb.add({.name = "--size", .value = &o->size, .help = "W[xH]"});
  add_training(verb, "resize", &o->resize);
  add_training(verb, "augment", &o->augment);
  return verb;
}

}  // namespace cli
