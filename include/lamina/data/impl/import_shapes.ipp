// Labels that are polygons, run lengths or instances: drawn as masks.
#include <algorithm>
#include <cmath>
#include <map>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {
namespace {

using Points = std::vector<std::pair<double, double>>;

/// Sets the pixels whose centers are inside the polygon (by the even-odd rule).
void fill(LabelImage& mask, const Points& polygon, std::uint8_t value) {
  for (int y = 0; y < mask.height; ++y) {
    std::vector<double> crossings;
    const double at = y + 0.5;
    for (std::size_t i = 0, j = polygon.size() - 1; i < polygon.size(); j = i++) {
      const auto [from_x, from_y] = polygon[j];
      const auto [to_x, to_y] = polygon[i];
      if ((from_y <= at) != (to_y <= at)) crossings.push_back(from_x + (at - from_y) / (to_y - from_y) * (to_x - from_x));
    }
    std::sort(crossings.begin(), crossings.end());
    for (std::size_t k = 0; k + 1 < crossings.size(); k += 2) {
      const auto column = [&](double x) { return static_cast<int>(std::clamp(std::ceil(x - 0.5), 0.0, static_cast<double>(mask.width))); };
      for (int x = column(crossings[k]); x < column(crossings[k + 1]); ++x) mask.at(x, y) = value;
    }
  }
}

/// COCO's run lengths, down the columns: zeros, ones, zeros ... A list, or text of 5-bit groups with the difference to the run before last.
std::vector<std::int64_t> run_lengths(const Json& counts) {
  if (counts.is_array()) return counts.get<std::vector<std::int64_t>>();
  std::vector<std::int64_t> runs;
  const std::string text = counts.get<std::string>();
  for (std::size_t i = 0; i < text.size();) {
    std::int64_t v = 0;
    int shift = 0;
    for (bool more = true; more && i < text.size() && shift < 60; shift += 5) {
      const int group = text[i++] - 48;
      v |= static_cast<std::int64_t>(group & 31) << shift;
      more = (group & 32) != 0;
      if (!more && (group & 16)) v -= std::int64_t{1} << (shift + 5);
    }
    runs.push_back(runs.size() > 2 ? v + runs[runs.size() - 2] : v);
  }
  return runs;
}

void fill_runs(LabelImage& mask, const Json& rle, std::uint8_t value, const std::string& origin) {
  const auto size = rle.find("size");
  require<DataError>(size == rle.end() || *size == Json::array({mask.height, mask.width}), origin, ": run lengths of ",
                     size == rle.end() ? "" : size->dump(), " pixels in a photograph of [", mask.height, ", ", mask.width, "]");
  std::int64_t at = 0;
  bool set = false;
  for (const std::int64_t run : run_lengths(rle.at("counts"))) {
    require<DataError>(run >= 0 && run <= static_cast<std::int64_t>(mask.labels.size()) - at, origin, ": run lengths leave the photograph");
    for (std::int64_t i = 0; i < run; ++i, ++at)
      if (set) mask.at(static_cast<int>(at / mask.height), static_cast<int>(at % mask.height)) = value;
    set = !set;
  }
}

Points pairs(const Json& flat) {
  Points points;
  for (std::size_t i = 0; i + 1 < flat.size(); i += 2) points.emplace_back(flat[i].get<double>(), flat[i + 1].get<double>());
  return points;
}

/// COCO's shape of an annotation: run lengths, a polygon, or a list of them. False: it covers no pixel.
bool draw(LabelImage& mask, const Json& shape, std::uint8_t value, const std::string& origin) {
  if (shape.is_object()) return fill_runs(mask, shape, value, origin), true;
  const Json polygons = !shape.empty() && shape[0].is_number() ? Json::array({shape}) : shape;
  bool any = false;
  for (const Json& polygon : polygons)
    if (const Points points = pairs(polygon); points.size() > 2) fill(mask, points, value), any = true;
  return any;
}

/// As large as a JSON says, or else as its photograph is.
LabelImage blank(const Json& image, const char* width, const char* height, const std::string& origin, const fs::path& photo) {
  const auto given = [&](const char* name) { return image.contains(name) && image.at(name).is_number() && image.at(name) != 0; };
  if (!given(width) || !given(height)) {
    const Raster raster = read_raster(photo, DecodeLimits{}.of(FileRole::photograph));
    return LabelImage(raster.width, raster.height);
  }
  const auto w = image.at(width).get<std::int64_t>(), h = image.at(height).get<std::int64_t>();
  require<DataError>(w > 0 && h > 0 && w <= 1 << 20 && h <= 1 << 20 && w * h <= DecodeLimits{}.max_pixels, origin, ": a photograph of ", w,
                     "x", h, " pixels");
  return LabelImage(static_cast<int>(w), static_cast<int>(h));
}

/// labelme's shape as a polygon: a rectangle and a circle have two points; what covers no pixel has none.
Points outline(const Json& shape) {
  const std::string type = shape.value("shape_type", "polygon");
  Points points;
  for (const Json& p : shape.at("points")) points.emplace_back(p.at(0).get<double>(), p.at(1).get<double>());
  if (type == "polygon") return points;
  if (points.size() != 2) return {};
  const auto [a, b] = std::pair(points[0], points[1]);
  if (type == "rectangle") return {a, {b.first, a.second}, b, {a.first, b.second}};
  points.clear();
  const double radius = std::hypot(b.first - a.first, b.second - a.second);
  for (int k = 0; type == "circle" && k < 360; ++k)
    points.emplace_back(a.first + radius * std::cos(k * 0.0174532925199433), a.second + radius * std::sin(k * 0.0174532925199433));
  return points;
}

/// Whether a shape is more than points and lines.
bool covers(const Json& shape) { return shape.value("shape_type", "polygon") == "mask" || outline(shape).size() > 2; }

std::string from_base64(const std::string& text) {
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const int digit = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (digit < 0) continue;
    bits = bits << 6 | static_cast<unsigned>(digit);
    if ((count += 6) >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 255);
  }
  return bytes;
}

/// labelme's shape that is a picture, a PNG in base64, whose first corner is the first of its points.
void paste(LabelImage& mask, const Json& shape, std::uint8_t value, const std::string& origin) {
  const Raster picture = decode_raster(from_base64(shape.at("mask").get<std::string>()), origin);
  const auto left = shape.at("points").at(0).at(0).get<double>(), top = shape.at("points").at(0).at(1).get<double>();
  require<DataError>(std::abs(left) < 1e6 && std::abs(top) < 1e6, origin, ": a shape is at (", left, ", ", top, ")");
  for (std::size_t i = 0; i < picture.pixel_count(); ++i) {
    const auto width = static_cast<std::size_t>(picture.width);
    const int x = static_cast<int>(left) + static_cast<int>(i % width), y = static_cast<int>(top) + static_cast<int>(i / width);
    if (picture.sample(i * static_cast<std::size_t>(picture.channels)) && x >= 0 && y >= 0 && x < mask.width && y < mask.height)
      mask.at(x, y) = value;
  }
}

/// Runs `f`; a field that lacks or has another type is a DataError that says where.
template <class F>
void reading(const std::string& where, const F& f) {
  try {
    f();
  } catch (const Json::exception& e) {
    throw DataError(message(where, ": ", json_reason(e.what())));
  }
}

std::vector<std::string> at_most_254(std::vector<std::string> names, const fs::path& source) {
  require<DataError>(names.size() <= 254, source.string(), ": ", names.size(), " classes; at most 254 and the background fit a mask");
  return names;
}

}  // namespace

Imported import_coco(const fs::path& source, Target& target) {
  struct Set {
    fs::path file;
    Json json;
  };
  std::vector<Set> sets;
  std::map<std::int64_t, std::string> categories;
  for (const fs::path& file : files_below(source, [](const fs::path& p) { return p.extension() == ".json"; })) {
    Json json = parse_json(io::read_text(file), file.string());
    if (!json.is_object() || !json.contains("annotations") || !json.contains("images") || !json.contains("categories")) continue;
    sets.push_back({file, std::move(json)});
  }
  // COCO itself has, of the same photographs, captions and key points too.
  const auto is_main = [](const Set& s) { return s.file.filename().string().starts_with("instances"); };
  if (std::any_of(sets.begin(), sets.end(), is_main)) std::erase_if(sets, [&](const Set& s) { return !is_main(s); });
  for (const auto& [file, json] : sets)
    reading(file.string(), [&, &json = json] {
      for (const Json& c : json.at("categories")) categories.emplace(c.at("id").get<std::int64_t>(), c.at("name").get<std::string>());
    });
  const Photos photos(source);
  std::vector<std::string> names;
  std::map<std::int64_t, std::uint8_t> value_of;
  for (const auto& [id, name] : categories) {
    names.push_back(name);
    value_of[id] = static_cast<std::uint8_t>(names.size());
  }
  names = at_most_254(names, source);
  int without_shape = 0, crowds = 0;
  std::vector<std::string> absent, homeless;  // photographs; annotations, by their image_id
  for (const auto& [file, json] : sets)
    reading(file.string(), [&, &file = file, &json = json] {
      std::map<std::int64_t, std::vector<const Json*>> of_image;
      std::set<std::int64_t> known;
      for (const Json& a : json.at("annotations")) of_image[a.at("image_id").get<std::int64_t>()].push_back(&a);
      for (const Json& image : json.at("images")) {
        const fs::path photo = photos.find(image.at("file_name").get<std::string>(), file);
        const auto id = image.at("id").get<std::int64_t>();
        known.insert(id);
        if (photo.empty()) {
          absent.push_back(image.at("file_name").get<std::string>());
          continue;
        }
        LabelImage mask = blank(image, "width", "height", file.string(), photo);
        auto& annotations = of_image[id];
        const auto area = [](const Json* a) { return a->value("area", 0.0); };            // small ones last: above the large ones
        const auto is_crowd = [](const Json* a) { return a->value("iscrowd", 0) != 0; };  // below all others
        std::stable_sort(annotations.begin(), annotations.end(), [&](const Json* x, const Json* y) {
          if (is_crowd(x) != is_crowd(y)) return is_crowd(x);
          return area(x) > area(y);
        });
        for (const Json* a : annotations) {
          const std::string where =
              message(file.string(), ": annotation ", a->value("id", Json("without id")).dump(), " of ", photo.string());
          reading(where, [&] {
            const auto category = a->at("category_id").get<std::int64_t>();
            const auto value = value_of.find(category);
            require<DataError>(value != value_of.end(), where, " has the category ", category, ", which has no name");
            const auto shape = a->find("segmentation");
            const bool drawn = shape != a->end() && draw(mask, *shape, is_crowd(a) ? kIgnoreLabel : value->second, where);
            without_shape += !drawn;
            crowds += drawn && is_crowd(a);
          });
        }
        const std::string stem = photo.stem().string();
        target.add(split_in(fs::relative(file, source).string()), stem, photo);
        target.write_mask(stem, mask);
      }
      for (const auto& [id, annotations] : of_image)
        if (!known.contains(id)) homeless.insert(homeless.end(), annotations.size(), std::to_string(id));
    });
  target.tell(absent, "photograph", "of the JSON left out, not there");
  target.tell(homeless, "annotation", "left out, with an image_id that no image has");
  if (crowds)
    target.note(counted(crowds, "region is a crowd", "regions are crowds") + " (iscrowd), which COCO's evaluation ignores, as 255 here");
  if (without_shape) target.note(counted(without_shape, "annotation has", "annotations have") + " a box or points but no shape: left out");
  Json schema{{"labels", numbered_labels(names)}, {"encoding", "index"}};
  if (crowds) schema["ignore"] = kIgnoreLabel;
  return target.finish(schema,
                       source.string() + " holds no COCO: a JSON with images, annotations and categories, and the photographs it names");
}

Imported import_labelme(const fs::path& source, Target& target) {
  std::vector<std::pair<fs::path, Json>> files;
  std::set<std::string> labels;
  bool ignored = false;
  constexpr const char *kIgnore = "__ignore__", *kBackground = "_background_";  // labelme's own words
  for (const fs::path& file : files_below(source, [](const fs::path& p) { return p.extension() == ".json"; })) {
    Json json = parse_json(io::read_text(file), file.string());
    if (!json.is_object() || !json.contains("shapes")) continue;
    reading(file.string(), [&] {
      int number = 0;
      for (const Json& shape : json.at("shapes"))
        reading(message(file.string(), ": shape ", ++number), [&] {
          if (const auto label = shape.at("label").get<std::string>(); label == kIgnore)
            ignored = true;
          else if (label != kBackground && covers(shape))
            labels.insert(label);
        });
    });
    json.erase("imageData");
    files.emplace_back(file, std::move(json));
  }
  const std::vector<std::string> names = at_most_254({labels.begin(), labels.end()}, source);
  int others = 0;
  const Photos photos(source);
  for (const auto& [file, json] : files)
    reading(file.string(), [&, &file = file, &json = json] {
      const std::string name = json.value("imagePath", "");
      fs::path photo = name.empty() ? fs::path() : photos.find(name, file);
      for (const auto& entry : fs::directory_iterator(file.parent_path()))
        if (photo.empty() && entry.path().stem() == file.stem() && is_photo(entry.path())) photo = entry.path();
      require<DataError>(!photo.empty(), file.string(), ": there is no photograph ", name.empty() ? "beside it" : name);
      LabelImage mask = blank(json, "imageWidth", "imageHeight", file.string(), photo);
      for (const Json& shape : json.at("shapes")) {
        const std::string label = shape.at("label").get<std::string>(), type = shape.value("shape_type", "polygon");
        const auto at = std::find(names.begin(), names.end(), label) - names.begin();
        const auto value = static_cast<std::uint8_t>(label == kIgnore ? 255 : label == kBackground ? 0 : at + 1);
        if (!covers(shape))
          ++others;
        else if (type == "mask")
          paste(mask, shape, value, file.string());
        else
          fill(mask, outline(shape), value);
      }
      target.add(split_in(fs::relative(photo, source).parent_path().string()), photo.stem().string(), photo);
      target.write_mask(photo.stem().string(), mask);
    });
  if (others)
    target.note(message(counted(others, "shape is a point or a line", "shapes are points or lines"), ", which covers no pixel: left out"));
  Json schema{{"labels", numbered_labels(names)}, {"encoding", "index"}};
  if (ignored) schema["ignore"] = 255;
  return target.finish(schema, source.string() + " holds no labelme: a JSON with shapes beside each photograph");
}

Imported import_instances(const fs::path& source, Target& target) {
  std::map<std::string, std::pair<fs::path, std::vector<fs::path>>> items;  // photograph and masks by stem
  const auto add_masks = [](std::vector<fs::path>& to, const fs::path& folder) {
    for (fs::path& p : files_below(folder, is_photo)) to.push_back(std::move(p));
  };
  for (const auto& entry : fs::directory_iterator(source))
    if (entry.is_directory() && fs::is_directory(entry.path() / "masks"))
      for (const fs::path& image : files_below(entry.path() / "images", is_photo)) {
        auto& [photo, masks] = items[image.stem().string()];
        photo = image;
        add_masks(masks, entry.path() / "masks");
      }
  if (items.empty()) {
    for (const fs::path& image : files_below(source / "images", is_photo)) {
      const std::string stem = image.stem().string();
      items[stem].first = image;
      add_masks(items[stem].second, source / "masks" / stem);
    }
    if (fs::is_directory(source / "masks"))
      for (const auto& entry : fs::directory_iterator(source / "masks"))
        if (const std::string id = photo_of_instance(entry.path().stem().string(), items);
            !id.empty() && entry.is_regular_file() && is_photo(entry.path()))
          items.at(id).second.push_back(entry.path());
  }
  for (const auto& [stem, found] : items) {
    const auto& [photo, masks] = found;
    LabelImage all;
    for (const fs::path& file : masks) {
      const Image one = read_image(file);
      if (all.labels.empty()) all = LabelImage(one.width, one.height);
      require<DataError>(one.width == all.width && one.height == all.height, file.string(), ": ", one.width, "x", one.height,
                         " pixels, but ", masks[0].string(), " has ", all.width, "x", all.height);
      for (std::size_t i = 0; i < all.labels.size(); ++i)
        if (one.pixels[i * static_cast<std::size_t>(one.channels)]) all.labels[i] = 255;
    }
    if (masks.empty()) {
      const Image image = read_image(photo);
      all = LabelImage(image.width, image.height);
    }
    target.add(Split::train, stem, photo);
    target.write_mask(stem, all);
  }
  target.note("instances are merged: where they touch, nothing tells them apart");
  return target.finish(
      {{"labels", numbered_labels({"instance"})}, {"encoding", "binary"}},
      source.string() +
          " holds no instances: ID/images/ID.png with ID/masks/*.png, or images/ID.png with masks/ID/*.png or masks/ID_N.png");
}

}  // namespace lamina::data::detail
