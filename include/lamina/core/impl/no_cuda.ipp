// A build without CUDA: there is no device, and asking for one says how to get it.
#include "lamina/config.hpp"
#include "lamina/core/impl/cuda.hpp"
#include "lamina/core/versions.hpp"

#if !LAMINA_HAS_CUDA
namespace lamina {
namespace {
[[noreturn]] void absent(int index) {
  throw DeviceError(message("device cuda:", index,
                            " is absent: this build of Lamina has no CUDA back end; configure it with -DLAMINA_CUDA=ON, "
                            "or use device cpu"));
}
}  // namespace

int cuda_device_count() { return 0; }
std::string cuda_versions() { return ""; }
Cuda& current_cuda(int index) { absent(index); }
CudaScope::CudaScope(int index) : cuda_(current_cuda(index)), previous_(0) {}
CudaScope::~CudaScope() = default;
std::string device_name(Device device) { return device.is_cuda() ? (absent(device.index), std::string()) : device.str(); }
void synchronize(Device device) {
  if (device.is_cuda()) absent(device.index);
}
void upload(Cuda& cuda, void*, const void*, std::size_t) { absent(cuda.index); }
void download(Cuda& cuda, void*, const void*, std::size_t) { absent(cuda.index); }

namespace detail {
void* cuda_allocate(int index, std::size_t) { absent(index); }
void cuda_free(int index, void*) { absent(index); }
std::int64_t cuda_free_bytes(int index) { absent(index); }
void cuda_set_bytes(int index, void*, int, std::size_t) { absent(index); }
void cuda_copy(Cuda& cuda, const ByteRows&, const ByteRows&, bool, bool) { absent(cuda.index); }
void* cuda_event_create(int index) { absent(index); }
void cuda_event_destroy(void*) {}
void cuda_event_record(int index, void*) { absent(index); }
double cuda_event_seconds(void*, void*) { absent(0); }
void cuda_fill(const Tensor& t, double) { absent(t.device().index); }
bool cuda_convert(const Tensor& to, const Tensor&) { absent(to.device().index); }
}  // namespace detail
}  // namespace lamina

#endif
