#include "product.h"

#include <algorithm>
#include <utility>

namespace edgebert::check {
namespace {

size_t count(int64_t one, int64_t other) { return static_cast<size_t>(one * other); }

// As kernels.h says: [panel][depth / 4][columns of the panel][4].
Aligned<int8_t> packed(const Aligned<int8_t>& weights, const Sizes& sizes, int64_t panel_width) {
  Aligned<int8_t> panels;
  panels.reserve(weights.size());
  for (int64_t first = 0; first < sizes.width; first += panel_width) {
    const int64_t last = std::min(sizes.width, first + panel_width);
    for (int64_t k = 0; k < sizes.depth; k += 4) {
      for (int64_t column = first; column < last; ++column) {
        for (int64_t part = k; part < k + 4; ++part) {
          panels.push_back(weights[static_cast<size_t>(part * sizes.width + column)]);
        }
      }
    }
  }
  return panels;
}

}  // namespace

Factors random_factors(const Sizes& sizes, std::mt19937_64& random) {
  Factors factors;
  factors.rows.resize(count(sizes.rows, sizes.depth));
  factors.weights.resize(count(sizes.depth, sizes.width));
  std::uniform_int_distribution<int> bytes(0, 255);
  for (uint8_t& value : factors.rows) value = static_cast<uint8_t>(bytes(random));
  for (int8_t& value : factors.weights) value = static_cast<int8_t>(bytes(random) - 128);
  return factors;
}

Product::Product(const Sizes& sizes, TileShape shape, Factors factors)
    : sizes_(sizes),
      panel_width_(shape.lanes * shape.vectors),
      factors_(std::move(factors)),
      packed_(packed(factors_.weights, sizes, panel_width_)),
      ones_(static_cast<size_t>(sizes.width), 1.0f),
      zeros_(static_cast<size_t>(sizes.width), 0.0f),
      row_scales_(static_cast<size_t>(sizes.rows), 1.0f),
      row_shifts_(static_cast<size_t>(sizes.rows), 0.0f) {}

void Product::multiply(const Kernels& kernels, Range rows, Range panels, const float* residual, float* output) {
  PackedProduct product;
  product.depth = sizes_.depth;
  product.width = sizes_.width;
  product.panels = packed_.data();
  product.scales = ones_.data();
  product.bias = zeros_.data();
  product.zero_weights = zeros_.data();
  const QuantizedRows input{factors_.rows.data() + rows.begin * sizes_.depth, row_scales_.data() + rows.begin,
                            row_shifts_.data() + rows.begin, nullptr, 0};
  const int64_t offset = rows.begin * sizes_.width;
  kernels.add(product, input, {0, rows.end - rows.begin}, panels, residual + offset, output + offset);
}

}  // namespace edgebert::check
