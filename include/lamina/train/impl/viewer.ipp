// The pictures of report.html: one photograph each, layers over it by choice, enlarged by a click. No script: a choice is a radio button,
// an enlarged picture a check box, and style sheets show what goes with them.
#include "lamina/core/error.hpp"
#include "lamina/data/draw.hpp"
#include "lamina/train/impl/html.hpp"
#include "lamina/train/impl/pictures.hpp"
#include "lamina/train/impl/sections.hpp"

namespace lamina::train {
namespace {

struct View {
  PictureView view;
  const char* name;
  const char* text;  // what is seen
};
constexpr View kViews[] = {
    {PictureView::outlines, "outlines",
     "Label: <i class=\"line edged\"></i> whole lines with a white edge. Prediction: <i class=\"line dashed\"></i> dashes, black between."},
    {PictureView::label, "label", "Label:"},
    {PictureView::prediction, "prediction", "Prediction:"},
    {PictureView::errors, "errors", "What is wrong:"},
    {PictureView::hardness, "hard pixels",
     "One minus the probability of what the label says (of numbers: how far they are from the label's grade, as a share of all grades):"},
    {PictureView::uncertainty, "uncertainty", "Entropy of the probabilities, as a share of the largest one:"},
    {PictureView::photograph, "photograph", "As it is."},
};
constexpr const char* kWhole = "all";

std::string number(PictureView view) { return std::to_string(static_cast<int>(view)); }

bool holds(const ReportContent& content, PictureView view) {
  for (const PictureGroup& group : content.pictures)
    for (const Picture& p : group.pictures)
      for (const PictureLayer& layer : p.layers)
        if (layer.view == view) return true;
  return view == PictureView::photograph;
}

/// The classes that a view draws, a group for each plane, which is seen with its plane.
std::string class_keys(const ReportContent& content) {
  std::string html;
  int plane = -2;
  for (std::size_t k = 0; k < content.class_colors.size(); ++k) {
    if (content.class_colors[k].empty()) continue;
    const int own = k < content.class_planes.size() && !content.planes.empty() ? content.class_planes[k] : -1;
    if (own != plane)
      html += std::string(plane == -2 ? "" : "</span>") + " <span class=\"group g" + (own < 0 ? kWhole : std::to_string(own)) + "\">";
    plane = own;
    html += " <span class=key>" + swatch(content.class_colors[k]) + escaped(content.class_names[k]) + "</span>";
  }
  return plane == -2 ? html : html + "</span>";
}

/// What colors mean in a view.
std::string key(const ReportContent& content, PictureView view) {
  std::string html;
  switch (view) {
    case PictureView::photograph: break;
    case PictureView::errors: {
      const char* kinds[] = {"missed", "too much", "another class"};
      for (std::size_t k = 0; k < std::min(std::size(kinds), content.error_colors.size()); ++k)
        html += std::string(" <span class=key>") + swatch(content.error_colors[k]) + kinds[k] + "</span>";
      html += " These are colors of errors, not of classes.";
      break;
    }
    case PictureView::hardness:
    case PictureView::uncertainty: {
      html += " <span class=key>below 1/16 clear</span><span class=key>1/16 <span class=scale>";
      const std::vector<data::Rgb> colors = heat_colors();
      for (std::size_t k = 1; k < colors.size(); ++k) html += swatch(css(colors[k]));
      html += "</span> 1</span>";
      break;
    }
    default: html = class_keys(content);
  }
  return html;
}

/// Rules and buttons of a group of radio buttons.
struct RadioGroup {
  std::string inputs, labels, rules;
  void add(const std::string& group, const std::string& id, const std::string& text) {
    inputs += "<input type=radio name=" + group + " id=" + id + (inputs.empty() ? " checked>" : ">");
    labels += "<label for=" + id + ">" + escaped(text) + "</label>";
    rules += "#" + id + ":checked~.chooser [for=" + id + "]{background:#0072b2;color:#fff}#" + id + ":focus-visible~.chooser [for=" + id +
             "]{outline:2px solid #222}";
  }
};

constexpr int kSmall = 170;  // half of what pictures are shown at, in report.ipp's style: their pixels are seen

std::string figure(const Picture& p, std::size_t id) {
  const std::string size = " width=" + std::to_string(p.width) + " height=" + std::to_string(p.height);
  std::string html = message("<figure><input type=checkbox class=zoom id=zoom", id, "><label for=zoom", id, "><span class=\"page",
                             p.width < kSmall ? " small" : "", "\" style=\"--w:", p.width, "px\"><img alt=\"", escaped(p.name), "\"", size,
                             " src=\"", data_url("image/jpeg", p.photograph), "\">");
  for (const PictureLayer& layer : p.layers) {
    const bool whole = layer.plane == PictureLayer::kWhole;
    html += "<img class=\"layer v" + number(layer.view);
    if (!whole) html += " p" + std::to_string(layer.plane);
    if (whole || layer.in_all) html += std::string(" p") + kWhole;
    html += "\" alt=\"\" src=\"" + data_url("image/png", layer.png) + "\">";
  }
  return html + "</span><span class=caption>" + escaped(p.caption) + "</span></label></figure>";
}

}  // namespace

std::string pictures_html(const ReportContent& content) {
  std::size_t pictures = 0;
  for (const PictureGroup& group : content.pictures) pictures += group.pictures.size();
  if (pictures == 0) return {};
  RadioGroup views, planes;
  std::string keys, rules;
  planes.add("plane", std::string("p") + kWhole, "all planes");
  for (std::size_t k = 0; k < content.planes.size(); ++k) {
    const std::string plane = std::to_string(k);
    planes.add("plane", "p" + plane, content.planes[k]);
    planes.rules += "#p" + plane + ":checked~.chooser .group:not(.g" + plane + "){display:none}";
  }
  for (const View& v : kViews) {
    if (!holds(content, v.view)) continue;
    const std::string id = "v" + number(v.view);
    views.add("view", id, v.name);
    views.rules += "#" + id + ":checked~.chooser .k" + id + "{display:block}";
    keys += "<div class=\"keys k" + id + "\">" + v.text + key(content, v.view) + "</div>";
    for (std::size_t k = 0; k <= content.planes.size(); ++k) {
      const std::string plane = k < content.planes.size() ? "p" + std::to_string(k) : std::string("p") + kWhole;
      rules += "#" + id + ":checked~#" + plane + ":checked~.gallery ." + id + "." + plane + "{display:block}";
    }
  }
  const bool has_planes = !content.planes.empty();
  std::string html = "<style>" + views.rules + planes.rules + rules + "</style><section class=pictures>" + views.inputs + planes.inputs +
                     "<h2>Pictures</h2><p>Predicted at the photograph's own size. Click on one to see it so; on it again to go back.</p>"
                     "<div class=chooser><div class=choice>" +
                     views.labels + "</div>" + (has_planes ? "<div class=choice>" + planes.labels + "</div>" : "") + keys + "</div>";
  std::size_t id = 0;
  for (const PictureGroup& group : content.pictures) {
    if (group.pictures.empty()) continue;
    html += "<h2>" + escaped(group.title) + "</h2><div class=gallery>";
    for (const Picture& p : group.pictures) html += figure(p, id++);
    html += "</div>";
  }
  return html + "</section>";
}

}  // namespace lamina::train
