#pragma once
// The kinds of phantoms; draw_phantom chooses.
#include "lamina/data/phantom.hpp"

namespace lamina::data::detail {

inline constexpr int kSkinScenes = 8;
PhantomSample draw_skin(int scene, int width, int height, RandomKey key);
PhantomSample draw_sparse(int width, int height, RandomKey key);
PhantomSample draw_severity(int width, int height, RandomKey key);
PhantomSample draw_rgb(int width, int height, RandomKey key);
PhantomSample draw_retina(int width, int height, RandomKey key);
PhantomSample draw_several(int width, int height, RandomKey key);

}  // namespace lamina::data::detail
