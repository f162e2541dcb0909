#pragma once
// Every differentiable op, one header each.
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/conv2d.hpp"
#include "lamina/ops/conv_transpose2d.hpp"
