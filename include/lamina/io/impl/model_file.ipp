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

std::unique_ptr<models::Network> ModelFile::network(bool filled) const {
  const auto& all = file_.tensors();
  const auto component = metadata().find("component");
  const std::string prefix = component == metadata().end() ? "" : component->second + ".";
  std::vector<std::size_t> ours;
  std::vector<nn::NamedTensor> state;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].name.starts_with(prefix) && !all[i].name.starts_with(kOptimizerPrefix)) {
      ours.push_back(i);
      state.push_back({all[i].name.substr(prefix.size()), Tensor::empty(shape_from_file(all[i].shape), {all[i].dtype, kMeta})});
    }
  try {
    auto network = models::build_meta(model());
    network->check_state(state);
    if (!filled) return network;
    for (std::size_t k = 0; k < ours.size(); ++k) state[k].tensor = relayout(file_.read(ours[k]), false);
    network->fill(std::move(state));
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
  metadata.insert_or_assign("model", models::to_json(config));
  save_checkpoint(path, {network.state(), {}, std::move(metadata)});
}

}  // namespace lamina::io
