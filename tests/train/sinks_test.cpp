// What a run writes for TensorBoard.
#include "lamina/data/image.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/sinks/tensorboard.hpp"
#include "support/op_check.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("TensorBoard gets every number that is finite, the graph once, and at the end the pictures") {
  const TempFolder folder;
  const auto has = [&](const std::string& text) {
    return io::read_file(folder / "tensorboard/events.out.tfevents.0.lamina").find(text) != std::string::npos;
  };
  train::TensorBoard board(std::vector<models::GraphNode>{{"input", "Placeholder"}, {"down.0.conv2d", "conv2d", {"input"}, {1, 4, 4, 2}}});
  board.start({.folder = folder.path()});
  CHECK(has("down/0/conv2d"));
  train::EpochRecord record{.epoch = 1, .step = 5, .lr = 0.1, .train = {{"loss", 0.5}, {"own", 2.0}}};
  board.epoch(record, 2);
  CHECK(has("train/own"));
  CHECK_FALSE(has("val/"));
  record.validation = train::Validation{.scores = {{"val_loss", 1.0}, {"dice_macro", std::nan("")}, {"accuracy", 0.5}}};
  board.epoch(record, 2);
  CHECK(has("val/loss"));
  CHECK(has("val/accuracy"));
  CHECK_FALSE(has("dice_macro"));
  board.finish(folder.path());  // there are no pictures
  CHECK_FALSE(has("overlays"));
  std::filesystem::create_directory(folder / "overlays");
  data::write_png(folder / "overlays/best_1.png", data::Image(5, 3, 3, 9));
  board.finish(folder.path());
  CHECK(has("overlays/best_1"));
  CHECK(has("PNG"));
  train::TensorBoard resumed(std::vector<models::GraphNode>{{"other", "Placeholder"}});
  resumed.start({.folder = folder.path(), .epoch = 1, .epochs = 2, .step = 5});
  CHECK_FALSE(has("other"));
}
