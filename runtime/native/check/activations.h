// The activations alone, against those of the C++ library in double.
#pragma once

#include "kernels/kernels.h"

namespace edgebert::check {

// Throws std::runtime_error: one is further off than it says it is.
void check_activations(const Kernels& kernels);

}  // namespace edgebert::check
