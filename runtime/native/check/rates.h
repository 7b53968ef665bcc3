// How long products of a kernel take alone: the limit that the encoder's time is set beside.
#pragma once

#include <span>

#include "kernels/kernels.h"

namespace edgebert::check {

// Prints a line for each shape, ROWSxDEPTHxWIDTH: the shape, and microseconds of its product on so many threads.
//
// Throws std::invalid_argument: a shape is none, or its sizes are no multiples of the kernel's tile.
void print_rates(const Kernels& kernels, int threads, std::span<char*> shapes);

}  // namespace edgebert::check
