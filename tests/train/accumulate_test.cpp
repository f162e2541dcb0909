// Batches that do not fit: their gradients are added up to one update.
#include "lamina/io/npy.hpp"
#include "support/op_check.hpp"
#include "support/painted.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

/// The parameters after an epoch, and the numbers of its last update.
std::pair<std::vector<Tensor>, Scalars> trained(const train::TrainConfig& c) {
  const data::Dataset dataset = data::open_dataset(c.data, {.pixel_weights = c.pixel_weights, .seed = c.seed});
  const auto task = train::make_task(train::resolved(c), dataset);
  data::Batch batch;
  Scalars values;
  task->network().eval();  // no dropout
  task->training().start(1);
  while (task->training().next(batch)) {
    const nn::RandomScope random(RandomKey{1, 2});
    values = task->step(batch);
  }
  std::vector<Tensor> parameters;
  for (const Tensor& p : task->network().parameters()) parameters.push_back(p.detach().clone());
  return {parameters, values};
}

/// Another part of every mask is ignored: batches differ in how many pixels count.
void ignore_rows(const fs::path& masks, const fs::path& data) {
  int rows = 1;
  const data::MaskDecoder decoder = data::open_dataset(data).masks;
  for (const auto& entry : fs::directory_iterator(masks)) {
    data::LabelImage mask = decoder.read(entry.path());
    std::fill_n(mask.labels.begin(), 32 * (rows = rows * 5 % 31), data::kIgnoreLabel);
    data::write_png(entry.path(), mask);
  }
}

train::TrainConfig without_norms(const TempFolder& f) {
  auto c = small(f / "data", f / "run");
  c.preset = "keras";
  c.optimizer = "sgd", c.momentum = 0, c.lr = 0.1, c.schedule = "constant";
  c.augment = "none";
  return c;
}

}  // namespace

TEST_CASE("--accumulate N: an update is that of one batch of N times the images where losses are means over pixels") {
  TempFolder f;
  for (const char* data : {"classes", "grades"}) {
    small_grades(f / data, 14);
    ignore_rows(f / data / "masks", f / data);
  }
  io::write_file_atomically(f / "classes/dataset.json", R"({"labels": {"none": 0, "mild": 1, "moderate": 2, "severe": 3}, "ignore": 255})");
  for (const auto& [head, loss, weights] : {std::tuple{"multiclass", "ce", "none"},
                                            {"multiclass", "focal", "1,4,0.5,2"},
                                            {"ordinal", "ce", "1,4,2"},
                                            {"regression", "mse", "none"},
                                            {"regression", "mae", "1,4,0.5,2"}}) {
    CAPTURE(head);
    CAPTURE(weights);
    auto c = without_norms(f);
    c.data = (f / (std::string(head) == "multiclass" ? "classes" : "grades")).string();
    c.head = head, c.loss = loss, c.class_weights = weights;
    c.batch = 6;
    const auto [whole, values] = trained(c);
    for (const auto& [batch, times] : {std::pair{1, 6}, {2, 3}, {3, 2}}) {
      CAPTURE(batch);
      c.batch = batch, c.accumulate = times;
      const auto [parts, sums] = trained(c);
      for (std::size_t i = 0; i < whole.size(); ++i) CHECK(relative_error(parts[i], whole[i]) < 1e-5);
      CHECK(sums.at("loss") == doctest::Approx(values.at("loss")).epsilon(1e-5));
    }
  }
}

TEST_CASE("--pixel-weights: pixels of weight 0 teach as little as ignored ones; batches still add up") {
  TempFolder f;
  for (const char* data : {"weighted", "ignored"}) small_grades(f / data, 14);
  ignore_rows(f / "ignored/masks", f / "ignored");
  for (const char* data : {"weighted", "ignored"})
    io::write_file_atomically(f / (std::string(data) + "/dataset.json"),
                              R"({"labels": {"none": 0, "mild": 1, "moderate": 2, "severe": 3}, "ignore": 255})");
  const data::Dataset ignored = data::open_dataset(f / "ignored");
  for (const data::Item& item : ignored.all_items()) {
    const data::LabelImage mask = data::read_mask(item, ignored.masks);
    std::vector<float> weights;
    for (const std::uint8_t label : mask.labels) weights.push_back(label == data::kIgnoreLabel ? 0 : 1);
    io::create_folders(f / "weighted/weights");
    io::write_npy(f / ("weighted/weights/" + item.name + ".npy"), Tensor::from<float>(weights, {mask.height, mask.width}));
  }
  for (const char* loss : {"ce", "ce+dice", "focal+tversky"}) {
    CAPTURE(loss);
    auto c = without_norms(f);
    c.loss = loss, c.class_weights = "none", c.batch = 6, c.data = (f / "ignored").string();
    const auto [parameters, values] = trained(c);
    c.data = (f / "weighted").string();
    const auto [others, theirs] = trained(c);
    CHECK(theirs.at("loss") != doctest::Approx(values.at("loss")).epsilon(1e-4));
    c.pixel_weights = (f / "weighted/weights").string();
    for (const int times : {1, 3}) {
      c.accumulate = times, c.batch = 6 / times;
      if (times > 1 && std::string(loss) != "ce") continue;
      const auto [weighted, sums] = trained(c);
      for (std::size_t i = 0; i < parameters.size(); ++i) CHECK(relative_error(weighted[i], parameters[i]) < 1e-5);
      CHECK(sums.at("loss") == doctest::Approx(values.at("loss")).epsilon(1e-5));
    }
  }
}

TEST_CASE("--pixel-weights of 0 everywhere teach nothing: told before training; of some photographs they are fine") {
  const TempFolder f;
  small_grades(f / "data", 8);
  io::create_folders(f / "data/weights");
  auto c = small(f / "data", f / "run");
  c.pixel_weights = (f / "data/weights").string();
  const auto begin = [&](float of_train, float of_val) {
    const data::Dataset dataset = data::open_dataset(c.data);
    bool first = true;
    for (const data::Split split : {data::Split::train, data::Split::val})
      for (const data::Item& item : dataset.items(split)) {
        const float weight = split == data::Split::val ? of_val : std::exchange(first, false) ? of_train : 0;
        io::write_npy(f / ("data/weights/" + item.name + ".npy"), Tensor::full({32, 32}, weight));
      }
    (void)train::make_task(train::resolved(c), data::open_dataset(c.data, {.pixel_weights = c.pixel_weights}));
  };
  check_throws<DataError>([&] { begin(0, 1); }, {"--pixel-weights", "0 everywhere", "nothing can be learnt"});
  CHECK_NOTHROW(begin(0.5f, 0));
}

TEST_CASE("--accumulate: a run that is stopped goes on as ever; what sees each batch alone is said") {
  TempFolder f;
  small_phantom(f / "data", 12);
  for (const char* name : {"a", "b"}) {
    auto c = small(f / "data", f / name);
    c.accumulate = 2;
    const Run r = run(c, *name == 'b' ? std::optional<std::int64_t>(2) : std::nullopt);
    CHECK(mentions(r.messages, "an update adds up the gradients of 2 batches of 2"));
    if (*name == 'b') run(c);
  }
  check_same_run(f / "a", f / "b");
  CHECK(io::read_file(f / "a/log.txt").find("Dice and batch norm see each batch alone") != std::string::npos);
}

TEST_CASE("--accumulate N takes the memory of one batch, at 2 threads and at 16") {
  TempFolder f;
  small_grades(f / "data", 14);
  const auto peak = [&](int batch, int times) {
    auto c = without_norms(f);
    c.base = 8, c.batch = batch, c.accumulate = times;
    const data::Dataset dataset = data::open_dataset(c.data);
    const auto task = train::make_task(train::resolved(c), dataset);
    data::Batch images;
    task->training().start(1);
    REQUIRE(task->training().next(images));
    REQUIRE(images.size() == 6);
    const std::size_t before = memory_stats().in_use;
    reset_peak_memory();
    const nn::RandomScope random(RandomKey{1, 2});
    task->step(images);
    return static_cast<double>(memory_stats().peak - before);
  };
  for (const int threads : {2, 16}) {
    CAPTURE(threads);
    ThreadPool pool(threads);
    const ExecutorScope scope(pool, detected_isa());
    CHECK(peak(1, 6) < 0.85 * peak(6, 1));
  }
}

TEST_CASE("--accumulate: where one image cannot be trained on alone, the last one joins the batch before it") {
  for (const int images : {10, 11, 12, 13, 14, 15}) {  // a fifth of them is validated with
    CAPTURE(images);
    TempFolder f;
    small_grades(f / "data", images);
    auto c = small(f / "data", f / "run");
    c.width = c.height = 4;  // the deepest level is one pixel
    c.accumulate = 2;
    c.epochs = 1;
    CHECK_NOTHROW(run(c));
  }
}
