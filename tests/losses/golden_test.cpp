// Loss terms against the libraries that people know them from: tests/golden/make_losses.py.
#include "support/golden.hpp"
#include "lamina/losses/criterion.hpp"
#include "lamina/nn/conv.hpp"
#include "support/heads.hpp"

using namespace lamina;
using namespace lamina::test;
using losses::Criterion;
using losses::CriterionOptions;

TEST_CASE("loss terms are those of PyTorch, MONAI, smp, torchvision and coral-pytorch") {
  const auto file = golden_archive("losses");
  const auto classes = head_of(data::Task::multiclass, 4), planes = head_of(data::Task::multilabel, 3),
             grades = head_of(data::Task::ordinal, 4), corn = head_of(data::Task::ordinal, 4, "corn");
  const auto check = [&](const char* name, const char* loss, const heads::Head& head, CriterionOptions o = {}, double tolerance = 1e-12) {
    check_golden(
        file, name, {"logits", "labels"}, [&](auto& in) { return Criterion(loss, o)(head, in[0], in[1]); }, tolerance);
  };
  const CriterionOptions weights{.class_weights = {0.5, 2, 1.25, 0.75}};
  check("smoothed", "ce:smoothing=0.15", *classes, weights);
  check("focal", "focal:gamma=2.5", *classes, weights);
  check("dice_image", "dice:image=1:smooth=0.5", *classes);
  check("dice_squared", "dice:squared=1", *classes);
  check("jaccard_image", "jaccard:image=1", *classes);
  check("dice_log", "dice:log=1", *classes);
  check("jaccard_log", "jaccard:log=1", *classes);
  check("gdice", "gdice", *classes);
  check("gdice_image", "gdice:image=1", *classes);
  check("gdice_simple", "gdice:rarity=1", *classes);
  check("gdice_absent", "gdice", *classes);
  check("gdice_absent_image", "gdice:image=1", *classes);
  check("tversky", "tversky", *classes);
  check("focal_tversky", "focal_tversky", *classes);
  check("lovasz", "lovasz", *classes);
  check("lovasz_image", "lovasz:image=1", *classes);
  check("boundary", "boundary", *classes);
  check("topk", "topk:share=0.3", *classes, weights);
  check("sigmoid_focal", "focal:gamma=1.5", *planes);
  check("sigmoid_smoothed", "bce:smoothing=0.2", *planes);
  const std::vector<double> often{3, 0.25, 40};
  check("positive", "ce", *planes, {.positive_weights = often});
  check("positive_smoothed", "bce:smoothing=0.2", *planes, {.positive_weights = often});
  check("positive_topk", "topk:share=0.3", *planes, {.class_weights = {0.5, 2, 1.25}, .positive_weights = often});
  check("positive_focal", "focal:gamma=1.5", *planes,
        {.class_weights = {0.2, 0.2, 0.2}, .positive_weights = {4, 4, 4}, .ce_normalization = CeNormalization::pixel_count});
  check("wasserstein", "wasserstein", *grades);
  check("wasserstein_planes", "wasserstein", *graded_planes_of({"rust", "crack"}, 4));
  check("wasserstein_corn", "wasserstein", *graded_planes_of({"rust", "crack"}, 4, "corn"));
  check("wasserstein_weighted", "wasserstein", *grades, {.class_weights = {0.5, 2, 1.25}});
  const CriterionOptions three{.class_weights = {0.5, 2, 1.25}};
  check("lovasz_weighted", "lovasz", *classes, weights);
  check("lovasz_planes", "lovasz:image=1", *planes, three);
  const auto boundary = [&](const char* name, const heads::Head& head, const CriterionOptions& o) {
    check_golden(
        file, name, {"logits", "labels", "often"},
        [&](auto& in) { return Criterion("boundary", o)(head, in[0], in[1], nullptr, in[2].to(DType::f32)); }, 1e-12);
  };
  boundary("boundary_weighted", *classes, weights);
  boundary("boundary_planes", *planes, three);
  check("gdice_weighted", "gdice", *classes, weights);
  check("dice_planes_weighted", "dice:squared=1:image=1:log=1", *planes, three);
  check("jaccard_grades_weighted", "jaccard:log=1", *grades, three);
  check("focal_planes_weighted", "focal:gamma=1.5", *planes, three);
  const auto values = graded_planes_of({"rust", "crack"}, 4, "regression");
  const CriterionOptions of_grades{.class_weights = {0.5, 2, 1.25, 4, 1, 0, 3, 0.25}};
  check("mae_weighted", "mae", *values, of_grades);
  check("mse_weighted", "mse", *values, of_grades);
  check("smooth_l1_weighted", "smooth_l1:beta=0.5", *values, of_grades);
  check("corn", "ce", *corn);
  const auto coral = head_of(data::Task::ordinal, 4, "coral");  // of a last layer whose scores differ by their biases
  for (const auto& [name, options] :
       {std::pair("coral", CriterionOptions{}), std::pair("coral_weighted", CriterionOptions{.class_weights = {0.5, 2, 1.25}})})
    check_golden(
        file, name, {"features", "weight", "bias", "labels"},
        [&](auto& in) { return Criterion("ce", options)(*coral, conv2d(in[0], nn::repeated_filters(in[1], coral->tied()), in[2]), in[3]); },
        1e-12);
}
