// Masks whose labels are in alpha, in files that the rest is not like, or in numbers that are none.
#include <cmath>

#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "lamina/io/npy.hpp"
#include "support/data_folder.hpp"
#include "support/formats.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

namespace {

constexpr const char* kFour[] = {"a", "b", "c", "d"};

void alpha_mask(const TempFolder& f, const std::string& name, const std::array<unsigned, 3>& alpha) {
  io::create_folders((f / name).parent_path());
  io::write_file_atomically(f / name, rgba_png({{255, 255, 255, alpha[0]}, {255, 255, 255, alpha[1]}, {255, 255, 255, alpha[2]}}));
}
Labels labels_of(const TempFolder& f, const DatasetOptions& options = {}, const char* stem = "a") {
  const Dataset d = open_dataset(f.path(), options);
  for (const Item& item : d.all_items())
    if (item.name == stem) return read_mask(item, d.masks).labels;
  return {};
}
template <class T>
void arrays(const TempFolder& f, const std::vector<T>& v, const Shape& shape = {1, 3}) {
  for (const char* stem : kFour) io::write_file_atomically(f / message("masks/", stem, ".npy"), io::format_npy(Tensor::from<T>(v, shape)));
}

}  // namespace

TEST_CASE("labels in alpha of a file a class: told, and read with the option") {
  DataFolder f;
  const auto masks = [&](unsigned set) {
    for (const char* stem : kFour) {
      alpha_mask(f, message("masks/cat/", stem, ".png"), {set, 0, 0});
      alpha_mask(f, message("masks/dog/", stem, ".png"), {0, set, 0});
    }
  };
  masks(255);
  f.text("dataset.json", R"({"task": "multilabel", "labels": {"cat": 0, "dog": 1}})");
  refuses(f, "--mask-channel alpha");
  CHECK(told(check_dataset(f.path()).findings, "--mask-channel alpha", true) == 1);
  CHECK(labels_of(f, {.mask_channel = "alpha"}) == Labels{1, 0, 0, 1, 0, 0});
  f.text("dataset.json", R"({"labels": {"none": 0, "cat": 1, "dog": 2}, "roles": {"background": "none"}})");
  refuses(f, "--mask-channel alpha");
  CHECK(labels_of(f, {.mask_channel = "alpha"}) == Labels{1, 2, 0});
  masks(1);
  f.text("dataset.json", R"({"task": "ordinal", "labels": {"none": 0, "mild": 1}, "planes": ["cat", "dog"]})");
  CHECK(told(check_dataset(f.path()).findings, "--mask-channel alpha", true) >= 1);
  CHECK(labels_of(f, {.mask_channel = "alpha"}) == Labels{1, 0, 0, 1, 0, 0});
}

TEST_CASE("labels in the alpha of some masks: an error with the option that reads all of them") {
  DataFolder f;
  f.masks(labels({0, 255, 0}));
  for (const char* stem : {"a", "b"}) alpha_mask(f, message("masks/", stem, ".png"), {0, 255, 0});
  refuses(f, "--mask-channel alpha");
  for (const char* stem : {"a", "c"}) CHECK(labels_of(f, {.mask_channel = "alpha"}, stem) == Labels{0, 1, 0});
}

TEST_CASE("NaN in soft masks is what is ignored, and so is a number beside shares") {
  for (const unsigned ignore : {255u, 254u})
    for (const bool nan : {true, false}) {
      CAPTURE(ignore);
      CAPTURE(nan);
      DataFolder f;
      arrays<float>(f, {0, 0.9f, nan ? NAN : static_cast<float>(ignore)});
      const DatasetOptions options{.ignore = ignore, .mask_threshold = 0.45};
      CHECK(labels_of(f, options) == Labels{0, 1, kIgnoreLabel});
      CHECK(check_dataset(f.path(), options).splits[0].counts.pixels[1] == 3);
      const LabelSchema schema = open_dataset(f.path(), options).schema;
      for (const char* stem : kFour) {
        std::filesystem::remove(f / message("masks/", stem, ".npy"));
        write_mask(f / message("masks/", stem, ".png"), labels({0, 1, 0}), schema);  // as it is read
      }
      CHECK(labels_of(f, options) == Labels{0, 1, 0});
    }
  DataFolder f;
  arrays<float>(f, {0, 0.9f, NAN});
  CHECK(told(check_dataset(f.path(), {.mask_threshold = 0.45}).findings, "--mask-threshold 0.45 --ignore 255", true) == 1);
  arrays<float>(f, {0, 0.9f, 255});
  CHECK(told(check_dataset(f.path(), {.mask_threshold = 0.45}).findings, "255 among shares of 1", true) == 1);
  arrays<std::uint8_t>(f, {0, 200, 255});
  CHECK(labels_of(f, {.ignore = 255, .mask_threshold = 0.5}) == Labels{0, 1, kIgnoreLabel});
}

TEST_CASE("masks of probabilities, of logits and of rounded labels are told, with what to save") {
  DataFolder f;
  const auto error = [&](const std::string& text, const DatasetOptions& options = {}) {
    return told(check_dataset(f.path(), options).findings, text, true);
  };
  const std::vector<float> softmax{0.7f, 0.2f, 0.1f, 0.1f, 0.8f, 0.1f, 0.2f, 0.2f, 0.6f};
  arrays<float>(f, softmax, {1, 3, 3});
  CHECK(error("np.argmax(a, -1).astype('u1'))") == 1);
  CHECK(error("np.argmax(a, -1).astype('u1'))", {.mask_threshold = 0.5}) == 1);
  arrays<float>(f, {0.5f, 0.9f, 0, 0.25f, 0.1f, 0.9f, 0.25f, 0.1f, 0.5f}, {3, 1, 3});
  CHECK(error("np.argmax") == 0);
  arrays<float>(f, {0.5f, 0.9f, 0, 0.25f, 0.1f, 0.5f, 0.25f, 0, 0.5f}, {3, 1, 3});
  CHECK(error("np.argmax(a, 0).astype('u1'))") == 1);
  arrays<float>(f, {-4.1f, 3.2f, -4.1f});
  CHECK(error("(a > 0).astype('u1')") == 1);
  arrays<float>(f, {3.2f, -4.1f, -4.1f});
  CHECK(error("(a > 0).astype('u1')") == 1);
  arrays<float>(f, {0, 87.5f, 0});
  CHECK(error("--mask-threshold 0.17 marks") == 1);
  CHECK(labels_of(f, {.mask_threshold = 0.17}) == Labels{0, 1, 0});
  arrays<float>(f, {0, 1.000001f, 2.000002f});
  CHECK(error("np.rint(a).astype('u1')") == 1);
  arrays<float>(f, {0, 1.000001f, 0});
  CHECK(labels_of(f, {.mask_threshold = 0.5}) == Labels{0, 1, 0});
}

TEST_CASE("black and white palettes among masks of 0 and 255 are these, by color") {
  for (const bool white_first : {false, true}) {
    DataFolder f;
    f.masks(labels({0, 255, 0}));
    const Rgb black{0, 0, 0}, white{255, 255, 255};
    const std::vector<Rgb> palette = white_first ? std::vector<Rgb>{white, black} : std::vector<Rgb>{black, white};
    write_png(f / "masks/a.png", white_first ? labels({1, 0, 1}) : labels({0, 1, 0}), palette);
    for (const char* stem : {"a", "b"}) CHECK(labels_of(f, {}, stem) == Labels{0, 1, 0});
  }
}

TEST_CASE("masks that lie as turned photographs are shown are not told of") {
  DataFolder f;
  for (const char* stem : kFour)
    io::write_file_atomically(f / message("images/", stem, ".png"),
                              oriented(encode_png(Image(3, 1, 3, static_cast<std::uint8_t>(*stem))), 6));
  for (const bool as_shown : {true, false}) {
    LabelImage mask(as_shown ? 1 : 3, as_shown ? 3 : 1, 0);
    mask.labels[1] = 1;
    f.masks(mask);
    CHECK(told(check_dataset(f.path()).findings, "EXIF orientation, which the masks do not have") == (as_shown ? 0 : 1));
  }
}
