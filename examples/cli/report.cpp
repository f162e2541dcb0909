// lamina report: writes a run's report again, or puts runs side by side.
#include <cstdio>
#include <filesystem>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/compare.hpp"
#include "lamina/train/run_report.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;
namespace fs = std::filesystem;

namespace {

struct ReportOptions {
  std::vector<std::string> runs;
  std::string data, out;
};

int compare(const ReportOptions& options, const Common& common) {
  std::string out = options.out.empty() ? "comparison" : options.out;
  if (!out.ends_with(".html")) out += ".html";  // browsers go by it
  data::require_no_dataset("--out", out);
  before_work([&] { io::require_writable_file(out); }, "--out FILE names another place");
  const train::Comparison c = train::compare_runs({options.runs.begin(), options.runs.end()});
  io::write_file_atomically(out, train::comparison_html(c));
  if (!common.json) {
    std::printf("%s\nreport  %s\n", train::comparison_text(c).c_str(), out.c_str());
    return kOk;
  }
  Json result{{"report", out}};
  for (std::size_t i = 0; i < c.runs.size(); ++i) {
    Json run{{"run", options.runs[i]}, {"epochs", c.runs[i].state.epoch}, {"best_epoch", c.runs[i].state.best_epoch}};
    if (const auto& s = c.runs[i].scores)
      run["scores"] = {{"split", s->split}, {"name", s->score_name}, {"value", json_number(s->score)}, {"images", s->images.size()}};
    if (i > 0) {
      const train::PairedDifference& d = c.differences[i - 1];
      run["difference"] = {{"images", d.images},
                           {"mean", d.images ? json_number(d.mean) : Json(nullptr)},
                           {"interval", {json_number(d.interval.low), json_number(d.interval.high)}}};
    }
    result["runs"].push_back(std::move(run));
  }
  print_json(result);
  return kOk;
}

/// A run's data set by a path that leads nowhere from here: from one of the folders that the run is in; "DATA": there is none.
std::string near_run(const fs::path& run, const fs::path& data) {
  const auto is_data = [&](const fs::path& folder) { return fs::is_directory(folder) && !fs::equivalent(folder, run); };
  for (fs::path from = fs::absolute(run).lexically_normal(); data.is_relative() && from.has_relative_path(); from = from.parent_path())
    if (is_data(from.parent_path() / data)) return (from.parent_path() / data).lexically_normal().string();
  return "DATA";
}

int report(const ReportOptions& options, const Common& common) {
  if (options.runs.size() > 1) return compare(options, common);
  require<OptionError>(options.out.empty(), "--out names the file of a comparison; a run's report is in its folder");
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  const train::RunFolder folder{options.runs[0]};
  const train::RunInfo info = train::run_info(io::ModelFile(io::find_weights(options.runs[0], "last")));
  DataOptions where;
  where.data = options.data.empty() ? info.config.data : options.data;
  require<IoError>(fs::is_directory(where.data), fs::absolute(where.data).lexically_normal().string(),
                   ": there is no such data set. Where that of ", options.runs[0], " is, --data says: ", program_word(), " report ",
                   shell_word(options.runs[0]), " --data ", shell_word(near_run(options.runs[0], where.data)));
  before_work(
      [&] { io::require_writable_file(folder.file("report.html")); },
      message("a run's report is in its folder; copy the run to where it can be written: cp -r ", shell_word(options.runs[0]), " COPY"));
  const data::Dataset dataset = open_data_of_run(where, options.runs[0], info, progress);
  const std::string headline = train::write_run_report(folder, dataset), file = folder.file("report.html").string();
  if (common.json)
    print_json(Json{{"report", file}, {"headline", headline}});
  else
    std::printf("%s%sreport  %s\n", headline.c_str(), headline.empty() ? "" : "\n", file.c_str());
  return kOk;
}

}  // namespace

Verb report_verb() {
  const auto o = std::make_shared<ReportOptions>();
  Verb verb{"report", "write a run's report again; of several runs: scores, differences, settings and curves side by side",
            [o](const Common& common) { return report(*o, common); }};
  verb.add({.name = "RUN", .value = &o->runs, .help = "run folders", .required = true});
  verb.add({.name = "--data", .value = &o->data, .help = "where the run's data set is; empty: where it was"});
  verb.add({.name = "--out", .value = &o->out, .help = "file of a comparison; empty: comparison.html"});
  return verb;
}

}  // namespace cli
