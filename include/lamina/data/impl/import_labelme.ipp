// labelme: a JSON of polygons, other shapes or small pictures beside each photograph.
#include <algorithm>
#include <cmath>
#include <map>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/label_names.hpp"
#include "lamina/data/impl/painting.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {

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

namespace {

std::string type_of(const Json& shape) {
  const auto type = shape.find("shape_type");
  if (type == shape.end()) return "polygon";
  require<DataError>(type->is_string(), "\"shape_type\" is ", type->dump(), ", not a word such as \"polygon\"");
  return type->get<std::string>();
}

/// labelme's shape as a polygon, which a rectangle of four points is, too; a rectangle may have two, as a circle has; what covers no pixel
/// has none.
Points outline(const Json& shape) {
  constexpr std::string_view kCorners[] = {"polygon", "rectangle", "rotation", "oriented_rectangle", "quadrilateral"};
  constexpr std::string_view kNoArea[] = {"point", "points", "line", "linestrip", "lines"};
  const auto among = [](const auto& types, const std::string& type) {
    return std::find(std::begin(types), std::end(types), type) != std::end(types);
  };
  const std::string type = type_of(shape);
  if (among(kNoArea, type)) return {};
  Points points;
  for (const Json& p : shape.at("points")) points.emplace_back(p.at(0).get<double>(), p.at(1).get<double>());
  const bool two = points.size() == 2;
  if (among(kCorners, type) && !(two && type == "rectangle")) return points;
  require<DataError>(two && (type == "rectangle" || type == "circle"), "the shape is a '", type, "' of ", points.size(),
                     " points, which is not read; make a polygon of it (read are polygons, rectangles, rotations, circles of two points, "
                     "masks)");
  const auto [a, b] = std::pair(points[0], points[1]);
  if (type == "rectangle") return {a, {b.first, a.second}, b, {a.first, b.second}};
  points.clear();
  const double radius = std::hypot(b.first - a.first, b.second - a.second);
  for (int k = 0; type == "circle" && k < 360; ++k)
    points.emplace_back(a.first + radius * std::cos(k * 0.0174532925199433), a.second + radius * std::sin(k * 0.0174532925199433));
  return points;
}

/// Whether a shape is more than points and lines.
bool covers(const Json& shape) { return type_of(shape) == "mask" || outline(shape).size() > 2; }

/// The photograph in labelme's JSON itself.
struct Embedded {
  std::string bytes, ending;
  int width = 0, height = 0;

  Embedded(const fs::path& file, const std::string& name) {
    const Json json = parse_json(io::read_text(file), file.string());
    const auto data = json.find("imageData");
    require<DataError>(data != json.end() && data->is_string(), file.string(), ": there is no photograph ",
                       name.empty() ? "beside it" : name, ", and none in it (imageData)");
    const std::string origin = file.string() + ": imageData";
    bytes = from_base64(data->get<std::string>(), origin);
    const Raster raster = decode_raster(bytes, origin, DecodeLimits{}.of(FileRole::photograph));
    ending = std::string(".") + name_of(raster.format), width = raster.width, height = raster.height;
  }
};

/// A JSON of labelme and its photograph.
struct LabelmeFile {
  fs::path path;
  Json json;
  fs::path photo;
};

/// The one that it names, or else the one beside it; empty: it may be inside.
fs::path photo_of(const Json& json, const fs::path& file, const Photos& photos) {
  const std::string name = json.value("imagePath", "");
  fs::path photo = name.empty() ? fs::path() : photos.find(name, file);
  for (const auto& entry : fs::directory_iterator(file.parent_path()))
    if (photo.empty() && entry.path().stem() == file.stem() && is_photo(entry.path())) photo = entry.path();
  return photo;
}

}  // namespace

Imported import_labelme(const fs::path& source, Target& target) {
  std::vector<LabelmeFile> files;
  std::map<fs::path, fs::path> folder_of;
  const Photos photos(source);
  std::set<std::string> labels;
  SpelledLabels spelled;
  bool ignored = false;
  constexpr const char* kIgnore = "__ignore__";  // labelme's own word
  for (const fs::path& file : files_below(source, [](const fs::path& p) { return p.extension() == ".json"; })) {
    Json json = parse_json(io::read_text(file), file.string());
    if (!json.is_object() || !json.contains("shapes")) continue;
    reading(file.string(), [&] {
      int number = 0;
      for (const Json& shape : json.at("shapes"))
        reading(message(file.string(), ": shape ", ++number), [&] {
          if (const std::string label = spelled(shape.at("label").get<std::string>()); label == kIgnore)
            ignored = true;
          else if (covers(shape))
            labels.insert(label);
        });
    });
    json.erase("imageData");
    fs::path photo;
    reading(file.string(), [&] { photo = photo_of(json, file, photos); });
    const fs::path& place = photo.empty() ? file : photo;
    folder_of[place] = place.parent_path();
    files.push_back({file, std::move(json), std::move(photo)});
  }
  const auto names = target.names(folder_of);
  const Numbers numbers({labels.begin(), labels.end()}, source);
  Hidden hidden;
  int others = 0;
  std::vector<std::string> embedded;
  for (const auto& [file, json, photo] : files)
    reading(file.string(), [&, &file = file, &json = json, &photo = photo] {
      std::optional<Embedded> inside;
      if (photo.empty()) inside.emplace(file, json.value("imagePath", ""));
      Canvas mask(inside ? LabelImage(inside->width, inside->height) : blank(json, "imageWidth", "imageHeight", file.string(), photo),
                  hidden);
      int number = 0;
      for (const Json& shape : json.at("shapes")) {
        ++number;
        const std::string label = spelled_label(shape.at("label").get<std::string>()), type = type_of(shape);
        const std::uint8_t value = label == kIgnore ? kIgnoreLabel : numbers[label];
        if (!covers(shape))
          ++others;
        else if (type == "mask")
          paste(mask, shape, value, message(file.string(), ": the picture of shape ", number));
        else
          fill(mask, outline(shape), value);
      }
      const fs::path& place = inside ? file : photo;
      const auto split = split_of_path(place.lexically_relative(source).parent_path());
      const std::string& name = names.at(place);
      if (inside)
        embedded.push_back(file.filename().string()), target.add(split, name, inside->bytes, inside->ending, file);
      else
        target.add(split, name, photo);
      target.write_mask(name, mask);
    });
  target.tell(embedded, "photograph", "taken out of the JSON (imageData), beside which there is none");
  photos.tell_of_others(folder_of, target);
  spelled.tell(target);
  require<DataError>(!labels.empty() || others == 0, source.string(), ": all shapes are points or lines (", others,
                     "), which cover no pixel, and every pixel would be background: draw polygons, rectangles, circles or masks");
  if (others)
    target.note(message(counted(others, "shape is a point or a line", "shapes are points or lines"), ", which covers no pixel: left out"));
  numbers.tell(hidden, "the later shape", target);
  Json schema{{"labels", numbered_labels(numbers.names())}, {"encoding", "index"}};
  if (ignored) schema["ignore"] = 255;
  return target.finish(schema, source.string() + " holds no labelme: a JSON with shapes beside each photograph");
}

}  // namespace lamina::data::detail
