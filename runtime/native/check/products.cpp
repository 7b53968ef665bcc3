#include "products.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "product.h"

namespace edgebert::check {
namespace {

size_t count(int64_t one, int64_t other) { return static_cast<size_t>(one * other); }

// The largest sums there are: an instruction that saturates in between gives others.
Factors extreme_factors(const Sizes& sizes, int8_t weight) {
  return {Aligned<uint8_t>(count(sizes.rows, sizes.depth), 255),
          Aligned<int8_t>(count(sizes.depth, sizes.width), weight)};
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
  Product product(sizes, kernels.shape(), std::move(factors));
  const Aligned<float> residual(count(sizes.rows, sizes.width), 0.0f);
  Aligned<float> output(residual.size(), -1.0f);
  product.multiply(kernels, {0, sizes.rows}, {0, product.panels()}, residual.data(), output.data());
  for (int64_t at = 0; at < sizes.rows * sizes.width; ++at) {
    const float expected = expected_sum(product.factors(), sizes, at / sizes.width, at % sizes.width);
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
