// Masks of one instance a file, or whose values number instances: merged.
#include <algorithm>
#include <map>
#include <set>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/class_folders.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/marked_pixels.hpp"
#include "lamina/data/impl/pairing.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/data/impl/survey.hpp"

namespace lamina::data::detail {
namespace {

constexpr std::uint8_t kVoid = 128;

/// A photograph and the files of its instances.
struct Instances {
  fs::path photo;
  std::vector<fs::path> masks;
};

/// How a source's masks mark instances, as all of them together tell.
struct Marks {
  bool on_white = false;       ///< the background is white, and what is darker is an instance
  bool full_void = false;      ///< full intensity, or index 255 of a palette, is neither
  bool numbered_full = false;  ///< it is an instance, though it stands beside numbers that have gaps
  bool smeared = false;        ///< as of read_marks
};

/// White is the background where it has most of the borders and most of all; full intensity is void where it stands beside 1 to n.
Marks marks_of(const std::map<std::string, Instances>& items) {
  Marks marks;
  std::vector<fs::path> files;
  for (const auto& [stem, item] : items) files.insert(files.end(), item.masks.begin(), item.masks.end());
  marks.smeared = are_smeared(files);
  std::int64_t border = 0, white_border = 0, all = 0, white = 0, voids = 0, gaps = 0;
  for (const auto& [stem, item] : items)
    for (const fs::path& file : item.masks) {
      const Raster r = read_marks(file, marks.smeared);
      const MarkedPixels pixels(r);
      std::set<unsigned> numbers;
      for (std::size_t p = 0; p < r.pixel_count() && !pixels.in_alpha(); ++p) {
        const auto w = static_cast<std::size_t>(r.width);
        const bool outer = p < w || p + w >= r.pixel_count() || p % w == 0 || p % w == w - 1,
                   is_white = !pixels.clear(p) && pixels.white(p);
        ++all, border += outer, white += is_white, white_border += outer && is_white;
        if (pixels.numbers() && pixels.number(p)) numbers.insert(pixels.number(p));
      }
      const std::size_t n = numbers.size();
      if (!numbers.contains(pixels.full()) || n < 2) continue;
      const bool gapless = *std::prev(numbers.end(), 2) == n - 1 && n < pixels.full();
      ++(gapless ? voids : gaps);
    }
  marks.on_white = 2 * white > all && 2 * white_border > border;
  marks.full_void = !marks.on_white && voids > gaps;
  marks.numbered_full = !marks.on_white && !marks.full_void && gaps > 0;
  return marks;
}

/// 255 where any of the files has something drawn: in any color but the background's, and not transparent; in files of one color, wherever
/// they are not transparent. 128 where it is void alone.
LabelImage merged(const std::vector<fs::path>& masks, const Marks& marks) {
  LabelImage all;
  for (const fs::path& file : masks) {
    const Raster one = read_marks(file, marks.smeared);
    if (all.labels.empty()) all = LabelImage(one.width, one.height);
    require<DataError>(one.width == all.width && one.height == all.height, file.string(), ": ", one.width, "x", one.height, " pixels, but ",
                       masks[0].string(), " has ", all.width, "x", all.height);
    const MarkedPixels pixels(one);
    for (std::size_t i = 0; i < all.labels.size(); ++i) {
      const bool unmarked = pixels.clear(i) || (!pixels.in_alpha() && (marks.on_white ? pixels.white(i) : pixels.black(i)));
      if (unmarked) continue;
      const bool is_void = marks.full_void && pixels.numbers() && pixels.number(i) == pixels.full();
      if (!is_void || all.labels[i] == 0) all.labels[i] = is_void ? kVoid : 255;
    }
  }
  return all;
}

/// Files beside each other: by the names of the photographs and a number, or else as the masks of a data set are. The rest is told.
void add_files(const fs::path& folder, std::map<std::string, Instances>& items, Target& target) {
  std::vector<Finding> findings;
  Files files, photos;
  if (fs::is_directory(folder)) files = files_by_stem(folder, findings);
  bool any = false;
  std::erase_if(files, [&](const auto& file) {
    const std::string id = photo_of_instance(file.first, items);
    if (!id.empty()) items.at(id).masks.push_back(file.second);
    any |= !id.empty();
    return !id.empty();
  });
  for (const auto& [stem, item] : items) photos[stem] = item.photo;
  if (!any) files = by_photo(photos, files, findings);
  for (const Finding& f : findings) {
    require<DataError>(!f.is_error, f.text);
    target.note(f.text);
  }
  std::vector<std::string> homeless, folders;
  for (const auto& [stem, file] : files)
    if (const auto item = items.find(stem); item != items.end())
      item->second.masks.push_back(file);
    else
      homeless.push_back(file.filename().string());
  target.tell(homeless, "mask", "left out, without a photograph");
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (entry.is_directory(none) && !files_below(entry.path(), is_photo).empty() &&
        std::none_of(items.begin(), items.end(), [&](const auto& item) { return item.second.photo.stem() == entry.path().filename(); }))
      folders.push_back(entry.path().filename().string());
  std::sort(folders.begin(), folders.end());
  target.tell(folders, "folder", "of masks left out, without a photograph");
}

/// Tells of folders ID that lack images or masks beside those that have both.
void tell_of_halves(const std::set<fs::path>& whole, Target& target) {
  std::vector<std::string> bare, homeless;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(whole.begin()->parent_path(), none)) {
    if (whole.contains(entry.path())) continue;
    for (const auto& [part, which] : {std::pair("images", &bare), std::pair("masks", &homeless)})
      if (!files_below(entry.path() / part, is_photo).empty()) which->push_back(entry.path().filename().string());
  }
  for (auto* which : {&bare, &homeless}) std::sort(which->begin(), which->end());
  target.tell(bare, "folder", "left out, without masks beside images");
  target.tell(homeless, "folder", "left out, without images beside masks");
}

bool is_number(std::string_view word) { return word.find_first_not_of("0123456789") == std::string_view::npos; }

/// What somebody who draws masks is called, or numbered as ("1stHO").
bool is_observer(std::string_view given) {
  constexpr std::string_view kObservers[] = {"observer", "obs", "reader", "rater", "grader", "expert", "annotator", "doctor", "manual"};
  constexpr std::string_view kOrdinals[] = {"st", "nd", "rd", "th"};
  const std::string word = schema_names::in_small_letters(std::string(given));
  const std::size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
  const auto is = [&](std::string_view o) {
    return word == o || (word.starts_with(o) && is_number(std::string_view(word).substr(o.size())));
  };
  return std::any_of(std::begin(kObservers), std::end(kObservers), is) ||
         (digits > 0 && std::any_of(std::begin(kOrdinals), std::end(kOrdinals),
                                    [&](std::string_view o) { return std::string_view(word).substr(digits).starts_with(o); }));
}

/// What the name of a photograph's mask says beside numbers of instances and usual endings: "cat" of "im0_cat_2", "1stHO" of "im0_1stHO",
/// "reader_2" of "im0_reader_2".
std::string ending_of(const std::string& mask, const std::string& photo) {
  const std::string rest = mask.starts_with(photo) ? mask.substr(photo.size()) : mask;
  std::string ending;
  bool numbers_count = false;
  for (std::size_t begin = 0, end; begin < rest.size(); begin = end + 1) {
    end = std::min(rest.find_first_of("_-. ", begin), rest.size());
    std::string word = rest.substr(begin, end - begin);
    const bool usual = without_ending("." + ("_" + word), kMaskEndings) == ".";
    if (usual || (is_number(word) && !numbers_count)) continue;
    numbers_count = is_observer(word);
    if (const std::string letters = word.substr(0, word.find_last_not_of("0123456789") + 1);
        !numbers_count && !letters.empty() && letters.find_first_of("0123456789") == std::string::npos)
      word = letters;
    ending += (ending.empty() ? "" : "_") + word;
  }
  return ending;
}

}  // namespace

std::map<fs::path, std::vector<fs::path>> instance_folders(const fs::path& source) {
  std::error_code none;
  const auto folders_of = [&](const fs::path& root) {
    std::map<fs::path, std::vector<fs::path>> photos;
    for (const auto& entry : fs::directory_iterator(root, none))
      if (fs::is_directory(entry.path() / "images", none) && fs::is_directory(entry.path() / "masks", none))
        photos[entry.path()] = files_below(entry.path() / "images", is_photo);
    return photos;
  };
  auto photos = folders_of(source);
  if (!photos.empty() || fs::is_directory(source / "images", none)) return photos;
  for (const auto& entry : fs::directory_iterator(source, none)) {
    auto inner = entry.is_directory(none) ? folders_of(entry.path()) : decltype(photos)();
    if (!inner.empty() && !photos.empty()) return {};  // nothing says which
    if (!inner.empty()) photos = std::move(inner);
  }
  return photos;
}

std::string fault_of_endings(const std::map<std::string, std::vector<fs::path>>& items, const fs::path& source) {
  std::map<std::string, std::set<std::string>> photos_of;  // by ending
  std::size_t masks = 0, ended = 0;
  for (const auto& [stem, item] : items)
    for (const fs::path& file : item) ++masks, photos_of[ending_of(composed(file.stem().string()), stem)].insert(stem);
  photos_of.erase("");
  std::erase_if(photos_of, [](const auto& of) { return of.second.size() < 2; });
  std::set<std::string> endings;
  for (const auto& [ending, photos] : photos_of) endings.insert(ending);
  std::vector<std::string> names;  // of the photograph with the most
  for (const auto& [stem, item] : items) {
    std::map<std::string, std::string> own;
    for (const fs::path& file : item)
      if (const std::string ending = ending_of(composed(file.stem().string()), stem); endings.contains(ending))
        ++ended, own.emplace(ending, file.lexically_relative(source).string());
    if (own.size() <= names.size()) continue;
    names.clear();
    for (const auto& [ending, name] : own) names.push_back(name);
  }
  if (endings.size() < 2 || 2 * ended < masks) return {};
  const std::string what = message(source.string(), ": the endings of masks (", examples({endings.begin(), endings.end()}),
                                   ") recur over photographs, such as ", examples(names), ": ");
  const auto by_observer = [](const std::string& ending) { return is_observer(ending.substr(0, ending.find('_'))); };
  if (std::all_of(endings.begin(), endings.end(), by_observer))
    return message(
        what, "they are several people's masks of one photograph, and what either marked is nobody's; keep the masks of one, such as *",
        *endings.begin(), ".*, and move the others out");
  return message(what, "if they are classes, put the masks of each in a folder, one file a photograph (masks/", *endings.begin(), '/',
                 items.begin()->first, ".png), and ", schema_of_folders(endings, source / "dataset.json"),
                 "; if they are instances, number them (ID_1, ID_2)");
}

Imported import_instances(const fs::path& source, Target& target) {
  std::map<std::string, Instances> items;  // by stem
  const auto add = [&](const fs::path& photo, const fs::path& masks) {
    Instances& item = items[composed(photo.stem().string())];
    require<DataError>(item.photo.empty(), item.photo.string(), " and ", photo.string(), " are of one name; rename one of them");
    item = {photo, files_below(masks, is_photo)};
  };
  std::set<fs::path> whole;
  for (const auto& [folder, photos] : instance_folders(source)) {
    require<DataError>(photos.size() < 2, (folder / "images").string(), " holds ", photos.size(),
                       " photographs: of instances each has a folder of its own, ID/images/ID.png with its masks ID/masks/*.png");
    for (const fs::path& photo : photos) add(photo, folder / "masks"), whole.insert(folder);
  }
  if (!whole.empty()) tell_of_halves(whole, target);
  if (items.empty()) {
    for (const fs::path& photo : files_below(source / "images", is_photo)) add(photo, source / "masks" / photo.stem());
    add_files(source / "masks", items, target);
  }
  const std::string nothing =
      source.string() +
      " holds no instances: ID/images/ID.png with ID/masks/*.png, or images/ID.png with masks/ID/*.png, masks/ID_N.png or masks/ID.png";
  require<DataError>(std::any_of(items.begin(), items.end(), [](const auto& item) { return !item.second.masks.empty(); }), nothing);
  std::map<std::string, std::vector<fs::path>> masks_of;
  for (const auto& [stem, item] : items) masks_of[stem] = item.masks;
  if (const std::string fault = fault_of_endings(masks_of, source); !fault.empty()) throw DataError(fault);
  const Marks marks = marks_of(items);
  std::vector<std::string> bare;
  for (const auto& [stem, item] : items) {
    target.add({}, stem, item.photo);
    if (!item.masks.empty()) {
      target.write_mask(stem, merged(item.masks, marks));
      continue;
    }
    bare.push_back(item.photo.filename().string());
    const Image image = read_image(item.photo);
    target.write_mask(stem, LabelImage(image.width, image.height));
  }
  target.tell(bare, "photograph", "without an instance, all background");
  target.note("instances are merged: where they touch, nothing tells them apart");
  if (marks.smeared) target.note(kToldOfHalves);
  if (marks.on_white)
    target.note(
        "white is the background, as it has most of the masks and of their borders: what is darker is an instance; if it is "
        "otherwise, invert the masks");
  if (marks.full_void)
    target.note(
        "full intensity (255) stands beside instances numbered from 1 without a gap: it is void, left out; if it is an instance, number it "
        "as one");
  if (marks.numbered_full)
    target.note("full intensity (255) stands beside instances whose numbers have gaps: it is one of them; if it is void, write 0 there");
  Json schema{{"labels", numbered_labels({"instance"})}, {"encoding", "binary"}};
  if (marks.full_void) schema = {{"labels", {{"background", 0}, {"instance", 255}}}, {"ignore", kVoid}};
  return target.finish(schema, nothing);
}

}  // namespace lamina::data::detail
