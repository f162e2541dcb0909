#pragma once
#include <memory>
#include <string>
#include <vector>

#include "lamina/core/tensor.hpp"
#include "lamina/data/augment.hpp"
#include "lamina/data/batch.hpp"
#include "lamina/data/dataset.hpp"

namespace lamina::data {

struct LoaderOptions {
  int batch = 4;
  int width = 256, height = 256;
  Resize resize = Resize::stretch;
  Augment augment{};
  Border border{};
  Normalization normalization{};  ///< and how many channels the network has
  bool shuffle = false;
  bool random_crop = false;  ///< with Resize::crop: a window anywhere instead of the middle one
  /// Of a random crop: false, the window stays inside the image where that is large enough; true, its center is anywhere in the image.
  bool center_anywhere = false;
  int crops = 1;          ///< with Resize::crop: windows of each item an epoch; 0: as many as its pixels fill (those of an open data set)
  double foreground = 0;  ///< share of random crops that show a pixel of a class other than a background, each class of the item as often
  std::vector<LabelSchema::Label> counted{};  ///< LabelSchema::counted_labels, by which these are found
  bool windows = false;       ///< with Resize::crop: instead of crops the windows that cover each item (of an open data set), in order
  bool drop_last = false;     ///< leave out a last batch that is not full
  bool merge_single = false;  ///< a last batch of one item joins the one before
  std::uint64_t seed = 0;
  int threads = 1;                                   ///< prefetching threads; 0: next() does the work
  Device device{};                                   ///< of the tensors: where decoded photographs and masks are sampled
  std::int64_t cache_bytes = std::int64_t{1} << 30;  ///< of decoded 8-bit pixels kept in memory
  DecodeLimits limits{};
};

/// Batches of a list of items, in an order and with augmentations that are functions of (seed, epoch, item and crop): the number of threads
/// changes nothing. Their tensors: "image" (N, H, W, channels) f32, normalised (x * 2/255 - 1 unless said otherwise); where there are masks
/// "labels", u8: (N, H, W) of classes or kIgnoreLabel, of planes (N, H, W, planes) of 0 and 1, or grades,
/// or kIgnoreLabel; where items have them "pixel_weights" (N, H, W) f32, 0 outside of the photograph.
class Loader : public Batches {
 public:
  /// Throws OptionError: sizes or counts below 1, more items asked for in a batch than drop_last can fill.
  Loader(std::vector<Item> items, MaskDecoder masks, const LoaderOptions& options);
  Loader(const Dataset& dataset, Split split, const LoaderOptions& options) : Loader(dataset.items(split), dataset.masks, options) {}
  ~Loader() override;
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;

  std::int64_t batches() const override;
  const std::vector<Item>& items() const;
  /// How many items, crops or windows an epoch has.
  std::int64_t size() const;
  /// Begins an epoch (again), at any batch; prefetching starts here.
  void start(std::int64_t epoch, std::int64_t first_batch = 0) override;
  /// The next batch; false when the epoch is over. Throws what reading it threw: IoError, DataError (the file's name is in the
  /// message), MemoryError. The batch after it can still be asked for.
  bool next(Batch& batch) override;
  /// The photograph's file name without its ending.
  std::string name(int index) const override { return items()[static_cast<std::size_t>(index)].name; }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// (1, H, W, channels) f32, normalised; gray is repeated for three channels. What a network sees of a photograph of the right size.
Tensor to_tensor(const ImageView& image, const Normalization& normalization = {});
/// The (first) image of such a tensor, to look at.
Image to_show(const Tensor& image, const Normalization& normalization);

}  // namespace lamina::data
