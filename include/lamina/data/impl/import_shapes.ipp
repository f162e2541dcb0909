// Labels that are polygons, run lengths or small pictures: drawn as masks.
#include <algorithm>
#include <cmath>
#include <map>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/painting.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {
namespace {

Points pairs(const Json& flat) {
  Points points;
  for (std::size_t i = 0; i + 1 < flat.size(); i += 2) points.emplace_back(flat[i].get<double>(), flat[i + 1].get<double>());
  return points;
}

/// COCO's shape of an annotation: run lengths, a polygon, or a list of them. False: it covers no pixel.
bool draw(Canvas& mask, const Json& shape, std::uint8_t value, const std::string& origin) {
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

/// Runs `f`; a field that lacks or has another type is a DataError that says where.
template <class F>
void reading(const std::string& where, const F& f) {
  try {
    f();
  } catch (const Json::exception& e) {
    throw DataError(message(where, ": ", json_reason(e.what())));
  }
}

/// Categories of one name, and those that are the background.
void tell_of_names(const std::set<std::pair<std::int64_t, std::string>>& categories, Target& target) {
  std::map<std::string, std::vector<std::string>> ids;  // by name
  for (const auto& [id, name] : categories) ids[name].push_back(std::to_string(id));
  for (const auto& [name, which] : ids) {
    if (which.size() > 1) target.note(message("the categories ", examples(which), " are all called '", name, "' and are one label"));
    if (schema_names::names_background(name)) target.note(message("the category '", name, "' is the background (0)"));
  }
}

/// A JSON of COCO, and its categories' names by their ids.
struct CocoSet {
  fs::path file;
  Json json;
  std::map<std::int64_t, std::string> categories{};
};

/// Those below a folder. Throws DataError where an id has two names.
std::vector<CocoSet> coco_sets(const fs::path& source) {
  std::vector<CocoSet> sets;
  for (const fs::path& file : files_below(source, [](const fs::path& p) { return p.extension() == ".json"; })) {
    Json json = parse_json(io::read_text(file), file.string());
    if (!json.is_object() || !json.contains("annotations") || !json.contains("images") || !json.contains("categories")) continue;
    sets.push_back({file, std::move(json)});
  }
  // COCO itself has, of the same photographs, captions and key points too.
  const auto is_main = [](const CocoSet& s) { return s.file.filename().string().starts_with("instances"); };
  if (std::any_of(sets.begin(), sets.end(), is_main)) std::erase_if(sets, [&](const CocoSet& s) { return !is_main(s); });
  for (CocoSet& set : sets)
    reading(set.file.string(), [&] {
      for (const Json& c : set.json.at("categories")) {
        const auto id = c.at("id").get<std::int64_t>();
        const auto name = c.at("name").get<std::string>();
        const std::string& first = set.categories.emplace(id, name).first->second;
        require<DataError>(first == name, set.file.string(), ": the category ", id, " is called '", first, "' and '", name, "'");
      }
    });
  return sets;
}

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

}  // namespace

Imported import_coco(const fs::path& source, Target& target) {
  const std::vector<CocoSet> sets = coco_sets(source);
  std::set<std::pair<std::int64_t, std::string>> categories;
  for (const CocoSet& set : sets) categories.insert(set.categories.begin(), set.categories.end());
  const Photos photos(source);
  std::map<fs::path, fs::path> folder_of;
  for (const auto& [file, json, named] : sets)
    reading(file.string(), [&, &file = file, &json = json] {
      for (const Json& image : json.at("images"))
        if (const fs::path photo = photos.find(image.at("file_name").get<std::string>(), file); !photo.empty())
          folder_of[photo] = photo.parent_path();
    });
  const auto names = target.names(folder_of);
  std::vector<std::string> labels;
  for (const auto& [id, name] : categories) labels.push_back(name);
  const Numbers numbers(labels, source);
  Hidden hidden;
  int without_shape = 0, crowds = 0;
  std::vector<std::string> absent, homeless;  // photographs; annotations, by their image_id
  for (const auto& [file, json, named] : sets)
    reading(file.string(), [&, &file = file, &json = json, &named = named] {
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
        Canvas mask(blank(image, "width", "height", file.string(), photo), hidden);
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
            const auto name = named.find(category);
            require<DataError>(name != named.end(), where, " has the category ", category, ", which has no name");
            const auto shape = a->find("segmentation");
            const bool drawn = shape != a->end() && draw(mask, *shape, is_crowd(a) ? kIgnoreLabel : numbers[name->second], where);
            without_shape += !drawn;
            crowds += drawn && is_crowd(a);
          });
        }
        target.add(split_in(fs::relative(file, source).string()), names.at(photo), photo);
        target.write_mask(names.at(photo), mask);
      }
      for (const auto& [id, annotations] : of_image)
        if (!known.contains(id)) homeless.insert(homeless.end(), annotations.size(), std::to_string(id));
    });
  target.tell(absent, "photograph", "of the JSON left out, not there");
  photos.tell_of_others(folder_of, target);
  target.tell(homeless, "annotation", "left out, with an image_id that no image has");
  if (crowds)
    target.note(counted(crowds, "region is a crowd", "regions are crowds") + " (iscrowd), which COCO's evaluation ignores, as 255 here");
  if (without_shape) target.note(counted(without_shape, "annotation has", "annotations have") + " a box or points but no shape: left out");
  tell_of_names(categories, target);
  numbers.tell(hidden, "the shape of the smaller area, or else the later one,", target);
  Json schema{{"labels", numbered_labels(numbers.names())}, {"encoding", "index"}};
  if (crowds) schema["ignore"] = kIgnoreLabel;
  return target.finish(schema,
                       source.string() + " holds no COCO: a JSON with images, annotations and categories, and the photographs it names");
}

namespace {

/// A JSON of labelme and its photograph.
struct LabelmeFile {
  fs::path path;
  Json json;
  fs::path photo;
};

/// covers(), whose errors say where.
bool covers_at(const std::string& where, const Json& shape) {
  try {
    return covers(shape);
  } catch (const DataError& e) {
    throw DataError(where + ": " + e.what());
  }
}

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
  bool ignored = false;
  constexpr const char* kIgnore = "__ignore__";  // labelme's own word
  for (const fs::path& file : files_below(source, [](const fs::path& p) { return p.extension() == ".json"; })) {
    Json json = parse_json(io::read_text(file), file.string());
    if (!json.is_object() || !json.contains("shapes")) continue;
    reading(file.string(), [&] {
      int number = 0;
      for (const Json& shape : json.at("shapes"))
        reading(message(file.string(), ": shape ", ++number), [&] {
          if (const auto label = shape.at("label").get<std::string>(); label == kIgnore)
            ignored = true;
          else if (covers_at(message(file.string(), ": shape ", number), shape))
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
        const std::string label = shape.at("label").get<std::string>(), type = type_of(shape);
        const std::uint8_t value = label == kIgnore ? kIgnoreLabel : numbers[label];
        if (!covers(shape))
          ++others;
        else if (type == "mask")
          paste(mask, shape, value, message(file.string(), ": the picture of shape ", number));
        else
          fill(mask, outline(shape), value);
      }
      const fs::path& place = inside ? file : photo;
      const Split split = split_in(fs::relative(place, source).parent_path().string());
      const std::string& name = names.at(place);
      if (inside)
        embedded.push_back(file.filename().string()), target.add(split, name, inside->bytes, inside->ending, file.string());
      else
        target.add(split, name, photo);
      target.write_mask(name, mask);
    });
  target.tell(embedded, "photograph", "taken out of the JSON (imageData), beside which there is none");
  photos.tell_of_others(folder_of, target);
  if (others)
    target.note(message(counted(others, "shape is a point or a line", "shapes are points or lines"), ", which covers no pixel: left out"));
  numbers.tell(hidden, "the later shape", target);
  Json schema{{"labels", numbered_labels(numbers.names())}, {"encoding", "index"}};
  if (ignored) schema["ignore"] = 255;
  return target.finish(schema, source.string() + " holds no labelme: a JSON with shapes beside each photograph");
}

}  // namespace lamina::data::detail
