// The two products of attention in vector registers.
#pragma once

#include <cstdint>

#include "attention_block.h"
#include "tile.h"

namespace edgebert {

template <class Isa, int Vectors>
class VectorAttention {
 public:
  using Float = typename Isa::Float;

  VectorAttention(const AttentionBlock& block, const AttentionScratch<Isa>& scratch)
      : block_(block), scratch_(scratch) {}

  void begin_scores(int64_t, int64_t) {}

  // Of a tile of keys: `k` of the block that begins at `key`.
  [[gnu::always_inline]] void scores(int64_t key, int64_t k, Float (&tile)[Isa::tile_rows][Vectors]) const {
    const int64_t words = block_.head_size / Isa::values_per_word;
    for (auto& row : tile) {
      for (auto& sum : row) sum = Isa::zero();
    }
    dot_words_tile<Isa, Vectors>(block_.key + (key + k) * words, words, 1, scratch_.query, words, tile);
  }

  // Context, transposed: (head_size, queries). Only words of this text's own values are read: a row of another text
  // may hold NaN, and 0 times NaN is NaN.
  [[gnu::always_inline]] void gather_values(int64_t key, int64_t count, bool first, const Float (&keep)[Vectors]) {
    constexpr int64_t values = Isa::values_per_word;
    const uint32_t* value = block_.value + key / values * block_.value_key_step;
    for (int64_t j = 0; j < block_.head_size; j += Isa::tile_rows) {
      Float tile[Isa::tile_rows][Vectors];
      for (int r = 0; r < Isa::tile_rows; ++r) {
        for (int v = 0; v < Vectors; ++v) {
          const float* before = scratch_.context + (j + r) * columns + v * Isa::lanes;
          tile[r][v] = first ? Isa::zero() : Isa::multiply(Isa::load(before), keep[v]);
        }
      }
      dot_words_tile<Isa, Vectors>(value + j * block_.value_column_step, block_.value_column_step,
                                   block_.value_key_step, scratch_.probabilities, (count + values - 1) / values, tile);
      for (int r = 0; r < Isa::tile_rows; ++r) {
        for (int v = 0; v < Vectors; ++v) {
          Isa::store(scratch_.context + (j + r) * columns + v * Isa::lanes, tile[r][v]);
        }
      }
    }
  }

 private:
  static constexpr int64_t columns = Vectors * Isa::lanes;

  const AttentionBlock& block_;
  const AttentionScratch<Isa>& scratch_;
};

}  // namespace edgebert
