#include <chrono>
#include <memory>

#include "lamina/core/impl/cuda.hpp"

namespace lamina {
namespace {
using Clock = std::chrono::steady_clock;

struct DestroyEvent {
  void operator()(void* event) const { detail::cuda_event_destroy(event); }
};
using Event = std::unique_ptr<void, DestroyEvent>;
}  // namespace

struct Stopwatch::State {
  Device device;
  Clock::time_point begin{};
  Event first, last;  // of a CUDA device
};

Stopwatch::Stopwatch(Device device) {
  auto state = std::make_unique<State>();
  state->device = device;
  if (device.is_cuda())
    for (Event* event : {&state->first, &state->last}) event->reset(detail::cuda_event_create(device.index));
  state_ = state.release();
}

Stopwatch::~Stopwatch() { delete state_; }

void Stopwatch::start() {
  if (state_->device.is_cuda())
    detail::cuda_event_record(state_->device.index, state_->first.get());
  else
    state_->begin = Clock::now();
}

double Stopwatch::seconds() {
  if (!state_->device.is_cuda()) return std::chrono::duration<double>(Clock::now() - state_->begin).count();
  detail::cuda_event_record(state_->device.index, state_->last.get());
  return detail::cuda_event_seconds(state_->first.get(), state_->last.get());
}

}  // namespace lamina
