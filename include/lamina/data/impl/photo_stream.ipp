// Photographs without labels, streamed.
#include <numeric>
#include <utility>

#include "lamina/core/device.hpp"
#include "lamina/core/random.hpp"
#include "lamina/data/photos.hpp"

namespace lamina::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPhotoStream = 0x70686f746f, kCropStream = 0x63726f70;
constexpr int kMostUnusable = 64;  // in a row
constexpr const char* kStrict = "; remove it, or pass over such photographs (--unusable skip)";

bool is_gray(const Image& image) {
  if (image.channels == 1) return true;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    if (image.pixels[i] != image.pixels[i + 1] || image.pixels[i] != image.pixels[i + 2]) return false;
  return true;
}

}  // namespace

PhotoStream::PhotoStream(PhotoList photos, const PhotoOptions& options) : photos_(std::move(photos)), options_(options) {
  require<OptionError>(options.batch >= 1 && options.width >= 1 && options.height >= 1 && options.epoch_batches >= 0,
                       "a stream of photographs needs a batch and a size of at least 1, got batch ", options.batch, " of ", options.width,
                       "x", options.height);
}

std::int64_t PhotoStream::batches() const {
  const std::int64_t n = static_cast<std::int64_t>(photos_.size());
  return n == 0 ? 0 : options_.epoch_batches > 0 ? options_.epoch_batches : (n + options_.batch - 1) / options_.batch;
}

void PhotoStream::start(std::int64_t epoch, std::int64_t first_batch) {
  const std::int64_t n = static_cast<std::int64_t>(photos_.size());
  const std::int64_t photos = options_.epoch_batches > 0 ? options_.epoch_batches * options_.batch : n;  // of an epoch
  position_ = std::max<std::int64_t>(epoch - 1, 0) * photos;
  end_ = position_ + photos;
  position_ += first_batch * options_.batch;
}

std::size_t PhotoStream::at(std::int64_t pass, std::int64_t position) {
  if (!options_.shuffle) return static_cast<std::size_t>(position);
  if (pass != pass_) {
    order_.resize(photos_.size());
    std::iota(order_.begin(), order_.end(), 0u);
    Random random(RandomKey{options_.seed, kPhotoStream}.derive(static_cast<std::uint64_t>(pass)));
    for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
    pass_ = pass;
  }
  return order_[static_cast<std::size_t>(position)];
}

Image PhotoStream::read(std::size_t photo, std::string& problem) const {
  const fs::path path(photos_[photo]);
  try {
    Image image = fitted(read_image(path, options_.limits), options_.width, options_.height, options_.resize, options_.border);
    if (!is_gray(image)) return image;
    problem = path.string() + ": the photograph is gray: there are no colors to learn";
  } catch (const MemoryError&) {
    throw;
  } catch (const Error& e) {
    problem = e.what();
  }
  return {};
}

std::size_t PhotoStream::drop_unusable() {
  std::vector<std::string> problems(photos_.size());
  current_cpu().parallel(std::ssize(problems),
                         [&](std::int64_t i, int) { (void)read(static_cast<std::size_t>(i), problems[static_cast<std::size_t>(i)]); });
  PhotoList usable;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    if (problems[i].empty())
      usable.add(photos_[i]);
    else if (example_.empty())
      example_ = problems[i];
    require<DataError>(problems[i].empty() || options_.skip_unusable, problems[i], kStrict);
  }
  const std::size_t dropped = photos_.size() - usable.size();
  photos_ = std::move(usable), pass_ = -1;
  return dropped;
}

bool PhotoStream::next(Batch& batch) {
  const std::int64_t n = static_cast<std::int64_t>(photos_.size()), count = std::min<std::int64_t>(options_.batch, end_ - position_);
  if (count <= 0 || n == 0) return false;
  const int width = options_.width, height = options_.height;
  struct Slot {
    std::int64_t pass, position;
    std::vector<std::size_t> photos;  // the one of this position, and those that may stand in for it
    std::size_t used = 0;
    std::string problem;
  };
  std::vector<Slot> slots(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    Slot& s = slots[static_cast<std::size_t>(i)];
    s.pass = (position_ + i) / n, s.position = (position_ + i) % n;
    const std::int64_t choices = options_.skip_unusable ? std::min<std::int64_t>(n, kMostUnusable) : 1;
    for (std::int64_t k = 0; k < choices; ++k) s.photos.push_back(at(s.pass, (s.position + k) % n));
  }
  const Tensor images = Tensor::empty({count, height, width, 3}), passed_over = Tensor::zeros({count});
  current_cpu().parallel(count, [&](std::int64_t i, int) {
    Slot& s = slots[static_cast<std::size_t>(i)];
    Image image;
    while (s.used < s.photos.size() && (image = read(s.photos[s.used], s.problem)).pixels.empty()) ++s.used;
    if (s.used == s.photos.size()) return;
    const TransformSizes sizes{image.width, image.height, width, height};
    RandomKey key = RandomKey{options_.seed, kCropStream}.derive(static_cast<std::uint64_t>(s.pass)).derive(s.photos[s.used]);
    const bool cropped = options_.shuffle && options_.resize == Resize::crop;
    Transform t = draw_transform(options_.augment, key, sizes, cropped && !options_.center_anywhere,
                                 options_.augment.contrast > 0 ? mean_gray(image) : 0);
    if (cropped && options_.center_anywhere) center_anywhere(t, key, sizes);
    sample(image, t, options_.border, width, height, images.data<float>() + i * height * width * 3);
  });
  batch = {};
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Slot& s = slots[i];
    if (!s.problem.empty()) example_ = s.problem;
    require<DataError>(
        s.used<s.photos.size(), s.problem, s.used> 1 ? message("; so are the ", s.used - 1, " photographs before it").c_str() : "",
        options_.skip_unusable ? "" : kStrict);
    passed_over.data<float>()[i] = static_cast<float>(s.used);
    batch.indices.push_back(static_cast<int>(s.photos[s.used]));
  }
  batch.set(kImage, images);
  batch.set("passed_over", passed_over);
  position_ += count;
  return true;
}

}  // namespace lamina::data
