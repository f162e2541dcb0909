#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/data/image.hpp"

namespace lamina::data {

/// What a mask says of a pixel.
enum class Task : std::uint8_t {
  multiclass,  ///< one class
  multilabel,  ///< any number of classes
  ordinal,     ///< one class, the classes being grades in ascending order (none < mild < severe)
};
const char* name_of(Task task);

/// What the classes of a data set are called, drawn as, and stored as in its masks. Class k of the network is the k-th of
/// `names`, `values` and `colors`.
struct LabelSchema {
  Task task = Task::multiclass;
  std::vector<std::string> names;
  std::vector<unsigned> values;     ///< a mask's sample (gray value, palette index or plane) that means class k; ascending
  std::vector<Rgb> colors;          ///< for drawing, and for reading RGB-coloured masks
  bool has_colors = false;          ///< the colors come from dataset.json, not from default_colors
  std::optional<unsigned> ignore;   ///< the mask value that neither loss nor metrics count
  std::optional<Rgb> ignore_color;  ///< the same, for masks read by color
  int background = 0;               ///< class index; -1 when there is none
  std::vector<int> uncertain;       ///< class indices
  std::string file_ending = ".png";

  int classes() const { return static_cast<int>(names.size()); }
  /// How many scores of a pixel a network gives: one a class. Of grades one less: score k answers "is the grade above k?" (Li & Lin 2006,
  /// Niu et al. 2016), so that being off by two grades costs more than by one, and a grade with few pixels learns from those beside it.
  int outputs() const { return task == Task::ordinal ? classes() - 1 : classes(); }
  /// What scores count: the classes; in a multilabel set, where every plane of a pixel is a decision of its own, also "(none)".
  std::vector<std::string> outcomes() const;
  /// The outcome that foreground scores leave out: the background, or "(none)"; -1 when there is neither.
  int neutral_outcome() const { return task == Task::multilabel ? classes() : background; }
  /// Removes the class with this value, if there is one, and makes the value the ignored one.
  void set_ignore(unsigned value);
};

/// Throws DataError naming `origin` unless the labels fit the task: planes and grades have names; there are at least two grades, with the
/// values 0, 1, 2 ... without a gap, and none above the first is the background.
void check_labels(const LabelSchema& schema, const std::string& origin);

/// Reads dataset.json: nnU-Net's `labels` ({"background": 0, "face": 2}; its first version's {"0": "background"} too; a label
/// called "ignore" is the ignored one) and `file_ending`, and ours: `task`, `ignore` (a value), `colors` ({"face": [255, 0, 0]}
/// or "#ff0000"; one called "ignore" is the ignored color), `roles` ({"background": "background", "uncertain": ["uncertain"]}). Other
/// fields are left alone, unless one is nearly one of these. Throws DataError naming `origin`, the field and the rule; also as
/// check_labels.
LabelSchema parse_label_schema(std::string_view json, const std::string& origin);
/// The same format: parse_label_schema(to_json(s)) equals s. With `items` it has the other fields nnU-Net requires.
std::string to_json(const LabelSchema& schema, std::int64_t items = 0);

}  // namespace lamina::data
