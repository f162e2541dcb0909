#pragma once
#include <memory>
#include <string>

#include "lamina/heads/head.hpp"

namespace lamina::test {

/// A head for classes "a", "b", ... of the values 0, 1, ...
inline std::shared_ptr<const heads::Head> head_of(data::Task task, int classes = 3, const char* kind = "") {
  data::LabelSchema s;
  s.task = task;
  for (int c = 0; c < classes; ++c) {
    s.names.push_back(std::string(1, static_cast<char>('a' + c)));
    s.values.push_back(c);
  }
  s.colors.resize(static_cast<std::size_t>(classes));
  return heads::make_head(s, kind);
}

/// A head for those things, each graded "a", "b", ... of the values 0, 1, ...
inline std::shared_ptr<const heads::Head> graded_planes_of(std::vector<std::string> planes, int grades = 3, const char* kind = "") {
  data::LabelSchema s = head_of(data::Task::ordinal, grades)->schema();
  s.planes = std::move(planes);
  s.set_default_colors();
  return heads::make_head(s, kind);
}

}  // namespace lamina::test
