#pragma once
// train.txt, val.txt and test.txt of a data folder.
#include <optional>

#include "lamina/data/impl/pairing.hpp"

namespace lamina::data::detail {

class SplitLists {
 public:
  struct Folders {
    std::filesystem::path images, masks;
  };
  /// What a line names: a photograph by its stem, and its mask where that is named, too.
  struct Line {
    std::string name;
    std::filesystem::path image;
    std::optional<std::filesystem::path> mask{};
  };

  /// What is wrong with lines goes to `findings`.
  SplitLists(const std::filesystem::path& root, const Folders& folders, const Files& images, std::vector<Finding>& findings)
      : root_(root), folders_(folders), images_(images), findings_(findings) {}

  /// The split's list; nothing where there is none.
  std::vector<Line> read(Split split);
  /// Whether there is one of any split that was read.
  bool any() const { return any_; }
  /// Tells of lists of splits or groups, by their names or by what they hold, that are not called as those that are read.
  void tell_of_others();
  /// Warns of photographs that are listed with the mask of another one, as names say it. `masks` are those of the folder.
  void tell_of_crossed(const Files& masks);

 private:
  std::optional<Line> line_of(const std::string& line, const std::string& where);
  std::optional<Line> photo_named(const std::string& name);
  std::filesystem::path mask_named(const std::string& text, const std::string& line);
  std::filesystem::path listed(const std::string& name, const std::filesystem::path& folder);
  void tell_of_reading(const std::string& list);
  bool assigns(const std::filesystem::path& table) const;
  bool is_mask_file(const std::filesystem::path& file) const;
  bool exchanges(const Line& line) const;
  std::string cure_of(const std::string& line);

  std::filesystem::path root_;
  Folders folders_;
  const Files& images_;
  std::vector<Finding>& findings_;
  bool any_ = false;
  std::vector<Line> with_masks_;
  std::vector<std::string> moved_, columns_;  // paths that lead elsewhere; what follows a photograph and is no file
};

}  // namespace lamina::data::detail
