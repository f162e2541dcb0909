#pragma once
// Every layer, one header each.
#include "lamina/nn/conv.hpp"
#include "lamina/nn/dropout.hpp"
#include "lamina/nn/init.hpp"
#include "lamina/nn/module.hpp"
#include "lamina/nn/norm.hpp"
#include "lamina/nn/profile.hpp"
#include "lamina/nn/sequential.hpp"
