// The product of 8-bit rows and packed panels: one register tile, and the order in which tiles are visited.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels.h"

namespace edgebert {

// The sums of Rows rows and Vectors vectors of columns. `ahead` bytes further in the weights are fetched meanwhile.
template <class Isa, int Vectors, bool Prefetch>
[[gnu::always_inline]] inline void dot_tile(const uint8_t* rows, int64_t stride, const int8_t* panel, int64_t depth,
                                            int64_t ahead, typename Isa::Int (&sums)[Isa::tile_rows][Vectors]) {
  for (auto& row : sums) {
    for (auto& sum : row) sum = Isa::all_ints(0);
  }
  constexpr int64_t step = Isa::lanes * 4;
  for (int64_t k = 0; k < depth; k += 4, panel += Vectors * step) {
    typename Isa::Int weights[Vectors];
    for (int v = 0; v < Vectors; ++v) {
      weights[v] = Isa::load_weights(panel + v * step);
      if constexpr (Prefetch) Isa::prefetch(panel + ahead + v * step);
    }
    for (int r = 0; r < Isa::tile_rows; ++r) {
      const auto bytes = Isa::all_bytes4(rows + r * stride + k);
      for (int v = 0; v < Vectors; ++v) sums[r][v] = Isa::dot4(sums[r][v], bytes, weights[v]);
    }
  }
}

// Adds to `sums` the products of words: of each row `row_stride` apart, the next word `step` further.
template <class Isa, int Vectors>
[[gnu::always_inline]] inline void dot_words_tile(const uint32_t* rows, int64_t row_stride, int64_t step,
                                                  const uint32_t* words, int64_t count,
                                                  typename Isa::Float (&sums)[Isa::tile_rows][Vectors]) {
  for (int64_t k = 0; k < count; ++k, rows += step, words += Vectors * Isa::lanes) {
    typename Isa::Int right[Vectors];
    for (int v = 0; v < Vectors; ++v) right[v] = Isa::load_words(words + v * Isa::lanes);
    for (int r = 0; r < Isa::tile_rows; ++r) {
      const auto left = Isa::all_words(rows[r * row_stride]);
      for (int v = 0; v < Vectors; ++v) sums[r][v] = Isa::dot_words(sums[r][v], left, right[v]);
    }
  }
}

// From sums to what the product is: scales, zero points, bias and outliers.
template <class Isa, int Vectors>
[[gnu::always_inline]] inline void finish_tile(const PackedProduct& product, const QuantizedRows& input, int64_t row,
                                               int64_t column, const typename Isa::Int (&sums)[Isa::tile_rows][Vectors],
                                               typename Isa::Float (&tile)[Isa::tile_rows][Vectors]) {
  for (int v = 0; v < Vectors; ++v) {
    const int64_t at = column + v * Isa::lanes;
    const auto scale = Isa::load(product.scales + at);
    const auto bias = Isa::load(product.bias + at);
    const auto zero_weights = Isa::load(product.zero_weights + at);
    for (int r = 0; r < Isa::tile_rows; ++r) {
      const auto scaled = Isa::multiply(Isa::to_float(sums[r][v]), Isa::all(input.scales[row + r]));
      tile[r][v] = Isa::fma(scaled, scale, Isa::fnma(Isa::all(input.shifts[row + r]), zero_weights, bias));
    }
  }
  if (product.outliers > 0) {
    const int64_t words = (product.outliers + Isa::values_per_word - 1) / Isa::values_per_word;
    dot_words_tile<Isa, Vectors>(input.outliers + row * input.outlier_stride, input.outlier_stride, 1,
                                 product.outlier_words + column * words, words, tile);
  }
}

template <class Isa, int Vectors, bool Prefetch, class Epilogue>
[[gnu::always_inline]] inline void run_tile(const PackedProduct& product, const QuantizedRows& input, int64_t row,
                                            int64_t panel, int64_t ahead, const Epilogue& epilogue) {
  const int64_t column = panel * Isa::tile_vectors * Isa::lanes;
  typename Isa::Int sums[Isa::tile_rows][Vectors];
  dot_tile<Isa, Vectors, Prefetch>(input.bytes + row * product.depth, product.depth,
                                   product.panels + column * product.depth, product.depth, ahead, sums);
  typename Isa::Float tile[Isa::tile_rows][Vectors];
  finish_tile<Isa, Vectors>(product, input, row, column, sums, tile);
  epilogue.template operator()<Vectors>(row, column, tile);
}

// Panels of a group stay in a cache while all rows pass by: one panel in the first cache, or several in the second.
[[gnu::always_inline]] inline int64_t panels_of_group(int64_t panel_bytes) {
  constexpr int64_t kFirstCache = 40 << 10;
  constexpr int64_t kSecondCache = 240 << 10;
  return panel_bytes <= kFirstCache ? 1 : std::max<int64_t>(1, kSecondCache / panel_bytes);
}

// Calls epilogue.operator()<Vectors>(row, column, tile) for every tile.
template <class Isa, class Epilogue>
void for_tiles(const PackedProduct& product, const QuantizedRows& input, Range rows, Range panels,
               const Epilogue& epilogue) {
  constexpr int64_t panel_width = Isa::lanes * Isa::tile_vectors;
  const int64_t group = panels_of_group(panel_width * product.depth);
  const int64_t ahead = group * panel_width * product.depth;
  for (int64_t first = panels.begin; first < panels.end; first += group) {
    const int64_t last = std::min(panels.end, first + group);
    for (int64_t row = rows.begin; row < rows.end; row += Isa::tile_rows) {
      for (int64_t panel = first; panel < last; ++panel) {
        const int64_t left = product.width / Isa::lanes - panel * Isa::tile_vectors;
        if (left == 1) {
          run_tile<Isa, 1, false>(product, input, row, panel, 0, epilogue);
        } else if (left == 2) {
          run_tile<Isa, 2, false>(product, input, row, panel, 0, epilogue);
        } else if (row == rows.begin) {
          run_tile<Isa, 3, true>(product, input, row, panel, ahead, epilogue);
        } else {
          run_tile<Isa, 3, false>(product, input, row, panel, 0, epilogue);
        }
      }
    }
  }
}

}  // namespace edgebert
