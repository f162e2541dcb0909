// The families that the library brings: the one list of them.
#pragma once
#include "lamina/models/registry.hpp"

#define LAMINA_FAMILIES(family) family(unet) family(deeplab) family(patchgan)

namespace lamina::models {

#define LAMINA_FAMILY(name) Family name##_family();
LAMINA_FAMILIES(LAMINA_FAMILY)
#undef LAMINA_FAMILY

}  // namespace lamina::models
