#pragma once
#include <filesystem>
#include <string_view>

#include "lamina/core/random.hpp"
#include "lamina/data/label_schema.hpp"

namespace lamina::data {

/// Generated data sets with exact labels.
enum class Phantom : std::uint8_t {
  /// Photographs of body regions, simplified: nine classes (background, uncertain, face, hand, foot, limb, trunk, scalp,
  /// anogenital), several skin tones, cluttered backgrounds, lighting, and an uncertain band along every border of skin.
  skin,
  /// 31 kinds of small objects on a wide background: 32 classes, of which the background has about 99 % of the pixels.
  sparse,
  /// Skin with four kinds of damage (A redness, B papules, C scratches, D coarse lines), each graded 0 to 3 by itself: an ordinal set of
  /// four
  /// planes.
  severity,
  /// Patches of color whose red, green and blue are graded by the quarter of the range that they lie in: three planes, 64 combinations.
  rgb,
  /// Eyes' backgrounds with disc, macula and vessels, and four kinds of lesions (hard and soft exudates, hemorrhages, small red dots), each
  /// a plane of its own: a multilabel set of which about one pixel of a hundred is marked, named as DIARETDB1's.
  retina,
  /// Limbs on cloth, of which three heads ask different things: tissue (background, skin, unclear along the border), marks that may overlap
  /// (hair, ruler), damage (A to D as in severity; not known under a ruler).
  several,
};
const char* name_of(Phantom kind);
/// Throws OptionError naming the nearest.
Phantom phantom_named(std::string_view name);

/// Class names, colors and roles of a kind.
LabelSchema phantom_schema(Phantom kind);

struct PhantomSample {
  Image image;
  LabelImage labels;
};
/// How many scenes a kind has (skin: body regions).
int phantom_scenes(Phantom kind);
/// One picture: a function of its arguments. Throws OptionError for sides outside 16..4096.
PhantomSample draw_phantom(Phantom kind, int scene, int width, int height, RandomKey key);

struct PhantomOptions {
  int count = 60;  ///< pictures, scene after scene; the first 70 % go to train.txt, 15 % each to val.txt and test.txt
  int width = 256, height = 256;
  std::uint64_t seed = 0;
  std::string withhold{};  ///< combinations of grades that no picture of train or val has, "r0g1b2,r2g3b0"; every test picture has one
};
/// Combinations of grades, a grade for each plane: "r0g1b2,r2g3b0", "A0_B1_C3_D0". Throws OptionError.
std::vector<std::vector<int>> parse_combinations(const std::string& list, const LabelSchema& schema);
/// Is there a pixel with one of them?
bool holds_combination(const LabelImage& labels, const std::vector<std::vector<int>>& combinations);

/// Writes a data set folder: images/, masks/ (palette PNG, or gray in a folder for each plane), train.txt, val.txt, test.txt,
/// dataset.json. Throws OptionError where there is one already, IoError.
void write_phantom(Phantom kind, const std::filesystem::path& folder, const PhantomOptions& options = {});

/// Photographs and their labelled overlays side by side, `columns` pairs a row, on a light ground.
Image contact_sheet(const std::vector<PhantomSample>& samples, const LabelSchema& schema, int columns);

}  // namespace lamina::data
