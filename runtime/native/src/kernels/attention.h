// Attention of up to three vectors of queries of one head. Lanes are queries, so each query's sums run over its keys
// in the same order, whatever else is in the batch. Keys pass by in blocks that end at multiples of kKeyBlock of the
// text, with a running maximum.
#pragma once

#include <algorithm>
#include <cstdint>

#include "activations.h"
#include "attention_block.h"

namespace edgebert {

inline constexpr float kNoScore = -1e30F;  // below every score, and finite: differences stay numbers

// Products: of queries with keys, and of probabilities with values (VectorAttention, MatrixAttention).
template <class Isa, int Vectors, template <class, int> class Products>
class Attention {
 public:
  using Float = typename Isa::Float;
  using Int = typename Isa::Int;

  Attention(const AttentionBlock& block, const AttentionScratch<Isa>& scratch)
      : block_(block), scratch_(scratch), products_(block_, scratch_) {}

  // Stores the context of `queries` queries, at most as many as lanes.
  [[gnu::always_inline]] void run(int64_t queries, float* context, int64_t stride) {
    load_queries();
    for (int v = 0; v < Vectors; ++v) {
      most_[v] = Isa::all(kNoScore);
      sum_[v] = Isa::zero();
    }
    bool first = true;
    for (int64_t key = 0; key < block_.keys; key += kKeyBlock) {
      const int64_t count = std::min(kKeyBlock, block_.keys - key);
      if (out_of_window(key, count, queries)) continue;
      Float keep[Vectors];
      score(key, count, keep);
      exponentiate(count, keep);
      products_.gather_values(key, count, first, keep);
      first = false;
    }
    store_context(queries, context, stride);
  }

 private:
  static constexpr int64_t columns = Vectors * Isa::lanes;
  static constexpr int64_t values = Isa::values_per_word;

  [[gnu::always_inline]] void load_queries() {
    const int64_t words = block_.head_size / values;
    Int square[Isa::lanes];
    for (int v = 0; v < Vectors; ++v) {
      for (int64_t word = 0; word < words; word += Isa::lanes) {
        const int64_t filled = std::min(Isa::lanes, words - word);
        for (int64_t i = 0; i < Isa::lanes; ++i) {
          square[i] = Isa::load_words(block_.query + (v * Isa::lanes + i) * words + word);
        }
        Isa::transpose(square);
        for (int64_t i = 0; i < filled; ++i) {
          Isa::store_words(scratch_.query + (word + i) * columns + v * Isa::lanes, square[i]);
        }
      }
    }
  }

  // Whether no query here sees a key of this block. Positions rise within a text.
  [[gnu::always_inline]] bool out_of_window(int64_t key, int64_t count, int64_t queries) const {
    if (block_.window == 0) return false;
    return block_.key_positions[key + count - 1] < block_.query_positions[0] - block_.window ||
           block_.key_positions[key] > block_.query_positions[queries - 1] + block_.window;
  }

  // Scores of a block of keys; `keep` is the maximum before it, most_ the one with it.
  [[gnu::always_inline]] void score(int64_t key, int64_t count, Float (&keep)[Vectors]) {
    for (int v = 0; v < Vectors; ++v) keep[v] = most_[v];
    products_.begin_scores(key, count);
    for (int64_t k = 0; k < count; k += Isa::tile_rows) {
      Float tile[Isa::tile_rows][Vectors];
      products_.scores(key, k, tile);
      for (int r = 0; r < Isa::tile_rows; ++r) {
        if (k + r >= count) break;
        for (int v = 0; v < Vectors; ++v) {
          const Float scored = with_rules(tile[r][v], key + k + r, v);
          most_[v] = Isa::max(most_[v], scored);
          Isa::store(scratch_.scores + (k + r) * columns + v * Isa::lanes, scored);
        }
      }
    }
  }

  [[gnu::always_inline]] Float with_rules(Float score, int64_t key, int v) const {
    if (block_.bias == nullptr && block_.window == 0) return score;
    const auto distance = Isa::subtract_ints(Isa::all_ints(block_.key_positions[key]),
                                             Isa::load_ints(block_.query_positions + v * Isa::lanes));
    if (block_.bias != nullptr) {
      const auto index = Isa::clamp_ints(distance, static_cast<int32_t>(block_.bias_reach));
      score = Isa::add(score, Isa::gather(block_.bias, index));
    }
    if (block_.window == 0) return score;
    return Isa::select(Isa::within(distance, static_cast<int32_t>(block_.window)), score, Isa::all(2 * kNoScore));
  }

  // Scores to words of probabilities; `keep` becomes what earlier sums are multiplied with.
  [[gnu::always_inline]] void exponentiate(int64_t count, Float (&keep)[Vectors]) {
    for (int v = 0; v < Vectors; ++v) {
      Float total = Isa::zero();
      const float* scores = scratch_.scores + v * Isa::lanes;
      uint32_t* words = scratch_.probabilities + v * Isa::lanes;
      for (int64_t k = 0; k < count; k += values, words += columns) {
        const Float upper = exp2<Isa>(Isa::subtract(Isa::load(scores + k * columns), most_[v]));
        if constexpr (values == 1) {
          total = Isa::add(total, upper);
          Isa::store_words(words, Isa::as_words(upper));
        } else {
          Float lower = Isa::zero();
          if (k + 1 < count) lower = exp2<Isa>(Isa::subtract(Isa::load(scores + (k + 1) * columns), most_[v]));
          total = Isa::add(total, Isa::add(upper, lower));
          Isa::store_words(words, Isa::pair(upper, lower));
        }
      }
      keep[v] = exp2<Isa>(Isa::subtract(keep[v], most_[v]));
      sum_[v] = Isa::fma(sum_[v], keep[v], total);
    }
  }

  [[gnu::always_inline]] void store_context(int64_t queries, float* context, int64_t stride) {
    Int square[Isa::lanes];
    for (int v = 0; v < Vectors; ++v) {
      const Float inverse = Isa::divide(Isa::all(1.0F), sum_[v]);
      const int64_t rows = std::min(Isa::lanes, queries - v * Isa::lanes);
      for (int64_t j = 0; j < block_.head_size; j += Isa::lanes) {
        for (int64_t i = 0; i < Isa::lanes; ++i) {
          const Float unscaled = Isa::load(scratch_.context + (j + i) * columns + v * Isa::lanes);
          square[i] = Isa::as_words(Isa::multiply(unscaled, inverse));
        }
        Isa::transpose(square);
        for (int64_t i = 0; i < rows; ++i) {
          Isa::store(context + (v * Isa::lanes + i) * stride + j, Isa::as_floats(square[i]));
        }
      }
    }
  }

  AttentionBlock block_;
  AttentionScratch<Isa> scratch_;
  Products<Isa, Vectors> products_;
  Float most_[Vectors];
  Float sum_[Vectors];
};

}  // namespace edgebert
