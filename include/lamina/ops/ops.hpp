#pragma once
// Every differentiable op, one header each.
#include "lamina/ops/arithmetic.hpp"
