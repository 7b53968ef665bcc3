// Models that are slightly wrong, from a seed.
#pragma once

#include <random>

#include "case_file.h"

namespace edgebert::check {

// Changes one thing: an attribute, a role, or the type, shape or a value of a constant. Most results are to be refused;
// the rest are odd but whole models. A constant keeps memory of exactly its size.
void mutate(Case& model, std::mt19937_64& random);

}  // namespace edgebert::check
