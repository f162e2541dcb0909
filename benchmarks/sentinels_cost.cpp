// What sentinels cost: the same steps and validations of the same network, watched and not, in turn, one by one. Prints medians and ratios;
// every so many-th watched step is looked into.
//   sentinels_cost [rounds] [size] [base] [depth] [batch]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "lamina/data/phantom.hpp"
#include "lamina/lamina.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/train/sentinels/watch.hpp"
#include "lamina/train/trainer.hpp"

using namespace lamina;
namespace fs = std::filesystem;

namespace {

double seconds(const auto& what) {
  const auto start = std::chrono::steady_clock::now();
  what();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, int usual) { return argc > i ? std::atoi(argv[i]) : usual; };
  const int rounds = number(1, 9), size = number(2, 256), base = number(3, 16), depth = number(4, 4), batch = number(5, 4);
  const fs::path folder = fs::temp_directory_path() / "lamina-sentinels-cost";
  fs::remove_all(folder);
  try {
    data::write_phantom(data::Phantom::skin, folder / "data", {.count = 4 * batch, .width = size, .height = size});
    train::TrainConfig config{.data = (folder / "data").string(),
                              .base = base,
                              .depth = depth,
                              .width = size,
                              .height = size,
                              .batch = batch,
                              .out = (folder / "run").string()};
    const data::Dataset dataset = data::open_dataset(config.data);
    std::unique_ptr<train::SegmentationTask> tasks[2];
    for (const int watched : {0, 1}) {
      config.sentinels = watched ? "warn" : "off";
      tasks[watched] = train::make_task(train::resolved(config), dataset);
    }
    data::Batch images;
    tasks[0]->training().start(1);
    tasks[0]->training().next(images);
    std::vector<double> steps[2], looks, validations[2];
    for (int round = -1; round < rounds; ++round)  // the first is not counted
      for (std::int64_t i = 0; i < train::Watch::kEvery; ++i)
        for (const int turn : {0, 1}) {
          const int watched = static_cast<int>((turn + i) % 2);
          train::SegmentationTask& task = *tasks[watched];
          train::Watch watch(task);
          Scalars sums;
          task.network().train();
          const nn::RandomScope random(RandomKey{1, static_cast<std::uint64_t>(i)});
          const double step = seconds([&] { (void)(watched ? watch.step(images, i, sums) : task.step(images)); });
          const double validation = i % 4 == 1 ? seconds([&] { (void)task.validate(); }) : -1;
          if (round < 0) continue;
          (watched && i == 0 ? looks : steps[watched]).push_back(step);
          if (validation >= 0) validations[watched].push_back(validation);
        }
    constexpr auto kEvery = static_cast<double>(train::Watch::kEvery);
    const double plain = median(steps[0]), watched = ((kEvery - 1) * median(steps[1]) + median(looks)) / kEvery;
    std::printf("U-Net of base %d, depth %d, %d images of %dx%d, %d rounds of %d steps; medians\n", base, depth, batch, size, size, rounds,
                static_cast<int>(train::Watch::kEvery));
    std::printf("a step      off %8.2f ms  watched %8.2f ms  looked into %8.2f ms  ratio of means %.4f\n", 1e3 * plain,
                1e3 * median(steps[1]), 1e3 * median(looks), watched / plain);
    std::printf("validation  off %8.2f ms  watched %8.2f ms  ratio %.4f\n", 1e3 * median(validations[0]), 1e3 * median(validations[1]),
                median(validations[1]) / median(validations[0]));
  } catch (const Error& e) {
    std::fprintf(stderr, "sentinels_cost: %s\n", e.what());
    return 1;
  }
  fs::remove_all(folder);
  return 0;
}
