#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lamina/models/registry.hpp"

namespace lamina::io {

/// An event file that TensorBoard reads (records of tensorflow/core/util/event.proto), in `folder`: opened at its end, where a record that
/// a killed process left unfinished is cut off. Every call appends whole records. Throws IoError, DiskFullError when there is no room.
class EventFile {
 public:
  /// What was written beyond `step` is taken back: TensorBoard drops it. `clock`: seconds since 1970; none: the system's.
  explicit EventFile(const std::filesystem::path& folder, std::int64_t step = 0, std::function<double()> clock = {});

  const std::filesystem::path& path() const { return path_; }
  /// Values that are not finite are left out.
  void scalar(const std::string& tag, double value, std::int64_t step);
  /// `png`: a whole PNG file of that size.
  void image(const std::string& tag, const std::string& png, int width, int height, std::int64_t step);
  /// The dots in a node's name become slashes, which make boxes.
  void graph(const std::vector<models::GraphNode>& nodes);

 private:
  void write(const std::string& field_after_step, std::int64_t step);
  std::filesystem::path path_;
  std::function<double()> clock_;
};

}  // namespace lamina::io
