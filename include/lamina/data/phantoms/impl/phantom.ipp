// Phantom data sets as folders, and contact sheets.
#include "lamina/data/phantom.hpp"

#include <algorithm>

#include "lamina/core/device.hpp"
#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/phantoms/impl/phantoms.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data {
namespace {

constexpr std::string_view kNames[] = {"skin", "sparse", "severity", "rgb", "retina", "several"};
constexpr std::uint64_t kMostAttempts = 2000;  // to draw a picture with, or without, a combination
constexpr const char* kSeveral = R"({"heads": {
  "tissue": {"labels": {"background": 0, "skin": 1, "unclear": 2}, "roles": {"background": "background", "uncertain": "unclear"}},
  "marks": {"task": "multilabel", "labels": {"hair": 0, "ruler": 1}},
  "damage": {"task": "ordinal", "labels": {"healthy": 0, "mild": 1, "moderate": 2, "severe": 3}, "planes": ["A", "B", "C", "D"],
             "ignore": 255}}})";
constexpr Rgb kLesionColors[] = {{240, 228, 66}, {86, 180, 233}, {0, 158, 115}, {204, 121, 167}};  // of Okabe and Ito's, without reds

/// Without a color the background, white what is uncertain, then those of default_colors.
std::vector<Rgb> skin_colors(int classes) {
  std::vector<Rgb> colors = default_colors(classes - 1);
  colors.insert(colors.begin() + 1, {255, 255, 255});
  return colors;
}

}  // namespace

const char* name_of(Phantom kind) { return kNames[static_cast<int>(kind)].data(); }

Phantom phantom_named(std::string_view name) {
  for (const Phantom kind : {Phantom::skin, Phantom::sparse, Phantom::severity, Phantom::rgb, Phantom::retina, Phantom::several})
    if (name == name_of(kind)) return kind;
  throw_unknown_name("phantom", name, kNames);
}

LabelSchema phantom_schema(Phantom kind) {
  LabelSchema s;
  if (kind == Phantom::several) {
    s = parse_label_schema(kSeveral, "the phantom several");
    s.set_default_colors();
    return s;
  }
  if (kind == Phantom::severity || kind == Phantom::rgb) {
    s.task = Task::ordinal;
    const bool skin = kind == Phantom::severity;
    s.names = skin ? std::vector<std::string>{"healthy", "mild", "moderate", "severe"} : std::vector<std::string>{"0", "1", "2", "3"};
    s.planes = skin ? std::vector<std::string>{"A", "B", "C", "D"} : std::vector<std::string>{"r", "g", "b"};
    s.values = {0, 1, 2, 3};
    s.set_default_colors();
    return s;
  }
  if (kind == Phantom::retina) {
    s.task = Task::multilabel;
    s.names = {"hardexudates", "softexudates", "hemorrhages", "redsmalldots"};
    s.values = {0, 1, 2, 3};
    s.colors = std::vector<Rgb>(std::begin(kLesionColors), std::end(kLesionColors));
    s.has_colors = true;
    return s;
  }
  s.background = 0;
  if (kind == Phantom::skin) {
    s.names = {"background", "uncertain", "face", "hand", "foot", "limb", "trunk", "scalp", "anogenital"};
    s.uncertain = {1};
  } else {
    s.names = {"background"};
    for (const char* color : {"red", "yellow", "blue", "white"})
      for (const char* shape : {"disc", "ring", "square", "triangle", "cross", "bar", "star", "crescent"})
        if (s.names.size() < 32) s.names.push_back(std::string(color) + ' ' + shape);
  }
  for (unsigned v = 0; v < s.names.size(); ++v) s.values.push_back(v);
  s.colors = kind == Phantom::skin ? skin_colors(s.classes()) : default_colors(s.classes());
  s.has_colors = true;
  return s;
}

int phantom_scenes(Phantom kind) { return kind == Phantom::skin ? detail::kSkinScenes : 1; }

namespace {
void check_sides(int width, int height) {
  require<OptionError>(std::min(width, height) >= 16 && std::max(width, height) <= 4096, "a phantom of ", width, "x", height,
                       " pixels: sides go from 16 to 4096");
}
}  // namespace

PhantomSample draw_phantom(Phantom kind, int scene, int width, int height, RandomKey key) {
  check_sides(width, height);
  require<OptionError>(scene >= 0 && scene < phantom_scenes(kind), "scene ", scene, " is not in 0..", phantom_scenes(kind) - 1);
  switch (kind) {
    case Phantom::skin: return detail::draw_skin(scene, width, height, key);
    case Phantom::sparse: return detail::draw_sparse(width, height, key);
    case Phantom::severity: return detail::draw_severity(width, height, key);
    case Phantom::rgb: return detail::draw_rgb(width, height, key);
    case Phantom::several: return detail::draw_several(width, height, key);
    default: return detail::draw_retina(width, height, key);
  }
}

void write_phantom(Phantom kind, const std::filesystem::path& folder, const PhantomOptions& options) {
  require<OptionError>(options.count >= 1 && options.count <= 9999, "a phantom data set of ", options.count,
                       " pictures: 1 to 9999 are possible");
  check_sides(options.width, options.height);
  const LabelSchema schema = phantom_schema(kind);
  const auto withheld = parse_combinations(options.withhold, schema);
  require<OptionError>(withheld.empty() || !schema.planes.empty(), "--withhold: pictures of ", name_of(kind), " have no graded planes");
  const auto unfinished = folder / ".unfinished_phantom";  // there from the first to the last file: what was stopped may be drawn again
  if (std::filesystem::is_directory(folder) && !std::filesystem::exists(unfinished)) {
    const std::filesystem::directory_iterator first(folder);
    require<OptionError>(first == std::filesystem::directory_iterator(), folder.string(), " is not empty (it has ",
                         first == std::filesystem::directory_iterator() ? "" : first->path().filename().string(),
                         "), and nothing of it is to be lost; choose another folder");
  }
  io::create_folders(folder);
  io::write_file_atomically(unfinished, "");
  std::vector<std::filesystem::path> parts{"images", "masks"};
  for (const std::string& plane : schema.plane_names()) parts.push_back(std::filesystem::path("masks") / plane);
  for (const auto& part : parts) {
    io::create_folders(folder / part);
    io::remove_leftovers(folder / part);
  }
  const int held_out = options.count >= 3 ? std::max(1, static_cast<int>(0.15 * options.count + 0.5)) : 0;
  std::vector<bool> overlapping(schema.plane_names().size(), schema.task == Task::multilabel);
  for (std::size_t h = 0, plane = 0; h < schema.heads.size(); ++h)
    for (std::size_t k = schema.heads[h].labels_per_pixel(); k-- > 0;) overlapping[plane++] = schema.heads[h].task == Task::multilabel;
  const auto stem = [&](std::int64_t i) {
    const std::string number = formatted("%04d", static_cast<int>(i));
    return std::string(name_of(kind)) + '_' + number;
  };
  current_cpu().parallel(options.count, [&](std::int64_t i, int) {
    const RandomKey key = RandomKey{options.seed, io::crc32c(name_of(kind))}.derive(static_cast<std::uint64_t>(i));
    const auto draw = [&](std::uint64_t attempt) {
      return draw_phantom(kind, static_cast<int>(i % phantom_scenes(kind)), options.width, options.height,
                          attempt ? key.derive(attempt) : key);
    };
    PhantomSample sample = draw(0);
    const bool wanted = i >= options.count - held_out;
    for (std::uint64_t attempt = 1; !withheld.empty() && holds_combination(sample.labels, withheld) != wanted; ++attempt) {
      require<OptionError>(
          attempt < kMostAttempts, "--withhold ", options.withhold, ": of ", kMostAttempts, " pictures none ",
          wanted ? "has one of them; withhold more, or combinations that are not as rare" : "is without them; withhold fewer");
      sample = draw(attempt);
    }
    write_png(folder / "images" / (stem(i) + ".png"), sample.image);
    const std::vector<std::string>& planes = schema.plane_names();
    if (planes.empty()) write_png(folder / "masks" / (stem(i) + ".png"), sample.labels, schema.colors);
    for (std::size_t k = 0; k < planes.size(); ++k) {
      LabelImage mask = sample.labels.plane(static_cast<int>(k));
      if (overlapping[k])  // white, for people who look at it
        for (std::uint8_t& v : mask.labels) v = v ? 255 : 0;
      write_png(folder / "masks" / planes[k] / (stem(i) + ".png"), mask);
    }
  });
  std::string lists[3];
  for (int i = 0; i < options.count; ++i)
    lists[i >= options.count - held_out ? 2 : i >= options.count - 2 * held_out ? 1 : 0] += stem(i) + '\n';
  for (int k = 0; k < 3; ++k)
    io::write_file_atomically(folder / (std::string(k == 0 ? "train" : k == 1 ? "val" : "test") + ".txt"), lists[k]);
  io::write_file_atomically(folder / "dataset.json", to_json(schema, options.count));
  std::filesystem::remove(unfinished);
}

Image contact_sheet(const std::vector<PhantomSample>& samples, const LabelSchema& schema, int columns) {
  require<OptionError>(!samples.empty() && columns > 0, "a contact sheet needs pictures and columns");
  constexpr int kGap = 4;
  const int width = samples[0].image.width, height = samples[0].image.height,
            rows = (static_cast<int>(samples.size()) + columns - 1) / columns;
  Image sheet(columns * (2 * width + 2 * kGap) + kGap, rows * (height + kGap) + kGap, 3, 245);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const int left = kGap + static_cast<int>(i) % columns * (2 * width + 2 * kGap),
              top = kGap + static_cast<int>(i) / columns * (height + kGap);
    const Image marked = draw_labels(samples[i].image, samples[i].labels, schema, 0.55);
    for (int y = 0; y < height; ++y) {
      std::copy_n(samples[i].image.at(0, y), 3 * width, sheet.at(left, top + y));
      std::copy_n(marked.at(0, y), 3 * width, sheet.at(left + width + kGap / 2, top + y));
    }
  }
  return sheet;
}

}  // namespace lamina::data
