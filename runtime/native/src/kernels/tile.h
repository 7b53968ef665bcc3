// The product of 8-bit rows and packed panels in vector registers: one tile.
#pragma once

#include <cstdint>

#include "kernels.h"

namespace edgebert {

// Whether registers of a set hold matrices.
template <class Isa>
concept HasMatrices = requires { Isa::matrix_rows; };

struct NoRegisters {};

template <class Isa>
struct MatrixRegisters {
  using Type = NoRegisters;
};

template <HasMatrices Isa>
struct MatrixRegisters<Isa> {
  using Type = typename Isa::Registers;
};

// Adds the products of Rows rows and Vectors vectors of columns. `ahead` bytes further in the weights are fetched
// meanwhile.
template <class Isa, int Vectors, bool Prefetch>
[[gnu::always_inline]] inline void dot_tile(const uint8_t* rows, int64_t stride, const int8_t* panel, int64_t depth,
                                            int64_t ahead, typename Isa::Int (&sums)[Isa::tile_rows][Vectors]) {
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

// What follows the sums of a tile.
template <class Isa, int Vectors, class Epilogue>
[[gnu::always_inline]] inline void end_tile(const PackedProduct& product, const QuantizedRows& input, int64_t row,
                                            int64_t column, const typename Isa::Int (&sums)[Isa::tile_rows][Vectors],
                                            const Epilogue& epilogue) {
  typename Isa::Float tile[Isa::tile_rows][Vectors];
  finish_tile<Isa, Vectors>(product, input, row, column, sums, tile);
  epilogue.template operator()<Vectors>(row, column, tile);
}

// Products in vector registers, a tile of rows at a time.
template <class Isa>
struct VectorTiles {
  static int64_t rows_at_once(int64_t) { return Isa::tile_rows; }

  template <int Vectors, bool Prefetch, class Epilogue>
  [[gnu::always_inline]] void run(const PackedProduct& product, const QuantizedRows& input, Range rows, int64_t column,
                                  int64_t ahead, const Epilogue& epilogue) {
    typename Isa::Int sums[Isa::tile_rows][Vectors];
    for (auto& row : sums) {
      for (auto& sum : row) sum = Isa::all_ints(0);
    }
    dot_tile<Isa, Vectors, Prefetch>(input.bytes + rows.begin * product.depth, product.depth,
                                     product.panels + column * product.depth, product.depth, ahead, sums);
    end_tile<Isa, Vectors>(product, input, rows.begin, column, sums, epilogue);
  }
};

}  // namespace edgebert
