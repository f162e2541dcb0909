// What a run is made of, as its settings say.
#pragma once
#include <nlohmann/json.hpp>

#include "lamina/io/pretrained.hpp"
#include "lamina/train/config.hpp"
#include "lamina/train/segmentation_task.hpp"

namespace lamina::train {

std::unique_ptr<optim::Optimizer> make_optimizer(const TrainConfig& config, const nn::Module& network);

/// Throws OptionError where --class-weights or --positive-weights are no rule or numbers, whatever heads there are.
void check_weights(const TrainConfig& config);
/// Class weights (Head::weighed) as the setting asks: none, numbers, or a rule over the pixel counts of the training masks; of several
/// heads each may have its own, "damage=enet,tissue=1,4,2", and those not named are "auto". Throws OptionError.
std::vector<double> class_weights_for(const TrainConfig& config, const data::Dataset& dataset, const heads::Head& head,
                                      const losses::Criterion& criterion);
/// Positive weights, one an output, in the same way; heads not named have none. Throws OptionError where the head has no use for them.
std::vector<double> positive_weights_for(const TrainConfig& config, const data::Dataset& dataset, const heads::Head& head);
/// Of classes that none of the training masks' pixels is of, what their weights mean. Throws OptionError where a head has no other.
std::vector<std::string> told_of_weightless(const TrainConfig& config, const heads::Head& head, const std::vector<double>& weights,
                                            const std::vector<std::int64_t>& pixels);

/// The images that are trained on: the split's, with --exclude-empty without those that show the background alone. Throws DataError where
/// that leaves none, or nothing says what the background is.
std::vector<data::Item> training_items(const TrainConfig& config, const data::Dataset& dataset);
/// How training looks at photographs. Throws OptionError.
data::LoaderOptions training_options(const TrainConfig& config, const data::Dataset& dataset, const infer::InputConfig& input);
/// Whether a batch of one image has statistics of one value, which say nothing: the network's deepest level is one pixel.
bool needs_two_images(const TrainConfig& config, const heads::Head& head);
/// A network's outputs beside the head's, as far as their loss counts.
std::vector<SegmentationTask::Auxiliary> auxiliary_of(const TrainConfig& config, const models::Network& network, const heads::Head& head);

/// What class weights of a part are of: events or, of values, the grades of each; nothing of those of one of several heads.
std::vector<std::string> weighed_names(const heads::Part& part);
/// Of a task's weights that there are, a line each.
std::vector<std::string> weights_lines(const SegmentationTask& task);
/// "as x * 2 - 1": how a network sees photographs.
std::string seen_text(const infer::InputConfig& input);
/// Where the network whose weights a file holds saw photographs otherwise, or may have, what to say; else empty.
std::string advice_on_input(const std::string& file, const io::WeightMatch& match, const infer::InputConfig& input,
                            const char* option = "--normalize");
/// A warning where photographs are normalised by other means of their own than a run's were. Throws OptionError where by another rule.
std::string changed_input(const infer::InputConfig& now, const infer::InputConfig& saved, const std::string& run);

/// What settings such as "auto" came to in a run's loss, to where a checkpoint has it, its "data", and back: weights, and the policy for
/// absent classes, in older ones `otherwise`.
void put_loss(nlohmann::ordered_json& to, const losses::Criterion& criterion);
void take_loss(losses::Criterion& criterion, const nlohmann::json& of_data, EmptyClass otherwise);
/// What --absent-classes means for a head; without one, whether it means something.
EmptyClass empty_class_of(const TrainConfig& config, const heads::Head* head = nullptr);

/// Without `values`, the network is for those of a checkpoint.
SegmentationTask::Parts parts_of(const TrainConfig& config, const data::Dataset& dataset, bool values);

}  // namespace lamina::train
