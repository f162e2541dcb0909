#pragma once
#include <array>
#include <span>
#include <string>
#include <string_view>

#include "lamina/data/label_schema.hpp"

namespace lamina::data {

/// How a picture shows labels.
enum class LabelStyle : std::uint8_t {
  fill,     ///< their colors over the photograph
  outline,  ///< their borders alone: what is beneath stays to be seen
  error,    ///< what differs from the mask
};
/// Throws OptionError that lists them.
LabelStyle label_style_named(std::string_view name);

/// The labels within `width` pixels of another label's; all other pixels have one that is not drawn.
LabelImage outlines(const LabelImage& labels, int width = 1);

/// What is wrong with a prediction: 0 nothing, or the mask is ignored there; 1 missed: background where the mask has a class; 2 too much; 3
/// another class. Of several planes the first one that is wrong.
LabelImage errors_of(const LabelImage& prediction, const LabelImage& truth, const LabelSchema& schema);
/// Their colors, which also the color-blind tell apart: none, magenta, cyan, lime; darker ones where a class has nearly that color.
std::array<Rgb, 4> error_colors(const LabelSchema& schema);

/// The photograph with a prediction over it; `truth` is looked at for errors alone. Throws DataError unless sizes and planes agree.
Image draw_prediction(Image image, const LabelImage& prediction, const LabelImage& truth, const LabelSchema& schema, LabelStyle style);

/// A PNG to be laid over a picture: black labels, and those beyond the palette, are clear. Throws DataError on planes, or a palette of more
/// than 255 colors.
std::string encode_png_layer(const LabelImage& labels, std::span<const Rgb> palette);
/// A JPEG file in memory, of `quality` 1 to 100. Throws DataError unless the image is plain.
std::string encode_jpeg(const Image& image, int quality = 85);

/// Pictures of one height side by side.
Image side_by_side(std::span<const Image> parts);
/// Photograph, label and prediction side by side.
Image triptych(const Image& photo, const LabelImage& truth, const LabelImage& prediction, const LabelSchema& schema, LabelStyle style);

}  // namespace lamina::data
