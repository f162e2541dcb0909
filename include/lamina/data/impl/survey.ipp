#include "lamina/data/impl/survey.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "lamina/core/device.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/impl/mask_values.hpp"
#include "lamina/data/impl/pairing.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {
namespace {

std::uint64_t hash64(std::string_view bytes, std::uint64_t h) {
  const auto stir = [&](std::uint64_t word) {
    h = (h ^ word) * 0x9e3779b97f4a7c15ull;
    h ^= h >> 29;
  };
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    stir(word);
  }
  for (const char c : bytes) stir(static_cast<unsigned char>(c) + 256u);
  return h;
}

bool alpha_varies(const Raster& r) {
  if (!r.has_alpha) return false;
  const auto n = static_cast<std::size_t>(r.channels);
  for (std::size_t p = 1; p < r.pixel_count(); ++p)
    if (r.sample(p * n + n - 1) != r.sample(n - 1)) return true;
  return false;
}

/// Runs `f`; what is wrong with the data becomes text.
template <class F>
void keeping_error(std::string& error, const F& f) {
  try {
    f();
  } catch (const IoError& e) {
    error = e.what();
  } catch (const DataError& e) {
    error = e.what();
  }
}

/// Each band's sum and sum of squares; gray's three times.
template <class T>
void add_up(const Image& image, Inspection& result) {
  std::uint64_t sums[kMostChannels] = {}, squares[kMostChannels] = {};  // exact to 2^32 pixels of 16 bits
  const T* samples = reinterpret_cast<const T*>(image.pixels.data());
  const std::size_t bands = static_cast<std::size_t>(image.channels);
  for (const T* end = samples + image.samples(); samples < end; samples += bands)
    for (std::size_t c = 0; c < bands; ++c) {
      const std::uint64_t v = samples[c];
      sums[c] += v, squares[c] += v * v;
    }
  const double full = image.max_value;
  for (std::size_t c = 0; c < (bands == 1 ? 3 : bands); ++c) {
    const std::size_t k = bands == 1 ? 0 : c;
    result.sums.push_back(static_cast<double>(sums[k]) / full);
    result.squares.push_back(static_cast<double>(squares[k]) / (full * full));
  }
}

void inspect_photo(const Item& item, const DecodeLimits& limits, Inspection& result) {
  const std::string bytes = io::read_regular_file(item.image, static_cast<std::uint64_t>(limits.max_file_bytes));
  Raster raster = decode_raster(bytes, item.image.string(), limits.of(FileRole::photograph));
  result.max_value = raster.max_value;
  result.orientation = raster.orientation;
  result.image_format = raster.format;
  result.image_notes = raster.notes;
  if (alpha_varies(raster)) result.image_notes.emplace_back("an alpha channel, which is not read");
  const Image image = to_image(std::move(raster), item.image.string());
  result.photo_read = true;
  result.width = image.width;
  result.height = image.height;
  result.channels = image.channels;
  result.file_hash = hash64(bytes, bytes.size());
  result.pixel_hash = hash64({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()},
                             static_cast<std::uint64_t>(image.width * 3 + image.channels));
  (image.max_value > 255 ? add_up<std::uint16_t> : add_up<std::uint8_t>)(image, result);
}

}  // namespace

std::string examples(const std::vector<std::string>& names) {
  std::string s;
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 4); ++i) s += (i ? ", " : "") + names[i];
  return names.size() > 4 ? s + ", ..." : s;
}

void add_overlaps(Pairs& to, const MaskContent& mask, const MaskDecoder& decoder) {
  const LabelSchema& schema = decoder.schema();
  const auto name = [&](std::uint32_t plane) {
    const int label = decoder.class_of(mask, plane);
    return label < 0 || label >= schema.classes() ? message("plane ", plane) : "'" + schema.names[static_cast<std::size_t>(label)] + "'";
  };
  for (const auto& [planes, pixels] : mask.overlaps) to[message(name(planes.first), " and ", name(planes.second))] += pixels;
}

std::string overlaps_text(const Pairs& pairs) {
  constexpr std::size_t kTold = 4;
  std::vector<std::pair<std::int64_t, std::string>> sorted;
  for (const auto& [names, pixels] : pairs) sorted.emplace_back(-pixels, message(names, " at ", pixels));
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (std::size_t k = 0; k < std::min(sorted.size(), kTold); ++k) text += (k ? ", " : " (") + sorted[k].second;
  return text + (sorted.empty() ? "" : sorted.size() > kTold ? message(" and ", sorted.size() - kTold, " other pairs)") : ")");
}

Survey::Survey(DatasetFiles& files, const DatasetOptions& options, bool photos) {
  items = files.all_items();
  for (const Split split : kSplits) splits.insert(splits.end(), files.items(split).size(), split);
  found.resize(items.size());
  const MaskReading& reading = files.schema.reading;
  current_cpu().parallel(static_cast<std::int64_t>(items.size()), [&](std::int64_t i, int) {
    Item& item = items[static_cast<std::size_t>(i)];
    Inspection& in = found[static_cast<std::size_t>(i)];
    const bool array = item.mask.extension() == ".npy";  // whose axes the photograph's size tells apart
    if (photos || reading.as_stored || array) keeping_error(in.image_error, [&] { inspect_photo(item, options.limits, in); });
    if (reading.as_stored) item.turn = in.orientation;
    item.width = in.width, item.height = in.height;
    if (!item.mask.empty()) keeping_error(in.mask_error, [&] { in.mask = inspect_mask(item, files.schema, options.limits); });
  });
  std::size_t i = 0;
  for (auto& split : files.splits)
    for (Item& item : split) item.turn = items[i++].turn;
}

namespace {

/// Faults of the photographs, or masks, of a data set, told in the order of the files: one that at least half of them have, but for names
/// and numbers, is told once.
class Faults {
 public:
  Faults(const char* what, std::int64_t of) : what_(what), of_(of) {}

  void add(const Item& item, const std::filesystem::path& file, const std::string& text) {
    if (text.empty()) return;
    std::string kind = text;
    std::vector<std::filesystem::path> names = item.planes;
    names.insert(names.end(), {item.mask, item.image});
    for (const std::filesystem::path& name : names)
      for (std::size_t at = 0; !name.empty() && (at = kind.find(name.string())) != std::string::npos;) kind.erase(at, name.string().size());
    std::erase_if(kind, [](char c) { return std::string_view("0123456789.e+-").find(c) != std::string_view::npos; });
    auto& alike = kinds_[kind];
    alike.files.push_back(file.filename().string());
    alike.all.push_back(all_.size());
    all_.push_back(text);
  }
  void tell(std::vector<Finding>& findings) {
    for (const auto& [kind, alike] : kinds_) {
      const std::int64_t count = std::ssize(alike.files);
      if (count < 3 || 2 * count < of_) continue;
      all_[alike.all[0]] += message(" (", count, " of ", of_, " ", what_, " are so: ", examples(alike.files), ")");
      for (std::size_t i = 1; i < alike.all.size(); ++i) all_[alike.all[i]].clear();
    }
    for (std::string& text : all_)
      if (!text.empty()) findings.push_back({true, std::move(text)});
  }

 private:
  struct Alike {
    std::vector<std::string> files;
    std::vector<std::size_t> all;
  };
  const char* what_;
  std::int64_t of_;
  std::vector<std::string> all_;
  std::map<std::string, Alike> kinds_;
};

}  // namespace

std::int64_t Survey::masks() const {
  return std::count_if(items.begin(), items.end(), [](const Item& item) { return !item.mask.empty(); });
}

void Survey::tell_of_errors(std::vector<Finding>& findings) const {
  Faults of_photos("photographs", std::ssize(items)), of_masks("masks", masks());
  for (std::size_t i = 0; i < items.size(); ++i) {
    of_photos.add(items[i], items[i].image, found[i].image_error);
    of_masks.add(items[i], items[i].mask, found[i].mask_error);
  }
  of_photos.tell(findings);
  of_masks.tell(findings);
}

namespace {
/// Whether alpha varies and is not read: as labels, or as the fourth of one-hot planes.
bool leaves_alpha(const MaskContent& mask, const LabelSchema& schema) {
  for (std::size_t h = 0; h < mask.heads.size(); ++h)
    if (leaves_alpha(mask.heads[h], schema.heads[h])) return true;
  return mask.alpha_varies && (mask.rgba.empty() || mask_values::planes_in(schema) != 4);
}
}  // namespace

void Survey::tell_of_files(const LabelSchema& schema, std::vector<Finding>& findings) const {
  std::vector<std::string> lossy, turned, own, transparent;
  bool may_be_class = false;
  std::map<std::string, std::vector<std::string>> notes;  // files by what is to be said of them
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Inspection& in = found[i];
    for (const std::string& note : in.image_notes) notes[note].push_back(items[i].image.string());
    if (items[i].mask.empty() || !in.mask_error.empty()) continue;
    for (const std::string& note : in.mask.notes) notes[note].push_back(items[i].mask.string());
    const std::string name = items[i].mask.filename().string();
    if (in.mask.lossy) lossy.push_back(name);
    if (leaves_alpha(in.mask, schema)) transparent.push_back(name), may_be_class |= !in.mask.rgba.empty();
    if (in.orientation == in.mask.orientation || !in.photo_read || in.mask.width == 0) continue;
    if (in.mask.orientation == 1 && in.orientation > 4 && in.width != in.height && in.mask.width == in.width) continue;  // it lies as shown
    (in.mask.orientation == 1 ? turned : own).push_back(in.mask.orientation == 1 ? items[i].image.filename().string() : name);
  }
  const auto warn = [&](const std::string& text) { findings.push_back({false, text}); };
  for (const auto& [note, files] : notes) warn(message(counted(std::ssize(files), "file"), ": ", note, ": ", examples(files)));
  if (!lossy.empty())
    warn(message(counted(std::ssize(lossy), "mask is a lossy file", "masks are lossy files"),
                 " (JPEG, WebP), which smear labels at their borders; save masks as PNG: ", examples(lossy)));
  if (!transparent.empty())
    warn(message(counted(std::ssize(transparent), "mask has", "masks have"),
                 " an alpha channel that varies and is not read (--mask-channel alpha reads it instead",
                 may_be_class ? "; \"encoding\": \"planes\" and a label for each of R, G, B and A in dataset.json read it as a class" : "",
                 "): ", examples(transparent)));
  if (schema.reading.as_stored) return;
  if (!own.empty())
    warn(message(counted(std::ssize(own), "mask is turned by its", "masks are turned by their"),
                 " own EXIF or TIFF orientation, which is not that of the photograph. Where masks fit the pixels as they are stored, say "
                 "--mask-frame stored (\"mask_frame\": \"stored\" in dataset.json): ",
                 examples(own)));
  if (!turned.empty())
    warn(message(counted(std::ssize(turned), "photograph is turned by its", "photographs are turned by their"),
                 " EXIF orientation, which the masks do not have. Where masks were drawn on "
                 "the pixels as they are stored, say --mask-frame stored (\"mask_frame\": \"stored\" in dataset.json): ",
                 examples(turned)));
}

std::vector<std::size_t> Survey::copied() const {
  std::map<std::uint64_t, std::size_t> first;
  std::vector<std::size_t> from(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) from[i] = found[i].photo_read ? first.emplace(found[i].pixel_hash, i).first->second : i;
  return from;
}

void Survey::tell_of_duplicates(std::vector<Finding>& findings) const {
  const std::vector<std::size_t> from = copied();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::size_t other = from[i];
    if (other == i) continue;
    const char* same = items[i].image == items[other].image           ? "are one file"
                       : found[i].file_hash == found[other].file_hash ? "are the same file"
                                                                      : "show the same pixels";
    const std::string text = message(items[other].image.string(), " (", name_of(splits[other]), ") and ", items[i].image.string(), " (",
                                     name_of(splits[i]), ") ", same);
    const bool leaks = splits[i] != splits[other];
    findings.push_back(
        {leaks, leaks ? message(text, ": scores on ", name_of(splits[i]), " would be too good; keep one of them") : text, leaks});
  }
}

void Survey::tell_of_sizes(std::vector<Finding>& findings) const {
  Faults faults("masks", masks());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Inspection& in = found[i];
    if (items[i].mask.empty() || !in.mask_error.empty() || !in.photo_read) continue;
    faults.add(items[i], items[i].mask,
               size_fault(items[i], in.mask.width, in.mask.height, in.width, in.height, in.orientation, in.mask.orientation));
  }
  faults.tell(findings);
}

PhotoStatistics Survey::photos(std::vector<Finding>& findings) const {
  PhotoStatistics s;
  double pixels = 0;
  int deep = 0, shallow = 0;  // photographs of 16 and of 8 bits
  std::size_t first = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Inspection& in = found[i];
    if (!in.photo_read) continue;
    const int bands = static_cast<int>(in.sums.size());
    if (s.channels == 0) s.channels = bands, first = i, s.mean.resize(in.sums.size()), s.sd.resize(in.sums.size());
    if (bands != s.channels) {
      findings.push_back(
          {true, message(items[i].image.string(), " has ", in.channels, " bands, but ", items[first].image.string(), " has ",
                         found[first].channels, "; write the same bands to every file, for example with gdal_translate -b 1 -b 2")});
      continue;
    }
    ++(in.max_value > 255 ? deep : shallow);
    if (splits[i] != Split::train) continue;
    pixels += static_cast<double>(in.width) * in.height;
    for (std::size_t c = 0; c < s.mean.size(); ++c) s.mean[c] += in.sums[c], s.sd[c] += in.squares[c];
  }
  for (std::size_t c = 0; c < s.mean.size(); ++c) {
    s.mean[c] /= std::max(pixels, 1.0);
    s.sd[c] = std::sqrt(std::max(s.sd[c] / std::max(pixels, 1.0) - s.mean[c] * s.mean[c], 1e-12));
  }
  s.bits = deep == 0 ? 8 : shallow == 0 ? 16 : 0;
  if (s.bits == 0)
    findings.push_back({false, message(counted(deep, "photograph has", "photographs have"), " 16 bits, ", shallow,
                                       " of 8: full intensity is taken as the same; if it is not, scale them alike")});
  return s;
}

MaskDecoder Survey::resolve(LabelSchema& schema, const std::string& background) const {
  std::vector<MaskContent> readable;
  for (std::size_t i = 0; i < items.size(); ++i)
    if (!items[i].mask.empty() && found[i].mask_error.empty()) readable.push_back(found[i].mask);
  return resolve_masks(readable, schema, background);
}

MaskCounts counts_of(const MaskContent& mask, const MaskDecoder& decoder, const LabelSchema& schema) {
  MaskCounts all;
  for (std::size_t h = 0; h < schema.heads.size(); ++h) {
    const MaskCounts own = counts_of(mask.heads[h], decoder.head(h), schema.heads[h]);
    for (std::size_t k = 0; k < own.pixels.size(); ++k) {
      if (schema.heads[h].task == Task::multilabel) all.pixels.push_back(own.known[k] - own.pixels[k]), all.known.push_back(own.known[k]);
      all.pixels.push_back(own.pixels[k]), all.known.push_back(own.known[k]);
    }
  }
  if (!schema.heads.empty()) return all;
  all.pixels.resize(schema.counted().size());
  for (const auto& [value, count] : decoder.counts_of(mask))
    if (const int c = decoder.class_of(mask, value); c >= 0 && c != kIgnoreLabel) all.pixels[static_cast<std::size_t>(c)] += count;
  const bool planes = !schema.plane_names().empty();
  all.known.assign(all.pixels.size(), planes ? std::int64_t{mask.width} * mask.height
                                             : std::accumulate(all.pixels.begin(), all.pixels.end(), std::int64_t{0}));
  for (const auto& [value, count] : mask.ignored) all.known[static_cast<std::size_t>(decoder.class_of(mask, value))] -= count;
  return all;
}

}  // namespace lamina::data::detail
