// Kernels from the vectors of an instruction set.
#pragma once

#include "attention.h"
#include "kernels.h"
#include "matrix_attention.h"
#include "norm.h"
#include "products.h"
#include "quantize.h"
#include "tiles.h"
#include "vector_attention.h"

namespace edgebert {

template <class Isa>
class KernelsFor : public Kernels {
 public:
  [[nodiscard]] TileShape shape() const final {
    return {Isa::lanes, Isa::tile_rows, Isa::tile_vectors, Isa::values_per_word, HasMatrices<Isa>};
  }

  [[nodiscard]] size_t attention_scratch_bytes(int64_t head_size) const final {
    return AttentionScratch<Isa>::bytes(head_size);
  }

  void normalize_row(const float* row, const PackedNorm& norm, float* output) const final {
    edgebert::normalize_row<Isa>(row, norm, output);
  }

  void quantize_row(const float* row, const PackedProduct& product, const QuantizedRows& output,
                    int64_t index) const final {
    edgebert::quantize_row<Isa>(row, product, output, index);
  }

  void project(const PackedProduct& product, const QuantizedRows& input, Range rows, Range panels,
               const AttentionRules& rules, const RotaryTable& rotary, const AttentionWords& output) const final {
    for_tiles<Isa>(product, input, rows, panels, StoreAttention<Isa>{rules, rotary, output});
  }

  void add(const PackedProduct& product, const QuantizedRows& input, Range rows, Range panels, const float* residual,
           float* output) const final {
    for_tiles<Isa>(product, input, rows, panels, AddResidual<Isa>{residual, output, product.width});
  }

  void activate(const PackedProduct& product, const QuantizedRows& input, Range rows, Range panels,
                Activation activation, float* output) const final {
    const int64_t width = product.width;
    switch (activation) {
      case Activation::gelu:
        return for_tiles<Isa>(product, input, rows, panels, StoreActivated<Isa, gelu<Isa>>{output, width});
      case Activation::gelu_tanh:
        return for_tiles<Isa>(product, input, rows, panels, StoreActivated<Isa, gelu_tanh<Isa>>{output, width});
      case Activation::relu:
        return for_tiles<Isa>(product, input, rows, panels, StoreActivated<Isa, relu<Isa>>{output, width});
      case Activation::silu:
        return for_tiles<Isa>(product, input, rows, panels, StoreActivated<Isa, silu<Isa>>{output, width});
    }
  }

  void multiply(const PackedProduct& product, const QuantizedRows& input, Range rows, Range panels,
                float* output) const final {
    for_tiles<Isa>(product, input, rows, panels, MultiplyStored<Isa>{output, product.width});
  }

  void attend(const AttentionWords& words, const AttentionRules& rules, Sequence sequence, Range queries, Range heads,
              float* context, int64_t context_stride, std::byte* scratch) const final {
    [[maybe_unused]] const typename MatrixRegisters<Isa>::Type registers;
    const AttentionScratch<Isa> memory(scratch, rules.head_size);
    constexpr int64_t most = Isa::tile_vectors * Isa::lanes;
    for (int64_t first = queries.begin; first < queries.end; first += most) {
      const int64_t count = std::min(most, queries.end - first);
      for (int64_t head = heads.begin; head < heads.end; ++head) {
        const AttentionBlock block = block_of(words, rules, sequence, first, head);
        float* output = context + (first - queries.begin) * context_stride + head * rules.head_size;
        if (count <= Isa::lanes) {
          attend_block<1>(block, memory, count, output, context_stride);
        } else if (count <= 2 * Isa::lanes) {
          attend_block<2>(block, memory, count, output, context_stride);
        } else {
          attend_block<3>(block, memory, count, output, context_stride);
        }
      }
    }
  }

 private:
  template <int Vectors>
  [[gnu::always_inline]] static void attend_block(const AttentionBlock& block, const AttentionScratch<Isa>& memory,
                                                  int64_t queries, float* output, int64_t stride) {
    if constexpr (HasMatrices<Isa>) {
      if (MatrixAttention<Isa, Vectors>::can_run(block.head_size)) {
        return Attention<Isa, Vectors, MatrixAttention>(block, memory).run(queries, output, stride);
      }
    }
    Attention<Isa, Vectors, VectorAttention>(block, memory).run(queries, output, stride);
  }

  static AttentionBlock block_of(const AttentionWords& words, const AttentionRules& rules, Sequence sequence,
                                 int64_t query, int64_t head) {
    const int64_t words_of_row = rules.head_size / Isa::values_per_word;
    const int64_t row = head * words.tokens + sequence.start;
    const int64_t table = 2 * rules.bias_reach + 1;
    AttentionBlock block{};
    block.query = words.query + (row + query) * words_of_row;
    block.key = words.key + row * words_of_row;
    block.value = words.value + head * words.tokens / Isa::values_per_word * rules.head_size +
                  sequence.start / Isa::values_per_word * words.value_step;
    block.value_key_step = words.value_step;
    block.value_column_step = words.value_column_step;
    block.bias = rules.bias == nullptr ? nullptr : rules.bias + head * table + rules.bias_reach;
    block.bias_reach = rules.bias_reach;
    block.query_positions = rules.positions + sequence.start + query;
    block.key_positions = rules.positions + sequence.start;
    block.keys = sequence.length;
    block.window = rules.window;
    block.head_size = rules.head_size;
    return block;
  }
};

}  // namespace edgebert
