// report.html and the SVG charts in it.
#include "lamina/train/report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "lamina/core/error.hpp"
#include "lamina/core/text.hpp"
#include "lamina/train/evaluate.hpp"

namespace lamina::train {
namespace {

/// Line colours: distinct in hue and lightness, readable on white (after Okabe and Ito's colour-blind-safe set, darkened).
constexpr const char* kColors[] = {"#0072b2", "#d55e00", "#009e73", "#b8559a", "#a07800",
                                   "#3a9bd1", "#6a51a3", "#7f7f7f", "#8c2d04", "#17807e"};

/// Shortest text for an axis label.
std::string tick(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

std::string escaped(const std::string& s) {
  std::string out;
  for (char c : s) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string base64(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    auto at = [&](std::size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u; };
    const unsigned v = at(0) << 16 | at(1) << 8 | at(2);
    const std::size_t kept = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 4; ++k) out += k <= kept ? kDigits[v >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

/// A step of 1, 2 or 5 times a power of ten that cuts `range` into at most `most` pieces.
double nice_step(double range, int most) {
  const double raw = range / most, power = std::pow(10, std::floor(std::log10(raw)));
  for (double m : {1.0, 2.0, 5.0})
    if (m * power >= raw) return m * power;
  return 10 * power;
}

struct Range {
  double lo = std::numeric_limits<double>::infinity(), hi = -std::numeric_limits<double>::infinity();
  void add(double v) {
    lo = std::min(lo, v);
    hi = std::max(hi, v);
  }
  void widen() {
    if (!(lo <= hi)) lo = 0, hi = 1;
    if (lo == hi) hi = lo + (lo == 0 ? 1 : std::abs(lo));
  }
};

constexpr const char* kFont = "font-family=\"system-ui,sans-serif\" fill=\"#333\"";

std::string text(double x, double y, const std::string& s, const char* anchor, int size, const std::string& extra = "") {
  return "<text x=\"" + decimal(x, 1) + "\" y=\"" + decimal(y, 1) + "\" text-anchor=\"" + anchor + "\" font-size=\"" +
         std::to_string(size) + "\" " + kFont + " " + extra + ">" + escaped(s) + "</text>";
}

std::string table(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::string html = "<table>";
  for (const auto& [name, value] : rows) html += "<tr><th>" + escaped(name) + "</th><td>" + escaped(value) + "</td></tr>";
  return html + "</table>";
}

std::string rows_table(const ReportTable& t) {
  if (t.rows.size() < 2) return {};
  std::string html = "<h2>" + escaped(t.title) + "</h2><table class=rows>";
  for (const auto& row : t.rows) {
    html += "<tr>";
    for (const std::string& word : row)
      html += (&row == &t.rows[0] ? "<th>" : "<td>") + escaped(word) + (&row == &t.rows[0] ? "</th>" : "</td>");
    html += "</tr>";
  }
  return html + "</table>";
}

std::string bar(double v) {
  if (std::isnan(v)) return "<td class=num>n/a</td>";
  return "<td class=num><span class=bar style=\"width:" + decimal(60 * v, 1) + "px\"></span>" + decimal(v, 3) + "</td>";
}

std::string scores_table(const ReportContent& content) {
  const auto s = content.confusion.scores(content.background, content.undefined);
  const auto base = content.baseline.scores(content.background, content.undefined);
  std::string html =
      "<table class=scores><tr><th>class</th><th>share of "
      "pixels</th><th>Dice</th><th>IoU</th><th>precision</th><th>recall</th><th>specificity</th></tr>";
  auto row = [&](const std::string& name, const std::string& share, double dice, double iou, double precision, double recall,
                 double specificity, const char* cls) {
    html += std::string("<tr class=") + cls + "><th>" + escaped(name) + "</th><td class=num>" + share + "</td>" + bar(dice) + bar(iou) +
            bar(precision) + bar(recall) + bar(specificity) + "</tr>";
  };
  const double total = std::max<double>(1, static_cast<double>(content.confusion.total()));
  for (int c = 0; c < content.confusion.classes(); ++c) {
    const auto k = static_cast<std::size_t>(c);
    row(content.class_names[k], decimal(100 * static_cast<double>(content.confusion.truth_count(c)) / total, 2) + " %", s.dice.per_class[k],
        s.iou.per_class[k], s.precision.per_class[k], s.recall.per_class[k], s.specificity.per_class[k], "class");
  }
  auto mean = [&](const char* name, auto member, const auto& from, const char* cls) {
    row(name, "", from.dice.*member, from.iou.*member, from.precision.*member, from.recall.*member, from.specificity.*member, cls);
  };
  mean("macro (all classes)", &metrics::ClassScores::macro, s, "mean");
  mean("macro foreground", &metrics::ClassScores::macro_foreground, s, "mean");
  mean("micro", &metrics::ClassScores::micro, s, "mean");
  mean("micro foreground", &metrics::ClassScores::micro_foreground, s, "mean");
  mean("always the most frequent class: macro", &metrics::ClassScores::macro, base, "baseline");
  mean("always the most frequent class: macro foreground", &metrics::ClassScores::macro_foreground, base, "baseline");
  html += "</table><p>Pixel accuracy " + decimal(s.accuracy, 3) + "; always answering the most frequent class scores " +
          decimal(base.accuracy, 3) + ". The sum of the foreground classes' Dice (additive Dice) is " + decimal(s.additive_dice, 3) +
          ".</p>";
  return content.grades.empty() ? html : html + "<p>Grades: " + escaped(content.grades) + ".</p>";
}

/// What the three pictures of a figure are, and what their colors mean.
std::string key(const ReportContent& content) {
  std::string html = "<p>Photograph, label, prediction.";
  for (std::size_t k = 0; k < content.class_colors.size(); ++k)
    if (const std::string& color = content.class_colors[k]; !color.empty())
      html += " <span class=key><i style=\"background:" + color + "\"></i>" + escaped(content.class_names[k]) + "</span>";
  return html + "</p>";
}

std::string gallery(const std::vector<Figure>& figures) {
  std::string html = "<div class=gallery>";
  for (const Figure& f : figures)
    html += "<figure><img alt=\"" + escaped(f.caption) + "\" src=\"data:image/png;base64," + base64(f.png) + "\"><figcaption>" +
            escaped(f.caption) + "</figcaption></figure>";
  return html + "</div>";
}

constexpr const char* kStyle = R"(
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1080px;padding:24px;color:#222;background:#fff}
h1{font-size:26px;margin:0 0 8px}h2{font-size:19px;margin:36px 0 10px;border-bottom:1px solid #ddd;padding-bottom:4px}
table{border-collapse:collapse;font-size:14px}th{text-align:left;font-weight:500;padding:3px 14px 3px 0;vertical-align:top}td{padding:3px 14px 3px 0;overflow-wrap:anywhere}
.num{font-variant-numeric:tabular-nums;text-align:right;white-space:nowrap}.bar{display:inline-block;height:9px;background:#9cc7e4;margin-right:7px}
tr.mean th,tr.mean td{border-top:1px solid #ddd;font-weight:600}tr.baseline{color:#777}tr.baseline .bar{background:#ccc}
.charts{display:flex;flex-wrap:wrap;gap:16px}.charts svg{max-width:100%;height:auto}.curves svg{flex:1 1 440px;max-width:520px}
.gallery{display:flex;flex-wrap:wrap;gap:14px}.gallery figure{margin:0}.gallery img{display:block;max-width:100%;border:1px solid #ddd}figcaption{font-size:13px;color:#555;margin-top:3px}
.key{white-space:nowrap;margin-left:10px}.key i{display:inline-block;width:11px;height:11px;margin-right:5px;border:1px solid #bbb}
.warning{background:#fff4e0;border-left:4px solid #d55e00;padding:8px 12px;margin:8px 0}
pre{background:#f5f5f5;padding:10px 12px;overflow-x:auto;font-size:13px;margin:4px 0 12px}
.two{display:flex;flex-wrap:wrap;align-items:flex-start;gap:48px}
)";

}  // namespace

std::string line_chart_svg(const std::vector<Series>& series, const ChartOptions& o) {
  constexpr double kWidth = 520, kHeight = 320, kLeft = 58, kTop = 34, kBottom = 46;
  const double legend = series.size() > 1 ? 128 : 12, right = kWidth - legend, bottom = kHeight - kBottom;
  Range x, y;
  for (const Series& s : series)
    for (std::size_t i = 0; i < s.points.size(); ++i) {
      const auto& [px, py] = s.points[i];
      const double half = i < s.half_widths.size() && std::isfinite(s.half_widths[i]) ? s.half_widths[i] : 0;
      if (std::isfinite(py)) x.add(px), y.add(py - half), y.add(py + half);
    }
  if (o.unit_range) y = {0, 1};
  x.widen();
  y.widen();
  const double y_step = nice_step(y.hi - y.lo, 6), x_step = std::max(1.0, nice_step(x.hi - x.lo, 7));
  y.lo = std::floor(y.lo / y_step + 1e-9) * y_step;
  y.hi = std::ceil(y.hi / y_step - 1e-9) * y_step;
  auto px = [&](double v) { return kLeft + (v - x.lo) / (x.hi - x.lo) * (right - kLeft); };
  auto py = [&](double v) { return bottom - (v - y.lo) / (y.hi - y.lo) * (bottom - kTop); };

  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 520 320\" width=\"520\" height=\"320\"><rect width=\"520\" height=\"320\" "
      "fill=\"#fff\"/>";
  svg += text(kLeft, 20, o.title, "start", 14, "font-weight=\"600\"");
  for (double v = y.lo; v <= y.hi + y_step / 2; v += y_step) {
    svg += "<line x1=\"" + decimal(kLeft, 1) + "\" x2=\"" + decimal(right, 1) + "\" y1=\"" + decimal(py(v), 1) + "\" y2=\"" +
           decimal(py(v), 1) + "\" stroke=\"#e6e6e6\"/>";
    svg += text(kLeft - 6, py(v) + 4, tick(std::abs(v) < y_step / 100 ? 0 : v), "end", 11);
  }
  for (double v = std::ceil(x.lo / x_step) * x_step; v <= x.hi + 1e-9; v += x_step) svg += text(px(v), bottom + 16, tick(v), "middle", 11);
  svg += text((kLeft + right) / 2, kHeight - 10, o.x_label, "middle", 12);
  svg += text(14, (kTop + bottom) / 2, o.y_label, "middle", 12, "transform=\"rotate(-90 14 " + decimal((kTop + bottom) / 2, 1) + ")\"");
  const auto drawn = std::count_if(series.begin(), series.end(), [](const Series& s) { return !s.points.empty(); });
  const double row = std::min(17.0, (bottom - kTop) / static_cast<double>(std::max<std::ptrdiff_t>(drawn, 1)));
  double ly = kTop + 8;  // of the legend's next entry
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (series[i].points.empty()) continue;
    const std::string color = kColors[i % std::size(kColors)];
    const std::string dash = i >= std::size(kColors) ? " stroke-dasharray=\"5 3\"" : "";
    std::string path;
    bool pen = false;
    for (const auto& [vx, vy] : series[i].points) {
      if (!std::isfinite(vy)) {
        pen = false;
        continue;
      }
      path += (pen ? "L" : "M") + decimal(px(vx), 1) + " " + decimal(py(std::clamp(vy, y.lo, y.hi)), 1);
      pen = true;
    }
    svg += "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + color + "\" stroke-width=\"1.8\" stroke-linejoin=\"round\"" + dash + "/>";
    for (std::size_t k = 0; k < series[i].half_widths.size(); ++k)
      if (const double half = series[i].half_widths[k]; std::isfinite(half)) {
        const auto& [vx, vy] = series[i].points[k];
        svg += "<path d=\"M" + decimal(px(vx), 1) + " " + decimal(py(vy - half), 1) + "V" + decimal(py(vy + half), 1) + "\" stroke=\"" +
               color + "\" stroke-width=\"1.2\" class=\"bar\"/>";
      }
    if (series[i].points.size() == 1 && pen)
      svg += "<circle cx=\"" + decimal(px(series[i].points[0].first), 1) + "\" cy=\"" + decimal(py(series[i].points[0].second), 1) +
             "\" r=\"3\" fill=\"" + color + "\"/>";
    if (series.size() > 1) {
      svg += "<line x1=\"" + decimal(right + 8, 1) + "\" x2=\"" + decimal(right + 26, 1) + "\" y1=\"" + decimal(ly, 1) + "\" y2=\"" +
             decimal(ly, 1) + "\" stroke=\"" + color + "\" stroke-width=\"2.5\"" + dash + "/>" +
             text(right + 31, ly + 4, series[i].name, "start", row < 15 ? 10 : 11);
      ly += row;
    }
  }
  return svg + "</svg>";
}

std::string confusion_svg(const metrics::ConfusionMatrix& m, const std::vector<std::string>& names) {
  const int n = m.classes();
  require(static_cast<int>(names.size()) == n, "confusion_svg: ", names.size(), " names for ", n, " classes");
  const double cell = n <= 12 ? 46 : n <= 20 ? 30 : 20, left = 120, top = 110, size = cell * n;
  const int width = static_cast<int>(std::max(left + size + 80, 400.0)), height = static_cast<int>(top + size + 30);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + std::to_string(width) + " " + std::to_string(height) +
                    "\" width=\"" + std::to_string(width) + "\" height=\"" + std::to_string(height) +
                    "\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>";
  svg += text(8, 20, "Rows: true class; columns: prediction; % of the row", "start", 13, "font-weight=\"600\"");
  for (int r = 0; r < n; ++r) {
    const double y = top + cell * r, row_total = static_cast<double>(m.truth_count(r));
    svg += text(left - 8, y + cell / 2 + 4, names[static_cast<std::size_t>(r)], "end", 12);
    const double cx = left + cell * (r + 0.5), cy = top - 8;
    svg += text(cx, cy, names[static_cast<std::size_t>(r)], "start", 12,
                "transform=\"rotate(-45 " + decimal(cx, 1) + " " + decimal(cy, 1) + ")\"");
    for (int c = 0; c < n; ++c) {
      const double share = row_total > 0 ? static_cast<double>(m.at(r, c)) / row_total : 0;
      const int shade = static_cast<int>(std::lround(255 - 195 * std::sqrt(share)));
      const std::string fill =
          r == c ? "rgb(" + std::to_string(shade) + "," + std::to_string((shade + 255) / 2) + "," + std::to_string(shade) + ")"
                 : "rgb(255," + std::to_string(shade) + "," + std::to_string(shade) + ")";
      svg += "<rect x=\"" + decimal(left + cell * c, 1) + "\" y=\"" + decimal(y, 1) + "\" width=\"" + decimal(cell, 1) + "\" height=\"" +
             decimal(cell, 1) + "\" fill=\"" + (row_total > 0 ? fill : std::string("#f4f4f4")) + "\" stroke=\"#fff\"/>";
      if (row_total > 0 && n <= 20 && share >= 0.0005)
        svg += text(left + cell * (c + 0.5), y + cell / 2 + 4, decimal(100 * share, share >= 0.0995 ? 0 : 1), "middle", n <= 12 ? 12 : 9);
    }
  }
  return svg + "</svg>";
}

std::string steps_text(const std::vector<std::pair<std::string, std::string>>& next_steps) {
  std::string text;
  for (const auto& [why, command] : next_steps) text += "# " + why + "\n" + command + "\n";
  return text;
}

std::string render_report(const ReportContent& content) {
  std::string html = "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>" +
                     escaped(content.title) + "</title><style>" + kStyle + "</style></head><body><h1>" + escaped(content.title) + "</h1>";
  for (const std::string& s : content.summary) html += "<p>" + escaped(s) + "</p>";
  for (const std::string& w : content.warnings) html += "<div class=warning>" + escaped(w) + "</div>";
  const bool measured = content.confusion.total() > 0;
  if (measured) html += "<h2>Scores on the " + content.split + " split</h2>" + scores_table(content);
  if (!content.intervals.empty())
    html += "<details><summary>" + escaped(content.intervals_title) + "</summary>" + table(content.intervals) + "</details>";
  for (const ReportTable& t : content.tables) html += rows_table(t);
  html += "<h2>Curves</h2><div class=\"charts curves\">";
  for (const std::string& c : content.charts) html += c;
  html += "</div>";
  if (measured) html += "<h2>Confusion matrix</h2><div class=charts>" + confusion_svg(content.confusion, content.class_names) + "</div>";
  if (!content.samples.empty()) html += "<h2>" + escaped(content.samples_title) + "</h2>" + gallery(content.samples);
  if (!content.best.empty()) html += "<h2>Best images</h2>" + key(content) + gallery(content.best);
  if (!content.worst.empty()) html += "<h2>Worst images</h2>" + key(content) + gallery(content.worst);
  if (!content.next_steps.empty()) html += "<h2>What next</h2>";
  for (const auto& [what, command] : content.next_steps) html += "<div>" + escaped(what) + "</div><pre>" + escaped(command) + "</pre>";
  if (!content.settings.empty())
    html += "<h2>Settings and environment</h2><div class=two>" + table(content.settings) + table(content.environment) + "</div>";
  return html + "</body></html>\n";
}

ReportTable borders_table(const SurfaceSummary& s, double tolerance) {
  ReportTable table{message("Borders: pixels off (95th percentile), share within ", tick(tolerance), " pixels"),
                    {{"class", "Hausdorff 95", "surface Dice", "images", "missed or invented in"}}};
  for (const SurfaceSummary::Row& row : s.regions)
    table.rows.push_back(
        {row.name, decimal(row.hausdorff95, 2), decimal(row.surface_dice), std::to_string(row.images), std::to_string(row.missed)});
  for (const auto* row : {&s.macro, &s.macro_foreground})
    table.rows.push_back({row->name, decimal(row->hausdorff95, 2), decimal(row->surface_dice), "", ""});
  return table;
}

}  // namespace lamina::train
