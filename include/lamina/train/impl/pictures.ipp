#include "lamina/train/impl/pictures.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lamina/core/random.hpp"
#include "lamina/data/augment.hpp"
#include "lamina/data/draw.hpp"

namespace lamina::train {
namespace {

constexpr int kJpegQuality = 85, kLeastSide = 48;
constexpr int kMapSide = 320;  // of the longer one

/// How wide the lines of a picture are: of small ones a pixel.
int line_width(const data::LabelImage& labels) {
  const int side = std::max(labels.width, labels.height);
  return side < 300 ? 1 : std::max(2, side / 300);
}

/// One plane of a mask, or the mask itself.
data::LabelImage plane_of(const data::LabelImage& labels, int plane) { return labels.planes ? labels.plane(plane) : labels; }

/// What is drawn of classes: along their borders, of one label a pixel.
class Lines {
 public:
  Lines(const data::LabelImage& labels, const std::vector<data::Rgb>& colors)
      : width_(line_width(labels)), colors_(colors), borders_(data::outlines(labels, width_)) {
    if (colors.size() + 2 < data::kIgnoreLabel) edge_ = static_cast<std::uint8_t>(colors.size());
  }

  /// The colors of layers: those of classes, white, nearly black.
  std::vector<data::Rgb> palette() const {
    std::vector<data::Rgb> all = colors_;
    if (edge_) all.insert(all.end(), {{255, 255, 255}, {16, 16, 16}});
    return all;
  }

  /// Whole lines with a white edge.
  data::LabelImage edged() const {
    data::LabelImage out = borders_;
    for (int y = 0; edge_ && y < out.height; ++y)
      for (int x = 0; x < out.width; ++x)
        if (!is_drawn(x, y) && any_near(x, y, std::max(1, width_ / 2), [&](int u, int v) { return is_drawn(u, v); })) out.at(x, y) = edge_;
    return out;
  }

  /// Dashes of color and black, by the way along a line from where it begins.
  data::LabelImage dashed() const {
    data::LabelImage out = borders_;
    std::vector<int> way(out.labels.size(), -1);
    const auto index = [&](int x, int y) {
      return static_cast<std::size_t>(y) * static_cast<std::size_t>(out.width) + static_cast<std::size_t>(x);
    };
    for (int y = 0; edge_ && y < out.height; ++y)
      for (int x = 0; x < out.width; ++x) {
        if (!is_drawn(x, y) || way[index(x, y)] >= 0) continue;
        std::vector<std::pair<int, int>> line{{x, y}};
        way[index(x, y)] = 0;
        for (std::size_t i = 0; i < line.size(); ++i) {
          const auto [of_x, of_y] = line[i];
          const int next = way[index(of_x, of_y)] + 1;
          any_near(of_x, of_y, 1, [&, label = borders_.at(of_x, of_y)](int u, int v) {
            if (borders_.at(u, v) == label && way[index(u, v)] < 0) way[index(u, v)] = next, line.emplace_back(u, v);
            return false;
          });
        }
      }
    for (std::size_t i = 0; i < way.size(); ++i)
      if (way[i] % (6 * width_) >= 4 * width_) out.labels[i] = static_cast<std::uint8_t>(edge_ + 1);
    return out;
  }

 private:
  bool is_drawn(int x, int y) const {
    const std::uint8_t label = borders_.at(x, y);
    return label < colors_.size() && colors_[label] != data::Rgb{};
  }
  template <class F>
  bool any_near(int x, int y, int reach, const F& holds) const {
    for (int v = std::max(0, y - reach); v <= std::min(borders_.height - 1, y + reach); ++v)
      for (int u = std::max(0, x - reach); u <= std::min(borders_.width - 1, x + reach); ++u)
        if (holds(u, v)) return true;
    return false;
  }

  int width_;
  const std::vector<data::Rgb>& colors_;
  data::LabelImage borders_;  // elsewhere the label that is ignored
  std::uint8_t edge_ = 0;     // the label of white; 0: there are too many classes for one
};

/// Labels of a plane, or of a mask, as a layer draws them.
std::vector<data::Rgb> layer_colors(const data::LabelSchema& schema, int plane) {
  const std::vector<data::Rgb> all = schema.counted_colors();
  const std::vector<data::LabelSchema::Label> labels = schema.counted_labels();
  std::vector<data::Rgb> own;
  for (std::size_t k = 0; k < labels.size(); ++k) {
    if (labels[k].plane != plane) continue;
    own.resize(std::size_t{labels[k].label} + 1);  // of classes that may overlap nothing is counted where none is
    own.back() = all[k];
  }
  return own;
}

bool shows(const data::LabelImage& labels, int plane) {
  for (std::size_t i = static_cast<std::size_t>(plane); i < labels.labels.size(); i += labels.values())
    if (labels.labels[i] != 0 && labels.labels[i] != data::kIgnoreLabel) return true;
  return false;
}

std::size_t bytes_of(const Picture& p) {
  std::size_t sum = p.photograph.size();
  for (const PictureLayer& layer : p.layers) sum += layer.png.size();
  return sum;
}

data::LabelImage shrunk(const data::LabelImage& labels, double scale) {
  const auto side = [&](int n) { return std::max(1, static_cast<int>(std::lround(n * scale))); };
  return scale < 1 ? data::resized(labels, side(labels.width), side(labels.height)) : labels;
}

/// What is seen of one plane, or of a mask (plane 0 of none).
void add_layers(Picture& p, const data::LabelImage& truth, const data::LabelImage& prediction, const data::LabelSchema& schema, int plane) {
  const data::LabelImage is = plane_of(truth, plane), said = plane_of(prediction, plane);
  const int named = truth.planes ? plane : PictureLayer::kWhole;
  const std::vector<data::Rgb> colors = layer_colors(schema, plane);
  const auto add = [&](PictureView view, const data::LabelImage& labels, std::span<const data::Rgb> palette) {
    p.layers.push_back({view, named, true, data::encode_png_layer(labels, palette)});
  };
  const Lines of_label(is, colors), of_prediction(said, colors);
  add(PictureView::outlines, of_label.edged(), of_label.palette());
  add(PictureView::outlines, of_prediction.dashed(), of_prediction.palette());
  add(PictureView::label, is, colors);
  add(PictureView::prediction, said, colors);
  data::LabelSchema of_plane = schema;
  if (truth.planes) of_plane.background = schema.heads.empty() ? 0 : -1;  // nothing of it
  for (const data::LabelSchema::Label& label : schema.counted_labels())
    if (truth.planes && label.plane == plane && label.background) of_plane.background = label.label;
  add(PictureView::errors, data::errors_of(said, is, of_plane), data::error_colors(schema));
}

void add_maps(Picture& p, const HeatMaps& maps, int plane, double scale) {
  const std::vector<data::Rgb> colors = heat_colors();
  p.layers.push_back({PictureView::hardness, plane, false, data::encode_png_layer(shrunk(maps.hardness(plane), scale), colors)});
  if (maps.has_uncertainty())
    p.layers.push_back({PictureView::uncertainty, plane, false, data::encode_png_layer(shrunk(maps.uncertainty(plane), scale), colors)});
}

Picture at_scale(const Looked& at, const data::LabelSchema& schema, double scale) {
  const data::LabelImage truth = shrunk(at.truth, scale), prediction = shrunk(at.prediction, scale);
  Picture p{.width = truth.width, .height = truth.height};
  p.photograph = data::encode_jpeg(scale < 1 ? data::resized(at.photo, p.width, p.height) : at.photo, kJpegQuality);
  for (int plane = 0; plane < std::max(1, truth.planes); ++plane) {
    if (truth.planes && !shows(truth, plane) && !shows(prediction, plane)) continue;
    add_layers(p, truth, prediction, schema, plane);
    if (truth.planes && at.maps) add_maps(p, *at.maps, plane, scale);
  }
  if (at.maps) add_maps(p, *at.maps, PictureLayer::kWhole, scale);
  return p;
}

}  // namespace

std::vector<Ranks> ranks_to_show(std::size_t images, std::uint64_t seed) {
  const std::size_t best = std::min<std::size_t>(4, (images + 2) / 3), worst = std::min<std::size_t>(4, (images + 1) / 3),
                    others = images - best - worst, middle = std::min<std::size_t>(2, others), first = best + (others - middle) / 2;
  std::vector<Ranks> groups{
      {"Best images", "best"}, {"Images in the middle", "middle"}, {"Images drawn at random", "random"}, {"Worst images", "worst"}};
  std::vector<std::size_t> rest;
  for (std::size_t i = 0; i < images; ++i)
    (i < best                           ? groups[0].ranks
     : i >= first && i < first + middle ? groups[1].ranks
     : i >= images - worst              ? groups[3].ranks
                                        : rest)
        .push_back(i);
  std::reverse(groups[3].ranks.begin(), groups[3].ranks.end());
  Random random(RandomKey{seed, 0x70696374});
  while (groups[2].ranks.size() < 3 && !rest.empty()) {
    const auto drawn = rest.begin() + static_cast<std::ptrdiff_t>(random.below(rest.size()));
    groups[2].ranks.push_back(*drawn);
    rest.erase(drawn);
  }
  return groups;
}

std::vector<data::Rgb> heat_colors() {
  constexpr data::Rgb kAnchors[] = {{40, 11, 84},   {101, 21, 110}, {159, 42, 99},  {212, 72, 66},
                                    {245, 125, 21}, {250, 193, 39}, {252, 255, 164}};
  std::vector<data::Rgb> colors{data::Rgb{}};
  for (int k = 1; k < HeatMaps::kLevels; ++k) {
    const double t = (k - 1.0) / (HeatMaps::kLevels - 2) * (std::size(kAnchors) - 1);
    const auto below = std::min(static_cast<std::size_t>(t), std::size(kAnchors) - 2);
    data::Rgb& color = colors.emplace_back();
    for (std::size_t c = 0; c < 3; ++c)
      color[c] = static_cast<std::uint8_t>(
          std::lround(kAnchors[below][c] + (t - static_cast<double>(below)) * (kAnchors[below + 1][c] - kAnchors[below][c])));
  }
  return colors;
}

HeatMaps::HeatMaps(const heads::Head& head, const data::LabelImage& truth)
    : head_(head), image_width_(truth.width), image_height_(truth.height), planes_(std::max(1, truth.planes)) {
  const int side = planes_ > 1 ? kMapSide / 2 : kMapSide;
  std::tie(width_, height_) = data::fit_inside(truth.width, truth.height, std::min(truth.width, side), std::min(truth.height, side));
  hardness_.resize(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_) * static_cast<std::size_t>(planes_));
  uncertainty_ = hardness_;
  highest_.resize(static_cast<std::size_t>(planes_));
  for (const data::LabelSchema::Label& label : head.schema().counted_labels()) {
    std::uint8_t& highest = highest_.at(static_cast<std::size_t>(label.plane));
    highest = std::max(highest, label.label);
  }
}

void HeatMaps::add(const data::LabelImage& truth, std::int64_t first, const Tensor& probabilities) {
  const auto p = probabilities.to_vector<float>();
  const auto events = static_cast<std::size_t>(probabilities.size(2));
  std::vector<float> said;
  std::size_t pixel = 0;
  for (std::int64_t y = first; y < first + probabilities.size(0); ++y)
    for (std::int64_t x = 0; x < image_width_; ++x, ++pixel)
      for (int plane = 0; plane < planes_; ++plane) {
        const auto own = std::span(p).subspan(pixel * events, events);
        head_.distribution(own, plane, said);
        const auto cell = static_cast<std::size_t>((y * height_ / image_height_ * width_ + x * width_ / image_width_) * planes_ + plane);
        if (!said.empty()) {
          float entropy = 0;
          for (const float q : said)
            if (q > 1e-5f) entropy -= q * std::log(q);
          uncertainty_[cell].sum += entropy / std::log(static_cast<float>(said.size())), ++uncertainty_[cell].count;
        }
        const std::uint8_t label = (&truth.at(static_cast<int>(x), static_cast<int>(y)))[plane];
        if (label == data::kIgnoreLabel) continue;
        hardness_[cell].sum += !said.empty() ? 1 - said[label]
                                             : std::abs(head_.expected_grade(own, plane) - static_cast<float>(label)) /
                                                   static_cast<float>(highest_[static_cast<std::size_t>(plane)]);
        ++hardness_[cell].count;
      }
}

data::LabelImage HeatMaps::levels(const std::vector<Mean>& cells, int plane) const {
  data::LabelImage out(width_, height_);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto of = static_cast<int>(i % static_cast<std::size_t>(planes_));
    if ((plane >= 0 && of != plane) || cells[i].count == 0) continue;
    std::uint8_t& level = out.labels[i / static_cast<std::size_t>(planes_)];
    const float mean = cells[i].sum / cells[i].count;
    if (mean >= 0) level = std::max(level, static_cast<std::uint8_t>(std::min(static_cast<int>(mean * kLevels), kLevels - 1)));
  }
  return out;
}

Picture encoded(const Looked& at, const data::LabelSchema& schema, std::size_t most_bytes) {
  for (double scale = 1;;) {
    Picture p = at_scale(at, schema, scale);
    const std::size_t bytes = bytes_of(p);
    if (bytes <= most_bytes || std::max(p.width, p.height) <= kLeastSide) return p;
    scale *= std::clamp(0.95 * std::sqrt(static_cast<double>(most_bytes) / static_cast<double>(bytes)), 0.3, 0.9);
  }
}

}  // namespace lamina::train
