// lamina check and lamina phantom.
#include <cstdio>

#include "json.hpp"
#include "lamina/data/check.hpp"
#include "lamina/data/phantom.hpp"
#include "open_data.hpp"
#include "progress.hpp"
#include "verbs.hpp"

namespace cli {

using namespace lamina;

int check(const DataOptions& options, const Common& common) {
  const data::CheckReport report = data::check_dataset(options.data, dataset_options(options));
  std::fputs((common.json ? report.json() : report.text()).c_str(), stdout);
  return report.errors() ? kBadData : kOk;
}

int phantom(const PhantomOptions& options, const Common& common) {
  const auto [width, height] = parse_extent(options.size);
  data::write_phantom(data::phantom_named(options.kind), options.out,
                      {.count = options.count, .width = width, .height = height, .seed = options.seed});
  if (!common.json)
    std::printf("wrote %d %s phantoms of %dx%d to %s\n", options.count, options.kind.c_str(), width, height, options.out.c_str());
  else
    std::printf("%s\n", Json{{"out", options.out}, {"count", options.count}}.dump().c_str());
  return kOk;
}

}  // namespace cli
