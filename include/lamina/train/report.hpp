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
};

struct ChartOptions {
  std::string title, x_label, y_label;
  bool unit_range = false;  ///< y from 0 to 1
};

/// A stand-alone SVG line chart.
std::string line_chart_svg(const std::vector<Series>& series, const ChartOptions& options);

/// A stand-alone SVG of a confusion matrix, each row as shares of its true class.
std::string confusion_svg(const metrics::ConfusionMatrix& matrix, const std::vector<std::string>& class_names);

/// An image of the report: PNG bytes and what to read under it.
struct Figure {
  std::string png, caption;
};

/// Rows of words under a title; the first row says what they are.
struct ReportTable {
  std::string title;
  std::vector<std::vector<std::string>> rows;
};

/// Everything a report shows.
struct ReportContent {
  std::string title;
  std::vector<std::string> summary;  ///< sentences at the top
  std::vector<std::string> warnings;
  std::vector<std::string> class_names, class_colors;          ///< colors in the pictures as CSS has them; empty: not drawn
  std::string split = "validation";                            ///< that the scores are of
  metrics::ConfusionMatrix confusion{2};                       ///< of that split, best epoch
  metrics::ConfusionMatrix baseline{2};                        ///< of always answering what is most frequent
  double undefined = metrics::kUndefined;                      ///< as of ConfusionMatrix::scores
  std::string intervals_title;                                 ///< heading of intervals
  std::vector<std::pair<std::string, std::string>> intervals;  ///< of scores
  int background = 0;                                          ///< class that foreground scores leave out; -1: none
  std::string grades;                                          ///< grades_text
  std::vector<ReportTable> tables;                             ///< before the charts
  std::vector<std::string> charts;                             ///< SVG
  std::string samples_title;                                   ///< heading of samples
  std::vector<Figure> samples;                                 ///< pictures that need no key
  std::vector<Figure> best, worst;                             ///< photograph, label and prediction side by side
  std::vector<std::pair<std::string, std::string>> settings, environment;
  std::vector<std::pair<std::string, std::string>> next_steps;  ///< what for, command
};

/// What is done next, as the lines of next_steps.txt.
std::string steps_text(const std::vector<std::pair<std::string, std::string>>& next_steps);

/// One HTML file without external references: opens offline.
std::string render_report(const ReportContent& content);

struct SurfaceSummary;
/// How far borders are from where they are labelled; `tolerance` is that of the surface Dice, in pixels.
ReportTable borders_table(const SurfaceSummary& borders, double tolerance);

}  // namespace lamina::train
