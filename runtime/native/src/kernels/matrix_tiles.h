// Products in registers that hold matrices.
#pragma once

#include <cstdint>

#include "tile.h"

namespace edgebert {

// As VectorTiles, for several tiles of rows at a time. Sums pass through memory, because only vectors can be scaled.
template <class Isa>
class MatrixTiles {
 public:
  static int64_t rows_at_once(int64_t left) {
    if (left >= most_rows) return most_rows;
    return left >= Isa::matrix_rows ? Isa::matrix_rows : Isa::tile_rows;
  }

  // A single tile of rows would leave half of a matrix empty.
  template <int Vectors, bool Prefetch, class Epilogue>
  [[gnu::always_inline]] void run(const PackedProduct& product, const QuantizedRows& input, Range rows, int64_t column,
                                  int64_t ahead, const Epilogue& epilogue) {
    const int64_t count = rows.end - rows.begin;
    if (count == most_rows) {
      run_matrices<Vectors, Isa::stacked, Prefetch>(product, input, rows, column, ahead, epilogue);
    } else if (count == Isa::matrix_rows) {
      run_matrices<Vectors, 1, Prefetch>(product, input, rows, column, ahead, epilogue);
    } else {
      VectorTiles<Isa>().template run<Vectors, Prefetch>(product, input, rows, column, ahead, epilogue);
    }
  }

 private:
  static constexpr int64_t most_rows = Isa::stacked * Isa::matrix_rows;

  template <int Vectors, int Stacked, bool Prefetch, class Epilogue>
  [[gnu::always_inline]] void run_matrices(const PackedProduct& product, const QuantizedRows& input, Range rows,
                                           int64_t column, int64_t ahead, const Epilogue& epilogue) {
    const int64_t depth = product.depth;
    const int64_t whole = depth / Isa::matrix_bytes * Isa::matrix_bytes;  // beyond is less than a matrix
    const uint8_t* bytes = input.bytes + rows.begin * depth;
    const int8_t* panel = product.panels + column * depth;
    multiply<Vectors, Stacked, Prefetch>(bytes, depth, panel, whole, ahead);
    for (int64_t row = 0; row < Stacked * Isa::matrix_rows; row += Isa::tile_rows) {
      typename Isa::Int sums[Isa::tile_rows][Vectors];
      load_sums<Vectors>(row, sums);
      dot_tile<Isa, Vectors, false>(bytes + row * depth + whole, depth, panel + whole * Vectors * Isa::lanes,
                                    depth - whole, 0, sums);
      end_tile<Isa, Vectors>(product, input, rows.begin + row, column, sums, epilogue);
    }
  }

  template <int Vectors, int Stacked, bool Prefetch>
  [[gnu::always_inline]] void multiply(const uint8_t* bytes, int64_t stride, const int8_t* panel, int64_t depth,
                                       int64_t ahead) {
    constexpr int64_t step = Vectors * Isa::lanes * Isa::matrix_bytes;
    Isa::clear_sums();
    for (int64_t k = 0; k < depth; k += Isa::matrix_bytes, panel += step) {
      Isa::template multiply_bytes<Vectors, Stacked>(bytes + k, stride, panel);
      if constexpr (Prefetch) {
        for (int64_t line = 0; line < step; line += Isa::matrix_bytes) Isa::prefetch(panel + ahead + line);
      }
    }
    Isa::template store_sums<Vectors, Stacked>(sums_);
  }

  template <int Vectors>
  [[gnu::always_inline]] void load_sums(int64_t row, typename Isa::Int (&sums)[Isa::tile_rows][Vectors]) const {
    const int32_t* from = sums_ + row * Vectors * Isa::lanes;
    for (auto& sums_of_row : sums) {
      for (auto& sum : sums_of_row) {
        sum = Isa::load_ints(from);
        from += Isa::lanes;
      }
    }
  }

  alignas(64) int32_t sums_[most_rows * Isa::tile_vectors * Isa::lanes];
};

}  // namespace edgebert
