// What core/ asks of the CUDA runtime; every function throws DeviceError in a build without CUDA.
#pragma once
#include "lamina/core/error.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina::detail {

/// Device memory, or nullptr when there is none left.
void* cuda_allocate(int device, std::size_t bytes);
void cuda_free(int device, void* memory);
std::int64_t cuda_free_bytes(int device);
void cuda_set_bytes(int device, void* memory, int value, std::size_t bytes);

/// Copies between the host and a device, or within a device. What goes to the host is there afterwards.
void cuda_copy(Cuda& cuda, const ByteRows& to, const ByteRows& from, bool to_host, bool from_host);

/// Points in a device's queue: `record` marks the end of what is queued by now; `seconds` waits for `to` and measures from `from`.
void* cuda_event_create(int device);
void cuda_event_destroy(void* event);
void cuda_event_record(int device, void* event);
double cuda_event_seconds(void* from, void* to);

/// `tensor`, on a device, filled with a value / from another element type on the same device.
void cuda_fill(const Tensor& tensor, double value);
/// True when a kernel converts; false when the conversion goes through the host.
bool cuda_convert(const Tensor& to, const Tensor& from);

}  // namespace lamina::detail
