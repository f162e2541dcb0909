// The pictures of a report: a photograph, and what is laid over it.
#pragma once
#include <optional>

#include "lamina/heads/head.hpp"
#include "lamina/train/report.hpp"

namespace lamina::train {

/// What a network says of a photograph, cell by cell of a grid: how far from the label, how unsure. Fed with rows of probabilities as they
/// come.
class HeatMaps {
 public:
  static constexpr int kLevels = 16;
  HeatMaps(const heads::Head& head, const data::LabelImage& truth);

  /// Rows of probabilities (rows, W, events) from `first` on, against the labels of the whole photograph.
  void add(const data::LabelImage& truth, std::int64_t first, const Tensor& probabilities);
  /// Means over a cell's pixels in kLevels equal parts of [0, 1]: of one minus what the label's own probability is, of a head of values how
  /// far the value is from the label as a share of all grades; and of the entropy as a share of the largest one. Of a plane, or (-1) of the
  /// plane where it is highest.
  data::LabelImage hardness(int plane) const { return levels(hardness_, plane); }
  bool has_uncertainty() const { return !head_.events().empty(); }  ///< there are probabilities
  data::LabelImage uncertainty(int plane) const { return levels(uncertainty_, plane); }

 private:
  struct Mean {
    float sum = 0, count = 0;
  };
  data::LabelImage levels(const std::vector<Mean>& cells, int plane) const;

  const heads::Head& head_;
  int image_width_, image_height_, planes_, width_ = 0, height_ = 0;
  std::vector<Mean> hardness_, uncertainty_;  // (height_, width_, planes_)
  std::vector<std::uint8_t> highest_;         // label of each plane
};

/// Which of ranked images are shown: under which title, as which files.
struct Ranks {
  const char *title, *file;
  std::vector<std::size_t> ranks{};
};
/// At most four of the best and of the worst, two in the middle and three of the others, drawn at random; none twice.
std::vector<Ranks> ranks_to_show(std::size_t images, std::uint64_t seed);

/// A photograph with its label and the prediction, of one size.
struct Looked {
  data::Image photo;
  data::LabelImage truth, prediction;
  std::optional<HeatMaps> maps{};  ///< of heads that give probabilities or grades
};

/// The photograph and its layers in `most_bytes` or less: smaller than it is where it must.
Picture encoded(const Looked& at, const data::LabelSchema& schema, std::size_t most_bytes);

/// All pictures of a report, with what chooses their layers; empty where there are none.
std::string pictures_html(const ReportContent& content);

/// The colors of levels of a heat map; the lowest is clear.
std::vector<data::Rgb> heat_colors();

}  // namespace lamina::train
