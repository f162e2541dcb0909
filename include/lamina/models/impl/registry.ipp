#include "lamina/models/registry.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/models/impl/families.hpp"

namespace lamina::models {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;  // of stored descriptions; none: those from before there were numbers, which are the same
constexpr std::string_view kFields[] = {"format", "model", "preset", "in_channels", "classes", "outputs"};
bool is_field(std::string_view name) { return std::find(std::begin(kFields), std::end(kFields), name) != std::end(kFields); }

struct Registry {
  std::mutex mutex;
  std::map<std::string, Family> families;  // never erased from: references stay good

  Registry() {
#define LAMINA_FAMILY(name) add(name##_family());
    LAMINA_FAMILIES(LAMINA_FAMILY)
#undef LAMINA_FAMILY
  }
  void add(Family f) {
    std::vector<std::string_view> taken;
    for (const auto& [other, family] : families) taken.emplace_back(other);
    require_new_name("a family", f.name, taken);
    require<OptionError>(!f.presets.empty() && f.build, "the family \"", f.name, "\" needs a preset and a builder");
    for (std::size_t i = 0; i < f.presets.size(); ++i)
      require_new_name("the family \"" + f.name + "\": a preset", f.presets[i].name, std::span(f.presets).first(i));
    for (std::size_t i = 0; i < f.options.size(); ++i) {
      const std::string& option = f.options[i].name;
      require_new_name("the family \"" + f.name + "\": an option", option, std::span(f.options).first(i));
      require<OptionError>(!is_field(option), "the family \"", f.name, "\": no option can be called ", option,
                           ", as a field of every stored description is");
    }
    for (FamilyOption& o : f.options) o.help += "; empty: the preset's";
    const std::string name = f.name;
    families.try_emplace(name, std::move(f));
  }
};
Registry& registry() {
  static Registry& all = *new Registry;  // never destroyed: static objects may look families up
  return all;
}

template <class Range>
[[noreturn]] void throw_unknown(const std::string& what, const std::string& name, const Range& known) {
  std::vector<std::string_view> names;
  for (const auto& k : known) {
    if constexpr (requires { k.name; })
      names.emplace_back(k.name);
    else
      names.emplace_back(k);
  }
  throw_unknown_name(what.c_str(), name, names);
}

template <class Range>
const auto& find_named(const std::string& what, const std::string& name, const Range& range) {
  for (const auto& entry : range)
    if (entry.name == name) return entry;
  throw_unknown(what, name, range);
}

/// Throws OptionError, naming the family that has the preset where this one has not.
const FamilyPreset& preset_of(const Family& family, const std::string& name) {
  const auto has = [&](const Family& f) {
    return std::any_of(f.presets.begin(), f.presets.end(), [&](const FamilyPreset& p) { return p.name == name; });
  };
  if (!has(family))
    for (const std::string& other : family_names())
      require<OptionError>(!has(find_family(other)), "preset ", name, " is none of ", family.name, "'s: it is one of --model ", other);
  return find_named("preset", name, family.presets);
}

/// A whole number, or nothing.
std::optional<int> whole_number(const std::string& text) {
  int v = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, v);
  return error == std::errc() && stop == end ? std::optional(v) : std::nullopt;
}

/// The numbers between commas; nothing where one is none.
std::optional<std::vector<double>> numbers_in(const std::string& text) {
  std::vector<double> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + comma, numbers.emplace_back());
    if (error != std::errc() || stop != text.data() + comma) return std::nullopt;
    begin = comma + 1;
  }
  return numbers;
}

void check_value(const FamilyOption& option, const std::string& value) {
  if (option.min == 0 && option.max == 0) return void(parse_choice(option.name.c_str(), value, option.choices));
  if (std::any_of(option.choices.begin(), option.choices.end(), [&](const Choice& c) { return value == c.name; })) return;
  const auto numbers = numbers_in(value);
  const auto fits = [&](double v) { return v >= option.min && v <= option.max && (!option.whole || v == std::floor(v)); };
  const auto shown = [](double v) { return v == std::floor(v) ? std::to_string(static_cast<std::int64_t>(v)) : Json(v).dump(); };
  require<OptionError>(numbers && std::ssize(*numbers) == option.count && std::all_of(numbers->begin(), numbers->end(), fits), option.name,
                       " ", value, option.count == 1 ? " is outside [" : message(" is not ", option.count, " numbers, with commas, of ["),
                       shown(option.min), ", ", shown(option.max), "]",
                       option.choices.empty() ? "" : message(", nor ", option.choices[0].name));
}

std::unique_ptr<Network> build(const ModelConfig& config, std::uint64_t seed) {
  const ModelConfig c = settled(config);
  nn::RandomStream random({seed, 0x696e6974});
  return find_family(c.model).build(c, random);
}

/// A list; until December 2026 one number, of all rows.
std::vector<int> tied_rows(const Json& output) {
  const Json tied = output.value("tied", Json::array());
  if (tied.is_array()) return tied;
  const int channels = output.at("channels"), row = tied;
  require<DataError>(row >= 1 && channels % row == 0, "a model description with rows of ", row, " tied outputs among ", channels);
  return row == 1 ? std::vector<int>{} : std::vector<int>(static_cast<std::size_t>(channels / row), row);
}

}  // namespace

std::vector<int> ModelConfig::numbers(const std::string& option) const {
  std::vector<int> all;
  for (const double v : numbers_in(options.at(option)).value_or(std::vector<double>{})) all.push_back(static_cast<int>(v));
  return all;
}

std::string to_json(const ModelConfig& c) {
  Json j{{"format", kFormat}, {"model", c.model}, {"preset", c.preset}, {"in_channels", c.in_channels}, {"classes", c.classes}};
  for (const auto& [name, value] : c.options) {
    const auto number = whole_number(value);
    j[name] = number ? Json(*number) : Json(value);
  }
  for (const OutputSpec& output : c.outputs) {
    Json& o = j["outputs"].emplace_back(Json{{"name", output.name}, {"channels", output.channels}});
    if (!output.tied.empty()) o["tied"] = output.tied;
  }
  return j.dump();
}

ModelConfig model_config_from_json(const std::string& text) {
  try {
    const auto j = Json::parse(text);
    const int format = j.value("format", 0);
    require<DataError>(format <= kFormat, "a model description of format ", format,
                       " was written by a newer version; this build reads formats up to ", kFormat);
    ModelConfig c;
    c.model = j.value("model", c.model);
    c.preset = j.value("preset", c.preset);
    c.in_channels = j.value("in_channels", c.in_channels);
    c.classes = j.value("classes", c.classes);
    for (const Json& o : j.value("outputs", Json::array())) c.outputs.push_back({o.at("name"), o.at("channels"), tied_rows(o)});
    for (const auto& [name, value] : j.items())
      if (!is_field(name)) c.options[name] = value.is_string() ? value.get<std::string>() : value.dump();
    return c;
  } catch (const nlohmann::json::exception& e) {
    throw DataError(message("not a model description (", json_reason(e.what()), ")"));
  }
}

void register_family(Family family) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  all.add(std::move(family));
}

const Family& find_family(const std::string& name) {
  Registry& all = registry();
  {
    const std::lock_guard lock(all.mutex);
    if (const auto it = all.families.find(name); it != all.families.end()) return it->second;
  }
  throw_unknown("model", name, family_names());
}

std::vector<std::string> family_names() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::vector<std::string> names;
  for (const auto& [name, family] : all.families) names.push_back(name);
  return names;
}

ModelConfig resolved(const ModelConfig& config) {
  const Family& family = find_family(config.model);
  ModelConfig c = config;
  const FamilyPreset& preset = c.preset.empty() ? family.presets[0] : preset_of(family, c.preset);
  c.preset = preset.name;
  c.options.clear();
  for (const auto& [name, value] : config.options) {
    if (value.empty()) continue;  // the program names the options of every family
    const FamilyOption& option = find_named("option of " + family.name, name, family.options);
    if (option.choices.empty() && value == "0" && option.min > 0) continue;
    require<OptionError>(preset.defaults.contains(name), "preset ", preset.name, " of ", family.name, " has a fixed ", name,
                         ": leave that option out");
    check_value(option, value);
    c.options[name] = value;
  }
  c.options.insert(preset.defaults.begin(), preset.defaults.end());
  if (c.in_channels == 0) c.in_channels = preset.in_channels;
  if (c.classes == 0) c.classes = preset.classes;
  require<OptionError>(c.in_channels >= 1 && c.classes >= 1, family.name, ": ", c.in_channels, " input channels and ", c.classes,
                       " classes must be at least 1");
  if (c.outputs.empty()) c.outputs = {{kLabels, c.classes}};
  return c;
}

ModelConfig settled(const ModelConfig& config) {
  ModelConfig c = resolved(config);
  if (const Family& family = find_family(c.model); family.settle) family.settle(c.options);
  return c;
}

std::string command_options(const ModelConfig& config) {
  const ModelConfig c = resolved(config), usual = resolved({.model = c.model, .preset = c.preset});
  std::string line = "--model " + c.model + " --preset " + c.preset;
  for (const auto& [name, value] : c.options) {
    if (name == "init" || usual.options.at(name) == value) continue;
    std::string option = name;
    std::replace(option.begin(), option.end(), '_', '-');
    line += " --" + option + " " + value;
  }
  return line;
}

std::unique_ptr<Network> build_network(const ModelConfig& config, std::uint64_t seed) { return build(config, seed); }

std::unique_ptr<Network> build_meta(const ModelConfig& config, std::uint64_t seed) {
  const nn::MetaScope scope;
  return build(config, seed);
}

std::unique_ptr<Network> build_blank(const ModelConfig& config) {
  auto network = build_meta(config);
  std::vector<nn::NamedTensor> memory = network->state();
  for (nn::NamedTensor& t : memory) t.tensor = Tensor::empty(t.tensor.shape(), {t.tensor.dtype(), kCpu});
  network->fill(std::move(memory));
  return network;
}

namespace {

/// Makes a row of every op.
class Counter : public Observer {
 public:
  explicit Counter(ModelCost& cost) : cost_(cost) {}
  void forward(const ForwardEvent& event) override {
    LayerCost row{nn::LayerScope::current(), event.op.name, event.output.shape(), 0, nn::multiply_adds(event)};
    for (const Tensor& t : event.inputs)
      if (t.requires_grad() && counted_.insert(t.impl().get()).second) row.parameters += t.numel();
    cost_.macs += row.macs;
    cost_.layers += row.macs > 0;
    cost_.rows.push_back(std::move(row));
  }

 private:
  ModelCost& cost_;
  std::set<const Tensor::Impl*> counted_;
};

}  // namespace

namespace {

/// Names ops by their layers, and finds who wrote what they read by its memory.
class GraphRecorder : public Observer {
 public:
  std::vector<GraphNode> nodes;
  explicit GraphRecorder(const Tensor& input) { add("input", "Placeholder", {}, input); }
  void forward(const ForwardEvent& e) override {
    std::vector<std::string> inputs;
    for (const Tensor& t : e.inputs)
      if (const GraphNode* writer = t ? writer_of(t) : nullptr) inputs.push_back(writer->name);
    const std::string path = nn::LayerScope::current();
    add((path.empty() ? "" : path + ".") + e.op.name, e.op.name, std::move(inputs), e.output);
  }

 private:
  void add(std::string name, const char* op, std::vector<std::string> inputs, const Tensor& output) {
    if (const int again = ++times_[name]; again > 1) name += "_" + std::to_string(again);
    nodes.push_back({std::move(name), op, std::move(inputs), output.shape()});
    outputs_.push_back(output);
  }
  /// The last op that wrote these elements, or else others of their memory; none: parameters.
  const GraphNode* writer_of(const Tensor& t) const {
    for (const bool exactly : {true, false})
      for (std::size_t i = outputs_.size(); i-- > 0;)
        if (const Tensor& o = outputs_[i];
            o.storage().same_as(t.storage()) && (!exactly || (o.offset() == t.offset() && o.numel() == t.numel())))
          return &nodes[i];
    return nullptr;
  }
  std::vector<Tensor> outputs_;
  std::map<std::string, int> times_;
};

/// One forward pass of shapes, watched by what `watch` makes of the input.
template <class Watch>
std::unique_ptr<Network> run_shapes(const ModelConfig& config, int height, int width, Watch&& watch) {
  auto model = build_meta(config);
  model->eval();
  const NoGrad no_grad;
  const Tensor input = Tensor::empty({1, height, width, model->in_channels()}, {DType::f32, kMeta});
  auto&& observer = watch(input);
  const ObserverScope scope(observer);
  (void)model->run(input);
  return model;
}

}  // namespace

std::vector<GraphNode> model_graph(const ModelConfig& config, int height, int width) {
  std::optional<GraphRecorder> recorder;
  (void)run_shapes(resolved(config), height, width, [&](const Tensor& input) -> Observer& { return recorder.emplace(input); });
  return std::move(recorder->nodes);
}

ModelCost model_cost(const ModelConfig& config, int height, int width) {
  const ModelConfig c = resolved(config);
  ModelCost cost;
  Counter counter(cost);
  const auto model = run_shapes(c, height, width, [&](const Tensor&) -> Observer& { return counter; });
  cost.trainable = cost.parameters = model->parameter_count();
  if (find_named("preset", c.preset, find_family(c.model).presets).counts_statistics)
    for (const nn::NamedTensor& b : model->named_buffers())
      if (b.tensor.rank() > 0) cost.parameters += b.tensor.numel();
  return cost;
}

}  // namespace lamina::models
