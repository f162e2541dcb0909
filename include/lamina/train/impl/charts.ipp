// SVG charts.
#include "lamina/train/charts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lamina/core/error.hpp"
#include "lamina/core/text.hpp"
#include "lamina/train/impl/html.hpp"

namespace lamina::train {
namespace {

/// Line colours: distinct in hue and lightness, readable on white (after Okabe and Ito's colour-blind-safe set, darkened).
constexpr const char* kColors[] = {"#0072b2", "#d55e00", "#009e73", "#b8559a", "#a07800",
                                   "#3a9bd1", "#6a51a3", "#7f7f7f", "#8c2d04", "#17807e"};
constexpr double kWidth = 420, kTop = 34, kPlot = 226, kRight = kWidth - 14, kBottom = kTop + kPlot;

/// Shortest text for an axis label.
std::string tick(double v) { return formatted("%.4g", v); }

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

/// Pixels that a line of text needs at most, nearly, in the fonts that browsers have (after DejaVu Sans, the widest).
double text_width(const std::string& s, int size) {
  double ems = 0;
  for (const char c : s)
    if ((c & 0x80) == 0)
      ems += std::string_view("fijlrtI|!.,:;'()[]/- ").find(c) != std::string_view::npos ? 0.42
             : std::string_view("mwMW@%").find(c) != std::string_view::npos              ? 1
             : c >= 'A' && c <= 'Z'                                                      ? 0.78
                                                                                         : 0.64;
  const auto ascii = std::count_if(s.begin(), s.end(), [](char c) { return (c & 0x80) == 0; });
  return size * (ems + 0.72 * static_cast<double>(display_width(s) - static_cast<std::size_t>(ascii)));
}
/// Of the longest.
double text_width(const std::vector<std::string>& lines, int size) {
  double most = 0;
  for (const std::string& s : lines) most = std::max(most, text_width(s, size));
  return most;
}

std::string svg_of(double width, double height, const std::string& inside) {
  const std::string w = decimal(width, 0), h = decimal(height, 0);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + w + " " + h + "\" width=\"" + w + "\" height=\"" + h +
         "\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>" + inside + "</svg>";
}

/// Whether a line of the color is hard to see on white.
bool is_light(const std::string& hex) {
  const int rgb = std::stoi(hex.substr(1), nullptr, 16);
  return 0.299 * (rgb >> 16) + 0.587 * (rgb >> 8 & 255) + 0.114 * (rgb & 255) > 190;
}

std::string line(double x1, double y1, double x2, double y2, const std::string& stroke) {
  return "<line x1=\"" + decimal(x1, 1) + "\" x2=\"" + decimal(x2, 1) + "\" y1=\"" + decimal(y1, 1) + "\" y2=\"" + decimal(y2, 1) +
         "\" stroke=\"" + stroke + "/>";
}

/// The plot's frame: where values are, lines at ticks, and words.
struct Axes {
  Range x, y;
  std::string svg{};
  double left = 54;  // as wide as the numbers beside it

  Axes(Range of_x, Range of_y, const ChartOptions& o, bool whole_x, bool whole_y) : x(of_x), y(of_y) {
    x.widen();
    y.widen();
    const double y_step = std::max(whole_y ? 1.0 : 0.0, nice_step(y.hi - y.lo, 6)),
                 x_step = std::max(whole_x ? 1.0 : 0.0, nice_step(x.hi - x.lo, 7));
    y.lo = std::floor(y.lo / y_step + 1e-9) * y_step;
    y.hi = std::ceil(y.hi / y_step - 1e-9) * y_step;
    std::vector<std::pair<double, std::string>> ticks;
    for (double v = y.lo; v <= y.hi + y_step / 2; v += y_step) ticks.emplace_back(v, tick(std::abs(v) < y_step / 100 ? 0 : v));
    for (const auto& [v, words] : ticks) left = std::max(left, 28 + text_width(words, 11));
    svg += text(left, 20, o.title, "start", 14, "font-weight=\"600\"");
    for (const auto& [v, words] : ticks) svg += line(left, py(v), kRight, py(v), "#e6e6e6\"") + text(left - 6, py(v) + 4, words, "end", 11);
    for (double v = std::ceil(x.lo / x_step - 1e-9) * x_step; v <= x.hi + 1e-9; v += x_step)
      svg += text(px(v), kBottom + 16, tick(std::abs(v) < x_step / 100 ? 0 : v), "middle", 11);
    svg += text((left + kRight) / 2, kBottom + 34, o.x_label, "middle", 12);
    svg += text(14, (kTop + kBottom) / 2, o.y_label, "middle", 12, "transform=\"rotate(-90 14 " + decimal((kTop + kBottom) / 2, 1) + ")\"");
  }
  double px(double v) const { return left + (v - x.lo) / (x.hi - x.lo) * (kRight - left); }
  double py(double v) const { return kBottom - (v - y.lo) / (y.hi - y.lo) * (kBottom - kTop); }
};

/// What lines of a color are called, in rows under the plot, as wide as words nearly are.
class Legend {
 public:
  explicit Legend(double left) : left_(left), x_(left) {}
  void add(const std::string& name, const std::string& color, const std::string& dash) {
    const double width = 30 + text_width(name, 11);
    if (x_ > left_ && x_ + width > kWidth) x_ = left_, y_ += 17;
    if (is_light(color)) svg += line(x_, y_, x_ + 18, y_, "#666\" stroke-width=\"4\"");
    svg += line(x_, y_, x_ + 18, y_, color + "\" stroke-width=\"2.5\"" + dash) + text(x_ + 23, y_ + 4, name, "start", 11);
    x_ += width + 6;
  }
  double height() const { return svg.empty() ? kBottom + 44 : y_ + 12; }
  std::string svg{};

 private:
  double left_, x_, y_ = kBottom + 54;
};

std::string drawn(const Series& s, const std::string& color, const std::string& dash, bool dots, const Axes& at) {
  std::string path, marks;
  bool pen = false;
  for (const auto& [vx, vy] : s.points) {
    if (std::isfinite(vy)) {
      const std::string x = decimal(at.px(vx), 1), y = decimal(at.py(std::clamp(vy, at.y.lo, at.y.hi)), 1);
      path += (pen ? "L" : "M") + x + " " + y;
      if (dots || s.points.size() == 1)
        marks += "<circle cx=\"" + x + "\" cy=\"" + y + "\" r=\"3\" fill=\"" + color + (is_light(color) ? "\" stroke=\"#666\"/>" : "\"/>");
    }
    pen = std::isfinite(vy);
  }
  const char* end = "\" stroke-linejoin=\"round\"";
  std::string svg;
  if (is_light(color))
    svg += "<path class=\"edge\" d=\"" + path + "\" fill=\"none\" stroke=\"#666\" stroke-width=\"3.4" + end + dash + "/>";
  svg += "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + color + "\" stroke-width=\"1.8" + end + dash + "/>";
  for (std::size_t k = 0; k < s.half_widths.size(); ++k)
    if (const double half = s.half_widths[k]; std::isfinite(half)) {
      const auto& [vx, vy] = s.points[k];
      svg += "<path d=\"M" + decimal(at.px(vx), 1) + " " + decimal(at.py(vy - half), 1) + "V" + decimal(at.py(vy + half), 1) +
             "\" stroke=\"" + color + "\" stroke-width=\"1.2\" class=\"bar\"/>";
    }
  return svg + marks;
}

}  // namespace

std::string chart_color(std::size_t line) { return kColors[line % std::size(kColors)]; }

std::string line_chart_svg(const std::vector<Series>& series, const ChartOptions& o) {
  Range x, y;
  for (const Series& s : series)
    for (std::size_t i = 0; i < s.points.size(); ++i) {
      const auto& [px, py] = s.points[i];
      const double half = i < s.half_widths.size() && std::isfinite(s.half_widths[i]) ? s.half_widths[i] : 0;
      if (std::isfinite(py)) x.add(px), y.add(py - half), y.add(py + half);
    }
  if (o.unit_domain) x = {0, 1};
  if (o.unit_range) y = {0, 1};
  const Axes axes(x, y, o, !o.unit_domain, false);
  Legend legend(axes.left);
  std::string lines;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (series[i].points.empty()) continue;
    const bool own = series[i].color.empty();
    const std::string color = own ? chart_color(i) : series[i].color;
    const std::string dash = own && i >= std::size(kColors) ? " stroke-dasharray=\"5 3\"" : "";
    lines += drawn(series[i], color, dash, o.dots, axes);
    if (series.size() > 1 && o.legend) legend.add(series[i].name, color, dash);
  }
  return svg_of(kWidth, legend.height(), axes.svg + lines + legend.svg);
}

std::string histogram_svg(const std::vector<double>& values, double low, double high, const ChartOptions& o) {
  constexpr int kParts = 20;
  std::vector<int> counts(kParts);
  for (const double v : values)
    ++counts[static_cast<std::size_t>(std::clamp(static_cast<int>((v - low) / (high - low) * kParts), 0, kParts - 1))];
  const Axes axes({low, high}, {0, std::max(1.0, static_cast<double>(*std::max_element(counts.begin(), counts.end())))}, o, false, true);
  std::string bars;
  for (int k = 0; k < kParts; ++k) {
    const int n = counts[static_cast<std::size_t>(k)];
    const double from = low + (high - low) * k / kParts, to = low + (high - low) * (k + 1) / kParts;
    bars += "<rect x=\"" + decimal(axes.px(from) + 0.5, 1) + "\" y=\"" + decimal(axes.py(n), 1) + "\" width=\"" +
            decimal(axes.px(to) - axes.px(from) - 1, 1) + "\" height=\"" + decimal(kBottom - axes.py(n), 1) + "\" fill=\"" + kColors[0] +
            "\"><title>" + tick(from) + " to " + tick(to) + ": " + counted(n, "image") + "</title></rect>";
  }
  return svg_of(kWidth, kBottom + 44, axes.svg + bars);
}

std::string cells_svg(const std::string& title, const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                      const std::vector<std::vector<ColoredCell>>& cells) {
  constexpr double kCell = 22;
  const double slope = 0.71 * text_width(columns, 11), left = 16 + text_width(rows, 11), top = 40 + slope;
  std::string svg = text(8, 20, title, "start", 13, "font-weight=\"600\"");
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const double x = left + kCell * (static_cast<double>(c) + 0.6), y = top - 6;
    svg += text(x, y, columns[c], "start", 11, "transform=\"rotate(-45 " + decimal(x, 1) + " " + decimal(y, 1) + ")\"");
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const double y = top + kCell * static_cast<double>(r);
    svg += text(left - 6, y + kCell / 2 + 4, rows[r], "end", 11);
    for (std::size_t c = 0; c < columns.size(); ++c)
      svg += "<rect x=\"" + decimal(left + kCell * static_cast<double>(c), 1) + "\" y=\"" + decimal(y, 1) + "\" width=\"" +
             decimal(kCell - 1, 1) + "\" height=\"" + decimal(kCell - 1, 1) + "\" fill=\"" + cells[r][c].color + "\"><title>" +
             escaped(cells[r][c].words) + "</title></rect>";
  }
  const double right = left + kCell * static_cast<double>(columns.size()) + slope;
  return svg_of(std::max(right, 16 + text_width(title, 14)), top + kCell * static_cast<double>(rows.size()) + 8, svg);
}

std::string confusion_svg(const metrics::ConfusionMatrix& m, const std::vector<std::string>& names,
                          const std::vector<std::string>& colors) {
  const int n = m.classes();
  require(static_cast<int>(names.size()) == n, "confusion_svg: ", names.size(), " names for ", n, " classes");
  std::vector<std::string> shown;
  for (const std::string& name : names) shown.push_back(shortened(name, 40));
  const double cell = n <= 12   ? 46
                      : n <= 20 ? 30
                                : 20,
               words = std::max(50.0, text_width(shown, 12)), left = words + 32, top = 48 + 0.71 * words, size = cell * n;
  std::string svg = text(8, 20, "Rows: true class; columns: prediction; % of the row", "start", 13, "font-weight=\"600\"");
  for (int r = 0; r < n; ++r) {
    const auto k = static_cast<std::size_t>(r);
    const double y = top + cell * r, row_total = static_cast<double>(m.truth_count(r));
    if (k < colors.size())
      svg += "<rect x=\"" + decimal(left - 18, 1) + "\" y=\"" + decimal(y + cell / 2 - 5, 1) +
             "\" width=\"10\" height=\"10\" stroke=\"#999\" fill=\"" + color_or_clear(colors[k]) + "\"/>";
    svg += text(left - 24, y + cell / 2 + 4, shown[k], "end", 12);
    const double cx = left + cell * (r + 0.5), cy = top - 8;
    svg += text(cx, cy, shown[k], "start", 12, "transform=\"rotate(-45 " + decimal(cx, 1) + " " + decimal(cy, 1) + ")\"");
    for (int c = 0; c < n; ++c) {
      const double share = row_total > 0 ? static_cast<double>(m.at(r, c)) / row_total : 0;
      const int shade = static_cast<int>(std::lround(255 - 195 * std::sqrt(share))), half = (shade + 255) / 2;
      const std::string fill = r == c ? message("rgb(", shade, ",", half, ",255)") : message("rgb(255,", half, ",", shade, ")");
      svg += "<rect x=\"" + decimal(left + cell * c, 1) + "\" y=\"" + decimal(y, 1) + "\" width=\"" + decimal(cell, 1) + "\" height=\"" +
             decimal(cell, 1) + "\" fill=\"" + (row_total > 0 ? fill : std::string("#f4f4f4")) + "\" stroke=\"#fff\"><title>" +
             escaped(names[k] + " as " + names[static_cast<std::size_t>(c)]) + ": " + decimal(100 * share, 1) + " %</title></rect>";
      if (row_total > 0 && n <= 20 && share >= 0.0005)
        svg += text(left + cell * (c + 0.5), y + cell / 2 + 4, decimal(100 * share, share >= 0.0995 ? 0 : 1), "middle", n <= 12 ? 12 : 9);
    }
  }
  return svg_of(std::max(left + size + 0.71 * words, 400.0), top + size + 12, svg);
}

}  // namespace lamina::train
