// What a run's report says of it, part by part.
#pragma once
#include "lamina/data/dataset.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/report.hpp"
#include "lamina/train/session.hpp"

namespace lamina::train {

/// A color as CSS has it; empty where it is black, which is drawn clear.
std::string css(const data::Rgb& color);

/// Loss, scores, learning rate by epoch; `colors` of Head::outcomes.
ReportSection history_section(const RunState& state, const heads::Head& head, const std::vector<std::string>& colors);

/// Images, pixels and shares of the classes of each split.
ReportSection data_section(const data::Dataset& dataset, const std::vector<std::string>& colors);

/// Which combinations of grades training has and lacks, and how the pixels of both are decided; `scored` are those of content.split.
void add_combinations(ReportContent& content, const data::Dataset& dataset, const std::vector<data::Combinations>& scored);

/// The score of each image: what it is, how it is distributed, all of them, the worst first. `images` are ranked, the best first and those
/// without a score last; `items` is their split.
ReportSection images_section(const heads::Head& head, const std::vector<ImageScore>& images, const std::vector<data::Item>& items);

/// Curves over thresholds, precision and recall, calibration.
ReportSection probabilities_section(const heads::Head& head, const metrics::ProbabilityCounts& counts,
                                    const std::vector<std::string>& colors);

/// How far borders are from where they are labelled, `sizes` being the images' in words.
ReportSection borders_section(const SurfaceSummary& borders, const metrics::SurfaceOptions& options, const std::string& sizes,
                              const std::vector<std::string>& colors);

}  // namespace lamina::train
