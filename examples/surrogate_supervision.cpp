// Surrogate supervision, end to end and in memory: a network learns to color gray photographs, which needs no labels, against a
// discriminator; then the same network, but for its last layer, learns to segment a few labelled ones, beside one that begins from scratch.
// `lamina colorize train`, `lamina train --from` and `lamina study` do the same with run folders, schedules and seeds.
// usage: surrogate_supervision DATA [COLOR_STEPS SEGMENT_STEPS LABELLED]      DATA: images/ and masks/, and perhaps unlabelled/
#include <cstdio>
#include <cstdlib>

#include "lamina/data/color.hpp"
#include "lamina/data/photos.hpp"
#include "lamina/infer/colorizer.hpp"
#include "lamina/lamina.hpp"
#include "lamina/losses/gan.hpp"

using namespace lamina;

namespace {

constexpr int kSize = 96, kItems = 4;

/// A quarter of DeepLabV3+, which answers on a grid four times as coarse as the photograph: colors, or classes.
std::unique_ptr<models::Network> deeplab(int outputs, std::uint64_t seed) {
  return models::build_network({.model = "deeplabv3plus", .preset = "small", .classes = outputs}, seed);
}

void update(optim::Adam& optimizer, const Tensor& loss) {
  optimizer.zero_grad();
  loss.backward();
  optimizer.step();
}

/// The generator G of a conditional GAN (LSGAN: Mao et al. 2017; with L1: Isola et al. 2017) that learned to color photographs.
std::unique_ptr<models::Network> colorizer(const data::PhotoList& photographs, std::int64_t steps) {
  data::PhotoStream photos(photographs, {.batch = kItems, .width = kSize, .height = kSize, .shuffle = true, .epoch_batches = steps});
  auto G = deeplab(3, 1);
  const auto D = models::build_network({.model = "patchgan", .in_channels = 6, .options = {{"base", "16"}, {"layers", "1"}}}, 2);
  optim::Adam adam_G(G->named_parameters(), {.lr = 5e-4, .beta1 = 0.5}), adam_D(D->named_parameters(), {.lr = 5e-4, .beta1 = 0.5});
  const losses::GanLoss loss({.gan_loss = "lsgan_mao", .reconstruction = "l1", .reconstruction_weight = 30});
  const infer::Colorization how;  // RGB, tanh

  photos.start(1);
  std::int64_t step = 0;
  for (data::Batch batch; photos.next(batch);) {
    const data::Colors photo = data::split_colors(how.space, batch.at(kImage));
    const Tensor fake = how(*G, photo.gray);                                                       // (N, H/4, W/4, 3)
    const Tensor x = how.beside(photo.gray, fake).packed(), real = how.beside(photo.color, fake);  // as small

    // D learns to tell G's pictures from real ones; then G to be taken for real by D, and to be near.
    const Tensor D_fake = (*D)(concat({x, fake.detach()})), D_real = (*D)(concat({x, real}));
    update(adam_D, loss.discriminator(D_real, D_fake, real, fake.detach()));
    const Tensor L1 = loss.reconstruction(fake, real);
    update(adam_G, add(loss.generator((*D)(concat({x, fake}))), scale(L1, loss.options().reconstruction_weight)));
    if (++step % 100 == 0 || step == steps)
      std::printf("coloring, step %lld of %lld: L1 %.3f, D is right in %.2f\n", static_cast<long long>(step), static_cast<long long>(steps),
                  L1.item(), loss.accuracy(D_real, D_fake));
  }
  return G;
}

/// Foreground Dice of the val split after so many updates on the training photographs.
double segment(models::Network& net, const data::Dataset& dataset, std::int64_t steps) {
  // As G saw photographs: in [-1, 1].
  data::LoaderOptions options{.batch = kItems, .width = kSize, .height = kSize};
  data::Loader validation(dataset, data::Split::val, options);
  options.shuffle = true, options.augment = data::parse_augment("hflip");
  data::Loader training(dataset, data::Split::train, options);
  optim::Adam adam(net.named_parameters(), {.lr = 2e-3});
  const optim::Schedule schedule({.kind = optim::ScheduleOptions::Kind::onecycle, .lr = 2e-3, .total_steps = steps});
  const SegmentationLossOptions loss{.ignore_label = data::kIgnoreLabel, .upsample = net.grid()};  // the labels stay as fine as they are

  std::int64_t step = 0;
  for (int epoch = 1; step < steps; ++epoch) {
    training.start(epoch);
    for (data::Batch batch; step < steps && training.next(batch);) {
      adam.set_lr(schedule.lr(step++));
      update(adam, segmentation_loss(net(batch.at(kImage)), batch.at(kLabels), loss));
    }
  }

  metrics::ConfusionMatrix confusion(dataset.schema.classes());
  const NoGrad no_grad;
  net.eval();
  validation.start(0);
  for (data::Batch batch; validation.next(batch);) {
    const Tensor scores = resize_bilinear(net(batch.at(kImage)), kSize, kSize, net.grid());
    confusion.add(batch.at(kLabels).to_vector<std::uint8_t>(), argmax(scores).to_vector<std::uint8_t>(), data::kIgnoreLabel);
  }
  return confusion.scores(dataset.schema.background).dice.macro_foreground;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: surrogate_supervision DATA [COLOR_STEPS SEGMENT_STEPS LABELLED]\n");
    return 2;
  }
  try {
    const std::int64_t color_steps = argc > 2 ? std::atoll(argv[2]) : 600, steps = argc > 3 ? std::atoll(argv[3]) : 300;
    const std::size_t labelled = argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 8;
    data::Dataset dataset = data::open_dataset(argv[1]);
    const data::PhotoSets photographs = data::find_photos({argv[1]}, 0, 1);  // none of the val and test splits
    auto& train = dataset.splits[static_cast<int>(data::Split::train)];
    train.resize(std::min(train.size(), labelled));
    std::printf("%zu photographs to color, %zu to segment\n", photographs.training.size(), train.size());

    const auto G = colorizer(photographs.training, color_steps);
    const auto scratch = deeplab(dataset.schema.classes(), 3), transferred = deeplab(dataset.schema.classes(), 3);
    const nn::StateMatch match = transferred->load_state(G->state(), false);  // all but the last layer, which has other outputs
    std::printf("%zu tensors of %zu begin as the coloring network ended\n", match.loaded.size(), transferred->state().size());

    std::printf("foreground Dice from scratch     %.3f\n", segment(*scratch, dataset, steps));
    std::printf("foreground Dice from coloring    %.3f\n", segment(*transferred, dataset, steps));
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "surrogate_supervision: %s\n", e.what());
    return 1;
  }
}
