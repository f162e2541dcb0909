// Photographs without labels: found, and streamed.
#include "lamina/data/photos.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "lamina/core/device.hpp"
#include "lamina/core/random.hpp"
#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPhotoStream = 0x70686f746f, kCropStream = 0x63726f70, kHoldOutStream = 0x686f6c64;
constexpr int kMostUnusable = 64;  // in a row
constexpr std::uint64_t kReadBytes = std::uint64_t{256} << 20, kFileCost = 4096;

void add_folder(const fs::path& folder, PhotoList& to) {
  std::vector<std::string> found;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    const bool hidden = path.filename().string().front() == '.';
    if (hidden && it->is_directory()) it.disable_recursion_pending();
    if (!hidden && has_image_extension(path) && !it->is_directory()) found.push_back(path.string());
  }
  require<IoError>(!error, "cannot list ", folder.string(), ": ", error.message());
  std::sort(found.begin(), found.end());
  for (const std::string& path : found) to.add(path);
}

void add_list(const fs::path& list, PhotoList& to) {
  const std::string text = io::read_file(list, std::uint64_t{1} << 30);
  const fs::path folder = list.parent_path();
  for (std::size_t begin = text.starts_with("\xef\xbb\xbf") ? 3 : 0, end; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || line[first] == '#') continue;
    line = line.substr(first, line.find_last_not_of(" \t\r") + 1 - first);
    require<DataError>(line.find('\0') == std::string_view::npos, list.string(), " is no list of photographs: it holds binary data");
    to.add(line.front() == '/' ? std::string(line) : (folder / line).string());
  }
}

/// What a source has; of a data set also what is without labels, and what must not be trained on.
struct Found {
  const char* kind = "photograph";
  PhotoList photos, unlabelled, validation, test;
};

void add_dataset(const fs::path& root, Found& to, std::uint64_t seed) {
  DatasetOptions options;
  options.need_masks = false;
  options.seed = seed;
  const DatasetFiles files = list_dataset(root, options);
  for (const Item& item : files.items(Split::train)) to.photos.add(item.image.string());
  for (const Item& item : files.items(Split::val)) to.validation.add(item.image.string());
  for (const Item& item : files.items(Split::test)) to.test.add(item.image.string());
  if (fs::is_regular_file(root / "unlabelled.txt"))
    add_list(root / "unlabelled.txt", to.unlabelled);
  else if (fs::is_directory(root / "unlabelled"))
    add_folder(root / "unlabelled", to.unlabelled);
}

Found found_in(const std::string& source, std::uint64_t seed) {
  Found found;
  if (fs::is_directory(fs::path(source) / "images"))
    found.kind = "data set", add_dataset(source, found, seed);
  else if (fs::is_directory(source))
    found.kind = "folder", add_folder(source, found.photos);
  else if (fs::exists(source) && has_image_extension(source))
    found.photos.add(source);
  else {
    require<DataError>(fs::is_regular_file(source), source, " is no data set, folder, list or photograph: there is no such file or folder");
    found.kind = "list";
    add_list(source, found.photos);
  }
  require<DataError>(found.photos.size() + found.unlabelled.size() + found.validation.size() > 0, source, ": the ", found.kind,
                     " holds no photographs (", supported_formats(), ")");
  return found;
}

/// Numbers of files, the same whatever path leads there.
class FileNumbers {
 public:
  std::uint64_t operator()(std::string_view path) {
    const fs::path p(path);
    std::error_code none;
    const auto [folder, fresh] = folders_.try_emplace(p.parent_path().string());
    if (fresh) folder->second = fs::weakly_canonical(p.has_parent_path() ? p.parent_path() : fs::path("."), none);
    fs::path file = folder->second / p.filename();
    if (fs::is_symlink(file, none)) file = fs::weakly_canonical(file, none);
    return std::hash<std::string>()(file.string());
  }

 private:
  std::unordered_map<std::string, fs::path> folders_;
};

/// What of several sources is trained on and validated with: each file once, and nothing of val and test lists trained on.
class Chooser {
 public:
  PhotoList all, validation;

  explicit Chooser(const std::vector<Found>& sources)
      : compare_(sources.size() > 1 || sources[0].validation.size() + sources[0].test.size() + sources[0].unlabelled.size() > 0) {
    for (const Found& f : sources)
      for (const PhotoList* list : {&f.validation, &f.test})
        for (std::size_t i = 0; i < list->size(); ++i) first_.emplace(number_((*list)[i]), kApart);
  }

  /// And a line on the source.
  std::string take(const std::string& source, Found f) {
    std::size_t again = 0, apart = 0;
    std::string note =
        message(source, ": a ", f.kind, " of ", counted(static_cast<std::int64_t>(f.photos.size() + f.unlabelled.size()), "photograph"));
    if (f.validation.size() > 0) note += message(", and ", f.validation.size(), " for validation");
    if (f.unlabelled.size() > 0)
      note += message("; ", f.unlabelled.size(), " have no labels (unlabelled.txt or unlabelled/ of the data set)");
    if (!compare_) all = std::exchange(f.photos, {});  // there is nothing else
    for (const PhotoList* list : {&f.photos, &f.unlabelled}) {
      ++part_;
      for (std::size_t i = 0; i < list->size(); ++i) {
        const int owner = first_.try_emplace(number_((*list)[i]), part_).first->second;
        if (owner == part_)
          all.add((*list)[i]);
        else
          ++(owner == kApart ? apart : again);
      }
    }
    for (std::size_t i = 0; i < f.validation.size(); ++i)
      if (validated_.insert(number_(f.validation[i])).second) validation.add(f.validation[i]);
    if (again) note += message("; ", again, " left out that came before");
    if (apart) note += message("; ", apart, " left out that val or test lists have");
    return note;
  }

 private:
  static constexpr int kApart = -1;
  bool compare_;
  int part_ = 0;
  FileNumbers number_;
  std::unordered_map<std::uint64_t, int> first_;  // the part that a file is taken from
  std::unordered_set<std::uint64_t> validated_;
};

/// A number that puts the names of a list in an order of chance.
std::uint64_t lot(std::string_view name, std::uint64_t seed) {
  const Philox p = RandomKey{seed, kHoldOutStream}.derive(io::crc32c(name)).block(io::crc32c(name, 1));
  return (std::uint64_t{p.v[0]} << 32) | p.v[1];
}

/// `count` of the list, chosen by the lot of their file names, wherever the folder lies, and the others, both in its order.
void hold_out(const PhotoList& list, std::size_t count, std::uint64_t seed, PhotoList& chosen, PhotoList& others) {
  std::vector<std::pair<std::uint64_t, std::size_t>> lots(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) lots[i] = {lot(fs::path(list[i]).filename().string(), seed), i};
  std::nth_element(lots.begin(), lots.begin() + static_cast<std::ptrdiff_t>(count), lots.end());
  std::vector<bool> held(list.size());
  for (std::size_t i = 0; i < count; ++i) held[lots[i].second] = true;
  for (std::size_t i = 0; i < list.size(); ++i) (held[i] ? chosen : others).add(list[i]);
}

bool is_gray(const Image& image) {
  if (image.channels == 1) return true;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    if (image.pixels[i] != image.pixels[i + 1] || image.pixels[i] != image.pixels[i + 2]) return false;
  return true;
}

}  // namespace

std::uint32_t PhotoList::checksum() const {
  const auto with = [](std::uint32_t sum, std::int64_t value) {
    return io::crc32c({reinterpret_cast<const char*>(&value), sizeof value}, sum);
  };
  std::uint32_t paths = io::crc32c(text_);
  for (const std::uint64_t end : ends_) paths = with(paths, static_cast<std::int64_t>(end));
  std::uint32_t changes = paths, contents = paths;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    std::error_code none;
    const fs::path path((*this)[i]);
    const std::uintmax_t length = fs::file_size(path, none);
    bytes += kFileCost + (none ? 0 : length);
    changes = with(with(changes, static_cast<std::int64_t>(length)), fs::last_write_time(path, none).time_since_epoch().count());
  }
  if (bytes > kReadBytes) return changes;
  for (std::size_t i = 0; i < size(); ++i) {
    std::int64_t content = -1;
    try {
      content = io::crc32c(io::read_regular_file((*this)[i]));
    } catch (const IoError&) {  // found when it is its turn
    }
    contents = with(contents, content);
  }
  return contents;
}

PhotoSets find_photos(const std::vector<std::string>& sources, int held_out, std::uint64_t seed) {
  require<OptionError>(held_out >= 0, "photographs held out: ", held_out, " is negative");
  require<DataError>(!sources.empty(), "there is no photograph to train on");
  std::vector<Found> found;
  for (const std::string& source : sources) found.push_back(found_in(source, seed));
  Chooser chosen(found);
  PhotoSets sets;
  for (std::size_t i = 0; i < sources.size(); ++i) sets.notes.push_back(chosen.take(sources[i], std::move(found[i])));
  PhotoList &all = chosen.all, &validation = chosen.validation;
  const std::size_t wanted = static_cast<std::size_t>(held_out);
  if (validation.size() > 0) {
    PhotoList unused;
    hold_out(validation, std::min(wanted, validation.size()), seed, sets.held_out, unused);
    sets.training = std::move(all);
  } else {
    hold_out(all, std::min(wanted, all.size() / 2), seed, sets.held_out, sets.training);
  }
  std::string where;
  for (const std::string& note : sets.notes) where += "\n  " + note;
  require<DataError>(sets.training.size() > 0, "there is no photograph to train on", where);
  return sets;
}

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
        options_.skip_unusable ? "" : "; remove it, or pass over such photographs");
    passed_over.data<float>()[i] = static_cast<float>(s.used);
    batch.indices.push_back(static_cast<int>(s.photos[s.used]));
  }
  batch.set(kImage, images);
  batch.set("passed_over", passed_over);
  position_ += count;
  return true;
}

}  // namespace lamina::data
