// A conditional GAN that learns to color gray photographs (pix2pix: Isola et al. 2017), update by update; `lamina colorize train` keeps a
// run folder besides. G is a network for segmentation with three outputs; D sees patches of gray and color together.
// usage: color_photographs PHOTOS SHEET.png [STEPS]     the sheet shows photographs that were held out: gray, generated, real
#include <cstdio>
#include <cstdlib>

#include "lamina/data/color.hpp"
#include "lamina/data/photos.hpp"
#include "lamina/lamina.hpp"
#include "lamina/losses/gan.hpp"

using namespace lamina;

namespace {

constexpr int kSize = 64, kItems = 4;

/// x (gray, three times) and y (color) of the next photographs, (N, kSize, kSize, 3) in [-1, 1].
bool next(data::PhotoStream& photos, Tensor& x, Tensor& y) {
  data::Batch batch;
  if (!photos.next(batch)) return false;
  const data::Colors colors = data::split_colors(data::ColorSpace::rgb, batch.at(kImage));
  x = colors.gray, y = colors.color;
  return true;
}

optim::Adam adam(const nn::Module& net) { return {net.named_parameters(), {.lr = 5e-4, .beta1 = 0.5, .beta2 = 0.999}}; }

void update(optim::Adam& optimizer, const Tensor& loss) {
  optimizer.zero_grad();
  loss.backward();
  optimizer.step();
}

/// Pictures side by side, a photograph a row.
data::Image sheet(const std::vector<Tensor>& columns) {
  const int width = static_cast<int>(columns.size()) * (kSize + 4) - 4;
  data::Image out(width, kItems * (kSize + 4) - 4, 3, 255);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const auto values = columns[c].to_vector<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const int pixel = static_cast<int>(i / 3), n = pixel / (kSize * kSize), y = pixel / kSize % kSize, x = pixel % kSize;
      out.at(static_cast<int>(c) * (kSize + 4) + x, n * (kSize + 4) + y)[i % 3] = static_cast<std::uint8_t>((values[i] + 1) * 127.5f);
    }
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: color_photographs PHOTOS SHEET.png [STEPS]\n");
    return 2;
  }
  try {
    const std::int64_t steps = argc > 3 ? std::atoll(argv[3]) : 600;
    const data::PhotoSets found = data::find_photos({argv[1]}, kItems, 1);
    data::PhotoStream photos(found.training, {.batch = kItems, .width = kSize, .height = kSize, .shuffle = true, .epoch_batches = steps});
    data::PhotoStream held_out(found.held_out, {.batch = kItems, .width = kSize, .height = kSize});

    const auto G = models::build_network({.model = "unet", .classes = 3, .options = {{"base", "16"}, {"depth", "3"}}}, 1);
    const auto D = models::build_network({.model = "patchgan", .in_channels = 6, .options = {{"base", "16"}, {"layers", "2"}}}, 2);
    optim::Adam adam_G = adam(*G), adam_D = adam(*D);
    const losses::GanLoss loss({.gan_loss = "lsgan_mao", .reconstruction = "l1", .reconstruction_weight = 30});

    Tensor x, y;
    photos.start(1);
    for (std::int64_t step = 1; next(photos, x, y); ++step) {
      const Tensor fake = tanh((*G)(x));  // (N, H, W, 3)

      // D learns that G's pictures are not real, and that real ones are.
      const Tensor D_fake = (*D)(concat({x, fake.detach()})), D_real = (*D)(concat({x, y}));
      const Tensor loss_D = loss.discriminator(D_real, D_fake, y, fake.detach());
      update(adam_D, loss_D);

      // G learns to be taken for real by the new D, and to be near.
      const Tensor loss_G = loss.generator((*D)(concat({x, fake}))), L1 = loss.reconstruction(fake, y);
      update(adam_G, add(loss_G, scale(L1, loss.options().reconstruction_weight)));

      if (step % 50 == 0)
        std::printf("step %lld  G %.3f + L1 %.3f  D %.3f (equilibrium %.2f)  D right %.2f\n", static_cast<long long>(step), loss_G.item(),
                    L1.item(), loss_D.item(), loss.discriminator_equilibrium(), loss.accuracy(D_real, D_fake));
    }

    const NoGrad no_grad;
    // As in the paper G stays in training mode: its batch norms use the statistics of the pictures at hand.
    held_out.start(0);
    if (next(held_out, x, y)) data::write_png(argv[2], sheet({x, tanh((*G)(x)), y}));
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "color_photographs: %s\n", e.what());
    return 1;
  }
}
