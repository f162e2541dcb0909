#include "lamina/train/sinks/tensorboard.hpp"

#include <algorithm>

#include "lamina/data/image.hpp"
#include "lamina/io/file.hpp"

namespace lamina::train {

void TensorBoard::start(const RunStart& run) {
  step_ = run.step;
  events_.emplace(run.folder / "tensorboard", run.step);
  if (run.step == 0 && !graph_.empty()) events_->graph(graph_);
}

void TensorBoard::epoch(const EpochRecord& r, int) {
  step_ = r.step;
  events_->scalar("epoch", r.epoch, step_);
  events_->scalar("lr", r.lr, step_);
  events_->scalar("images_per_second", r.images_per_second, step_);
  for (const auto& [name, value] : r.train) events_->scalar("train/" + name, value, step_);
  if (!r.validation) return;
  for (const auto& [name, value] : r.validation->scores)
    events_->scalar("val/" + (name.starts_with("val_") ? name.substr(4) : name), value, step_);
}

void TensorBoard::finish(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> pictures;
  if (std::error_code none; std::filesystem::is_directory(folder / "overlays", none))
    for (const auto& entry : std::filesystem::directory_iterator(folder / "overlays"))
      if (entry.path().extension() == ".png") pictures.push_back(entry.path());
  std::sort(pictures.begin(), pictures.end());
  for (const std::filesystem::path& path : pictures) {
    const data::Image image = data::read_image(path);
    events_->image("overlays/" + path.stem().string(), io::read_regular_file(path), static_cast<int>(image.width),
                   static_cast<int>(image.height), step_);
  }
}

}  // namespace lamina::train
