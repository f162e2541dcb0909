// Frames of a camera through a network, in memory that is not ours, on the threads of the host program. usage: camera_frames RUN [FRAMES]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "lamina/lamina.hpp"

using namespace lamina;

namespace {

/// The host's own threads: here two that are started for each call. A game engine or server gives its job system instead.
class HostThreads final : public Executor {
 public:
  int concurrency() const override { return 2; }
  void run(std::int64_t tasks, TaskRef task) override {
    const auto half = [&](int worker) {
      for (std::int64_t i = worker; i < tasks; i += 2) task(i, worker);
    };
    std::thread other(half, 1);
    half(0);
    other.join();
    calls += 1;
  }
  std::int64_t calls = 0;
};

/// Stands for a camera's driver: rows of RGB, each followed by bytes that are no pixels.
struct Camera {
  static constexpr int kWidth = 160, kHeight = 120, kRowBytes = 512;
  std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(std::size_t{kRowBytes} * kHeight);
  int frame = 0;
  const std::uint8_t* next() {
    ++frame;
    for (int y = 0; y < kHeight; ++y)
      for (int x = 0; x < kWidth; ++x) {
        std::uint8_t* p = buffer.data() + y * kRowBytes + 3 * x;
        p[0] = static_cast<std::uint8_t>(x + 3 * frame), p[1] = static_cast<std::uint8_t>(2 * y), p[2] = 120;
      }
    return buffer.data();
  }
};

/// What most pixels were called, of each thing that is asked of them: a class; of planes "no hair" or "hair".
std::string most_seen(const data::LabelImage& seen, const data::LabelSchema& schema) {
  const bool planes = schema.task == data::Task::multilabel;
  std::vector<std::vector<int>> pixels(seen.values(), std::vector<int>(256));
  for (std::size_t i = 0; i < seen.labels.size(); ++i) ++pixels[i % seen.values()][seen.labels[i]];
  std::vector<std::string> most(seen.values());
  const std::vector<data::LabelSchema::Label> labels = schema.counted_labels();
  const std::vector<std::string> names = schema.counted();
  for (std::size_t k = 0; k < names.size(); ++k) {
    const std::vector<int>& own = pixels[static_cast<std::size_t>(labels[k].plane)];
    const bool here = std::max_element(own.begin(), own.end()) - own.begin() == labels[k].label;
    if (here || planes) most[static_cast<std::size_t>(labels[k].plane)] = (here ? "" : "no ") + names[k];
  }
  std::string all;
  for (const std::string& name : most) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const int frames = argc > 2 ? std::atoi(argv[2]) : 10;
  if (argc < 2 || frames < 1) {
    std::fprintf(stderr, "usage: camera_frames RUN [FRAMES], at least 1\n");
    return 2;
  }
  try {
    HostThreads threads;
    const ExecutorScope scope(threads);
    const infer::Predictor predictor(argv[1]);
    Camera camera;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < frames; ++i) {
      const data::ImageView frame(camera.next(), Camera::kWidth, Camera::kHeight, 3, Camera::kRowBytes);  // not copied
      const infer::Prediction seen = predictor.predict(frame, {.probabilities = false});
      std::printf("frame %d: mostly %s\n", camera.frame, most_seen(seen.labels, predictor.schema()).c_str());
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("%.1f frames/s, %lld calls of the host's threads\n", frames / seconds, static_cast<long long>(threads.calls));
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "camera_frames: %s\n", e.what());
    return 1;
  }
}
