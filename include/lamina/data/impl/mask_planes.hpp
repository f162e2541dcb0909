#pragma once
// How one-hot masks are decided, and what is decided of a schema: the part of its resolver that is not of values and colors.
#include <string>
#include <vector>

#include "lamina/data/mask.hpp"

namespace lamina::data::detail {

/// Of masks of planes that are written as this one is.
inline const char* ending_of(const MaskContent& planes) { return planes.format == FileFormat::png ? ".png" : ".npy"; }

class PlanesResolver {
 public:
  /// `background`: as of resolve_masks.
  PlanesResolver(const std::vector<MaskContent>& masks, LabelSchema& schema, const std::string& background)
      : masks_(masks), schema_(schema), background_(background) {}

 protected:
  void name_classes(const std::vector<unsigned>& values, const std::vector<std::string>& names);
  void set_background(int k, const char* reason);
  static std::vector<std::string> numbered(const std::vector<unsigned>& values);
  MaskEncoding planes_of_arrays();
  /// Are the masks RGBA with at most one channel set, and each of the four somewhere? Otherwise alpha is no class.
  bool four_channels() const;
  MaskEncoding planes_of_rgba();
  /// One-hot planes: of every class, or of all but the background, which is then where none is set.
  MaskEncoding one_hot(int planes);
  void add_background();

  const std::vector<MaskContent>& masks_;
  LabelSchema& schema_;
  const std::string& background_;

 private:
  /// Planes are in the order of the labels.
  void number_planes();
  /// There is a plane for every label, or for all but one: the background or, where nothing says which that is, the one with the value 0.
  MaskEncoding planes_of_labels(int planes);
};

}  // namespace lamina::data::detail
