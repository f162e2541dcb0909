// Prefetching loader: each worker makes whole batches, next() hands them out in order.
#include "lamina/data/loader.hpp"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

namespace lamina::data {
namespace {

/// Words that keep the streams of random numbers apart.
constexpr std::uint64_t kOrderStream = 0x6f72646572, kAugmentStream = 0x6175676d;

/// An item's decoded and fitted pixels.
struct Sample {
  Image image;
  LabelImage mask;
  double mean_gray = 0;
  std::int64_t bytes() const { return static_cast<std::int64_t>(image.pixels.size() + mask.labels.size()); }
};

/// Keeps samples until the budget is spent. In random order, keeping the first ones is as good as any other choice.
class SampleCache {
 public:
  explicit SampleCache(std::int64_t budget) : budget_(budget) {}
  std::shared_ptr<const Sample> find(int item) {
    std::lock_guard lock(mutex_);
    const auto it = samples_.find(item);
    return it == samples_.end() ? nullptr : it->second;
  }
  void offer(int item, const std::shared_ptr<const Sample>& sample) {
    std::lock_guard lock(mutex_);
    if (used_ + sample->bytes() > budget_ || !samples_.emplace(item, sample).second) return;
    used_ += sample->bytes();
  }

 private:
  std::mutex mutex_;
  std::map<int, std::shared_ptr<const Sample>> samples_;
  std::int64_t budget_, used_ = 0;
};

}  // namespace

struct Loader::State {
  State(std::vector<Item> list, MaskDecoder decoder, const LoaderOptions& o)
      : items(std::move(list)), masks(std::move(decoder)), options(o), cache(o.cache_bytes) {}
  ~State() { stop(); }

  std::vector<Item> items;
  MaskDecoder masks;
  LoaderOptions options;
  SampleCache cache;
  std::vector<int> order;
  std::int64_t epoch = 0;

  struct Made {
    Batch batch;
    std::exception_ptr error;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::int64_t, Made> made;
  std::int64_t next_to_make = 0, next_to_give = 0;
  bool stopping = false;
  std::vector<std::thread> workers;

  std::int64_t batches() const {
    const std::int64_t n = static_cast<std::int64_t>(items.size()), b = options.batch;
    const bool merged = options.merge_single && n > b && n % b == 1;
    return options.drop_last || merged ? n / b : (n + b - 1) / b;
  }

  void stop() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    for (std::thread& w : workers) w.join();
    workers.clear();
    made.clear();
    stopping = false;
  }

  void work() {
    const std::int64_t ahead = options.threads;
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stopping || next_to_make >= batches() || next_to_make < next_to_give + ahead; });
      if (stopping || next_to_make >= batches()) return;
      const std::int64_t index = next_to_make++;
      lock.unlock();
      Made result;
      try {
        result.batch = make(index);
      } catch (...) {
        result.error = std::current_exception();
      }
      lock.lock();
      made.emplace(index, std::move(result));
      changed.notify_all();
    }
  }

  std::shared_ptr<const Sample> read(int index) {
    if (auto cached = cache.find(index)) return cached;
    const Item& item = items[static_cast<std::size_t>(index)];
    Raster raster = read_raster(item.image, options.limits);
    const int image_width = raster.width, image_height = raster.height, orientation = raster.orientation;
    const auto sample = std::make_shared<Sample>();
    sample->image =
        fitted(with_channels(to_image(std::move(raster), item.image.string()), options.normalization.channels, item.image.string()),
               options.width, options.height, options.resize, options.border);
    if (!item.mask.empty()) {
      const LabelImage mask = read_mask(item, masks, options.limits);
      require<DataError>(mask.width == image_width && mask.height == image_height, item.mask.string(), ": the mask has ", mask.width, "x",
                         mask.height, " pixels, its image ", item.image.string(), " ", image_width, "x", image_height,
                         orientation == 1 ? "" : message(" after applying its EXIF orientation ", orientation));
      sample->mask = fitted(mask, options.width, options.height, options.resize, options.border);
    }
    if (options.augment.contrast > 0) sample->mean_gray = mean_gray(sample->image);
    cache.offer(index, sample);
    return sample;
  }

  Batch make(std::int64_t index) {
    const std::int64_t begin = index * options.batch, left = static_cast<std::int64_t>(items.size()) - begin;
    const std::int64_t count = options.merge_single && left == options.batch + 1 ? left : std::min<std::int64_t>(options.batch, left);
    const int width = options.width, height = options.height;
    const std::int64_t pixels = std::int64_t{width} * height;
    const bool labelled = !items[static_cast<std::size_t>(order[static_cast<std::size_t>(begin)])].mask.empty();
    const std::int64_t planes = masks.planes(), values = std::max<std::int64_t>(planes, 1);
    Batch batch;
    const std::int64_t channels = options.normalization.channels;
    const Tensor images = Tensor::empty({count, height, width, channels});
    Tensor labels = labelled ? Tensor::empty({count, height, width, values}, {DType::u8, kCpu}) : Tensor{};
    for (std::int64_t i = 0; i < count; ++i) {
      const int item = order[static_cast<std::size_t>(begin + i)];
      const auto sample = read(item);
      const TransformSizes sizes{sample->image.width, sample->image.height, width, height};
      const RandomKey key =
          RandomKey{options.seed, kAugmentStream}.derive(static_cast<std::uint64_t>(epoch)).derive(static_cast<std::uint64_t>(item));
      const bool random_crop = options.random_crop && options.resize == Resize::crop;
      Transform transform = draw_transform(options.augment, key, sizes, random_crop && !options.center_anywhere, sample->mean_gray);
      if (random_crop && options.center_anywhere) center_anywhere(transform, key, sizes);
      data::sample(sample->image, transform, options.border, width, height, images.data<float>() + i * pixels * channels,
                   options.normalization);
      require<DataError>(sample->mask.labels.empty() != labelled, items[static_cast<std::size_t>(item)].image.string(),
                         ": only some of the items have masks");
      if (labelled) data::sample(sample->mask, transform, options.border, width, height, labels.data<std::uint8_t>() + i * pixels * values);
      batch.indices.push_back(item);
    }
    batch.set(kImage, images);
    if (labelled) batch.set(kLabels, planes == 0 ? labels.view_as({count, height, width}) : labels);
    return batch;
  }
};

Loader::Loader(std::vector<Item> items, MaskDecoder masks, const LoaderOptions& options)
    : state_(std::make_unique<State>(std::move(items), std::move(masks), options)) {
  require<OptionError>(options.batch > 0 && options.width > 0 && options.height > 0,
                       "a loader needs a batch and a size of at least 1, got batch ", options.batch, " of ", options.width, "x",
                       options.height);
  require<OptionError>(options.threads >= 0 && options.threads <= 256, "prefetch threads: ", options.threads, " is not in 0..256");
  require<OptionError>(!options.drop_last || state_->items.empty() || batches() > 0, "a batch of ", options.batch, " is more than the ",
                       state_->items.size(), " images of the split; use a smaller batch");
}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;

std::int64_t Loader::batches() const { return state_->batches(); }
const std::vector<Item>& Loader::items() const { return state_->items; }

void Loader::start(std::int64_t epoch, std::int64_t first_batch) {
  State& s = *state_;
  s.stop();
  s.epoch = epoch;
  s.next_to_make = s.next_to_give = first_batch;
  s.order.resize(s.items.size());
  std::iota(s.order.begin(), s.order.end(), 0);
  if (s.options.shuffle) {
    Random random(RandomKey{s.options.seed, kOrderStream}.derive(static_cast<std::uint64_t>(epoch)));
    for (std::size_t i = s.order.size(); i > 1; --i) std::swap(s.order[i - 1], s.order[random.below(i)]);
  }
  for (int i = 0; i < s.options.threads; ++i) s.workers.emplace_back([&s] { s.work(); });
}

bool Loader::next(Batch& batch) {
  State& s = *state_;
  require<OptionError>(s.order.size() == s.items.size(), "Loader::next: call start(epoch) first");
  if (s.next_to_give >= s.batches()) return false;
  if (s.options.threads == 0) {
    batch = s.make(s.next_to_give++);
    return true;
  }
  std::unique_lock lock(s.mutex);
  s.changed.wait(lock, [&] { return s.made.count(s.next_to_give) > 0; });
  State::Made made = std::move(s.made.extract(s.next_to_give++).mapped());
  lock.unlock();
  s.changed.notify_all();
  if (made.error) std::rethrow_exception(made.error);
  batch = std::move(made.batch);
  return true;
}

Tensor to_tensor(const Image& image, const Normalization& normalization) {
  require_valid("to_tensor", image);
  Tensor t = Tensor::empty({1, image.height, image.width, normalization.channels});
  sample(image, center_window({image.width, image.height, image.width, image.height}), {}, image.width, image.height, t.data<float>(),
         normalization);
  return t;
}

Image to_show(const Tensor& image, const Normalization& n) {
  const auto height = static_cast<int>(image.size(1)), width = static_cast<int>(image.size(2));
  const std::vector<float> values = image.to_vector<float>();
  const std::size_t channels = static_cast<std::size_t>(n.channels), shown = channels >= 3 ? 3 : 1;
  Image out(width, height, 3);
  float least = 0, most = 1;  // of what is shown, in full intensities
  const auto intensity = [&](std::size_t pixel, std::size_t c) {
    return n.mean.empty() ? (values[pixel * channels + c] + 1) * 0.5f : values[pixel * channels + c] * n.sd[c] + n.mean[c];
  };
  if (!n.mean.empty()) {
    least = most = intensity(0, 0);
    for (std::size_t i = 0; i < shown * out.pixels.size() / 3; ++i)
      least = std::min(least, intensity(i / shown, i % shown)), most = std::max(most, intensity(i / shown, i % shown));
  }
  for (std::size_t i = 0; i < out.pixels.size(); ++i) {
    const float v = (intensity(i / 3, shown == 3 ? i % 3 : 0) - least) / std::max(most - least, 1e-12f);
    out.pixels[i] = static_cast<std::uint8_t>(std::lround(std::clamp(v * 255, 0.0f, 255.0f)));
  }
  return out;
}

}  // namespace lamina::data
