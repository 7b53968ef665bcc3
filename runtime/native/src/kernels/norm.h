// LayerNorm and RMSNorm of one row.
#pragma once

#include <cstdint>

#include "kernels.h"

namespace edgebert {

// Of the squared distances from `mean`. Padding counts for nothing.
template <class Isa>
[[gnu::always_inline]] inline float mean_square(const float* row, int64_t size, float mean) {
  const auto middle = Isa::all(mean);
  auto squares = Isa::zero();
  const int64_t whole = size / Isa::lanes * Isa::lanes;
  for (int64_t i = 0; i < whole; i += Isa::lanes) {
    const auto distance = Isa::subtract(Isa::load(row + i), middle);
    squares = Isa::fma(distance, distance, squares);
  }
  if (whole < size) {
    const int64_t left = size - whole;
    const auto distance = Isa::subtract(Isa::load(row + whole), middle);
    const auto kept = Isa::select(Isa::first(left), distance, Isa::zero());
    squares = Isa::fma(kept, kept, squares);
  }
  return Isa::sum(squares) / static_cast<float>(size);
}

template <class Isa>
[[gnu::always_inline]] inline float mean_of_row(const float* row, int64_t size, int64_t width) {
  auto sums = Isa::zero();
  for (int64_t i = 0; i < width; i += Isa::lanes) sums = Isa::add(sums, Isa::load(row + i));
  return Isa::sum(sums) / static_cast<float>(size);
}

// `output` may be `row`.
template <class Isa>
void normalize_row(const float* row, const PackedNorm& norm, float* output) {
  const float mean = norm.kind == Norm::layer ? mean_of_row<Isa>(row, norm.size, norm.width) : 0.0F;
  const float spread = mean_square<Isa>(row, norm.size, mean) + norm.epsilon;
  const auto inverse = Isa::all(1.0F / __builtin_sqrtf(spread));
  const auto middle = Isa::all(mean);
  for (int64_t i = 0; i < norm.width; i += Isa::lanes) {
    const auto normal = Isa::multiply(Isa::subtract(Isa::load(row + i), middle), inverse);
    Isa::store(output + i, Isa::fma(normal, Isa::load(norm.weight + i), Isa::load(norm.bias + i)));
  }
}

}  // namespace edgebert
