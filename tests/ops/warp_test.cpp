#include "lamina/ops/warp.hpp"

#include "lamina/data/augment.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/io/file.hpp"
#include "support/golden.hpp"
#include "support/op_check.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

std::vector<AffineMap> maps_of(const Tensor& t) {
  std::vector<AffineMap> maps;
  const auto v = t.to_vector<double>();
  for (std::size_t i = 0; i < v.size(); i += 6) maps.push_back({v[i], v[i + 1], v[i + 2], v[i + 3], v[i + 4], v[i + 5]});
  return maps;
}

/// The golden batch on a device and in a dtype.
WarpedBatch golden_warp(const io::TensorArchive& file, Device device, DType dtype, bool sliced = false) {
  const auto there = [&](const char* name) { return file.at(name).to(device); };
  Tensor x = there("x");
  if (sliced) {
    const Tensor wide = Tensor::full(x.shape().with(-1, x.size(-1) + 2), 77, like(x));
    wide.channels(1, x.size(-1)).copy_from(x);
    x = wide.channels(1, x.size(-1));
  }
  const auto parameters = [&](const char* name) { return there(name).to(precise(dtype)); };
  return warp(x, there("labels"), maps_of(file.at("maps")),
              {.height = 6,
               .width = 11,
               .scale = parameters("scale"),
               .offset = parameters("offset"),
               .border = 40,
               .outside = 200,
               .dtype = dtype});
}

}  // namespace

TEST_CASE("warp agrees with PyTorch's grid_sample: photographs bilinearly, masks at the nearest pixel, on every device") {
  const auto file = golden_archive("warp");
  const auto check = [&](Device device, DType dtype, double tolerance) {
    CAPTURE(device.str());
    CAPTURE(name_of(dtype));
    for (bool sliced : {false, true}) {
      const WarpedBatch out = golden_warp(file, device, dtype, sliced);
      CHECK(relative_error(out.images, file.at("y")) <= tolerance);
      CHECK(same_bytes(out.labels.to(kCpu), file.at("labels_out")));
    }
  };
  for (Isa isa : instruction_sets()) {
    ThreadPool pool(2);
    const ExecutorScope scope(pool, isa);
    check(kCpu, DType::f64, 1e-12);
    check(kCpu, DType::f32, 1e-6);
  }
  for (Device device : cuda_devices()) {
    check(device, DType::f32, 1e-6);
    check(device, DType::bf16, 4e-3);
  }
}

TEST_CASE("warp: the identity, a flip, doubling, and what lies outside") {
  const Tensor x = Tensor::from({std::uint8_t{10}, std::uint8_t{20}, std::uint8_t{30}, std::uint8_t{40}}, {1, 2, 2, 1}),
               m = x.view_as({1, 2, 2});
  const auto values = [&](const AffineMap& map, std::int64_t h, std::int64_t w) {
    return warp(x, {}, std::vector<AffineMap>{map}, {.height = h, .width = w}).images.to_vector<float>();
  };
  CHECK(values({}, 2, 2) == std::vector<float>{10, 20, 30, 40});
  CHECK(values({.xx = -1, .x = 2}, 2, 2) == std::vector<float>{20, 10, 40, 30});
  CHECK(values({.xx = 0.5, .yy = 0.5}, 1, 4) == std::vector<float>{10, 12.5f, 17.5f, 20});
  CHECK(values({.x = 1.25}, 1, 3) == std::vector<float>{20, 0, 0});
  CHECK(values({.x = 1e300}, 1, 2) == std::vector<float>{0, 0});
  const WarpedBatch moved = warp(x, m, std::vector<AffineMap>{{.x = 1}}, {.border = 5});
  CHECK(moved.images.to_vector<float>() == std::vector<float>{20, 5, 40, 5});
  CHECK(moved.labels.to_vector<std::uint8_t>() == std::vector<std::uint8_t>{20, 255, 40, 255});
  CHECK(warp(Tensor::zeros({0, 2, 2, 3}, {DType::u8, kCpu}), {}, {}).images.shape() == Shape{0, 2, 2, 3});
}

namespace {

/// Noise of 8 or 16 bits, and masks of up to three planes.
struct Pictures {
  static constexpr int kWidth = 37, kHeight = 29;
  data::Image photo;
  data::LabelImage mask;
  Pictures(int channels, unsigned most, int planes)
      : photo(data::blank_like({nullptr, kWidth, kHeight, channels, 0, most}, kWidth, kHeight)), mask(kWidth, kHeight, 0, planes) {
    Random random(RandomKey{11});
    for (std::size_t i = 0; i < photo.samples(); ++i) photo.set_sample(i, static_cast<unsigned>(random.below(most + 1)));
    for (auto& v : mask.labels) v = static_cast<std::uint8_t>(random.below(7));
  }
};

}  // namespace

TEST_CASE("what the loader samples is the same on every device and instruction set: 8 and 16 bits, gray, many channels, planes, colors") {
  constexpr int kOutWidth = 24, kOutHeight = 21;
  const data::Border border{.image = {9, 90, 200}, .label = 200};
  std::vector<Device> devices{kCpu};
  for (const Device device : cuda_devices()) devices.push_back(device);
  struct Case {
    int channels, wanted;
    unsigned most;
    int planes;
  };
  for (const auto& [channels, wanted, most, planes] :
       {Case{3, 3, 255, 0}, {1, 3, 255, 2}, {3, 3, 65535, 3}, {1, 1, 65535, 0}, {5, 5, 65535, 2}}) {
    CAPTURE(channels);
    CAPTURE(most);
    const Pictures p(channels, most, planes);
    const data::Normalization n{.channels = wanted};
    const auto values = static_cast<std::int64_t>(p.mask.values());
    for (const char* list :
         {"none", "hflip=1", "hflip,vflip,rotate=25,zoom=0.3,shear=8", "scale=0.4:2.5,jitter=0.4", "shift=0.3,rotate=180"}) {
      CAPTURE(list);
      for (std::uint64_t draw = 0; draw < 3; ++draw) {
        const data::Transform t = data::draw_transform(data::parse_augment(list), RandomKey{3}.derive(draw),
                                                       {p.kWidth, p.kHeight, kOutWidth, kOutHeight}, true, 100);
        const Tensor image = Tensor::empty({1, kOutHeight, kOutWidth, wanted}),
                     labels = Tensor::empty({1, kOutHeight, kOutWidth, values}, {DType::u8, kCpu});
        data::sample(p.photo, t, border, kOutWidth, kOutHeight, image.data<float>(), n);
        data::sample(p.mask, t, border, kOutWidth, kOutHeight, labels.data<std::uint8_t>());
        for (const Device device : devices)
          for (const Isa isa : instruction_sets()) {
            CAPTURE(device.str());
            ThreadPool pool(2);
            const ExecutorScope scope(pool, isa);
            const Tensor there = Tensor::empty(image.shape(), {DType::f32, device}),
                         labels_there = Tensor::empty(labels.shape(), {DType::u8, device});
            data::sample(p.photo, &p.mask, t, border, there, labels_there, n);
            CHECK(same_bytes(labels_there.to(kCpu), labels));
            if (device.is_cpu())
              CHECK(same_bytes(there, image));
            else
              CHECK(relative_error(there, image) <= 1e-6);
          }
      }
    }
  }
}

TEST_CASE("the op warp and the loader see the same") {
  const Pictures p(3, 255, 0);
  const data::Transform t = data::draw_transform(data::parse_augment("rotate=25,zoom=0.3"), RandomKey{3}, {37, 29, 24, 21}, true, 0);
  const Tensor image = Tensor::empty({1, 21, 24, 3});
  data::sample(p.photo, t, {.image = {9, 9, 9}}, 24, 21, image.data<float>());
  const Tensor x = Tensor::from<std::uint8_t>(std::span<const std::uint8_t>(p.photo.pixels), {1, p.kHeight, p.kWidth, 3});
  const WarpedBatch out =
      warp(x, {}, std::span(&t.geometry, 1),
           {.height = 21, .width = 24, .scale = Tensor::full({3}, 2.0 / 255), .offset = Tensor::full({3}, -1), .border = 9});
  CHECK(same_bytes(out.images, image));
}

TEST_CASE("a loader makes its batches on the device that is asked for") {
  TempFolder f;
  for (const char* sub : {"images", "masks"}) io::create_folders(f / sub);
  for (const char* name : {"a.png", "b.png"}) {
    Pictures p(3, 255, 0);
    for (auto& v : p.mask.labels) v = v > 3;
    data::write_png(f / "images" / name, p.photo), data::write_png(f / "masks" / name, p.mask);
  }
  io::write_file_atomically(f / "train.txt", "a\nb\n");
  const data::Dataset dataset = data::open_dataset(f.path());
  const auto batch_on = [&](Device device) {
    data::Loader loader(dataset, data::Split::train,
                        {.batch = 2,
                         .width = 20,
                         .height = 18,
                         .augment = data::parse_augment("hflip,rotate=20"),
                         .seed = 4,
                         .threads = 2,
                         .device = device});
    loader.start(1);
    data::Batch batch;
    REQUIRE(loader.next(batch));
    return batch;
  };
  const data::Batch here = batch_on(kCpu);
  for (const Device device : cuda_devices()) {
    const data::Batch there = batch_on(device);
    CHECK(there.at(kImage).device() == device);
    CHECK(there.at(kLabels).device() == device);
    CHECK(relative_error(there.at(kImage), here.at(kImage)) <= 1e-6);
    CHECK(same_bytes(there.at(kLabels).to(kCpu), here.at(kLabels)));
  }
}

TEST_CASE("warp rejects wrong shapes and types") {
  const Tensor x = Tensor::zeros({2, 4, 5, 3}, {DType::u8, kCpu}), labels = Tensor::zeros({2, 4, 5}, {DType::u8, kCpu});
  const std::vector<AffineMap> maps(2);
  check_throws<ShapeError>([&] { warp(labels, {}, maps); }, {"warp", "(2, 4, 5)"});
  check_throws<ShapeError>([&] { warp(x, {}, std::vector<AffineMap>(3)); }, {"3 maps", "(2, 4, 5, 3)"});
  check_throws<ShapeError>([&] { warp(x, labels.view_as({2, 5, 4}), maps); }, {"(2, 5, 4)", "(2, 4, 5, 3)"});
  check_throws<ShapeError>([&] { warp(x, {}, maps, {.height = -1}); }, {"-1"});
  check_throws<ShapeError>([&] { warp(x, {}, maps, {.scale = Tensor::zeros({4})}); }, {"(3)", "(4)"});
  check_throws<DeviceError>([&] { warp(x.to(DType::f32), {}, maps); }, {"u8", "f32"});
  check_throws<DeviceError>([&] { warp(x, {}, maps, {.offset = Tensor::zeros({3}, {DType::f64, kCpu})}); }, {"f64"});
}
