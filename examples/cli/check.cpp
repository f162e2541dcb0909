// lamina check: what a data set is, and how to train on it.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/advice.hpp"
#include "progress.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;

namespace {

struct CheckOptions {
  DataOptions data;
  bool write_dataset_json = false;
};

/// A command that trains as recommended, with the options that the data was checked with.
std::string command(const DataOptions& o, const std::vector<train::Recommendation>& recommended) {
  std::string line = program_word() + " train " + shell_word(o.data);
  for (const train::Recommendation& r : recommended) line += ' ' + r.option + ' ' + r.value;
  const auto add = [&](const char* option, const auto& value) {
    if (value) line += std::string(" ") + option + ' ' + shell_word(message(*value));
  };
  add("--images", o.images), add("--masks", o.masks), add("--ignore", o.ignore), add("--seed", o.seed), add("--background", o.background);
  add("--mask-channel", o.mask_channel), add("--mask-frame", o.mask_frame), add("--others", o.others);
  if (o.mask_threshold) line += " --mask-threshold " + to_string(SettingValue(*o.mask_threshold));
  return line;
}

std::filesystem::path dataset_json(const DataOptions& o) { return std::filesystem::path(o.data) / "dataset.json"; }

void write_dataset_json(const DataOptions& o, const data::CheckReport& report) {
  const std::filesystem::path path = dataset_json(o);
  require<DataError>(report.has_encoding, path.string(), " was not written: it is not known what the masks hold");
  io::write_file_atomically(path, data::to_json(report.schema, report.splits[0].items));
  std::fprintf(stderr, "wrote %s: its names and roles may be changed, and the file then says how the masks are read\n", path.c_str());
}

int check(const CheckOptions& options, const Common& common) {
  const DataOptions& data = options.data;
  if (const std::filesystem::path path = dataset_json(data); options.write_dataset_json && std::filesystem::is_directory(data.data)) {
    require<OptionError>(!std::filesystem::exists(path), path.string(), " exists already; move it away first");
    before_work([&] { io::require_writable_file(path); },
                "--write-dataset-json writes into the data set; copy it to where it can be written");
  }
  const data::CheckReport report = data::check_dataset(data.data, dataset_options(data));
  const auto recommended = report.errors() ? std::vector<train::Recommendation>{} : train::recommend(report);
  if (common.json) {
    Json result = Json::parse(report.json());
    if (report.has_encoding) result["class_weights"] = train::weights_by_rule(report);
    if (!recommended.empty()) result["command"] = command(data, recommended);
    for (const train::Recommendation& r : recommended) result["recommended"][r.option] = {{"value", r.value}, {"reason", r.reason}};
    print_json(result);
  } else {
    std::istringstream lines(report.text());
    for (std::string line; std::getline(lines, line);) {
      for (const auto& [word, color] : {std::pair("error", kRed), std::pair("warning", kYellow)})
        if (line.starts_with(std::string("  ") + word + "  ")) line.replace(2, std::strlen(word), colored(word, color, 1));
      std::printf("%s\n", line.c_str());
    }
    if (!recommended.empty()) std::printf("\nWhat to do now:\n  %s\n\n", command(data, recommended).c_str());
    for (const train::Recommendation& r : recommended)
      std::printf("%s\n", wrapped(message("  ", r.option, ' ', r.value, ": ", r.reason), 100, 4).c_str());
  }
  if (options.write_dataset_json) write_dataset_json(data, report);
  return report.errors() ? kBadData : kOk;
}

}  // namespace

Verb check_verb() {
  const auto o = std::make_shared<CheckOptions>();
  Verb verb{"check", "examine a data set: files, classes, encodings, sizes, duplicates; recommend how to train on it",
            [o](const Common& common) { return check(*o, common); }};
  add_data(verb, o->data);
  add_training(verb, "background", &o->data.background);
  verb.add({.name = "--write-dataset-json", .value = &o->write_dataset_json, .help = "write DATA/dataset.json, complete, to start from"});
  verb.footer = [] { return kDatasetHelp; };
  return verb;
}

}  // namespace cli
