#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "lamina/data/batch.hpp"
#include "lamina/heads/head.hpp"
#include "lamina/losses/criterion.hpp"
#include "lamina/models/network.hpp"

namespace lamina::train {

/// The heads of a network, each learning the output that has its name.
using Heads = std::vector<std::shared_ptr<const heads::Head>>;

struct ImageScore {
  int item = 0;        ///< index in the split
  Scalars scores;      ///< Head::image_summary
  double quality = 0;  ///< Head::quality
};

/// What one head says of a split.
struct Evaluation {
  metrics::ConfusionMatrix confusion;  ///< of the whole split
  Scalars losses;                      ///< means over the images, of criterion's values; none without one
  std::vector<ImageScore> images;
};

/// Runs the network in evaluation mode over everything `batches` yields; the modes of its layers are restored. Dropout that stays on draws
/// the same numbers in every call. One evaluation a head, in their order; `criterion` may be null, `progress(done, all)` empty. Throws
/// DataError where the network or the batches lack what a head is called.
std::vector<Evaluation> evaluate(models::Network& model, data::Batches& batches, const Heads& heads, const losses::Criterion* criterion,
                                 const std::function<void(std::int64_t, std::int64_t)>& progress = {});

/// Decisions of a head at the labels' size, on the host, logits being interpolated on `grid`: logits (N, h, w, C) -> u8 (N, height, width)
/// or (N, height, width, planes).
Tensor decisions_at(const heads::Head& head, const Tensor& logits, std::int64_t height, std::int64_t width, ResizeGrid grid);

}  // namespace lamina::train
