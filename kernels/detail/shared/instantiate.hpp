#pragma once
#include <tuple>

/// Emits the named instantiations: `LAMINA_INSTANTIATE(&add<float>, &add<double>)`. Once per file.
#define LAMINA_INSTANTIATE(...) [[gnu::used]] const std::tuple kInstantiated{__VA_ARGS__};
