#pragma once
#include <memory>

#include "lamina/optim/optimizer.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/task.hpp"

namespace lamina::train {

/// Learning labels of pixels: a network, a head for each of its outputs, a criterion. Batches hold "image" and a tensor of labels by each
/// head's name.
class SegmentationTask : public Task {
 public:
  /// An output that learns the first head's labels, too, for what that does to the layers below it.
  struct Auxiliary {
    std::string output = {};
    double weight = 0;  ///< of its loss beside the head's
  };
  struct Parts {
    std::shared_ptr<models::Network> network = {};
    Heads heads = {};
    std::vector<Auxiliary> auxiliary = {};
    losses::Criterion criterion;
    std::unique_ptr<optim::Optimizer> optimizer = {};
    std::int64_t part = 0;                ///< images that are passed at once, the gradients of a batch being added up; 0: all
    bool merge_single = false;            ///< a last part of one image joins the one before
    bool watched = false;                 ///< validations also look for what sentinels judge by
    std::vector<std::string> notes = {};  ///< for the log, such as which weights the network begins with
    std::shared_ptr<data::Batches> training{}, validation{};  ///< validation may be null or empty
  };
  /// Throws OptionError when the criterion does not fit a head, ShapeError when the network has no output for it.
  explicit SegmentationTask(Parts parts);

  data::Batches& training() override { return *parts_.training; }
  Scalars step(const data::Batch& batch) override;
  bool validates() const override { return parts_.validation && parts_.validation->batches() > 0; }
  /// The score is the mean of the heads' selection scores.
  Validation validate() override;
  std::vector<std::string> score_names() const override;
  std::vector<std::string> notes() const override { return parts_.notes; }
  std::vector<Component> components() override { return {{"", parts_.network.get(), parts_.optimizer.get()}}; }
  std::vector<Sentinel> sentinels(double lr) const override;

  models::Network& network() { return *parts_.network; }
  const Heads& heads() const { return parts_.heads; }
  losses::Criterion& criterion() { return parts_.criterion; }
  const losses::Criterion& criterion() const { return parts_.criterion; }

 protected:
  void note(std::string line) { parts_.notes.push_back(std::move(line)); }

 private:
  /// Forward and backward. The loss of each part of a head counts by its share of the step's.
  Scalars pass(const data::Batch& batch, const std::vector<std::vector<double>>& shares);
  /// What a head's number is called where there are several heads.
  std::string name_of(const heads::Head& head, const std::string& scalar) const;
  void put(Scalars& to, const heads::Head& head, const Scalars& values) const;
  Parts parts_;
};

}  // namespace lamina::train
