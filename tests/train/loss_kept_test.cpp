// What settings such as "auto" came to in a run's loss stands in its checkpoints.
#include <nlohmann/json.hpp>

#include "lamina/train/trainer.hpp"
#include "support/by_hand.hpp"
#include "support/op_check.hpp"
#include "support/painted.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("a run keeps what auto came to in its loss, whatever auto means by now; checkpoints that do not say it open as before") {
  TempFolder f;
  write_pictures(f / "data", data::Task::multiclass, {{"t0", "00000113", "01230123"}, {"t1", "00011222", "33210012"}},
                 {{"v0", "33332222", "12300123"}});
  const train::TrainConfig c = train::resolved(still(f / "data", f / "run"));
  REQUIRE(c.absent_classes == "auto");
  train_to(c);
  io::Checkpoint saved = io::load_checkpoint(f / "run/weights/last.safetensors");
  auto state = nlohmann::json::parse(saved.metadata.at("data"));
  CHECK(state.at("absent_classes") == "skip");
  REQUIRE(state.at("class_weights").size() == 4);
  const data::Dataset dataset = data::open_dataset(c.data);
  const auto restored = [&] {
    saved.metadata["data"] = state.dump();
    const auto task = train::make_task(c, dataset);
    task->restore(saved.metadata, c.out);
    return task->criterion().options();
  };
  state["absent_classes"] = "zero", state["class_weights"] = {1, 2, 3, 4};
  CHECK(restored().empty_class == EmptyClass::zero);
  CHECK(restored().class_weights == std::vector<double>{1, 2, 3, 4});
  state.erase("absent_classes");
  CHECK(restored().empty_class == EmptyClass::skip);
}
