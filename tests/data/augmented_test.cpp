#include "lamina/data/augmented.hpp"

#include "lamina/io/npy.hpp"
#include "support/op_check.hpp"
#include "support/painted.hpp"
#include "support/several_heads.hpp"

using namespace lamina;
using namespace lamina::test;
using data::Split;

TEST_CASE("augmented arrays: what the loader gives, copy by copy, as a data set that reads back") {
  for (const data::Task task : {data::Task::multiclass, data::Task::multilabel, data::Task::ordinal}) {
    CAPTURE(name_of(task));
    const TempFolder f;
    write_pictures(f / "set", task, {{"a", "0011223x", "00112233"}, {"b", "33221100", "01230123"}}, {{"v", "00110112", "00112233"}});
    const data::Dataset set = data::open_dataset(f / "set", {.compare_photos = true});
    const data::AugmentedOptions options{
        .copies = 3, .width = 8, .height = 6, .augment = data::parse_augment("hflip=1,rotate=30"), .seed = 4};
    data::write_augmented(set, f / "out", options);
    const data::Dataset out = data::open_dataset(f / "out");
    CHECK(out.schema.names == set.schema.names);
    CHECK(out.items(Split::train).size() == 6);
    CHECK(out.items(Split::val).size() == 1);
    CHECK(out.items(Split::train)[0].name == "a_1");
    for (const data::Item& item : out.items(Split::train)) CHECK(item.group == item.name.substr(0, 1));  // copies of one photograph
    CHECK(out.items(Split::val)[0].group == "v");
    CHECK(std::none_of(out.findings.begin(), out.findings.end(),
                       [](const data::Finding& found) { return found.text.find("groups.txt") != std::string::npos; }));
    data::Loader loader(set, Split::train,
                        {.batch = 1, .width = 8, .height = 6, .augment = options.augment, .random_crop = true, .seed = 4});
    bool differ = false;
    for (int copy = 0; copy < 3; ++copy) {
      loader.start(copy);
      for (data::Batch batch; loader.next(batch);) {
        const std::string name = set.items(Split::train)[static_cast<std::size_t>(batch.indices[0])].name + "_" + std::to_string(copy + 1);
        const auto item =
            std::find_if(out.items(Split::train).begin(), out.items(Split::train).end(), [&](const auto& i) { return i.name == name; });
        REQUIRE(item != out.items(Split::train).end());
        CHECK(data::read_mask(*item, out.masks).labels == batch.at(kLabels).to_vector<std::uint8_t>());
        const auto pixels = io::read_npy(f / "out/images" / (name + ".npy")).to_vector<std::uint8_t>();
        const auto seen = batch.at(kImage).to_vector<float>();
        REQUIRE(pixels.size() == seen.size());
        for (std::size_t i = 0; i < seen.size(); ++i) CHECK(std::abs(pixels[i] - (seen[i] + 1) * 127.5f) <= 0.5001f);
        differ |= copy > 0 && pixels != io::read_npy(f / "out/images" / (name.substr(0, 2) + "1.npy")).to_vector<std::uint8_t>();
      }
    }
    CHECK(differ);
    // What is validated with is not augmented.
    data::Loader val(set, Split::val, {.batch = 1, .width = 8, .height = 6});
    data::Batch batch;
    val.start(0);
    REQUIRE(val.next(batch));
    CHECK(data::read_mask(out.items(Split::val)[0], out.masks).labels == batch.at(kLabels).to_vector<std::uint8_t>());
    check_throws<OptionError>([&] { data::write_augmented(set, f / "out", options); }, {"data set"});
    check_throws<OptionError>([&] { data::write_augmented(set, f / "x", {.copies = 0}); }, {"--copies 0"});
  }
}

TEST_CASE("augmented arrays: of several heads an array a plane, which reads back as what the loader gives") {
  const TempFolder f;
  write_three_heads(f / "set", 6);
  std::filesystem::remove(f / "set/masks/tissue/p12.png");  // nothing is known of it there
  const data::Dataset set = data::open_dataset(f / "set", {.compare_photos = true});
  const data::AugmentedOptions options{
      .copies = 2, .width = 24, .height = 20, .augment = data::parse_augment("hflip=1,rotate=20"), .seed = 4};
  data::write_augmented(set, f / "out", options);
  const data::Dataset out = data::open_dataset(f / "out");
  CHECK(out.schema.plane_names() == set.schema.plane_names());
  CHECK(out.items(Split::train).size() == 2 * set.items(Split::train).size());
  data::Loader loader(set, Split::train,
                      {.batch = 1, .width = 24, .height = 20, .augment = options.augment, .random_crop = true, .seed = 4});
  for (int copy = 0; copy < 2; ++copy) {
    loader.start(copy);
    for (data::Batch batch; loader.next(batch);) {
      const std::string name = loader.name(batch.indices[0]) + "_" + std::to_string(copy + 1);
      const auto item =
          std::find_if(out.items(Split::train).begin(), out.items(Split::train).end(), [&](const auto& i) { return i.name == name; });
      REQUIRE(item != out.items(Split::train).end());
      const auto labels = batch.at(kLabels).to_vector<std::uint8_t>();
      CHECK(std::find(labels.begin(), labels.end(), 255) != labels.end());  // turned
      CHECK(data::read_mask(*item, out.masks).labels == labels);
    }
  }
}

TEST_CASE("augmented arrays: pixels outside of the photograph have a value that is no label's, beyond a byte where it must be") {
  const TempFolder f;
  data::LabelImage mask(8, 8);
  for (std::size_t i = 0; i < 32; ++i) mask.labels[i] = 255;
  for (const char* sub : {"images", "masks"}) io::create_folders(f / "set" / sub);
  for (const char* name : {"a.png", "b.png"})
    data::write_png(f / "set/images" / name, data::Image(8, 8, 3, 90)), data::write_png(f / "set/masks" / name, mask);
  io::write_file_atomically(f / "set/dataset.json", R"({"labels": {"ground": 0, "white": 255}, "encoding": "index"})");
  data::write_augmented(data::open_dataset(f / "set"), f / "out", {.width = 12, .height = 8, .resize = data::Resize::pad});
  const data::Dataset out = data::open_dataset(f / "out");
  CHECK(out.schema.ignore == 256);
  const auto labels = data::read_mask(out.items(Split::train)[0], out.masks).labels;
  CHECK(std::count(labels.begin(), labels.end(), data::kIgnoreLabel) == 32);
  CHECK(std::count(labels.begin(), labels.end(), 1) == 32);
}
