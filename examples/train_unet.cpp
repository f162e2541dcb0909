// The training loop, written out: a U-Net on a folder of photographs and masks. usage: train_unet DATA [EPOCHS]
#include <cstdio>
#include <cstdlib>

#include "lamina/lamina.hpp"

using namespace lamina;

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: train_unet DATA [EPOCHS]\n");
    return 2;
  }
  try {
    const int epochs = argc > 2 ? std::atoi(argv[2]) : 10;
    const data::Dataset dataset = data::open_dataset(argv[1]);
    const int classes = dataset.schema.classes();
    data::Loader training(dataset, data::Split::train,
                          {.batch = 4, .width = 128, .height = 128, .augment = data::parse_augment("hflip"), .shuffle = true});
    data::Loader validation(dataset, data::Split::val, {.batch = 4, .width = 128, .height = 128});

    const models::ModelConfig config{.in_channels = 3, .classes = classes, .options = {{"base", "16"}, {"depth", "4"}}};
    const auto network = models::build_network(config, 1);
    models::Network& net = *network;
    optim::Adam adam(net.named_parameters(), {.lr = 2e-3});
    const optim::Schedule schedule(
        {.kind = optim::ScheduleOptions::Kind::onecycle, .lr = 2e-3, .total_steps = epochs * training.batches()});
    const SegmentationLossOptions loss_options{.ignore_label = data::kIgnoreLabel};

    std::int64_t step = 0;
    for (int epoch = 1; epoch <= epochs; ++epoch) {
      double total = 0;
      net.train();
      training.start(epoch);
      for (data::Batch batch; training.next(batch);) {
        const Tensor loss = segmentation_loss(net(batch.at(kImage)), batch.at(kLabels), loss_options);
        adam.zero_grad();
        loss.backward();
        adam.set_lr(schedule.lr(step++));
        adam.step();
        total += loss.item();
      }

      metrics::ConfusionMatrix confusion(classes);
      const NoGrad no_grad;
      net.eval();
      validation.start(0);
      for (data::Batch batch; validation.next(batch);)
        confusion.add(batch.at(kLabels).to_vector<std::uint8_t>(), argmax(net(batch.at(kImage))).to_vector<std::uint8_t>(),
                      data::kIgnoreLabel);
      const int background = dataset.schema.background;
      std::printf("epoch %d: loss %.4f, foreground Dice %.4f (always the most frequent class: %.4f)\n", epoch,
                  total / static_cast<double>(training.batches()), confusion.scores(background).dice.macro_foreground,
                  confusion.majority_baseline().scores(background).dice.macro_foreground);
    }
    infer::save_predictor("unet.safetensors", net, config, *heads::make_head(dataset.schema), {.width = 128, .height = 128});
    std::printf("wrote unet.safetensors\n");
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "train_unet: %s\n", e.what());
    return 1;
  }
}
