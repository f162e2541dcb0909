#include <cstdio>

#include "lamina/lamina.hpp"

/// A host program's own executor: everything in the calling thread.
class Inline final : public lamina::Executor {
 public:
  int concurrency() const override { return 1; }
  void run(std::int64_t tasks, lamina::TaskRef task) override {
    for (std::int64_t i = 0; i < tasks; ++i) task(i, 0);
    ran += tasks;
  }
  std::int64_t ran = 0;
};

int main() {
  using namespace lamina;
  Inline executor;
  const ExecutorScope scope(executor);
  nn::RandomStream random(RandomKey{1});
  models::UNet net({.in_channels = 3, .classes = 2, .base = 4, .depth = 2}, random);
  const Tensor logits = net(Tensor::zeros({1, 200, 240, 3}));
  const bool ok = logits.shape() == Shape{1, 200, 240, 2} && executor.ran > 0;
  std::printf("%s %s\n", LAMINA_VERSION, ok ? "ok" : "wrong");
  return ok ? 0 : 1;
}
