// Rows of floats to 8 bits, with the range of the product or one of their own.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels.h"

namespace edgebert {

struct ByteRange {
  float scale;
  float zero;
};

// The range that holds 0 and every value of a row; a row of zeros has some scale.
template <class Isa>
[[gnu::always_inline]] inline ByteRange range_of_row(const float* row, const PackedProduct& product) {
  auto low = Isa::zero();
  auto high = Isa::zero();
  for (int64_t i = 0; i < product.depth; i += Isa::lanes) {
    const auto value = Isa::multiply(Isa::load(row + i), Isa::load(product.multiplier + i));
    low = Isa::min(low, value);
    high = Isa::max(high, value);
  }
  constexpr float kLeastScale = 1e-20F;
  const float least = Isa::least(low);
  const float scale = std::max((Isa::greatest(high) - least) / 255.0F, kLeastScale);
  return {scale, __builtin_nearbyintf(-least / scale)};
}

template <class Isa>
[[gnu::always_inline]] inline void store_outliers(const float* row, const PackedProduct& product, uint32_t* words) {
  for (int64_t i = 0; i < product.outliers; i += Isa::lanes) {
    const auto values = Isa::load_first(row + product.outlier_start + i, std::min(product.outliers - i, Isa::lanes));
    Isa::store_as_words(words + i / Isa::values_per_word, values);
  }
}

template <class Isa>
void quantize_row(const float* row, const PackedProduct& product, const QuantizedRows& output, int64_t index) {
  ByteRange range{product.range_scale, product.range_zero};
  if (range.scale == 0.0F) range = range_of_row<Isa>(row, product);
  const auto inverse = Isa::all(1.0F / range.scale);
  const auto zero = Isa::all(range.zero);
  uint8_t* bytes = output.bytes + index * product.depth;
  for (int64_t i = 0; i < product.depth; i += Isa::lanes) {
    const auto value = Isa::multiply(Isa::load(row + i), Isa::load(product.multiplier + i));
    Isa::store_bytes(bytes + i, Isa::fma(value, inverse, zero));
  }
  output.scales[index] = range.scale;
  output.shifts[index] = range.scale * range.zero;
  if (product.outliers > 0) store_outliers<Isa>(row, product, output.outliers + index * output.outlier_stride);
}

}  // namespace edgebert
