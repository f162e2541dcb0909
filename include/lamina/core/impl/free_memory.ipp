#include "lamina/core/free_memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

#include "lamina/core/impl/cuda.hpp"
#include "lamina/core/storage.hpp"

namespace lamina {
namespace {

namespace fs = std::filesystem;

/// The number that a file begins with; none where it says "max", or is not there.
std::optional<double> number_in(const fs::path& path) {
  std::ifstream in(path);
  double v = 0;
  return in >> v ? std::optional(v) : std::nullopt;
}

/// The numbers behind these words of a file of lines "word number".
double sum_in(const fs::path& path, std::initializer_list<std::string_view> words) {
  std::ifstream in(path);
  double sum = 0;
  for (std::string line; std::getline(in, line);) {
    std::istringstream parts(line);
    std::string word;
    double v = 0;
    if (parts >> word >> v && std::find(words.begin(), words.end(), word) != words.end()) sum += v;
  }
  return sum;
}

/// What a control group leaves; none where it has no limit.
std::optional<double> left_by(const fs::path& group, bool second_version) {
  const auto most = number_in(group / (second_version ? "memory.max" : "memory.limit_in_bytes")),
             used = number_in(group / (second_version ? "memory.current" : "memory.usage_in_bytes"));
  if (!most || !used) return {};
  const fs::path stat = group / "memory.stat";
  const double files =
      second_version ? sum_in(stat, {"active_file", "inactive_file"}) : sum_in(stat, {"total_active_file", "total_inactive_file"});
  return *most - *used + files;
}

}  // namespace

FreeMemory free_memory(Device device, const fs::path& root) {
  const MemoryStats own = memory_stats(device);
  const auto cached = static_cast<double>(own.reserved - own.in_use);
  if (device.is_cuda())
    return {detail::cuda_free_bytes(device.index) + static_cast<std::int64_t>(cached), message("the free memory of ", device)};
  double least = std::numeric_limits<double>::infinity();
  FreeMemory out{std::numeric_limits<std::int64_t>::max(), ""};
  const auto at_most = [&](std::optional<double> bytes, const char* limit) {
    if (bytes && *bytes < least) least = *bytes, out = {static_cast<std::int64_t>(std::clamp(*bytes + cached, 0.0, 1e18)), limit};
  };
  if (const double kilobytes = sum_in(root / "proc/meminfo", {"MemAvailable:"}); kilobytes > 0)
    at_most(1024 * kilobytes, "the machine's free memory");
  // A line is ID:CONTROLLERS:PATH, of the second version 0::PATH. Limits of the groups around it hold, too.
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool second_version = controllers == ",,";
    if (!second_version && controllers.find(",memory,") == std::string::npos) continue;
    const fs::path base = root / (second_version ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
    fs::path at = fs::path(line.substr(second + 1)).relative_path();
    for (;; at = at.parent_path()) {
      at_most(left_by(base / at, second_version), "the memory limit of its control group");
      if (at.empty()) break;
    }
  }
  rlimit space{};
  const auto pages = number_in(root / "proc/self/statm");
  if (pages && getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
    at_most(static_cast<double>(space.rlim_cur) - *pages * static_cast<double>(sysconf(_SC_PAGESIZE)),
            "the limit of its address space (ulimit -v)");
  return out;
}

}  // namespace lamina
