#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "lamina/core/device.hpp"

namespace lamina {

/// What this process can still get of a device's memory, blocks that its allocator keeps included, and what limits it: words of a message.
struct FreeMemory {
  std::int64_t bytes;
  std::string limit;
};
/// Of the host the least of what the machine has left, what its control groups leave (files that are cached count as free), and what its
/// address space does (ulimit -v); `root` is where proc and sys are. Where nothing says, all that can be counted. Throws DeviceError.
FreeMemory free_memory(Device device = kCpu, const std::filesystem::path& root = "/");

}  // namespace lamina
