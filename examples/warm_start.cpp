// Begins with the weights of another network, of other classes, and says what was taken over. usage: warm_start RUN_OR_FILE OUT [CLASSES]
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "lamina/io/pretrained.hpp"
#include "lamina/lamina.hpp"

using namespace lamina;

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: warm_start RUN_OR_FILE OUT.safetensors [CLASSES]\n");
    return 2;
  }
  try {
    const io::ModelFile from(io::find_weights(argv[1]));
    models::ModelConfig config = from.model();  // the same network, but for its last layer
    config.outputs = {};
    config.classes = argc > 3 ? std::atoi(argv[3]) : config.classes + 1;
    const auto net = models::build_meta(config, 1);
    const io::WeightMatch match = io::load_pretrained(*net, from.path(), {.last_layer = false});
    net->initialise();  // what the file lacks
    for (const std::string& line : match.lines()) std::printf("%s\n", line.c_str());

    // What is new learns at the full rate, what was there at a tenth.
    std::vector<nn::NamedTensor> fresh, known;
    for (const nn::NamedTensor& p : net->named_parameters()) {
      const bool taken = std::find(match.loaded.begin(), match.loaded.end(), p.name) != match.loaded.end();
      (taken ? known : fresh).push_back(p);
    }
    std::printf("%zu tensors are new, %zu known\n", fresh.size(), known.size());
    optim::Adam adam(fresh, {.lr = 1e-3}), slow(known, {.lr = 1e-4});
    net->train();
    const Tensor x = Tensor::normal({2, 32, 32, net->in_channels()}, {3});
    const Tensor loss = segmentation_loss((*net)(x), Tensor::zeros({2, 32, 32}, {DType::u8, kCpu}), {});
    loss.backward();
    adam.step();
    slow.step();
    io::save_model(argv[2], *net, config);
    std::printf("wrote %s\n", argv[2]);
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "warm_start: %s\n", e.what());
    return 1;
  }
}
