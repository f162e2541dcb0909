#include "lamina/data/impl/head_masks.hpp"

#include <algorithm>

#include "lamina/data/impl/decoders.hpp"

namespace lamina::data {

namespace {
/// Its samples above a share of full intensity are 255, or 1 where 255 is ignored, others 0; an alpha channel stays, and what is ignored.
Raster above(Raster raster, const LabelSchema& schema, const std::string& origin) {
  require<DataError>(raster.palette.empty(), origin, ": a palette mask has labels, not intensities for a mask threshold");
  require<DataError>(schema.ignore.value_or(0) <= 255, origin, ": with a mask threshold the ignored value is at most 255");
  const auto channels = static_cast<std::size_t>(raster.channels), colors = channels - (raster.has_alpha ? 1 : 0);
  const double least = schema.reading.threshold * raster.max_value;
  const unsigned mark = schema.ignore == 255u ? 1 : 255;
  const auto marked = [&](unsigned v) {
    const bool ignored = raster.shares ? v > raster.max_value : v == schema.ignore;
    return ignored ? *schema.ignore : v > least ? mark : 0;
  };
  std::vector<std::uint8_t> marks(raster.pixel_count() * channels);
  for (std::size_t i = 0; i < marks.size(); ++i)
    marks[i] = static_cast<std::uint8_t>(i % channels < colors ? marked(raster.sample(i)) : raster.sample(i) * 255 / raster.max_value);
  raster.samples = std::move(marks), raster.max_value = 255;
  return raster;
}
}  // namespace

Raster detail::read_turned(const std::filesystem::path& path, int turn, const DecodeLimits& limits, const LabelSchema& schema) {
  const bool threshold = schema.reading.threshold > 0;
  DecodeLimits own = limits.of(FileRole::mask);
  own.shares = threshold;
  own.ignore = schema.ignore;
  Raster raster = read_raster(path, own);
  if (threshold) raster = above(std::move(raster), schema, path.string());
  if (turn == 0 || turn == raster.orientation) return raster;
  const int from = raster.orientation;
  if (from != 1) raster = turned_within(raster, from == 6 ? 8 : from == 8 ? 6 : from, path.string(), limits);  // as it is stored
  return turn == 1 ? raster : turned_within(raster, turn, path.string(), limits);
}

Raster detail::stacked(const Item& item, const DecodeLimits& limits, const LabelSchema& schema, MaskContent* about) {
  LabelSchema classes;
  classes.reading.threshold = schema.reading.threshold;
  classes.reading.alpha = schema.reading.alpha;
  classes.task = Task::multilabel;
  for (const std::filesystem::path& file : item.planes) {
    classes.values.push_back(static_cast<unsigned>(classes.names.size()));
    classes.names.push_back(file.parent_path().filename().string());
  }
  LabelImage planes = MaskDecoder(MaskEncoding::multilabel, classes).read(item.planes, limits, item.turn, about);
  Raster raster;
  raster.format = FileFormat::npy, raster.width = planes.width, raster.height = planes.height, raster.channels = planes.planes;
  raster.samples = std::move(planes.labels);
  return raster;
}

namespace {
/// With the size of the mask's file, where that of its photograph is known.
DecodeLimits sized(const DecodeLimits& limits, const Item& item) {
  DecodeLimits own = limits;
  const bool lies = item.turn > 4;
  own.width = lies ? item.height : item.width, own.height = lies ? item.width : item.height;
  return own;
}
}  // namespace

LabelImage read_mask(const Item& item, const MaskDecoder& decoder, const DecodeLimits& for_all) {
  const DecodeLimits limits = sized(for_all, item);
  if (!item.planes.empty() && decoder.planes() == 0)
    return decoder.decode(detail::stacked(item, limits, decoder.schema()), item.mask.string());
  if (!item.planes.empty()) return decoder.read(item.planes, limits, item.turn);
  return decoder.decode(detail::read_turned(item.mask, item.turn, limits, decoder.schema()), item.mask.string());
}

MaskContent inspect_mask(const Item& item, const LabelSchema& schema, const DecodeLimits& for_all) {
  const DecodeLimits limits = sized(for_all, item);
  if (!schema.heads.empty()) return detail::inspect_heads(item, schema, limits);
  if (schema.plane_names().empty() && !item.planes.empty()) {
    MaskContent files;
    const Raster planes = detail::stacked(item, limits, schema, &files);
    MaskContent content = inspect_mask(planes, item.mask.string(), schema);
    content.format = files.format, content.lossy = files.lossy, content.orientation = files.orientation, content.notes = files.notes;
    content.alpha_varies = files.alpha_varies, content.alpha_alone = files.alpha_alone;
    return content;
  }
  if (schema.plane_names().empty())
    return inspect_mask(detail::read_turned(item.mask, item.turn, limits, schema), item.mask.string(), schema);
  const MaskDecoder decoder(MaskEncoding::multilabel, schema);
  MaskContent content;
  content.file = item.mask.string();
  LabelImage mask;
  if (item.planes.empty()) {
    const Raster raster = detail::read_turned(item.mask, item.turn, limits, schema);
    mask = decoder.decode(raster, content.file);
    content.tell_of(raster);
    content.planes = mask.planes;
  } else {
    mask = decoder.read(item.planes, limits, item.turn, &content);
  }
  const std::size_t width = static_cast<std::size_t>(mask.width), last = static_cast<std::size_t>(mask.height) - 1;
  content.kind = MaskContent::Kind::planes;
  content.width = mask.width;
  content.height = mask.height;
  for (std::size_t i = 0; i < mask.labels.size(); ++i) {
    const std::uint8_t label = mask.labels[i];
    const bool known = label != kIgnoreLabel;
    const auto plane = static_cast<std::uint32_t>(i % mask.values()), grades = static_cast<std::uint32_t>(schema.classes());
    if (schema.task == Task::multilabel) {
      if (label != 0) ++(known ? content.counts : content.ignored)[schema.values[plane]];
      const std::size_t x = i / mask.values() % width, y = i / mask.values() / width;
      if (label != 0 && known && (x == 0 || x + 1 == width || y == 0 || y == last)) ++content.border[schema.values[plane]];
    } else if (known) {
      ++content.counts[plane * grades + label];
    } else {
      for (std::uint32_t grade = 0; grade < grades; ++grade) ++content.ignored[plane * grades + grade];
    }
  }
  return content;
}

void detail::require_same_size(const std::string& origin, int width, int height, const std::string& first, int first_width,
                               int first_height) {
  require<DataError>(width == first_width && height == first_height, origin, ": ", width, "x", height, " pixels, but ", first, " has ",
                     first_width, "x", first_height);
}

MaskContent detail::inspect_heads(const Item& item, const LabelSchema& schema, const DecodeLimits& limits) {
  require<DataError>(item.planes.size() == schema.labels_per_pixel(), item.mask.string(),
                     ": the masks of several heads are in a folder for each, masks/", schema.plane_names()[0],
                     "; list photographs without their masks");
  MaskContent all;
  auto plane = item.planes.begin();
  for (const LabelSchema& head : schema.heads) {
    Item own = item;
    own.planes.assign(plane, plane + static_cast<std::ptrdiff_t>(head.labels_per_pixel()));
    plane += std::ssize(own.planes);
    const auto file = std::find_if(own.planes.begin(), own.planes.end(), [](const std::filesystem::path& path) { return !path.empty(); });
    own.mask = file == own.planes.end() ? std::filesystem::path() : *file;
    if (head.plane_names().empty()) own.planes.clear();
    MaskContent one = own.mask.empty() ? MaskContent{} : inspect_mask(own, head, limits);
    if (one.width > 0) {
      if (all.width == 0) all.file = one.file, all.format = one.format, all.width = one.width, all.height = one.height;
      require_same_size(one.file, one.width, one.height, all.file, all.width, all.height);
      all.lossy |= one.lossy, all.alpha_varies |= one.alpha_varies, all.orientation = one.orientation;
      all.notes.insert(all.notes.end(), one.notes.begin(), one.notes.end());
    }
    all.heads.push_back(std::move(one));
  }
  for (std::size_t h = 0; h < schema.heads.size(); ++h) {  // planes without a file are nowhere
    const LabelSchema& head = schema.heads[h];
    MaskContent& one = all.heads[h];
    if (one.width > 0 || head.plane_names().empty()) continue;
    one.kind = MaskContent::Kind::planes, one.width = all.width, one.height = all.height;
    for (std::size_t k = 0; k < head.planes.size(); ++k)
      one.counts[static_cast<std::uint32_t>(k) * static_cast<std::uint32_t>(head.classes())] = std::int64_t{all.width} * all.height;
  }
  return all;
}

MaskDecoder detail::resolve_heads(const std::vector<MaskContent>& masks, LabelSchema& schema, const std::string& background) {
  std::vector<MaskDecoder> heads;
  for (std::size_t h = 0; h < schema.heads.size(); ++h) {
    std::vector<MaskContent> own;
    for (const MaskContent& mask : masks)
      if (mask.heads[h].width > 0) own.push_back(mask.heads[h]);
    try {
      heads.push_back(resolve_masks(own, schema.heads[h], ""));
    } catch (const DataError& e) {
      throw DataError("head '" + schema.heads[h].name + "': " + e.what());
    }
    if (const std::string& note = schema.heads[h].reading_note; !note.empty()) schema.reading_note += schema.heads[h].name + ": " + note;
  }
  schema.set_background(background);
  schema.reading.encoding = MaskEncoding::multilabel;
  schema.set_default_colors();
  return MaskDecoder(std::move(heads), schema);
}

LabelImage MaskDecoder::read_heads(std::span<const std::filesystem::path> paths, const DecodeLimits& limits, int turn) const {
  std::vector<LabelImage> each(heads_.size());
  std::string first;
  LabelImage mask;
  std::size_t plane = 0;
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    const auto own = paths.subspan(plane, schema_.heads[h].labels_per_pixel());
    plane += own.size();
    const auto file = std::find_if(own.begin(), own.end(), [](const auto& path) { return !path.empty(); });
    if (file == own.end()) continue;
    each[h] = heads_[h].planes() ? heads_[h].read(own, limits, turn)
                                 : heads_[h].decode(detail::read_turned(*file, turn, limits, heads_[h].schema()), file->string());
    if (first.empty()) {
      first = file->string();
      mask = LabelImage(each[h].width, each[h].height, 0, static_cast<int>(paths.size()));
    }
    detail::require_same_size(file->string(), each[h].width, each[h].height, first, mask.width, mask.height);
  }
  plane = 0;
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    const std::size_t count = schema_.heads[h].labels_per_pixel();
    const std::uint8_t without = heads_[h].planes() ? 0 : kIgnoreLabel;
    for (std::size_t i = 0; i < mask.labels.size(); ++i)
      if (const std::size_t k = i % paths.size(); k >= plane && k < plane + count)
        mask.labels[i] = each[h].labels.empty() ? without : each[h].labels[i / paths.size() * count + k - plane];
    plane += count;
  }
  return mask;
}

}  // namespace lamina::data
