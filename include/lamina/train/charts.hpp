#pragma once
#include <string>
#include <utility>
#include <vector>

#include "lamina/metrics/confusion.hpp"

namespace lamina::train {

/// A line of a chart; points are (x, y), NaN leaves a gap.
struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;
  std::vector<double> half_widths{};  ///< of bars about the points; none, or one a point, where NaN is no bar
  std::string color{};                ///< "#rrggbb"; empty: the chart's own
};

struct ChartOptions {
  std::string title, x_label, y_label;
  bool unit_range = false;   ///< y from 0 to 1
  bool unit_domain = false;  ///< x from 0 to 1; else steps are whole numbers
  bool dots = false;         ///< at the points, too
  bool legend = true;        ///< of several lines: what each is
};

/// The color of a chart's line that has none of its own.
std::string chart_color(std::size_t line);

/// A stand-alone SVG line chart.
std::string line_chart_svg(const std::vector<Series>& series, const ChartOptions& options);

/// A stand-alone SVG of how many of the values lie in each of 20 equal parts of [low, high], the last one with its end.
std::string histogram_svg(const std::vector<double>& values, double low, double high, const ChartOptions& options);

/// A cell of a table of colors.
struct ColoredCell {
  std::string color, words;  ///< "#rrggbb"; what is said where somebody points at it
};
/// A stand-alone SVG of rows of cells, all as long as there are columns.
std::string cells_svg(const std::string& title, const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                      const std::vector<std::vector<ColoredCell>>& cells);

/// A stand-alone SVG of a confusion matrix, each row as shares of its true class; `colors` beside the names, where they are not empty.
std::string confusion_svg(const metrics::ConfusionMatrix& matrix, const std::vector<std::string>& class_names,
                          const std::vector<std::string>& colors = {});

}  // namespace lamina::train
