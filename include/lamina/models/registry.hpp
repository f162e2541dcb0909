#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lamina/models/network.hpp"

namespace lamina::models {

/// Options of a network by name, as text.
using OptionValues = std::map<std::string, std::string, std::less<>>;

/// Names a network; what a checkpoint stores to rebuild it.
struct ModelConfig {
  std::string model = "unet";
  std::string preset = {};               ///< empty: the family's first
  int in_channels = 0, classes = 0;      ///< 0: those of the preset's source
  OptionValues options = {};             ///< of the family; those that lack, are empty, or 0 where that is no value, are the preset's
  std::vector<OutputSpec> outputs = {};  ///< none: one called kLabels with `classes` channels

  // Options of a resolved configuration.
  int number(const std::string& option) const { return std::stoi(options.at(option)); }
  double real(const std::string& option) const { return std::stod(options.at(option)); }
  std::vector<int> numbers(const std::string& option) const;
};

/// JSON text for checkpoints, with a format number, and back; what is missing takes its default. Options stand beside the other fields;
/// those that a family does not have resolved() refuses. Throws DataError: no description, or one of a newer format.
std::string to_json(const ModelConfig& config);
ModelConfig model_config_from_json(const std::string& text);

/// A setting of a family: one of `choices`, whose texts live as long as the process, or `count` numbers of [min, max], separated by commas.
struct FamilyOption {
  std::string name = {}, help = {};  ///< of a registered family help also says what an empty value means
  std::vector<Choice> choices = {};
  double min = 0, max = 0;  ///< both 0: no numbers
  bool whole = true;
  int count = 1;
  bool adds_output = false;  ///< some value of it is a network with one more output
};

/// A published network of a family: what an empty configuration means.
struct FamilyPreset {
  std::string name = {};
  int in_channels = 3, classes = 2;
  OptionValues defaults = {};      ///< of the options that this preset leaves open; it fixes the others
  bool counts_statistics = false;  ///< its source counts running statistics among the parameters, as Keras does
  std::string help = {};           ///< one line
};

/// Networks that one builder makes.
struct Family {
  std::string name = {}, help = {};
  std::vector<FamilyPreset> presets = {};  ///< the first is the default
  std::vector<FamilyOption> options = {};
  bool discriminator = false;  ///< it scores pictures: what trains networks for pixels has no such options
  /// Options that follow from others ("auto") become what they come to; none: none does.
  std::function<void(OptionValues&)> settle = {};
  /// The network of a resolved configuration, its options settled. Called in an nn::MetaScope where no values are wanted.
  std::function<std::unique_ptr<Network>(const ModelConfig&, nn::RandomStream&)> build = {};
};

/// Makes a family known to everything that names networks: the program, checkpoints, predictors. The whole process
/// shares the table; families stay in it. Any thread may call, while others look up. Throws OptionError when a name (its own, a
/// preset's, an option's) is taken or cannot be typed (require_new_name), or the family has no preset or no builder.
void register_family(Family family);
/// Throws OptionError naming the nearest.
const Family& find_family(const std::string& name);
std::vector<std::string> family_names();

/// The configuration with everything that it leaves open filled in. Throws OptionError: an unknown model, preset, option or choice (with
/// the nearest name), a value outside its range, an option that the preset fixes.
ModelConfig resolved(const ModelConfig& config);
/// The same with options as numbers that follow from others: what the network is built of. Throws as resolved.
ModelConfig settled(const ModelConfig& config);
/// What names the network on a command line: "--model unet --preset bn --base 8". What the preset sets, and initialisers, are left out.
/// Throws as resolved.
std::string command_options(const ModelConfig& config);
/// Builds the network with initial values that depend on the configuration and the seed alone. Throws as resolved.
std::unique_ptr<Network> build_network(const ModelConfig& config, std::uint64_t seed);
/// Builds it with memory and without values, for those of a checkpoint. Throws as resolved.
std::unique_ptr<Network> build_blank(const ModelConfig& config);
/// Builds it on the meta device: nn::Module::fill gives it values, and nn::Module::initialise to what then has none those that
/// build_network gives it with this seed. Throws as resolved.
std::unique_ptr<Network> build_meta(const ModelConfig& config, std::uint64_t seed = 0);

/// An op of a layer in one forward pass.
struct LayerCost {
  std::string path;  ///< of the layer; "" outside of layers
  std::string op;
  Shape output;
  std::int64_t parameters = 0;  ///< that no row above counted
  std::int64_t macs = 0;
};
/// What running the network on one image costs.
struct ModelCost {
  std::int64_t parameters = 0;  ///< as the preset's home counts them: Keras (keras*, retina*) adds the running statistics, PyTorch does not
  std::int64_t trainable = 0;
  std::int64_t macs = 0;          ///< multiply-adds of convolutions, one forward pass
  int layers = 0;                 ///< convolutions
  std::vector<LayerCost> rows{};  ///< in the order they run
};
/// Builds the network without memory, runs one forward pass of shapes at the given size and counts. Throws ShapeError when the size is too
/// small, else as resolved.
ModelCost model_cost(const ModelConfig& config, int height, int width);

/// An op of one forward pass, and those whose outputs it reads.
struct GraphNode {
  std::string name;  ///< the layer's path and the op, with a number where a layer runs an op again; "input" is the photograph
  std::string op;
  std::vector<std::string> inputs{};
  Shape output{};
};
/// The ops of one forward pass of shapes at the given size, in the order they run. Throws as model_cost.
std::vector<GraphNode> model_graph(const ModelConfig& config, int height, int width);

}  // namespace lamina::models
