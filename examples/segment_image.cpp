// Load, segment, save. usage: segment_image RUN PHOTO MASK.png
#include <cstdio>

#include "lamina/lamina.hpp"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: segment_image RUN PHOTO MASK.png\n");
    return 2;
  }
  try {
    lamina::infer::Predictor predictor(argv[1]);
    const auto prediction = predictor.predict(lamina::data::read_image(argv[2]));
    lamina::data::write_mask(argv[3], prediction.labels, predictor.schema());
    return 0;
  } catch (const lamina::Error& e) {
    std::fprintf(stderr, "segment_image: %s\n", e.what());
    return 1;
  }
}
