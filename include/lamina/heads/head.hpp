#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lamina/core/names.hpp"
#include "lamina/core/scalars.hpp"
#include "lamina/core/tensor.hpp"
#include "lamina/data/class_weights.hpp"
#include "lamina/data/dataset.hpp"
#include "lamina/kernels/segmentation_loss.hpp"
#include "lamina/metrics/confusion.hpp"
#include "lamina/metrics/probabilities.hpp"
#include "lamina/metrics/surface.hpp"

namespace lamina::heads {

/// What the scores that a head decides by are: what the network gives, or what probabilities() makes of it.
enum class Scale { logits, probabilities };

/// The score that the best epoch is chosen by; larger is better, NaN where it is undefined.
struct Selection {
  const char* name;
  const char* meaning;
  double value;
};

class Head;
/// What a head learns by itself: all of it, or one of several that it is made of.
struct Part {
  const Head* head;
  int output = 0, plane = 0;  ///< the first of the network's outputs, and of the planes of labels, that are its own
  bool whole = true;
  /// Its own of the network's (..., outputs), and of labels (N, H, W, planes): (N, H, W) where it has one a pixel.
  Tensor logits(const Tensor& all) const;
  Tensor labels(const Tensor& all) const;
  /// Its class weights: as of the head, but of one of several heads one an output, which mean nothing where these are values.
  int weighed() const;
  bool takes_weights() const;
};

/// What one output of a network means: how many scores a pixel has, what they learn, what they decide, how decisions are counted and
/// scored. A head knows the classes of its data; it does not know the network, nor how the loss is computed.
class Head {
 public:
  explicit Head(data::LabelSchema schema, std::string name) : schema_(std::move(schema)), name_(std::move(name)) {}
  virtual ~Head() = default;

  /// Of the network's output, and of the batch's tensor that it learns.
  const std::string& name() const { return name_; }
  const data::LabelSchema& schema() const { return schema_; }
  /// multiclass, multilabel, ordinal, corn, coral, regression (with thresholds "regression:0.4/1.5"); of several
  /// "tissue=multiclass,damage=corn".
  virtual const char* kind() const = 0;
  /// Scores a pixel: channels of the network's output.
  virtual int outputs() const = 0;
  /// How many outputs in a row have the same weights in the network's last layer, and a bias each, for each row; none: 1 each.
  virtual std::vector<int> tied() const { return {}; }
  /// What one output is called in messages about lists with a number for each: "classes".
  virtual const char* outputs_are() const { return "classes"; }
  /// How many numbers its class weights are, and what they are called: one an output, which are "classes" unless outputs_are() says other.
  virtual int weighed() const { return outputs(); }
  virtual const char* weighed_are() const { return outputs_are(); }
  /// How logits become probabilities in a loss over classes; none: they are no such thing.
  virtual std::optional<LossActivation> activation() const = 0;
  /// Whether the outputs are what a pixel is exactly one of.
  bool exclusive() const { return activation() == LossActivation::softmax; }
  /// Of each output that is a number, what it is cut into grades by; the same head with others, of one output for all or of each,
  /// ascending. Throws OptionError of outputs that are no numbers, of thresholds of another count.
  virtual std::vector<std::vector<float>> thresholds() const { return {}; }
  virtual std::shared_ptr<const Head> with_thresholds(std::vector<std::vector<float>> thresholds) const;
  /// What the loss is trained towards: labels u8 (N, H, W) or (N, H, W, planes), kIgnoreLabel where nothing is known, as the loader gives
  /// them -> u8 as segmentation_loss takes them. Throws DataError on a label that the head does not know.
  virtual Tensor targets(const Tensor& labels) const { return labels; }
  /// Logits (..., outputs) as probabilities of what decide() decides, or as values.
  virtual Tensor probabilities(const Tensor& logits) const = 0;
  /// Decisions u8 on the scores' device: scores (..., outputs) -> (...), or (..., planes).
  virtual Tensor decide(const Tensor& scores, Scale scale = Scale::logits) const = 0;
  /// Decisions a pixel that may overlap; 0: one label a pixel.
  virtual int planes() const { return 0; }

  virtual std::vector<Part> parts() const { return {{this}}; }
  /// What a part would have counted alone.
  virtual metrics::ConfusionMatrix of_part(const metrics::ConfusionMatrix& confusion, std::size_t) const { return confusion; }

  /// Pixels of one mask where each output should say yes, from those of each class.
  virtual std::vector<std::int64_t> output_pixels(std::vector<std::int64_t> class_pixels) const { return class_pixels; }
  /// The same of where it should say no; `labelled` as Item::labelled.
  virtual std::vector<std::int64_t> output_negatives(std::vector<std::int64_t> class_pixels, std::vector<std::int64_t> labelled) const;
  /// What a confusion matrix of this head counts, and which of it foreground scores leave out (-1: none).
  virtual std::vector<std::string> outcomes() const { return schema_.names; }
  virtual int neutral_outcome() const { return schema_.background; }
  /// Is it left out of foreground scores?
  virtual bool is_neutral(int outcome) const { return outcome == neutral_outcome(); }
  /// Whether foreground scores leave out anything.
  bool has_neutral() const;
  /// Of a predictor that always answers what is most frequent: what scores must beat.
  virtual metrics::ConfusionMatrix baseline(const metrics::ConfusionMatrix& confusion) const { return confusion.majority_baseline(); }
  /// "always the most frequent class: Dice 0.0000, accuracy 0.4318": what the scores of an epoch are to be compared with.
  std::string baseline_text(const metrics::ConfusionMatrix& confusion) const;
  /// Whether labels so counted tell a good epoch from a bad one: some are of what is to be found, of grades not all alike.
  virtual bool is_tested_by(const metrics::ConfusionMatrix& confusion) const;
  /// The counts of what is decided by itself, one after the other in outcomes(): of graded planes each, else all.
  virtual std::vector<metrics::ConfusionMatrix> decisions(const metrics::ConfusionMatrix& confusion) const { return {confusion}; }
  /// Of each outcome the share of the labels, of planes of their own plane's.
  std::vector<double> truth_shares(const metrics::ConfusionMatrix& confusion) const;
  metrics::ConfusionMatrix confusion() const { return metrics::ConfusionMatrix(static_cast<int>(outcomes().size())); }
  /// Adds labels against decisions; kIgnoreLabel is left out.
  virtual void count(metrics::ConfusionMatrix& into, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided) const;
  /// What probabilities() are of, one after the other: classes, planes, "mild or worse"; none where they are values.
  virtual std::vector<std::string> events() const { return outcomes(); }
  /// As a report says it: what events are, and which of them is decided.
  virtual std::string events_are() const { return "each class against all others"; }
  virtual std::string decided() const { return "the likeliest class"; }
  /// Which outcome's color an event has.
  virtual int outcome_of(int event) const { return event; }
  /// Of what is graded: a pixel's grade in a plane with its fraction, 1.4, from its probabilities() (outputs). Throws OptionError of
  /// others.
  virtual float expected_grade(std::span<const float> probabilities, int plane) const;
  metrics::ProbabilityCounts probability_counts() const { return metrics::ProbabilityCounts(static_cast<int>(events().size())); }
  /// Adds probabilities (pixels, events) against labels as count() takes them; without events nothing.
  virtual void count(metrics::ProbabilityCounts& into, std::span<const std::uint8_t> truth, std::span<const float> probabilities) const {
    into.add(probabilities, truth, data::kIgnoreLabel);
  }
  /// How likely each label of a plane (0 of none) is, of one pixel's probabilities; nothing without events.
  virtual void distribution(std::span<const float> probabilities, int plane, std::vector<float>& labels) const;
  /// What of an image each outcome is, in their order; of those that are nowhere, such as "(none)" of planes, nothing.
  virtual std::vector<metrics::Region> regions() const;
  /// Of every outcome and their means. `undefined`: as of ConfusionMatrix::scores.
  virtual metrics::Scores scores(const metrics::ConfusionMatrix& confusion, double undefined = metrics::kUndefined) const {
    return confusion.scores(neutral_outcome(), undefined);
  }
  /// Every score by name, in the order of metrics.csv: accuracy, then dice, iou, precision, recall and specificity each as macro,
  /// macro_foreground, micro, micro_foreground and a class, then additive_dice.
  virtual Scalars summary(const metrics::ConfusionMatrix& confusion, double undefined = metrics::kUndefined) const;
  virtual Selection selection(const metrics::ConfusionMatrix& confusion, double undefined = metrics::kUndefined) const;
  /// Scores of one image, the first columns of per_image.csv, and how good they are (larger is better, NaN: undefined).
  virtual Scalars image_summary(const metrics::ConfusionMatrix& of_one_image) const;
  virtual double quality(const Scalars& image_summary) const { return image_summary.at("dice"); }
  /// Which of these numbers an image is ranked by, and what it is.
  virtual std::string image_score() const { return "dice"; }
  virtual std::string image_score_meaning() const;
  /// What quality() is, in a table's column.
  virtual std::string quality_is() const { return "Dice"; }
  /// "Dice 0.123".
  virtual std::string quality_text(const Scalars& image_summary) const;
  /// Scores of an epoch for its line, beside those of always answering the most frequent label.
  virtual std::string text(const metrics::ConfusionMatrix& confusion) const;
  /// A sentence on scores that only this kind of head has; empty: none.
  virtual std::string note(const metrics::ConfusionMatrix&) const { return {}; }

 private:
  data::LabelSchema schema_;
  std::string name_;
};

/// Of one mask, by class, as Item has them: pixels that have it, and those that do or are known not to.
struct MaskPixels {
  std::vector<std::int64_t> pixels, labelled;
};
/// Those of every mask of a data set that is open. Throws DataError where they were not counted.
std::vector<MaskPixels> mask_pixels(const std::vector<data::Item>& items);
/// How often each output should say yes, of values the grades of each, and in how many pixels it says anything: what class weights are made
/// from.
data::ClassCounts output_counts(const Head& head, const std::vector<MaskPixels>& masks);
inline data::ClassCounts output_counts(const Head& head, const std::vector<data::Item>& items) {
  return output_counts(head, mask_pixels(items));
}
/// Class weights (Head::weighed), by a rule, each part's from its own labels; 1 of one of several heads whose outputs are no classes.
std::vector<double> class_weights(const Head& head, data::WeightRule rule, const std::vector<MaskPixels>& masks);
/// Those of one part, from the counts of its head.
std::vector<double> class_weights(const Part& part, data::WeightRule rule, const data::ClassCounts& counts);
/// Of each output that is yes or no: pixels where it should say no over those where it should say yes, what scikit-learn's "balanced"
/// weighs the one against the other with. 1 where either never is, and of other outputs. Throws DataError as mask_pixels().
std::vector<double> balanced_positives(const Head& head, const std::vector<data::Item>& items);

/// A kind of head without the thresholds that it decides by, which can be others of the same weights: "damage=regression".
std::string without_thresholds(std::string kind);

/// The head for the labels of `schema`: `kind`, or where that is empty the first of the schema's task; of several heads "damage=corn,...".
/// Throws OptionError on an unknown kind, or one that such labels cannot have.
std::shared_ptr<const Head> make_head(const data::LabelSchema& schema, const std::string& kind = "", const std::string& name = kLabels);
/// The kinds that it knows, but for several heads.
std::span<const Choice> head_choices();

/// A kind of head, and the labels that it can learn.
struct HeadKind {
  std::string name = {};  ///< what kind() of its heads is
  std::string help = {};  ///< one line
  data::Task task = data::Task::multiclass;
  /// The head of these labels whose name() is `name`.
  std::function<std::shared_ptr<const Head>(const data::LabelSchema&, const std::string& name)> make = {};
};
/// Adds a kind to the table of the process, for programs that bring their own: `--head`, checkpoints and predictors then know it. Any
/// thread may call, while others look up. Throws OptionError when the name is taken or cannot be typed (require_new_name), or there is no
/// `make`.
void register_head(HeadKind kind);
/// Throws OptionError unless make_head makes such a head again: what a file of it is loaded by.
void require_loadable(const Head& head);

}  // namespace lamina::heads
