// lamina augment: what training sees of a data set, as a data set of arrays.
#include "lamina/data/augmented.hpp"

#include <cstdio>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "open_data.hpp"
#include "progress.hpp"
#include "verbs.hpp"

namespace cli {

using namespace lamina;

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
  const data::Dataset dataset = open_data(options.data, progress, true);
  data::write_augmented(dataset, options.out, how);
  const auto images = static_cast<std::size_t>(how.copies) * dataset.items(data::Split::train).size();
  if (common.json)
    print_json({{"out", options.out}, {"training_images", images}});
  else
    std::printf("%zu training images as arrays  %s\nnext    %s check %s\n", images, options.out.c_str(), program_word().c_str(),
                shell_word(options.out).c_str());
  return kOk;
}

}  // namespace cli
