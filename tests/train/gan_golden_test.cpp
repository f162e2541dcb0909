// Updates of a colorizing pair against PyTorch's: tests/golden/make_gan.py.
#include "lamina/models/patch_discriminator.hpp"
#include "lamina/models/unet.hpp"
#include "lamina/train/colorization_task.hpp"
#include "support/golden.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// Element `index` of what is called `name`, counted channels first: make_gan.py's hashed().
double hashed(const std::string& name, std::uint32_t index) {
  std::uint32_t seed = 2166136261u;
  for (const char c : name) seed = (seed ^ static_cast<unsigned char>(c)) * 16777619u;
  std::uint32_t h = index * 2654435761u + seed;
  h = (h ^ h >> 16) * 2246822519u;
  h = (h ^ h >> 13) * 3266489917u;
  h ^= h >> 16;
  return (h >> 8) * 0x1p-23 - 1;
}

/// f(place in memory, index channels first) for each element of a tensor (a, h, w, b), or of another rank.
template <class F>
void each_element(const Shape& s, F&& f) {
  const std::int64_t b = s.rank() == 4 ? s[3] : 1, pixels = s.rank() == 4 ? s[1] * s[2] : 1;
  for (std::int64_t i = 0; i < s.numel(); ++i) f(i, (i / (b * pixels) * b + i % b) * pixels + i / b % pixels);
}

void fill(const nn::Module& module, const std::string& prefix) {
  for (const nn::NamedTensor& p : module.named_parameters()) {
    const std::string name = prefix + p.name;
    const bool scale = p.tensor.rank() == 1 && name.ends_with("weight");
    const double offset = scale ? 1 : name == "discriminator.model.5.bias" ? 0.5 : 0;
    Tensor values = Tensor::empty(p.tensor.shape(), {DType::f64, kCpu});
    each_element(p.tensor.shape(), [&](std::int64_t at, std::int64_t index) {
      values.data<double>()[at] = 0.25 * hashed(name, static_cast<std::uint32_t>(index)) + offset;
    });
    p.tensor.copy_from(values);
  }
}

std::unique_ptr<optim::Adam> adam(const nn::Module& module) {
  return std::make_unique<optim::Adam>(module.named_parameters(), optim::AdamOptions{.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999});
}

struct ColorizationPair {
  ColorizationPair(const losses::GanOptions& gan, int grays, DType dtype) {
    nn::RandomStream random({1, 1});
    const auto g = std::make_shared<models::UNet>(
        models::UNetOptions{.in_channels = 3, .classes = 3, .outputs = {{"color", 3}}, .base = 4, .depth = 2}, random);
    const auto d = std::make_shared<models::PatchDiscriminator>(
        models::PatchDiscriminatorOptions{.in_channels = grays + 3, .base = 4, .layers = 1}, random);
    g->to(dtype);
    d->to(dtype);
    fill(*g, "generator.");
    fill(*d, "discriminator.");
    task = std::make_unique<train::ColorizationTask>(train::ColorizationTask::Parts{.generator = g,
                                                                                    .discriminator = d,
                                                                                    .generator_optimizer = adam(*g),
                                                                                    .discriminator_optimizer = adam(*d),
                                                                                    .loss = losses::GanLoss(gan),
                                                                                    .condition_channels = grays,
                                                                                    .training = nullptr,
                                                                                    .validation = nullptr});
  }
  Scalars step(int index) const {
    Tensor image = Tensor::empty({2, 20, 24, 3});
    each_element(image.shape(), [&](std::int64_t at, std::int64_t i) {
      image.data<float>()[at] = static_cast<float>(hashed("image" + std::to_string(index), static_cast<std::uint32_t>(i)));
    });
    data::Batch batch;
    batch.indices = {0, 1};
    batch.set(kImage, image);
    return task->step(batch);
  }
  std::unique_ptr<train::ColorizationTask> task;
};

double norm(const Tensor& t) {
  double squares = 0;
  for (const double v : t.to(DType::f64).to_vector<double>()) squares += v * v;
  return std::sqrt(squares);
}

void check_case(const io::TensorArchive& file, const std::string& name, const losses::GanOptions& gan, int grays, DType dtype) {
  CAPTURE(name);
  CAPTURE(name_of(dtype));
  const double tolerance = dtype == DType::f64 ? 1e-9 : 1e-4;
  const ColorizationPair pair(gan, grays, dtype);
  const auto losses = file.at(name + ".losses").to_vector<double>();
  for (int step = 0; step < 3; ++step) {
    CAPTURE(step);
    const Scalars s = pair.step(step);
    const double computed[] = {s.at("g_loss"), s.at("g_gan"), s.at("g_" + gan.reconstruction), s.at("d_loss")};
    for (std::size_t k = 0; k < 4; ++k) {
      CAPTURE(k);
      const double expected = losses[static_cast<std::size_t>(step) * 4 + k];
      CHECK(std::abs(computed[k] - expected) <= tolerance * std::abs(expected));
    }
    for (const train::Component& c : pair.task->components())
      for (const nn::NamedTensor& p : c.module->named_parameters()) {
        const std::string full = c.prefix + "." + p.name;
        CAPTURE(full);
        const double expected = file.at(name + ".norms." + full).to_vector<double>()[static_cast<std::size_t>(step)];
        CHECK(std::abs(norm(p.tensor.grad()) - expected) <= tolerance * expected);
      }
  }
  if (name != "mao") return;
  for (const train::Component& c : pair.task->components())
    for (const nn::NamedTensor& t : c.module->state())
      if (t.name.find("num_batches") == std::string::npos) {
        CAPTURE(t.name);
        CHECK(relative_error(t.tensor, file.at("mao.after." + c.prefix + "." + t.name)) <= tolerance);
      }
}

}  // namespace

TEST_CASE("updates of a colorizing pair are PyTorch's: losses, the gradient of every tensor, what three updates leave") {
  const io::TensorArchive file = golden_archive("gan");
  for (const DType dtype : {DType::f64, DType::f32}) {
    check_case(file, "mao", {}, 3, dtype);
    check_case(file, "mao_l2", {.mao_targets = "-1,1,0", .reconstruction = "l2", .reconstruction_weight = 100}, 1, dtype);
    check_case(file, "vanilla", {.gan_loss = "vanilla"}, 3, dtype);
    check_case(file, "qi", {.gan_loss = "lsgan_qi", .qi_margin = 2e-3, .qi_real = 0.25}, 3, dtype);
  }
}
