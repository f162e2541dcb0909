#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/data/image.hpp"

namespace lamina::data {

/// What a mask says of a pixel.
enum class Task : std::uint8_t {
  multiclass,  ///< one class
  multilabel,  ///< any number of classes
  ordinal,     ///< one class, the classes being grades in ascending order (none < mild < severe)
  several,     ///< answers to several questions, each with labels of its own (LabelSchema::heads)
};
const char* name_of(Task task);

/// How a data set's mask files spell their classes.
enum class MaskEncoding : std::uint8_t {
  index,              ///< gray values are the labels' values
  palette,            ///< palette indices are the labels' values
  binary,             ///< 0 and full intensity (255; of some files 1), gray or three equal channels: unmarked and marked
  colors,             ///< RGB: each label has a color
  planes,             ///< one-hot: channel k is set where the pixel has class k
  foreground_planes,  ///< the same for all classes but one, which is where no channel is set: channel k is the k-th of the other labels
  multilabel,         ///< planes that may overlap: a channel, or a file, for each class
};
const char* name_of(MaskEncoding encoding);

/// What becomes of mask values that are none of the labels.
enum class Others : std::uint8_t { error, ignore, nearest /* of colors: the label with the nearest one */ };

/// How mask files are read before their values mean something.
struct MaskReading {
  std::optional<MaskEncoding> encoding;  ///< none: not decided yet
  bool alpha = false;                    ///< the labels are in the alpha channel
  bool as_stored = false;                ///< drawn on the photographs' stored pixels: turned by the photographs' EXIF orientation
  bool in_channels = false;              ///< planes that may overlap, or are graded, are the channels of one file; else each has a folder
  Others others = Others::error;
  double threshold = 0;  ///< of full intensity: what is above is marked; 0: samples are labels
  /// Where each class that excludes the others has a folder of masks: the classes, in the order of an item's files. The one that is not
  /// among them is where no file marks anything.
  std::vector<std::string> class_folders{};
  /// Of one-hot planes of all labels but one: the one that is where none is set; empty: the one with the value 0.
  std::string unmarked{};
};

/// With what is not empty, or 0, instead: "color" or "alpha", "shown" or "stored", "error", "ignore" or "nearest". Throws OptionError.
MaskReading overridden(MaskReading reading, const std::string& channel, const std::string& frame, const std::string& others,
                       double threshold);

/// What the classes of a data set are called, drawn as, and stored as in its masks. Class k of the network is the k-th of
/// `names`, `values` and `colors`.
struct LabelSchema {
  Task task = Task::multiclass;
  std::vector<std::string> names;
  std::vector<unsigned> values;     ///< a mask's sample (gray value, palette index or plane) that means class k; ascending
  std::vector<Rgb> colors;          ///< for drawing, and for reading RGB-coloured masks; the background is black, which is drawn clear
  bool has_colors = false;          ///< the colors are the data's, not from default_colors
  std::optional<unsigned> ignore;   ///< the mask value that neither loss nor metrics count
  std::optional<Rgb> ignore_color;  ///< the same, for masks read by color
  int background = -1;              ///< class index; -1: no class is, because nothing says so
  std::string background_reason;    ///< why, for a person; not stored
  std::vector<int> uncertain;       ///< class indices
  std::vector<std::string> planes;  ///< of an ordinal set: what is graded, each by itself; empty: a pixel has one grade
  std::string name;                 ///< of one of several heads
  std::vector<LabelSchema> heads;   ///< of Task::several, which has no labels of its own: what is asked of every pixel
  int first_color = 0;              ///< among default colors, so that those of several heads differ; not stored
  std::string file_ending = ".png";
  MaskReading reading;
  std::string reading_note;  ///< what a person should know of it; not stored
  std::string table;         ///< the class table that says the labels where there is no dataset.json; not stored
  bool numbered = false;     ///< by it, which has no values: the values are its rows, from 0; not stored
  std::string field_note;    ///< fields of dataset.json that are none, labels that are ignored; not stored

  int classes() const { return static_cast<int>(names.size()); }
  /// Whether a pixel may have any number of the labels, and none is what no label says; whether the labels are steps of one scale.
  bool overlaps() const { return task == Task::multilabel; }
  bool graded() const { return task == Task::ordinal; }
  /// The planes of a mask: classes that may overlap, or what is graded; none where a pixel has one label. Of several heads those of the
  /// first, then of the next, "damage/crack", or "tissue" where it has one label.
  std::vector<std::string> plane_names() const;
  /// What pixels are counted as: the classes; of graded planes the grades of the first plane, "crack none", "crack severe", then those of
  /// the next; of several heads those of each, "tissue skin", of classes that may overlap "no hair" too. Their colors; where a mask has
  /// them, and whether they are no finding.
  std::vector<std::string> counted() const;
  std::vector<Rgb> counted_colors() const;
  struct Label {
    int plane = 0;
    std::uint8_t label = 0;
    bool background = false;
    bool operator==(const Label&) const = default;
  };
  std::vector<Label> counted_labels() const;
  /// What is graded, each by itself, and where its grades begin among what is counted.
  struct Scale {
    std::string name;
    std::size_t first = 0;
    int grades = 0;
  };
  std::vector<Scale> scales() const;
  /// Of what is counted, what says that nothing is there: the background, the lowest grade. Empty where nothing says what does.
  std::vector<bool> no_finding() const;
  bool is_background(int counted) const { return counted_labels()[static_cast<std::size_t>(counted)].background; }
  /// Whether a photograph has one mask file; else there is one a plane, or class, in a folder for each.
  bool has_one_file() const { return heads.empty() && reading.class_folders.empty() && (plane_names().empty() || reading.in_channels); }
  /// Labels that a pixel has in a mask.
  std::size_t labels_per_pixel() const { return std::max<std::size_t>(1, plane_names().size()); }
  /// Of a mask of several heads the planes of one, which has them as a mask of its own.
  LabelImage of_head(const LabelImage& mask, std::size_t head) const;
  /// The class called `name`; -1: none.
  int class_named(std::string_view name) const;
  /// The class called so, or else the one with this value; -1: none.
  int class_called(const std::string& name_or_value) const;
  /// Removes the class with this value, if there is one, and makes the value the ignored one.
  void set_ignore(unsigned value);
  /// `option`: a label's name, or its value, or "none" where no label is called so; empty: the background stays as the data says it. Says
  /// why. Throws DataError that lists the labels.
  void set_background(const std::string& option);
  /// The background becomes that of a network that was trained on these labels: its scores leave out that one. Says why.
  void keep_background(const LabelSchema& trained);
  /// Colors that tell the classes apart, unless the data has its own.
  void set_default_colors();
  /// Throws DataError unless every label has a value, and, `with_colors`, a color.
  void require_complete(bool with_colors) const;
  /// One line for a person: "background: 'sky', because ...".
  std::string background_text() const;
};

/// Throws DataError naming `origin` unless the labels fit the task: planes and grades have names; there are at least two grades, with the
/// values 0, 1, 2 ... without a gap, and none above the first is the background; only grades have `planes`; at most 255 labels are counted.
void check_labels(const LabelSchema& schema, const std::string& origin);

/// Reads dataset.json: nnU-Net's `labels` ({"background": 0, "face": 2}; its first version's {"0": "background"} too; a label
/// called "ignore" is the ignored one) and `file_ending`, and ours: `task`, `planes` (names of what is
/// graded, each a plane of the masks), `ignore` (a value), `colors` ({"face": [255, 0, 0]}
/// or "#ff0000"; one called "ignore" is the ignored color), `roles`, and of `MaskReading` `encoding`, `mask_channel` (color, alpha),
/// `mask_frame` (shown, stored), `planes_in` (folders, channels), `unmarked` (a label), `others`
/// (error, ignore, nearest). Roles: `background` (a label, or []
/// for none), `foreground` (labels; the one label that is none of them and not uncertain is the background), `uncertain` (an image of these
/// and the background alone has no foreground). Without either the label called background, bg, _background_ or __background__ (in any
/// case) is the background, and where there is none no class is. Instead of labels there may be `heads`, {"tissue": {"labels": ...},
/// "damage": {"task": "ordinal",
/// ...}}: what is asked of every pixel, each with these fields but for `mask_frame`. Other fields are named in
/// LabelSchema::field_note, unless nnU-Net writes them; one that is nearly one of these, or a role, is an error. Throws DataError naming
/// `origin`, line and column, the field and the rule; also as check_labels.
LabelSchema parse_label_schema(std::string_view json, const std::string& origin);
/// The same format: parse_label_schema(to_json(s)) equals s. With `items` it has the other fields nnU-Net requires.
std::string to_json(const LabelSchema& schema, std::int64_t items = 0);

/// A photograph with its labels over it: graded planes in colors of their own, the stronger the higher the grade.
Image draw_labels(Image image, const LabelImage& labels, const LabelSchema& schema, double opacity = 0.5);

}  // namespace lamina::data
