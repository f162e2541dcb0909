// COCO: JSONs of polygons and run lengths, drawn as masks.
#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/label_names.hpp"
#include "lamina/data/impl/painting.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {
namespace {

Points pairs(const Json& flat) {
  Points points;
  for (const Json& v : flat)
    if (!v.is_number())
      throw DataError(message("\"segmentation\" holds ", v.dump(), ", not a number; write coordinates as numbers, without quotes"));
  for (std::size_t i = 0; i + 1 < flat.size(); i += 2) points.emplace_back(flat[i].get<double>(), flat[i + 1].get<double>());
  return points;
}

/// COCO's shape of an annotation: run lengths, a polygon, or a list of them. False: it covers no pixel.
bool draw_shape(Canvas& mask, const Json& shape, std::uint8_t value, const std::string& origin) {
  if (shape.is_object()) return fill_runs(mask, shape, value, origin), true;
  const Json polygons = !shape.empty() && shape[0].is_number() ? Json::array({shape}) : shape;
  bool any = false;
  for (const Json& polygon : polygons)
    if (const Points points = pairs(polygon); points.size() > 2) fill(mask, points, value), any = true;
  return any;
}

/// Whether a shape is one upright rectangle.
bool is_box(const Json& shape) {
  if (!shape.is_array() || shape.empty()) return false;
  const Points points = pairs(shape[0].is_number() ? shape : shape[0]);
  std::set<double> x, y;
  for (const auto& point : points) x.insert(point.first), y.insert(point.second);
  return (shape.size() == 1 || shape[0].is_number()) && (points.size() == 4 || points.size() == 5) && x.size() == 2 && y.size() == 2;
}

/// A number, or text that is none; numbers in text are the same.
struct Id {
  std::int64_t number = 0;
  std::string text{};
  auto operator<=>(const Id&) const = default;
  std::string string() const { return text.empty() ? std::to_string(number) : text; }
};

/// Throws DataError where it is none.
Id id_of(const Json& object, const char* key) {
  const Json& id = object.at(key);
  if (id.is_number()) return {id.get<std::int64_t>()};
  require<DataError>(id.is_string() && !id.get_ref<const std::string&>().empty(), '"', key, "\" is ", id.dump(),
                     "; write the number or name that the ids of the JSON have");
  const auto& text = id.get_ref<const std::string&>();
  const bool digits = text.size() < 19 && text.find_first_not_of("0123456789") == std::string::npos;
  return digits ? Id{std::stoll(text)} : Id{std::numeric_limits<std::int64_t>::max(), text};
}

/// 0 where it lacks. Throws DataError where it is no number.
double number_of(const Json& object, const char* key) {
  const auto value = object.find(key);
  if (value == object.end() || value->is_null()) return 0;
  if (!value->is_number() && !value->is_boolean())
    throw DataError(message('"', key, "\" is ", value->dump(), ", not a number; write it without quotes"));
  return value->is_boolean() ? value->get<bool>() : value->get<double>();
}

/// Throws DataError where it is none.
std::string text_of(const Json& object, const char* key) {
  const Json& text = object.at(key);
  if (!text.is_string()) throw DataError(message('"', key, "\" is ", text.dump(), ", not text; write it in quotes"));
  return text.get<std::string>();
}

/// "annotations.json: image 7"
std::string place_in(const fs::path& file, const char* what, const Json& object) {
  return message(file.string(), ": ", what, ' ', object.is_object() ? object.value("id", Json("without id")).dump() : object.dump());
}

/// Categories of one name, and those that are the background.
void tell_of_names(const std::set<std::pair<Id, std::string>>& categories, Target& target) {
  std::map<std::string, std::vector<std::string>> ids;  // by name
  for (const auto& [id, name] : categories) ids[name].push_back(id.string());
  for (const auto& [name, which] : ids) {
    if (which.size() > 1) target.note(message("the categories ", examples(which), " are all called '", name, "' and are one label"));
    if (schema_names::names_background(name)) target.note(message("the category '", name, "' is the background (0)"));
  }
}

/// A JSON of COCO.
struct CocoSet {
  fs::path file;
  Json json;
  std::map<Id, std::string> categories{};  // their names
  std::vector<fs::path> photos{};          // of its images; empty: not there
};

/// Those below a folder. Throws DataError where an id has two names.
std::vector<CocoSet> coco_sets(const fs::path& source, const Photos& photos, Target& target, SpelledLabels& spelled) {
  std::vector<CocoSet> sets;
  for (const fs::path& file : files_below(source, [](const fs::path& p) { return p.extension() == ".json"; })) {
    Json json = parse_json(io::read_text(file), file.string());
    if (!json.is_object() || !json.contains("annotations") || !json.contains("images") || !json.contains("categories")) continue;
    sets.push_back({file, std::move(json)});
  }
  std::set<fs::path> in_main;
  const auto is_main = [](const CocoSet& s) { return s.file.filename().string().starts_with("instances"); };
  for (CocoSet& set : sets)
    reading(set.file.string(), [&] {
      for (const Json& image : set.json.at("images")) {
        reading(place_in(set.file, "image", image), [&] { set.photos.push_back(photos.find(text_of(image, "file_name"), set.file)); });
        if (is_main(set) && !set.photos.back().empty()) in_main.insert(set.photos.back());
      }
    });
  std::vector<std::string> others;  // COCO itself has, of the same photographs, key points and stuff, too
  std::erase_if(sets, [&](const CocoSet& set) {
    const bool is_other =
        !in_main.empty() && !is_main(set) &&
        std::all_of(set.photos.begin(), set.photos.end(), [&](const fs::path& photo) { return photo.empty() || in_main.contains(photo); });
    if (is_other) others.push_back(set.file.filename().string());
    return is_other;
  });
  target.tell(others, "JSON file", "left out, of photographs that instances*.json have");
  for (CocoSet& set : sets)
    for (const Json& c : set.json.at("categories")) {
      Id id;
      std::string name;
      reading(place_in(set.file, "category", c), [&] { id = id_of(c, "id"), name = spelled(text_of(c, "name")); });
      const std::string& first = set.categories.emplace(id, name).first->second;
      require<DataError>(first == name, set.file.string(), ": the category ", id.string(), " is called '", first, "' and '", name, "'");
    }
  return sets;
}

/// The shapes of all photographs.
struct Shapes {
  Numbers numbers;
  Hidden hidden{};
  int crowds = 0, boxes = 0;                   // regions; shapes that are upright rectangles
  std::map<std::string, int> drawn{}, bare{};  // annotations with a shape and without one, by category

  Shapes(const std::vector<std::string>& labels, const fs::path& source) : numbers(labels, source) {}

  /// Those of a photograph, in their order.
  void draw(Canvas& mask, std::vector<const Json*>& annotations, const CocoSet& set, const fs::path& photo) {
    const auto where_is = [&](const Json& a) { return place_in(set.file, "annotation", a) + " of " + photo.string(); };
    for (const Json* a : annotations) reading(where_is(*a), [&] { (void)number_of(*a, "area"), (void)number_of(*a, "iscrowd"); });
    const auto area = [](const Json* a) { return number_of(*a, "area"); };              // small ones last: above the large ones
    const auto is_crowd = [](const Json* a) { return number_of(*a, "iscrowd") != 0; };  // below all others
    std::stable_sort(annotations.begin(), annotations.end(), [&](const Json* x, const Json* y) {
      if (is_crowd(x) != is_crowd(y)) return is_crowd(x);
      return area(x) > area(y);
    });
    for (const Json* a : annotations) {
      const std::string where = where_is(*a);
      reading(where, [&] {
        const Id category = id_of(*a, "category_id");
        const auto name = set.categories.find(category);
        require<DataError>(name != set.categories.end(), where, " has the category ", category.string(), ", which has no name");
        const auto shape = a->find("segmentation");
        const bool is_drawn = shape != a->end() && draw_shape(mask, *shape, is_crowd(a) ? kIgnoreLabel : numbers[name->second], where);
        ++(is_drawn ? drawn : bare)[name->second];
        crowds += is_drawn && is_crowd(a);
        boxes += is_drawn && is_box(*shape);
      });
    }
  }

  /// Throws DataError where no annotation has a shape, and all would be background.
  void tell(const fs::path& source, Target& target) const {
    const auto sum = [](const std::map<std::string, int>& counts) {
      return std::accumulate(counts.begin(), counts.end(), 0, [](int n, const auto& count) { return n + count.second; });
    };
    const int shapes = sum(drawn), others = sum(bare);
    constexpr const char* kCure = "draw them, or export polygons or masks (instance segmentation), not boxes (detection)";
    require<DataError>(shapes > 0 || others == 0, source.string(), ": none of its ", counted(others, "annotation"),
                       " has a shape (\"segmentation\"), only boxes (\"bbox\") or points, and every pixel would be background: ", kCure);
    if (crowds)
      target.note(counted(crowds, "region is a crowd", "regions are crowds") + " (iscrowd), which COCO's evaluation ignores, as 255 here");
    std::vector<std::string> never;
    for (const auto& [name, count] : bare)
      if (!drawn.contains(name)) never.push_back("'" + name + "'");
    if (others)
      target.note(message(counted(others, "annotation has", "annotations have"),
                          " a box (\"bbox\") or points but no shape (\"segmentation\"): left out, so that what they show is background",
                          never.empty() ? "" : message("; no annotation of ", examples(never), " has a shape"), "; ", kCure));
    if (shapes > 0 && boxes == shapes)
      target.note("every shape is an upright rectangle, as a box is: a network learns boxes from it, not outlines");
  }
};

/// The splits of a JSON's images: by its own name and folders or, without lists of the source, by the photographs' folders.
std::vector<std::optional<Split>> splits_of(const CocoSet& set, const fs::path& source) {
  const auto own = split_of_path(set.file.lexically_relative(source));
  const bool listed = !SourceLists::split_lists(source).empty();
  std::vector<std::optional<Split>> splits;
  for (const fs::path& photo : set.photos)
    splits.push_back(own || listed ? own : split_of_path(photo.lexically_relative(source).parent_path()));
  return splits;
}

}  // namespace

Imported import_coco(const fs::path& source, Target& target) {
  const Photos photos(source);
  SpelledLabels spelled;
  const std::vector<CocoSet> sets = coco_sets(source, photos, target, spelled);
  std::set<std::pair<Id, std::string>> categories;
  std::map<fs::path, fs::path> folder_of;
  for (const CocoSet& set : sets) {
    categories.insert(set.categories.begin(), set.categories.end());
    for (const fs::path& photo : set.photos)
      if (!photo.empty()) folder_of[photo] = photo.parent_path();
  }
  const auto names = target.names(folder_of);
  std::vector<std::string> labels;
  for (const auto& [id, name] : categories) labels.push_back(name);
  Shapes shapes(labels, source);
  std::vector<std::string> absent, homeless, unsaid;  // photographs; annotations, by their image_id; JSONs
  for (const CocoSet& set : sets) {
    const fs::path& file = set.file;
    const auto splits = splits_of(set, source);
    if (std::any_of(splits.begin(), splits.end(), [](const auto& split) { return !split; })) unsaid.push_back(file.filename().string());
    reading(file.string(), [&] {
      std::map<Id, std::vector<const Json*>> of_image;
      std::map<Id, std::string> known;  // the photograph's name
      for (const Json& a : set.json.at("annotations"))
        reading(place_in(file, "annotation", a), [&] { of_image[id_of(a, "image_id")].push_back(&a); });
      std::size_t number = 0;
      for (const Json& image : set.json.at("images")) {
        const fs::path& photo = set.photos[number];
        const std::optional<Split> split = splits[number++];
        Id id;
        reading(message(file.string(), ": image ", text_of(image, "file_name")), [&] { id = id_of(image, "id"); });
        const std::string name = text_of(image, "file_name"), first = known.emplace(id, name).first->second;
        require<DataError>(first == name, file.string(), ": the images ", first, " and ", name, " have one id, ", id.string(),
                           ", and nothing says whose its annotations are; give each an id of its own, and its annotations that image_id");
        if (photo.empty()) {
          absent.push_back(name);
          continue;
        }
        Canvas mask(blank(image, "width", "height", file.string(), photo), shapes.hidden);
        shapes.draw(mask, of_image[id], set, photo);
        target.add(split, names.at(photo), photo, {}, file);
        target.write_mask(names.at(photo), mask);
      }
      for (const auto& [id, annotations] : of_image)
        if (!known.contains(id)) homeless.insert(homeless.end(), annotations.size(), id.string());
    });
  }
  if (sets.size() > 1 && SourceLists::split_lists(source).empty())
    target.tell(unsaid, "JSON file", "without the name of a split, taken for training");
  target.tell(absent, "photograph", "of the JSON left out, not there");
  photos.tell_of_others(folder_of, target);
  target.tell(homeless, "annotation", "left out, with an image_id that no image has");
  shapes.tell(source, target);
  spelled.tell(target);
  tell_of_names(categories, target);
  shapes.numbers.tell(shapes.hidden, "the shape of the smaller area, or else the later one,", target);
  Json schema{{"labels", numbered_labels(shapes.numbers.names())}, {"encoding", "index"}};
  if (shapes.crowds) schema["ignore"] = kIgnoreLabel;
  return target.finish(schema,
                       source.string() + " holds no COCO: a JSON with images, annotations and categories, and the photographs it names");
}

}  // namespace lamina::data::detail
