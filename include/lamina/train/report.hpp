#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lamina/metrics/confusion.hpp"
#include "lamina/train/charts.hpp"

namespace lamina::train {

/// An image of the report: a file's bytes and what to read under it.
struct Figure {
  std::string bytes, caption, type = "image/png";
};

/// What is seen of a picture of the report.
enum class PictureView : std::uint8_t { outlines, label, prediction, errors, hardness, uncertainty, photograph };

/// What is laid over a photograph: a PNG that is clear where there is nothing to see.
struct PictureLayer {
  static constexpr int kWhole = -1;
  PictureView view = PictureView::outlines;
  int plane = kWhole;  ///< that it is of
  bool in_all = true;  ///< whether it is also seen where all planes are
  std::string png{};
};

/// A photograph of the report.
struct Picture {
  std::string name{}, caption{};
  int width = 0, height = 0;
  std::string photograph{};  ///< JPEG
  std::vector<PictureLayer> layers{};
};
struct PictureGroup {
  std::string title;
  std::vector<Picture> pictures{};
};

/// A chart of a report: what it is called in plots/, and SVG.
struct Chart {
  std::string name, svg;
  std::string shown{};  ///< in the report, where that is not svg
};

/// A part of a report: sentences, charts, a table.
struct ReportSection {
  std::string title;
  std::vector<std::vector<std::string>> rows{};  ///< the first one says what the others are
  std::vector<std::string> notes{};
  std::vector<Chart> charts{};
  std::vector<std::string> colors{};  ///< of the rows after the first, as class_colors, or "-" for none; may be shorter than the rows
  std::string folded{};               ///< what a reader clicks on to see the table; empty: it is seen
};

/// Everything a report shows.
struct ReportContent {
  std::string title;
  std::vector<std::string> summary;  ///< sentences at the top
  std::vector<std::string> warnings;
  std::vector<std::string> class_names, class_colors;          ///< colors in the pictures as "#rrggbb"; empty: not drawn
  std::vector<int> class_planes;                               ///< that each class is drawn in; may be shorter
  std::vector<std::string> error_colors;                       ///< the same of what is missed, too much, another class
  std::string split = "validation";                            ///< that the scores are of
  metrics::ConfusionMatrix confusion{2};                       ///< of that split, best epoch
  metrics::ConfusionMatrix baseline{2};                        ///< of always answering what is most frequent
  double undefined = metrics::kUndefined;                      ///< as of ConfusionMatrix::scores
  std::optional<metrics::Scores> scores, baseline_scores;      ///< where they are not those of the counts as a whole: of several heads
  std::vector<double> shares;                                  ///< of the labels, each class's; where they are not of the counts as a whole
  std::string intervals_title;                                 ///< heading of intervals
  std::vector<std::pair<std::string, std::string>> intervals;  ///< of scores
  int background = 0;                                          ///< class that foreground scores leave out; -1: none
  std::string grades;                                          ///< grades_text
  std::vector<ReportSection> sections;
  std::string samples_title;    ///< heading of samples
  std::vector<Figure> samples;  ///< pictures that need no key
  std::vector<PictureGroup> pictures;
  std::vector<std::string> planes;  ///< of the pictures' layers; none where a pixel has one label
  std::vector<std::pair<std::string, std::string>> settings, environment;
  std::vector<std::pair<std::string, std::string>> next_steps;  ///< what for, command
};

/// What is done next, as the lines of next_steps.txt.
std::string steps_text(const std::vector<std::pair<std::string, std::string>>& next_steps);

/// One HTML file without external references: opens offline.
std::string render_report(const ReportContent& content);

/// Every chart of a section as a file of the folder, NAME.svg.
void write_charts(const ReportSection& section, const std::filesystem::path& folder);

}  // namespace lamina::train
