// Images a second out of the loader, from its cache: 256x256 photographs, one prefetching thread.
#include <benchmark/benchmark.h>

#include <filesystem>

#include "lamina/data/loader.hpp"
#include "support.hpp"

using namespace lamina;

namespace {

namespace fs = std::filesystem;

/// A folder with sixteen 512x512 photographs and masks, removed at the end.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / "lamina-loader-bench") {
    for (const char* sub : {"images", "masks"}) fs::create_directories(path_ / sub);
    for (int i = 0; i < 16; ++i) {
      data::Image image(512, 512, 3);
      data::LabelImage mask(512, 512);
      for (std::size_t p = 0; p < mask.labels.size(); ++p) {
        mask.labels[p] = static_cast<std::uint8_t>(p / 90000 % 2);
        for (std::size_t c = 0; c < 3; ++c) image.pixels[3 * p + c] = static_cast<std::uint8_t>(p / 7 + p / 512 * c);
      }
      data::write_png(path_ / "images" / (std::to_string(i) + ".png"), image);
      data::write_png(path_ / "masks" / (std::to_string(i) + ".png"), mask);
    }
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void load(benchmark::State& state, const char* augment, bool cached) {
  static const Folder folder;
  static const data::Dataset dataset = data::open_dataset(folder.path(), {.validation_share = 0});
  data::Loader loader(dataset, data::Split::train,
                      {.augment = data::parse_augment(augment), .shuffle = true, .threads = 0, .cache_bytes = cached ? 1 << 30 : 0});
  std::int64_t epoch = 0;
  data::Batch batch;
  const auto pass = [&] {
    loader.start(epoch++);
    while (loader.next(batch)) benchmark::DoNotOptimize(batch.at(kImage).data<float>());
  };
  pass();
  if (batch.at(kImage).shape() != Shape{4, 256, 256, 3}) state.SkipWithError("wrong batch");
  for (auto _ : state) pass();
  state.counters["images/s"] = benchmark::Counter(16.0 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

}  // namespace

void bench::add_cases() {
  const auto with = [](const char* name, const char* augment, bool cached) {
    benchmark::RegisterBenchmark(name, [=](benchmark::State& state) { load(state, augment, cached); });
  };
  with("load/cached/none", "none", true);
  with("load/cached/hflip", "hflip", true);
  with("load/cached/affine", "hflip,rotate=15,zoom=0.1,shift=0.1", true);
  with("load/cached/affine_jitter", "hflip,rotate=15,scale=0.5:2,jitter=0.2", true);
  with("load/decoded/hflip", "hflip", false);
}
