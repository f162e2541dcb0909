#pragma once
// Every differentiable op, one header each.
#include "lamina/ops/activation.hpp"
#include "lamina/ops/argmax.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/batch_norm2d.hpp"
#include "lamina/ops/concat.hpp"
#include "lamina/ops/conv2d.hpp"
#include "lamina/ops/conv_transpose2d.hpp"
#include "lamina/ops/dropout.hpp"
#include "lamina/ops/group_norm.hpp"
#include "lamina/ops/pad.hpp"
#include "lamina/ops/pool2d.hpp"
#include "lamina/ops/resize.hpp"
