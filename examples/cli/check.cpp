// lamina check and lamina phantom.
#include <cstdio>
#include <filesystem>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "lamina/data/phantom.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/advice.hpp"
#include "open_data.hpp"
#include "progress.hpp"
#include "verbs.hpp"

namespace cli {

using namespace lamina;

namespace {

/// A command that trains as recommended, with the options that the data was checked with.
std::string command(const DataOptions& o, const std::vector<train::Recommendation>& recommended) {
  std::string line = program_word() + " train " + shell_word(o.data);
  for (const train::Recommendation& r : recommended) line += ' ' + r.option + ' ' + r.value;
  const auto add = [&](const char* option, const auto& value) {
    if (value) line += std::string(" ") + option + ' ' + shell_word(message(*value));
  };
  add("--images", o.images), add("--masks", o.masks), add("--ignore", o.ignore), add("--seed", o.seed), add("--background", o.background);
  add("--mask-channel", o.mask_channel), add("--mask-frame", o.mask_frame), add("--others", o.others);
  return line;
}

void write_dataset_json(const DataOptions& o, const data::CheckReport& report) {
  const std::filesystem::path path = std::filesystem::path(o.data) / "dataset.json";
  require<OptionError>(!std::filesystem::exists(path), path.string(), " exists already; move it away first");
  require<DataError>(report.has_encoding, path.string(), " was not written: it is not known what the masks hold");
  io::write_file_atomically(path, data::to_json(report.schema, report.splits[0].items));
}

}  // namespace

int check(const CheckOptions& options, const Common& common) {
  const DataOptions& data = options.data;
  const data::CheckReport report = data::check_dataset(data.data, dataset_options(data));
  const auto recommended = report.errors() ? std::vector<train::Recommendation>{} : train::recommend(report);
  if (common.json) {
    Json result = Json::parse(report.json());
    if (report.has_encoding) result["class_weights"] = train::weights_by_rule(report);
    if (!recommended.empty()) result["command"] = command(data, recommended);
    for (const train::Recommendation& r : recommended) result["recommended"][r.option] = {{"value", r.value}, {"reason", r.reason}};
    print_json(result);
  } else {
    std::fputs(report.text().c_str(), stdout);
    if (!recommended.empty()) std::printf("\nWhat to do now:\n  %s\n\n", command(data, recommended).c_str());
    for (const train::Recommendation& r : recommended)
      std::printf("%s\n", wrapped(message("  ", r.option, ' ', r.value, ": ", r.reason), 100, 4).c_str());
  }
  if (options.write_dataset_json) write_dataset_json(data, report);
  return report.errors() ? kBadData : kOk;
}

int phantom(const PhantomOptions& options, const Common& common) {
  const auto [width, height] = parse_extent(options.size);
  if (!std::filesystem::exists(options.out)) data::require_no_dataset("OUT", options.out);
  data::write_phantom(data::phantom_named(options.kind), options.out,
                      {.count = options.count, .width = width, .height = height, .seed = options.seed, .withhold = options.withhold});
  if (!common.json)
    std::printf("wrote %d %s phantoms of %dx%d to %s\n", options.count, options.kind.c_str(), width, height, options.out.c_str());
  else
    print_json(Json{{"out", options.out}, {"count", options.count}});
  return kOk;
}

}  // namespace cli
