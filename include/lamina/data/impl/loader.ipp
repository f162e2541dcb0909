// Prefetching loader: each worker makes whole batches, next() hands them out in order.
#include "lamina/data/loader.hpp"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "lamina/data/impl/pairing.hpp"
#include "lamina/data/pixel_weights.hpp"

namespace lamina::data {
namespace {

/// Words that keep the streams of random numbers apart.
constexpr std::uint64_t kOrderStream = 0x6f72646572, kAugmentStream = 0x6175676d, kFocusStream = 0x666f637573;

/// An item's decoded and fitted pixels.
struct Sample {
  Image image;
  LabelImage mask;
  PixelWeights weights;
  double mean_gray = 0;
  std::int64_t bytes() const { return static_cast<std::int64_t>(image.pixels.size() + mask.labels.size() + weights.image.pixels.size()); }
};

const LoaderOptions& valid(const LoaderOptions& o) {
  require<OptionError>(o.batch > 0 && o.width > 0 && o.height > 0, "a loader needs a batch and a size of at least 1, got batch ", o.batch,
                       " of ", o.width, "x", o.height);
  require<OptionError>(o.threads >= 0 && o.threads <= 256, "prefetch threads: ", o.threads, " is not in 0..256");
  require<OptionError>(o.crops >= 0 && o.foreground >= 0 && o.foreground <= 1, "a loader cannot draw ", o.crops,
                       " crops an item, a share of ", o.foreground, " of them on a class");
  require<OptionError>(o.foreground == 0 || !o.counted.empty(), "a loader that centers crops on classes needs to know them (`counted`)");
  return o;
}

/// What an epoch shows of an item: all of it, a crop, or a window.
struct Entry {
  int item = 0;
  Window window{};
};

std::vector<Entry> entries_of(const std::vector<Item>& items, const LoaderOptions& o) {
  std::vector<Entry> all;
  for (int i = 0; i < std::ssize(items); ++i) {
    const Item& item = items[static_cast<std::size_t>(i)];
    const bool cropped = o.resize == Resize::crop;
    require<OptionError>(!cropped || item.width > 0 || (!o.windows && o.crops > 0), item.image.string(),
                         ": windows of it need its size, which the items of an open data set have");
    const double fills = static_cast<double>(item.width) * item.height / (static_cast<double>(o.width) * o.height);
    if (cropped && o.windows)
      for (const Window& w : windows_of(item.width, item.height, o.width, o.height)) all.push_back({i, w});
    else
      all.insert(all.end(),
                 !cropped      ? 1
                 : o.crops > 0 ? static_cast<std::size_t>(o.crops)
                               : static_cast<std::size_t>(std::max(1.0, std::round(fills))),
                 Entry{.item = i});
  }
  return all;
}

/// A pixel of a class other than the background: each class of the item as often, each of its pixels too. None where there is none.
std::optional<std::pair<int, int>> draw_foreground(const LabelImage& mask, const std::vector<std::int64_t>& pixels,
                                                   const std::vector<LabelSchema::Label>& counted, RandomKey key) {
  std::vector<std::size_t> classes;
  for (std::size_t c = 0; c < pixels.size(); ++c)
    if (pixels[c] > 0 && !counted[c].background) classes.push_back(c);
  if (classes.empty()) return {};
  Random random(key);
  const std::size_t c = classes[random.below(classes.size())], values = mask.values(), plane = static_cast<std::size_t>(counted[c].plane);
  const std::uint8_t label = counted[c].label;
  auto before = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(pixels[c])));
  for (std::size_t i = 0; i < mask.labels.size() / values; ++i)
    if (mask.labels[i * values + plane] == label && before-- == 0)
      return std::pair{static_cast<int>(i) % mask.width, static_cast<int>(i) / mask.width};
  return {};
}

/// Keeps samples until the budget is spent, and the last one: windows of a photograph follow each other. In random order, keeping the first
/// ones is as good as any other choice.
class SampleCache {
 public:
  explicit SampleCache(std::int64_t budget) : budget_(budget) {}
  std::shared_ptr<const Sample> find(int item) {
    std::lock_guard lock(mutex_);
    if (last_.first == item) return last_.second;
    const auto it = samples_.find(item);
    return it == samples_.end() ? nullptr : it->second;
  }
  void offer(int item, const std::shared_ptr<const Sample>& sample) {
    std::lock_guard lock(mutex_);
    last_ = {item, sample};
    if (used_ + sample->bytes() > budget_ || !samples_.emplace(item, sample).second) return;
    used_ += sample->bytes();
  }

 private:
  std::mutex mutex_;
  std::map<int, std::shared_ptr<const Sample>> samples_;
  std::pair<int, std::shared_ptr<const Sample>> last_{-1, nullptr};
  std::int64_t budget_, used_ = 0;
};

}  // namespace

struct Loader::State {
  State(std::vector<Item> list, MaskDecoder decoder, const LoaderOptions& o)
      : items(std::move(list)), masks(std::move(decoder)), options(valid(o)), cache(o.cache_bytes), entries(entries_of(items, o)) {}
  ~State() { stop(); }

  std::vector<Item> items;
  MaskDecoder masks;
  LoaderOptions options;
  SampleCache cache;
  std::vector<Entry> entries;
  std::vector<int> order;  // of the entries
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
    const std::int64_t n = std::ssize(entries), b = options.batch;
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
    ThreadPool alone(1);
    const ExecutorScope scope(alone);  // the others compute
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
    Raster raster = read_raster(item.image, options.limits.of(FileRole::photograph));
    const int image_width = raster.width, image_height = raster.height, orientation = raster.orientation;
    const auto sample = std::make_shared<Sample>();
    Image photo = to_image(std::move(raster), item.image.string());
    require_bits(photo, options.normalization.bits, item.image.string());
    sample->image = fitted(with_channels(std::move(photo), options.normalization.channels, item.image.string()), options.width,
                           options.height, options.resize, options.border);
    if (!item.mask.empty()) {
      const LabelImage mask = read_mask(item, masks, options.limits);
      const std::string fault = detail::size_fault(item, mask.width, mask.height, image_width, image_height, orientation);
      require<DataError>(fault.empty(), fault);
      sample->mask = fitted(mask, options.width, options.height, options.resize, options.border);
    }
    if (!item.weights.empty()) {
      sample->weights = read_pixel_weights(item, options.limits);
      sample->weights.image = fitted(sample->weights.image, options.width, options.height, options.resize, Border{});
    }
    if (options.augment.contrast > 0) sample->mean_gray = mean_gray(sample->image);
    cache.offer(index, sample);
    return sample;
  }

  /// How training sees a sample.
  Transform draw(const Sample& sample, const Item& item, const TransformSizes& sizes, RandomKey key) const {
    const bool random_crop = options.random_crop && options.resize == Resize::crop, inside = !options.center_anywhere;
    Transform t = draw_transform(options.augment, key, sizes, random_crop && inside, sample.mean_gray);
    if (!random_crop) return t;
    if (!inside) center_anywhere(t, key, sizes);
    const RandomKey focus = key.derive(kFocusStream);
    if (options.foreground > 0 && Random(focus).uniform() < options.foreground)
      if (const auto at = draw_foreground(sample.mask, item.pixels, options.counted, focus.derive(1)))
        center_on(t, at->first, at->second, sizes, inside);
    return t;
  }

  Batch make(std::int64_t index) {
    const std::int64_t begin = index * options.batch, left = std::ssize(entries) - begin;
    const std::int64_t count = options.merge_single && left == options.batch + 1 ? left : std::min<std::int64_t>(options.batch, left);
    const int width = options.width, height = options.height;
    const auto number = [&](std::int64_t i) { return static_cast<std::size_t>(order[static_cast<std::size_t>(begin + i)]); };
    const Item& first = items[static_cast<std::size_t>(entries[number(0)].item)];
    const bool labelled = !first.mask.empty(), weighted = !first.weights.empty();
    const std::int64_t planes = masks.planes(), values = std::max<std::int64_t>(planes, 1);
    Batch batch;
    const std::int64_t channels = options.normalization.channels;
    const Tensor images = Tensor::empty({count, height, width, channels}, {DType::f32, options.device});
    Tensor labels = labelled ? Tensor::empty({count, height, width, values}, {DType::u8, options.device}) : Tensor{};
    const Tensor weights = weighted ? Tensor::empty({count, height, width, 1}, {DType::f32, options.device}) : Tensor{};
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& [item, window] = entries[number(i)];
      const auto sample = read(item);
      const TransformSizes sizes{sample->image.width, sample->image.height, width, height};
      const RandomKey key = RandomKey{options.seed, kAugmentStream}.derive(static_cast<std::uint64_t>(epoch)).derive(number(i));
      const Transform transform = window.width > 0 ? Transform{{.x = static_cast<double>(window.x), .y = static_cast<double>(window.y)}, {}}
                                                   : draw(*sample, items[static_cast<std::size_t>(item)], sizes, key);
      require<DataError>(sample->mask.labels.empty() != labelled && sample->weights.image.pixels.empty() != weighted,
                         items[static_cast<std::size_t>(item)].image.string(), ": only some of the items have masks, or weights of pixels");
      data::sample(sample->image, &sample->mask, transform, options.border, images.rows(i, 1), labelled ? labels.rows(i, 1) : Tensor{},
                   options.normalization);
      if (weighted)
        data::sample(sample->weights.image, nullptr, {transform.geometry, {}}, {}, weights.rows(i, 1), {},
                     {.channels = 1, .mean = {0}, .sd = {static_cast<float>(1 / sample->weights.most)}});
      batch.indices.push_back(item);
      if (window.width > 0) batch.windows.push_back(window);
    }
    batch.set(kImage, images);
    if (weighted) batch.set(kPixelWeights, weights.view_as({count, height, width}));
    if (labelled) batch.set(kLabels, planes == 0 ? labels.view_as({count, height, width}) : labels);
    return batch;
  }
};

Loader::Loader(std::vector<Item> items, MaskDecoder masks, const LoaderOptions& options)
    : state_(std::make_unique<State>(std::move(items), std::move(masks), options)) {
  require<OptionError>(!options.drop_last || state_->items.empty() || batches() > 0, "a batch of ", options.batch, " is more than the ",
                       size(), " images of the split; use a smaller batch");
}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;

std::int64_t Loader::batches() const { return state_->batches(); }
const std::vector<Item>& Loader::items() const { return state_->items; }
std::int64_t Loader::size() const { return std::ssize(state_->entries); }

void Loader::start(std::int64_t epoch, std::int64_t first_batch) {
  State& s = *state_;
  s.stop();
  s.epoch = epoch;
  s.next_to_make = s.next_to_give = first_batch;
  s.order.resize(s.entries.size());
  std::iota(s.order.begin(), s.order.end(), 0);
  if (s.options.shuffle) {
    Random random(RandomKey{s.options.seed, kOrderStream}.derive(static_cast<std::uint64_t>(epoch)));
    for (std::size_t i = s.order.size(); i > 1; --i) std::swap(s.order[i - 1], s.order[random.below(i)]);
  }
  for (int i = 0; i < s.options.threads; ++i) s.workers.emplace_back([&s] { s.work(); });
}

bool Loader::next(Batch& batch) {
  State& s = *state_;
  require<OptionError>(s.order.size() == s.entries.size(), "Loader::next: call start(epoch) first");
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

Tensor to_tensor(const ImageView& image, const Normalization& normalization) {
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
