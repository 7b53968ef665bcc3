// The two products of attention in registers that hold matrices. Heads are whole matrices of words wide.
#pragma once

#include <algorithm>
#include <cstdint>

#include "attention_block.h"

namespace edgebert {

template <class Isa, int Vectors>
class MatrixAttention {
 public:
  using Float = typename Isa::Float;

  static bool can_run(int64_t head_size) { return head_size / Isa::values_per_word % Isa::lanes == 0; }

  MatrixAttention(const AttentionBlock& block, const AttentionScratch<Isa>& scratch)
      : block_(block), scratch_(scratch) {}

  // Of all keys of a block. Rows behind the last key are whatever lies there: nobody reads their scores.
  [[gnu::always_inline]] void begin_scores(int64_t key, int64_t count) {
    const int64_t words = block_.head_size / Isa::values_per_word;
    for (int64_t k = 0; k < count; k += Isa::matrix_rows) {
      Isa::clear_sums();
      for (int64_t word = 0; word < words; word += Isa::lanes) {
        Isa::template multiply_words<Vectors>(block_.key + (key + k) * words + word, words,
                                              scratch_.query + word * columns);
      }
      Isa::template store_sums<Vectors, 1>(scratch_.scores + k * columns);
    }
  }

  [[gnu::always_inline]] void scores(int64_t, int64_t k, Float (&tile)[Isa::tile_rows][Vectors]) const {
    const float* from = scratch_.scores + k * columns;
    for (auto& row : tile) {
      for (auto& score : row) {
        score = Isa::load(from);
        from += Isa::lanes;
      }
    }
  }

  // Context, transposed: (head_size, queries).
  [[gnu::always_inline]] void gather_values(int64_t key, int64_t count, bool first, const Float (&keep)[Vectors]) {
    const int64_t words = (count + Isa::values_per_word - 1) / Isa::values_per_word;
    const int64_t whole = words / Isa::lanes * Isa::lanes;
    if (!first) scale_context(keep);
    if (whole < words) clear_probabilities(words);
    const uint32_t* value = block_.value + key / Isa::values_per_word;
    for (int64_t j = 0; j < block_.head_size; j += Isa::matrix_rows, value += Isa::matrix_rows * stride()) {
      float* context = scratch_.context + j * columns;
      if (first) {
        Isa::clear_sums();
      } else {
        Isa::template load_sums<Vectors>(context);
      }
      for (int64_t word = 0; word < whole; word += Isa::lanes) {
        Isa::template multiply_words<Vectors>(value + word, stride(), scratch_.probabilities + word * columns);
      }
      if (whole < words) {
        copy_last(value + whole, words - whole);
        Isa::template multiply_words<Vectors>(last_, Isa::lanes, scratch_.probabilities + whole * columns);
      }
      Isa::template store_sums<Vectors, 1>(context);
    }
  }

 private:
  static constexpr int64_t columns = Vectors * Isa::lanes;

  [[nodiscard]] int64_t stride() const { return block_.value_column_step; }

  [[gnu::always_inline]] void scale_context(const Float (&keep)[Vectors]) {
    float* context = scratch_.context;
    for (int64_t j = 0; j < block_.head_size; ++j) {
      for (int v = 0; v < Vectors; ++v, context += Isa::lanes) {
        Isa::store(context, Isa::multiply(Isa::load(context), keep[v]));
      }
    }
  }

  // A matrix of words is whole: behind the last there are zeros on both sides. A value there may be another text's, and
  // 0 times NaN is NaN.
  [[gnu::always_inline]] void clear_probabilities(int64_t words) {
    const int64_t end = (words + Isa::lanes - 1) / Isa::lanes * Isa::lanes;
    std::fill(scratch_.probabilities + words * columns, scratch_.probabilities + end * columns, 0U);
  }

  [[gnu::always_inline]] void copy_last(const uint32_t* value, int64_t words) {
    for (int64_t row = 0; row < Isa::matrix_rows; ++row) {
      Isa::store_words(last_ + row * Isa::lanes, Isa::load_first_words(value + row * stride(), words));
    }
  }

  const AttentionBlock& block_;
  const AttentionScratch<Isa>& scratch_;
  alignas(64) uint32_t last_[Isa::matrix_rows * Isa::lanes];
};

}  // namespace edgebert
