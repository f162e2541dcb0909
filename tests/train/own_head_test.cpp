// A head from outside the library: trained, saved, loaded and scored as those that it brings.
#include "lamina/heads/multiclass.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/ops/ops.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/trainer.hpp"
#include "support/op_check.hpp"
#include "support/runs.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

/// Classes, of which the first is said wherever no other is likelier than 0.9.
class Cautious : public heads::Multiclass {
 public:
  using Multiclass::Multiclass;
  const char* kind() const override { return "cautious"; }
  Tensor decide(const Tensor& scores, heads::Scale scale) const override {
    const Tensor p = scale == heads::Scale::logits ? softmax(scores) : scores;
    const Tensor sure = is_above(p, std::vector<float>(static_cast<std::size_t>(outputs()), 0.9f));
    const auto yes = sure.to_vector<std::uint8_t>();
    std::vector<std::uint8_t> decided(yes.size() / static_cast<std::size_t>(outputs()));
    for (std::size_t i = 0; i < yes.size(); ++i)
      if (yes[i]) decided[i / static_cast<std::size_t>(outputs())] = static_cast<std::uint8_t>(i % static_cast<std::size_t>(outputs()));
    return Tensor::from<std::uint8_t>(decided, Shape(p.shape().begin(), p.rank() - 1)).to(scores.device());
  }
};

template <class H>
heads::HeadKind kind_of(const std::string& name, data::Task task = data::Task::multiclass) {
  return {.name = name, .help = "only what is nearly sure", .task = task, .make = [](const data::LabelSchema& s, const std::string& n) {
            return std::make_shared<H>(s, n);
          }};
}

/// Bright discs on noise.
void write_discs(const fs::path& out, int count) {
  for (const char* folder : {"images", "masks"}) io::create_folders(out / folder);
  io::write_file_atomically(out / "dataset.json", R"({"task": "multiclass", "labels": {"ground": 0, "disc": 1}})");
  Random random(RandomKey{4});
  for (int i = 0; i < count; ++i) {
    data::Image image(32, 32, 3);
    data::LabelImage mask(32, 32);
    const double x = 8 + random.uniform() * 16, y = 8 + random.uniform() * 16;
    for (int v = 0; v < 32; ++v)
      for (int u = 0; u < 32; ++u) {
        mask.at(u, v) = std::hypot(u - x, v - y) < 6;
        for (int c = 0; c < 3; ++c) image.at(u, v)[c] = static_cast<std::uint8_t>(60 + random.below(60) + (mask.at(u, v) ? 60 : 0));
      }
    data::write_png(out / "images" / (std::to_string(i) + ".png"), image);
    data::write_png(out / "masks" / (std::to_string(i) + ".png"), mask);
  }
}

}  // namespace

TEST_CASE("a head from outside is trained by settings, saved, loaded by a predictor and scored by its own decisions") {
  heads::register_head(kind_of<Cautious>("cautious"));
  TempFolder f;
  write_discs(f / "data", 10);
  const auto config = train::resolved({.data = (f / "data").string(),
                                       .base = 4,
                                       .depth = 2,
                                       .width = 32,
                                       .height = 32,
                                       .head = "cautious",
                                       .lr = 1e-2,
                                       .epochs = 6,
                                       .batch = 2,
                                       .out = (f / "run").string()});
  const data::Dataset dataset = data::open_dataset(f / "data");
  REQUIRE(train::train(config, dataset, true, {}, nullptr) == train::Outcome::finished);
  CHECK(io::load_checkpoint(f / "run/weights/best.safetensors").metadata.at("head") == "cautious");

  infer::Predictor predictor(f / "run");
  CHECK(dynamic_cast<const Cautious*>(&predictor.head()));
  infer::save_predictor(f / "copy.safetensors", predictor.model(), io::ModelFile(f / "run/weights/best.safetensors").model(),
                        predictor.head(), predictor.input());
  const infer::Predictor copy(f / "copy.safetensors");
  metrics::ConfusionMatrix by_hand = predictor.head().confusion();
  int unsure = 0;
  for (const data::Item& item : dataset.items(data::Split::val)) {
    const infer::Prediction p = predictor.predict(data::read_image(item.image));
    CHECK(copy.predict(data::read_image(item.image)).labels.labels == p.labels.labels);
    const auto said = p.probabilities.to_vector<float>();
    for (std::size_t i = 0; i < p.labels.labels.size(); ++i) {
      REQUIRE(p.labels.labels[i] == (said[2 * i + 1] > 0.9f));
      unsure += said[2 * i + 1] > 0.5f && said[2 * i + 1] <= 0.9f;
    }
    by_hand.add(data::read_mask(item, dataset.masks).labels, p.labels.labels, data::kIgnoreLabel);
  }
  CHECK(unsure > 0);  // where the library's own head would decide otherwise
  const metrics::ConfusionMatrix scored = train::evaluate_at_original_size(predictor, dataset, data::Split::val).confusion;
  for (int t : {0, 1})
    for (int p : {0, 1}) CHECK(scored.at(t, p) == by_hand.at(t, p));
}

TEST_CASE("what a registered head may be called, and must be made as") {
  const auto refused = [](const heads::HeadKind& kind, std::initializer_list<const char*> words) {
    check_throws<OptionError>([&] { heads::register_head(kind); }, words);
  };
  for (const char* name : {"", "two words", "a,b", "a=b", "a:b", "2d"}) refused(kind_of<Cautious>(name), {"a head", "a letter, then"});
  refused(kind_of<Cautious>("corn"), {"\"corn\"", "already"});
  refused(kind_of<Cautious>("planless", data::Task::several), {"planless", "one task"});
  refused({.name = "unmade"}, {"unmade", "`make`"});
  const auto before = heads::head_choices();  // of a moment; they stay good
  heads::register_head(kind_of<Cautious>("misnamed"));
  heads::register_head({.name = "null", .make = [](const auto&, const auto&) { return nullptr; }});
  CHECK(heads::head_choices().size() == before.size() + 2);
  CHECK(std::string(before[0].name) == "multiclass");
  CHECK(std::string(heads::head_choices().back().name) == "null");
  data::LabelSchema schema;
  schema.names = {"a", "b"};
  schema.values = {0, 1};
  check_throws<OptionError>([&] { heads::make_head(schema, "misnamed"); }, {"misnamed", "cautious", "kind()"});
  check_throws<OptionError>([&] { heads::make_head(schema, "null"); }, {"registered as null"});
  check_throws<OptionError>([&] { heads::make_head(schema, "cautios"); }, {"unknown head", "multiclass"});
  CHECK(std::string(heads::make_head(schema)->kind()) == "multiclass");  // what labels get is as before
}
