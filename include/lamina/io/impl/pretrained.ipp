#include "lamina/io/pretrained.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "lamina/core/text.hpp"
#include "lamina/io/checkpoint.hpp"
#include "lamina/io/impl/checkpoint.hpp"
#include "lamina/io/impl/tensorflow.hpp"
#include "lamina/io/model_file.hpp"

namespace lamina::io {
namespace {

std::string line(const char* what, const std::vector<std::string>& names, bool list) {
  constexpr std::size_t kShown = 6;
  std::string text = message(what, ": ", names.size());
  for (std::size_t i = 0; list && i < std::min(names.size(), kShown); ++i) text += (i ? ", " : " (") + names[i];
  if (list && !names.empty()) text += names.size() > kShown ? ", ...)" : ")";
  return text;
}

/// Index of a file's tensor by the name that a network would give it.
using Index = std::map<std::string, std::size_t>;

bool by_tensorflow(const SafetensorsFile& file) {
  const auto& all = file.tensors();
  return std::any_of(all.begin(), all.end(), [](const TensorInfo& t) { return t.name.starts_with(kTensorflowScope); });
}

Index index_of(const SafetensorsFile& file) {
  if (by_tensorflow(file)) {
    const std::map<std::string, std::string> ours = tensorflow_names();
    Index index;
    for (std::size_t i = 0; i < file.tensors().size(); ++i) {
      const auto it = ours.find(file.tensors()[i].name);
      index[it == ours.end() ? file.tensors()[i].name : it->second] = i;
    }
    return index;
  }
  const auto component = file.metadata().find("component");
  const std::string prefix = component == file.metadata().end() ? "" : component->second + ".", parallel = "module.";
  Index index;
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    std::string name = file.tensors()[i].name;
    if (!name.starts_with(prefix) || name.starts_with(kOptimizerPrefix)) continue;
    name = name.substr(prefix.size());
    index[name.starts_with(parallel) ? name.substr(parallel.size()) : name] = i;
  }
  return index;
}

/// The index below the part of the network where most of its names are found.
Index placed(const Index& index, const std::vector<nn::NamedTensor>& state) {
  Index best;
  std::ptrdiff_t most = -1;
  for (const std::string part : {"", "backbone.", "encoder."}) {
    Index here;
    for (const auto& [name, i] : index) here[part + name] = i;
    const auto found = std::count_if(state.begin(), state.end(), [&](const nn::NamedTensor& t) { return here.contains(t.name); });
    if (found > most) most = found, best = std::move(here);
  }
  return best;
}

bool by_torchvision(const ModelFile& from) {
  const auto& all = from.file().tensors();
  return from.metadata().count("input") == 0 && std::any_of(all.begin(), all.end(), [](const TensorInfo& t) {
           return t.name == "layer1.0.conv1.weight" || t.name.ends_with(".layer1.0.conv1.weight");
         });
}

Shape shape_of(const TensorInfo& tensor, bool tensorflow) {
  return tensorflow ? shape_from_tensorflow(tensor) : shape_from_file(tensor.shape);
}

/// What to type for a file that does not fit.
std::string cure(const ModelFile& file, const std::filesystem::path& run, const models::Network& network) {
  if (file.metadata().contains("model")) {
    try {
      const models::ModelConfig c = file.model();
      const std::string channels = c.in_channels == network.in_channels() ? "" : " --channels " + std::to_string(c.in_channels);
      return "its network is " + models::command_options(c) + channels + ": give these options";
    } catch (const Error&) {  // of a program that knows other networks
    }
  }
  return program_word() + " info " + shell_word(run.string()) + " says what it holds, and of which --model and --preset its names are";
}

/// Numbers that are not finite would be learned on with, and the learning rate be blamed.
void require_finite(const Tensor& tensor, const std::filesystem::path& file, const std::string& name) {
  if (tensor.dtype() != DType::f32 && tensor.dtype() != DType::f64 && tensor.dtype() != DType::bf16) return;
  const std::vector<float> values = tensor.to(DType::f32).to_vector<float>();
  const auto bad = std::count_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  require<DataError>(bad == 0, file.string(), ": ", bad, " of the ", values.size(), " numbers of ", name,
                     " are not finite (nan or inf): the training that wrote them had failed; take weights from before that, or others");
}

constexpr int kTold = 5;  // tensors that do not fit

}  // namespace

std::vector<std::string> WeightMatch::lines() const {
  return {line("loaded", loaded, false), line("initial values", missing, true), line("left out", unexpected, true)};
}

WeightMatch load_pretrained(models::Network& network, const std::filesystem::path& run, const PretrainedOptions& o) {
  const std::filesystem::path path = find_best_or_last(run);
  const ModelFile from(path);
  const SafetensorsFile& file = from.file();
  const std::vector<nn::NamedTensor> state = network.state();
  const std::vector<std::string> last_layers = network.last_layers();
  const bool tensorflow = by_tensorflow(file);
  Index index = placed(index_of(file), state);
  WeightMatch match;
  match.torchvision = by_torchvision(from);
  std::vector<std::string> lacking;  // of the body
  std::vector<std::pair<Tensor, std::size_t>> pairs;
  std::string wrong;
  int differing = 0;
  for (const nn::NamedTensor& own : state) {
    if (tensorflow && own.tensor.dtype() == DType::i64) continue;  // it counts no batches
    const bool in_last = std::any_of(last_layers.begin(), last_layers.end(), [&](const auto& l) { return own.name.starts_with(l + "."); });
    const auto it = index.find(own.name);
    if (it == index.end()) {
      match.missing.push_back(own.name);
      if (!in_last && own.tensor.dtype() != DType::i64) lacking.push_back(own.name);
      continue;
    }
    const TensorInfo& theirs = file.tensors()[it->second];
    const Shape shape = shape_of(theirs, tensorflow);
    const bool fits = shape == own.tensor.shape();
    const auto tell = [&](const std::string& there, const std::string& here) {
      if (++differing <= kTold) wrong += message("\n  ", own.name, " is ", there, " in the file, ", here, " in the network");
    };
    if (in_last && (!o.last_layer || !fits)) {
      match.missing.push_back(own.name);
      continue;  // and unexpected
    }
    if (!fits)
      tell(message(tensorflow ? shape : theirs.shape), message(tensorflow ? own.tensor.shape() : shape_in_file(own.tensor.shape())));
    else if ((theirs.dtype == DType::f32 || theirs.dtype == DType::f64 || theirs.dtype == DType::bf16) !=
             (own.tensor.dtype() != DType::i64))
      tell(name_of(theirs.dtype), name_of(own.tensor.dtype()));
    match.loaded.push_back(own.name);
    pairs.emplace_back(own.tensor, it->second);
    index.erase(it);
  }
  for (const auto& [name, i] : index) match.unexpected.push_back(file.tensors()[i].name);
  require<DataError>(!tensorflow || has_tensorflow_root(state), path.string(),
                     ": it holds TensorFlow's resnet_v1_50_beta, which fits the presets beta and beta-dense of deeplabv3plus");
  if (differing > kTold) wrong += message("\n  and ", differing - kTold, " more");
  const std::string advice = cure(from, run, network);
  require<DataError>(wrong.empty(), path.string(), ": its weights do not fit the network:", wrong, "\n", advice);
  require<DataError>(!pairs.empty(), path.string(), ": it has no tensor of the network's names, such as ", state[0].name, "; its first is ",
                     file.tensors().empty() ? "none" : file.tensors()[0].name, "; ", advice);
  require<DataError>(!o.whole || lacking.empty(), path.string(), ": ", line("it lacks weights", lacking, true), "; ", advice);
  require<DataError>(!o.strict || (match.missing.empty() && match.unexpected.empty()), path.string(), ": ", match.lines()[1], "; ",
                     match.lines()[2]);
  std::vector<Tensor> values;
  for (const auto& [to, i] : pairs) {
    values.push_back(tensorflow ? from_tensorflow(file.read(i), file.tensors()[i]) : relayout(file.read(i), false));
    require_finite(values.back(), path, file.tensors()[i].name);
  }
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    const Tensor& to = pairs[k].first;
    if (to.device().is_meta()) to.adopt(Tensor::empty(to.shape(), {to.dtype(), kCpu}));
    to.copy_from(values[k]);
  }
  return match;
}

std::vector<PresetMatch> presets_like(const SafetensorsFile& file) {
  const Index all = index_of(file);
  std::vector<PresetMatch> best;
  for (const std::string& family : models::family_names())
    for (const models::FamilyPreset& preset : models::find_family(family).presets) {
      PresetMatch m{.model = {.model = family, .preset = preset.name}};
      const auto network = models::build_meta(m.model);
      const std::vector<nn::NamedTensor> state = network->state();
      m.of = state.size();
      const Index index = placed(all, state);
      for (const nn::NamedTensor& own : state)
        if (const auto it = index.find(own.name); it != index.end()) {
          ++m.names;
          m.shapes += shape_of(file.tensors()[it->second], by_tensorflow(file)) == own.tensor.shape();
        }
      const auto rank = [](const PresetMatch& p) { return std::pair(p.names, p.shapes); };
      if (m.names == 0 || (!best.empty() && rank(m) < rank(best[0]))) continue;
      if (!best.empty() && rank(m) > rank(best[0])) best.clear();
      best.push_back(std::move(m));
    }
  return best;
}

}  // namespace lamina::io
