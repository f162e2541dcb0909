// One network for several grades, and combinations of grades that training never showed: a question of people who grade skin damage
// (four kinds, four degrees of each, 256 combinations, 200 images).
// usage: unseen_combinations OUT [FIRST_SEED] [--paper]
//
// Pictures are patches whose red, green and blue are graded 0 to 3 each; those of train and val lack the combinations r0g1b2 and r2g3b0,
// every test picture has one. A network of 64 classes, three networks of one grade each, and networks of three graded outputs (regression,
// cumulative scores, the same with tied weights, conditional scores) learn from the same pictures; a pixel is right where all three grades
// are. By default 96 pictures of 32x32 and 300 epochs, three seeds, which take some minutes; --paper: 200 pictures of 256x256, as in the
// question. Settings were chosen on seeds 100 to 102. Writes OUT/unseen_combinations.{csv,md,png}.
#include <functional>

#include "experiment.hpp"

using namespace experiment;

namespace {

constexpr const char* kUnseen = "r0g1b2,r2g3b0";
constexpr int kGrades = 4, kPlanes = 3;

/// The 64 combinations as classes: "r0g0b0", "r0g0b1", ...
void write_joint(const fs::path& from, const fs::path& to) {
  data::LabelSchema schema;
  for (int v = 0; v < kGrades * kGrades * kGrades; ++v) {
    schema.names.push_back(message("r", v / 16, "g", v / 4 % 4, "b", v % 4));
    schema.values.push_back(static_cast<unsigned>(v));
  }
  schema.set_default_colors();
  relabel(from, to, schema, [&](const fs::path& masks, const std::string& name, const data::LabelImage& labels) {
    data::LabelImage joint(labels.width, labels.height);
    for (std::size_t i = 0; i < joint.labels.size(); ++i)
      joint.labels[i] = static_cast<std::uint8_t>(16 * labels.labels[3 * i] + 4 * labels.labels[3 * i + 1] + labels.labels[3 * i + 2]);
    data::write_png(masks / (name + ".png"), joint);
  });
}
/// One of the planes as the only thing that is graded.
void write_single(const fs::path& from, const fs::path& to, int plane) {
  data::LabelSchema schema = data::phantom_schema(data::Phantom::rgb);
  schema.planes.clear();
  relabel(from, to, schema, [&](const fs::path& masks, const std::string& name, const data::LabelImage& labels) {
    data::write_png(masks / (name + ".png"), labels.plane(plane));
  });
}

using Grades = std::function<std::vector<std::uint8_t>(const data::Image&)>;  // of every pixel in turn, kPlanes each

/// Shares of the test pixels whose grades are all right: of combinations that were seen, and of those that were not.
std::vector<double> right(const data::Dataset& dataset, const Grades& grades) {
  const auto withheld = data::parse_combinations(kUnseen, dataset.schema);
  double right[2] = {}, all[2] = {};
  for (const data::Item& item : dataset.items(data::Split::test)) {
    const data::LabelImage truth = data::read_mask(item, dataset.masks);
    const std::vector<std::uint8_t> given = grades(data::read_image(item.image));
    for (std::size_t i = 0; i < truth.labels.size(); i += kPlanes) {
      const auto here = truth.labels.begin() + static_cast<std::ptrdiff_t>(i);
      const bool unseen =
          std::any_of(withheld.begin(), withheld.end(), [&](const auto& c) { return std::equal(c.begin(), c.end(), here); });
      ++all[unseen], right[unseen] += std::equal(here, here + kPlanes, given.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return {right[0] / all[0], right[1] / all[1]};
}

/// What every kind of model says of a picture, by its name.
std::vector<std::pair<std::string, Grades>> trained_models(const fs::path& out, std::uint64_t seed, bool paper) {
  const auto predictor = [&](const char* data, const std::string& run, const std::string& head, const std::string& loss) {
    train::TrainConfig config{
        .data = (out / data).string(), .base = 24, .depth = paper ? 3 : 1, .augment = "hflip,vflip", .out = (out / run).string()};
    config.width = config.height = paper ? 256 : 32;
    config.head = head, config.loss = loss, config.class_weights = "none", config.lr = 1e-2, config.schedule = "onecycle";
    config.epochs = paper ? 60 : 300, config.batch = 8, config.seed = seed;
    return std::make_shared<infer::Predictor>(trained(config));
  };
  std::vector<std::pair<std::string, Grades>> all;
  all.emplace_back("64 classes", [=, p = predictor("joint", "run_joint", "multiclass", "ce")](const data::Image& image) {
    std::vector<std::uint8_t> grades;
    for (const std::uint8_t v : said(*p, image).labels)
      for (const int grade : {v / 16, v / 4 % 4, v % 4}) grades.push_back(static_cast<std::uint8_t>(grade));
    return grades;
  });
  std::vector<std::shared_ptr<infer::Predictor>> single;
  for (const char* plane : {"r", "g", "b"}) single.push_back(predictor(plane, message("run_", plane), "ordinal", "ce"));
  all.emplace_back("three networks, a grade each", [=](const data::Image& image) {
    std::vector<std::uint8_t> grades(image.pixels.size());
    for (std::size_t k = 0; k < kPlanes; ++k) {
      const std::vector<std::uint8_t> one = said(*single[k], image).labels;
      for (std::size_t i = 0; i < one.size(); ++i) grades[kPlanes * i + k] = one[i];
    }
    return grades;
  });
  for (const auto& [name, head, loss] :
       {std::tuple("regression (MAE)", "regression", "mae"), std::tuple("cumulative scores", "ordinal", "ce"),
        std::tuple("tied cumulative scores (CORAL)", "coral", "ce"), std::tuple("conditional scores (CORN)", "corn", "ce")})
    all.emplace_back(std::string("three outputs, ") + name, [=, p = predictor("data", std::string("run_") + head, head, loss)](
                                                                const data::Image& image) { return said(*p, image).labels; });
  return all;
}

/// Test pictures, their labels, and what the first model (of 64 classes) and the last say; labels as the colors in the middle of grades.
data::Image pictures(const data::Dataset& dataset, const std::vector<std::pair<std::string, Grades>>& all) {
  std::vector<std::vector<data::Image>> rows;
  for (const data::Item& item : dataset.items(data::Split::test)) {
    if (rows.size() == 4) break;
    const data::Image photo = data::read_image(item.image);
    const auto colored = [&](const std::vector<std::uint8_t>& grades) {
      data::Image image = photo;
      for (std::size_t i = 0; i < grades.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(64 * grades[i] + 32);
      return image;
    };
    rows.push_back({photo, colored(data::read_mask(item, dataset.masks).labels), colored(all.front().second(photo)),
                    colored(all.back().second(photo))});
  }
  return sheet(rows, 3);
}

void experiment_of(const Arguments& a) {
  Table table({"seen combinations", "unseen ones"});
  for (int seed = a.first_seed; seed < a.first_seed + (a.paper ? 1 : 3); ++seed) {
    const fs::path here = a.out / ("seed" + std::to_string(seed));
    const int side = a.paper ? 256 : 32;
    draw(data::Phantom::rgb, here / "data",
         {.count = a.paper ? 200 : 96, .width = side, .height = side, .seed = static_cast<std::uint64_t>(seed), .withhold = kUnseen});
    write_joint(here / "data", here / "joint");
    for (int plane = 0; plane < kPlanes; ++plane) write_single(here / "data", here / std::string(1, "rgb"[plane]), plane);
    const data::Dataset dataset = data::open_dataset(here / "data");
    const auto all = trained_models(here, static_cast<std::uint64_t>(seed), a.paper);
    for (const auto& [name, grades] : all) table.add(name, seed, right(dataset, grades));
    if (seed == a.first_seed) data::write_png(a.out / "unseen_combinations.png", pictures(dataset, all));
  }
  table.write(a.out, "unseen_combinations");
}

}  // namespace

int main(int argc, char** argv) { return run("unseen_combinations", argc, argv, experiment_of); }
