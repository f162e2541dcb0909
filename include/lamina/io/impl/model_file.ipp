#include "lamina/io/model_file.hpp"

#include "lamina/io/impl/checkpoint.hpp"

namespace lamina::io {

models::ModelConfig ModelFile::model() const {
  const auto it = metadata().find("model");
  require<DataError>(it != metadata().end(), path_.string(),
                     ": its metadata lacks \"model\": its network is known to the program alone that wrote it; build it there, and "
                     "io::load_pretrained(*network, path) fills it");
  try {
    return models::model_config_from_json(it->second);
  } catch (const DataError& e) {
    throw DataError(message(path_.string(), ": ", e.what()));
  }
}

std::unique_ptr<models::Network> ModelFile::blank() const { return network(false); }
std::unique_ptr<models::Network> ModelFile::network() const { return network(true); }

std::vector<nn::NamedTensor> ModelFile::optimizer_state(const std::string& component) const { return read(kOptimizerPrefix, component); }

/// Tensors whose names begin with `kind` (none: that of no optimiser's) and then with the component's, without both; shapes alone without
/// `values`.
std::vector<nn::NamedTensor> ModelFile::read(std::string_view kind, const std::string& component, bool values) const {
  const std::string prefix = std::string(kind) + (component.empty() ? "" : component + ".");
  const auto& all = file_.tensors();
  std::vector<nn::NamedTensor> own;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& [name, dtype, shape] = all[i];
    if (!name.starts_with(prefix) || (kind.empty() && name.starts_with(kOptimizerPrefix))) continue;
    own.push_back(
        {name.substr(prefix.size()), values ? relayout(file_.read(i), false) : Tensor::empty(shape_from_file(shape), {dtype, kMeta})});
  }
  return own;
}

std::unique_ptr<models::Network> ModelFile::network(bool filled) const {
  const auto it = metadata().find("component");
  const std::string component = it == metadata().end() ? "" : it->second;
  try {
    auto network = models::build_meta(model());
    network->check_state(read({}, component, false));
    if (!filled) return network;
    network->fill(state(component));
    network->eval();
    return network;
  } catch (const MemoryError&) {
    throw;
  } catch (const Error& e) {  // whatever is wrong with the model is wrong with the file
    const std::string text = e.what();
    throw DataError(text.starts_with(path_.string()) ? text : message(path_.string(), ": ", text));
  }
}

void save_model(const std::filesystem::path& path, const models::Network& network, const models::ModelConfig& config, Metadata metadata) {
  const auto described = models::build_meta(config);
  try {
    described->check_state(network.state());
    require<DataError>(described->in_channels() == network.in_channels() && described->outputs() == network.outputs(),
                       "its input and outputs are others");
  } catch (const DataError& e) {
    throw OptionError(message(path.string(), ": ", models::command_options(config), " is not the network that is to be saved: ", e.what(),
                              "\nGive the configuration that it was built by; weights of a network that no family builds are saved by "
                              "io::save_checkpoint"));
  }
  metadata.insert_or_assign("model", models::to_json(config));
  save_checkpoint(path, {network.state(), {}, std::move(metadata)});
}

}  // namespace lamina::io
