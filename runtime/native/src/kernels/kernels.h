// What an instruction set gives the encoder: a few operations on rows, and the shape of its tile. Everything else (what
// runs when, on which thread, in which memory) is compiled once for all CPUs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../config.h"

namespace edgebert {

// Half open.
struct Range {
  int64_t begin = 0;
  int64_t end = 0;
};

// The sizes that weights are packed by.
struct TileShape {
  int64_t lanes;            // floats of a vector
  int64_t rows;             // of the register tile
  int64_t vectors;          // of lanes, side by side in a tile; a panel is as wide
  int64_t values_per_word;  // of the 32-bit words that attention and outliers multiply: 2 bfloat16 or 1 float
  bool values_by_column;    // whether the words of a column of attention's values follow each other, or those of a row
};

// One product, or several that share an input, in the packed copy. Rows of floats are padded with zeros to whole
// vectors: `depth` and `width` count the padding.
struct PackedProduct {
  int64_t depth = 0;
  int64_t width = 0;
  const int8_t* panels = nullptr;  // [panel][depth / 4][columns of the panel][4]
  const float* scales = nullptr;   // of the weights, one a column
  const float* bias = nullptr;
  const float* zero_weights = nullptr;      // scale times the sum of a column's weights: what one zero point adds
  const float* multiplier = nullptr;        // of the input: smoothing, and 0 for outliers
  const uint32_t* outlier_words = nullptr;  // [panel][word][columns of the panel]
  int64_t outliers = 0;
  int64_t outlier_start = 0;
  float range_scale = 0;  // 0: each row has a range of its own
  float range_zero = 0;
};

struct PackedNorm {
  const float* weight = nullptr;  // null: rows are taken as they are
  const float* bias = nullptr;
  int64_t size = 0;
  int64_t width = 0;  // size, padded
  float epsilon = 0;
  Norm kind = Norm::layer;
};

// Rows in 8 bits: value = (byte - zero) * scale, shift = zero * scale.
struct QuantizedRows {
  uint8_t* bytes = nullptr;  // (rows, depth)
  float* scales = nullptr;
  float* shifts = nullptr;
  uint32_t* outliers = nullptr;  // (rows, outlier_stride)
  int64_t outlier_stride = 0;

  [[nodiscard]] QuantizedRows from(int64_t row, int64_t depth) const {
    return {bytes + row * depth, scales + row, shifts + row, outliers + row * outlier_stride, outlier_stride};
  }
};

// Queries, keys and values of all rows. The values of neighbouring tokens share a word where a word holds two.
struct AttentionWords {
  uint32_t* query = nullptr;  // (heads, tokens, head_size / values_per_word)
  uint32_t* key = nullptr;    // the same
  uint32_t* value = nullptr;  // (heads, tokens / values_per_word, head_size), or the last two the other way round
  int64_t tokens = 0;
  int64_t value_step = 0;         // from a word to that of the next tokens
  int64_t value_column_step = 0;  // from a word to that of the next column
};

// Cosine and sine by position, (tokens, head_size / 2); null: no rotation.
struct RotaryTable {
  const float* cosine = nullptr;
  const float* sine = nullptr;
};

// The rows that one text has; a token's position is its place in the text before padding was left out.
struct Sequence {
  int64_t start = 0;
  int64_t length = 0;
};

struct AttentionRules {
  int64_t head_size = 0;
  int64_t window = 0;           // 0: all keys
  const float* bias = nullptr;  // (heads, 2 * bias_reach + 1) by key minus query, or null; the ends hold for all beyond
  int64_t bias_reach = 0;
  const int32_t* positions = nullptr;  // one a row
};

class Kernels {
 public:
  // Of the instruction set, and of the layout of a packed copy.
  [[nodiscard]] virtual const char* name() const = 0;
  [[nodiscard]] virtual const char* packing() const = 0;
  [[nodiscard]] virtual TileShape shape() const = 0;
  [[nodiscard]] virtual size_t attention_scratch_bytes(int64_t head_size) const = 0;

  virtual void normalize_row(const float* row, const PackedNorm& norm, float* output) const = 0;
  // To row `index` of `output`.
  virtual void quantize_row(const float* row, const PackedProduct& product, const QuantizedRows& output,
                            int64_t index) const = 0;

  // The products. `rows` are whole tiles, counted from the first of `input` and of every output.
  virtual void project(const PackedProduct& product, const QuantizedRows& input, Range rows, Range panels,
                       const AttentionRules& rules, const RotaryTable& rotary, const AttentionWords& output) const = 0;
  virtual void add(const PackedProduct& product, const QuantizedRows& input, Range rows, Range panels,
                   const float* residual, float* output) const = 0;
  virtual void activate(const PackedProduct& product, const QuantizedRows& input, Range rows, Range panels,
                        Activation activation, float* output) const = 0;
  // Multiplies what is in `output`.
  virtual void multiply(const PackedProduct& product, const QuantizedRows& input, Range rows, Range panels,
                        float* output) const = 0;

  // The context of some queries of one text, counted from its first row. `context` is the row of the first query.
  virtual void attend(const AttentionWords& words, const AttentionRules& rules, Sequence sequence, Range queries,
                      Range heads, float* context, int64_t context_stride, std::byte* scratch) const = 0;

 protected:
  ~Kernels() = default;
};

}  // namespace edgebert
