// The families that the library brings; registry.ipp lists them.
#pragma once
#include "lamina/models/registry.hpp"

namespace lamina::models {

Family unet_family();
Family patchgan_family();
Family deeplab_family();

}  // namespace lamina::models
