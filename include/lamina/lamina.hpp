#pragma once
// The only include a user needs.
#include "lamina/autograd/gradcheck.hpp"
#include "lamina/autograd/node.hpp"
#include "lamina/core/tensor.hpp"
#include "lamina/ops/ops.hpp"
