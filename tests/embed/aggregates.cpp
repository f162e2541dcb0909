// What programs build by naming some of its members: compiled with every warning, so that those left out have a value. See readme_test.py.
#include "lamina/lamina.hpp"
#include "lamina/train/colorize.hpp"
#include "lamina/train/loop.hpp"
#include "lamina/train/segmentation_task.hpp"
#include "lamina/train/study.hpp"
#include "lamina/train/trainer.hpp"

namespace {

using namespace lamina;

template <class T>
void take(const T&) {}

}  // namespace

int main() {
  take(Conv2dParams{.stride = 2});
  take(Activation{.kind = Activation::Kind::relu});
  take(RegionTerm{.weight = 1});
  take(SegmentationLossOptions{.ce_weight = 1});
  take(RegressionLossParams{.reduction = RegressionLossParams::Reduction::sum});
  take(ReduceParams{.axes = {0}});
  take(WarpParams{.height = 4});
  take(nn::NamedTensor{.name = "weight"});
  take(nn::Conv2dOptions{.in = 3});
  take(nn::BatchNorm2dOptions{.channels = 3});
  take(models::ModelConfig{.model = "unet"});
  take(models::OutputSpec{.name = kLabels});
  take(models::Family{.name = "mine"});
  take(models::FamilyOption{.name = "base"});
  take(models::FamilyPreset{.name = "small"});
  take(heads::HeadKind{.name = "mine"});
  take(losses::TermType{.name = "mine"});
  take(losses::TermArgument{.name = "alpha"});
  take(losses::CriterionOptions{.class_weights = {1, 2}});
  take(losses::RegionOf{.term = RegionTerm::dice()});
  take(optim::AdamOptions{.lr = 1e-3});
  take(optim::SgdOptions{.lr = 1e-3});
  take(optim::ParameterGroup{.prefix = "down"});
  take(optim::ScheduleOptions{.lr = 1e-3});
  take(io::Checkpoint{.model = {}});
  take(io::TensorArchive{.tensors = {}});
  take(infer::InputConfig{.width = 64});
  take(infer::PredictOptions{.overlap = 0.5});
  take(infer::Prediction{.labels = {}});
  take(train::TrainConfig{.data = "data"});
  take(train::ColorizeConfig{.photos = {"photos"}});
  take(train::StudyConfig{.data = "data"});
  take(train::LoopOptions{.epochs = 2});
  take(train::Component{.prefix = "left"});
  take(train::TrainEvents{.step = {}});
  take(train::Alarm{.rule = "mine"});
  take(train::Sentinel{.name = "mine"});
  take(train::SegmentationTask::Auxiliary{.output = "aux"});
  take(train::SegmentationTask::Parts{.criterion = losses::Criterion("ce")});
  return 0;
}
