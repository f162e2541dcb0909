// One network for several grades, and combinations of grades that training never showed: a question of people who grade skin damage
// (four kinds, four degrees of each, 256 combinations, 200 images).
// usage: unseen_combinations OUT [FIRST_SEED] [--paper]
//
// Pictures are patches whose red, green and blue are graded 0 to 3 each; those of train and val lack the combinations r0g1b2 and r2g3b0,
// every test picture has one. A network of 64 classes, three networks of one grade each, and networks of three graded outputs (regression,
// cumulative scores, conditional scores) learn from the same pictures; a pixel is right where all three grades are.
// By default 96 pictures of 32x32 and 300 epochs, three seeds, which take some minutes; --paper: 200 pictures of 256x256, as in the
// question. Settings were chosen on seed 100. Writes OUT/table.csv and OUT/pictures.png.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>

#include "lamina/data/phantom.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/trainer.hpp"

using namespace lamina;
namespace fs = std::filesystem;

namespace {

constexpr const char* kUnseen = "r0g1b2,r2g3b0";
constexpr int kGrades = 4, kPlanes = 3;

/// A data set of the pictures of `from`, with other masks or another dataset.json; photographs are linked.
void with_other_labels(const fs::path& from, const fs::path& to, const data::LabelSchema& schema,
                       const std::function<void(const data::Item&, const data::LabelImage&)>& write_mask) {
  io::create_folders(to / "masks");
  if (!fs::exists(to / "images")) fs::create_directory_symlink(fs::absolute(from / "images"), to / "images");
  io::write_file_atomically(to / "dataset.json", data::to_json(schema));
  for (const char* list : {"train.txt", "val.txt", "test.txt"}) io::write_file_atomically(to / list, io::read_file(from / list));
  const data::Dataset dataset = data::open_dataset(from);
  for (const data::Item& item : dataset.all_items()) write_mask(item, data::read_mask(item, dataset.masks));
}

/// The 64 combinations as classes: "r0g0b0", "r0g0b1", ...
void write_joint(const fs::path& from, const fs::path& to) {
  data::LabelSchema schema;
  for (int v = 0; v < kGrades * kGrades * kGrades; ++v) {
    schema.names.push_back(message("r", v / 16, "g", v / 4 % 4, "b", v % 4));
    schema.values.push_back(static_cast<unsigned>(v));
  }
  schema.set_default_colors();
  with_other_labels(from, to, schema, [&](const data::Item& item, const data::LabelImage& labels) {
    data::LabelImage joint(labels.width, labels.height);
    for (std::size_t i = 0; i < joint.labels.size(); ++i)
      joint.labels[i] = static_cast<std::uint8_t>(16 * labels.labels[3 * i] + 4 * labels.labels[3 * i + 1] + labels.labels[3 * i + 2]);
    data::write_png(to / "masks" / (item.name + ".png"), joint);
  });
}
/// One of the planes as the only thing that is graded.
void write_single(const fs::path& from, const fs::path& to, int plane) {
  data::LabelSchema schema = data::phantom_schema(data::Phantom::rgb);
  schema.planes.clear();
  with_other_labels(from, to, schema, [&](const data::Item& item, const data::LabelImage& labels) {
    data::write_png(to / "masks" / (item.name + ".png"), labels.plane(plane));
  });
}

/// A network trained on a data set, as a predictor of grades: (height, width, planes).
infer::Predictor trained(const fs::path& data, const fs::path& run, const std::string& head, const std::string& loss, std::uint64_t seed,
                         bool paper) {
  train::TrainConfig config{.data = data.string(), .base = 24, .depth = paper ? 3 : 1, .augment = "hflip,vflip", .out = run.string()};
  config.width = config.height = paper ? 256 : 32;
  config.head = head, config.loss = loss, config.lr = 1e-2, config.schedule = "onecycle";
  config.epochs = paper ? 60 : 300, config.batch = 8, config.seed = seed;
  train::train(train::resolved(config), data::open_dataset(data), true, {});
  return infer::Predictor(run);
}

struct Right {
  double seen = 0, unseen = 0;  ///< shares of the pixels whose grades are all right
};

/// Compares grades (of every pixel in turn, kPlanes each) with the test pictures' labels.
class Judge {
 public:
  explicit Judge(const fs::path& data) : dataset_(data::open_dataset(data)), unseen_(data::parse_combinations(kUnseen, dataset_.schema)) {}
  Right operator()(const std::function<std::vector<std::uint8_t>(const data::Image&)>& grades) const {
    std::int64_t right[2] = {}, all[2] = {};
    for (const data::Item& item : dataset_.items(data::Split::test)) {
      const data::LabelImage truth = data::read_mask(item, dataset_.masks);
      const std::vector<std::uint8_t> said = grades(data::read_image(item.image));
      for (std::size_t i = 0; i < truth.labels.size(); i += kPlanes) {
        const auto here = truth.labels.begin() + static_cast<std::ptrdiff_t>(i);
        const bool unseen =
            std::any_of(unseen_.begin(), unseen_.end(), [&](const auto& c) { return std::equal(c.begin(), c.end(), here); });
        ++all[unseen], right[unseen] += std::equal(here, here + kPlanes, said.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    return {static_cast<double>(right[0]) / static_cast<double>(all[0]), static_cast<double>(right[1]) / static_cast<double>(all[1])};
  }
  const data::Dataset& dataset() const { return dataset_; }

 private:
  data::Dataset dataset_;
  std::vector<std::vector<int>> unseen_;
};

using Grades = std::function<std::vector<std::uint8_t>(const data::Image&)>;

/// What every kind of model says of a picture, by its name.
std::vector<std::pair<std::string, Grades>> trained_models(const fs::path& out, std::uint64_t seed, bool paper) {
  const auto predictor = [&](const char* data, const std::string& run, const std::string& head, const std::string& loss) {
    return std::make_shared<infer::Predictor>(trained(out / data, out / run, head, loss, seed, paper));
  };
  const auto labels = [](infer::Predictor& p, const data::Image& image) {
    return p.predict(image, {.probabilities = false}).labels.labels;
  };
  std::vector<std::pair<std::string, Grades>> all;
  all.emplace_back("64 classes", [=, p = predictor("joint", "run_joint", "multiclass", "ce")](const data::Image& image) {
    std::vector<std::uint8_t> grades;
    for (const std::uint8_t v : labels(*p, image))
      for (const int grade : {v / 16, v / 4 % 4, v % 4}) grades.push_back(static_cast<std::uint8_t>(grade));
    return grades;
  });
  std::vector<std::shared_ptr<infer::Predictor>> single;
  for (const char* plane : {"r", "g", "b"}) single.push_back(predictor(plane, message("run_", plane), "ordinal", "ce"));
  all.emplace_back("three networks", [=](const data::Image& image) {
    std::vector<std::uint8_t> grades(image.pixels.size());
    for (std::size_t k = 0; k < kPlanes; ++k) {
      const std::vector<std::uint8_t> one = labels(*single[k], image);
      for (std::size_t i = 0; i < one.size(); ++i) grades[kPlanes * i + k] = one[i];
    }
    return grades;
  });
  for (const auto& [name, head, loss] : {std::tuple("regression", "regression", "mae"), std::tuple("cumulative scores", "ordinal", "ce"),
                                         std::tuple("conditional scores (CORN)", "corn", "ce")})
    all.emplace_back(std::string("three outputs, ") + name, [=, p = predictor("data", std::string("run_") + head, head, loss)](
                                                                const data::Image& image) { return labels(*p, image); });
  return all;
}

/// Test pictures, their labels, and what the first model (of 64 classes) and the last say, beside each other; labels as the colors in the
/// middle of their grades.
data::Image pictures(const data::Dataset& dataset, const std::vector<std::pair<std::string, Grades>>& said) {
  constexpr int kRows = 4, kGap = 4, kTimes = 3;
  const auto& items = dataset.items(data::Split::test);
  const data::Image first = data::read_image(items[0].image);
  const int w = first.width * kTimes, h = first.height * kTimes, rows = std::min<int>(kRows, static_cast<int>(items.size()));
  data::Image sheet(4 * (w + kGap) + kGap, rows * (h + kGap) + kGap, 3, 255);
  for (int row = 0; row < rows; ++row) {
    const data::Item& item = items[static_cast<std::size_t>(row)];
    const data::Image photo = data::read_image(item.image);
    const auto draw = [&](int column, auto&& value) {
      for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x)
          for (int c = 0; c < 3; ++c)
            sheet.at(kGap + column * (w + kGap) + x, kGap + row * (h + kGap) + y)[c] =
                value(static_cast<std::size_t>((y / kTimes * photo.width + x / kTimes) * 3 + c));
    };
    const auto graded = [](const std::vector<std::uint8_t>& grades) {
      return [grades](std::size_t i) { return static_cast<std::uint8_t>(64 * grades[i] + 32); };
    };
    draw(0, [&](std::size_t i) { return photo.pixels[i]; });
    draw(1, graded(data::read_mask(item, dataset.masks).labels));
    draw(2, graded(said.front().second(photo)));
    draw(3, graded(said.back().second(photo)));
  }
  return sheet;
}

}  // namespace

int main(int argc, char** argv) try {
  const bool paper = argc > 2 && std::strcmp(argv[argc - 1], "--paper") == 0;
  const int given = argc - paper;
  if (given < 2 || given > 3) return std::fprintf(stderr, "usage: unseen_combinations OUT [FIRST_SEED] [--paper]\n"), 2;
  const int first_seed = given == 3 ? std::atoi(argv[2]) : 0;
  const fs::path out = argv[1];
  io::create_folders(out);
  std::vector<std::pair<std::string, std::vector<Right>>> table;
  const int seeds = paper ? 1 : 3;
  for (int seed = first_seed; seed < first_seed + seeds; ++seed) {
    const fs::path here = out / ("seed" + std::to_string(seed));
    const int side = paper ? 256 : 32;
    if (!fs::exists(here / "data/dataset.json"))
      data::write_phantom(
          data::Phantom::rgb, here / "data",
          {.count = paper ? 200 : 96, .width = side, .height = side, .seed = static_cast<std::uint64_t>(seed), .withhold = kUnseen});
    write_joint(here / "data", here / "joint");
    for (int plane = 0; plane < kPlanes; ++plane) write_single(here / "data", here / std::string(1, "rgb"[plane]), plane);
    const Judge judge(here / "data");
    const auto said = trained_models(here, static_cast<std::uint64_t>(seed), paper);
    for (std::size_t k = 0; k < said.size(); ++k) {
      if (table.size() <= k) table.emplace_back(said[k].first, std::vector<Right>{});
      table[k].second.push_back(judge(said[k].second));
      std::printf("seed %d  %-44s seen %.3f  unseen %.3f\n", seed, said[k].first.c_str(), table[k].second.back().seen,
                  table[k].second.back().unseen);
      std::fflush(stdout);
    }
    if (seed == first_seed) data::write_png(out / "pictures.png", pictures(judge.dataset(), said));
  }
  std::string csv = "model,seed,seen,unseen\n";
  std::printf("\n| model | seen combinations | unseen ones |\n|---|---|---|\n");
  for (const auto& [name, runs] : table) {
    Right mean;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      csv += message('"', name, "\",", first_seed + static_cast<int>(i), ',', runs[i].seen, ',', runs[i].unseen, '\n');
      mean.seen += runs[i].seen / static_cast<double>(runs.size()), mean.unseen += runs[i].unseen / static_cast<double>(runs.size());
    }
    std::printf("| %s | %.3f | %.3f |\n", name.c_str(), mean.seen, mean.unseen);
  }
  io::write_file_atomically(out / "table.csv", csv);
  return 0;
} catch (const lamina::Error& e) {
  std::fprintf(stderr, "unseen_combinations: %s\n", e.what());
  return 1;
}
