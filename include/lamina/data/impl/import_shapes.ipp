// Labels that are polygons, run lengths or instances: drawn as masks.
#include <algorithm>
#include <cmath>
#include <map>

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

LabelImage blank(const Json& image, const char* width, const char* height, const std::string& origin) {
  const auto w = image.at(width).get<std::int64_t>(), h = image.at(height).get<std::int64_t>();
  require<DataError>(w > 0 && h > 0 && w <= 1 << 20 && h <= 1 << 20 && w * h <= DecodeLimits{}.max_pixels, origin, ": a photograph of ", w,
                     "x", h, " pixels");
  return LabelImage(static_cast<int>(w), static_cast<int>(h));
}

/// Runs `f`; a field that lacks or has another type is a DataError that names the file.
template <class F>
void reading(const fs::path& file, const F& f) {
  try {
    f();
  } catch (const Json::exception& e) {
    const std::string what = e.what();
    throw DataError(message(file.string(), ": ", what.substr(std::min(what.find("] ") + 2, what.size()))));
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
    reading(file, [&] {
      for (const Json& c : json.at("categories")) categories.emplace(c.at("id").get<std::int64_t>(), c.at("name").get<std::string>());
    });
    sets.push_back({file, std::move(json)});
  }
  std::map<std::string, fs::path> photos;
  for (const fs::path& p : files_below(source, is_photo)) photos.emplace(p.filename().string(), p);
  std::vector<std::string> names;
  std::map<std::int64_t, std::uint8_t> value_of;
  for (const auto& [id, name] : categories) {
    names.push_back(name);
    value_of[id] = static_cast<std::uint8_t>(names.size());
  }
  names = at_most_254(names, source);
  int absent = 0, without_shape = 0;
  for (const auto& [file, json] : sets)
    reading(file, [&, &file = file, &json = json] {
      std::map<std::int64_t, std::vector<const Json*>> of_image;
      for (const Json& a : json.at("annotations")) of_image[a.at("image_id").get<std::int64_t>()].push_back(&a);
      for (const Json& image : json.at("images")) {
        const fs::path name = fs::path(image.at("file_name").get<std::string>()).filename();
        const auto photo = photos.find(name.string());
        if (photo == photos.end()) {
          ++absent;
          continue;
        }
        LabelImage mask = blank(image, "width", "height", file.string());
        auto& annotations = of_image[image.at("id").get<std::int64_t>()];
        const auto area = [](const Json* a) { return a->value("area", 0.0); };  // small ones last: above the large ones
        std::stable_sort(annotations.begin(), annotations.end(), [&](const Json* x, const Json* y) { return area(x) > area(y); });
        for (const Json* a : annotations) {
          const std::uint8_t value = value_of.at(a->at("category_id").get<std::int64_t>());
          const auto shape = a->find("segmentation");
          if (shape == a->end() || shape->empty())
            ++without_shape;
          else if (shape->is_object())
            fill_runs(mask, *shape, value, file.string());
          else
            for (const Json& polygon : *shape) fill(mask, pairs(polygon), value);
        }
        const std::string stem = name.stem().string();
        target.add(split_in(file.stem().string()), stem, photo->second);
        target.write_mask(stem, mask);
      }
    });
  if (absent) target.note(message(absent, " photographs of the JSON are not there and left out"));
  if (without_shape) target.note(message(without_shape, " annotations are boxes without a shape and left out"));
  return target.finish({{"labels", numbered_labels(names)}, {"encoding", "index"}},
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
    reading(file, [&] {
      for (const Json& shape : json.at("shapes"))
        if (const auto label = shape.at("label").get<std::string>(); label == kIgnore)
          ignored = true;
        else if (label != kBackground)
          labels.insert(label);
    });
    json.erase("imageData");
    files.emplace_back(file, std::move(json));
  }
  const std::vector<std::string> names = at_most_254({labels.begin(), labels.end()}, source);
  int others = 0;
  for (const auto& [file, json] : files)
    reading(file, [&, &file = file, &json = json] {
      LabelImage mask = blank(json, "imageWidth", "imageHeight", file.string());
      for (const Json& shape : json.at("shapes")) {
        const std::string label = shape.at("label").get<std::string>(), type = shape.value("shape_type", "polygon");
        const auto at = std::find(names.begin(), names.end(), label) - names.begin();
        const auto value = static_cast<std::uint8_t>(label == kIgnore ? 255 : label == kBackground ? 0 : at + 1);
        Points points;
        for (const Json& p : shape.at("points")) points.emplace_back(p.at(0).get<double>(), p.at(1).get<double>());
        if (type == "rectangle" && points.size() == 2) {
          const auto [a, b] = std::pair(points[0], points[1]);
          points = {a, {b.first, a.second}, b, {a.first, b.second}};
        } else if (type == "circle" && points.size() == 2) {
          const auto [center, edge] = std::pair(points[0], points[1]);
          const double radius = std::hypot(edge.first - center.first, edge.second - center.second);
          points.clear();
          for (int k = 0; k < 360; ++k)
            points.emplace_back(center.first + radius * std::cos(k * 0.0174532925199433),
                                center.second + radius * std::sin(k * 0.0174532925199433));
        } else if (type != "polygon" || points.size() < 3) {
          ++others;
          continue;
        }
        fill(mask, points, value);
      }
      std::string name = json.value("imagePath", "");
      std::replace(name.begin(), name.end(), '\\', '/');
      fs::path photo = file.parent_path() / name;
      if (name.empty() || !fs::is_regular_file(photo))
        for (const auto& entry : fs::directory_iterator(file.parent_path()))
          if (entry.path().stem() == file.stem() && is_photo(entry.path())) photo = entry.path();
      require<DataError>(fs::is_regular_file(photo), file.string(), ": there is no photograph ", photo.string());
      target.add(split_in(fs::relative(file, source).parent_path().string()), file.stem().string(), photo);
      target.write_mask(file.stem().string(), mask);
    });
  if (others) target.note(message(others, " shapes are points or lines, which cover no pixel, and left out"));
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
  if (items.empty())
    for (const fs::path& image : files_below(source / "images", is_photo)) {
      const std::string stem = image.stem().string();
      auto& [photo, masks] = items[stem];
      photo = image;
      add_masks(masks, source / "masks" / stem);
      const auto is_numbered = [&](const fs::path& p) {
        const std::string name = p.stem().string();
        return is_photo(p) && name.starts_with(stem + "_") && name.find_first_not_of("0123456789", stem.size() + 1) == std::string::npos;
      };
      for (fs::path& p : files_below(source / "masks", is_numbered)) masks.push_back(std::move(p));
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
