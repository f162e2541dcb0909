// dataset.json.
#include <algorithm>
#include <map>

#include "lamina/data/impl/class_table.hpp"
#include "lamina/data/impl/label_names.hpp"
#include "lamina/data/impl/schema_names.hpp"

namespace lamina::data {
namespace {

using namespace schema_names;
using detail::Json;

constexpr unsigned kLargestValue = 65535;
constexpr std::string_view kRoles[] = {"background", "foreground", "uncertain"};

class SchemaReader {
 public:
  SchemaReader(std::string_view text, const std::string& origin, const std::string& head = {}) : text_(text), origin_(origin) {
    schema_.name = head;
    if (!head.empty()) from_ = std::min(text.find('"' + head + '"'), text.size());
  }

  LabelSchema read(const Json& json) {
    check(json.is_object(), "it is not a JSON object");
    check_spelling(json);
    const auto field = [&](const char* name, auto&& read) {
      if (json.contains(name)) within(name, [&] { read(json.at(name)); });
    };
    const auto choice = [&](const char* name, const auto& table, auto& to) {
      field(name, [&](const Json& j) {
        try {
          to = parse_name(name, text_of(j, name), table);
        } catch (const OptionError& e) {
          check(false, e.what());
        }
      });
    };
    field("mask_frame", [&](const Json&) { check(schema_.name.empty(), "'mask_frame' stands beside \"heads\", not in one of them"); });
    field("file_ending", [&](const Json& j) { schema_.file_ending = text_of(j, "file_ending"); });
    choice("mask_frame", kFrames, schema_.reading.as_stored);
    if (json.contains("heads")) {
      for (const char* name : {"labels", "task", "planes", "roles", "colors", "ignore", "encoding", "mask_channel", "mask_threshold",
                               "planes_in", "others", "unmarked"})
        field(name, [&](const Json&) { check(false, "'", name, "' stands in each of \"heads\", not beside them"); });
      field("heads", [&](const Json& j) { read_heads(j); });
      check_labels(schema_, origin_);
      return schema_;
    }
    field("labels", [&](const Json& j) { read_labels(j); });
    field("task", [&](const Json& j) { read_task(j); });
    field("planes", [&](const Json& j) { read_planes(j); });
    field("class_folders", [&](const Json& j) {
      for (const Json& name : j) schema_.reading.class_folders.push_back(text_of(name, "class_folders"));
    });
    field("unmarked", [&](const Json& j) {
      const std::string& name = schema_.reading.unmarked = text_of(j, "unmarked");
      check(schema_.class_named(name) >= 0, "'unmarked' names '", name, "', which is not in 'labels'");
    });
    for (const std::string& name : schema_.plane_names())
      check(!name.empty() && name[0] != '.' && name.find('/') == std::string::npos, schema_.planes.empty() ? "the label '" : "the plane '",
            name, "' cannot name a folder of masks: it is empty, has a '/' or begins with a dot");
    check(schema_.names.size() <= kIgnoreLabel, "more than 255 labels");
    name_background();
    field("roles", [&](const Json& j) { read_roles(j); });
    schema_.set_default_colors();
    field("colors", [&](const Json& j) { read_colors(j); });
    choice("encoding", kEncodings, schema_.reading.encoding);
    choice("mask_channel", kChannels, schema_.reading.alpha);
    field("mask_threshold", [&](const Json& j) {
      check(j.is_number() && j.get<double>() > 0 && j.get<double>() < 1, "'mask_threshold' is no share of full intensity between 0 and 1");
      schema_.reading.threshold = j.get<double>();
    });
    choice("planes_in", kPlaces, schema_.reading.in_channels);
    choice("others", kOthers, schema_.reading.others);
    field("ignore", [&](const Json& j) {
      check(!j.is_string(), "'ignore' is a value of the masks, such as 255, not a label: ", j.dump(),
            " is left out where its value stands here, or it is called \"ignore\" in \"labels\"");
      const std::vector<std::string> names = schema_.names;
      if (!j.is_null()) schema_.set_ignore(value_of(j, "ignore"));
      for (const std::string& name : names)
        if (schema_.class_named(name) < 0)
          tell(message("'ignore' is ", j.dump(), ", the value of the label '", name, "', which is no class therefore"));
    });
    field("roles", [&](const Json&) { check_uncertain(); });
    check_labels(schema_, origin_);
    return schema_;
  }

 private:
  template <class... Parts>
  void check(bool condition, const Parts&... parts) const {
    if (condition) return;
    std::size_t at = std::string_view::npos, from = from_;
    for (const std::string& name : path_)
      if (const std::size_t next = text_.find('"' + name + '"', from); next != std::string_view::npos) at = next, from = next + 1;
    throw DataError(message(origin_, at == std::string_view::npos ? "" : line_and_column(text_, at), ": ",
                            schema_.name.empty() ? "" : "head '" + schema_.name + "': ", parts...));
  }
  /// What is read within a name is told with the place of that name, below those that it is within.
  template <class F>
  void within(const std::string& name, F&& read) {
    path_.push_back(name);
    read();
    path_.pop_back();
  }
  std::string text_of(const Json& j, const char* field) const {
    check(j.is_string(), "'", field, "' is not a string");
    return j.get<std::string>();
  }
  unsigned value_of(const Json& j, const std::string& field) const {
    check(!j.is_array(), "'", field, "' is a list (nnU-Net's regions), which is not supported: give each label one value");
    const bool good = j.is_number_unsigned() && j.get<std::uint64_t>() <= kLargestValue;
    check(good, "'", field, "' is not a whole number from 0 to ", kLargestValue);
    return j.get<unsigned>();
  }

  /// nnU-Net's own fields are left alone, and anybody's notes told; a role, or what is nearly one of ours, is a slip that would have no
  /// effect.
  void check_spelling(const Json& json) {
    constexpr std::string_view kFields[] = {"labels",    "task",          "file_ending",    "colors",       "roles",  "planes",
                                            "planes_in", "ignore",        "encoding",       "mask_channel", "others", "mask_frame",
                                            "heads",     "class_folders", "mask_threshold", "unmarked"};
    constexpr std::string_view kLeftAlone =
        " channel_names modality numTraining numTest name description reference licence license release training tensorImageSize test "
        "regions_class_order overwrite_image_reader_writer ";
    const auto left_alone = [&](const std::string& name) { return kLeftAlone.find(' ' + name + ' ') != std::string_view::npos; };
    const auto is_in = [](const auto& names, const std::string& name) {
      return std::find(std::begin(names), std::end(names), name) != std::end(names);
    };
    std::string unknown, known;
    for (const auto& item : json.items()) {
      const std::string& key = item.key();
      const std::string_view nearest = nearest_name(key, kFields);
      within(key, [&] {
        check(!is_in(kRoles, key), "'", key, "' is a role, and stands in \"roles\": write \"roles\": {\"", key, "\": ", item.value().dump(),
              "}");
        check(key == nearest || left_alone(key) || 3 * edit_distance(key, nearest) > key.size(), "unknown field '", key,
              "'; did you mean '", std::string(nearest), "'?");
      });
      if (key != nearest && !left_alone(key)) unknown += (unknown.empty() ? "'" : ", '") + key + "'";
    }
    if (unknown.empty()) return;
    for (const std::string_view name : kFields) known += (known.empty() ? "" : ", ") + std::string(name);
    tell(message("nobody reads ", unknown, "; known: ", known));
  }
  void tell(const std::string& note) {
    std::string& all = schema_.field_note;
    all += message(all.empty() ? origin_ + ": " : "; ", schema_.name.empty() ? "" : "head '" + schema_.name + "': ", note);
  }
  void read_heads(const Json& heads) {
    check(schema_.name.empty(), "a head has no \"heads\" of its own");
    check(heads.is_object() && !heads.empty(), "'heads' is not an object of names and what each asks");
    for (const auto& [name, head] : heads.items()) {
      check(!name.empty() && name[0] != '.' && name.find_first_of("/=,") == std::string::npos, "'", name,
            "' cannot name a head and a folder of masks: it is empty, begins with a dot or has one of / = ,");
      schema_.heads.push_back(SchemaReader(text_, origin_, name).read(head));
      if (schema_.field_note.empty()) schema_.field_note = schema_.heads.back().field_note;
    }
    schema_.task = Task::several;
    schema_.set_default_colors();
  }
  void read_labels(const Json& labels) {
    check(labels.is_object(), "'labels' is not an object of names and values, such as {\"background\": 0, \"wound\": 1}");
    const auto is_number = [](const std::string& text) {
      return !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string::npos &&
             std::stoul(text) <= kLargestValue;
    };
    std::vector<std::pair<unsigned, std::string>> found;
    for (const auto& item : labels.items())
      within(item.key(), [&] {
        const std::string& key = item.key();
        const std::string fault = name_fault("label", key);
        check(fault.empty(), fault);
        if (!item.value().is_string()) {
          found.emplace_back(value_of(item.value(), key), key);
          return;
        }
        const std::string text = item.value().get<std::string>();  // nnU-Net version 1: {"0": "background"}
        check(is_number(key), "label '", key, "' has the text \"", text, "\" for a value: write ", is_number(text) ? text : "a number",
              " without quotes");
        found.emplace_back(static_cast<unsigned>(std::stoul(key)), text);
      });
    std::sort(found.begin(), found.end());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto& [value, name] = found[i];
      check(i == 0 || found[i - 1].first != value, "the labels '", found[i ? i - 1 : 0].second, "' and '", name, "' share the value ",
            value);
      for (const std::string& other : schema_.names)
        check(detail::spelled_label(other) != detail::spelled_label(name), "two labels are called '", name, "'",
              other == name ? "" : " but for blanks around: take one of them out, or give it another name");
      if (name == "ignore") {
        schema_.ignore = value;
        continue;
      }
      schema_.names.push_back(name);
      schema_.values.push_back(value);
    }
    check(!schema_.names.empty(), "'labels' is empty");
  }
  void name_background() {
    if (schema_.task == Task::multilabel) return;
    for (std::size_t k = 0; k < schema_.names.size(); ++k) {
      if (!names_background(schema_.names[k])) continue;
      const std::size_t other = schema_.background < 0 ? k : static_cast<std::size_t>(schema_.background);
      check(other == k, "'", schema_.names[k], "' and '", schema_.names[other],
            "' are both called as the background is; rename one, or write \"roles\": {\"background\": ...}");
      schema_.background = static_cast<int>(k);
      schema_.background_reason = "it is called so";
    }
  }
  void read_task(const Json& task) {
    const std::string name = text_of(task, "task");
    const auto* it = std::find(std::begin(kTasks), std::end(kTasks), name);
    check(it != std::end(kTasks) && *it != std::string_view(schema_names::kTasks[3]), "task '", name,
          "' is none of multiclass, multilabel, ordinal; several tasks are \"heads\"");
    schema_.task = static_cast<Task>(it - kTasks);
  }
  void read_planes(const Json& planes) {
    check(planes.is_array() && !planes.empty(), "'planes' is no list of names");
    check(schema_.task == Task::ordinal, "task '", name_of(schema_.task), "' ", kNoPlanes);
    for (const Json& name : planes) {
      schema_.planes.push_back(text_of(name, "planes"));
      check(std::count(schema_.planes.begin(), schema_.planes.end(), schema_.planes.back()) == 1, "two planes are called '",
            schema_.planes.back(), "'");
    }
  }
  void read_colors(const Json& colors) {
    check(colors.is_object(), "'colors' is not an object of label names and colors");
    std::vector<bool> seen(schema_.names.size());
    for (const auto& item : colors.items())
      within(item.key(), [&] {
        const std::string& name = item.key();
        const Rgb color = color_of(item.value(), name);
        if (name == "ignore") {
          schema_.ignore_color = color;
          return;
        }
        const int k = schema_.class_named(name);
        check(k >= 0, "'colors' names '", name, "', which is not in 'labels'");
        schema_.colors[static_cast<std::size_t>(k)] = color;
        seen[static_cast<std::size_t>(k)] = true;
      });
    for (std::size_t k = 0; k < seen.size(); ++k) {
      check(seen[k], "'colors' has no entry for '", schema_.names[k], "'");
      for (std::size_t j = 0; j < k; ++j)
        check(schema_.colors[j] != schema_.colors[k], "'", schema_.names[j], "' and '", schema_.names[k], "' have the same color");
    }
    schema_.has_colors = true;
  }
  Rgb color_of(const Json& j, const std::string& name) const {
    Rgb rgb{};
    if (j.is_string()) {
      const std::string text = j.get<std::string>();
      const bool good = text.size() == 7 && text[0] == '#' && text.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string::npos;
      check(good, "the color of '", name, "' is not like \"#ff8000\"");
      for (std::size_t c = 0; c < 3; ++c) rgb[c] = static_cast<std::uint8_t>(std::stoul(text.substr(1 + 2 * c, 2), nullptr, 16));
      return rgb;
    }
    check(j.is_array() && j.size() == 3, "the color of '", name, "' is not like [255, 128, 0]");
    for (std::size_t c = 0; c < 3; ++c) {
      const bool good = j[c].is_number_unsigned() && j[c].get<std::uint64_t>() <= 255;
      check(good, "the color of '", name, "' has a part outside 0..255");
      rgb[c] = j[c].get<std::uint8_t>();
    }
    return rgb;
  }
  /// The class that a role is given to.
  int read_role(const std::string& role, const Json& label, std::vector<std::string>& role_of) {
    check(label.is_string(), "role '", role, "' is given to ", label.dump(), ", not to the name of a label, such as \"",
          schema_.names.empty() ? "wound" : schema_.names[0], "\"; [] says that none has it");
    const std::string name = label.get<std::string>();
    const int k = schema_.class_named(name);
    within(name, [&] {
      check(k >= 0, "'roles' names '", name, "', which is not in 'labels'");
      std::string& given = role_of[static_cast<std::size_t>(k)];
      check(given.empty(), "'", name, "' has two roles, ", given, " and ", role);
      given = role;
    });
    return k;
  }
  void read_roles(const Json& roles) {
    check(roles.is_object(), "'roles' is not an object of roles and labels, such as {\"background\": \"skin\"}");
    std::vector<std::string> role_of(schema_.names.size());
    std::map<std::string, std::vector<int>> classes;
    for (const auto& item : roles.items())
      within(item.key(), [&] {
        const std::string& role = item.key();
        check(role != "ignore",
              "'ignore' is no role: give beside \"roles\" the value that is left out, such as \"ignore\": 255, or call the "
              "label 'ignore'");
        check(std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles), "role '", role,
              "' is none of background, uncertain, foreground");
        const Json list = item.value().is_array() ? item.value() : Json::array({item.value()});
        check(role == "background" || !list.empty(), "role '", role, "' is given to no label: leave it out");
        check(list.empty() || schema_.task != Task::multilabel || role == "uncertain",
              "a multilabel set has no background: it is where no plane is set, and the role '", role, "' means nothing");
        for (const Json& name : list) classes[role].push_back(read_role(role, name, role_of));
        check(role != "background" || list.size() <= 1, "there can be one background");
      });
    schema_.uncertain = classes["uncertain"];
    if (roles.contains("background")) {
      schema_.background = classes["background"].empty() ? -1 : classes["background"][0];
      if (schema_.task != Task::multilabel) schema_.background_reason = "\"roles\" say so";
    }
    if (!roles.contains("foreground")) return;
    check(classes["foreground"].size() < schema_.names.size(),
          "role 'foreground' is given to every label and means nothing: leave it out, or write \"roles\": {\"background\": []}, which "
          "says that none is the background");
    std::string left;
    int others = 0, last = -1;
    for (std::size_t k = 0; k < role_of.size(); ++k)
      if (role_of[k].empty()) {
        left += (others++ ? ", " : "") + schema_.names[k];
        last = static_cast<int>(k);
      }
    if (roles.contains("background")) {
      check(others == 0, "role 'foreground' leaves out ", left, ": give ", others == 1 ? "it" : "them", " a role");
      return;
    }
    check(others <= 1, "role 'foreground' leaves out ", left, ", of which at most one can be the background: give the others a role");
    schema_.background = last;
    schema_.background_reason = others ? "\"roles\" say what is foreground, and it is not" : "\"roles\" say that every label is foreground";
  }
  /// What is uncertain lies between the background and what is looked for.
  void check_uncertain() const {
    if (schema_.uncertain.empty()) return;
    check(schema_.task != Task::ordinal, "role 'uncertain' means nothing where labels are grades: leave it out");
    const std::size_t neither = schema_.uncertain.size() + (schema_.background >= 0);
    check(neither < schema_.names.size(), "role 'uncertain' is given to every label", schema_.background >= 0 ? " but the background" : "",
          ", and none is left to be foreground: take it from those that are looked for");
  }

  const std::string_view text_;
  const std::string& origin_;
  std::vector<std::string> path_;  // the names that are being read, each within the one before
  std::size_t from_ = 0;           // where they are looked for in the text
  LabelSchema schema_;
};

}  // namespace

LabelSchema detail::schema_of_json(const Json& json, const std::string& origin) { return SchemaReader("", origin).read(json); }

LabelSchema parse_label_schema(std::string_view json, const std::string& origin) {
  return SchemaReader(json, origin).read(detail::parse_json(json, origin));
}

}  // namespace lamina::data
