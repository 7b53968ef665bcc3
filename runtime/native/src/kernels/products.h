// What is done with the tiles of each product of a layer, while they are in registers.
#pragma once

#include <cstdint>

#include "activations.h"
#include "head_columns.h"
#include "kernels.h"
#include "tiles.h"

namespace edgebert {

// Query, key and value of a head: stored as words, rotated before that where there is a table.
template <class Isa>
struct StoreAttention {
  const AttentionRules& rules;
  const RotaryTable& rotary;
  const AttentionWords& output;

  template <int Vectors>
  [[gnu::always_inline]] void operator()(int64_t row, int64_t column,
                                         typename Isa::Float (&tile)[Isa::tile_rows][Vectors]) const {
    const int64_t vectors_of_head = 3 * rules.head_size / Isa::lanes;
    const int64_t head = column / Isa::lanes / vectors_of_head;
    const int64_t first = column / Isa::lanes - head * vectors_of_head;
    if constexpr (Vectors == 3) {
      if (rotary.cosine != nullptr) rotate(row, head_column(first, rules.head_size, Isa::lanes), tile);
    }
    for (int v = 0; v < Vectors; ++v) store(row, head, head_column(first + v, rules.head_size, Isa::lanes), tile, v);
  }

  // The first two vectors of a tile are the halves of query or key that are turned together.
  [[gnu::always_inline]] void rotate(int64_t row, HeadColumn at, typename Isa::Float (&tile)[Isa::tile_rows][3]) const {
    for (int r = 0; r < Isa::tile_rows; ++r) {
      const int64_t entry = rules.positions[row + r] * (rules.head_size / 2) + at.column;
      const auto cosine = Isa::load(rotary.cosine + entry);
      const auto sine = Isa::load(rotary.sine + entry);
      const auto lower = tile[r][0];
      const auto upper = tile[r][1];
      tile[r][0] = Isa::fnma(upper, sine, Isa::multiply(lower, cosine));
      tile[r][1] = Isa::fma(lower, sine, Isa::multiply(upper, cosine));
    }
  }

  template <int Vectors>
  [[gnu::always_inline]] void store(int64_t row, int64_t head, HeadColumn at,
                                    typename Isa::Float (&tile)[Isa::tile_rows][Vectors], int v) const {
    constexpr int64_t values = Isa::values_per_word;
    const int64_t size = rules.head_size;
    if (at.part == HeadPart::value) {
      store_value(output.value + head * output.tokens / values * size + row / values * output.value_step +
                      at.column * output.value_column_step,
                  tile, v);
      return;
    }
    uint32_t* words = at.part == HeadPart::query ? output.query : output.key;
    uint32_t* to = words + ((head * output.tokens + row) * size + at.column) / values;
    for (int r = 0; r < Isa::tile_rows; ++r) Isa::store_as_words(to + r * size / values, tile[r][v]);
  }

  template <int Vectors>
  [[gnu::always_inline]] void store_value(uint32_t* to, typename Isa::Float (&tile)[Isa::tile_rows][Vectors],
                                          int v) const {
    constexpr int64_t values = Isa::values_per_word;
    typename Isa::Int words[Isa::tile_rows / values];
    for (int r = 0; r < Isa::tile_rows; r += values) {
      if constexpr (values == 2) {
        words[r / values] = Isa::pair(tile[r][v], tile[r + 1][v]);
      } else {
        words[r] = Isa::as_words(tile[r][v]);
      }
    }
    if constexpr (HasMatrices<Isa>) {
      Isa::store_columns(to, output.value_column_step, words);
    } else {
      for (const auto& word : words) {
        Isa::store_words(to, word);
        to += output.value_step;
      }
    }
  }
};

// output = residual + product
template <class Isa>
struct AddResidual {
  const float* residual;
  float* output;
  int64_t width;

  template <int Vectors>
  [[gnu::always_inline]] void operator()(int64_t row, int64_t column,
                                         typename Isa::Float (&tile)[Isa::tile_rows][Vectors]) const {
    for (int r = 0; r < Isa::tile_rows; ++r) {
      for (int v = 0; v < Vectors; ++v) {
        const int64_t at = (row + r) * width + column + v * Isa::lanes;
        Isa::store(output + at, Isa::add(tile[r][v], Isa::load(residual + at)));
      }
    }
  }
};

// output = activation(product)
template <class Isa, typename Isa::Float (*Function)(typename Isa::Float)>
struct StoreActivated {
  float* output;
  int64_t width;

  template <int Vectors>
  [[gnu::always_inline]] void operator()(int64_t row, int64_t column,
                                         typename Isa::Float (&tile)[Isa::tile_rows][Vectors]) const {
    for (int r = 0; r < Isa::tile_rows; ++r) {
      for (int v = 0; v < Vectors; ++v) {
        Isa::store(output + (row + r) * width + column + v * Isa::lanes, Function(tile[r][v]));
      }
    }
  }
};

// output = output * product
template <class Isa>
struct MultiplyStored {
  float* output;
  int64_t width;

  template <int Vectors>
  [[gnu::always_inline]] void operator()(int64_t row, int64_t column,
                                         typename Isa::Float (&tile)[Isa::tile_rows][Vectors]) const {
    for (int r = 0; r < Isa::tile_rows; ++r) {
      for (int v = 0; v < Vectors; ++v) {
        float* to = output + (row + r) * width + column + v * Isa::lanes;
        Isa::store(to, Isa::multiply(tile[r][v], Isa::load(to)));
      }
    }
  }
};

}  // namespace edgebert
