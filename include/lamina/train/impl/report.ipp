// report.html.
#include "lamina/train/report.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/impl/html.hpp"
#include "lamina/train/impl/pictures.hpp"

namespace lamina::train {
namespace {

/// A table that moves sideways inside of the page where the page is narrow.
std::string scrolling(const std::string& html) { return "<div class=scroll>" + html + "</div>"; }

std::string table(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::string html = "<table>";
  for (const auto& [name, value] : rows) html += "<tr><th>" + escaped(name) + "</th><td>" + escaped(value) + "</td></tr>";
  return scrolling(html + "</table>");
}

bool is_number(const std::string& word) { return word == "n/a" || word.find_first_not_of("0123456789.-+% ") == std::string::npos; }

std::string rows_table(const ReportSection& t) {
  if (t.rows.size() < 2) return {};
  std::string html = "<table class=rows>";
  for (std::size_t r = 0; r < t.rows.size(); ++r) {
    html += "<tr>";
    for (std::size_t c = 0; c < t.rows[r].size(); ++c) {
      const std::string& word = t.rows[r][c];
      const std::string color = c == 0 && r > 0 && r <= t.colors.size() && t.colors[r - 1] != "-" ? swatch(t.colors[r - 1]) : "";
      const bool head = r == 0 || c == 0, number = c > 0 && c < t.rows[1].size() && is_number(t.rows[1][c]);
      html += head ? (number ? "<th class=num>" : "<th>") + color + escaped(word) + "</th>"
                   : (is_number(word) ? "<td class=num>" : "<td>") + escaped(word) + "</td>";
    }
    html += "</tr>";
  }
  html = scrolling(html + "</table>");
  return t.folded.empty() ? html : "<details><summary>" + escaped(t.folded) + "</summary>" + html + "</details>";
}

std::string section(const ReportSection& s) {
  if (s.rows.size() < 2 && s.notes.empty() && s.charts.empty()) return {};
  std::string html = "<h2>" + escaped(s.title) + "</h2>";
  for (const std::string& note : s.notes) html += "<p>" + escaped(note) + "</p>";
  if (!s.charts.empty()) html += "<div class=curves>";
  for (const Chart& chart : s.charts) html += chart.shown.empty() ? chart.svg : chart.shown;
  if (!s.charts.empty()) html += "</div>";
  return html + rows_table(s);
}

std::string bar(double v) {
  if (std::isnan(v)) return "<td class=num>n/a</td>";
  return "<td class=num><span class=bar style=\"width:" + decimal(60 * v, 1) + "px\"></span>" + decimal(v, 3) + "</td>";
}

constexpr const char *kSharesAre = "A class's share is of the pixels that have a label",
                     *kShareOfNone =
                         "; that of (none) is of all planes together, pixels times planes, and so the mean of what the classes leave";

std::string scores_table(const ReportContent& content) {
  const auto s = content.scores ? *content.scores : content.confusion.scores(content.background, content.undefined);
  const auto base = content.baseline_scores ? *content.baseline_scores : content.baseline.scores(content.background, content.undefined);
  std::string html =
      "<div class=scroll><table class=scores><tr><th>class</th><th>share of "
      "pixels</th><th>Dice</th><th>IoU</th><th>precision</th><th>recall</th><th>specificity</th></tr>";
  auto row = [&](const std::string& color, const std::string& name, const std::string& share, double dice, double iou, double precision,
                 double recall, double specificity, const char* cls) {
    html += std::string("<tr class=") + cls + "><th>" + color + escaped(name) + "</th><td class=num>" + share + "</td>" + bar(dice) +
            bar(iou) + bar(precision) + bar(recall) + bar(specificity) + "</tr>";
  };
  for (int c = 0; c < content.confusion.classes(); ++c) {
    const auto k = static_cast<std::size_t>(c);
    row(k < content.class_colors.size() ? swatch(content.class_colors[k]) : "", content.class_names[k],
        percent(k < content.shares.size() ? content.shares[k] : content.confusion.truth_share(c), 2), s.dice.per_class[k],
        s.iou.per_class[k], s.precision.per_class[k], s.recall.per_class[k], s.specificity.per_class[k], "class");
  }
  auto mean = [&](const char* name, auto member, const auto& from, const char* cls) {
    row("", name, "", from.dice.*member, from.iou.*member, from.precision.*member, from.recall.*member, from.specificity.*member, cls);
  };
  mean("macro (all classes)", &metrics::ClassScores::macro, s, "mean");
  mean("macro foreground", &metrics::ClassScores::macro_foreground, s, "mean");
  mean("micro", &metrics::ClassScores::micro, s, "mean");
  mean("micro foreground", &metrics::ClassScores::micro_foreground, s, "mean");
  mean("always the most frequent class: macro", &metrics::ClassScores::macro, base, "baseline");
  mean("always the most frequent class: macro foreground", &metrics::ClassScores::macro_foreground, base, "baseline");
  const bool overlap = !content.confusion.plane_negatives().empty(),
             planes = !content.class_planes.empty() && content.class_planes.back() > 0;
  html += "</table></div><p>" + std::string(kSharesAre) + (overlap || planes ? " in its plane" : "") + (overlap ? kShareOfNone : "") +
          ".</p><p>Pixel accuracy " + decimal(s.accuracy, 3) + "; always answering the most frequent class scores " +
          decimal(base.accuracy, 3) + ". The sum of the foreground classes' Dice (additive Dice) is " + decimal(s.additive_dice, 3) +
          ".</p>";
  return content.grades.empty() ? html : html + "<p>Grades: " + escaped(content.grades) + ".</p>";
}

std::string gallery(const std::vector<Figure>& figures) {
  std::string html = "<div class=\"gallery samples\">";
  for (const Figure& f : figures)
    html += "<figure><img alt=\"" + escaped(f.caption) + "\" src=\"" + data_url(f.type, f.bytes) + "\"><figcaption>" + escaped(f.caption) +
            "</figcaption></figure>";
  return html + "</div>";
}

constexpr const char* kStyle = R"(
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1080px;padding:24px;color:#222;background:#fff}
h1,h2,p,figcaption,.caption,.warning{overflow-wrap:anywhere}h1{font-size:26px;margin:0 0 8px}h2{font-size:19px;margin:36px 0 10px;border-bottom:1px solid #ddd;padding-bottom:4px}
table{border-collapse:collapse;font-size:14px}th{text-align:left;font-weight:500;padding:3px 14px 3px 0;vertical-align:baseline}td{padding:3px 14px 3px 0;vertical-align:baseline;overflow-wrap:anywhere}.rows td,.scores td{overflow-wrap:normal}.rows th{white-space:nowrap}
.scores th:not(:first-child){text-align:right}.num{font-variant-numeric:tabular-nums;text-align:right;white-space:nowrap}.bar{display:inline-block;height:9px;background:#9cc7e4;margin-right:7px}
tr.class th{white-space:nowrap}tr.mean th,tr.mean td{border-top:1px solid #ddd;font-weight:600}tr.baseline{color:#777}tr.baseline .bar{background:#ccc}
.scroll{overflow-x:auto;max-width:100%;background:linear-gradient(90deg,#fff 50%,#fff0) 0 0/40px 100% no-repeat local,linear-gradient(270deg,#fff 50%,#fff0) 100% 0/40px 100% no-repeat local,linear-gradient(90deg,#0003,#0000) 0 0/12px 100% no-repeat scroll,linear-gradient(270deg,#0003,#0000) 100% 0/12px 100% no-repeat scroll}
th i,.key i{display:inline-block;width:11px;height:11px;margin-right:6px;border:1px solid #999}
.curves{display:grid;gap:16px;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr))}.curves svg{width:100%;max-width:520px;height:auto}
.gallery{display:flex;flex-wrap:wrap;gap:14px}.gallery figure{margin:0;position:relative}.gallery img{display:block;max-width:100%}.samples img{border:1px solid #ddd;min-width:min(100%,220px)}
figcaption,.caption{display:block;font-size:13px;color:#555;margin-top:3px}.key{white-space:nowrap;margin-right:12px}.scale i{margin:0!important;border:0!important}
.pictures input{position:absolute;opacity:0;pointer-events:none}.pictures figure{width:min(100%,340px)}
.chooser{position:sticky;top:0;z-index:3;max-height:40vh;overflow:auto;background:#fff;padding:6px 0;border-bottom:1px solid #ddd}
.line{display:inline-block;width:34px;height:4px;vertical-align:middle;background:#0072b2}.edged{border:solid #fff;border-width:2px 0;outline:1px solid #bbb}.dashed{background:repeating-linear-gradient(90deg,#0072b2 0 8px,#101010 8px 13px)}
.choice{display:flex;flex-wrap:wrap;gap:5px;margin-bottom:5px}.choice label{padding:2px 11px;border:1px solid #bbb;border-radius:14px;font-size:13px;cursor:pointer}
.keys{display:none;font-size:13px}.page{display:block;position:relative;background:#eee}.page img{width:100%;height:auto}.pictures figure>label{display:block;cursor:zoom-in}
.page .layer{display:none;position:absolute;inset:0;height:100%}.small .v0,.page .v1,.page .v2,.page .v3{image-rendering:pixelated}
.page .v1,.page .v2{opacity:.55}.page .v3,.page .v4,.page .v5{opacity:.8}
.zoom:focus-visible+label{outline:2px solid #0072b2}.zoom:checked+label{position:fixed;inset:0;z-index:2;overflow:auto;background:#222;padding:12px 12px 42vh;cursor:zoom-out}
.zoom:checked+label .page{width:max(var(--w),min(100%,720px));margin:auto}.zoom:checked+label .caption{color:#ddd;text-align:center}
.pictures:has(.zoom:checked) .chooser{position:fixed;inset:auto 0 0;padding:8px 12px;border-top:1px solid #ddd}
@supports not selector(:has(a)){.zoom:checked+label{padding-top:42vh}}
.warning{background:#fff4e0;border-left:4px solid #d55e00;padding:8px 12px;margin:8px 0}
pre{background:#f5f5f5;padding:10px 12px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px;margin:4px 0 12px}
@media(max-width:600px){body{padding:14px}}
.two{display:flex;flex-wrap:wrap;align-items:flex-start;gap:48px}
)";

}  // namespace

std::string steps_text(const std::vector<std::pair<std::string, std::string>>& next_steps) {
  std::string text;
  for (const auto& [why, command] : next_steps) text += "# " + why + "\n" + command + "\n";
  return text;
}

std::string render_report(const ReportContent& content) {
  std::string html =
      "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\"><title>" +
      escaped(content.title) + "</title><style>" + kStyle + "</style></head><body><h1>" + escaped(content.title) + "</h1>";
  for (const std::string& s : content.summary) html += "<p>" + escaped(s) + "</p>";
  for (const std::string& w : content.warnings) html += "<div class=warning>" + escaped(w) + "</div>";
  const bool measured = content.confusion.total() > 0;
  if (measured) html += "<h2>Scores on the " + content.split + " split</h2>" + scores_table(content);
  if (!content.intervals.empty())
    html += "<details><summary>" + escaped(content.intervals_title) + "</summary>" + table(content.intervals) + "</details>";
  if (measured)
    html += "<h2>Confusion matrix</h2><div class=scroll>" + confusion_svg(content.confusion, content.class_names, content.class_colors) +
            "</div>";
  html += pictures_html(content);
  for (const ReportSection& s : content.sections) html += section(s);
  if (!content.samples.empty()) html += "<h2>" + escaped(content.samples_title) + "</h2>" + gallery(content.samples);
  if (!content.next_steps.empty()) html += "<h2>What next</h2>";
  for (const auto& [what, command] : content.next_steps) html += "<div>" + escaped(what) + "</div><pre>" + escaped(command) + "</pre>";
  if (!content.settings.empty())
    html += "<h2>Settings and environment</h2><div class=two>" + table(content.settings) + table(content.environment) + "</div>";
  return html + "</body></html>\n";
}

void write_charts(const ReportSection& section, const std::filesystem::path& folder) {
  for (const Chart& chart : section.charts) io::write_file_atomically(folder / (chart.name + ".svg"), chart.svg);
}

}  // namespace lamina::train
