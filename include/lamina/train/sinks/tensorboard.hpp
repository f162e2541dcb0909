#pragma once
#include <optional>

#include "lamina/io/tensorboard.hpp"
#include "lamina/train/sinks/sink.hpp"

namespace lamina::train {

/// RUN/tensorboard: every number of every epoch, at its step, the network's graph, and when all is done the pictures of RUN/overlays. A
/// resumed run takes back what it makes again.
class TensorBoard : public Sink {
 public:
  /// `graph`: drawn once, when the run begins.
  explicit TensorBoard(std::vector<models::GraphNode> graph = {}) : graph_(std::move(graph)) {}
  void start(const RunStart& run) override;
  void back(const RunStart& run) override { start(run); }
  void epoch(const EpochRecord& record, int epochs) override;
  void finish(const std::filesystem::path& folder) override;

 private:
  std::vector<models::GraphNode> graph_;
  std::optional<io::EventFile> events_;
  std::int64_t step_ = 0;
};

}  // namespace lamina::train
