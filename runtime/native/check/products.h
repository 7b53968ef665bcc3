// The 8-bit product alone: every sum is compared with integers.
#pragma once

#include "kernels/kernels.h"

namespace edgebert::check {

// Throws std::runtime_error: a sum is another number.
void check_products(const Kernels& kernels);

}  // namespace edgebert::check
