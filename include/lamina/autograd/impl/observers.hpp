// The observers of a thread, as the engine talks to them.
#pragma once
#include "lamina/autograd/observe.hpp"

namespace lamina {

struct Observers {
  /// While it lives, this thread's ops are no forward events: they are a gradient rule's, or an observer's own.
  class Pause {
   public:
    Pause();
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    bool outer_;
  };
  static void forward(const ForwardEvent& event);
  static void backward(const BackwardEvent& event);
  static void leaf_ready(const Tensor& leaf);

 private:
  template <class F>
  static void tell(F&& f);
};

}  // namespace lamina
