#pragma once
#include <string>

namespace lamina {

/// "runtime 13.0, driver 12.8": the CUDA that this build was made with, and the newest that the driver knows; empty in a build without
/// CUDA.
std::string cuda_versions();

}  // namespace lamina
