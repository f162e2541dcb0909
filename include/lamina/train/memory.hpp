#pragma once
#include <algorithm>

#include "lamina/core/free_memory.hpp"
#include "lamina/heads/head.hpp"
#include "lamina/train/config.hpp"

namespace lamina::train {

/// What training takes of the device's memory at its peak, in bytes: weights, gradients, the optimizer's state and what belongs to a batch,
/// from a forward and a backward on the meta device. Scratch of kernels is not counted: on the CPU some hundred
/// kilobytes for each thread that has work, which a step needs where it does not take the most.
struct StepMemory {
  double fixed = 0, per_image = 0;
  double waiting = 0;  ///< batches of updates on the host: in use, ready, being made
  double saving = 0;   ///< when a checkpoint is written or read: of the host, without a batch
  double of(double images) const { return std::max(saving, fixed + waiting + per_image * images); }
};
StepMemory step_memory(const TrainConfig& config, const heads::Head& head, int channels);

/// How the host's free memory is shared: a quarter, at most 4 GiB, is not for tensors but for what is decoded, read and kept beside them;
/// a quarter of that for the photographs that a loader keeps. Of what is for tensors a step may take four fifths: blocks of other sizes are
/// cached beside those in use.
struct HostMemory {
  explicit HostMemory(const FreeMemory& free = free_memory())
      : tensors(free.bytes - std::min(free.bytes / 4, std::int64_t{4} << 30)),
        step(tensors / 5 * 4),
        photographs((free.bytes - tensors) / 4) {}
  std::int64_t tensors, step, photographs;
};

/// Throws MemoryError where a step takes more than `bytes`: both numbers, and the largest batch or size that fits.
void require_memory(const TrainConfig& config, const StepMemory& step, std::int64_t bytes, const std::string& limit);

}  // namespace lamina::train
