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
      std::vector<int> pixels(predictor.schema().names.size());
      for (const std::uint8_t label : seen.labels.labels) ++pixels[label];
      const auto most = std::max_element(pixels.begin(), pixels.end()) - pixels.begin();
      std::printf("frame %d: mostly %s\n", camera.frame, predictor.schema().names[static_cast<std::size_t>(most)].c_str());
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("%.1f frames/s, %lld calls of the host's threads\n", frames / seconds, static_cast<long long>(threads.calls));
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "camera_frames: %s\n", e.what());
    return 1;
  }
}
