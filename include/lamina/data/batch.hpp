#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/core/names.hpp"
#include "lamina/core/tensor.hpp"
#include "lamina/data/windows.hpp"

namespace lamina::data {

/// What one step sees: tensors by name, whose first axis counts the items, and which items these are.
class Batch {
 public:
  std::vector<int> indices;
  std::vector<Window> windows;  ///< where its items are windows that cover photographs, one after the other: which

  std::int64_t size() const { return static_cast<std::int64_t>(indices.size()); }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Throws DataError that lists the names there are.
  const Tensor& at(std::string_view name) const {
    if (const Tensor* t = find(name)) return *t;
    std::string names;
    for (const auto& [have, tensor] : tensors_) names += (names.empty() ? "" : ", ") + have;
    throw DataError(message("the batch has no \"", std::string(name), "\"; it has ", names.empty() ? "nothing" : names));
  }
  void set(std::string_view name, Tensor tensor) {
    for (auto& [have, there] : tensors_)
      if (have == name) return void(there = std::move(tensor));
    tensors_.emplace_back(name, std::move(tensor));
  }
  const std::vector<std::pair<std::string, Tensor>>& tensors() const { return tensors_; }
  /// `count` items from `first` on; their tensors are views of these.
  Batch items(std::int64_t first, std::int64_t count) const {
    Batch some;
    some.indices.assign(indices.begin() + first, indices.begin() + first + count);
    if (!windows.empty()) some.windows.assign(windows.begin() + first, windows.begin() + first + count);
    for (const auto& [name, tensor] : tensors_) some.set(name, tensor.rows(first, count));
    return some;
  }
  /// How often each pixel counts in losses, (N, H, W) f32; none: once.
  Tensor pixel_weights() const { return contains(kPixelWeights) ? at(kPixelWeights) : Tensor{}; }

 private:
  const Tensor* find(std::string_view name) const {
    for (const auto& [have, tensor] : tensors_)
      if (have == name) return &tensor;
    return nullptr;
  }
  std::vector<std::pair<std::string, Tensor>> tensors_;
};

/// Where batches come from, epoch by epoch: the loader, or a program's own.
class Batches {
 public:
  virtual ~Batches() = default;
  /// Of an epoch.
  virtual std::int64_t batches() const = 0;
  /// Begins an epoch (again), at any batch.
  virtual void start(std::int64_t epoch, std::int64_t first_batch = 0) = 0;
  /// The next batch; false when the epoch is over.
  virtual bool next(Batch& batch) = 0;
  /// next(), after `given` batches of the epoch. Throws DataError, of `what`, where the source ends before batches(), or does not end
  /// there.
  bool next_of(Batch& batch, std::int64_t given, const char* what, std::int64_t epoch) {
    const bool more = next(batch);
    require<DataError>(more || given >= batches(), what, " ended in epoch ", epoch, " after ", given, " of the ", batches(),
                       " batches that Batches::batches() says; next() must give the rest, or batches() say fewer");
    require<DataError>(!more || given < batches(), what, " gave a batch more in epoch ", epoch, " than the ", batches(),
                       " that Batches::batches() says; next() must return false there, or batches() say more");
    return more;
  }
  /// What people call an item; by default its number.
  virtual std::string name(int index) const { return std::to_string(index); }
};

}  // namespace lamina::data
