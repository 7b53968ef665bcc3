#include "products.h"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>

#include "aligned.h"

namespace edgebert::check {
namespace {

struct Sizes {
  int64_t depth;
  int64_t width;
  int64_t rows;
};

struct Factors {
  Aligned<uint8_t> rows;    // (rows, depth)
  Aligned<int8_t> weights;  // (depth, width)
};

size_t count(int64_t one, int64_t other) { return static_cast<size_t>(one * other); }

Factors random_factors(const Sizes& sizes, std::mt19937_64& random) {
  Factors factors;
  factors.rows.resize(count(sizes.rows, sizes.depth));
  factors.weights.resize(count(sizes.depth, sizes.width));
  std::uniform_int_distribution<int> bytes(0, 255);
  for (uint8_t& value : factors.rows) value = static_cast<uint8_t>(bytes(random));
  for (int8_t& value : factors.weights) value = static_cast<int8_t>(bytes(random) - 128);
  return factors;
}

// The largest sums there are: an instruction that saturates in between gives others.
Factors extreme_factors(const Sizes& sizes, int8_t weight) {
  return {Aligned<uint8_t>(count(sizes.rows, sizes.depth), 255),
          Aligned<int8_t>(count(sizes.depth, sizes.width), weight)};
}

// As kernels.h says: [panel][depth / 4][columns of the panel][4].
Aligned<int8_t> packed(const Aligned<int8_t>& weights, const Sizes& sizes, int64_t panel_width) {
  Aligned<int8_t> panels;
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

float expected_sum(const Factors& factors, const Sizes& sizes, int64_t row, int64_t column) {
  int64_t sum = 0;
  for (int64_t k = 0; k < sizes.depth; ++k) {
    sum += int64_t{factors.rows[static_cast<size_t>(row * sizes.depth + k)]} *
           factors.weights[static_cast<size_t>(k * sizes.width + column)];
  }
  return static_cast<float>(sum);
}

void check_product(const Kernels& kernels, const Sizes& sizes, Factors factors) {
  const TileShape shape = kernels.shape();
  const Aligned<int8_t> panels = packed(factors.weights, sizes, shape.lanes * shape.vectors);
  const auto width = static_cast<size_t>(sizes.width);
  const Aligned<float> ones(width, 1.0f);
  const Aligned<float> zeros(width, 0.0f);
  PackedProduct product;
  product.depth = sizes.depth;
  product.width = sizes.width;
  product.panels = panels.data();
  product.scales = ones.data();
  product.bias = zeros.data();
  product.zero_weights = zeros.data();
  Aligned<float> scales(static_cast<size_t>(sizes.rows), 1.0f);
  Aligned<float> shifts(static_cast<size_t>(sizes.rows), 0.0f);
  const QuantizedRows input{factors.rows.data(), scales.data(), shifts.data(), nullptr, 0};
  const Aligned<float> residual(count(sizes.rows, sizes.width), 0.0f);
  Aligned<float> output(residual.size(), -1.0f);
  const int64_t last_panel = (sizes.width + shape.lanes * shape.vectors - 1) / (shape.lanes * shape.vectors);
  kernels.add(product, input, {0, sizes.rows}, {0, last_panel}, residual.data(), output.data());
  for (int64_t at = 0; at < sizes.rows * sizes.width; ++at) {
    const float expected = expected_sum(factors, sizes, at / sizes.width, at % sizes.width);
    const float found = output[static_cast<size_t>(at)];
    if (found == expected) continue;
    throw std::runtime_error("product of depth " + std::to_string(sizes.depth) + ": found " + std::to_string(found) +
                             ", expected " + std::to_string(expected));
  }
}

}  // namespace

void check_products(const Kernels& kernels) {
  constexpr int64_t kTiles = 7;  // all numbers of tiles that are computed at once: four, two and one
  const TileShape shape = kernels.shape();
  std::mt19937_64 random(26);
  for (const int64_t vectors_deep : {1, 3, 5, 24}) {
    for (const int64_t vectors_wide : {1, 2, 3, 4, 8}) {
      const Sizes sizes{vectors_deep * shape.lanes, vectors_wide * shape.lanes, kTiles * shape.rows};
      check_product(kernels, sizes, random_factors(sizes, random));
      check_product(kernels, sizes, extreme_factors(sizes, 127));
      check_product(kernels, sizes, extreme_factors(sizes, -128));
    }
  }
}

}  // namespace edgebert::check
