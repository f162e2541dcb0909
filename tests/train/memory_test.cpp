// What a step takes is known before there is one.
#include "lamina/train/memory.hpp"
#include "lamina/core/storage.hpp"
#include "support/op_check.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("the memory of a step is known before it: near the peak that it then has") {
  TempFolder f;
  small_phantom(f / "data", 12);
  const data::Dataset dataset = data::open_dataset(f / "data");
  struct Case {
    const char *model, *preset, *optimizer;
    int side, batch, accumulate, threads;
  };
  for (const Case& s :
       {Case{"unet", "bn", "adam", 96, 4, 1, 2}, Case{"unet", "bn", "adam", 96, 4, 1, 16}, Case{"unet", "bn", "sgd", 96, 2, 3, 2},
        Case{"unet", "bn", "sgd", 96, 2, 3, 16}, Case{"unet", "keras", "adam", 96, 3, 1, 2}, Case{"unet", "keras", "adam", 96, 3, 1, 16},
        Case{"unet", "keras", "adam", 96, 3, 1, 64}, Case{"deeplabv3plus", "small", "adam", 65, 4, 1, 2},
        Case{"deeplabv3plus", "small", "adam", 65, 4, 1, 16}}) {
    CAPTURE(s.model);
    CAPTURE(s.batch);
    CAPTURE(s.threads);
    ThreadPool pool(s.threads);
    const ExecutorScope scope(pool, detected_isa());
    auto c = small(f / "data", f / "run");
    c.model = s.model, c.preset = s.preset, c.optimizer = s.optimizer;
    const bool unet = c.model == "unet";
    c.base = unet ? 8 : 0, c.depth = unet ? 2 : 0;
    c.width = c.height = s.side;
    c.batch = s.batch, c.accumulate = s.accumulate;
    c = train::resolved(c);
    const std::size_t before = memory_stats().in_use;
    const auto task = train::make_task(c, dataset);
    const train::StepMemory m = train::step_memory(c, *task->heads()[0], 3);
    data::Batch batch;
    task->training().start(1);
    for (int step = 0; step < 2; ++step) {
      REQUIRE(task->training().next(batch));
      REQUIRE(batch.size() == s.batch * s.accumulate);
      const nn::RandomScope random(RandomKey{1, 2});
      reset_peak_memory();
      task->step(batch);
      if (step == 0 && s.batch * s.accumulate > 5) break;
    }
    const double took = static_cast<double>(memory_stats().peak - before), told = m.fixed + m.waiting + s.batch * m.per_image;
    std::int64_t values = 0;
    for (const Tensor& p : task->network().parameters()) values += p.numel();
    const int moments = c.optimizer == "sgd" ? 1 : 2;
    CHECK(m.saving == 4.0 * static_cast<double>(values) *
                          (1 + 1 + moments + 2 * (1 + moments) + 1));  // and gradients; two files; network of the report
    CHECK(told > 0.75 * took);
    CHECK(told < 1.35 * took);
  }
}

TEST_CASE("a step that does not fit is refused: how much it takes, how much there is, and what fits") {
  TempFolder f;
  auto c = train::resolved(small(f / "data", f / "run"));
  c.batch = 8;
  c.width = 96, c.height = 64;
  const train::StepMemory m{.fixed = 2e9, .per_image = 1e9};
  const auto refuses = [&](std::int64_t bytes, std::initializer_list<const char*> words) {
    check_throws<MemoryError>([&] { train::require_memory(c, m, bytes, "the lent memory"); }, words);
  };
  CHECK_NOTHROW(train::require_memory(c, m, 10'000'000'000, "x"));
  refuses(9'999'000'000, {"training on 8 images of 96x64 at once takes about 10.00 GB of tensors at its peak, and 10.00 GB of the lent "
                          "memory can be had for it; "
                          "--batch 7 fits; with "
                          "--accumulate 2 an update still sees as many"});
  refuses(4'600'000'000, {"4.60 GB of", "--batch 2 fits", "--accumulate 4"});
  c.accumulate = 3;
  refuses(4'600'000'000, {"--batch 2 fits", "--accumulate 12"});
  refuses(2'250'000'000, {"not even one does: --batch 1 --accumulate 1 --size 48x32 fits"});
  refuses(2'010'000'000, {"the network alone does not: try a smaller --base"});
  refuses(1'000'000'000, {"the network alone does not"});
  c.accumulate = 1;
  const train::StepMemory waits{.fixed = 2e9, .per_image = 1e8, .waiting = 8e8};  // 0.2 GB an image: of 0.05 a quarter of the pixels
  check_throws<MemoryError>([&] { train::require_memory(c, waits, 2'050'000'000, "it"); }, {"--batch 1 --size 48x32 fits"});
  check_throws<MemoryError>([&] { train::require_memory(c, waits, 3'000'000'000, "it"); }, {"--batch 2 fits; with --accumulate 4"});
  // Those that wait for updates of eight are too many by themselves; for updates of three there is room.
  check_throws<MemoryError>([&] { train::require_memory(c, waits, 2'650'000'000, "it"); },
                            {"--batch 3 fits; an update then sees 3 instead of 8"});
  c.batch = 2, c.accumulate = 4;
  check_throws<MemoryError>([&] { train::require_memory(c, waits, 2'650'000'000, "it"); },
                            {"--batch 3 --accumulate 1 fits; an update then sees 3 instead of 8"});
  const train::StepMemory large{.fixed = 2e9, .per_image = 1e6, .saving = 5e9};
  check_throws<MemoryError>([&] { train::require_memory(c, large, 4'000'000'000, "it"); }, {"about 5.00 GB", "the network alone does not"});
  CHECK_NOTHROW(train::require_memory(c, large, 5'000'000'000, "it"));
  // A quarter of what is free, and no more than 4 GiB, is not for tensors; of these a step takes four fifths.
  CHECK(train::HostMemory({4'000'000'000, ""}).tensors == 3'000'000'000);
  CHECK(train::HostMemory({4'000'000'000, ""}).step == 2'400'000'000);
  CHECK(train::HostMemory({4'000'000'000, ""}).photographs == 250'000'000);
  CHECK(train::HostMemory({std::int64_t{100} << 30, ""}).tensors == std::int64_t{96} << 30);
  CHECK(train::HostMemory({std::int64_t{100} << 30, ""}).photographs == std::int64_t{1} << 30);
}
