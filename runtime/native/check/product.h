// A product in 8 bits without scales and bias, as a packed copy has it.
#pragma once

#include <random>

#include "aligned.h"
#include "kernels/kernels.h"

namespace edgebert::check {

struct Sizes {
  int64_t depth;
  int64_t width;
  int64_t rows;
};

struct Factors {
  Aligned<uint8_t> rows;    // (rows, depth)
  Aligned<int8_t> weights;  // (depth, width)
};

Factors random_factors(const Sizes& sizes, std::mt19937_64& random);

class Product {
 public:
  Product(const Sizes& sizes, TileShape shape, Factors factors);

  [[nodiscard]] const Sizes& sizes() const { return sizes_; }
  [[nodiscard]] const Factors& factors() const { return factors_; }
  [[nodiscard]] int64_t panels() const { return (sizes_.width + panel_width_ - 1) / panel_width_; }

  // output(row, column) = residual(row, column) + the sum over depth; both are (rows, width).
  void multiply(const Kernels& kernels, Range rows, Range panels, const float* residual, float* output);

 private:
  Sizes sizes_;
  int64_t panel_width_;
  Factors factors_;
  Aligned<int8_t> packed_;
  Aligned<float> ones_;
  Aligned<float> zeros_;
  Aligned<float> row_scales_;
  Aligned<float> row_shifts_;
};

}  // namespace edgebert::check
