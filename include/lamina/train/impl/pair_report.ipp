// The report of a colorization: curves, samples, settings, what to do next.
#include "lamina/train/impl/pair_report.hpp"

#include <limits>

#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/report.hpp"
#include "lamina/train/sinks/alarms.hpp"

namespace lamina::train {
namespace {

class PairReport : public Sink {
 public:
  PairReport(const ColorizeConfig& config, ColorizationTask& task, Session& session) : config_(config), task_(task), session_(session) {}

  void finish(const std::filesystem::path& folder) override {
    const RunFolder run{folder};
    const std::vector<EpochRecord>& history = session_.state().history;
    io::create_folders(folder / "plots");
    ReportContent content;
    content.title = "Lamina: colorization with " + config_.model + " (" + config_.preset + ") against " + config_.discriminator;
    content.summary = {summary(history)};
    for (const Alarm& a : read_alarms(folder)) content.warnings.push_back(a.text());
    content.sections.push_back({.title = "Curves", .charts = charts(history)});
    write_charts(content.sections[0], folder / "plots");
    content.samples_title = "Samples of photographs that were held out: gray, generated, real";
    if (const data::Image sheet = task_.samples(); !sheet.pixels.empty())
      content.samples.push_back({data::encode_png(sheet), "after epoch " + std::to_string(history.back().epoch)});
    for (const Setting& s : settings_of(config_)) content.settings.emplace_back(s.name, to_string(s.value));
    content.settings.emplace_back("parameters of G", std::to_string(task_.generator().parameter_count()));
    content.settings.emplace_back("parameters of D", std::to_string(task_.discriminator().parameter_count()));
    content.environment = environment();
    const std::string word = shell_path(folder.string());
    content.next_steps = {{"Color gray photographs:", program_word() + " colorize predict " + word + " PHOTO.jpg --out colored"},
                          {"Learn to segment from its weights:",
                           program_word() + " train DATA --from " + word + " " + models::command_options(generator_config(config_))}};
    io::write_file_atomically(run.file("next_steps.txt"), steps_text(content.next_steps));
    io::write_file_atomically(run.file("report.html"), render_report(content));
  }

 private:
  static std::string summary(const std::vector<EpochRecord>& history) {
    const EpochRecord& last = history.back();
    std::string text = "After " + counted(last.epoch, "epoch") + " and " + counted(last.step, "update");
    for (auto r = history.rbegin(); r != history.rend(); ++r)
      if (r->validation) {
        const Scalars& s = r->validation->scores;
        const std::string numbers = formatted(
            ": the mean distance (L1, in a range of 2) to held-out photographs is %.4f, that of gray pictures %.4f; colorfulness "
            "%.1f, of the photographs %.1f.",
            s.at("val_l1"), s.at("val_l1_gray"), s.at("colorfulness"), s.at("colorfulness_photos"));
        return text + numbers;
      }
    return text + "; no photographs were held out.";
  }

  std::vector<Chart> charts(const std::vector<EpochRecord>& history) const {
    const auto line = [&](const char* label, auto value) {
      Series s{label, {}};
      for (const EpochRecord& r : history) s.points.emplace_back(r.epoch, value(r));
      return s;
    };
    const auto mean = [&](const char* label, const std::string& name) {
      return line(label, [=](const EpochRecord& r) { return r.train.at(name); });
    };
    const auto score = [&](const char* label, const std::string& name) {
      return line(label, [=](const EpochRecord& r) {
        return r.validation ? r.validation->scores.at(name) : std::numeric_limits<double>::quiet_NaN();
      });
    };
    const auto level = [&](const char* label, double value) { return line(label, [=](const EpochRecord&) { return value; }); };
    const losses::GanLoss& loss = task_.loss();
    const std::string distance = "g_" + loss.options().reconstruction;
    struct Drawing {
      const char* name;
      std::vector<Series> lines;
      ChartOptions options;
    };
    const Drawing all[] = {
        {"generator",
         {mean("adversarial", "g_gan"), level("equilibrium", loss.generator_equilibrium()), mean("reconstruction", distance)},
         {.title = "Losses of G", .x_label = "epoch", .y_label = "loss"}},
        {"discriminator",
         {mean("D", "d_loss"), level("equilibrium", loss.discriminator_equilibrium())},
         {.title = "Loss of D", .x_label = "epoch", .y_label = "loss"}},
        {"accuracy",
         {mean("D is right", "d_accuracy"), level("guessing", 0.5)},
         {.title = "Scores of D on the right side", .x_label = "epoch", .y_label = "share", .unit_range = true}},
        {"gradients",
         {line("|gG| / |gD|", [](const EpochRecord& r) { return gradient_ratio(r.train); })},
         {.title = "Gradient norm of G over D's", .x_label = "epoch", .y_label = "ratio"}},
        {"colorfulness",
         {score("generated", "colorfulness"), score("photographs", "colorfulness_photos")},
         {.title = "Colorfulness of held-out photographs", .x_label = "epoch", .y_label = "colorfulness"}},
        {"reconstruction",
         {score("generated", "val_l1"), score("gray", "val_l1_gray")},
         {.title = "L1 distance to held-out photographs", .x_label = "epoch", .y_label = "L1"}}};
    std::vector<Chart> svgs;
    for (const Drawing& d : all) svgs.push_back({d.name, line_chart_svg(d.lines, d.options)});
    return svgs;
  }

  const ColorizeConfig& config_;
  ColorizationTask& task_;
  Session& session_;
};

}  // namespace

std::unique_ptr<Sink> pair_report(const ColorizeConfig& config, ColorizationTask& task, Session& session) {
  return std::make_unique<PairReport>(config, task, session);
}

}  // namespace lamina::train
