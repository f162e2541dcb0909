// Pictures of labels beside plain color.
#include "lamina/data/draw.hpp"

#include <algorithm>
#include <cstdlib>

#include "lamina/core/names.hpp"

namespace lamina::data {

LabelStyle label_style_named(std::string_view name) {
  constexpr Named<LabelStyle> kStyles[] = {{LabelStyle::fill, "fill"}, {LabelStyle::outline, "outline"}, {LabelStyle::error, "error"}};
  return parse_name("way to show labels", name, kStyles);
}

LabelImage outlines(const LabelImage& labels, int width) {
  LabelImage out = labels;
  const std::size_t values = labels.values();
  for (int y = 0; y < labels.height; ++y)
    for (int x = 0; x < labels.width; ++x)
      for (std::size_t k = 0; k < values; ++k) {
        const std::uint8_t own = (&labels.at(x, y))[k];
        bool border = false;
        for (int v = std::max(0, y - width); v <= std::min(labels.height - 1, y + width) && !border; ++v)
          for (int u = std::max(0, x - width); u <= std::min(labels.width - 1, x + width) && !border; ++u)
            border = (&labels.at(u, v))[k] != own;
        if (!border) (&out.at(x, y))[k] = kIgnoreLabel;
      }
  return out;
}

LabelImage errors_of(const LabelImage& prediction, const LabelImage& truth, const LabelSchema& schema) {
  require<DataError>(prediction.width == truth.width && prediction.height == truth.height && prediction.planes == truth.planes,
                     "errors: the prediction has ", prediction.width, "x", prediction.height, " pixels of ", prediction.values(),
                     " labels, the mask ", truth.width, "x", truth.height, " of ", truth.values());
  LabelImage kinds(truth.width, truth.height);
  const std::size_t values = truth.values();
  std::vector<int> nothing(values, truth.planes ? 0 : schema.background);  // of each plane
  if (truth.planes && !schema.heads.empty()) {
    std::fill(nothing.begin(), nothing.end(), -1);
    for (const LabelSchema::Label& label : schema.counted_labels())
      if (label.background) nothing[static_cast<std::size_t>(label.plane)] = label.label;
  }
  for (std::size_t i = 0; i < truth.labels.size(); ++i) {
    const std::uint8_t said = prediction.labels[i], is = truth.labels[i];
    std::uint8_t& kind = kinds.labels[i / values];
    if (kind == 0 && said != is && is != kIgnoreLabel) kind = said == nothing[i % values] ? 1 : is == nothing[i % values] ? 2 : 3;
  }
  return kinds;
}

std::array<Rgb, 4> error_colors(const LabelSchema& schema) {
  constexpr Rgb kKinds[][3] = {{{255, 0, 160}, {160, 0, 100}, {255, 130, 210}},
                               {{0, 230, 255}, {0, 140, 155}, {160, 245, 255}},
                               {{190, 255, 0}, {110, 150, 0}, {225, 255, 140}}};
  constexpr int kApart = 90;  // sum over red, green and blue
  const std::vector<Rgb> classes = schema.counted_colors();
  const auto is_free = [&](const Rgb& color) {
    return std::none_of(classes.begin(), classes.end(), [&](const Rgb& of_class) {
      return std::abs(color[0] - of_class[0]) + std::abs(color[1] - of_class[1]) + std::abs(color[2] - of_class[2]) < kApart;
    });
  };
  std::array<Rgb, 4> colors{};
  for (std::size_t kind = 0; kind < std::size(kKinds); ++kind) {
    const auto free = std::find_if(std::begin(kKinds[kind]), std::end(kKinds[kind]), is_free);
    colors[kind + 1] = free == std::end(kKinds[kind]) ? kKinds[kind][0] : *free;
  }
  return colors;
}

Image draw_prediction(Image image, const LabelImage& prediction, const LabelImage& truth, const LabelSchema& schema, LabelStyle style) {
  const int width = std::max(1, std::max(image.width, image.height) / 600);
  switch (style) {
    case LabelStyle::outline: return draw_labels(std::move(image), outlines(prediction, width), schema, 1);
    case LabelStyle::error: return overlay(std::move(image), errors_of(prediction, truth, schema), error_colors(schema), 0.75);
    case LabelStyle::fill: break;
  }
  return draw_labels(std::move(image), prediction, schema);
}

Image side_by_side(std::span<const Image> parts) {
  constexpr int kGap = 4;
  int width = -kGap;
  for (const Image& part : parts) width += part.width + kGap;
  Image out(width, parts[0].height, 3, 255);
  int left = 0;
  for (const Image& part : parts) {
    for (int y = 0; y < out.height; ++y) std::copy_n(part.at(0, y), 3 * part.width, out.at(left, y));
    left += part.width + kGap;
  }
  return out;
}

Image triptych(const Image& photo, const LabelImage& truth, const LabelImage& prediction, const LabelSchema& schema, LabelStyle style) {
  const auto of_truth = style == LabelStyle::outline ? style : LabelStyle::fill;
  const Image parts[] = {photo, draw_prediction(photo, truth, truth, schema, of_truth),
                         draw_prediction(photo, prediction, truth, schema, style)};
  return side_by_side(parts);
}

}  // namespace lamina::data
