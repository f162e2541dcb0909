#pragma once
#include <map>

#include "lamina/data/dataset.hpp"

namespace lamina::data {

/// Pixels by what they have in every plane at once: the grades of things that are graded each by itself, or which classes of those that may
/// overlap (LabelSchema::plane_names). What was not seen in training is known by it.
class Combinations {
 public:
  struct Count {
    std::int64_t pixels = 0, right = 0;  ///< all of them, and those of which every plane was decided rightly
  };
  using Grades = std::vector<std::uint8_t>;  // one a plane; of classes that may overlap 1 where it is there

  /// Empty ones: of a data set of planes one, of several heads one for each that has planes; of a single plane none.
  static std::vector<Combinations> of(const LabelSchema& schema);
  /// Labels and decisions of pixels, of all planes that the masks have; pixels that are ignored in one of the planes are left out.
  void add(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided);
  void add(const Combinations& other);

  const LabelSchema& schema() const { return schema_; }
  const std::map<Grades, Count>& counts() const { return counts_; }
  bool has(const Grades& grades) const { return counts_.contains(grades); }
  std::int64_t pixels() const;
  /// How many there can be.
  double possible() const;
  std::vector<std::string> planes() const { return schema_.plane_names(); }
  /// That a plane can have.
  int values() const { return schema_.overlaps() ? 2 : schema_.classes(); }
  /// What is combined: "grades", "classes".
  const char* of_what() const { return schema_.overlaps() ? "classes" : "grades"; }
  /// "A0_B1_C3_D0"; of the planes first to last "B1_C3". Of classes that may overlap "hair+ruler", "(none)".
  std::string name(const Grades& grades, std::size_t first = 0) const;
  /// The pixels that have one class or more, and those of them that have several, by their classes; of grades none.
  struct Overlaps {
    std::int64_t marked = 0, several = 0;
    std::vector<Grades> of{};  ///< the most frequent first
  };
  Overlaps overlaps() const;
  /// The planes of classes that may overlap, the largest first, where each lies within the one before, as "grade >= 1", "grade >= 2" do;
  /// none where any does not.
  std::vector<std::string> nested() const;

 private:
  LabelSchema schema_;
  std::size_t first_ = 0, all_ = 0;  // the first of a pixel's labels that is one's own, of all
  std::map<Grades, Count> counts_;
};

/// What the masks of a split hold. Throws as read_mask.
std::vector<Combinations> combinations_in(const std::vector<Item>& items, const MaskDecoder& masks, const LabelSchema& schema);

/// Those of `here`, the most frequent first, that training has none of.
std::vector<Combinations::Grades> unseen(const Combinations& training, const Combinations& here);

}  // namespace lamina::data
