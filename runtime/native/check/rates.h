// How long products of a kernel take alone: the limit that the encoder's time is set beside.
#pragma once

#include <span>

#include "kernels/kernels.h"

namespace edgebert::check {

// The arguments are a number of threads, then shapes: ROWSxDEPTHxWIDTH. Prints a line for each shape, with the shape
// and the microseconds of its product.
//
// Throws std::invalid_argument: there is no number, or a shape is none or no multiple of the kernel's lanes.
void print_rates(const Kernels& kernels, std::span<char*> arguments);

}  // namespace edgebert::check
