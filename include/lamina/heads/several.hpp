#pragma once
#include <functional>

#include "lamina/heads/head.hpp"

namespace lamina::heads {

/// What is asked of every pixel (LabelSchema::heads), each by a head of its own, with outputs one after the other: the rows of a last layer
/// that share nothing are as many last layers. Labels and decisions have the planes of each head, a plane where a head has one label.
///
/// They are counted plane by plane, of classes that may overlap "no hair" and "hair". Means are means over the heads.
class Several : public Head {
 public:
  /// `kinds`: "damage=corn,..." of heads that are not what their labels get unless something else is asked for. Throws OptionError.
  Several(const data::LabelSchema& schema, const std::string& kinds, const std::string& name);

  const char* kind() const override { return kinds_.c_str(); }
  int outputs() const override;
  const char* outputs_are() const override { return "outputs of all heads"; }
  std::vector<int> tied() const override;
  int planes() const override { return static_cast<int>(schema().labels_per_pixel()); }
  std::vector<Part> parts() const override;
  metrics::ConfusionMatrix of_part(const metrics::ConfusionMatrix& confusion, std::size_t part) const override;
  /// The first one that a head has.
  std::optional<LossActivation> activation() const override;
  Tensor probabilities(const Tensor& logits) const override;
  Tensor decide(const Tensor& scores, Scale scale) const override;
  std::vector<std::int64_t> output_pixels(std::vector<std::int64_t> pixels) const override;
  std::vector<std::int64_t> output_negatives(std::vector<std::int64_t> pixels, std::vector<std::int64_t> labelled) const override;
  std::vector<std::string> outcomes() const override { return schema().counted(); }
  int neutral_outcome() const override { return -1; }
  bool is_neutral(int outcome) const override { return schema().is_background(outcome); }
  metrics::ConfusionMatrix baseline(const metrics::ConfusionMatrix& confusion) const override;
  std::vector<metrics::ConfusionMatrix> decisions(const metrics::ConfusionMatrix& confusion) const override;
  void count(metrics::ConfusionMatrix& into, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided) const override;
  std::vector<std::string> events() const override;
  std::string events_are() const override { return of_each(&Head::events_are); }
  std::string decided() const override { return of_each(&Head::decided); }
  int outcome_of(int event) const override;
  void count(metrics::ProbabilityCounts& into, std::span<const std::uint8_t> truth, std::span<const float> probabilities) const override;
  void distribution(std::span<const float> probabilities, int plane, std::vector<float>& labels) const override;
  float expected_grade(std::span<const float> probabilities, int plane) const override;
  std::string image_score_meaning() const override;
  std::vector<metrics::Region> regions() const override;
  metrics::Scores scores(const metrics::ConfusionMatrix& confusion, double undefined = metrics::kUndefined) const override;
  /// Also each head's own, "damage/quadratic_kappa".
  Scalars summary(const metrics::ConfusionMatrix& confusion, double undefined = metrics::kUndefined) const override;
  bool is_tested_by(const metrics::ConfusionMatrix& confusion) const override;
  Selection selection(const metrics::ConfusionMatrix& confusion, double undefined = metrics::kUndefined) const override;
  std::string text(const metrics::ConfusionMatrix& confusion) const override;
  std::string note(const metrics::ConfusionMatrix& confusion) const override;

 private:
  /// A head, and the first of the outputs, planes and outcomes that are its own.
  struct Own {
    std::shared_ptr<const Head> head;
    int output = 0, plane = 0, outcome = 0;
    bool overlaps = false;  ///< classes that may overlap are counted twice: that they are not there, that they are
    int planes() const { return std::max(1, head->planes()); }
    std::span<const float> outputs_in(std::span<const float> all) const {
      return all.subspan(static_cast<std::size_t>(output), static_cast<std::size_t>(head->outputs()));
    }
    /// Its own of Item::pixels, as it has them alone.
    std::vector<std::int64_t> counted(const std::vector<std::int64_t>& all) const;
    /// Its own of values that pixels have `all` of, from the `first` on.
    template <class T>
    static std::vector<T> values(std::span<const T> of_all, int all, int first, int count);
  };
  /// "tissue: the likeliest class; damage: ...", of heads that have events.
  std::string of_each(std::string (Head::*text)() const) const;
  /// Whose the plane is.
  const Own& owner(int plane) const;
  /// One number an output, from those of each head.
  std::vector<std::int64_t> of_heads(const std::function<std::vector<std::int64_t>(const Own&)>& of) const;
  std::vector<Own> heads_;
  std::string kinds_;
};

}  // namespace lamina::heads
